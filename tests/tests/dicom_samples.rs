//! DICOM objects whose words hold more than the samples that they state, and those that state an element twice.

use recist::image::CtFile;
use recist_tests::dicom::{
    BITS_STORED, HIGH_BIT, MODALITY, NUMBER_OF_FRAMES, PIXEL_PADDING_VALUE, PIXEL_REPRESENTATION,
    PIXEL_SPACING, ROWS, SHARED_FUNCTIONAL_GROUPS, element, number, object, refusal, refusal_of, sequence,
    with,
};

const OVERLAY_BIT_POSITION: &[u8] = b"\x00\x60\x02\x01";
const PIXEL_DATA: &[u8] = b"\xE0\x7F\x10\0";

/// What padding becomes.
const PADDING_HU: f32 = -1024.0;

/// The object with samples that begin with `words`, of which the others are 0.
fn with_words(stored: u16, signed: u16, words: &[u16]) -> Vec<u8> {
    let bytes: Vec<u8> =
        words.iter().chain(&[0; 192]).take(192).flat_map(|word| word.to_le_bytes()).collect();
    let mut object = object("no_spacing");
    for (tag, element) in [
        (BITS_STORED, number(BITS_STORED, stored)),
        (HIGH_BIT, number(HIGH_BIT, stored - 1)),
        (PIXEL_REPRESENTATION, number(PIXEL_REPRESENTATION, signed)),
        (PIXEL_DATA, element(PIXEL_DATA, "OW", &bytes)),
    ] {
        object = with(&object, tag, &element);
    }
    object
}

fn first_value(object: &[u8]) -> f32 {
    CtFile::decode(object, None).unwrap().samples()[0]
}

#[test]
fn bits_above_the_stored_ones_are_nothing_the_sign_or_a_declared_overlay() {
    // Of 0 there is none.
    let cases = [
        (12, 0, 0x0FFF, 0, Some(4095.0)),
        (12, 0, 0x1FFF, 0, None),
        (12, 0, 0xFFFF, 0, None),
        (12, 1, 0x0FFF, 0, Some(-1.0)),
        (12, 1, 0xFFFF, 0, Some(-1.0)),
        (12, 1, 0xF7FF, 0, None),
        (12, 1, 0x8FFF, 0, None),
        (16, 0, 0xFFFF, 0, Some(65535.0)),
        (16, 1, 0xFFFF, 0, Some(-1.0)),
        (12, 0, 0x1FFF, 12, Some(4095.0)),
        (12, 1, 0xEFFF, 12, Some(-1.0)),
        (12, 0, 0x2FFF, 12, None),
    ];
    for (stored, signed, word, overlay_bit, want) in cases {
        let overlay = number(OVERLAY_BIT_POSITION, overlay_bit);
        let object = with(&with_words(stored, signed, &[word]), OVERLAY_BIT_POSITION, &overlay);
        match want {
            Some(value) => assert_eq!(first_value(&object), value - 1024.0, "{word:04X} of {stored} bits"),
            None => assert_eq!(
                refusal(&object),
                format!(
                    "DICOM PixelData has the sample {word:04X} (hexadecimal), but BitsStored is {stored}"
                )
            ),
        }
    }
}

#[test]
fn padding_that_the_stored_bits_do_not_hold_is_only_the_whole_word() {
    // 63536 is -2000: in 12 bits without a sign what is left of it, 0830 (hexadecimal), is another sample.
    for (signed, word, want) in [
        (0, 0xF830, PADDING_HU),
        (0, 0x0830, 1072.0),
        (1, 0xF830, PADDING_HU),
        (1, 0x0830, PADDING_HU),
        (1, 0x0831, -3023.0),
    ] {
        for padding in [number(PIXEL_PADDING_VALUE, 63536), element(PIXEL_PADDING_VALUE, "UN", b"\x30\xF8")] {
            let object = with(&with_words(12, signed, &[word]), PIXEL_PADDING_VALUE, &padding);
            assert_eq!(first_value(&object), want, "{word:04X}, sign {signed}");
        }
    }
    let several = element(PIXEL_PADDING_VALUE, "US", &[0x30, 0xF8, 0, 0]);
    assert_eq!(
        refusal(&with(&with_words(12, 1, &[]), PIXEL_PADDING_VALUE, &several)),
        "DICOM PixelPaddingValue is -2000\\0, which is not supported"
    );
}

#[test]
fn an_element_that_is_there_twice_or_behind_a_higher_one_is_refused() {
    let (spacing, rows) = (element(PIXEL_SPACING, "DS", b"0.75\\0.75"), number(ROWS, 12));
    let modality = element(MODALITY, "CS", b"CT");
    let outside =
        |elements: &[&[u8]]| refusal(&with(&object("not_square"), PIXEL_SPACING, &elements.concat()));
    let damaged = |reason: &str| format!("DICOM file is damaged or cut short: {reason}");
    let at = |got: String| {
        let words: Vec<_> = got.split(' ').collect();
        match words.iter().position(|word| *word == "byte") {
            Some(byte) => [&words[..byte + 1], &["N"], &words[byte + 2..]].concat().join(" "),
            None => got,
        }
    };
    assert_eq!(outside(&[&spacing]), "none", "the control");
    assert_eq!(at(outside(&[&spacing, &spacing])), damaged("(0028,0030) at byte N is there twice"));
    assert_eq!(at(outside(&[&spacing, &rows])), damaged("(0028,0010) at byte N is behind (0028,0030)"));
    // In an item a group begins from the start.
    let within = |elements: &[&[u8]]| {
        let group = sequence(SHARED_FUNCTIONAL_GROUPS, &[&elements.concat()]);
        refusal(&with(&object("not_square"), SHARED_FUNCTIONAL_GROUPS, &group))
    };
    assert_eq!(within(&[&modality, &rows]), "none", "the control");
    assert_eq!(at(within(&[&modality, &modality])), damaged("(0008,0060) at byte N is there twice"));
    assert_eq!(at(within(&[&rows, &modality])), damaged("(0008,0060) at byte N is behind (0028,0010)"));
}

#[test]
fn words_of_16_bits_in_big_endian_bytes_are_refused() {
    let mut object = object("big_endian");
    assert_eq!(refusal(&object), "none", "the control");
    let at = object.windows(6).rposition(|w| w == b"\x7F\xE0\0\x10OW").unwrap();
    object[at + 5] = b'B';
    assert_eq!(
        refusal(&object),
        "DICOM file is damaged or cut short: PixelData has words of 16 bits, big endian, but its VR is not OW"
    );
}

#[test]
fn one_frame_needs_no_number_of_frames() {
    for (frames, want) in
        [("", "none"), ("1", "none"), ("0", "DICOM NumberOfFrames is 0, which is not supported")]
    {
        let stated = element(NUMBER_OF_FRAMES, "IS", frames.as_bytes());
        assert_eq!(refusal_of(&with(&object("no_spacing"), NUMBER_OF_FRAMES, &stated), None), want);
    }
}

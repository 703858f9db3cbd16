//! DICOM objects of JPEG pictures: those that would be decoded to other samples are refused.

use recist::image::CtFile;
use recist_tests::dicom::{
    BITS_STORED, HIGH_BIT, NUMBER_OF_FRAMES, PIXEL_REPRESENTATION, element, fragment, number, object,
    refusal, refusal_of, with, with_fragments,
};

fn replaced(name: &str, picture: &[u8]) -> Vec<u8> {
    with_fragments(&object(name), &[], &[picture])
}

/// Where the first segment with this marker starts, of a picture with no such bytes in its other segments.
fn segment_at(picture: &[u8], marker: u8) -> usize {
    picture.windows(2).position(|w| w == [0xFF, marker]).unwrap()
}

/// Where the picture's samples start, and where they end: before the end of the image.
fn samples_of(picture: &[u8]) -> (usize, usize) {
    let scan = segment_at(picture, 0xDA);
    let length = usize::from(u16::from_be_bytes([picture[scan + 2], picture[scan + 3]]));
    (scan + 2 + length, picture.windows(2).rposition(|w| w == [0xFF, 0xD9]).unwrap())
}

/// The picture with a restart interval.
fn with_restarts(picture: &[u8], interval: u16) -> Vec<u8> {
    let at = segment_at(picture, 0xDA);
    [&picture[..at], &[0xFF, 0xDD, 0, 4], &interval.to_be_bytes(), &picture[at..]].concat()
}

#[test]
fn a_lossless_picture_with_restarts_or_a_point_transform_is_refused() {
    let picture = fragment(&object("jpeg_lossless"));
    for (interval, want) in [
        (0, "none"),
        (16, "DICOM PixelData holds a JPEG picture whose restart interval is 16, which is not supported"),
    ] {
        assert_eq!(refusal(&replaced("jpeg_lossless", &with_restarts(&picture, interval))), want);
    }
    let (start, _) = samples_of(&picture);
    let changed = |at: usize, value: u8| {
        let mut picture = picture.clone();
        picture[at] = value;
        refusal(&replaced("jpeg_lossless", &picture))
    };
    // The last of a scan header is the point transform, the third last the predictor.
    for (at, value, want) in [
        (start - 1, 0, "none"),
        (
            start - 1,
            1,
            "DICOM PixelData holds a JPEG picture whose point transform is 1, which is not supported",
        ),
        (start - 3, picture[start - 3], "none"),
        (start - 3, 0, "DICOM PixelData holds a JPEG picture whose predictor is 0, which is not supported"),
        (
            segment_at(&picture, 0xC3) + 1,
            0xC2,
            "DICOM PixelData holds a JPEG picture whose frame marker is 194, which is not supported",
        ),
    ] {
        assert_eq!(changed(at, value), want, "{value} at {at}");
    }
}

/// A grey picture of 16 x 16 samples, with a restart after each of its four blocks, of which each is coded in a byte.
fn picture_with_restarts(blocks: [&[u8]; 4]) -> Vec<u8> {
    let quantization = [&[0xFF, 0xDB, 0, 67, 0][..], &[8; 64]].concat();
    let frame = [0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0];
    // Differences of 0 bits and of 4, as 0 and 10; of other values only the end of the block, as 0.
    let first = [&[0xFF, 0xC4, 0, 21, 0x00, 1, 1][..], &[0; 14], &[0, 4]].concat();
    let others = [&[0xFF, 0xC4, 0, 20, 0x10, 1][..], &[0; 15], &[0]].concat();
    let scan = [0xFF, 0xDD, 0, 4, 0, 1, 0xFF, 0xDA, 0, 8, 1, 1, 0x00, 0, 63, 0];
    let mut picture = [&[0xFF, 0xD8][..], &quantization, &frame, &first, &others, &scan].concat();
    for (restart, block) in (0xD0..).zip(blocks) {
        picture.extend(block);
        picture.extend([0xFF, restart]);
    }
    let end = picture.len() - 1;
    picture[end] = 0xD9;
    picture
}

#[test]
fn a_baseline_picture_with_restarts_is_read_and_refused_where_a_part_is_missing() {
    // A difference of 8 x 8 / 8 from 128, and of 0: 10 1000 0, 0 0.
    let (brighter, grey): (&[u8], &[u8]) = (&[0xA1], &[0x3F]);
    let blocks = [grey, brighter, grey, brighter];
    let whole = replaced("jpeg_baseline", &picture_with_restarts(blocks));
    let samples = CtFile::decode(&whole, None).unwrap().samples().to_vec();
    let want = [[128.0; 8], [136.0; 8]].concat().repeat(16);
    assert_eq!(samples, want.iter().map(|value: &f32| value - 1024.0).collect::<Vec<_>>());
    for (missing, row) in [(1, 1), (3, 9)] {
        let mut blocks = blocks;
        blocks[missing] = &[];
        assert_eq!(
            refusal(&replaced("jpeg_baseline", &picture_with_restarts(blocks))),
            format!(
                "DICOM file is damaged or cut short: the samples of a JPEG picture end in row {row} of 16"
            )
        );
    }
}

#[test]
fn a_picture_that_ends_before_its_last_sample_is_refused_however_little_is_missing() {
    for name in ["jpeg_lossless", "jpeg_baseline", "jpeg_extended"] {
        let picture = fragment(&object(name));
        let (start, end) = samples_of(&picture);
        let cut = |at: usize| replaced(name, &[&picture[..at], &picture[end..]].concat());
        for at in start..end {
            let got = refusal(&cut(at));
            let want = "DICOM file is damaged or cut short: the samples of a JPEG picture end in row ";
            assert!(got.starts_with(want), "{name} cut at {at}: {got}");
        }
        let samples = |object: &[u8]| CtFile::decode(object, None).unwrap().samples().to_vec();
        let longer = [&picture[..end], &[0x55; 16], &picture[end..]].concat();
        assert_eq!(samples(&replaced(name, &longer)), samples(&cut(end)), "the control: {name}");
    }
}

#[test]
fn a_picture_of_two_scans_or_without_an_end_is_refused() {
    let picture = fragment(&object("jpeg_lossless"));
    let (_, end) = samples_of(&picture);
    let scan = segment_at(&picture, 0xDA);
    let damaged = |reason| format!("DICOM file is damaged or cut short: a JPEG picture {reason}");
    for (changed, want) in [
        ([&picture[..end], &picture[scan..]].concat(), damaged("has more than one scan")),
        (picture[..end].to_vec(), damaged("has no end")),
        ([&picture[..scan], &picture[end..]].concat(), damaged("has no samples")),
        (picture.clone(), "none".to_owned()),
    ] {
        assert_eq!(refusal(&replaced("jpeg_lossless", &changed)), want);
    }
}

#[test]
fn signed_samples_have_as_many_bits_in_the_picture_as_are_stored() {
    // The picture has 12 bits.
    let with_bits = |stored: u16, signed: u16| {
        let changed = with(&object("jpeg_lossless"), BITS_STORED, &number(BITS_STORED, stored));
        let changed = with(&changed, HIGH_BIT, &number(HIGH_BIT, stored - 1));
        refusal(&with(&changed, PIXEL_REPRESENTATION, &number(PIXEL_REPRESENTATION, signed)))
    };
    let refused = "DICOM PixelData holds a picture of 12 bits, but samples have a sign and BitsStored is 16";
    for (stored, signed, want) in [(12, 0, "none"), (16, 0, "none"), (12, 1, "none"), (16, 1, refused)] {
        assert_eq!(with_bits(stored, signed), want, "{stored} bits, sign {signed}");
    }
    let got = with_bits(10, 0);
    assert!(got.starts_with("DICOM PixelData has the sample ") && got.ends_with("BitsStored is 10"), "{got}");
}

#[test]
fn a_table_of_offsets_names_the_fragments_in_which_the_pictures_start() {
    let picture = fragment(&object("jpeg_lossless"));
    let (half, rest) = picture.split_at(picture.len() / 4 * 2);
    let two = with(&object("jpeg_lossless"), NUMBER_OF_FRAMES, &element(NUMBER_OF_FRAMES, "IS", b"2"));
    let [first, second] = [half.len() + 8, picture.len() + 16].map(|offset| u32::try_from(offset).unwrap());
    for (offsets, right) in [
        (&[0, second][..], true),
        (&[0, first], false),
        (&[0, 0], false),
        (&[second, 0], false),
        (&[0], false),
        (&[0, second, second], false),
        (&[2, second], false),
    ] {
        let object = with_fragments(&two, offsets, &[half, rest, half, rest]);
        let want = if right {
            "none".to_owned()
        } else {
            format!(
                "DICOM file is damaged or cut short: its Basic Offset Table is {offsets:?}, \
                 but its pictures start at [0, {second}]"
            )
        };
        for frame in [1, 2] {
            assert_eq!(refusal_of(&object, Some(frame)), want);
        }
    }
    assert_eq!(refusal(&with_fragments(&object("jpeg_lossless"), &[], &[half, rest])), "none", "the control");
    let rle = object("rle");
    for (offset, want) in [
        (0, "none"),
        (
            2,
            "DICOM file is damaged or cut short: its Basic Offset Table is [2], but its pictures start at [0]",
        ),
    ] {
        assert_eq!(refusal(&with_fragments(&rle, &[offset], &[&fragment(&rle)])), want);
    }
}

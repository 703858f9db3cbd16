//! DICOM objects that contradict themselves: their attributes the pixel data, their size the bytes that there are.

use recist::image::CtFile;
use recist_tests::dicom::{
    BITS_ALLOCATED, BITS_STORED, COLUMNS, HIGH_BIT, NUMBER_OF_FRAMES, PIXEL_SPACING, RESCALE_INTERCEPT,
    RESCALE_SLOPE, ROWS, element, number, object, refusal, with,
};

#[test]
fn rows_and_columns_that_contradict_the_pixel_data_are_refused() {
    // The objects have 12 rows and 16 columns, those of lossy JPEG 16 and 16.
    let cases = [
        ("no_spacing", 12, 16, "none"),
        ("no_spacing", 11, 16, "DICOM PixelData has 384 bytes, but Rows x Columns of all frames have 352"),
        ("no_spacing", 12, 15, "DICOM PixelData has 384 bytes, but Rows x Columns of all frames have 360"),
        ("no_spacing", 13, 16, "DICOM PixelData is cut short: 384 of 416 bytes"),
        ("rle", 12, 16, "none"),
        ("rle", 8, 16, "DICOM PixelData has 192 bytes, but Rows x Columns of all frames have 128"),
        ("rle", 12, 15, "DICOM PixelData has 192 bytes, but Rows x Columns of all frames have 180"),
        ("rle", 16, 16, "DICOM PixelData is cut short: 192 of 256 bytes"),
        ("jpeg_lossless", 12, 16, "none"),
        (
            "jpeg_lossless",
            16,
            12,
            "DICOM PixelData holds a picture of 16 columns and 12 rows, but Columns is 12 and Rows is 16",
        ),
        ("jpeg_baseline", 16, 16, "none"),
        (
            "jpeg_baseline",
            8,
            32,
            "DICOM PixelData holds a picture of 16 columns and 16 rows, but Columns is 32 and Rows is 8",
        ),
        (
            "jpeg_baseline",
            8,
            8,
            "DICOM PixelData holds a picture of 16 columns and 16 rows, but Columns is 8 and Rows is 8",
        ),
        (
            "jpeg_extended",
            32,
            32,
            "DICOM PixelData holds a picture of 16 columns and 16 rows, but Columns is 32 and Rows is 32",
        ),
    ];
    for (name, rows, columns, want) in cases {
        let changed = with(&object(name), ROWS, &number(ROWS, rows));
        let changed = with(&changed, COLUMNS, &number(COLUMNS, columns));
        assert_eq!(refusal(&changed), want, "{name}: {rows} rows, {columns} columns");
    }
}

#[test]
fn an_odd_number_of_bytes_may_have_one_more_as_padding() {
    // The object has 192 bytes: 191 and a padded one, or 190 and two too many.
    let cases = [
        (12, 16, "none"),
        (1, 191, "none"),
        (10, 19, "DICOM PixelData has 192 bytes, but Rows x Columns of all frames have 190"),
    ];
    for (rows, columns, want) in cases {
        let changed = with(&object("eight_bits"), ROWS, &number(ROWS, rows));
        assert_eq!(refusal(&with(&changed, COLUMNS, &number(COLUMNS, columns))), want, "{rows} x {columns}");
    }
}

#[test]
fn pixel_data_hold_as_many_pictures_as_there_are_frames() {
    let frames = |text: &str| element(NUMBER_OF_FRAMES, "IS", text.as_bytes());
    let two = object("two_frames");
    let decode = |frames: &[u8]| CtFile::decode(&with(&two, NUMBER_OF_FRAMES, frames), Some(1));
    assert!(decode(&frames("2 ")).is_ok(), "the control");
    assert_eq!(
        decode(&frames("1 ")).unwrap_err().to_string(),
        "DICOM PixelData has 768 bytes, but Rows x Columns of all frames have 384"
    );
    assert_eq!(
        decode(&frames("3 ")).unwrap_err().to_string(),
        "DICOM PixelData is cut short: 768 of 1152 bytes"
    );
    let (rows, lossy_rows) = (number(ROWS, 12), number(ROWS, 16));
    for (name, rows) in [("rle", &rows), ("jpeg_lossless", &rows), ("jpeg_baseline", &lossy_rows)] {
        for (frames, want) in
            [(frames("1 "), None), (frames("2 "), Some("DICOM NumberOfFrames is 2, but PixelData holds 1"))]
        {
            let changed = with(&object(name), ROWS, &[&frames, &rows[..]].concat());
            let got = CtFile::decode(&changed, Some(1)).err().map(|e| e.to_string());
            assert_eq!(got.as_deref(), want, "{name}");
        }
    }
}

#[test]
fn a_compressed_picture_fills_the_samples_that_are_allocated() {
    let sixteen = |name: &str| {
        let changed = with(&object(name), BITS_ALLOCATED, &number(BITS_ALLOCATED, 16));
        refusal(&changed)
    };
    assert_eq!(
        sixteen("jpeg_baseline"),
        "DICOM PixelData holds a picture of 8 bits x 1, but BitsAllocated is 16"
    );
    assert_eq!(sixteen("jpeg_lossless"), "none", "the control");
    let eight = with(&object("rle"), BITS_ALLOCATED, &number(BITS_ALLOCATED, 8));
    assert_eq!(
        refusal(&eight),
        "DICOM file is damaged or cut short: its RLE segments are not one for each byte of a sample"
    );
}

#[test]
fn a_high_bit_that_is_not_the_highest_stored_one_is_refused() {
    let cases =
        [(15, "none"), (14, "DICOM HighBit is 14, which"), (u16::MAX, "DICOM HighBit is 65535, which")];
    for (bit, want) in cases {
        let got = refusal(&with(&object("no_spacing"), HIGH_BIT, &number(HIGH_BIT, bit)));
        assert!(got.starts_with(want), "{got}");
    }
    let none_stored = with(&object("no_spacing"), BITS_STORED, &number(BITS_STORED, 0));
    assert_eq!(refusal(&none_stored), "DICOM BitsStored is 0, which is not supported");
}

#[test]
fn a_text_that_is_not_the_numbers_that_it_should_be_is_named() {
    let cases = [
        (PIXEL_SPACING, "1.5\\0.75", "none"),
        (PIXEL_SPACING, "0,75\\0,75 ", "DICOM PixelSpacing is 0,75\\0,75, which is not supported"),
        (PIXEL_SPACING, "abc ", "DICOM PixelSpacing is abc, which is not supported"),
        (PIXEL_SPACING, "\\0.75 ", "DICOM PixelSpacing is \\0.75, which is not supported"),
        (PIXEL_SPACING, "0.75", "DICOM PixelSpacing is 0.75, which is not supported"),
        (PIXEL_SPACING, "1\\1\\1 ", "DICOM PixelSpacing is 1\\1\\1, which is not supported"),
        (PIXEL_SPACING, "nan\\1 ", "DICOM PixelSpacing is nan\\1, which is not supported"),
        (RESCALE_SLOPE, "2 ", "none"),
        (RESCALE_SLOPE, "1,5 ", "DICOM RescaleSlope is 1,5, which is not supported"),
        (RESCALE_SLOPE, "1\\2 ", "DICOM RescaleSlope is 1\\2, which is not supported"),
        (RESCALE_SLOPE, "inf ", "DICOM RescaleSlope is inf, which is not supported"),
    ];
    for (tag, text, want) in cases {
        let changed = with(&object("not_square"), tag, &element(tag, "DS", text.as_bytes()));
        assert_eq!(refusal(&changed), want, "{text}");
    }
}

#[test]
fn samples_of_which_nothing_tells_the_hounsfield_units_are_refused() {
    for (tag, name) in [(RESCALE_SLOPE, "RescaleSlope"), (RESCALE_INTERCEPT, "RescaleIntercept")] {
        let want = format!("DICOM {name} is missing");
        assert_eq!(refusal(&with(&object("not_square"), tag, b"")), want);
        assert_eq!(refusal(&with(&object("not_square"), tag, &element(tag, "DS", b""))), want, "empty");
    }
}

#[test]
fn a_deflated_data_set_that_grows_without_end_is_refused() {
    // A block of fixed codes (RFC 1951, 3.2.6): one byte 0, then runs of 258 bytes as the one before, 13 bits each; the
    // code of the block's end is seven bits 0.
    let refusal = |runs| {
        let mut bits = vec![1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0].repeat(runs));
        bits.resize((bits.len() + 7).next_multiple_of(8), 0);
        let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
        let stream: Vec<u8> = bits.chunks(8).map(byte).collect();
        let file = object("deflated");
        let data_set_at = 144 + usize::from(file[140]);
        refusal(&[&file[..data_set_at], &stream].concat())
    };
    let want = "DICOM file is damaged or cut short: its deflated data set is longer than 536870912 bytes";
    assert_eq!(refusal((513 << 20) / 258), want);
    // Elements of no bytes: 12 bytes 0 each.
    let want = "DICOM file is damaged or cut short: (0000,0000) at byte 12 is there twice";
    assert_eq!(refusal(12 * 10), want, "the control");
}

//! CT slices from files, against what pydicom and Pillow made of them (tests/python/make_*.py).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use recist::geometry::PixelSpacing;
use recist::image::{CtFile, write_grey16};
use recist_tests::folder::Folder;
use recist_tests::{golden, real_data};
use sha2::{Digest, Sha256};

/// One frame of a golden text file.
struct Frame {
    number: Option<u32>,
    size: [usize; 2],
    spacing: Option<PixelSpacing>,
    hu: Vec<f32>,
}

fn frames(path: &Path) -> Vec<Frame> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let mut frames = vec![];
    while let Some(head) = lines.next() {
        let head: Vec<_> = head.split(' ').collect();
        let size = [head[1].parse().unwrap(), head[2].parse().unwrap()];
        let spacing = (head[3] != "none")
            .then(|| PixelSpacing::new(head[3].parse().unwrap(), head[4].parse().unwrap()).unwrap());
        let rows = lines.by_ref().take(size[1]).flat_map(|row| row.split(' '));
        let hu = rows.map(|v| v.parse().unwrap()).collect();
        frames.push(Frame { number: head[0].parse().ok().filter(|n| *n > 0), size, spacing, hu });
    }
    frames
}

fn goldens() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(golden("dicom")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    files.sort();
    files
}

#[test]
fn hounsfield_units_are_pydicoms() {
    let files = goldens();
    assert!(files.len() >= 17, "{files:?}");
    for file in files {
        for want in frames(&file) {
            let got = CtFile::read(&file.with_extension("dcm"), want.number);
            let got = got.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
            let slice = got.slice();
            assert_eq!([slice.width(), slice.height()], want.size, "{}", file.display());
            assert_eq!(slice.spacing(), want.spacing, "{}", file.display());
            // Decoders may round the cosine transform of a lossy JPEG differently by one stored value.
            let lossy = ["jpeg_baseline", "jpeg_extended"].iter().any(|n| file.ends_with(format!("{n}.txt")));
            let worst = got.samples().iter().zip(&want.hu).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(got.samples().len(), want.hu.len());
            assert!(worst <= f32::from(lossy), "{}: {worst} HU off", file.display());
        }
    }
}

#[test]
fn a_changed_sample_is_noticed() {
    let file = golden("dicom/implicit.dcm");
    let want = &frames(&file.with_extension("txt"))[0];
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    assert_ne!(CtFile::decode(&bytes, None).unwrap().samples(), want.hu);
}

#[test]
fn hounsfield_units_of_scanner_files_are_pydicoms() {
    let Some(data) = real_data() else { return };
    for line in fs::read_to_string(golden("dicom_real.txt")).unwrap().lines() {
        let [name, width, height, row_mm, column_mm, want] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let file = CtFile::read(&data.join("dicom").join(name), None).unwrap();
        let slice = file.slice();
        assert_eq!([slice.width().to_string(), slice.height().to_string()], [width, height]);
        let spacing = PixelSpacing::new(row_mm.parse().unwrap(), column_mm.parse().unwrap()).unwrap();
        assert_eq!(slice.spacing(), Some(spacing));
        let bytes: Vec<u8> = file.samples().iter().flat_map(|v| v.to_le_bytes()).collect();
        let digest = Sha256::digest(&bytes).iter().fold(String::new(), |mut hex, b| {
            write!(hex, "{b:02x}").unwrap();
            hex
        });
        assert_eq!(digest, want, "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let cases = [
        (
            "dicom/jpeg_2000.dcm",
            None,
            "DICOM transfer syntax 1.2.840.10008.1.2.4.90 (JPEG 2000 Lossless) is not supported",
        ),
        (
            "dicom/jpeg_extended_12_bits.dcm",
            None,
            "DICOM transfer syntax 1.2.840.10008.1.2.4.51 (JPEG Extended) with 12 bits is not supported",
        ),
        (
            "dicom/colour.dcm",
            None,
            "DICOM photometric interpretation RGB is not supported: only grey is a CT slice",
        ),
        ("dicom/magnetic_resonance.dcm", None, "DICOM modality is MR, not CT"),
        (
            "dicom/localizer.dcm",
            None,
            "DICOM ImageType is ORIGINAL\\PRIMARY\\LOCALIZER: what is marked LOCALIZER is not a CT slice",
        ),
        (
            "dicom/zero_spacing.dcm",
            None,
            "DICOM PixelSpacing: pixel spacing must be from 0.01 to 10 mm, one at most 4 times the other: 0 mm rows, 0.75 mm columns",
        ),
        ("dicom/short_pixel_data.dcm", None, "DICOM PixelData is cut short: 192 of 384"),
        ("dicom/truncated.dcm", None, "DICOM file is damaged or cut short: "),
        ("dicom/two_frames.dcm", None, "the DICOM object has 2 frames, and none is chosen"),
        ("dicom/two_frames.dcm", Some(3), "frame 3 does not exist: the DICOM object has 2"),
        ("dicom/two_frames.dcm", Some(0), "frame 0 does not exist: the DICOM object has 2"),
        ("png/colour.png", None, "PNG is 8-bit colour: only 8-bit and 16-bit grey are CT slices"),
        ("png/transparent.png", None, "PNG is 8-bit colour with transparency"),
        ("png/grey_transparent.png", None, "PNG is 8-bit grey with transparency"),
        ("png/grey1.png", None, "PNG is 1-bit grey"),
        ("png/palette.png", None, "PNG is 8-bit palette"),
        ("png/cut_short.png", None, "PNG: "),
        ("png/grey8.png", Some(1), "frame 1 was asked for, but a PNG file has no frames"),
        ("png", None, "is a folder, not a file"),
        ("dicom_real.txt", None, "is neither DICOM Part 10 nor PNG"),
        ("no_such_file.dcm", None, "cannot be read: No such file or directory"),
    ];
    for (name, frame, message) in cases {
        let error = CtFile::read(&golden(name), frame).unwrap_err().to_string();
        assert!(error.starts_with(message), "{name}: {error}");
    }
    assert_eq!(CtFile::decode(&[], None).unwrap_err().to_string(), "is empty");
}

#[test]
fn png_grey_values_are_pillows() {
    let eight = CtFile::read(&golden("png/grey8.png"), None).unwrap();
    let want: Vec<f32> = (0..20_u8).map(|i| f32::from(i) * 12.0).collect();
    assert_eq!(eight.samples(), want);
    let sixteen = CtFile::read(&golden("png/grey16.png"), None).unwrap();
    assert!(eight.slice().is_picture() && !sixteen.slice().is_picture(), "8 bits are a window's");
    let want: Vec<f32> = (0..20_u8).map(|i| f32::from(i) * 100.0 - 1000.0).collect();
    assert_eq!(sixteen.samples(), want);
    assert_eq!((eight.slice().spacing(), sixteen.slice().spacing()), (None, None));
}

/// The picture with a chunk of two zero bytes before its samples.
fn with_chunk(picture: &[u8], name: &[u8; 4], checksum: u32) -> Vec<u8> {
    let samples = picture.windows(4).position(|w| w == b"IDAT").unwrap() - 4;
    let chunk = [&2_u32.to_be_bytes(), &name[..], &[0; 2], &checksum.to_be_bytes()].concat();
    [&picture[..samples], &chunk, &picture[samples..]].concat()
}

#[test]
fn grey_of_which_a_value_is_transparent_is_refused_and_never_cut_to_8_bits() {
    for (name, depth) in [("grey8", 8), ("grey16", 16)] {
        let picture = fs::read(golden(&format!("png/{name}.png"))).unwrap();
        let transparent = with_chunk(&picture, b"tRNS", 0x7693_CD38);
        assert_eq!(
            CtFile::decode(&transparent, None).unwrap_err().to_string(),
            format!("PNG is {depth}-bit grey with transparency: only 8-bit and 16-bit grey are CT slices")
        );
        let on_black = with_chunk(&picture, b"bKGD", 0xAA8D_2332);
        let want = CtFile::decode(&picture, None).unwrap();
        assert_eq!(CtFile::decode(&on_black, None).unwrap().samples(), want.samples(), "the control");
    }
}

#[test]
fn a_small_png_that_claims_more_than_any_scanner_makes_is_refused_before_it_is_decoded() {
    let folder = Folder::new("claims");
    let path = folder.0.join("slice.png");
    for (size, want) in [
        ([8192, 1], None),
        ([8193, 1], Some("PNG is of 8193 x 1 px: no CT slice has more than 8192 rows or columns")),
        ([1, 8193], Some("PNG is of 1 x 8193 px: no CT slice has more than 8192 rows or columns")),
    ] {
        write_grey16(&path, size, &vec![0; (size[0] * size[1]) as usize]).unwrap();
        let refused = CtFile::read(&path, None).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), want, "{size:?}");
    }
}

#[test]
fn sixteen_bits_in_another_coding_than_deeplesions_are_refused_by_their_values() {
    let hu = |x: i32| if x < 40 { -1000 + x } else { x };
    type Coding = (&'static str, fn(i32) -> i32, Option<&'static str>);
    let codings: [Coding; 6] = [
        ("DeepLesion's", |hu| hu, None),
        ("padded with the lowest number", |hu| if hu < -990 { -32768 } else { hu }, None),
        (
            "signed samples",
            |hu| (hu & 0xFFFF) - 32768,
            Some("PNG is 16-bit grey, and 100 % of it lies beyond -4096 to 20000 HU"),
        ),
        ("stored values without their intercept", |hu| hu + 1024 - 32768, Some("100 % of it lies beyond")),
        ("grey values", |hu| (hu + 1000) * 50 - 32768, Some("a 16-bit PNG holds Hounsfield units + 32768")),
        ("metal in one of 200 samples", |hu| if hu == 40 { 30_000 } else { hu }, None),
    ];
    let folder = Folder::new("coding");
    let path = folder.0.join("slice.png");
    for (name, coding, want) in codings {
        let samples: Vec<i16> = (0..200 * 2).map(|at| i16::try_from(coding(hu(at % 200))).unwrap()).collect();
        write_grey16(&path, [200, 2], &samples).unwrap();
        let error = CtFile::read(&path, None).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), want.is_some(), "{name}: {error:?}");
        assert!(error.is_none_or(|error| error.contains(want.unwrap())), "{name}");
    }
}

#[test]
fn one_sample_in_a_hundred_may_lie_beyond_the_hounsfield_scale_and_any_number_may_be_padding() {
    let folder = Folder::new("beyond");
    let path = folder.0.join("slice.png");
    for (count, value, lowest, is_read) in [
        (4, 20_001, -1000, true),
        (5, 20_001, -1000, false),
        (5, 20_000, -1000, true),
        (4, -4097, -5000, true),
        (5, -4097, -5000, false),
        (5, -4096, -5000, true),
        (300, -32_768, -32_768, true),
    ] {
        let mut samples = [40_i16; 400];
        samples[0] = lowest;
        samples[1..=count].fill(value);
        write_grey16(&path, [200, 2], &samples).unwrap();
        assert_eq!(CtFile::read(&path, None).is_ok(), is_read, "{count} of {value}, lowest {lowest}");
    }
}

#[test]
fn damaged_files_end_in_an_error_or_a_slice() {
    let mut state = 5_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let (mut errors, mut slices) = (0, 0);
    for file in goldens().iter().map(|f| f.with_extension("dcm")).chain([golden("png/grey16.png")]) {
        let whole = fs::read(&file).unwrap();
        for _ in 0..50 {
            let mut bytes = whole.clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random(5)];
            }
            bytes.truncate(bytes.len() - random(3) * random(40));
            match CtFile::decode(&bytes, [None, Some(1)][random(2)]) {
                Err(_) => errors += 1,
                Ok(file) => {
                    slices += 1;
                    assert_eq!(file.samples().len(), file.slice().width() * file.slice().height());
                }
            }
        }
    }
    assert!(errors > 100 && slices > 100, "{errors} errors, {slices} slices");
}

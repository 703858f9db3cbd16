//! A DICOM file of a kilobyte takes no gigabytes, whatever its lengths state.

use std::fs;
use std::hint::black_box;

use recist::image::CtFile;
use recist_tests::golden;

/// Far more than the objects here need, far less than what they state.
const ENOUGH: usize = 64 << 20;

fn object(name: &str) -> Vec<u8> {
    fs::read(golden(&format!("dicom/{name}.dcm"))).unwrap()
}

/// The most memory that this process has had, as Linux says it.
fn peak_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

/// Where the data set starts: behind the preamble and the file meta information.
fn data_set_at(object: &[u8]) -> usize {
    144 + usize::try_from(u32::from_le_bytes(object[140..144].try_into().unwrap())).unwrap()
}

fn with(object: &[u8], at: usize, elements: &[u8]) -> Vec<u8> {
    [&object[..at], elements, &object[at..]].concat()
}

/// The object with `elements` between its groups 0008 and 0028.
fn between(name: &str, elements: &[u8]) -> Vec<u8> {
    let object = object(name);
    // SamplesPerPixel, of which the other order stands for big endian.
    let is_next = |w: &[u8]| w == b"\x28\0\x02\0" || w == b"\0\x28\0\x02";
    let at = object.windows(4).position(is_next).unwrap();
    with(&object, at, elements)
}

/// The object with `elements` between its groups 0008 and 0028, and its data set deflated in one stored block.
fn deflated(elements: &[u8]) -> Vec<u8> {
    let plain = between("no_spacing", elements);
    let data_set = &plain[data_set_at(&plain)..];
    let meta = object("deflated");
    let length = u16::try_from(data_set.len()).unwrap();
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()];
    [&meta[..data_set_at(&meta)], &[1], lengths.as_flattened(), data_set].concat()
}

/// The object with one more element at the end of its file meta information.
fn meta(element: &[u8]) -> Vec<u8> {
    let object = object("no_spacing");
    let mut object = with(&object, data_set_at(&object), element);
    object[140] += u8::try_from(element.len()).unwrap();
    object
}

/// The object whose last fragment of pixel data states almost 4 gigabytes.
fn fragment(name: &str) -> Vec<u8> {
    let mut object = object(name);
    let at = object.windows(4).rposition(|w| w == b"\xFE\xFF\x00\xE0").unwrap();
    object[at + 4..at + 8].fill(0xF0);
    object
}

#[test]
fn a_length_beyond_the_end_of_the_file_is_refused_before_it_is_allocated() {
    let before = peak_bytes();
    let nested = b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF\x09\0\x10\0OB\0\0\xF0\xF0\xF0\xF0";
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("explicit", between("no_spacing", b"\x09\0\x10\0OB\0\0\xF0\xF0\xF0\xF0"), "(0009,0010)"),
        ("implicit", between("implicit", b"\x09\0\x10\0\xF0\xF0\xF0\xF0"), "(0009,0010)"),
        ("big endian", between("big_endian", b"\0\x09\0\x10OB\0\0\xF0\xF0\xF0\xF0"), "(0009,0010)"),
        ("deflated", deflated(b"\x09\0\x10\0OB\0\0\xF0\xF0\xF0\xF0"), "(0009,0010)"),
        ("in a sequence", between("no_spacing", nested), "(0009,0010)"),
        ("a sequence", between("no_spacing", b"\x08\0\x40\x11SQ\0\0\xF0\xF0\xF0\xF0"), "(0008,1140)"),
        ("meta information", meta(b"\x02\0\x02\x01OB\0\0\xF0\xF0\xF0\xF0"), "(0002,0102)"),
        ("RLE", fragment("rle"), "(FFFE,E000)"),
        ("JPEG", fragment("jpeg_lossless"), "(FFFE,E000)"),
        // Two bytes of a number of four: the parser would take the other two for the next element.
        (
            "half a word",
            between("no_spacing", b"\x09\0\x10\0UL\x02\0AA\x09\0\x11\0OB\x04\0AAAAAAAA"),
            "(0009,0010)",
        ),
    ];
    for (name, bytes, element) in cases {
        let error = CtFile::decode(&bytes, None).unwrap_err().to_string();
        let want = ["states 4042322160 bytes, ", "is out of place"];
        assert!(error.starts_with("DICOM file is damaged or cut short: "), "{name}: {error}");
        assert!(error.contains(element) && want.iter().any(|w| error.contains(w)), "{name}: {error}");
        assert!(peak_bytes() < before + ENOUGH, "{name}: {} bytes", peak_bytes());
    }
    let empty = [
        between("no_spacing", b"\x09\0\x10\0OB\0\0\0\0\0\0"),
        deflated(b""),
        meta(b"\x02\0\x02\x01OB\0\0\0\0\0\0"),
    ];
    for bytes in empty {
        CtFile::decode(&bytes, None).expect("the control");
    }
    black_box(vec![1_u8; 2 * ENOUGH]);
    assert!(peak_bytes() >= before + ENOUGH, "the control: what is allocated is noticed");
}

#[test]
fn sequences_that_nest_without_end_are_refused() {
    let nested = |depth| {
        let start = b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF".repeat(depth);
        let end = b"\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0".repeat(depth);
        CtFile::decode(&between("no_spacing", &[start, end].concat()), None)
    };
    assert!(nested(32).is_ok(), "the control");
    let error = nested(100_000).unwrap_err().to_string();
    assert_eq!(error, "DICOM file is damaged or cut short: sequences nest deeper than 32");
}

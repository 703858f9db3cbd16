//! Every status that a bundle can have, through the C interface: one changed bundle, one exact status.

#![allow(unsafe_code, reason = "calls the C interface")]

use std::ptr::null_mut;

use recist::bundle::{AlignedBytes, Bundle, Parts, write};
use recist::engine::Kernel;
use recist::ffi::*;
use recist_tests::c_package::repository;
use recist_tests::{seal, toy};

/// Where a header has the offset of the manifest, of both plans and of the test vectors.
const SECTIONS_AT: [usize; 4] = [16, 24, 32, 40];

/// Where a test vector has its spacing, its box and what is expected, numbers of eight bytes.
const SPACING_AT: usize = 8;
const BOX_AT: usize = 24;
const EXPECTED_AT: usize = 56;

/// Numbers that are expected of a test vector.
const EXPECTED: usize = 9;

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()).try_into().unwrap()
}

/// The bundle with one change, its checksums made again.
fn sealed(whole: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    change(&mut bytes);
    seal::bundle(&mut bytes);
    bytes
}

/// The bundle with a flipped bit and the checksums that it had.
fn damaged(whole: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[at] ^= 1;
    bytes
}

/// What recist_memory_required and recist_open say of a bundle, and recist_self_test on each kernel that runs here
/// where it opens. On failure nothing is written.
fn statuses(bytes: &[u8]) -> (i32, Vec<i32>) {
    let aligned = AlignedBytes::copy_of(bytes);
    let bundle = aligned.as_slice();
    const UNTOUCHED: usize = 0x5A5A;
    let (mut block, mut alignment) = (UNTOUCHED, UNTOUCHED);
    // SAFETY: the bundle and both outputs are valid.
    let required =
        unsafe { recist_memory_required(bundle.as_ptr().cast(), bundle.len(), &mut block, &mut alignment) };
    let is_ok = required == Status::Ok as i32;
    assert_eq!((block, alignment) == (UNTOUCHED, UNTOUCHED), !is_ok);
    let mut memory = vec![0_u8; 4 << 20];
    let start = memory.as_ptr().align_offset(64);
    let room = if is_ok { block } else { memory.len() - 64 };
    let mut model = null_mut();
    // SAFETY: the bundle and the block are valid and outlive the model.
    let opened = unsafe {
        let memory = memory[start..start + room].as_mut_ptr();
        recist_open(bundle.as_ptr().cast(), bundle.len(), memory.cast(), room, &mut model)
    };
    assert_eq!(opened, required, "both look at the bundle alike");
    assert_eq!(model.is_null(), !is_ok);
    let mut tests = Vec::new();
    if is_ok {
        let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.runs_here()).map(|kernel| kernel as i32);
        // SAFETY: the model is open.
        tests = kernels.chain([0]).map(|kernel| unsafe { recist_self_test(model, kernel) }).collect();
        tests.dedup();
        // SAFETY: as above.
        unsafe { recist_close(model) };
    }
    (opened, tests)
}

#[test]
fn each_bundle_that_cannot_be_opened_has_its_status() {
    let whole = toy::bundle();
    let [manifest, localization, hourglass, vectors] = SECTIONS_AT.map(|at| word(&whole, at));
    let text = String::from_utf8_lossy(&whole[manifest..localization]).into_owned();
    let line = |words: &str| manifest + text.find(words).unwrap();
    let name = line("name: ");
    let heatmaps = line("heatmap_size: 32") + "heatmap_size: ".len();
    let confidence = line("low_confidence: 0.62") + "low_confidence: ".len();
    let opened = AlignedBytes::copy_of(&whole);
    let opened = Bundle::open(opened.as_slice()).unwrap();
    let description: Vec<(&str, &str)> = opened.manifest().entries().collect();
    let exchanged = Parts {
        manifest: &description,
        localization: opened.hourglass(),
        hourglass: opened.localization(),
        test_vectors: &[],
    };
    let length = u32::try_from(whole.len() - vectors).unwrap();
    let cases = [
        ("no bytes", vec![], Status::NotABundle),
        ("another file", b"\x89PNG\r\n\x1a\n".repeat(20), Status::NotABundle),
        ("a letter of the magic", sealed(&whole, |b| b[0] = b'r'), Status::NotABundle),
        ("less than a header", whole[..40].to_vec(), Status::NotABundle),
        ("a byte too few", whole[..whole.len() - 1].to_vec(), Status::NotABundle),
        ("a byte too many", [&whole[..], &[0]].concat(), Status::NotABundle),
        ("version 0", sealed(&whole, |b| b[8] = 0), Status::BundleVersion),
        ("version 2", sealed(&whole, |b| b[8] = 2), Status::BundleVersion),
        ("version 2 of another length", sealed(&whole, |b| b[8..13].fill(2)), Status::BundleVersion),
        ("damage in the header", damaged(&whole, SECTIONS_AT[0]), Status::BundleDamaged),
        ("damage in the manifest", damaged(&whole, name), Status::BundleDamaged),
        ("damage in the localization plan", damaged(&whole, localization + 100), Status::BundleDamaged),
        ("damage in the hourglass plan", damaged(&whole, hourglass + 100), Status::BundleDamaged),
        ("damage in a test vector", damaged(&whole, vectors + EXPECTED_AT), Status::BundleDamaged),
        ("damage in the checksum", damaged(&whole, whole.len() - 1), Status::BundleDamaged),
        ("a section out of place", sealed(&whole, |b| b[SECTIONS_AT[0]] += 1), Status::BundleForeign),
        (
            "a section beyond the end",
            sealed(&whole, |b| b[SECTIONS_AT[3] + 4..][..4].copy_from_slice(&length.to_le_bytes())),
            Status::BundleForeign,
        ),
        ("no name", sealed(&whole, |b| b[name] = b'N'), Status::BundleForeign),
        ("a manifest that is no UTF-8", sealed(&whole, |b| b[name] = 0xFF), Status::BundleForeign),
        (
            "heatmaps of another size",
            sealed(&whole, |b| b[heatmaps..heatmaps + 2].copy_from_slice(b"64")),
            Status::BundleForeign,
        ),
        (
            "a low confidence that is no number",
            sealed(&whole, |b| b[confidence] = b'x'),
            Status::BundleForeign,
        ),
        ("a plan of version 2", sealed(&whole, |b| b[hourglass + 8] = 2), Status::BundleVersion),
        ("a plan that is none", sealed(&whole, |b| b[hourglass] ^= 1), Status::BundleForeign),
        ("plans in the other order", write(&exchanged).unwrap(), Status::BundleForeign),
        (
            "a test vector without spacing",
            sealed(&whole, |b| b[vectors + SPACING_AT..][..8].fill(0)),
            Status::BundleForeign,
        ),
        (
            "a test vector with a slice beyond the end",
            sealed(&whole, |b| b[vectors + 2] = 1),
            Status::BundleForeign,
        ),
    ];
    for (name, bytes, want) in cases {
        assert_eq!(statuses(&bytes), (want as i32, vec![]), "{name}");
    }
    assert_eq!(statuses(&sealed(&whole, |_| ())), (0, vec![0]), "the control");
}

#[test]
fn the_self_test_fails_where_any_bit_of_any_vector_is_another_or_the_model_is() {
    let whole = toy::bundle();
    let [_, _, hourglass, vector] = SECTIONS_AT.map(|at| word(&whole, at));
    let mut cases = Vec::new();
    for number in 0..EXPECTED {
        let at = vector + EXPECTED_AT + 8 * number;
        cases.push((format!("the last bit of number {number}"), sealed(&whole, |b| b[at] ^= 1)));
        cases.push((format!("the sign of number {number}"), sealed(&whole, |b| b[at + 7] ^= 128)));
    }
    let left = vector + BOX_AT;
    let other_box = |x0: f64| sealed(&whole, |b| b[left..left + 8].copy_from_slice(&x0.to_le_bytes()));
    let [x0, _, x1, _] = toy::area().corners();
    cases.push(("a box a pixel wider".into(), other_box(x0 - 1.0)));
    cases.push(("a box that is none of the slice's".into(), other_box(x0 - 10.0 * x1)));
    // The heaviest weights of the hourglass are 127.
    let weight = hourglass + whole[hourglass..vector].iter().position(|byte| *byte == 127).unwrap();
    cases.push(("a weight".into(), sealed(&whole, |b| b[weight] = 0x81)));

    // Of the shipped model's vectors the last one counts as the first does.
    let edge = std::fs::read(repository().join("models/edge.recist")).unwrap();
    let mut at = word(&edge, SECTIONS_AT[3]);
    let end = at + word(&edge, SECTIONS_AT[3] + 4);
    let mut vectors = 0;
    while at < end {
        let samples = word(&edge, at) * word(&edge, at + 4);
        let confidence = at + EXPECTED_AT + 8 * (EXPECTED - 1);
        cases.push((format!("edge's vector {vectors}"), sealed(&edge, |b| b[confidence] ^= 1)));
        at += EXPECTED_AT + 8 * EXPECTED + (2 * samples).next_multiple_of(8);
        vectors += 1;
    }
    assert_eq!((at, vectors), (end, 3));

    for (name, bytes) in cases {
        assert_eq!(statuses(&bytes), (0, vec![Status::SelfTest as i32]), "{name}");
    }
    for (name, whole) in [("toy", whole), ("edge", edge)] {
        assert_eq!(statuses(&sealed(&whole, |_| ())), (0, vec![0]), "the control: {name}");
    }
}

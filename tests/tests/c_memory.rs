//! What a model asks of a device's memory.

#![allow(unsafe_code, reason = "calls the C interface")]

use recist::bundle::AlignedBytes;
use recist::ffi::recist_memory_required;
use recist_tests::c_package::repository;
use recist_tests::stated::{is_stated, readme};

/// What the shipped model takes, in bytes: changed only with the change that needs it, and README.md with them.
const BUNDLE_BYTES: usize = 1_617_768;
const BLOCK_BYTES: usize = 500_352;

/// A bundle's size and the size of its block.
fn memory(bundle: &[u8]) -> [usize; 2] {
    let bundle = AlignedBytes::copy_of(bundle);
    let bytes = bundle.as_slice();
    let (mut block, mut alignment) = (0, 0);
    // SAFETY: the bundle and both outputs are valid.
    let status =
        unsafe { recist_memory_required(bytes.as_ptr().cast(), bytes.len(), &mut block, &mut alignment) };
    assert_eq!((status, alignment), (0, 64));
    [bytes.len(), block]
}

#[test]
fn edge_takes_the_stated_bundle_and_block() {
    let [bundle, block] = memory(&std::fs::read(repository().join("models/edge.recist")).unwrap());
    println!("edge: bundle {bundle} bytes, block {block} bytes");
    assert!(is_stated(bundle, BUNDLE_BYTES) && is_stated(block, BLOCK_BYTES), "{bundle} {block}");
    assert!(!is_stated(2 * block, BLOCK_BYTES) && !is_stated(block / 2, BLOCK_BYTES), "the control");
    let sentence = format!(
        "for `edge` a bundle of {:.2} MB and a block of {},{:03} bytes",
        BUNDLE_BYTES as f64 / 1e6,
        BLOCK_BYTES / 1000,
        BLOCK_BYTES % 1000
    );
    assert!(readme().contains(&sentence), "{sentence}");
}

//! What a model asks of a device's memory.

#![allow(unsafe_code, reason = "calls the C interface")]

use recist::bundle::AlignedBytes;
use recist::ffi::recist_memory_required;
use recist_tests::c_package::repository;

const MIB: usize = 1 << 20;

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
fn edge_needs_a_block_of_1_mib_at_most_beside_a_bundle_of_2_mib_at_most() {
    let [bundle, block] = memory(&std::fs::read(repository().join("models/edge.recist")).unwrap());
    println!("edge: bundle {bundle} bytes, block {block} bytes");
    assert!(bundle <= 2 * MIB && block <= MIB, "{bundle} {block}");
}

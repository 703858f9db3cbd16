//! Bytes of a bundle: whatever they are, opening them is an error, or they measure the toy's slice, or refuse to.
#![no_main]

#[path = "../../../tests/src/hostile.rs"]
mod hostile;
#[path = "../../../tests/src/seal.rs"]
mod seal;
#[path = "../../../tests/src/toy.rs"]
#[allow(dead_code, reason = "the seeds use the rest")]
mod toy;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Without the right length and checksums no change would come past the head.
    let mut sealed = bytes.to_vec();
    if let (Ok(length), Some(at)) = (u32::try_from(bytes.len()), sealed.get_mut(12..16)) {
        at.copy_from_slice(&length.to_le_bytes());
        seal::bundle(&mut sealed);
    }
    let _ = hostile::open_and_measure(&sealed);
});

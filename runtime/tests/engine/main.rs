//! The integer engine: the same bits on every kernel as the arithmetic written down, in fixed memory, whatever
//! the bytes of a plan.

mod hostile;
mod memory;
mod networks;
mod random;
mod reference;
mod same_bits;
mod seal;

use random::Random;

/// By how much the numbers of random cases are divided: under emulation `RECIST_TEST_SHARE` makes them fewer.
fn share() -> usize {
    std::env::var("RECIST_TEST_SHARE").map_or(1, |n| n.parse().unwrap())
}

/// Bytes of a plan at an address that is a multiple of 64.
struct Aligned(Vec<u8>, usize, usize);

impl Aligned {
    fn new(bytes: &[u8]) -> Self {
        let mut storage = vec![0; bytes.len() + 64];
        let start = storage.as_ptr().addr().next_multiple_of(64) - storage.as_ptr().addr();
        storage[start..start + bytes.len()].copy_from_slice(bytes);
        Self(storage, start, bytes.len())
    }

    fn bytes(&self) -> &[u8] {
        &self.0[self.1..][..self.2]
    }
}

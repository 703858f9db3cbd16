//! The integer engine: the same bits on every kernel as the arithmetic written down, in fixed memory, whatever
//! the bytes of a plan.

mod hostile;
mod memory;
mod networks;
mod reference;
mod same_bits;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits()).unwrap() % n
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// In [0, 1).
    fn unit(&mut self) -> f32 {
        self.bits() as f32 / 2_f32.powi(31)
    }
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

//! The checksum as the format defines it: plans that were changed and still open.

/// Where the checksum stands in a plan, and where what it covers begins.
const CHECKSUM: std::ops::Range<usize> = 16..24;
pub(crate) const COVERED: usize = 64;

/// Writes the checksum of a plan's contents into its head.
pub(crate) fn seal(plan: &mut [u8]) {
    let covered = &plan[COVERED..];
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
    let mut padded = covered.to_vec();
    padded.resize((covered.len() / 8 + 1) * 8, 0);
    let words = padded.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w));
    let sum = mix(words.fold(0xCBF2_9CE4_8422_2325, mix), covered.len() as u64);
    plan[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
}

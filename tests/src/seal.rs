//! Checksums made right again, as an attacker or a faulty writer would: what changed bytes must be given to be
//! looked at any further.

use sha2::{Digest, Sha256};

/// Bytes of a bundle's checksum, at its end.
const CHECKSUM_BYTES: usize = 32;

/// Where a bundle's header has offset and length of its two plans.
const PLANS_AT: [usize; 2] = [24, 32];

/// Seals a bundle and the plans in it; bytes that are too few stay as they are.
pub fn bundle(bytes: &mut [u8]) {
    for at in PLANS_AT {
        let word = |at: usize| -> Option<usize> {
            usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
        };
        let (Some(start), Some(length)) = (word(at), word(at + 4)) else { return };
        if let Some(plan) = start.checked_add(length).and_then(|end| bytes.get_mut(start..end)) {
            self::plan(plan);
        }
    }
    if let Some((contents, checksum)) = bytes.split_last_chunk_mut::<CHECKSUM_BYTES>() {
        checksum.copy_from_slice(&Sha256::digest(contents));
    }
}

/// Seals a plan: FNV-1a over words of eight bytes, turned between them, from byte 64 on.
fn plan(bytes: &mut [u8]) {
    let Some((header, contents)) = bytes.split_first_chunk_mut::<64>() else { return };
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
    let (words, tail) = contents.as_chunks::<8>();
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    let sum = mix(words.fold(0xCBF2_9CE4_8422_2325, mix), contents.len() as u64);
    header[16..24].copy_from_slice(&sum.to_le_bytes());
}

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use recist::geometry::AffineMap;

/// The generator of every random choice in this room.
pub type Random = ChaCha8Rng;

/// The generator that belongs to a place in a numbered sequence, whatever was drawn before: `step` and
/// `index` of a run's `seed`.
///
/// What a training step draws depends on these three numbers alone, so any number of loader threads, and a
/// run that was killed and resumed, draw the same.
#[must_use]
pub fn keyed(seed: u64, step: u64, index: u64) -> Random {
    let mut key = [0; 32];
    for (bytes, part) in key.chunks_exact_mut(8).zip([seed, step, index, 0]) {
        bytes.copy_from_slice(&part.to_le_bytes());
    }
    Random::from_seed(key)
}

/// A turn by any angle, half the time with a flip.
pub(super) fn any_turn(random: &mut Random) -> AffineMap {
    let (sin, cos) = random.random_range(0.0..std::f64::consts::TAU).sin_cos();
    let flip = if random.random_bool(0.5) { -1.0 } else { 1.0 };
    AffineMap::from_rows([[cos * flip, -sin, 0.0], [sin * flip, cos, 0.0]])
}

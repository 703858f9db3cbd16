use core::sync::atomic::{AtomicU8, Ordering};

use super::executor::RunError;
use super::kernels::{Convolve, Detected, Memory};

/// Runs the parts of a convolution: calls the function with every number below the first argument, in any
/// order and on any threads, and returns when all calls have. A part that is asked for again, or does not exist, is
/// not computed.
pub type Split<'s> = &'s (dyn Fn(usize, &(dyn Fn(usize) + Sync)) + 's);

/// A convolution of fewer multiply-accumulates than this is not worth handing to other threads.
const WORTH_SPLITTING: usize = 1 << 21;

/// The most parts that a convolution is split into, a bit of a byte each, and the fewest pixels of a part.
const PARTS: usize = 8;
const FEWEST_PIXELS: usize = 16;

/// Computes a convolution, a large one in parts if it may be split: of its pixels, or of its channels where pixels
/// are few and weights many, which are then read once.
pub(super) fn convolve(
    memory: Memory,
    job: &Convolve<'_>,
    kernel: Detected,
    split: Option<Split<'_>>,
) -> Result<(), RunError> {
    let (groups, pixels) = (job.channels / (16 * job.blocks), job.pixels);
    let work = [job.channels, job.kernel_rows, job.run].into_iter().fold(pixels, usize::saturating_mul);
    let Some(split) = split.filter(|_| work >= WORTH_SPLITTING) else {
        kernel.convolve(memory, job, 0..groups, 0..pixels);
        return Ok(());
    };
    let share = |all: usize, part: usize, parts: usize| all * part / parts..all * (part + 1) / parts;
    if pixels >= PARTS * FEWEST_PIXELS {
        once_each(split, PARTS, |part| kernel.convolve(memory, job, 0..groups, share(pixels, part, PARTS)))
    } else {
        let parts = groups.min(PARTS);
        once_each(split, parts, |part| kernel.convolve(memory, job, share(groups, part, parts), 0..pixels))
    }
}

/// Has `split` run the parts, each once whatever it does: two threads in one part would write the same bytes.
fn once_each(split: Split<'_>, parts: usize, run: impl Fn(usize) + Sync) -> Result<(), RunError> {
    let taken = AtomicU8::new(0);
    split(parts, &|part| {
        let is_first = part < parts && taken.fetch_or(1 << part, Ordering::Relaxed) >> part & 1 == 0;
        if is_first {
            run(part);
        }
    });
    let found = taken.into_inner().count_ones() as usize;
    if found == parts { Ok(()) } else { Err(RunError::Parts { found, needed: parts }) }
}

//! SSE4.1, for processors without AVX: 16 products in two instructions, and a third that sums pairs of 16 bits.

use core::arch::x86_64::*;

use super::{Convolve, Memory};

/// # Safety
/// The processor has SSSE3 and SSE4.1, and the job is a step of a validated plan in `memory`.
#[target_feature(enable = "ssse3,sse4.1")]
pub(super) unsafe fn convolve(memory: Memory<'_>, job: &Convolve<'_>) {
    for group in 0..job.groups() {
        let mut at = 0;
        while at < job.pixels {
            // SAFETY: the tile's pixels are pixels of the job; the rest is this function's promise.
            at += unsafe {
                // Two pixels leave all sums in registers.
                match job.pixels - at {
                    2.. => tile::<2>(memory, job, group, at),
                    _ => tile::<1>(memory, job, group, at),
                }
            };
        }
    }
}

/// Computes `P` pixels from `at` on of a group of channels, block by block; returns `P`.
///
/// # Safety
/// As the function above; `at + P` pixels exist.
#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
unsafe fn tile<const P: usize>(memory: Memory<'_>, job: &Convolve<'_>, group: usize, at: usize) -> usize {
    let places: [[usize; 3]; P] = job.places(at);
    let (windows, weights) = (job.windows(memory, &places), job.group_weights(group));
    let step = 64 * job.blocks;
    for block in 0..job.blocks {
        let channel = 16 * (group * job.blocks + block);
        let mut inputs = windows;
        let bias = &job.bias[channel..][..16];
        let scales = &job.scales[channel..][..16];
        // SAFETY: every load lies in the slices taken above: of each step of weights the 64 bytes of the block,
        // 16 biases and scales.
        unsafe {
            let mut weights = weights.as_ptr().add(64 * block);
            let mut sums = [[_mm_setzero_si128(); 4]; P];
            unrolled!(N < 4, {
                let start = _mm_loadu_si128(bias.as_ptr().add(4 * N).cast());
                unrolled!(I < P, { sums[I][N % 4] = start });
            });
            for _ in 0..job.kernel_rows {
                for four in 0..job.run / 4 {
                    let mut x = [_mm_setzero_si128(); P];
                    unrolled!(I < P, {
                        x[I] = _mm_set1_epi32(inputs[I].add(4 * four).cast::<i32>().read_unaligned());
                    });
                    unrolled!(N < 4, {
                        let w = _mm_loadu_si128(weights.add(16 * N).cast());
                        unrolled!(I < P, { sums[I][N % 4] = multiply_add(sums[I][N % 4], x[I], w) });
                    });
                    weights = weights.wrapping_add(step);
                }
                unrolled!(I < P, { inputs[I] = inputs[I].wrapping_add(job.kernel_row) });
            }
            unrolled!(I < P, {
                let residual = job.residual.map(|residue| {
                    let q = _mm_loadu_si128(memory.pointer(places[I][2] + channel, 16).cast());
                    // The difference of two seven-bit numbers fits a byte.
                    let q = _mm_sub_epi8(q, _mm_set1_epi8(residue.zero_point()));
                    let fours = [q, _mm_srli_si128::<4>(q), _mm_srli_si128::<8>(q), _mm_srli_si128::<12>(q)];
                    (fours, _mm_set1_ps(residue.factor))
                });
                for (n, sum) in sums[I].iter_mut().enumerate() {
                    let scale = _mm_loadu_ps(scales.as_ptr().add(4 * n));
                    let mut result = _mm_mul_ps(_mm_cvtepi32_ps(*sum), scale);
                    if let Some((fours, factor)) = residual {
                        let value = _mm_cvtepi32_ps(_mm_cvtepi8_epi32(fours[n]));
                        result = _mm_add_ps(result, _mm_mul_ps(value, factor));
                    }
                    *sum = _mm_cvtps_epi32(result);
                }
                // Packing saturates: what does not fit a byte is beyond the limits.
                let [a, b, c, d] = sums[I];
                let bytes = _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
                let bytes = _mm_adds_epi8(bytes, _mm_set1_epi8(job.rounding.zero_point()));
                let bytes = _mm_max_epi8(bytes, _mm_set1_epi8(job.rounding.lowest()));
                _mm_storeu_si128(memory.pointer(places[I][1] + channel, 16).cast(), bytes);
            });
        }
    }
    P
}

/// Exact because activations have 7 bits: the sum of two products fits 16 bits.
#[inline]
#[target_feature(enable = "ssse3,sse4.1")]
fn multiply_add(sum: __m128i, activations: __m128i, weights: __m128i) -> __m128i {
    let pairs = _mm_maddubs_epi16(activations, weights);
    _mm_add_epi32(sum, _mm_madd_epi16(pairs, _mm_set1_epi16(1)))
}

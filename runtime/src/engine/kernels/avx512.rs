//! AVX-512 VNNI: 64 products an instruction, accumulators in registers, one tile of pixels by channels at a
//! time.

use core::arch::x86_64::*;
use core::ops::Range;

use super::{Convolve, Memory};

/// # Safety
/// The processor has AVX-512 F, BW, VL and VNNI, and the job is a step of a validated plan in `memory`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn convolve(memory: Memory<'_>, job: &Convolve<'_>, pixels: Range<usize>) {
    let groups = job.channels / (16 * job.blocks);
    for group in 0..groups {
        let mut at = pixels.start;
        while at < pixels.end {
            let left = pixels.end - at;
            // SAFETY: the tile's pixels are pixels of the job; the rest is this function's own promise.
            at += unsafe {
                match (job.blocks, left) {
                    (4, 6..) => tile::<6, 4>(memory, job, group, at),
                    (4, 4..) => tile::<4, 4>(memory, job, group, at),
                    (4, 2..) => tile::<2, 4>(memory, job, group, at),
                    (4, _) => tile::<1, 4>(memory, job, group, at),
                    (2, 12..) => tile::<12, 2>(memory, job, group, at),
                    (2, 8..) => tile::<8, 2>(memory, job, group, at),
                    (2, 4..) => tile::<4, 2>(memory, job, group, at),
                    (2, _) => tile::<1, 2>(memory, job, group, at),
                    (_, 14..) => tile::<14, 1>(memory, job, group, at),
                    (_, 8..) => tile::<8, 1>(memory, job, group, at),
                    (_, 4..) => tile::<4, 1>(memory, job, group, at),
                    _ => tile::<1, 1>(memory, job, group, at),
                }
            };
        }
    }
}

/// Computes `P` pixels from `at` on of the `B` blocks of channels of `group`; returns `P`.
///
/// # Safety
/// As [`convolve`]; `at + P` pixels exist and `B` is the job's.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile<const P: usize, const B: usize>(
    memory: Memory<'_>,
    job: &Convolve<'_>,
    group: usize,
    at: usize,
) -> usize {
    let channel = group * 16 * B;
    let places: [[usize; 3]; P] = core::array::from_fn(|p| job.place(at + p));
    let window = (job.kernel_rows - 1) * job.kernel_row + job.run;
    let mut inputs: [*const u8; P] = places.map(|[input, ..]| memory.pointer(input, window).cast_const());
    let group_bytes = 16 * B * job.kernel_rows * job.run;
    let mut weights = job.weights[group * group_bytes..][..group_bytes].as_ptr().cast::<__m512i>();
    let (bias, scales) = (&job.bias[channel..][..16 * B], &job.scales[channel..][..16 * B]);

    let mut sums = [[_mm512_setzero_si512(); B]; P];
    // SAFETY: every load lies in the slices taken above: 64 bytes of weights for each block and each 4 bytes
    // of a window, 16 biases and scales for each block.
    unsafe {
        unrolled!(N < B, {
            let start = _mm512_loadu_si512(bias.as_ptr().add(16 * N).cast());
            unrolled!(I < P, { sums[I][N] = start });
        });
        for _ in 0..job.kernel_rows {
            for four in 0..job.run / 4 {
                let mut w = [_mm512_setzero_si512(); B];
                unrolled!(N < B, { w[N] = _mm512_loadu_si512(weights.add(N).cast()) });
                weights = weights.add(B);
                unrolled!(I < P, {
                    let x = _mm512_set1_epi32(inputs[I].add(4 * four).cast::<i32>().read_unaligned());
                    unrolled!(N < B, { sums[I][N] = _mm512_dpbusd_epi32(sums[I][N], x, w[N]) });
                });
            }
            inputs = inputs.map(|row| row.wrapping_add(job.kernel_row));
        }
        let low = _mm512_set1_ps(job.rounding.low);
        let high = _mm512_set1_ps(job.rounding.high);
        let zero = _mm512_set1_epi32(job.rounding.zero);
        unrolled!(N < B, {
            let scale = _mm512_loadu_ps(scales.as_ptr().add(16 * N));
            unrolled!(I < P, {
                let mut result = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[I][N]), scale);
                if let Some(residue) = job.residual {
                    let q = memory.pointer(places[I][2] + channel + 16 * N, 16).cast::<__m128i>();
                    let q = _mm512_cvtepu8_epi32(_mm_loadu_si128(q));
                    let value = _mm512_cvtepi32_ps(_mm512_sub_epi32(q, _mm512_set1_epi32(residue.zero)));
                    result = _mm512_add_ps(result, _mm512_mul_ps(value, _mm512_set1_ps(residue.factor)));
                }
                let clamped = _mm512_min_ps(_mm512_max_ps(result, low), high);
                let q = _mm512_cvtepi32_epi8(_mm512_add_epi32(_mm512_cvtps_epi32(clamped), zero));
                _mm_storeu_si128(memory.pointer(places[I][1] + channel + 16 * N, 16).cast(), q);
            });
        });
    }
    P
}

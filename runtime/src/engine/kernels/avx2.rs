//! AVX2 and AVX-VNNI: 32 products an instruction (two with AVX2, which then sums pairs of 16 bits).

use core::arch::x86_64::*;

use super::{Convolve, Memory};

macro_rules! kernel {
    ($convolve:ident, $tile:ident, $features:literal, $multiply_add:ident, $($pixels:literal)+) => {
        /// # Safety
        /// The processor has the features named, and the job is a step of a validated plan in `memory`.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $convolve(memory: Memory<'_>, job: &Convolve<'_>) {
            for group in 0..job.groups() {
                let mut at = 0;
                while at < job.pixels {
                    // SAFETY: the tile's pixels are pixels of the job; the rest is this function's promise.
                    at += unsafe {
                        match job.pixels - at {
                            $($pixels.. => $tile::<$pixels>(memory, job, group, at),)+
                            _ => $tile::<1>(memory, job, group, at),
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
        #[target_feature(enable = $features)]
        unsafe fn $tile<const P: usize>(
            memory: Memory<'_>,
            job: &Convolve<'_>,
            group: usize,
            at: usize,
        ) -> usize {
            let places: [[usize; 3]; P] = job.places(at);
            let (windows, weights) = (job.windows(memory, &places), job.group_weights(group));
            let step = 64 * job.blocks;
            for block in 0..job.blocks {
                let channel = 16 * (group * job.blocks + block);
                let mut inputs = windows;
                let bias = &job.bias[channel..][..16];
                let scales = &job.scales[channel..][..16];
                // SAFETY: every load lies in the slices taken above: of each step of weights the 64 bytes of the
                // block, 16 biases and scales.
                unsafe {
                    let mut weights = weights.as_ptr().add(64 * block);
                    let bias = bias.as_ptr().cast::<__m256i>();
                    let mut sums = [[_mm256_loadu_si256(bias), _mm256_loadu_si256(bias.add(1))]; P];
                    for _ in 0..job.kernel_rows {
                        for four in 0..job.run / 4 {
                            let w = weights.cast::<__m256i>();
                            let w = [_mm256_loadu_si256(w), _mm256_loadu_si256(w.add(1))];
                            weights = weights.wrapping_add(step);
                            unrolled!(I < P, {
                                let x = inputs[I].add(4 * four).cast::<i32>().read_unaligned();
                                let x = _mm256_set1_epi32(x);
                                let [low, high] = sums[I];
                                sums[I] = [$multiply_add(low, x, w[0]), $multiply_add(high, x, w[1])];
                            });
                        }
                        unrolled!(I < P, { inputs[I] = inputs[I].wrapping_add(job.kernel_row) });
                    }
                    unrolled!(I < P, {
                        let residual = job.residual.map(|residue| {
                            let q = _mm_loadu_si128(memory.pointer(places[I][2] + channel, 16).cast());
                            // The difference of two seven-bit numbers fits a byte.
                            let q = _mm_sub_epi8(q, _mm_set1_epi8(residue.zero_point()));
                            ([q, _mm_unpackhi_epi64(q, q)], _mm256_set1_ps(residue.factor))
                        });
                        for (n, sum) in sums[I].iter_mut().enumerate() {
                            let scale = _mm256_loadu_ps(scales.as_ptr().add(8 * n));
                            let mut result = _mm256_mul_ps(_mm256_cvtepi32_ps(*sum), scale);
                            if let Some((halves, factor)) = residual {
                                let value = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(halves[n]));
                                result = _mm256_add_ps(result, _mm256_mul_ps(value, factor));
                            }
                            *sum = _mm256_cvtps_epi32(result);
                        }
                        // Packing saturates: what does not fit a byte is beyond the limits. It works within halves of
                        // 128 bits: the permutation puts the channels in order.
                        let words = _mm256_packs_epi32(sums[I][0], sums[I][1]);
                        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
                        let bytes =
                            _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                        let bytes = _mm_adds_epi8(bytes, _mm_set1_epi8(job.rounding.zero_point()));
                        let bytes = _mm_max_epi8(bytes, _mm_set1_epi8(job.rounding.lowest()));
                        _mm_storeu_si128(memory.pointer(places[I][1] + channel, 16).cast(), bytes);
                    });
                }
            }
            P
        }
    };
}

// At most as many pixels as leave all sums in registers.
kernel!(convolve, tile, "avx2", multiply_add, 4 2);
kernel!(convolve_vnni, tile_vnni, "avx2,avxvnni", _mm256_dpbusd_avx_epi32, 6 4 2);

/// Exact because activations have 7 bits: the sum of two products fits 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply_add(sum: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(activations, weights);
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

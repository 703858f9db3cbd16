//! NEON, without and with the dot product extension.

use core::arch::aarch64::*;
use core::arch::asm;

use super::{Convolve, Memory};

macro_rules! kernel {
    (
        $convolve:ident, $tile:ident, $features:literal, $multiply_add:ident, $finish:ident, $vectors:literal,
        $($pixels:literal)+
    ) => {
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
                    let mut weights = weights.as_ptr().add(64 * block).cast::<i8>();
                    let mut sums = [[vdupq_n_s32(0); $vectors]; P];
                    for _ in 0..job.kernel_rows {
                        for four in 0..job.run / 4 {
                            let w = [0, 16, 32, 48].map(|n| vld1q_s8(weights.add(n)));
                            weights = weights.wrapping_add(step);
                            unrolled!(I < P, {
                                let x = inputs[I].add(4 * four).cast::<i32>().read_unaligned();
                                $multiply_add(&mut sums[I], vreinterpretq_s8_s32(vdupq_n_s32(x)), w);
                            });
                        }
                        inputs = inputs.map(|row| row.wrapping_add(job.kernel_row));
                    }
                    unrolled!(I < P, {
                        let sums = $finish(sums[I]);
                        let residual = job.residual.map(|residue| {
                            let q = vld1q_s8(memory.pointer(places[I][2] + channel, 16).cast());
                            // The difference of two seven-bit numbers fits a byte.
                            let q = vsubq_s8(q, vdupq_n_s8(residue.zero_point()));
                            let (low, high) = (vmovl_s8(vget_low_s8(q)), vmovl_s8(vget_high_s8(q)));
                            let fours = [vget_low_s16(low), vget_high_s16(low), vget_low_s16(high), vget_high_s16(high)];
                            (fours, vdupq_n_f32(residue.factor))
                        });
                        let quarters: [int32x4_t; 4] = core::array::from_fn(|n| {
                            let sum = vaddq_s32(sums[n], vld1q_s32(bias.as_ptr().add(4 * n)));
                            let scale = vld1q_f32(scales.as_ptr().add(4 * n));
                            let mut result = vmulq_f32(vcvtq_f32_s32(sum), scale);
                            if let Some((fours, factor)) = residual {
                                let value = vcvtq_f32_s32(vmovl_s16(fours[n]));
                                result = vaddq_f32(result, vmulq_f32(value, factor));
                            }
                            vcvtnq_s32_f32(result)
                        });
                        // Narrowing saturates: what does not fit a byte is beyond the limits.
                        let low = vcombine_s16(vqmovn_s32(quarters[0]), vqmovn_s32(quarters[1]));
                        let high = vcombine_s16(vqmovn_s32(quarters[2]), vqmovn_s32(quarters[3]));
                        let bytes = vcombine_s8(vqmovn_s16(low), vqmovn_s16(high));
                        let bytes = vqaddq_s8(bytes, vdupq_n_s8(job.rounding.zero_point()));
                        let bytes = vreinterpretq_u8_s8(vmaxq_s8(bytes, vdupq_n_s8(job.rounding.lowest())));
                        vst1q_u8(memory.pointer(places[I][1] + channel, 16), bytes);
                    });
                }
            }
            P
        }
    };
}

// At most as many pixels as leave all sums in registers.
kernel!(convolve, tile, "neon", multiply_add, add_pairs, 8, 2);
kernel!(convolve_dot, tile_dot, "neon,dotprod", multiply_add_dot, as_they_are, 4, 4 2);

/// Adds products of 16 channels: two sums a channel, of two products each. Exact in 16 bits because
/// activations have 7 bits.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_add(sums: &mut [int32x4_t; 8], x: int8x16_t, w: [int8x16_t; 4]) {
    let x = vget_low_s8(x);
    for n in 0..4 {
        let (low, high) = (vget_low_s8(w[n]), vget_high_s8(w[n]));
        sums[2 * n] = vpadalq_s16(sums[2 * n], vmull_s8(low, x));
        sums[2 * n + 1] = vpadalq_s16(sums[2 * n + 1], vmull_s8(high, x));
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn add_pairs(sums: [int32x4_t; 8]) -> [int32x4_t; 4] {
    core::array::from_fn(|n| vpaddq_s32(sums[2 * n], sums[2 * n + 1]))
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn multiply_add_dot(sums: &mut [int32x4_t; 4], x: int8x16_t, w: [int8x16_t; 4]) {
    for n in 0..4 {
        // SAFETY: the instruction only reads and writes the registers named; dotprod is enabled here.
        unsafe {
            asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sums[n], in(vreg) w[n], in(vreg) x,
                options(pure, nomem, nostack, preserves_flags));
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn as_they_are(sums: [int32x4_t; 4]) -> [int32x4_t; 4] {
    sums
}

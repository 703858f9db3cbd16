//! AVX-512 VNNI: 64 products an instruction, accumulators in registers, one tile of pixels by channels at a
//! time.

use core::arch::x86_64::*;

use super::{Addition, Convolve, Memory, Residue};

/// # Safety
/// The processor has AVX-512 F, BW, VL and VNNI, and the job is a step of a validated plan in `memory`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn convolve(memory: Memory<'_>, job: &Convolve<'_>) {
    for group in 0..job.groups() {
        let mut at = 0;
        while at < job.pixels {
            let place = [at / job.width, at % job.width];
            // How far tiles may reach that hold so many pixels of one row together.
            let reach = |together: usize| {
                let fit = job.width.is_multiple_of(together) && at.is_multiple_of(together);
                (job.pixels - at).min(if fit { usize::MAX } else { job.width - place[1] })
            };
            // SAFETY: the tile's pixels are pixels of the job; the rest is this function's own promise.
            at += unsafe {
                match (job.blocks, reach(4)) {
                    (4, _) if reach(2) >= 6 => tile::<6, 4>(memory, job, group, place),
                    (4, 4..) => tile::<4, 4>(memory, job, group, place),
                    (4, _) if reach(2) >= 2 => tile::<2, 4>(memory, job, group, place),
                    (4, _) => tile::<1, 4>(memory, job, group, place),
                    (3, 8..) => tile::<8, 3>(memory, job, group, place),
                    (3, 4..) => tile::<4, 3>(memory, job, group, place),
                    (3, _) => tile::<1, 3>(memory, job, group, place),
                    (2, 12..) => tile::<12, 2>(memory, job, group, place),
                    (2, 8..) => tile::<8, 2>(memory, job, group, place),
                    (2, 4..) => tile::<4, 2>(memory, job, group, place),
                    (2, _) => tile::<1, 2>(memory, job, group, place),
                    (_, 16..) => tile::<16, 1>(memory, job, group, place),
                    (_, 8..) => tile::<8, 1>(memory, job, group, place),
                    (_, 4..) => tile::<4, 1>(memory, job, group, place),
                    _ => tile::<1, 1>(memory, job, group, place),
                }
            };
        }
    }
}

/// Computes `P` pixels from row `y` and column `x` on of the `B` blocks of channels of `group`; returns `P`.
///
/// # Safety
/// As [`convolve`]; the pixels exist, each four of them (two, if `P` is no multiple of 4) in one row, and `B` is
/// the job's.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile<const P: usize, const B: usize>(
    memory: Memory<'_>,
    job: &Convolve<'_>,
    group: usize,
    [mut y, mut x]: [usize; 2],
) -> usize {
    let channel = group * 16 * B;
    // The pixels of a bunch are a fixed step apart: few addresses, which stay in registers.
    let bunch = const { if P.is_multiple_of(4) { 4 } else { 2 - P % 2 } };
    const { assert!(B > 1 || P == 1 || P.is_multiple_of(4), "narrow pixels are stored by fours") };
    let mut places = [[0; 2]; 4];
    for place in &mut places[..P / bunch] {
        *place = [y, x];
        x += bunch;
        if x >= job.width {
            [y, x] = [y + 1, 0];
        }
    }
    let rows = job.window_rows(places[0][0], places[P / bunch - 1][0]);
    let step = job.input_pixel;
    let window = (job.kernel_rows - 1) * job.kernel_row + job.run + (bunch - 1) * step;
    let mut inputs = [core::ptr::null(); 4];
    for (input, [y, x]) in inputs.iter_mut().zip(places).take(P / bunch) {
        *input =
            memory.pointer(job.window(y, x), window).wrapping_add(rows.start * job.kernel_row).cast_const();
    }
    let mut weights = job.group_weights(group)[rows.start * 16 * B * job.run..].as_ptr().cast::<__m512i>();
    let (bias, scales) = (&job.bias[channel..][..16 * B], &job.scales[channel..][..16 * B]);

    let mut sums = [[_mm512_setzero_si512(); B]; P];
    // SAFETY: every load lies in the slices taken above: 64 bytes of weights for each block and each 4 bytes
    // of a window, 16 biases and scales for each block. Every store is to the channels of the tile's own pixels.
    unsafe {
        unrolled!(N < B, {
            let start = _mm512_loadu_si512(bias.as_ptr().add(16 * N).cast());
            unrolled!(I < P, { sums[I][N] = start });
        });
        for _ in rows {
            let mut row = inputs;
            for _ in 0..job.run / 4 {
                let mut w = [_mm512_setzero_si512(); B];
                unrolled!(N < B, { w[N] = _mm512_loadu_si512(weights.add(N).cast()) });
                weights = weights.add(B);
                unrolled!(I < P, {
                    let x = row[I / bunch % 4].wrapping_add(I % bunch * step).cast::<i32>().read_unaligned();
                    let x = _mm512_set1_epi32(x);
                    unrolled!(N < B, { sums[I][N] = _mm512_dpbusd_epi32(sums[I][N], x, w[N]) });
                });
                for input in &mut row {
                    *input = input.wrapping_add(4);
                }
            }
            for input in &mut inputs {
                *input = input.wrapping_add(job.kernel_row);
            }
        }
        let mut scale = [_mm512_setzero_ps(); B];
        unrolled!(N < B, { scale[N] = _mm512_loadu_ps(scales.as_ptr().add(16 * N)) });
        unrolled!(I < P, {
            let [y, x] = places[I / bunch % 4];
            let mut residual = None;
            if let Some(residue) = job.residual {
                let at = residue.pixel(y, x + I % bunch) + channel;
                residual = Some((residue, memory.pointer(at, 16 * B)));
            }
            unrolled!(N < B, {
                let mut result = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[I][N]), scale[N]);
                if let Some((residue, at)) = residual {
                    result = _mm512_add_ps(result, values(residue, at.add(16 * N)));
                }
                sums[I][N] = _mm512_cvtps_epi32(result);
            });
        });
        let limits = [_mm512_set1_epi8(job.rounding.zero_point()), _mm512_set1_epi8(job.rounding.lowest())];
        if B > 1 {
            let mut outputs = [core::ptr::null_mut(); 4];
            unrolled!(F < P / bunch, {
                let [y, x] = places[F % 4];
                outputs[F % 4] =
                    memory.pointer(job.output(y, x) + channel, (bunch - 1) * job.channels + 16 * B);
            });
            unrolled!(I < P, {
                let to = outputs[I / bunch % 4].wrapping_add(I % bunch * job.channels);
                let bytes = packed([sums[I][0], sums[I][1 % B], sums[I][2 % B], sums[I][3 % B]], limits);
                _mm512_mask_storeu_epi32(to.cast(), WHOLE >> (16 - 4 * B), bytes);
            });
        } else {
            // Four pixels of a row at once, or the only one.
            unrolled!(F < P.div_ceil(4), {
                let sum = |i: usize| sums[(4 * F + i) % P][0];
                let bytes = packed([sum(0), sum(1), sum(2), sum(3)], limits);
                let [y, x] = places[F % 4];
                let at = job.output(y, x) + channel;
                if P == 1 {
                    _mm_storeu_si128(memory.pointer(at, 16).cast(), _mm512_castsi512_si128(bytes));
                } else if job.channels == 16 {
                    _mm512_storeu_si512(memory.pointer(at, 64).cast(), bytes);
                } else {
                    unrolled!(I < 4, {
                        let to = memory.pointer(at + I * job.channels, 16);
                        _mm_storeu_si128(to.cast(), _mm512_extracti32x4_epi32::<{ LANES[I % 4] }>(bytes));
                    });
                }
            });
        }
    }
    P
}

/// What 16 bytes of an addend stand for, in units of the output's scale.
///
/// # Safety
/// The bytes may be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn values(residue: Residue, at: *const u8) -> __m512 {
    // SAFETY: the caller's promise.
    let bytes = unsafe { _mm_loadu_si128(at.cast()) };
    // The difference of two seven-bit numbers fits a byte.
    let differences = _mm512_cvtepi8_epi32(_mm_sub_epi8(bytes, _mm_set1_epi8(residue.zero_point())));
    _mm512_mul_ps(_mm512_cvtepi32_ps(differences), _mm512_set1_ps(residue.factor))
}

/// All of a vector's four-byte lanes, for a mask.
const WHOLE: u16 = u16::MAX;
/// The sixteen-byte lanes of a vector.
const LANES: [i32; 4] = [0, 1, 2, 3];

/// The lowest bytes of four vectors, one vector's after the other's, with the zero point added and not below the
/// lowest number. Packing saturates: what does not fit a byte is below the lowest.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn packed([a, b, c, d]: [__m512i; 4], [zero_point, lowest]: [__m512i; 2]) -> __m512i {
    let words = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let bytes = _mm512_permutexvar_epi32(order, words);
    _mm512_max_epi8(_mm512_adds_epi8(bytes, zero_point), lowest)
}

/// # Safety
/// The processor has AVX-512 F, BW, VL and VNNI, and the job is a step of a validated plan in `memory`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn add(memory: Memory<'_>, job: &Addition) {
    let [first, second] = job.addends;
    let limits = [_mm512_set1_epi8(job.rounding.zero_point()), _mm512_set1_epi8(job.rounding.lowest())];
    // An addend that is read upsampled is the same for two pixels of two rows: it is converted once.
    let reach = 1 << second.shift;
    for y in (0..job.height).step_by(reach) {
        for x in (0..job.width).step_by(reach) {
            for channel in (0..job.channels).step_by(64) {
                let blocks = ((job.channels - channel) / 16).min(4);
                let take = |residue: Residue, y: usize, x: usize| {
                    memory.pointer(residue.pixel(y, x) + channel, 16 * blocks).cast_const()
                };
                // SAFETY: channels of a pixel, of which every tensor has a multiple of 16.
                let b = unsafe { four_values(second, take(second, y, x), blocks) };
                for y in y..y + reach {
                    for x in x..x + reach {
                        // SAFETY: as above.
                        let a = unsafe { four_values(first, take(first, y, x), blocks) };
                        let mut sums = [_mm512_setzero_si512(); 4];
                        unrolled!(N < 4, {
                            sums[N % 4] = _mm512_cvtps_epi32(_mm512_add_ps(a[N % 4], b[N % 4]))
                        });
                        let at = job.output + y * job.output_row + x * job.channels + channel;
                        let (to, bytes) = (memory.pointer(at, 16 * blocks), packed(sums, limits));
                        // SAFETY: as above.
                        unsafe { _mm512_mask_storeu_epi32(to.cast(), WHOLE >> (16 - 4 * blocks), bytes) };
                    }
                }
            }
        }
    }
}

/// What up to four blocks of 16 bytes of an addend stand for.
///
/// # Safety
/// `blocks` times 16 bytes may be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn four_values(residue: Residue, at: *const u8, blocks: usize) -> [__m512; 4] {
    let mut result = [_mm512_setzero_ps(); 4];
    unrolled!(N < 4, {
        if N < blocks {
            // SAFETY: the caller's promise.
            result[N % 4] = unsafe { values(residue, at.add(16 * N)) };
        }
    });
    result
}

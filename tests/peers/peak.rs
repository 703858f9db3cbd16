//! The most that one core of this processor could do: a kernel's multiply-add on registers alone.
#![allow(unsafe_code, reason = "SIMD instructions, each in a function that names its feature")]

use std::hint::black_box;
use std::time::Instant;

use recist::engine::Kernel;

/// Multiply-adds between two looks at the clock.
const REPEATS: usize = 20_000;
/// Sums that do not wait for one another.
const SUMS: usize = 12;

/// 10^9 products a second, or 0 where it is not known.
pub(crate) fn of(kernel: Kernel) -> f64 {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller asks for kernels that run here.
        Kernel::Avx512Vnni => fastest(64, || unsafe { x86::avx512_vnni() }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => fastest(32, || unsafe { x86::avx_vnni() }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => fastest(32, || unsafe { x86::avx2() }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Sse41 => fastest(16, || unsafe { x86::sse41() }),
        _ => 0.0,
    }
}

fn fastest(products: usize, burst: impl Fn()) -> f64 {
    let seconds = (0..500).map(|_| {
        let start = Instant::now();
        burst();
        start.elapsed().as_secs_f64()
    });
    (products * SUMS * REPEATS) as f64 / seconds.fold(f64::INFINITY, f64::min) / 1e9
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{REPEATS, SUMS, black_box};
    use core::arch::x86_64::*;

    macro_rules! burst {
        ($name:ident, $features:literal, $zero:ident, |$sum:ident, $x:ident, $w:ident| $multiply_add:expr) => {
            #[target_feature(enable = $features)]
            pub(super) fn $name() {
                let ($x, $w) = (black_box($zero()), black_box($zero()));
                let mut sums = [$zero(); SUMS];
                for _ in 0..REPEATS {
                    for sum in &mut sums {
                        let $sum = *sum;
                        *sum = $multiply_add;
                    }
                }
                black_box(sums);
            }
        };
    }

    burst!(avx512_vnni, "avx512f,avx512vnni", _mm512_setzero_si512, |sum, x, w| _mm512_dpbusd_epi32(
        sum, x, w
    ));
    burst!(avx_vnni, "avx2,avxvnni", _mm256_setzero_si256, |sum, x, w| _mm256_dpbusd_avx_epi32(sum, x, w));
    burst!(avx2, "avx2", _mm256_setzero_si256, |sum, x, w| {
        let mut x = x;
        // SAFETY: no instruction; the compiler may not take the product out of the loop.
        unsafe { core::arch::asm!("/* {0} */", inout(ymm_reg) x, options(nomem, nostack, preserves_flags)) };
        let pairs = _mm256_maddubs_epi16(x, w);
        _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    });
    burst!(sse41, "ssse3,sse4.1", _mm_setzero_si128, |sum, x, w| {
        let mut x = x;
        // SAFETY: as above.
        unsafe { core::arch::asm!("/* {0} */", inout(xmm_reg) x, options(nomem, nostack, preserves_flags)) };
        let pairs = _mm_maddubs_epi16(x, w);
        _mm_add_epi32(sum, _mm_madd_epi16(pairs, _mm_set1_epi16(1)))
    });
}

//! Convolution kernels behind one function, [`Kernel::convolve`], and the memory that they share.
#![allow(unsafe_code, reason = "SIMD kernels, and the workspace that they read and write by address")]

/// Runs the block for every constant below the limit: arrays indexed by constants stay in registers, arrays
/// indexed by a loop variable do not.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! unrolled {
    ($i:ident < $limit:expr, $block:block) => {
        unrolled!(@ $i $limit, $block 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $i:ident $limit:expr, $block:block $($n:literal)*) => {
        $({ const $i: usize = $n; if $i < $limit $block })*
    };
}

mod addition;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod sse41;

use core::fmt;
use core::ops::Range;
use core::str::FromStr;

pub(super) use addition::Addition;
pub(super) use memory::Memory;

/// The fewest channels that are added or pooled at once; every pixel has a multiple of them.
pub(super) const CHANNELS: usize = 16;

/// A way to compute convolutions; all of them give the same bits. Their numbers are those of the C library and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// Plain code, any processor.
    Scalar = 1,
    /// x86-64 with SSSE3 and SSE4.1: processors without AVX2.
    Sse41 = 7,
    /// x86-64 with AVX2.
    Avx2 = 2,
    /// x86-64 with AVX-VNNI.
    AvxVnni = 3,
    /// x86-64 with AVX-512 VNNI.
    Avx512Vnni = 4,
    /// aarch64.
    Neon = 5,
    /// aarch64 with the dot product extension.
    NeonDot = 6,
}

/// A name that is no kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelError;

impl Kernel {
    /// Every kernel, slowest first.
    pub const ALL: [Self; 7] =
        [Self::Scalar, Self::Sse41, Self::Avx2, Self::AvxVnni, Self::Avx512Vnni, Self::Neon, Self::NeonDot];

    /// Whether this processor runs the kernel.
    #[must_use]
    pub fn runs_here(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Sse41 => {
                std::arch::is_x86_feature_detected!("ssse3") && std::arch::is_x86_feature_detected!("sse4.1")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => {
                std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("avxvnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512vl")
                    && std::arch::is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Sse41 | Self::Avx2 | Self::AvxVnni | Self::Avx512Vnni => false,
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon | Self::NeonDot => false,
        }
    }

    /// The fastest kernel that this processor runs.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|k| k.runs_here()).unwrap_or(Self::Scalar)
    }

    /// The kernel, if this processor runs it.
    pub(super) fn detected(self) -> Option<Detected> {
        self.runs_here().then_some(Detected(self))
    }
}

/// A kernel that this processor runs: [`Kernel::detected`] is the only way in.
#[derive(Clone, Copy)]
pub(super) struct Detected(Kernel);

impl Detected {
    /// Computes a convolution.
    pub(super) fn convolve(self, memory: Memory, job: &Convolve<'_>) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor runs the kernel; only steps of validated plans become jobs.
            Kernel::Avx512Vnni => unsafe { avx512::convolve(memory, job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::AvxVnni => unsafe { avx2::convolve_vnni(memory, job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::Avx2 => unsafe { avx2::convolve(memory, job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::Sse41 => unsafe { sse41::convolve(memory, job) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kernel::Neon => unsafe { neon::convolve(memory, job) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Kernel::NeonDot => unsafe { neon::convolve_dot(memory, job) },
            _ => scalar::convolve(memory, job),
        }
    }
}

/// One convolution over the workspace; lengths and positions in bytes.
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "no kernel leaves out rows"))]
pub(super) struct Convolve<'a> {
    /// Where the window of output pixel (0, 0) begins.
    pub(super) input: usize,
    /// From the windows of one output row to those of the next.
    pub(super) input_row: usize,
    /// From one window to the next.
    pub(super) input_pixel: usize,
    /// Rows of a window.
    pub(super) kernel_rows: usize,
    /// Rows from one window to that below.
    pub(super) stride: usize,
    /// Rows of the input, counted from the first window's first, that are more than zeros: a kernel may leave
    /// out the others.
    pub(super) rows_that_count: Range<usize>,
    /// From one row of a window to the next.
    pub(super) kernel_row: usize,
    /// Bytes of a row of a window, all channels of its pixels; a multiple of 4.
    pub(super) run: usize,
    /// Where output pixel (0, 0) begins.
    pub(super) output: usize,
    /// From one output row to the next.
    pub(super) output_row: usize,
    /// Bytes of an output pixel, a multiple of 16.
    pub(super) channels: usize,
    /// Pixels of an output row.
    pub(super) width: usize,
    /// Pixels of the output.
    pub(super) pixels: usize,
    /// Blocks of 16 output channels whose weights lie together: 1 to 4.
    pub(super) blocks: usize,
    /// For each group of blocks, each row and each 4 bytes of it: 4 weights for each channel of the group.
    pub(super) weights: &'a [u8],
    pub(super) bias: &'a [i32],
    pub(super) scales: &'a [f32],
    pub(super) residual: Option<Residue>,
    pub(super) rounding: Rounding,
}

impl Convolve<'_> {
    /// Where the windows and the outputs of `P` pixels from `pixel` on begin, and their residuals if there are any.
    #[inline(always)]
    fn places<const P: usize>(&self, pixel: usize) -> [[usize; 3]; P] {
        let (mut y, mut x) = (pixel / self.width, pixel % self.width);
        let mut places = [[0; 3]; P];
        for place in &mut places {
            *place = [self.window(y, x), self.output(y, x), self.residual.map_or(0, |r| r.pixel(y, x))];
            x += 1;
            if x == self.width {
                (y, x) = (y + 1, 0);
            }
        }
        places
    }

    /// The addresses of the windows of `places`, checked to lie in the memory.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    fn windows<const P: usize>(&self, memory: Memory<'_>, places: &[[usize; 3]; P]) -> [*const u8; P] {
        let bytes = (self.kernel_rows - 1) * self.kernel_row + self.run;
        places.map(|[window, ..]| memory.pointer(window, bytes).cast_const())
    }

    /// How many groups of channels there are.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    const fn groups(&self) -> usize {
        self.channels / (16 * self.blocks)
    }

    /// The weights of a group of channels.
    #[inline(always)]
    fn group_weights(&self, group: usize) -> &[u8] {
        let bytes = 16 * self.blocks * self.kernel_rows * self.run;
        &self.weights[group * bytes..][..bytes]
    }

    /// The rows of the windows of output rows `first` to `last` that may add to their sums.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn window_rows(&self, first: usize, last: usize) -> Range<usize> {
        let start = self.rows_that_count.start.saturating_sub(last * self.stride);
        let end = self.rows_that_count.end.saturating_sub(first * self.stride).min(self.kernel_rows);
        start..end.max(start)
    }

    #[inline(always)]
    fn window(&self, y: usize, x: usize) -> usize {
        self.input + y * self.input_row + x * self.input_pixel
    }

    #[inline(always)]
    fn output(&self, y: usize, x: usize) -> usize {
        self.output + y * self.output_row + x * self.channels
    }
}

/// A tensor that is added before rounding.
#[derive(Clone, Copy)]
pub(super) struct Residue {
    pub(super) origin: usize,
    pub(super) row: usize,
    pub(super) pixel: usize,
    /// 1 if it is read upsampled by 2.
    pub(super) shift: u32,
    pub(super) zero: i32,
    pub(super) factor: f32,
}

impl Residue {
    #[inline(always)]
    pub(super) fn pixel(&self, y: usize, x: usize) -> usize {
        self.origin + (y >> self.shift) * self.row + (x >> self.shift) * self.pixel
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[allow(clippy::cast_possible_truncation, reason = "a zero point is at most 127")]
    const fn zero_point(&self) -> i8 {
        self.zero as i8
    }

    #[inline(always)]
    pub(super) fn value(&self, q: u8) -> f32 {
        (i32::from(q) - self.zero) as f32 * self.factor
    }
}

/// From a float32 in units of the output's scale to a number of the output.
#[derive(Clone, Copy)]
pub(super) struct Rounding {
    pub(super) low: f32,
    pub(super) high: f32,
    pub(super) zero: i32,
}

impl Rounding {
    pub(super) fn new(zero: i32, relu: bool) -> Self {
        let low = if relu { 0 } else { -zero };
        Self { low: low as f32, high: (127 - zero) as f32, zero }
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[allow(clippy::cast_possible_truncation, reason = "a zero point is at most 127")]
    const fn zero_point(self) -> i8 {
        self.zero as i8
    }

    /// The lowest number: 0, or the zero point.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[allow(clippy::cast_possible_truncation, reason = "from 0 to 127")]
    const fn lowest(self) -> i8 {
        (self.low as i32 + self.zero) as i8
    }

    #[inline(always)]
    pub(super) fn apply(self, value: f32) -> u8 {
        // Adding 1.5 * 2^23 rounds a small number half to even and leaves it in the sum's low bits;
        // comparisons take NaN to low.
        const ROUND: f32 = 12_582_912.0;
        let value = if value > self.low { value } else { self.low };
        let value = if value < self.high { value } else { self.high };
        let rounded = (value + ROUND).to_bits().wrapping_sub(ROUND.to_bits());
        #[allow(clippy::cast_possible_truncation, reason = "in 0..=127")]
        let q = rounded.wrapping_add(self.zero.cast_unsigned()) as u8;
        q
    }
}

impl Kernel {
    const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Sse41 => "sse41",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx-vnni",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Neon => "neon",
            Self::NeonDot => "neon-dot",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kernel {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        Self::ALL.into_iter().find(|kernel| kernel.name() == name).ok_or(KernelError)
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kernel is none of")?;
        Kernel::ALL.iter().try_for_each(|kernel| write!(f, " {kernel}"))
    }
}

impl core::error::Error for KernelError {}

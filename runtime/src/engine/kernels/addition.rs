//! The addition of two tensors: plain code, compiled again for SSE4.1 and AVX2; AVX-512 has its own.

#[cfg(target_arch = "x86_64")]
use super::Kernel;
use super::{CHANNELS, Detected, Memory, Residue, Rounding};

/// One addition over the workspace; lengths and positions in bytes.
pub(in crate::engine) struct Addition {
    pub(in crate::engine) addends: [Residue; 2],
    /// Where output pixel (0, 0) begins.
    pub(in crate::engine) output: usize,
    /// From one output row to the next.
    pub(in crate::engine) output_row: usize,
    /// Bytes of a pixel.
    pub(in crate::engine) channels: usize,
    pub(in crate::engine) height: usize,
    pub(in crate::engine) width: usize,
    pub(in crate::engine) rounding: Rounding,
}

impl Detected {
    /// Computes an addition.
    pub(in crate::engine) fn add(self, memory: Memory<'_>, job: &Addition) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor runs the kernel; only steps of validated plans become jobs.
            Kernel::Avx512Vnni => unsafe { super::avx512::add(memory, job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::AvxVnni | Kernel::Avx2 => unsafe { avx2(memory, job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::Sse41 => unsafe { sse41(memory, job) },
            _ => plain(memory, job),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(memory: Memory<'_>, job: &Addition) {
    plain(memory, job);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "ssse3,sse4.1")]
fn sse41(memory: Memory<'_>, job: &Addition) {
    plain(memory, job);
}

#[inline(always)]
fn plain(memory: Memory<'_>, job: &Addition) {
    let [first, second] = job.addends;
    for (y, x) in (0..job.height).flat_map(|y| (0..job.width).map(move |x| (y, x))) {
        let (a, b) = (first.pixel(y, x), second.pixel(y, x));
        let output = job.output + y * job.output_row + x * job.channels;
        // The sum may be written over an addend: what is read is read before.
        for block in (0..job.channels).step_by(CHANNELS) {
            let (a, b): ([u8; CHANNELS], [u8; CHANNELS]) = (memory.get(a + block), memory.get(b + block));
            let sum = |i: usize| job.rounding.apply(first.value(a[i]) + second.value(b[i]));
            memory.set::<CHANNELS>(output + block, core::array::from_fn(sum));
        }
    }
}

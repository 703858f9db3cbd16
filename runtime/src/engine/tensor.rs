//! Where a tensor's pixels lie in the workspace, and how they get in and out.

use core::ops::Range;

use super::LARGEST;
use super::kernels::{Memory, Residue, Rounding};
use super::plan::TensorRecord;

impl TensorRecord {
    pub(super) fn row_bytes(&self) -> usize {
        (self.width + 2 * self.halo) as usize * self.pixel_bytes as usize
    }

    /// Where a pixel begins; up to `halo` outside the tensor.
    pub(super) fn pixel(&self, y: isize, x: isize) -> usize {
        let halo = self.halo as usize;
        let (row, column) = (halo.wrapping_add_signed(y), halo.wrapping_add_signed(x));
        self.offset as usize + row * self.row_bytes() + column * self.pixel_bytes as usize
    }

    pub(super) fn at(&self, y: usize, x: usize) -> usize {
        let halo = self.halo as usize;
        self.offset as usize + (y + halo) * self.row_bytes() + (x + halo) * self.pixel_bytes as usize
    }

    /// The rows of the padded tensor that may add to a sum: padding adds nothing where it is 0.
    pub(super) fn rows_that_count(&self, padding: u32) -> Range<usize> {
        if self.zero_point > 0 {
            return 0..usize::MAX;
        }
        padding as usize..(padding + self.height) as usize
    }

    pub(super) fn rounding(&self, relu: bool) -> Rounding {
        Rounding::new(self.zero_point as i32, relu)
    }

    pub(super) fn residue(&self, upsampled: u32, factor: f32) -> Residue {
        Residue {
            origin: self.at(0, 0),
            row: self.row_bytes(),
            pixel: self.pixel_bytes as usize,
            shift: upsampled,
            zero: self.zero_point as i32,
            factor,
        }
    }

    pub(super) fn fill_halo(&self, memory: Memory) {
        let (halo, pixel, row) = (self.halo as usize, self.pixel_bytes as usize, self.row_bytes());
        #[allow(clippy::cast_possible_truncation, reason = "validated to be at most 127")]
        let zero = self.zero_point as u8;
        if halo == 0 {
            return;
        }
        let start = self.offset as usize;
        let fill = |at: usize, bytes: usize| memory.slice_mut(at, bytes).fill(zero);
        let inner = start + halo * row;
        fill(start, halo * row + halo * pixel);
        for y in 0..self.height as usize - 1 {
            fill(inner + (y + 1) * row - halo * pixel, 2 * halo * pixel);
        }
        fill(inner + self.height as usize * row - halo * pixel, halo * pixel + halo * row);
    }

    pub(super) fn quantise(&self, memory: Memory, values: &[f32]) {
        let (rounding, inverse) = (self.rounding(false), 1.0 / self.scale);
        let (width, channels) = (self.width as usize, self.pixel_bytes as usize);
        #[allow(clippy::cast_possible_truncation, reason = "validated to be at most 127")]
        let zero = self.zero_point as u8;
        for y in 0..self.height as usize {
            let row = memory.slice_mut(self.at(y, 0), width * channels);
            if channels == 1 {
                let values = &values[y * width..][..width];
                row.iter_mut().zip(values).for_each(|(q, x)| *q = rounding.apply(x * inverse));
                continue;
            }
            if self.channels as usize != channels {
                row.fill(zero);
            }
            for (c, plane) in values.chunks_exact(self.height as usize * width).enumerate() {
                let pixels = row[c..].iter_mut().step_by(channels);
                pixels.zip(&plane[y * width..][..width]).for_each(|(q, x)| *q = rounding.apply(x * inverse));
            }
        }
        self.fill_halo(memory);
    }

    pub(super) fn dequantise(&self, memory: Memory, values: &mut [f32]) {
        let (width, channels, zero) =
            (self.width as usize, self.pixel_bytes as usize, self.zero_point as i32);
        for (c, plane) in values.chunks_exact_mut(self.height as usize * width).enumerate() {
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                let pixels = memory.slice(self.at(y, 0), width * channels)[c..].iter().step_by(channels);
                row.iter_mut().zip(pixels).for_each(|(x, q)| *x = (i32::from(*q) - zero) as f32 * self.scale);
            }
        }
    }
}

const _: () = assert!(LARGEST == 127, "kernels clamp to seven bits");

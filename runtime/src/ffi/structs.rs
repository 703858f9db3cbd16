//! The structs of `recist.h`, field by field; a test compares sizes and offsets with a C compiler's.
#![allow(missing_docs, reason = "the header documents every field")]

use core::ffi::c_char;

use super::model::Measured;
use super::{Status, checked};
use crate::cascade::Stage;
use crate::engine::Kernel;
use crate::geometry::{Axis, Point};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct RecistPoint {
    pub x: f64,
    pub y: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct RecistBox {
    pub x0: f64,
    pub y0: f64,
    pub x1: f64,
    pub y1: f64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RecistSlice {
    pub struct_size: u32,
    pub width: u32,
    pub height: u32,
    pub row_stride: u32,
    pub hu: *const i16,
    pub row_spacing_mm: f64,
    pub column_spacing_mm: f64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RecistOptions {
    pub struct_size: u32,
    pub kernel: i32,
    pub outline: *mut RecistPoint,
    pub outline_capacity: usize,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RecistMeasurement {
    pub struct_size: u32,
    pub warnings: u32,
    pub long_start: RecistPoint,
    pub long_end: RecistPoint,
    pub short_start: RecistPoint,
    pub short_end: RecistPoint,
    pub long_px: f64,
    pub short_px: f64,
    pub long_mm: f64,
    pub short_mm: f64,
    pub mask_area_mm2: f64,
    pub confidence: f64,
    pub keypoints: [RecistPoint; 4],
    pub keypoint_confidence: [f64; 4],
    pub outline_points: u64,
    pub crop_ns: u64,
    pub localization_ns: u64,
    pub sampling_ns: u64,
    pub hourglass_ns: u64,
    pub decoding_ns: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RecistInfo {
    pub struct_size: u32,
    pub kernel: i32,
    pub name: *const c_char,
    pub name_bytes: usize,
    pub version: *const c_char,
    pub version_bytes: usize,
    pub preprocessing: *const c_char,
    pub preprocessing_bytes: usize,
    pub memory_bytes: usize,
    pub patch_size: u32,
    pub heatmap_size: u32,
    pub test_vectors: u32,
    pub sha256: [u8; 32],
    pub low_confidence: f32,
}

/// A struct's size as its first field states it.
#[allow(clippy::cast_possible_truncation, reason = "structs of a few hundred bytes")]
pub(super) const fn size<T>() -> u32 {
    size_of::<T>() as u32
}

/// The kernel of a `RECIST_KERNEL_` number that runs here.
pub(super) fn kernel(number: i32) -> Result<Kernel, Status> {
    let kernel = match number {
        0 => Kernel::best(),
        _ => Kernel::ALL.into_iter().find(|kernel| *kernel as i32 == number).ok_or(Status::Kernel)?,
    };
    if kernel.runs_here() { Ok(kernel) } else { Err(Status::Kernel) }
}

impl RecistOptions {
    const DEFAULT: Self =
        Self { struct_size: size::<Self>(), kernel: 0, outline: core::ptr::null_mut(), outline_capacity: 0 };

    /// The caller's options, or the default for NULL.
    ///
    /// # Safety
    /// `options` is NULL or readable.
    pub(super) unsafe fn read(options: *const Self) -> Result<Self, Status> {
        if options.is_null() {
            return Ok(Self::DEFAULT);
        }
        let options = checked(options)?;
        // SAFETY: not NULL and aligned (checked above), readable by the caller's promise; the size is read
        // before the rest.
        if unsafe { (*options).struct_size } != size::<Self>() {
            return Err(Status::StructSize);
        }
        // SAFETY: as above, and of this version.
        let options = unsafe { options.read() };
        if options.outline.is_null() || options.outline.is_aligned() {
            Ok(options)
        } else {
            Err(Status::Misaligned)
        }
    }
}

impl From<Point> for RecistPoint {
    fn from(point: Point) -> Self {
        Self { x: point.x, y: point.y }
    }
}

impl RecistMeasurement {
    pub(super) fn new(measured: &Measured, outline_points: usize) -> Self {
        let measurement = &measured.measurement;
        let (long, short) = (measurement.axes.long(), measurement.axes.short());
        let mm = |axis: Axis| measurement.spacing.map_or(f64::NAN, |s| axis.length_mm(s));
        let ns = |stage: Stage| measured.nanoseconds[stage as usize];
        Self {
            struct_size: size::<Self>(),
            warnings: measurement.warnings.bits(),
            long_start: long.start().into(),
            long_end: long.end().into(),
            short_start: short.start().into(),
            short_end: short.end().into(),
            long_px: long.length(),
            short_px: short.length(),
            long_mm: mm(long),
            short_mm: mm(short),
            mask_area_mm2: measurement.mask_area_mm2().unwrap_or(f64::NAN),
            confidence: measurement.confidence().into(),
            keypoints: measurement.keypoints.to_array().map(RecistPoint::from),
            keypoint_confidence: measurement.confidences.map(f64::from),
            outline_points: outline_points as u64,
            crop_ns: ns(Stage::Crop),
            localization_ns: ns(Stage::Localization),
            sampling_ns: ns(Stage::Sampling),
            hourglass_ns: ns(Stage::Hourglass),
            decoding_ns: ns(Stage::Decoding),
        }
    }
}

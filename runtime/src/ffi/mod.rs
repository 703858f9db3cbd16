//! The C interface of `include/recist.h`, which is its manual.
//!
//! Every entry point checks its pointers and numbers, catches panics and writes nothing on failure. Everything
//! of a model lies in the caller's block; there is no heap and no global state.
#![allow(unsafe_code, reason = "the C boundary: pointers come in and go out")]

mod model;
mod status;
mod structs;

use core::ffi::{c_char, c_void};
use core::hint::black_box;
use core::panic::AssertUnwindSafe;

use crate::bundle::Bundle;
use crate::cascade::Plans;
use crate::geometry::{LesionBox, PixelSpacing};
use crate::image::{CtSlice, Samples};
pub use model::RecistModel;
use model::{ALIGNMENT, Opened};
pub use status::Status;
pub use structs::{RecistBox, RecistInfo, RecistMeasurement, RecistOptions, RecistPoint, RecistSlice};

/// The version of the interface, `RECIST_ABI_VERSION`.
pub const ABI_VERSION: u32 = 1;

/// The most stack that one call uses, `RECIST_STACK_BYTES`.
pub const STACK_BYTES: usize = 32 * 1024;

#[cfg(not(panic = "unwind"))]
compile_error!("the C interface turns panics into a status: build with panic = \"unwind\"");

/// Runs an entry point: a panic in it becomes a status.
fn guarded(entry: impl FnOnce() -> Result<(), Status>) -> i32 {
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(entry));
    match outcome {
        Ok(Ok(())) => Status::Ok as i32,
        Ok(Err(status)) => status as i32,
        Err(_) => Status::Internal as i32,
    }
}

/// Refuses a thread that was set to round otherwise than to the nearest number: Rust, and the bits that are promised,
/// take that for granted.
fn rounds_to_nearest() -> Result<(), Status> {
    let [one, little] = [1.0, f64::EPSILON / 8.0].map(core::hint::black_box);
    if one + little == one && one - little == one { Ok(()) } else { Err(Status::Rounding) }
}

/// The pointer, if it is not NULL and aligned.
fn checked<T>(pointer: *const T) -> Result<*const T, Status> {
    if pointer.is_null() {
        Err(Status::Null)
    } else if !pointer.is_aligned() {
        Err(Status::Misaligned)
    } else {
        Ok(pointer)
    }
}

/// As [`checked`], for what is written.
fn checked_mut<T>(pointer: *mut T) -> Result<*mut T, Status> {
    checked(pointer.cast_const()).map(<*const T>::cast_mut)
}

/// The bundle's bytes.
///
/// # Safety
/// `bundle` is NULL or points to `bytes` readable bytes that do not change during `'a`.
unsafe fn bundle_bytes<'a>(bundle: *const c_void, bytes: usize) -> Result<&'a [u8], Status> {
    let bundle = checked(bundle.cast::<u8>())?;
    if bytes > isize::MAX.unsigned_abs() {
        return Err(Status::NotABundle);
    }
    // SAFETY: not NULL and not longer than a slice may be (checked above); readable by the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(bundle, bytes) })
}

fn open_bundle(bytes: &[u8]) -> Result<(Bundle<'_>, Plans<'_>), Status> {
    let bundle = Bundle::open(bytes).map_err(|e| Status::of_bundle(&e))?;
    let plans = Plans::open(&bundle).map_err(|e| Status::of_plans(&e))?;
    Ok((bundle, plans))
}

/// See `recist.h`.
#[unsafe(no_mangle)]
pub extern "C" fn recist_abi_version() -> u32 {
    ABI_VERSION
}

/// See `recist.h`.
#[unsafe(no_mangle)]
pub extern "C" fn recist_status_text(status: i32) -> *const c_char {
    Status::text(status).as_ptr()
}

/// See `recist.h`.
///
/// # Safety
/// `bundle` is NULL or points to `bundle_bytes` readable bytes; the other pointers are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recist_memory_required(
    bundle: *const c_void,
    bundle_bytes_: usize,
    bytes: *mut usize,
    alignment: *mut usize,
) -> i32 {
    guarded(|| {
        rounds_to_nearest()?;
        let (bytes, alignment) = (checked_mut(bytes)?, checked_mut(alignment)?);
        // SAFETY: the caller's promise.
        let (_, plans) = open_bundle(unsafe { bundle_bytes(bundle, bundle_bytes_) }?)?;
        // SAFETY: not NULL and aligned (checked above), writable by the caller's promise.
        unsafe {
            bytes.write(RecistModel::bytes(&plans));
            alignment.write(ALIGNMENT);
        }
        Ok(())
    })
}

/// See `recist.h`.
///
/// # Safety
/// `bundle` is NULL or points to `bundle_bytes` bytes that stay readable and unchanged until the model is
/// closed; `memory` is NULL or points to `bytes` bytes that belong to the model until then; `model` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recist_open(
    bundle: *const c_void,
    bundle_bytes_: usize,
    memory: *mut c_void,
    bytes: usize,
    model: *mut *mut RecistModel,
) -> i32 {
    guarded(|| {
        rounds_to_nearest()?;
        let (memory, model) = (checked_mut(memory.cast::<u8>())?, checked_mut(model)?);
        if !memory.addr().is_multiple_of(ALIGNMENT) {
            return Err(Status::Misaligned);
        }
        // SAFETY: the caller's promise; the bytes outlive the model, which is all that keeps them.
        let (bundle, plans) = open_bundle(unsafe { bundle_bytes(bundle, bundle_bytes_) }?)?;
        if bytes < RecistModel::bytes(&plans) {
            return Err(Status::Memory);
        }
        // SAFETY: the block is aligned and large enough (checked above) and the caller's promise makes it ours.
        let opened = unsafe { RecistModel::create(memory, bundle, plans) };
        // SAFETY: not NULL and aligned (checked above), writable by the caller's promise.
        unsafe { model.write(opened) };
        Ok(())
    })
}

/// See `recist.h`.
///
/// # Safety
/// Every pointer is NULL or valid for what the header states.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recist_measure(
    model: *mut RecistModel,
    slice: *const RecistSlice,
    area: *const RecistBox,
    options: *const RecistOptions,
    out: *mut RecistMeasurement,
) -> i32 {
    guarded(|| {
        rounds_to_nearest()?;
        let (slice, area, out) = (checked(slice)?, checked(area)?, checked_mut(out)?);
        // SAFETY: not NULL and aligned (checked above), readable by the caller's promise. The sizes are read
        // before the rest of a struct, which may be another version's.
        let sizes = unsafe { [(*slice).struct_size, (*out).struct_size] };
        if sizes != [structs::size::<RecistSlice>(), structs::size::<RecistMeasurement>()] {
            return Err(Status::StructSize);
        }
        // SAFETY: as above, and of this version.
        let (slice, area) = unsafe { (slice.read(), area.read()) };
        // SAFETY: the caller's promise.
        let options = unsafe { RecistOptions::read(options) }?;
        // SAFETY: the caller's promise.
        let mut opened = unsafe { Opened::take(model) }?;
        let kernel = structs::kernel(options.kernel)?;
        // SAFETY: the caller's promise.
        let slice = unsafe { ct_slice(&slice) }?;
        let area = LesionBox::new(area.x0, area.y0, area.x1, area.y1).map_err(|_| Status::Box)?;
        let measured = opened.measure(&slice, area, kernel)?;
        let outline = if options.outline.is_null() { &[][..] } else { opened.outline(&measured.measurement) };
        if outline.len() > options.outline_capacity {
            return Err(Status::Outline);
        }
        let target = if outline.is_empty() { options.outline } else { checked_mut(options.outline)? };
        for (i, point) in outline.iter().enumerate() {
            // SAFETY: the buffer holds `outline_capacity` points (the caller's promise), which are enough.
            unsafe { target.add(i).write(RecistPoint::from(*point)) };
        }
        // SAFETY: not NULL and aligned (checked above), writable by the caller's promise.
        unsafe { out.write(RecistMeasurement::new(&measured, outline.len())) };
        Ok(())
    })
}

/// See `recist.h`.
///
/// # Safety
/// `model` is NULL or a model's block; `out` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recist_describe(model: *mut RecistModel, out: *mut RecistInfo) -> i32 {
    guarded(|| {
        let out = checked_mut(out)?;
        // SAFETY: not NULL and aligned (checked above), readable by the caller's promise.
        if unsafe { (*out).struct_size } != structs::size::<RecistInfo>() {
            return Err(Status::StructSize);
        }
        // SAFETY: the caller's promise.
        let opened = unsafe { Opened::take(model) }?;
        // SAFETY: as above, writable by the caller's promise.
        unsafe { out.write(opened.describe()) };
        Ok(())
    })
}

/// See `recist.h`.
///
/// # Safety
/// `model` is NULL or a model's block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recist_self_test(model: *mut RecistModel, kernel: i32) -> i32 {
    guarded(|| {
        rounds_to_nearest()?;
        // SAFETY: the caller's promise.
        let mut opened = unsafe { Opened::take(model) }?;
        opened.self_test(structs::kernel(kernel)?)
    })
}

/// See `recist.h`.
///
/// # Safety
/// `model` is NULL or a model's block, open or closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recist_close(model: *mut RecistModel) {
    guarded(|| {
        // SAFETY: the caller's promise.
        unsafe { Opened::take(model) }?.close();
        Ok(())
    });
}

/// The slice that a caller describes.
///
/// # Safety
/// `hu` is NULL or points to as many samples as the other fields say.
unsafe fn ct_slice<'a>(slice: &RecistSlice) -> Result<CtSlice<'a>, Status> {
    let hu = checked(slice.hu)?;
    let (width, height, stride) = (slice.width as usize, slice.height as usize, slice.row_stride as usize);
    let samples =
        height.checked_sub(1).and_then(|n| n.checked_mul(stride)).and_then(|n| n.checked_add(width));
    let samples = samples.filter(|n| *n <= isize::MAX.unsigned_abs() / 2).ok_or(Status::Slice)?;
    let spacing = match [slice.row_spacing_mm, slice.column_spacing_mm] {
        // By the bits, which the compiler may not know to be a number's: a thread that flushes tiny numbers takes
        // them all for 0.
        given if given.iter().all(|mm| black_box(mm.to_bits()) << 1 == 0) => None,
        [row, column] => Some(PixelSpacing::new(row, column).map_err(|_| Status::Spacing)?),
    };
    // SAFETY: not NULL and aligned (checked above); the samples fit a slice and are readable by the caller's
    // promise.
    let hu = unsafe { core::slice::from_raw_parts(hu, samples) };
    CtSlice::new(Samples::I16(hu), [width, height], stride, spacing).map_err(|_| Status::Slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(guarded(|| Ok(())), 0);
        assert_eq!(guarded(|| Err(Status::Slice)), 9);
        assert_eq!(guarded(|| panic!("the test's own")), Status::Internal as i32);
    }
}

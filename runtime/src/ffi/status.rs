use core::ffi::CStr;

use crate::bundle::BundleError;
use crate::cascade::{MeasureError, PlansError};
use crate::engine::PlanError;
use crate::image::CropError;

macro_rules! statuses {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        /// What came of a call, `recist_status`. Numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(i32)]
        pub enum Status {
            $(
                #[doc = concat!("\"", $text, "\"")]
                $name = $number,
            )*
        }

        impl Status {
            /// Every status with its text.
            pub const ALL: &'static [(Self, &'static CStr)] = &[
                $((Self::$name, match CStr::from_bytes_with_nul(concat!($text, "\0").as_bytes()) {
                    Ok(text) => text,
                    Err(_) => panic!("a status text holds no zero"),
                }),)*
            ];
        }
    };
}

statuses! {
    Ok = 0, "ok";
    Null = 1, "a pointer that must not be NULL is NULL";
    StructSize = 2, "a struct_size is not this library's: start from the INIT macro";
    Misaligned = 3, "the bundle, the memory, the samples or a struct do not lie at their alignment";
    Memory = 4, "the memory block is smaller than recist_memory_required says";
    NotABundle = 5, "the bytes are not a recist bundle, or cut short";
    BundleVersion = 6, "the bundle has another format version than this library reads";
    BundleDamaged = 7, "the bundle is damaged: its checksum does not match";
    BundleForeign = 8, "the bundle is made for another cascade";
    Slice = 9, "width, height or row stride of the slice cannot be";
    Spacing = 10,
        "the pixel spacing must be from 0.01 to 10 mm, one at most 4 times the other, or 0 for both where it is unknown";
    Box = 11, "the box is not finite, more than 1e9 pixels away, reversed or empty";
    BoxOutside = 12, "the centre of the box does not lie on the slice";
    BoxSize = 13, "the box is wider or higher than the slice, or its longer side is below 4 pixels";
    NoContrast = 14, "the middle of the box shows no contrast";
    NoLesion = 15, "no lesion was seen clearly: draw the box round the whole lesion, about twice its size";
    Busy = 16, "another call is running on this model";
    NotOpen = 17, "the model is not open";
    Kernel = 18, "the kernel is unknown or does not run on this processor";
    SelfTest = 19, "the self-test measured other bits than the bundle states";
    Outline = 20, "the outline does not fit its buffer";
    Internal = 21, "a fault of the library was caught";
    Rounding = 22, "this thread does not round floating-point numbers to the nearest: fesetround(FE_TONEAREST) first";
}

impl Status {
    /// The text for a number; for an unknown one a text that says so.
    pub(super) fn text(number: i32) -> &'static CStr {
        Self::ALL
            .iter()
            .find(|(status, _)| *status as i32 == number)
            .map_or(c"unknown status", |(_, text)| text)
    }

    pub(super) fn of_bundle(error: &BundleError) -> Self {
        match error {
            BundleError::Misaligned { .. } => Self::Misaligned,
            BundleError::NotABundle | BundleError::Length { .. } => Self::NotABundle,
            BundleError::Version { .. } => Self::BundleVersion,
            BundleError::Checksum => Self::BundleDamaged,
            BundleError::Section { .. } | BundleError::Manifest(_) | BundleError::TestVectors(_) => {
                Self::BundleForeign
            }
        }
    }

    pub(super) fn of_plans(error: &PlansError) -> Self {
        match error {
            PlansError::Plan { error: PlanError::Version { .. }, .. } => Self::BundleVersion,
            PlansError::Plan { error: PlanError::Checksum, .. } => Self::BundleDamaged,
            PlansError::Plan { .. } | PlansError::Ports { .. } | PlansError::HeatmapSize { .. } => {
                Self::BundleForeign
            }
        }
    }

    pub(super) fn of_measure<E>(error: &MeasureError<E>) -> Self {
        match error {
            MeasureError::Crop(CropError::Outside { .. }) => Self::BoxOutside,
            MeasureError::Crop(CropError::TooLarge { .. } | CropError::TooSmall { .. }) => Self::BoxSize,
            MeasureError::Normalise(_) => Self::NoContrast,
            MeasureError::Network(_) => Self::Internal,
            MeasureError::Theta(_)
            | MeasureError::Implausible { .. }
            | MeasureError::NoKeypoint { .. }
            | MeasureError::Axes(_)
            | MeasureError::OutsideSlice { .. }
            | MeasureError::Disagreement { .. } => Self::NoLesion,
        }
    }
}

use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::structs::{RecistInfo, size};
use super::{Status, checked_mut};
use crate::bundle::Bundle;
use crate::cascade::{EngineNetworks, Measurement, OUTLINE_POINTS, Plans, Workspace, measure, outline};
use crate::engine::Kernel;
use crate::geometry::{AffineMap, LesionBox, Point};
use crate::image::{CtSlice, PATCH_SIZE, Samples};

/// What the address of a model's block must be a multiple of.
pub(super) const ALIGNMENT: usize = 64;

/// States of a model: numbers that memory holds by accident as good as never.
const OPEN: u32 = 0x5243_4F50;
const BUSY: u32 = 0x5243_4255;
const CLOSED: u32 = 0x5243_434C;

/// A model at the front of the caller's block; the engine's workspace follows.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct RecistModel {
    state: AtomicU32,
    engine_bytes: usize,
    bundle: Bundle<'static>,
    plans: Plans<'static>,
    outline: [Point; OUTLINE_POINTS],
    workspace: Workspace,
}

/// A model that this call alone uses; when dropped, others may use it again.
pub(super) struct Opened<'m> {
    model: *mut RecistModel,
    state: &'m AtomicU32,
    after: u32,
}

/// A measurement and the time of each of its stages.
pub(super) struct Measured {
    pub(super) measurement: Measurement,
    pub(super) nanoseconds: [u64; 5],
}

impl RecistModel {
    /// The size of the caller's block for these plans, as `recist_memory_required` tells it.
    ///
    /// Never more than 32 bits hold: a validated plan works in at most 1 GiB.
    #[must_use]
    pub fn bytes(plans: &Plans<'_>) -> usize {
        // Were that not so, no block would be large enough.
        size_of::<Self>().saturating_add(plans.workspace_bytes())
    }

    /// Makes a model at the front of `memory`.
    ///
    /// # Safety
    /// `memory` is aligned, has [`RecistModel::bytes`] bytes and is the model's until it is closed; the
    /// bundle's bytes live as long.
    pub(super) unsafe fn create(memory: *mut u8, bundle: Bundle<'_>, plans: Plans<'_>) -> *mut Self {
        let model = memory.cast::<Self>();
        // SAFETY: the block is ours, aligned and large enough. Fields are written one by one because a whole
        // model on the stack would exceed its bound; points and workspace are plain numbers, for which zero
        // bytes are valid. The lifetimes are the caller's promise.
        unsafe {
            (&raw mut (*model).engine_bytes).write(plans.workspace_bytes());
            (&raw mut (*model).bundle).write(core::mem::transmute::<Bundle<'_>, Bundle<'static>>(bundle));
            (&raw mut (*model).plans).write(core::mem::transmute::<Plans<'_>, Plans<'static>>(plans));
            (&raw mut (*model).outline).write_bytes(0, 1);
            (&raw mut (*model).workspace).write_bytes(0, 1);
            memory.add(size_of::<Self>()).write_bytes(0, plans.workspace_bytes());
            (&raw mut (*model).state).write(AtomicU32::new(OPEN));
        }
        model
    }
}

impl Opened<'_> {
    /// Takes an open model for this call.
    ///
    /// # Safety
    /// `model` is NULL or points to a block that holds or held a model.
    pub(super) unsafe fn take(model: *mut RecistModel) -> Result<Self, Status> {
        let model = checked_mut(model)?;
        // SAFETY: not NULL and aligned (checked above), a model's block by the caller's promise; other threads
        // touch the state as an atomic only.
        let state = unsafe { &(*model).state };
        match state.compare_exchange(OPEN, BUSY, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Ok(Self { model, state, after: OPEN }),
            Err(BUSY) => Err(Status::Busy),
            Err(_) => Err(Status::NotOpen),
        }
    }

    pub(super) fn close(mut self) {
        self.after = CLOSED;
    }

    fn parts(
        &mut self,
    ) -> (&Bundle<'static>, EngineNetworksIn<'_>, &mut Workspace, &mut [Point; OUTLINE_POINTS]) {
        // SAFETY: the state says that this call alone uses the model, so its other fields are borrowed by
        // nobody else; the engine's workspace follows the model in the block.
        unsafe {
            let model = self.model;
            let engine = model.cast::<u8>().add(size_of::<RecistModel>());
            let engine = core::slice::from_raw_parts_mut(engine, (*model).engine_bytes);
            let networks = EngineNetworksIn { plans: (*model).plans, engine };
            (&(*model).bundle, networks, &mut (*model).workspace, &mut (*model).outline)
        }
    }

    pub(super) fn measure(
        &mut self,
        slice: &CtSlice<'_>,
        area: LesionBox,
        kernel: Kernel,
    ) -> Result<Measured, Status> {
        let (_, EngineNetworksIn { plans, engine }, workspace, _) = self.parts();
        let mut networks = EngineNetworks::new(plans, engine, kernel);
        let mut nanoseconds = [0; 5];
        let mut start = Instant::now();
        let finished = |stage| {
            let now = Instant::now();
            nanoseconds[stage as usize] = u64::try_from((now - start).as_nanos()).unwrap_or(u64::MAX);
            start = now;
        };
        let measurement =
            measure(slice, area, &mut networks, workspace, finished).map_err(|e| Status::of_measure(&e))?;
        Ok(Measured { measurement, nanoseconds })
    }

    /// The outline of the mask of the last measurement.
    pub(super) fn outline(&mut self, measurement: &Measurement) -> &[Point] {
        let (_, _, workspace, points) = self.parts();
        let patch_to_slice = AffineMap::normalised_to_box(measurement.square);
        let count = outline(&workspace.mask, patch_to_slice, points);
        &points[..count.expect("the buffer holds the longest outline")]
    }

    pub(super) fn describe(mut self) -> RecistInfo {
        let (bundle, networks, ..) = self.parts();
        let manifest = bundle.manifest();
        let (name, version) = (manifest.name(), manifest.version());
        let preprocessing = manifest.get("preprocessing").unwrap_or_default();
        let vectors = bundle.test_vectors().iter().count();
        RecistInfo {
            struct_size: size::<RecistInfo>(),
            kernel: Kernel::best() as i32,
            name: name.as_ptr().cast(),
            name_bytes: name.len(),
            version: version.as_ptr().cast(),
            version_bytes: version.len(),
            preprocessing: preprocessing.as_ptr().cast(),
            preprocessing_bytes: preprocessing.len(),
            memory_bytes: RecistModel::bytes(&networks.plans),
            #[allow(clippy::cast_possible_truncation, reason = "128")]
            patch_size: PATCH_SIZE as u32,
            heatmap_size: u32::try_from(networks.plans.heatmap_size()).unwrap_or(u32::MAX),
            test_vectors: u32::try_from(vectors).unwrap_or(u32::MAX),
            sha256: bundle.sha256(),
            low_confidence: networks.plans.low_confidence(),
        }
    }

    /// Measures the bundle's test vectors and compares every bit.
    pub(super) fn self_test(&mut self, kernel: Kernel) -> Result<(), Status> {
        let vectors = self.parts().0.test_vectors();
        for vector in vectors.iter() {
            let samples = Samples::LittleEndian(vector.samples());
            let size = [vector.width, vector.height];
            let slice = CtSlice::new(samples, size, vector.width, Some(vector.spacing));
            let slice = slice.map_err(|_| Status::SelfTest)?;
            let measured =
                self.measure(&slice, vector.area, kernel).map_err(|_| Status::SelfTest)?.measurement;
            let points = measured.axes.keypoints().to_array();
            let got = points.iter().flat_map(|p| [p.x, p.y]).chain([measured.confidence().into()]);
            if !got.map(f64::to_bits).eq(vector.expected.iter().map(|v| v.to_bits())) {
                return Err(Status::SelfTest);
            }
        }
        Ok(())
    }
}

/// The plans and the engine's part of the block.
struct EngineNetworksIn<'m> {
    plans: Plans<'static>,
    engine: &'m mut [u8],
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.state.store(self.after, Ordering::Release);
    }
}

use std::sync::Arc;

use tract_onnx::prelude::*;

use super::tract_models::PATCH;
use super::{OnnxError, TractModels};
use crate::cascade::{Mask, Networks, ThetaOutputs};
use crate::image::Patch;

/// Both networks on tract, one by one.
#[derive(Debug)]
pub struct TractNetworks {
    localization: Arc<TypedRunnableModel>,
    hourglass: Arc<TypedRunnableModel>,
    heatmap_size: usize,
    low_confidence: f32,
}

impl TractNetworks {
    pub(super) fn new(models: TractModels, low_confidence: f32) -> TractResult<Self> {
        let TractModels { localization, hourglass, heatmap_size } = models;
        let runnable = |model: TypedModel| model.into_optimized()?.into_runnable();
        let [localization, hourglass] = [runnable(localization)?, runnable(hourglass)?];
        Ok(Self { localization, hourglass, heatmap_size, low_confidence })
    }
}

/// Runs a model on a patch; every output is copied to its target.
pub(super) fn run(
    model: &Arc<TypedRunnableModel>,
    patch: &Patch,
    targets: &mut [&mut [f32]],
) -> TractResult<TVec<TValue>> {
    let outputs = model.run(tvec!(Tensor::from_shape(&PATCH, patch)?.into_tvalue()))?;
    for (target, output) in targets.iter_mut().zip(&outputs) {
        target.copy_from_slice(output.try_as_plain_ram()?.as_slice::<f32>()?);
    }
    Ok(outputs)
}

impl Networks for TractNetworks {
    type Error = OnnxError;

    fn heatmap_size(&self) -> usize {
        self.heatmap_size
    }

    fn low_confidence(&self) -> f32 {
        self.low_confidence
    }

    fn localize(&mut self, patch: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, OnnxError> {
        let mut numbers = [0.0; 5];
        run(&self.localization, patch, &mut [mask, &mut numbers]).map_err(OnnxError::tract)?;
        Ok(ThetaOutputs::from_array(numbers))
    }

    fn find_keypoints(&mut self, canonical: &Patch, heatmaps: &mut [f32]) -> Result<(), OnnxError> {
        run(&self.hourglass, canonical, &mut [heatmaps]).map_err(OnnxError::tract)?;
        Ok(())
    }
}

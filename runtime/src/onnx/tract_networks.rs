use std::sync::Arc;

use tract_onnx::prelude::*;

use super::lower::read;
use super::plan_operator::PlanOperator;
use super::{OnnxError, lower};
use crate::cascade::{MASK_PIXELS, MAXIMUM_HEATMAP_SIZE, Mask, Networks, ThetaOutputs};
use crate::engine::{Kernel, compile};
use crate::image::{PATCH_SIZE, Patch};

/// Both networks on tract.
#[derive(Debug)]
pub struct TractNetworks {
    localization: Arc<TypedRunnableModel>,
    hourglass: Arc<TypedRunnableModel>,
    heatmap_size: usize,
}

impl TractNetworks {
    /// The networks of two ONNX files on tract's own operators, in float32.
    ///
    /// # Errors
    /// If tract cannot run a file, or it is not the cascade's.
    pub fn float32(localization: &[u8], hourglass: &[u8]) -> Result<Self, OnnxError> {
        let model = |onnx: &[u8]| read(onnx)?.into_optimized().map_err(OnnxError::tract);
        Self::new(model(localization)?, model(hourglass)?)
    }

    /// The networks of two quantised ONNX files, each lowered to a plan that tract runs as one operator: the
    /// same bits as the engine by itself.
    ///
    /// # Errors
    /// If a file cannot be lowered, or is not the cascade's.
    pub fn int8(localization: &[u8], hourglass: &[u8], kernel: Kernel) -> Result<Self, OnnxError> {
        let model = |onnx: &[u8]| {
            let plan = compile(&lower(onnx)?).map_err(OnnxError::Compile)?;
            PlanOperator::new(&plan, kernel)?.model().map_err(OnnxError::tract)
        };
        Self::new(model(localization)?, model(hourglass)?)
    }

    /// The networks of two plans, each run by tract as one operator.
    ///
    /// # Errors
    /// If a plan is not valid, or not the cascade's.
    pub fn plans(localization: &[u8], hourglass: &[u8], kernel: Kernel) -> Result<Self, OnnxError> {
        let model = |plan: &[u8]| PlanOperator::new(plan, kernel)?.model().map_err(OnnxError::tract);
        Self::new(model(localization)?, model(hourglass)?)
    }

    fn new(localization: TypedModel, hourglass: TypedModel) -> Result<Self, OnnxError> {
        let elements = |model: &TypedModel| -> Result<Vec<usize>, OnnxError> {
            let outlets = model.output_outlets().map_err(OnnxError::tract)?;
            let shape =
                |outlet: &OutletId| model.nodes[outlet.node].outputs[outlet.slot].fact.shape.as_concrete();
            Ok(outlets.iter().map(|outlet| shape(outlet).map_or(0, |s| s.iter().product())).collect())
        };
        let ports = |reason: String| OnnxError::Ports { reason };
        let found = elements(&localization)?;
        if found != [MASK_PIXELS, 5] {
            return Err(ports(format!(
                "the localization network gives {found:?} numbers, not [{MASK_PIXELS}, 5]"
            )));
        }
        let maps = elements(&hourglass)?;
        let heatmap_size = match maps[..] {
            [elements] => (elements / 4).isqrt(),
            _ => 0,
        };
        if !(8..=MAXIMUM_HEATMAP_SIZE).contains(&heatmap_size) || maps != [4 * heatmap_size * heatmap_size] {
            return Err(ports(format!("the hourglass gives {maps:?} numbers, not four square heatmaps")));
        }
        let runnable = |model: TypedModel| model.into_runnable().map_err(OnnxError::tract);
        Ok(Self { localization: runnable(localization)?, hourglass: runnable(hourglass)?, heatmap_size })
    }
}

fn run(model: &Arc<TypedRunnableModel>, patch: &Patch, targets: &mut [&mut [f32]]) -> TractResult<()> {
    let input = Tensor::from_shape(&[1, 1, PATCH_SIZE, PATCH_SIZE], patch)?;
    let outputs = model.run(tvec!(input.into_tvalue()))?;
    for (target, output) in targets.iter_mut().zip(&outputs) {
        target.copy_from_slice(output.try_as_plain_ram()?.as_slice::<f32>()?);
    }
    Ok(())
}

impl Networks for TractNetworks {
    type Error = OnnxError;

    fn heatmap_size(&self) -> usize {
        self.heatmap_size
    }

    fn localize(&mut self, patch: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, OnnxError> {
        let mut numbers = [0.0; 5];
        run(&self.localization, patch, &mut [mask, &mut numbers]).map_err(OnnxError::tract)?;
        Ok(ThetaOutputs::from_array(numbers))
    }

    fn find_keypoints(&mut self, canonical: &Patch, heatmaps: &mut [f32]) -> Result<(), OnnxError> {
        run(&self.hourglass, canonical, &mut [heatmaps]).map_err(OnnxError::tract)
    }
}

use tract_onnx::prelude::*;

use super::plan_operator::PlanOperator;
use super::{OnnxError, TractCascade, TractNetworks, file, lower};
use crate::cascade::{MASK_PIXELS, MAXIMUM_HEATMAP_SIZE};
use crate::engine::{Kernel, compile};
use crate::image::PATCH_SIZE;

/// Both networks as tract holds them before it runs them, one by one or as one cascade.
#[derive(Clone, Debug)]
pub struct TractModels {
    pub(super) localization: TypedModel,
    pub(super) hourglass: TypedModel,
    pub(super) heatmap_size: usize,
}

/// The shape of a patch.
pub(super) const PATCH: [usize; 4] = [1, 1, PATCH_SIZE, PATCH_SIZE];

impl TractModels {
    /// The networks of two ONNX files on tract's own operators, in float32.
    ///
    /// # Errors
    /// If tract cannot read a file, or it is not the cascade's.
    pub fn float32(localization: &[u8], hourglass: &[u8]) -> Result<Self, OnnxError> {
        let model = |onnx: &[u8]| Ok(file::models(&file::decode(onnx)?)?.1);
        Self::new(model(localization)?, model(hourglass)?)
    }

    /// The networks of two quantised ONNX files, each lowered to a plan that tract runs as one operator: the
    /// same bits as the engine by itself.
    ///
    /// # Errors
    /// If a file cannot be lowered, or is not the cascade's.
    pub fn int8(localization: &[u8], hourglass: &[u8], kernel: Kernel) -> Result<Self, OnnxError> {
        let plan = |onnx: &[u8]| compile(&lower(onnx)?).map_err(OnnxError::Compile);
        Self::plans(&plan(localization)?, &plan(hourglass)?, kernel)
    }

    /// The networks of two plans, each run by tract as one operator.
    ///
    /// # Errors
    /// If a plan is not valid, or not the cascade's.
    pub fn plans(localization: &[u8], hourglass: &[u8], kernel: Kernel) -> Result<Self, OnnxError> {
        let model = |plan: &[u8]| PlanOperator::new(plan, kernel)?.model().map_err(OnnxError::tract);
        Self::new(model(localization)?, model(hourglass)?)
    }

    /// The networks one by one; `low_confidence` is their model's
    /// ([`Cascade::low_confidence`](crate::cascade::Cascade::low_confidence)).
    ///
    /// # Errors
    /// If tract cannot run them.
    pub fn networks(self, low_confidence: f32) -> Result<TractNetworks, OnnxError> {
        TractNetworks::new(self, low_confidence).map_err(OnnxError::tract)
    }

    /// The cascade as one model: both networks with the sampler between them and the decoding behind them;
    /// `low_confidence` is their model's ([`Cascade::low_confidence`](crate::cascade::Cascade::low_confidence)).
    ///
    /// # Errors
    /// If tract cannot run it.
    pub fn cascade(self, low_confidence: f32) -> Result<TractCascade, OnnxError> {
        TractCascade::new(&self, low_confidence).map_err(OnnxError::tract)
    }

    fn new(localization: TypedModel, hourglass: TypedModel) -> Result<Self, OnnxError> {
        let [(patch, found), (canonical, maps)] = [ports(&localization)?, ports(&hourglass)?];
        let wrong = |reason: String| Err(OnnxError::Ports { reason });
        for (name, input) in [("localization network", patch), ("hourglass", canonical)] {
            if input.shapes != [PATCH] {
                return wrong(format!(
                    "the {name} takes {}, not a patch 1,1,{PATCH_SIZE},{PATCH_SIZE}",
                    input.text
                ));
            }
        }
        if found.numbers() != [MASK_PIXELS, 5] {
            return wrong(format!(
                "the localization network gives {}, not a mask of {MASK_PIXELS} pixels and 5 numbers",
                found.text
            ));
        }
        let heatmap_size = match maps.numbers()[..] {
            [numbers] => (numbers / 4).isqrt(),
            _ => 0,
        };
        let expected = [[1, 4, heatmap_size, heatmap_size]];
        if !(8..=MAXIMUM_HEATMAP_SIZE).contains(&heatmap_size) || maps.shapes != expected {
            return wrong(format!("the hourglass gives {}, not four square heatmaps", maps.text));
        }
        Ok(Self { localization, hourglass, heatmap_size })
    }
}

/// What goes into a model, or comes out.
struct Ports {
    /// One shape each; one that is not fixed is empty.
    shapes: Vec<Vec<usize>>,
    /// The same as tract writes them.
    text: String,
}

impl Ports {
    fn numbers(&self) -> Vec<usize> {
        self.shapes.iter().map(|shape| shape.iter().product()).collect()
    }
}

/// What a model takes and what it gives.
fn ports(model: &TypedModel) -> Result<(Ports, Ports), OnnxError> {
    let of = |outlets: &[OutletId]| {
        let facts = outlets.iter().map(|outlet| &model.nodes[outlet.node].outputs[outlet.slot].fact.shape);
        let text: Vec<String> = facts.clone().map(|shape| format!("{shape:?}")).collect();
        Ports {
            shapes: facts.map(|shape| shape.as_concrete().unwrap_or_default().to_vec()).collect(),
            text: text.join(" and "),
        }
    };
    let inputs = model.input_outlets().map_err(OnnxError::tract)?;
    let outputs = model.output_outlets().map_err(OnnxError::tract)?;
    Ok((of(inputs), of(outputs)))
}

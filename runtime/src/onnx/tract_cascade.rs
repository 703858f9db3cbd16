use std::collections::HashMap;
use std::sync::Arc;

use tract_core::internal::*;

use super::decoding_operator::DecodingOperator;
use super::sampler_operator::SamplerOperator;
use super::tract_models::PATCH;
use super::tract_networks::run;
use super::{OnnxError, TractModels};
use crate::cascade::{
    CanonicalKeypoint, Cascade, Findings, MeasureError, Stage, ThetaOutputs, Workspace, plausible,
};
use crate::geometry::Point;

/// The cascade as one tract model: localization network, sampler, hourglass and decoding are its nodes.
///
/// With the engine's plans for networks it gives the same bits as the engine by itself.
#[derive(Debug)]
pub struct TractCascade {
    /// From the patch to mask, θ's numbers, canonical patch, heatmaps and keypoints.
    model: Arc<TypedRunnableModel>,
    heatmap_size: usize,
    low_confidence: f32,
}

impl TractCascade {
    pub(super) fn new(models: &TractModels, low_confidence: f32) -> TractResult<Self> {
        let mut model = TypedModel::default();
        let patch = model.add_source("patch", f32::fact(PATCH))?;
        let localized = append(&mut model, "localization", &models.localization, patch)?;
        let [mask, numbers] = localized[..] else { bail!("the localization network has two outputs") };
        let canonical = model.wire_node("sampler", SamplerOperator, &[patch, numbers])?[0];
        let heatmaps = append(&mut model, "hourglass", &models.hourglass, canonical)?[0];
        let decoding = DecodingOperator { heatmap_size: models.heatmap_size };
        let keypoints = model.wire_node("decoding", decoding, &[heatmaps])?[0];
        model.select_output_outlets(&[mask, numbers, canonical, heatmaps, keypoints])?;
        let model = model.into_optimized()?.into_runnable()?;
        Ok(Self { model, heatmap_size: models.heatmap_size, low_confidence })
    }
}

/// Writes a network's nodes down in `model`, over `input`, and gives its outputs.
fn append(
    model: &mut TypedModel,
    name: &str,
    network: &TypedModel,
    input: OutletId,
) -> TractResult<Vec<OutletId>> {
    let mut outlets = HashMap::from([(network.input_outlets()?[0], input)]);
    for id in network.eval_order()? {
        let node = &network.nodes[id];
        if outlets.contains_key(&id.into()) {
            continue;
        }
        let inputs: TVec<OutletId> = node.inputs.iter().map(|input| outlets[input]).collect();
        let outputs = model.wire_node(format!("{name}.{}", node.name), node.op.clone(), &inputs)?;
        outlets.extend(outputs.into_iter().enumerate().map(|(slot, to)| (OutletId::new(id, slot), to)));
    }
    Ok(network.output_outlets()?.iter().map(|outlet| outlets[outlet]).collect())
}

impl Cascade for TractCascade {
    type Error = OnnxError;

    fn find(
        &mut self,
        workspace: &mut Workspace,
        finished: &mut dyn FnMut(Stage),
    ) -> Result<Findings, MeasureError<OnnxError>> {
        let Workspace { patch, canonical, mask, heatmaps } = workspace;
        let heatmaps = &mut heatmaps[..4 * self.heatmap_size * self.heatmap_size];
        let mut numbers = [0.0; 5];
        let keypoints = run(&self.model, patch, &mut [mask, &mut numbers, canonical, heatmaps])
            .and_then(|outputs| Ok(outputs[4].try_as_plain_ram()?.as_slice::<f64>()?.to_vec()))
            .map_err(|error| MeasureError::Network(OnnxError::tract(error)))?;
        let theta = plausible(ThetaOutputs::from_array(numbers))?;
        // They end together: tract runs them as one.
        [Stage::Localization, Stage::Sampling, Stage::Hourglass].into_iter().for_each(finished);
        let mut found = [CanonicalKeypoint::default(); 4];
        for (keypoint, &[x, y, confidence]) in found.iter_mut().zip(keypoints.as_chunks().0) {
            #[allow(clippy::cast_possible_truncation, reason = "it was widened to stand beside positions")]
            let confidence = confidence as f32;
            *keypoint = CanonicalKeypoint { position: Point::new(x, y), confidence };
        }
        Ok(Findings { theta, keypoints: found })
    }

    fn low_confidence(&self) -> f32 {
        self.low_confidence
    }
}

use super::QuantiseError;
use crate::autodiff::{FeatureMap, Module, NoneTape, cpu, upload};
use crate::graph::Value;
use crate::quantise::Folded;

/// Runs a network so that every value of it can be looked at.
#[derive(Debug)]
pub(super) struct Values {
    module: Module<f32, crate::autodiff::Cpu>,
    input: (usize, usize, usize),
}

impl Values {
    pub(super) fn new(folded: &Folded) -> Result<Self, QuantiseError> {
        let every: Vec<Value> = folded.graph.nodes().map(|(value, _)| value).collect();
        let graph = folded.graph.clone().with_outputs(&every);
        let shape = graph.nodes().next().map(|(_, node)| node.shape());
        let input = shape.map_or((0, 0, 0), |shape| (shape.height, shape.width, shape.channels));
        Ok(Self { module: Module::new(graph, &folded.weights, &cpu())?, input })
    }

    /// All values on a batch, in the order of the nodes.
    pub(super) fn on(
        &self,
        batch: &[f32],
    ) -> Result<Vec<FeatureMap<f32, crate::autodiff::Cpu>>, QuantiseError> {
        let (height, width, channels) = self.input;
        let images = batch.len() / (height * width * channels);
        let input = upload(self.module.device(), (images, height, width, channels), batch)?;
        Ok(self.module.infer(input, NoneTape)?.0)
    }
}

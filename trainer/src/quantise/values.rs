use super::QuantiseError;
use crate::autodiff::{Module, cpu, download, upload};
use crate::graph::Value;
use crate::quantise::Folded;

/// Patches run at once.
const BATCH: usize = 8;

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

    /// Runs the network on `patches`, which lie one after the other, some at once. `read` is given every value of
    /// every run: the node's place in the graph, and the numbers image by image, channels innermost.
    pub(super) fn read(
        &self,
        patches: &[f32],
        mut read: impl FnMut(usize, &[f32]),
    ) -> Result<(), QuantiseError> {
        let (height, width, channels) = self.input;
        let patch = height * width * channels;
        for batch in patches.chunks(BATCH * patch) {
            let shape = (batch.len() / patch, height, width, channels);
            let input = upload(self.module.device(), shape, batch)?;
            for (node, map) in self.module.infer(input)?.iter().enumerate() {
                read(node, &download(map)?);
            }
        }
        Ok(())
    }
}

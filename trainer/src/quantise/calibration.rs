use super::rule::Histogram;
use super::values::Values;
use super::{Folded, QuantiseError, Rule};
use crate::autodiff::download;

/// The smallest and the largest number that a value should be able to be.
pub type Range = (f32, f32);

/// What every value of a network was seen to be on the calibration patches.
#[derive(Clone, Debug)]
pub struct Calibration {
    histograms: Vec<Histogram>,
}

/// Patches run at once.
const BATCH: usize = 8;

impl Calibration {
    /// Runs the network on `patches`, one after the other in one slice: once for the extremes, once for the
    /// histograms between them.
    ///
    /// # Errors
    /// If the network cannot be run.
    pub fn measure(folded: &Folded, patches: &[f32]) -> Result<Self, QuantiseError> {
        let values = Values::new(folded)?;
        let patch = folded.graph.nodes().next().map_or(1, |(_, node)| node.shape().elements());
        let mut extremes = vec![(0.0_f32, 0.0_f32); folded.graph.nodes().len()];
        for batch in patches.chunks(BATCH * patch) {
            for ((low, high), map) in extremes.iter_mut().zip(values.on(batch)?) {
                for value in download(&map) {
                    (*low, *high) = (low.min(value), high.max(value));
                }
            }
        }
        let mut histograms: Vec<Histogram> =
            extremes.into_iter().map(|(low, high)| Histogram::new(low, high)).collect();
        for batch in patches.chunks(BATCH * patch) {
            for (histogram, map) in histograms.iter_mut().zip(values.on(batch)?) {
                histogram.add(&download(&map));
            }
        }
        Ok(Self { histograms })
    }

    /// The range of every value, in the order of the nodes.
    #[must_use]
    pub fn ranges(&self, rule: Rule) -> Vec<Range> {
        self.histograms.iter().map(|histogram| histogram.range(rule)).collect()
    }
}

use super::rule::Histogram;
use super::values::Values;
use super::{Folded, QuantiseError, Rule};

/// The smallest and the largest number that a value should be able to be.
pub type Range = (f32, f32);

/// What every value of a network was seen to be on the calibration patches.
#[derive(Clone, Debug)]
pub struct Calibration {
    histograms: Vec<Histogram>,
    outputs: Vec<usize>,
}

impl Calibration {
    /// Runs the network on `patches`, one after the other in one slice: once for the extremes, once for the
    /// histograms between them.
    ///
    /// # Errors
    /// If the network cannot be run.
    pub fn measure(folded: &Folded, patches: &[f32]) -> Result<Self, QuantiseError> {
        let values = Values::new(folded)?;
        let mut extremes = vec![(0.0_f32, 0.0_f32); folded.graph.nodes().len()];
        values.read(patches, |node, numbers| {
            let (low, high) = &mut extremes[node];
            numbers.iter().for_each(|&number| (*low, *high) = (low.min(number), high.max(number)));
        })?;
        let mut histograms: Vec<Histogram> =
            extremes.into_iter().map(|(low, high)| Histogram::new(low, high)).collect();
        values.read(patches, |node, numbers| histograms[node].add(numbers))?;
        let outputs = folded.graph.outputs().iter().map(|output| output.index()).collect();
        Ok(Self { histograms, outputs })
    }

    /// The range of every value, in the order of the nodes: by `rule`, but all that was seen of the network's outputs.
    /// What is read of a heatmap is its peak, and peaks are rare.
    #[must_use]
    pub fn ranges(&self, rule: Rule) -> Vec<Range> {
        let mut ranges: Vec<Range> = self.histograms.iter().map(|histogram| histogram.range(rule)).collect();
        for &output in &self.outputs {
            ranges[output] = self.histograms[output].range(Rule::MinMax);
        }
        ranges
    }
}

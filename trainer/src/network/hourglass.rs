use serde::{Deserialize, Serialize};

use super::{Bottleneck, NetworkError};
use crate::graph::{Graph, GraphError, Scope, Shape, Value, Window};

/// Channels of a set of heatmaps: long axis start and end, short axis start and end.
pub const HEATMAPS: usize = 4;

/// The stacked hourglass of section 2.2 (Newell, Yang, Deng 2016).
///
/// Every stack looks at the whole patch at all sizes down to `heatmap / 2^depth` pixels, with skip connections
/// at each, and gives heatmaps; the next stack starts from this stack's input, its features and its heatmaps.
/// The feed-back adds one 1 x 1 convolution of each, rectified: a concatenation would say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hourglass {
    /// Channels of the 7 x 7 convolution.
    pub stem: usize,
    /// The residual modules between the stem and the first stack. All modules of the stacks are like the last.
    pub ramp: Vec<Bottleneck>,
    /// How many hourglasses in a row.
    pub stacks: usize,
    /// How often an hourglass halves the image.
    pub depth: usize,
    /// Rows and columns of a heatmap: half of the patch, or a quarter.
    pub heatmap: usize,
}

impl Hourglass {
    /// The network for a canonical patch of `patch_size` x `patch_size` pixels, with the outputs
    /// `stack0.heatmaps`, `stack1.heatmaps` and so on: the last is the result, the others are supervised too.
    ///
    /// # Errors
    /// If the heatmaps are neither half nor a quarter of the patch, there is no stack or no module, or the
    /// layers do not fit the patch.
    pub fn graph(&self, patch_size: usize) -> Result<Graph, NetworkError> {
        let &body = self.ramp.last().ok_or(NetworkError::Empty { field: "ramp" })?;
        if self.stacks == 0 {
            return Err(NetworkError::Empty { field: "stacks" });
        }
        let quarter = self.heatmap * 4 == patch_size;
        if !quarter && self.heatmap * 2 != patch_size {
            return Err(NetworkError::HeatmapSize { heatmap: self.heatmap, patch: patch_size });
        }
        Graph::build(|root| {
            let patch = root.input("canonical_patch", Shape::new(1, patch_size, patch_size))?;
            let mut x = self.stem(root.scope("stem"), patch, quarter)?;
            let mut heatmaps = Vec::with_capacity(self.stacks);
            for stack in 0..self.stacks {
                let mut scope = root.scope(&format!("stack{stack}"));
                let y = hourglass(&mut scope, x, body, self.depth)?;
                let features = body.add(scope.scope("features"), y, 1)?;
                let maps = scope.convolution("heatmaps", features, HEATMAPS, Window::same(1, 1))?;
                heatmaps.push(maps);
                if stack + 1 < self.stacks {
                    x = feed_back(scope.scope("feedback"), x, features, maps)?;
                }
            }
            Ok(heatmaps)
        })
    }

    /// From the patch to the heatmaps' size and the stacks' width.
    fn stem(&self, mut scope: Scope<'_>, patch: Value, quarter: bool) -> Result<Value, GraphError> {
        let x = scope.normalised_convolution(["conv", "bn"], patch, self.stem, Window::same(7, 2))?;
        let mut x = scope.relu("relu", x)?;
        for (i, module) in self.ramp.iter().enumerate() {
            x = module.add(scope.scope(&format!("residual{i}")), x, 1)?;
            if quarter && i == 0 {
                x = scope.max_pool("pool", x, Window::HALVING)?;
            }
        }
        Ok(x)
    }
}

/// One hourglass of `depth` halvings; at depth 0 a single residual module.
fn hourglass(scope: &mut Scope<'_>, x: Value, body: Bottleneck, depth: usize) -> Result<Value, GraphError> {
    if depth == 0 {
        return body.add(scope.scope("bottom"), x, 1);
    }
    let skip = body.add(scope.scope("skip"), x, 1)?;
    let y = scope.max_pool("pool", x, Window::HALVING)?;
    let y = body.add(scope.scope("down"), y, 1)?;
    let y = hourglass(&mut scope.scope("inner"), y, body, depth - 1)?;
    let y = body.add(scope.scope("up"), y, 1)?;
    let y = scope.upsample("upsample", y)?;
    scope.add("add", skip, y)
}

/// The next stack's input: this stack's input `x` with its features and its heatmaps.
fn feed_back(mut scope: Scope<'_>, x: Value, features: Value, heatmaps: Value) -> Result<Value, GraphError> {
    let channels = scope.shape(x).channels;
    let y = scope.convolution("features", features, channels, Window::same(1, 1))?;
    let y = scope.add("features_add", x, y)?;
    let y = scope.relu("features_relu", y)?;
    let z = scope.convolution("heatmaps", heatmaps, channels, Window::same(1, 1))?;
    let z = scope.add("heatmaps_add", y, z)?;
    scope.relu("heatmaps_relu", z)
}

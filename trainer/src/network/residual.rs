use serde::{Deserialize, Serialize};

use crate::graph::{GraphError, Scope, Value, Window};

/// The residual module of both networks: He et al. 2016's bottleneck, 1 x 1, 3 x 3, 1 x 1 with the rectifier
/// after the sum.
///
/// Newell et al. build their hourglass from the same module (their code normalises before each convolution
/// instead; that form's batch norms follow a sum and cannot be folded into a convolution).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bottleneck {
    /// Channels of the 3 x 3 convolution.
    pub middle: usize,
    /// Channels of the result.
    pub channels: usize,
}

impl Bottleneck {
    /// Adds the module to `scope`, with torchvision's names. The stride is that of the 3 x 3 convolution; where size or
    /// channels change, a 1 x 1 convolution brings the skip connection along.
    pub(super) fn add(self, mut scope: Scope<'_>, x: Value, stride: usize) -> Result<Value, GraphError> {
        let Self { middle, channels } = self;
        let y = scope.normalised_convolution(["conv1", "bn1"], x, middle, Window::same(1, 1))?;
        let y = scope.relu("relu1", y)?;
        let y = scope.normalised_convolution(["conv2", "bn2"], y, middle, Window::same(3, stride))?;
        let y = scope.relu("relu2", y)?;
        let y = scope.normalised_convolution(["conv3", "bn3"], y, channels, Window::same(1, 1))?;
        let skip = if scope.shape(x) == scope.shape(y) {
            x
        } else {
            let window = Window::same(1, stride);
            scope.normalised_convolution(["downsample.0", "downsample.1"], x, channels, window)?
        };
        let sum = scope.add("add", y, skip)?;
        scope.relu("relu3", sum)
    }
}

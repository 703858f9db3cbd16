use std::fmt;

use super::Shape;

/// What a node computes. Values are batches of images, channels first.
///
/// The list is complete: a reader matches it without a wildcard, so that a new operator does not compile
/// until every reader knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A value that the caller gives.
    Input(Shape),
    /// A convolution, in the sense of networks: a correlation with zero padding.
    Convolution(Convolution),
    /// Batch normalisation per channel, ε = 1e-5, running statistics with momentum 0.1 (Ioffe and Szegedy
    /// 2015, as PyTorch counts).
    BatchNorm,
    /// max(x, 0).
    Relu,
    /// The maximum over a window; padding never wins.
    MaxPool(Window),
    /// Every pixel becomes 2 x 2 equal pixels.
    UpsampleNearest2x,
    /// The sum of two values of one shape.
    Add,
    /// A fully connected layer with bias over all numbers of its input, taken channel by channel, row by row.
    Linear {
        /// The length of the result.
        outputs: usize,
    },
}

/// A square window that slides over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Steps between windows, along rows and columns.
    pub stride: usize,
    /// Pixels added at each of the four edges.
    pub padding: usize,
}

/// The attributes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels of the result.
    pub out_channels: usize,
    /// The window.
    pub window: Window,
    /// Whether a number per channel is added.
    pub bias: bool,
}

impl Window {
    /// 2 x 2 with stride 2: halves an image without overlap.
    pub const HALVING: Self = Self { kernel: 2, stride: 2, padding: 0 };

    /// 3 x 3 with stride 2 and padding 1: the pooling after ResNet's stem.
    pub const OVERLAPPING: Self = Self { kernel: 3, stride: 2, padding: 1 };

    /// An odd window whose padding keeps the size, up to the stride.
    #[must_use]
    pub const fn same(kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, padding: kernel / 2 }
    }

    /// How many windows fit along an edge of `size` pixels.
    ///
    /// # Errors
    /// If kernel or stride is zero, a window could lie in the padding alone, or none fits.
    pub fn count(self, size: usize) -> Result<usize, ShapeError> {
        let padded = size + 2 * self.padding;
        if self.kernel == 0 || self.stride == 0 || self.padding >= self.kernel || padded < self.kernel {
            return Err(ShapeError::Window { window: self, size });
        }
        Ok((padded - self.kernel) / self.stride + 1)
    }

    /// The windows along both edges of `input`, and `channels` of them.
    fn slide(self, input: Shape, channels: usize) -> Result<Shape, ShapeError> {
        let (height, width) = (self.count(input.height)?, self.count(input.width)?);
        Ok(Shape::new(channels, height, width))
    }
}

impl Operator {
    /// The operator's name as the summary prints it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Convolution(_) => "convolution",
            Self::BatchNorm => "batch norm",
            Self::Relu => "relu",
            Self::MaxPool(_) => "maximum pool",
            Self::UpsampleNearest2x => "upsample",
            Self::Add => "add",
            Self::Linear { .. } => "linear",
        }
    }

    /// How many values the operator takes.
    #[must_use]
    pub const fn arity(&self) -> usize {
        match self {
            Self::Input(_) => 0,
            Self::Convolution(_)
            | Self::BatchNorm
            | Self::Relu
            | Self::MaxPool(_)
            | Self::UpsampleNearest2x
            | Self::Linear { .. } => 1,
            Self::Add => 2,
        }
    }

    /// The shape of the result for inputs of the shapes `inputs`.
    ///
    /// # Errors
    /// If their number or a shape does not suit the operator, or the result would be empty.
    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        if inputs.len() != self.arity() {
            return Err(ShapeError::Arity { expected: self.arity(), found: inputs.len() });
        }
        let shape = match *self {
            Self::Input(shape) => shape,
            Self::Convolution(convolution) => {
                convolution.window.slide(inputs[0], convolution.out_channels)?
            }
            Self::BatchNorm | Self::Relu => inputs[0],
            Self::MaxPool(window) => window.slide(inputs[0], inputs[0].channels)?,
            Self::UpsampleNearest2x => {
                Shape::new(inputs[0].channels, inputs[0].height * 2, inputs[0].width * 2)
            }
            Self::Add if inputs[0] == inputs[1] => inputs[0],
            Self::Add => {
                return Err(ShapeError::Unequal { left: inputs[0], right: inputs[1] });
            }
            Self::Linear { outputs } => Shape::vector(outputs),
        };
        if shape.elements() == 0 {
            return Err(ShapeError::Empty { shape });
        }
        Ok(shape)
    }

    /// Multiplications followed by an addition, for one image.
    pub(super) fn multiply_accumulates(&self, inputs: &[Shape], output: Shape) -> u64 {
        let count = match *self {
            Self::Convolution(Convolution { window, .. }) => {
                output.elements() * inputs[0].channels * window.kernel * window.kernel
            }
            Self::Linear { outputs } => outputs * inputs[0].elements(),
            Self::Input(_)
            | Self::BatchNorm
            | Self::Relu
            | Self::MaxPool(_)
            | Self::UpsampleNearest2x
            | Self::Add => 0,
        };
        count as u64
    }
}

/// Why an operator does not fit its inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// The number of inputs is wrong.
    Arity {
        /// What the operator takes.
        expected: usize,
        /// What it was given.
        found: usize,
    },
    /// The two values to be added differ in shape.
    Unequal {
        /// The first value's shape.
        left: Shape,
        /// The second value's shape.
        right: Shape,
    },
    /// A window does not fit into an image.
    Window {
        /// The window.
        window: Window,
        /// The edge of the image, in pixels.
        size: usize,
    },
    /// The result has no elements.
    Empty {
        /// Its shape.
        shape: Shape,
    },
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arity { expected, found } => write!(f, "takes {expected} values, was given {found}"),
            Self::Unequal { left, right } => write!(f, "cannot add {left} and {right}"),
            Self::Window { window, size } => write!(
                f,
                "window of {} with stride {} and padding {} does not fit an edge of {size}",
                window.kernel, window.stride, window.padding
            ),
            Self::Empty { shape } => write!(f, "result is empty: {shape}"),
        }
    }
}

impl std::error::Error for ShapeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_the_windows() {
        let convolution = |out_channels, kernel, stride| {
            Operator::Convolution(Convolution {
                out_channels,
                window: Window::same(kernel, stride),
                bias: true,
            })
        };
        let patch = Shape::new(3, 128, 96);
        let cases = [
            (convolution(64, 7, 2), patch, Shape::new(64, 64, 48)),
            (convolution(8, 1, 2), Shape::new(3, 5, 4), Shape::new(8, 3, 2)),
            (Operator::MaxPool(Window::HALVING), patch, Shape::new(3, 64, 48)),
            (Operator::MaxPool(Window::OVERLAPPING), patch, Shape::new(3, 64, 48)),
            (Operator::UpsampleNearest2x, patch, Shape::new(3, 256, 192)),
            (Operator::Linear { outputs: 5 }, patch, Shape::vector(5)),
        ];
        for (operator, input, want) in cases {
            assert_eq!(operator.output_shape(&[input]), Ok(want), "{operator:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let window = Window { kernel: 3, stride: 1, padding: 0 };
        let small = Shape::new(1, 2, 2);
        let cases = [
            (Operator::MaxPool(window), vec![small]),
            (Operator::MaxPool(Window { kernel: 2, stride: 2, padding: 2 }), vec![small]),
            (Operator::MaxPool(Window { stride: 0, ..window }), vec![small]),
            (Operator::Add, vec![small, Shape::new(1, 2, 3)]),
            (Operator::Add, vec![small]),
            (Operator::Relu, vec![small, small]),
            (Operator::Linear { outputs: 0 }, vec![small]),
            (Operator::Input(Shape::new(0, 1, 1)), vec![]),
        ];
        for (operator, inputs) in cases {
            assert!(operator.output_shape(&inputs).is_err(), "{operator:?} {inputs:?}");
        }
    }
}

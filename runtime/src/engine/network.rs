use super::Shape;

/// A tensor's place in [`Network::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(pub usize);

/// A quantised tensor: `(q - zero_point) * scale` with q in 0..=127.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensor {
    /// Its size.
    pub shape: Shape,
    /// Its scale: finite, positive, normal.
    pub scale: f32,
    /// The number that stands for 0: 0..=127.
    pub zero_point: u8,
}

/// A network as the planner takes it: every operator after those that make its inputs.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// The operators in the order in which they run.
    pub operators: Vec<Operator>,
    /// The tensors that the caller fills, as float32.
    pub inputs: Vec<TensorId>,
    /// The tensors that the caller reads, as float32.
    pub outputs: Vec<TensorId>,
}

impl Network {
    /// The products of a run, those with a convolution's padding among them and those with a tensor's padding
    /// channels not.
    #[must_use]
    pub fn multiply_accumulates(&self) -> usize {
        let of = |operator: &Operator| match operator {
            Operator::Convolution(c) => {
                let shape = self.tensors[c.output.0].shape;
                c.weights.len() * shape.height * shape.width
            }
            Operator::MaximumPool { .. } | Operator::Add { .. } | Operator::Upsample { .. } => 0,
        };
        self.operators.iter().map(of).sum()
    }
}

/// One operator; the arithmetic is that of [`crate::engine`].
#[derive(Clone, Debug)]
pub enum Operator {
    /// Convolution, with requantisation and what is fused to it.
    Convolution(Convolution),
    /// Maximum over `kernel` x `kernel` pixels every `stride` pixels.
    MaximumPool {
        /// What is pooled.
        input: TensorId,
        /// The result.
        output: TensorId,
        /// Rows and columns of the window.
        kernel: usize,
        /// Pixels between windows.
        stride: usize,
        /// Rows and columns of nothing round the input.
        padding: usize,
    },
    /// Sum of two tensors of one shape.
    Add {
        /// One addend.
        first: TensorId,
        /// The other.
        second: TensorId,
        /// The result.
        output: TensorId,
        /// Whether negative sums become 0.
        relu: bool,
    },
    /// Every pixel twice along rows and columns.
    Upsample {
        /// What is enlarged.
        input: TensorId,
        /// The result.
        output: TensorId,
    },
}

/// A convolution with square kernel.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// What is convolved.
    pub input: TensorId,
    /// The result.
    pub output: TensorId,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Pixels between outputs.
    pub stride: usize,
    /// Rows and columns of zero round the input.
    pub padding: usize,
    /// Weights: output channel, input channel, row, column.
    pub weights: Vec<i8>,
    /// The scale of each output channel's weights: finite, not negative.
    pub weight_scales: Vec<f32>,
    /// Biases in units of input scale times weight scale.
    pub bias: Vec<i32>,
    /// A tensor of the output's shape that is added before the result is rounded.
    pub residual: Option<TensorId>,
    /// Whether negative results become 0.
    pub relu: bool,
}

impl Operator {
    /// The tensor that the operator makes.
    #[must_use]
    pub const fn output(&self) -> TensorId {
        match self {
            Self::Convolution(convolution) => convolution.output,
            Self::MaximumPool { output, .. } | Self::Add { output, .. } | Self::Upsample { output, .. } => {
                *output
            }
        }
    }

    /// The tensors that the operator reads.
    pub fn inputs(&self) -> impl Iterator<Item = TensorId> {
        let (first, second) = match self {
            Self::Convolution(c) => (c.input, c.residual),
            Self::MaximumPool { input, .. } | Self::Upsample { input, .. } => (*input, None),
            Self::Add { first, second, .. } => (*first, Some(*second)),
        };
        core::iter::once(first).chain(second)
    }
}

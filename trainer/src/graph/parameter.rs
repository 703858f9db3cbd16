use super::{Convolution, Operator, Shape};

/// A named tensor that belongs to a node: learnt, or (a buffer) measured while training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The node's name and PyTorch's word for the tensor: `stem.conv.weight`, `stem.bn.running_mean`.
    pub name: String,
    /// The shape as PyTorch has it: `[out, in, rows, columns]`, `[out, in]` or `[channels]`.
    pub shape: Vec<usize>,
    /// What the tensor is for.
    pub role: Role,
}

/// What a parameter is for: decides how it starts, whether it decays, whether it is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The factors of a convolution or of a fully connected layer.
    Weight {
        /// How many products are summed for one result.
        fan_in: usize,
    },
    /// The summands of a convolution or of a fully connected layer.
    Bias,
    /// The factors of a batch norm (`weight`).
    Scale,
    /// The summands of a batch norm (`bias`).
    Shift,
    /// A batch norm's mean over the batches seen: a buffer.
    RunningMean,
    /// A batch norm's variance over the batches seen: a buffer.
    RunningVariance,
}

impl Role {
    /// Whether gradients change the tensor; otherwise it is a buffer.
    #[must_use]
    pub const fn is_learnt(self) -> bool {
        match self {
            Self::Weight { .. } | Self::Bias | Self::Scale | Self::Shift => true,
            Self::RunningMean | Self::RunningVariance => false,
        }
    }
}

impl Parameter {
    /// How many numbers the tensor holds.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The parameters of an operator in a node called `node`.
pub(super) fn of_operator(node: &str, operator: &Operator, inputs: &[Shape]) -> Vec<Parameter> {
    let parameter =
        |name: &str, shape: Vec<usize>, role| Parameter { name: format!("{node}.{name}"), shape, role };
    let weighted = |shape: Vec<usize>, bias: bool| {
        let (outputs, fan_in) = (shape[0], shape[1..].iter().product());
        let mut parameters = vec![parameter("weight", shape, Role::Weight { fan_in })];
        if bias {
            parameters.push(parameter("bias", vec![outputs], Role::Bias));
        }
        parameters
    };
    match *operator {
        Operator::Convolution(Convolution { out_channels, window, bias }) => {
            let shape = vec![out_channels, inputs[0].channels, window.kernel, window.kernel];
            weighted(shape, bias)
        }
        Operator::Linear { outputs } => weighted(vec![outputs, inputs[0].elements()], true),
        Operator::BatchNorm => [
            ("weight", Role::Scale),
            ("bias", Role::Shift),
            ("running_mean", Role::RunningMean),
            ("running_var", Role::RunningVariance),
        ]
        .into_iter()
        .map(|(name, role)| parameter(name, vec![inputs[0].channels], role))
        .collect(),
        Operator::Input(_)
        | Operator::Relu
        | Operator::MaxPool(_)
        | Operator::UpsampleNearest2x
        | Operator::Add => Vec::new(),
    }
}

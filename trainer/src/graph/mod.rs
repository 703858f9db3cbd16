//! The network as a value: nodes in the order in which they are computed, shapes inferred and checked while
//! building, names by scope.
//!
//! ```text
//! network ─ Graph::build ─▶ Graph ─▶ training (autodiff), folding and quantising, ONNX export, summary
//! ```
//!
//! A node's name, such as `stack0.inner.down.conv1`, is also the name of its value: in an ONNX file, in the
//! table of calibrated ranges, and as the prefix of its parameters (`stack0.inner.down.conv1.weight`). None
//! of the readers knows what an hourglass is, and nothing here knows how an operator is computed.

mod operator;
mod parameter;
mod scope;
mod summary;

use std::fmt;

pub use operator::{Convolution, Operator, ShapeError, Window};
pub use parameter::{Parameter, Role};
pub use scope::Scope;
pub use summary::{Summary, SummaryRow};
// One type, so that a shape is never carried from one form into another.
pub use recist::engine::Shape;

/// One value of a graph: the result of one of its nodes.
///
/// Belongs to the graph, or the scope, that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(usize);

impl Value {
    /// The node's place in the order of computation, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// An operator applied to values.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    name: String,
    operator: Operator,
    inputs: Vec<Value>,
    shape: Shape,
}

impl Node {
    /// The node's name, unique in its graph.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the node computes.
    #[must_use]
    pub const fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The values it is applied to, all computed earlier.
    #[must_use]
    pub fn inputs(&self) -> &[Value] {
        &self.inputs
    }

    /// The shape of the result, without the batch.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }
}

/// A feed-forward network: every node comes after its inputs, names are unique, all shapes agree.
///
/// [`Graph::build`] is the only way to make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    outputs: Vec<Value>,
}

impl Graph {
    /// Builds a graph: `body` adds the nodes and returns the outputs.
    ///
    /// # Errors
    /// What `body` returns, and [`GraphError::NoOutput`] if it names no output.
    pub fn build<E: From<GraphError>>(
        body: impl FnOnce(&mut Scope<'_>) -> Result<Vec<Value>, E>,
    ) -> Result<Self, E> {
        let mut nodes = Vec::new();
        let outputs = body(&mut Scope::root(&mut nodes))?;
        if outputs.is_empty() {
            return Err(GraphError::NoOutput.into());
        }
        if let Some(unknown) = outputs.iter().find(|output| output.0 >= nodes.len()) {
            let name = "output".to_owned();
            return Err(GraphError::UnknownValue { name, index: unknown.0 }.into());
        }
        Ok(Self { nodes, outputs })
    }

    /// All nodes with their values, in the order of computation.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (Value, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (Value(index), node))
    }

    /// The node that computes `value`.
    ///
    /// # Panics
    /// If `value` belongs to a larger graph.
    #[must_use]
    pub fn node(&self, value: Value) -> &Node {
        &self.nodes[value.0]
    }

    /// The values that the network gives out, in the order in which the network names them.
    #[must_use]
    pub fn outputs(&self) -> &[Value] {
        &self.outputs
    }

    /// The same network with other outputs.
    ///
    /// # Panics
    /// If a value belongs to a larger graph, or there is none.
    #[must_use]
    pub fn with_outputs(mut self, outputs: &[Value]) -> Self {
        assert!(!outputs.is_empty() && outputs.iter().all(|output| output.0 < self.nodes.len()));
        self.outputs = outputs.to_vec();
        self
    }

    /// How often each value is read, by [`Value::index`]: as an input of a node, and once more for every
    /// time it is an output.
    #[must_use]
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let inputs = self.nodes.iter().flat_map(|node| &node.inputs);
        for value in inputs.chain(&self.outputs) {
            uses[value.0] += 1;
        }
        uses
    }

    /// The shapes of a node's inputs.
    #[must_use]
    pub fn input_shapes(&self, node: &Node) -> Vec<Shape> {
        node.inputs.iter().map(|&input| self.node(input).shape).collect()
    }

    /// The parameters and buffers of one node, in the order in which PyTorch lists them.
    #[must_use]
    pub fn parameters_of(&self, node: &Node) -> Vec<Parameter> {
        parameter::of_operator(&node.name, &node.operator, &self.input_shapes(node))
    }

    /// All parameters and buffers, node by node.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        self.nodes.iter().flat_map(|node| self.parameters_of(node)).collect()
    }

    /// Multiplications followed by an addition that one image costs in `node`: those of convolutions and
    /// fully connected layers.
    #[must_use]
    pub fn multiply_accumulates(&self, node: &Node) -> u64 {
        node.operator.multiply_accumulates(&self.input_shapes(node), node.shape)
    }
}

/// Why a graph cannot be built.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GraphError {
    /// An operator does not fit its inputs.
    Shape {
        /// The node's name.
        name: String,
        /// What does not fit.
        error: ShapeError,
    },
    /// Two nodes have one name.
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A value of another graph was used.
    UnknownValue {
        /// The node that used it.
        name: String,
        /// The value's index.
        index: usize,
    },
    /// The network gives nothing out.
    NoOutput,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { name, error } => write!(f, "node {name}: {error}"),
            Self::DuplicateName { name } => write!(f, "two nodes are called {name}"),
            Self::UnknownValue { name, index } => {
                write!(f, "node {name} uses value {index} of another graph")
            }
            Self::NoOutput => write!(f, "graph has no output"),
        }
    }
}

impl std::error::Error for GraphError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Shape { error, .. } => Some(error),
            Self::DuplicateName { .. } | Self::UnknownValue { .. } | Self::NoOutput => None,
        }
    }
}

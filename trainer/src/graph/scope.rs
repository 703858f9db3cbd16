use super::{Convolution, GraphError, Node, Operator, Shape, Value, Window};

/// A place in a graph under construction: nodes added here get the scope's path before their name.
pub struct Scope<'graph> {
    nodes: &'graph mut Vec<Node>,
    /// Empty, or ends with a full stop.
    path: String,
}

impl<'graph> Scope<'graph> {
    pub(super) fn root(nodes: &'graph mut Vec<Node>) -> Self {
        Self { nodes, path: String::new() }
    }

    /// The scope `name` within this one.
    pub fn scope(&mut self, name: &str) -> Scope<'_> {
        Scope { path: format!("{}{name}.", self.path), nodes: self.nodes }
    }

    /// The shape of a value of this graph.
    ///
    /// # Panics
    /// If `value` belongs to a larger graph.
    #[must_use]
    pub fn shape(&self, value: Value) -> Shape {
        self.nodes[value.0].shape
    }

    /// Adds a node.
    ///
    /// # Errors
    /// If the operator does not fit the inputs, or a node has that name already.
    pub fn push(&mut self, name: &str, operator: Operator, inputs: &[Value]) -> Result<Value, GraphError> {
        let name = format!("{}{name}", self.path);
        if self.nodes.iter().any(|node| node.name == name) {
            return Err(GraphError::DuplicateName { name });
        }
        let mut shapes = Vec::with_capacity(inputs.len());
        for &Value(index) in inputs {
            match self.nodes.get(index) {
                Some(node) => shapes.push(node.shape),
                None => return Err(GraphError::UnknownValue { name, index }),
            }
        }
        let shape = match operator.output_shape(&shapes) {
            Ok(shape) => shape,
            Err(error) => return Err(GraphError::Shape { name, error }),
        };
        self.nodes.push(Node { name, operator, inputs: inputs.to_vec(), shape });
        Ok(Value(self.nodes.len() - 1))
    }

    /// Adds an input of the network.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn input(&mut self, name: &str, shape: Shape) -> Result<Value, GraphError> {
        self.push(name, Operator::Input(shape), &[])
    }

    /// Adds a convolution with bias whose padding keeps the size, up to the stride.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn convolution(
        &mut self,
        name: &str,
        x: Value,
        out_channels: usize,
        window: Window,
    ) -> Result<Value, GraphError> {
        let convolution = Convolution { out_channels, window, bias: true };
        self.push(name, Operator::Convolution(convolution), &[x])
    }

    /// Adds a convolution without bias, named `convolution`, and the batch norm `norm` behind it, whose
    /// shift takes the bias's place.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn normalised_convolution(
        &mut self,
        [convolution, norm]: [&str; 2],
        x: Value,
        out_channels: usize,
        window: Window,
    ) -> Result<Value, GraphError> {
        let attributes = Convolution { out_channels, window, bias: false };
        let y = self.push(convolution, Operator::Convolution(attributes), &[x])?;
        self.push(norm, Operator::BatchNorm, &[y])
    }

    /// Adds a rectifier.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn relu(&mut self, name: &str, x: Value) -> Result<Value, GraphError> {
        self.push(name, Operator::Relu, &[x])
    }

    /// Adds a maximum pooling.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn max_pool(&mut self, name: &str, x: Value, window: Window) -> Result<Value, GraphError> {
        self.push(name, Operator::MaxPool(window), &[x])
    }

    /// Adds a nearest upsampling by 2.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn upsample(&mut self, name: &str, x: Value) -> Result<Value, GraphError> {
        self.push(name, Operator::UpsampleNearest2x, &[x])
    }

    /// Adds a sum of two values of one shape.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn add(&mut self, name: &str, x: Value, y: Value) -> Result<Value, GraphError> {
        self.push(name, Operator::Add, &[x, y])
    }

    /// Adds a fully connected layer with `outputs` results.
    ///
    /// # Errors
    /// As [`Scope::push`].
    pub fn linear(&mut self, name: &str, x: Value, outputs: usize) -> Result<Value, GraphError> {
        self.push(name, Operator::Linear { outputs }, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    #[test]
    fn names_carry_the_scopes_to_the_parameters() {
        let graph = Graph::build::<GraphError>(|root| {
            let x = root.input("patch", Shape::new(1, 8, 8))?;
            let mut stack = root.scope("stack0");
            let mut inner = stack.scope("inner");
            let y = inner.normalised_convolution(["conv1", "bn1"], x, 4, Window::same(3, 2))?;
            let z = stack.linear("theta", y, 5)?;
            Ok(vec![z])
        })
        .unwrap();
        let parameters: Vec<_> = graph.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
        let want = [
            ("stack0.inner.conv1.weight", vec![4, 1, 3, 3]),
            ("stack0.inner.bn1.weight", vec![4]),
            ("stack0.inner.bn1.bias", vec![4]),
            ("stack0.inner.bn1.running_mean", vec![4]),
            ("stack0.inner.bn1.running_var", vec![4]),
            ("stack0.theta.weight", vec![5, 64]),
            ("stack0.theta.bias", vec![5]),
        ];
        assert_eq!(parameters, want.map(|(name, shape)| (name.to_owned(), shape)));
        assert_eq!(graph.uses(), [1, 1, 1, 1]);
    }

    #[test]
    fn a_graph_that_does_not_hold_together_is_refused() {
        let shape = Shape::new(1, 8, 8);
        let twice = Graph::build::<GraphError>(|root| {
            root.input("patch", shape)?;
            Ok(vec![root.input("patch", shape)?])
        });
        let name = "patch".to_owned();
        assert_eq!(twice, Err(GraphError::DuplicateName { name }));

        let foreign = Graph::build::<GraphError>(|root| Ok(vec![root.relu("relu", Value(3))?]));
        let name = "relu".to_owned();
        assert_eq!(foreign, Err(GraphError::UnknownValue { name, index: 3 }));

        let unequal = Graph::build::<GraphError>(|root| {
            let x = root.input("patch", shape)?;
            let y = root.max_pool("pool", x, Window::HALVING)?;
            Ok(vec![root.scope("stack0").add("add", x, y)?])
        });
        assert_eq!(unequal.unwrap_err().to_string(), "node stack0.add: cannot add 1 x 8 x 8 and 1 x 4 x 4");

        let silent = Graph::build::<GraphError>(|root| {
            root.input("patch", shape)?;
            Ok(Vec::new())
        });
        assert_eq!(silent, Err(GraphError::NoOutput));
    }
}

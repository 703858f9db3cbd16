use std::fmt;

use super::{Graph, Shape};

/// What a graph is made of: one row per node, and the totals. Prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The nodes, in the order of computation.
    pub rows: Vec<SummaryRow>,
}

/// One node of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The node's name.
    pub name: String,
    /// The operator's name.
    pub operator: &'static str,
    /// The shape of the result.
    pub shape: Shape,
    /// Learnt numbers.
    pub parameters: u64,
    /// Multiply-accumulates for one image.
    pub multiply_accumulates: u64,
}

impl Summary {
    /// Counts a graph.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let rows = graph.nodes().map(|(_, node)| SummaryRow {
            name: node.name().to_owned(),
            operator: node.operator().name(),
            shape: node.shape(),
            parameters: graph
                .parameters_of(node)
                .iter()
                .filter(|parameter| parameter.role.is_learnt())
                .map(|parameter| parameter.elements() as u64)
                .sum(),
            multiply_accumulates: graph.multiply_accumulates(node),
        });
        Self { rows: rows.collect() }
    }

    /// Learnt numbers of the whole graph.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.rows.iter().map(|row| row.parameters).sum()
    }

    /// Multiply-accumulates of the whole graph for one image.
    #[must_use]
    pub fn multiply_accumulates(&self) -> u64 {
        self.rows.iter().map(|row| row.multiply_accumulates).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(5);
        writeln!(
            f,
            "{:layer$}  {:12}  {:>15}  {:>12}  {:>20}",
            "layer", "operator", "output", "parameters", "multiply-accumulates"
        )?;
        for row in &self.rows {
            writeln!(
                f,
                "{:layer$}  {:12}  {:>15}  {:>12}  {:>20}",
                row.name,
                row.operator,
                row.shape.to_string(),
                Grouped(row.parameters).to_string(),
                Grouped(row.multiply_accumulates).to_string()
            )?;
        }
        write!(
            f,
            "{:layer$}  {:12}  {:>15}  {:>12}  {:>20}",
            "total",
            "",
            "",
            Grouped(self.parameters()).to_string(),
            Grouped(self.multiply_accumulates()).to_string()
        )
    }
}

/// A count with its digits in groups of three; nothing for zero.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return Ok(());
        }
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphError, Window};

    #[test]
    fn the_summary_counts_what_pytorch_counts() {
        let graph = Graph::build::<GraphError>(|root| {
            let x = root.input("patch", Shape::new(3, 128, 128))?;
            let x = root.normalised_convolution(["conv1", "bn1"], x, 64, Window::same(7, 2))?;
            let x = root.max_pool("pool", x, Window::OVERLAPPING)?;
            Ok(vec![root.linear("theta", x, 5)?])
        })
        .unwrap();
        let summary = Summary::of(&graph);
        let counts: Vec<_> =
            summary.rows.iter().map(|row| (row.parameters, row.multiply_accumulates)).collect();
        // Convolution: 64 x 3 x 7 x 7 weights at 64 x 64 places. Linear: 64 x 32 x 32 inputs and five biases.
        let want = [(0, 0), (9_408, 9_408 * 4_096), (128, 0), (0, 0), (327_685, 327_680)];
        assert_eq!(counts, want);
        assert_eq!(summary.parameters(), 337_221);
        let text = summary.to_string();
        assert!(text.contains("conv1  convolution      64 x 64 x 64         9,408            38,535,168"));
        assert!(text.lines().last().unwrap().ends_with("337,221            38,862,848"));
    }
}

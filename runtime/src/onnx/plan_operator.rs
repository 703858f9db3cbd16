use tract_core::internal::*;

use super::OnnxError;
use crate::bundle::AlignedBytes;
use crate::engine::{Kernel, Plan, Shape};

/// A plan of the integer engine as an operator of tract's: float32 in, float32 out.
#[derive(Clone, Debug)]
pub(super) struct PlanOperator {
    plan: Arc<AlignedBytes>,
    outputs: Vec<Shape>,
    kernel: Kernel,
}

impl PlanOperator {
    pub(super) fn new(plan: &[u8], kernel: Kernel) -> Result<Self, OnnxError> {
        let bytes = AlignedBytes::copy_of(plan);
        let outputs =
            Plan::open(bytes.as_slice()).map_err(OnnxError::Plan)?.outputs().map(|p| p.shape).collect();
        Ok(Self { plan: Arc::new(bytes), outputs, kernel })
    }

    /// A model of this one operator, over an input of the shape that the plan takes.
    pub(super) fn model(self) -> TractResult<TypedModel> {
        let plan = Plan::open(self.plan.as_slice()).map_err(|error| format_err!("{error}"))?;
        let input = plan.inputs().next().context("the plan takes nothing")?.shape;
        let mut model = TypedModel::default();
        let source = model.add_source("input", f32::fact(dimensions(input)))?;
        let outputs = model.wire_node("plan", self, &[source])?;
        model.select_output_outlets(&outputs)?;
        Ok(model)
    }
}

fn dimensions(shape: Shape) -> [usize; 4] {
    [1, shape.channels, shape.height, shape.width]
}

impl PartialEq for PlanOperator {
    fn eq(&self, other: &Self) -> bool {
        self.plan.as_slice() == other.plan.as_slice() && self.kernel == other.kernel
    }
}

impl Eq for PlanOperator {}

impl Op for PlanOperator {
    fn name(&self) -> StaticName {
        "RecistPlan".into()
    }

    op_as_typed_op!();
}

impl EvalOp for PlanOperator {
    not_out_of_plan!();

    fn eval(&self, _context: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let plan = Plan::open(self.plan.as_slice()).map_err(|error| format_err!("{error}"))?;
        let input = inputs[0].try_as_plain_ram()?;
        let mut outputs: Vec<Vec<f32>> =
            self.outputs.iter().map(|shape| vec![0.0; shape.elements()]).collect();
        let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        let mut workspace = vec![0; plan.workspace_bytes()];
        plan.run(&mut workspace, &[input.as_slice::<f32>()?], &mut slices, self.kernel)
            .map_err(|error| format_err!("{error}"))?;
        outputs
            .iter()
            .zip(&self.outputs)
            .map(|(values, &shape)| Ok(Tensor::from_shape(&dimensions(shape), values)?.into_tvalue()))
            .collect()
    }
}

impl TypedOp for PlanOperator {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.outputs.iter().map(|&shape| f32::fact(dimensions(shape))).collect())
    }

    as_op!();
}

use tract_core::internal::*;

use super::tract_models::PATCH;
use crate::cascade::ThetaOutputs;
use crate::geometry::AffineGrid;
use crate::image::{PATCH_PIXELS, PATCH_SIZE, sample};

/// The cascade's sampler as an operator of tract's: from the patch and the five numbers of θ to the canonical
/// patch. Numbers that carry no θ give a patch of zeros; the cascade refuses them afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SamplerOperator;

impl Op for SamplerOperator {
    fn name(&self) -> StaticName {
        "RecistSampler".into()
    }

    op_as_typed_op!();
}

impl EvalOp for SamplerOperator {
    not_out_of_plan!();

    fn eval(&self, _context: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (patch, numbers) = (inputs[0].try_as_plain_ram()?, inputs[1].try_as_plain_ram()?);
        let numbers: [f32; 5] = numbers.as_slice::<f32>()?.try_into()?;
        let mut canonical = vec![0.0; PATCH_PIXELS];
        if let Ok(theta) = ThetaOutputs::from_array(numbers).theta() {
            let grid = AffineGrid::from_normalised(theta.canonical_to_patch(), PATCH_SIZE, PATCH_SIZE);
            sample(patch.as_slice::<f32>()?, PATCH_SIZE, &grid, &mut canonical);
        }
        Ok(tvec!(Tensor::from_shape(&PATCH, &canonical)?.into_tvalue()))
    }
}

impl TypedOp for SamplerOperator {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(PATCH)))
    }

    as_op!();
}

use tract_core::internal::*;

use crate::cascade::CanonicalKeypoint;

/// The decoding of heatmaps as an operator of tract's: four maps in, four rows of x, y and confidence out, in
/// 64 bits as the cascade keeps positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecodingOperator {
    pub(super) heatmap_size: usize,
}

impl Op for DecodingOperator {
    fn name(&self) -> StaticName {
        "RecistDecoding".into()
    }

    op_as_typed_op!();
}

impl EvalOp for DecodingOperator {
    not_out_of_plan!();

    fn eval(&self, _context: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let heatmaps = inputs[0].try_as_plain_ram()?;
        let keypoints = CanonicalKeypoint::decode(heatmaps.as_slice::<f32>()?, self.heatmap_size);
        let rows = keypoints.map(|CanonicalKeypoint { position, confidence }| {
            [position.x, position.y, f64::from(confidence)]
        });
        Ok(tvec!(Tensor::from_shape(&[4, 3], rows.as_flattened())?.into_tvalue()))
    }
}

impl TypedOp for DecodingOperator {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f64::fact([4, 3])))
    }

    as_op!();
}

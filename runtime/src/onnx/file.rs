//! ONNX files as tract reads them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::OnnxError;

/// The file's contents, not yet looked at.
pub(super) fn decode(onnx: &[u8]) -> Result<ModelProto, OnnxError> {
    tract_onnx::onnx().proto_model_for_read(&mut std::io::Cursor::new(onnx)).map_err(OnnxError::tract)
}

/// The model as the file has it, every shape known, and in tract's own operators.
pub(super) fn models(file: &ModelProto) -> Result<(InferenceModel, TypedModel), OnnxError> {
    let read = || {
        let mut model = tract_onnx::onnx().model_for_proto_model(file)?;
        model.analyse(false)?;
        let typed = model.clone().into_typed()?;
        Ok((model, typed))
    };
    // tract takes some rules of ONNX for granted, and panics on a file that breaks them.
    let panicked = |payload: Box<dyn std::any::Any + Send>| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or(payload.downcast_ref::<&str>().copied()).unwrap_or_default();
        OnnxError::Tract(format!("no ONNX that tract can read: {said}"))
    };
    let models: TractResult<_> = catch_unwind(AssertUnwindSafe(read)).map_err(panicked)?;
    models.map_err(OnnxError::tract)
}

/// What an ONNX file says of its model, key and value: for what `recist-train export` wrote, the entries of the
/// bundle's manifest beside which it was written.
///
/// # Errors
/// If the file is not ONNX.
pub fn metadata(onnx: &[u8]) -> Result<Vec<(String, String)>, OnnxError> {
    Ok(decode(onnx)?.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect())
}

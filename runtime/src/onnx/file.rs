//! ONNX files as tract reads them.

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::OnnxError;

/// The file's contents, not yet looked at.
pub(super) fn decode(onnx: &[u8]) -> Result<ModelProto, OnnxError> {
    tract_onnx::onnx().proto_model_for_read(&mut std::io::Cursor::new(onnx)).map_err(OnnxError::tract)
}

/// The model as the file has it, every shape known.
pub(super) fn model(file: &ModelProto) -> Result<InferenceModel, OnnxError> {
    let mut model = tract_onnx::onnx().model_for_proto_model(file).map_err(OnnxError::tract)?;
    model.analyse(false).map_err(OnnxError::tract)?;
    Ok(model)
}

/// What an ONNX file says of its model, key and value: for what `recist-train export` wrote, the entries of the
/// bundle's manifest beside which it was written.
///
/// # Errors
/// If the file is not ONNX.
pub fn metadata(onnx: &[u8]) -> Result<Vec<(String, String)>, OnnxError> {
    Ok(decode(onnx)?.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect())
}

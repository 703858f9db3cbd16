use tract_onnx::prelude::Framework;

use super::OnnxError;

/// What an ONNX file says of its model, key and value: for what `recist-train export` wrote, the entries of the
/// bundle's manifest beside which it was written.
///
/// # Errors
/// If the file is not ONNX.
pub fn metadata(onnx: &[u8]) -> Result<Vec<(String, String)>, OnnxError> {
    let model =
        tract_onnx::onnx().proto_model_for_read(&mut std::io::Cursor::new(onnx)).map_err(OnnxError::tract)?;
    Ok(model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect())
}

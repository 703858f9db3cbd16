use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the Python with the packages onnx and onnxruntime runs.
const SCRIPT: &str = include_str!("onnxruntime.py");

/// Has the Python program `python` check the ONNX file at `model` (onnx.checker) and run it on `patches`
/// (onnxruntime, every rounding where the file has it). Gives the versions of both packages and all outputs of
/// all patches, one after the other.
///
/// # Errors
/// If Python or a package is missing, or the file is refused.
pub fn onnxruntime(python: &Path, model: &Path, patches: &[f32]) -> Result<(String, Vec<f32>), String> {
    let failed =
        |reason: &dyn std::fmt::Display| format!("{} on {}: {reason}", python.display(), model.display());
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).arg(model);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let bytes: Vec<u8> = patches.iter().flat_map(|value| value.to_le_bytes()).collect();
    // A program that ends early says why on its standard error.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(&bytes));
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(failed(&reason.trim_end()));
    }
    if let Some(Err(error)) = written {
        return Err(failed(&error));
    }
    let end = output.stdout.iter().position(|&byte| byte == b'\n').ok_or_else(|| failed(&"no answer"))?;
    let (versions, numbers) = (&output.stdout[..end], &output.stdout[end + 1..]);
    let numbers = numbers.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Ok((String::from_utf8_lossy(versions).into_owned(), numbers))
}

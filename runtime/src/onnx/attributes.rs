//! The attributes of a file's nodes: tract passes over one that it does not know, and computes something else.

use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};

use super::OnnxError;

/// The operators that can be lowered, and those of their attributes that are read, or make no difference to what
/// the engine knows of the operator.
const KNOWN: [(&str, &[&str]); 9] = [
    ("Add", &[]),
    ("Clip", &[]),
    ("Conv", &["kernel_shape", "strides", "pads", "dilations", "group"]),
    ("DequantizeLinear", &["axis"]),
    ("Max", &[]),
    ("MaxPool", &["kernel_shape", "strides", "pads", "dilations"]),
    ("QuantizeLinear", &["axis", "saturate"]),
    ("Relu", &[]),
    (
        "Resize",
        &["mode", "coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "extrapolation_value"],
    ),
];

/// Whether the attribute says what holds without it.
fn is_default(attribute: &AttributeProto) -> bool {
    match attribute.name.as_str() {
        "auto_pad" => attribute.s == b"NOTSET",
        "keep_aspect_ratio_policy" => attribute.s == b"stretch",
        "antialias" | "block_size" | "ceil_mode" | "exclude_outside" | "output_dtype" | "precision"
        | "storage_order" => attribute.i == 0,
        _ => false,
    }
}

/// Checks that every node of an operator that can be lowered is what its attributes say: none would be ignored.
///
/// # Errors
/// Names the first node that has an attribute beyond the known ones, or one of them twice, or is of another domain
/// than ONNX's own.
pub(super) fn check(model: &ModelProto) -> Result<(), OnnxError> {
    model.graph.iter().flat_map(|graph| &graph.node).try_for_each(check_node)
}

fn check_node(node: &NodeProto) -> Result<(), OnnxError> {
    let Some((_, known)) = KNOWN.iter().find(|(kind, _)| *kind == node.op_type) else {
        return Ok(());
    };
    let wrong = |reason: String| {
        let name = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
        Err(OnnxError::node(name.map_or("", String::as_str), reason))
    };
    if !["", "ai.onnx"].contains(&node.domain.as_str()) {
        return wrong(format!("{} of {} is another operator than ONNX's", node.op_type, node.domain));
    }
    for (i, attribute) in node.attribute.iter().enumerate() {
        let name = attribute.name.as_str();
        if node.attribute[..i].iter().any(|before| before.name == name) {
            return wrong(format!("its attribute {name} is there twice"));
        }
        if !known.contains(&name) && !is_default(attribute) {
            return wrong(format!("the engine has no {} with this {name}", node.op_type));
        }
    }
    Ok(())
}

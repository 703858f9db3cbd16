//! From a network to the bytes of a plan: fusion of upsampling, halos, places in the workspace, packing.

use std::collections::HashMap;
use std::fmt;

use zerocopy::IntoBytes;

use super::fusion::{fused_upsampling, source};
use super::liveness::{self, Life};
use super::network::{Convolution, Network, Operator, Tensor, TensorId};
use super::packing;
use super::plan::{
    FORMAT_VERSION, Header, Kind, MAGIC, NONE, Plan, PlanError, StepRecord, TensorRecord, checksum,
};
use super::validate::{self, LARGEST_WORKSPACE};

/// Why a network has no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompileError {
    /// An operator cannot be planned.
    Operator {
        /// Its place in the network.
        operator: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An input or an output of the network is no tensor that can be one.
    Port {
        /// The tensor.
        tensor: TensorId,
        /// Why.
        reason: &'static str,
    },
    /// The network is larger than a plan (4 GiB) or its workspace (1 GiB) can be.
    TooLarge,
    /// The finished plan is not valid: a tensor's numbers or shapes contradict each other.
    Plan(PlanError),
}

/// Compiles a network to a plan. The same network gives the same bytes.
///
/// Upsampling that only feeds additions and residuals is not run: its reader reads the small tensor twice.
///
/// # Errors
/// If an operator names a tensor that does not exist yet, its weights have the wrong number, or the plan
/// would not pass [`Plan::open`].
pub fn compile(network: &Network) -> Result<Vec<u8>, CompileError> {
    check_order(network)?;
    check_windows(network)?;
    let fused = fused_upsampling(network);
    let steps: Vec<_> = network
        .operators
        .iter()
        .enumerate()
        .filter(|(_, operator)| !fused.contains_key(&operator.output()))
        .collect();
    let mut tensors = layout(network, &steps, &fused);
    for (tensor, record) in tensors.iter().enumerate() {
        record.check_sizes().map_err(|reason| CompileError::Plan(PlanError::Tensor { tensor, reason }))?;
    }
    let workspace_bytes = place(network, &steps, &fused, &mut tensors);
    if workspace_bytes > LARGEST_WORKSPACE {
        return Err(CompileError::TooLarge);
    }

    let mut blob = vec![];
    let mut records = vec![];
    for (index, operator) in &steps {
        let record = step(network, operator, &fused, &tensors, &mut blob);
        records.push(record.map_err(|reason| CompileError::Operator { operator: *index, reason })?);
    }
    let used: Vec<TensorId> =
        (0..network.tensors.len()).map(TensorId).filter(|t| !fused.contains_key(t)).collect();
    let renumbered: HashMap<TensorId, u32> = used.iter().copied().zip(0..).collect();
    let number = |index: u32| if index == NONE { NONE } else { renumbered[&TensorId(index as usize)] };
    for record in &mut records {
        (record.input, record.second, record.output) =
            (number(record.input), number(record.second), number(record.output));
    }
    let tensors: Vec<_> = used.iter().map(|t| tensors[t.0]).collect();
    let ports = [&network.inputs, &network.outputs]
        .map(|ids| -> Vec<u32> { ids.iter().map(|t| renumbered[t]).collect() });
    let bytes = assemble(workspace_bytes, &tensors, &records, &ports, &blob)?;
    let mut aligned = vec![0_u64; bytes.len().div_ceil(8)];
    aligned.as_mut_bytes()[..bytes.len()].copy_from_slice(&bytes);
    Plan::open(&aligned.as_bytes()[..bytes.len()]).map_err(CompileError::Plan)?;
    Ok(bytes)
}

fn check_order(network: &Network) -> Result<(), CompileError> {
    let mut made = vec![false; network.tensors.len()];
    for id in &network.inputs {
        match made.get_mut(id.0) {
            Some(made @ false) => *made = true,
            Some(true) => return Err(CompileError::Port { tensor: *id, reason: "is an input twice" }),
            None => return Err(CompileError::Port { tensor: *id, reason: "is an input and does not exist" }),
        }
    }
    for (operator, op) in network.operators.iter().enumerate() {
        let error = |reason: String| CompileError::Operator { operator, reason };
        for id in op.inputs() {
            if made.get(id.0) != Some(&true) {
                return Err(error(format!("tensor {} is not made before it is read", id.0)));
            }
        }
        match made.get_mut(op.output().0) {
            Some(made @ false) => *made = true,
            _ => return Err(error(format!("tensor {} is made twice or does not exist", op.output().0))),
        }
    }
    match network.outputs.iter().find(|id| made.get(id.0) != Some(&true)) {
        Some(&tensor) => Err(CompileError::Port { tensor, reason: "is an output and is never made" }),
        None => Ok(()),
    }
}

/// Every window is one that a plan can hold: what follows reckons with its numbers.
fn check_windows(network: &Network) -> Result<(), CompileError> {
    for (operator, op) in network.operators.iter().enumerate() {
        let [kernel, stride, padding] = match op {
            Operator::Convolution(c) => [c.kernel, c.stride, c.padding],
            Operator::MaximumPool { kernel, stride, padding, .. } => [*kernel, *stride, *padding],
            Operator::Add { .. } | Operator::Upsample { .. } => continue,
        }
        .map(|n| n as u64);
        validate::check_window(kernel, stride, padding)
            .map_err(|reason| CompileError::Operator { operator, reason: reason.to_owned() })?;
    }
    Ok(())
}

/// Every tensor's halo and pixels; offsets follow later.
fn layout(
    network: &Network,
    steps: &[(usize, &Operator)],
    fused: &HashMap<TensorId, TensorId>,
) -> Vec<TensorRecord> {
    let mut halo = vec![0; network.tensors.len()];
    let mut narrow: Vec<bool> = network.tensors.iter().map(|t| t.shape.channels == 1).collect();
    for id in network.operators.iter().map(Operator::output).chain(network.outputs.iter().copied()) {
        narrow[id.0] = false;
    }
    for (_, operator) in steps {
        match operator {
            Operator::Convolution(c) => {
                halo[c.input.0] = c.padding.max(halo[c.input.0]);
                narrow[c.input.0] &= c.kernel <= 32;
                if let Some(residual) = c.residual {
                    narrow[source(residual, fused).0.0] = false;
                }
            }
            Operator::MaximumPool { input, padding, .. } => {
                halo[input.0] = (*padding).max(halo[input.0]);
                narrow[input.0] = false;
            }
            Operator::Add { .. } | Operator::Upsample { .. } => {
                operator.inputs().for_each(|id| narrow[source(id, fused).0.0] = false);
            }
        }
    }
    let record = |(i, tensor): (usize, &Tensor)| TensorRecord {
        offset: 0,
        channels: word(tensor.shape.channels),
        height: word(tensor.shape.height),
        width: word(tensor.shape.width),
        pixel_bytes: if narrow[i] { 1 } else { word(tensor.shape.channels.saturating_add(15) / 16 * 16) },
        halo: word(halo[i]),
        zero_point: tensor.zero_point.into(),
        scale: tensor.scale,
    };
    network.tensors.iter().enumerate().map(record).collect()
}

/// A number that fits 32 bits: sizes beyond that do not pass validation and become its largest.
fn word(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX - 1)
}

/// Gives every tensor its offset; returns the workspace's size.
fn place(
    network: &Network,
    steps: &[(usize, &Operator)],
    fused: &HashMap<TensorId, TensorId>,
    tensors: &mut [TensorRecord],
) -> u64 {
    let mut lives: Vec<Option<Life>> = vec![None; tensors.len()];
    let mut live = |id: TensorId, at: usize| {
        let life = lives[id.0].get_or_insert(Life { bytes: tensors[id.0].bytes(), first: at, last: at });
        life.last = at;
    };
    network.inputs.iter().for_each(|id| live(*id, 0));
    for (i, (_, operator)) in steps.iter().enumerate() {
        operator.inputs().for_each(|id| live(source(id, fused).0, i + 1));
        live(operator.output(), i + 1);
    }
    network.outputs.iter().for_each(|id| live(*id, steps.len() + 1));
    let (ids, lives): (Vec<_>, Vec<_>) =
        lives.iter().enumerate().filter_map(|(i, l)| l.map(|l| (i, l))).unzip();
    let place_of = |id: TensorId| ids.binary_search(&id.0).ok();
    let heirs: Vec<_> = steps
        .iter()
        .flat_map(|(_, operator)| overwritable(operator).map(|addend| (addend, operator.output())))
        .filter(|(addend, output)| tensors[addend.0].same_layout(&tensors[output.0]))
        .filter_map(|(addend, output)| Some((place_of(addend)?, place_of(output)?)))
        .collect();
    let (offsets, bytes) = liveness::place(&lives, &heirs);
    ids.iter()
        .zip(offsets)
        .for_each(|(id, offset)| tensors[*id].offset = u32::try_from(offset).unwrap_or(u32::MAX));
    // A tensor that nothing makes lies anywhere in the workspace: it must only be valid.
    bytes
}

/// What an operator adds pixel by pixel, and may therefore be written over.
fn overwritable(operator: &Operator) -> impl Iterator<Item = TensorId> {
    let (first, second) = match operator {
        Operator::Convolution(c) => (c.residual.filter(|residual| *residual != c.input), None),
        Operator::Add { first, second, .. } => (Some(*first), Some(*second)),
        Operator::MaximumPool { .. } | Operator::Upsample { .. } => (None, None),
    };
    first.into_iter().chain(second)
}

fn step(
    network: &Network,
    operator: &Operator,
    fused: &HashMap<TensorId, TensorId>,
    tensors: &[TensorRecord],
    blob: &mut Vec<u8>,
) -> Result<StepRecord, String> {
    let tensor = |id: TensorId| &network.tensors[id.0];
    let out = tensor(operator.output());
    let ratio = |id: TensorId| tensor(id).scale / out.scale;
    let kind = match operator {
        Operator::Convolution(_) => Kind::Convolution,
        Operator::MaximumPool { .. } => Kind::MaximumPool,
        Operator::Add { .. } => Kind::Add,
        Operator::Upsample { .. } => Kind::Upsample,
    };
    let mut record = StepRecord::new(kind, word(operator.output().0));
    let add = |record: &mut StepRecord, id: TensorId| {
        let (small, upsampled) = source(id, fused);
        (record.second, record.upsampled) = (word(small.0), u32::from(upsampled));
        record.second_factor = ratio(small);
    };
    match operator {
        Operator::Convolution(c) => {
            record.input = word(c.input.0);
            (record.kernel, record.stride) = (word(c.kernel), word(c.stride));
            (record.padding, record.relu) = (word(c.padding), u32::from(c.relu));
            if let Some(residual) = c.residual {
                add(&mut record, residual);
            }
            weights(c, tensor(c.input), out, &tensors[c.input.0], &tensors[c.output.0], &mut record, blob)?;
        }
        Operator::MaximumPool { input, kernel, stride, padding, .. } => {
            record.input = word(input.0);
            (record.kernel, record.stride, record.padding) = (word(*kernel), word(*stride), word(*padding));
        }
        Operator::Add { first, second, relu, .. } => {
            let (first, second) = if fused.contains_key(first) { (second, first) } else { (first, second) };
            (record.input, record.relu) = (word(first.0), u32::from(*relu));
            record.factor = ratio(*first);
            add(&mut record, *second);
        }
        Operator::Upsample { input, .. } => record.input = word(input.0),
    }
    Ok(record)
}

fn weights(
    convolution: &Convolution,
    input: &Tensor,
    output: &Tensor,
    input_record: &TensorRecord,
    output_record: &TensorRecord,
    record: &mut StepRecord,
    blob: &mut Vec<u8>,
) -> Result<(), String> {
    let (channels, kernel) = (output.shape.channels, convolution.kernel);
    let of_channel = input.shape.channels * kernel * kernel;
    let counts = [
        ("weights", convolution.weights.len(), channels * of_channel),
        ("weight scales", convolution.weight_scales.len(), channels),
        ("biases", convolution.bias.len(), channels),
    ];
    for (what, found, needed) in counts {
        if found != needed || needed == 0 {
            return Err(format!("{found} {what} where {needed} are needed"));
        }
    }
    let padded = output_record.pixel_bytes as usize;
    let packed = packing::pack(convolution, input.shape.channels, input_record.pixel_bytes as usize, padded);
    let mut bias = vec![0_i32; padded];
    let mut scales = vec![0_f32; padded];
    for (c, of_channel) in convolution.weights.chunks_exact(of_channel).enumerate() {
        let sum: i64 = of_channel.iter().map(|w| i64::from(*w)).sum();
        let exact = i64::from(convolution.bias[c]) - sum * i64::from(input.zero_point);
        bias[c] = i32::try_from(exact).map_err(|_| {
            format!("the bias of channel {c} and its input's zero point come to {exact}, which int32 does not hold")
        })?;
        scales[c] = input.scale * convolution.weight_scales[c] / output.scale;
    }
    record.blocks = word(packed.blocks);
    record.weights_at = append(blob, &packed.weights);
    record.bias_at = append(blob, bias.as_bytes());
    record.scales_at = append(blob, scales.as_bytes());
    Ok(())
}

/// Appends at the next multiple of 64; returns where.
fn append(bytes: &mut Vec<u8>, part: &[u8]) -> u32 {
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    let at = word(bytes.len());
    bytes.extend_from_slice(part);
    at
}

fn assemble(
    workspace_bytes: u64,
    tensors: &[TensorRecord],
    steps: &[StepRecord],
    [inputs, outputs]: &[Vec<u32>; 2],
    blob: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let mut bytes = vec![0; size_of::<Header>()];
    let tensors_at = append(&mut bytes, tensors.as_bytes());
    let steps_at = append(&mut bytes, steps.as_bytes());
    let ports_at = append(&mut bytes, [inputs.as_slice(), outputs].concat().as_bytes());
    let blob_at = append(&mut bytes, blob);
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    let fits = |n: usize| u32::try_from(n).map_err(|_| CompileError::TooLarge);
    let header = Header {
        magic: MAGIC,
        version: FORMAT_VERSION,
        plan_bytes: fits(bytes.len())?,
        checksum: checksum(&bytes[size_of::<Header>()..]),
        workspace_bytes: u32::try_from(workspace_bytes).map_err(|_| CompileError::TooLarge)?,
        tensors_at,
        tensors: fits(tensors.len())?,
        steps_at,
        steps: fits(steps.len())?,
        ports_at,
        inputs: fits(inputs.len())?,
        outputs: fits(outputs.len())?,
        blob_at,
        reserved: 0,
    };
    bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
    Ok(bytes)
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { operator, reason } => write!(f, "operator {operator}: {reason}"),
            Self::Port { tensor, reason } => write!(f, "tensor {} {reason}", tensor.0),
            Self::TooLarge => f.write_str("the network is larger than a plan can be"),
            Self::Plan(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CompileError {}

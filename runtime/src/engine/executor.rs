use core::fmt;

use super::kernels::{Addition, CHANNELS, Convolve, Detected, Kernel, Memory};
use super::plan::{Kind, NONE, Plan, StepRecord, TensorRecord};

/// Why a plan was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// The workspace is smaller than the plan needs.
    Workspace {
        /// Its bytes.
        found: usize,
        /// The bytes that the plan needs.
        needed: usize,
    },
    /// There are not as many inputs or outputs as the plan has.
    Ports {
        /// How many were given.
        found: usize,
        /// How many the plan has.
        needed: usize,
    },
    /// An input or an output has another size than the plan's.
    Values {
        /// Its number, outputs after inputs.
        port: usize,
        /// Its values.
        found: usize,
        /// The values that the plan takes or gives.
        needed: usize,
    },
    /// The kernel does not run on this processor.
    Kernel {
        /// The kernel.
        kernel: Kernel,
    },
}

impl Plan<'_> {
    /// Runs the network: `inputs` in, `outputs` out, everything else in `workspace`, whose contents do not
    /// matter before and mean nothing after.
    ///
    /// # Errors
    /// If a buffer has not the size that the plan states, or the kernel does not run here. Nothing was
    /// written then.
    pub fn run(
        &self,
        workspace: &mut [u8],
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        kernel: Kernel,
    ) -> Result<(), RunError> {
        let kernel = self.check_run(workspace.len(), inputs, outputs, kernel)?;
        let memory = Memory::new(&mut workspace[..self.workspace_bytes]);
        for (tensor, values) in self.inputs.iter().zip(inputs) {
            self.tensors[*tensor as usize].quantise(memory, values);
        }
        for step in self.steps {
            self.step(step, memory, kernel);
        }
        for (tensor, values) in self.outputs.iter().zip(outputs) {
            self.tensors[*tensor as usize].dequantise(memory, values);
        }
        Ok(())
    }

    fn check_run(
        &self,
        workspace: usize,
        inputs: &[&[f32]],
        outputs: &[&mut [f32]],
        kernel: Kernel,
    ) -> Result<Detected, RunError> {
        let detected = kernel.detected().ok_or(RunError::Kernel { kernel })?;
        if workspace < self.workspace_bytes {
            return Err(RunError::Workspace { found: workspace, needed: self.workspace_bytes });
        }
        for (found, needed) in [(inputs.len(), self.inputs.len()), (outputs.len(), self.outputs.len())] {
            if found != needed {
                return Err(RunError::Ports { found, needed });
            }
        }
        let given = inputs.iter().map(|v| v.len()).chain(outputs.iter().map(|v| v.len()));
        for (port, (found, wanted)) in given.zip(self.inputs().chain(self.outputs())).enumerate() {
            if found != wanted.values() {
                return Err(RunError::Values { port, found, needed: wanted.values() });
            }
        }
        Ok(detected)
    }

    fn step(&self, step: &StepRecord, memory: Memory, kernel: Detected) {
        let input = &self.tensors[step.input as usize];
        let output = &self.tensors[step.output as usize];
        let second = if step.second == NONE { None } else { Some(&self.tensors[step.second as usize]) };
        match step.kind().expect("validated: a step has a kind") {
            Kind::Convolution => {
                let channels = output.pixel_bytes as usize;
                let run = step.run_bytes(input);
                let weights = step.weights(self, channels * step.kernel as usize * run);
                let (bias, scales) = (step.bias(self, channels), step.scales(self, channels));
                let job = Convolve {
                    input: input.pixel(-offset(step.padding), -offset(step.padding)),
                    input_row: input.row_bytes() * step.stride as usize,
                    input_pixel: (input.pixel_bytes * step.stride) as usize,
                    kernel_rows: step.kernel as usize,
                    stride: step.stride as usize,
                    rows_that_count: input.rows_that_count(step.padding),
                    kernel_row: input.row_bytes(),
                    run,
                    output: output.pixel(0, 0),
                    output_row: output.row_bytes(),
                    channels,
                    width: output.width as usize,
                    pixels: (output.height * output.width) as usize,
                    blocks: step.blocks as usize,
                    weights: weights.expect("validated: weights lie in the plan"),
                    bias: bias.expect("validated: biases lie in the plan"),
                    scales: scales.expect("validated: scales lie in the plan"),
                    residual: second.map(|s| s.residue(step.upsampled, step.second_factor)),
                    rounding: output.rounding(step.relu == 1),
                };
                kernel.convolve(memory, &job);
            }
            Kind::MaximumPool if output.pixel_bytes.is_multiple_of(64) => {
                pool_maximum::<64>(memory, step, input, output);
            }
            Kind::MaximumPool if output.pixel_bytes.is_multiple_of(32) => {
                pool_maximum::<32>(memory, step, input, output);
            }
            Kind::MaximumPool => pool_maximum::<CHANNELS>(memory, step, input, output),
            Kind::Add => {
                let second = second.expect("validated: an addition has two inputs");
                let job = Addition {
                    addends: [
                        input.residue(0, step.factor),
                        second.residue(step.upsampled, step.second_factor),
                    ],
                    output: output.pixel(0, 0),
                    output_row: output.row_bytes(),
                    channels: output.pixel_bytes as usize,
                    height: output.height as usize,
                    width: output.width as usize,
                    rounding: output.rounding(step.relu == 1),
                };
                kernel.add(memory, &job);
            }
            Kind::Upsample => each_pixel(output, |y, x| {
                let channels = output.pixel_bytes as usize;
                let from = memory.slice(input.at(y / 2, x / 2), channels);
                memory.slice_mut(output.at(y, x), channels).copy_from_slice(from);
            }),
        }
        output.fill_halo(memory);
    }
}

fn offset(n: u32) -> isize {
    n as isize
}

fn each_pixel(tensor: &TensorRecord, mut f: impl FnMut(usize, usize)) {
    for y in 0..tensor.height as usize {
        for x in 0..tensor.width as usize {
            f(y, x);
        }
    }
}

/// Pools `N` channels at a time; a pixel's bytes are a multiple of `N`.
fn pool_maximum<const N: usize>(
    memory: Memory,
    step: &StepRecord,
    input: &TensorRecord,
    output: &TensorRecord,
) {
    let (kernel, stride, channels) =
        (step.kernel as usize, step.stride as usize, output.pixel_bytes as usize);
    let origin = input.pixel(-offset(step.padding), -offset(step.padding));
    each_pixel(output, |y, x| {
        let first = origin + y * stride * input.row_bytes() + x * stride * channels;
        for block in (0..channels).step_by(N) {
            let mut largest = [0; N];
            for row in 0..kernel {
                for column in 0..kernel {
                    let at = first + row * input.row_bytes() + column * channels + block;
                    let values: [u8; N] = memory.get(at);
                    largest = core::array::from_fn(|c| largest[c].max(values[c]));
                }
            }
            memory.set(output.at(y, x) + block, largest);
        }
    });
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace { found, needed } => {
                write!(f, "workspace has {found} bytes where the plan needs {needed}")
            }
            Self::Ports { found, needed } => {
                write!(f, "{found} inputs or outputs where the plan has {needed}")
            }
            Self::Values { port, found, needed } => {
                write!(f, "input or output {port} has {found} values where the plan has {needed}")
            }
            Self::Kernel { kernel } => write!(f, "kernel {kernel} does not run on this processor"),
        }
    }
}

impl core::error::Error for RunError {}

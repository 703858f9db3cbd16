use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicU8, Ordering};

use super::LARGEST;
use super::kernels::{Addition, CHANNELS, Convolve, Kernel, Memory, Residue, Rounding};
use super::plan::{NONE, Plan, StepRecord, TensorRecord, kind};

/// Runs the parts of a convolution: calls the function with every number below the first argument, in any
/// order and on any threads, and returns when all calls have. A part that is asked for again, or does not exist, is
/// not computed.
pub type Split<'s> = &'s (dyn Fn(usize, &(dyn Fn(usize) + Sync)) + 's);

/// A convolution of fewer multiply-accumulates than this is not worth handing to other threads.
const WORTH_SPLITTING: usize = 1 << 21;

/// The most parts that a convolution is split into, a bit of a byte each, and the fewest pixels of a part.
const PARTS: usize = 8;
const FEWEST_PIXELS: usize = 16;

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
    /// The splitter returned before every part of a convolution had been asked for. The outputs were not written.
    Parts {
        /// How many were.
        found: usize,
        /// How many there are.
        needed: usize,
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
        self.execute(workspace, inputs, outputs, kernel, None)
    }

    /// As [`Plan::run`], with large convolutions handed in parts to `split`.
    ///
    /// # Errors
    /// As [`Plan::run`], and if `split` leaves out a part.
    pub fn run_split(
        &self,
        workspace: &mut [u8],
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        kernel: Kernel,
        split: Split<'_>,
    ) -> Result<(), RunError> {
        self.execute(workspace, inputs, outputs, kernel, Some(split))
    }

    fn execute(
        &self,
        workspace: &mut [u8],
        inputs: &[&[f32]],
        outputs: &mut [&mut [f32]],
        kernel: Kernel,
        split: Option<Split<'_>>,
    ) -> Result<(), RunError> {
        self.check_run(workspace.len(), inputs, outputs, kernel)?;
        let memory = Memory::new(&mut workspace[..self.workspace_bytes]);
        for (tensor, values) in self.inputs.iter().zip(inputs) {
            self.tensors[*tensor as usize].quantise(memory, values);
        }
        for step in self.steps {
            self.step(step, memory, kernel, split)?;
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
    ) -> Result<(), RunError> {
        if !kernel.runs_here() {
            return Err(RunError::Kernel { kernel });
        }
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
        Ok(())
    }

    fn step(
        &self,
        step: &StepRecord,
        memory: Memory,
        kernel: Kernel,
        split: Option<Split<'_>>,
    ) -> Result<(), RunError> {
        let input = &self.tensors[step.input as usize];
        let output = &self.tensors[step.output as usize];
        let second = if step.second == NONE { None } else { Some(&self.tensors[step.second as usize]) };
        match step.kind {
            kind::CONVOLUTION => {
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
                convolve(memory, &job, kernel, split)?;
            }
            kind::MAXIMUM_POOL if output.pixel_bytes.is_multiple_of(64) => {
                pool_maximum::<64>(memory, step, input, output);
            }
            kind::MAXIMUM_POOL if output.pixel_bytes.is_multiple_of(32) => {
                pool_maximum::<32>(memory, step, input, output);
            }
            kind::MAXIMUM_POOL => pool_maximum::<CHANNELS>(memory, step, input, output),
            kind::AVERAGE_POOL => pool_average(memory, step, input, output),
            kind::ADD => {
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
            _ => each_pixel(output, |y, x| {
                let channels = output.pixel_bytes as usize;
                let from = memory.slice(input.at(y / 2, x / 2), channels);
                memory.slice_mut(output.at(y, x), channels).copy_from_slice(from);
            }),
        }
        output.fill_halo(memory);
        Ok(())
    }
}

/// Computes a convolution, a large one in parts if it may be split: of its pixels, or of its channels where pixels
/// are few and weights many, which are then read once.
fn convolve(
    memory: Memory,
    job: &Convolve<'_>,
    kernel: Kernel,
    split: Option<Split<'_>>,
) -> Result<(), RunError> {
    let (groups, pixels) = (job.channels / (16 * job.blocks), job.pixels);
    let work = [job.channels, job.kernel_rows, job.run].into_iter().fold(pixels, usize::saturating_mul);
    let Some(split) = split.filter(|_| work >= WORTH_SPLITTING) else {
        kernel.convolve(memory, job, 0..groups, 0..pixels);
        return Ok(());
    };
    let share = |all: usize, part: usize, parts: usize| all * part / parts..all * (part + 1) / parts;
    if pixels >= PARTS * FEWEST_PIXELS {
        once_each(split, PARTS, |part| kernel.convolve(memory, job, 0..groups, share(pixels, part, PARTS)))
    } else {
        let parts = groups.min(PARTS);
        once_each(split, parts, |part| kernel.convolve(memory, job, share(groups, part, parts), 0..pixels))
    }
}

/// Has `split` run the parts, each once whatever it does: two threads in one part would write the same bytes.
fn once_each(split: Split<'_>, parts: usize, run: impl Fn(usize) + Sync) -> Result<(), RunError> {
    let taken = AtomicU8::new(0);
    split(parts, &|part| {
        let is_first = part < parts && taken.fetch_or(1 << part, Ordering::Relaxed) >> part & 1 == 0;
        if is_first {
            run(part);
        }
    });
    let found = taken.into_inner().count_ones() as usize;
    if found == parts { Ok(()) } else { Err(RunError::Parts { found, needed: parts }) }
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

fn pool_average(memory: Memory, step: &StepRecord, input: &TensorRecord, output: &TensorRecord) {
    let (kernel, channels) = (step.kernel as usize, output.pixel_bytes as usize);
    let rounding = output.rounding(false);
    #[allow(clippy::cast_possible_truncation, reason = "at most 1024 * 1024 * 127")]
    let zero = (kernel * kernel * input.zero_point as usize) as i32;
    each_pixel(output, |y, x| {
        let first = input.at(y * kernel, x * kernel);
        for c in 0..channels {
            let sum: i32 = (0..kernel * kernel)
                .map(|i| {
                    let [q] = memory.get(first + i / kernel * input.row_bytes() + i % kernel * channels + c);
                    i32::from(q)
                })
                .sum();
            memory.set(output.at(y, x) + c, [rounding.apply((sum - zero) as f32 * step.factor)]);
        }
    });
}

impl TensorRecord {
    fn row_bytes(&self) -> usize {
        (self.width + 2 * self.halo) as usize * self.pixel_bytes as usize
    }

    /// Where a pixel begins; up to `halo` outside the tensor.
    fn pixel(&self, y: isize, x: isize) -> usize {
        let halo = self.halo as usize;
        let (row, column) = (halo.wrapping_add_signed(y), halo.wrapping_add_signed(x));
        self.offset as usize + row * self.row_bytes() + column * self.pixel_bytes as usize
    }

    fn at(&self, y: usize, x: usize) -> usize {
        let halo = self.halo as usize;
        self.offset as usize + (y + halo) * self.row_bytes() + (x + halo) * self.pixel_bytes as usize
    }

    /// The rows of the padded tensor that may add to a sum: padding adds nothing where it is 0.
    fn rows_that_count(&self, padding: u32) -> Range<usize> {
        if self.zero_point > 0 {
            return 0..usize::MAX;
        }
        padding as usize..(padding + self.height) as usize
    }

    fn rounding(&self, relu: bool) -> Rounding {
        Rounding::new(self.zero_point as i32, relu)
    }

    fn residue(&self, upsampled: u32, factor: f32) -> Residue {
        Residue {
            origin: self.at(0, 0),
            row: self.row_bytes(),
            pixel: self.pixel_bytes as usize,
            shift: upsampled,
            zero: self.zero_point as i32,
            factor,
        }
    }

    fn fill_halo(&self, memory: Memory) {
        let (halo, pixel, row) = (self.halo as usize, self.pixel_bytes as usize, self.row_bytes());
        #[allow(clippy::cast_possible_truncation, reason = "validated to be at most 127")]
        let zero = self.zero_point as u8;
        if halo == 0 {
            return;
        }
        let start = self.offset as usize;
        let fill = |at: usize, bytes: usize| memory.slice_mut(at, bytes).fill(zero);
        let inner = start + halo * row;
        fill(start, halo * row + halo * pixel);
        for y in 0..self.height as usize - 1 {
            fill(inner + (y + 1) * row - halo * pixel, 2 * halo * pixel);
        }
        fill(inner + self.height as usize * row - halo * pixel, halo * pixel + halo * row);
    }

    fn quantise(&self, memory: Memory, values: &[f32]) {
        let (rounding, inverse) = (self.rounding(false), 1.0 / self.scale);
        let (width, channels) = (self.width as usize, self.pixel_bytes as usize);
        #[allow(clippy::cast_possible_truncation, reason = "validated to be at most 127")]
        let zero = self.zero_point as u8;
        for y in 0..self.height as usize {
            let row = memory.slice_mut(self.at(y, 0), width * channels);
            if channels == 1 {
                let values = &values[y * width..][..width];
                row.iter_mut().zip(values).for_each(|(q, x)| *q = rounding.apply(x * inverse));
                continue;
            }
            if self.channels as usize != channels {
                row.fill(zero);
            }
            for (c, plane) in values.chunks_exact(self.height as usize * width).enumerate() {
                let pixels = row[c..].iter_mut().step_by(channels);
                pixels.zip(&plane[y * width..][..width]).for_each(|(q, x)| *q = rounding.apply(x * inverse));
            }
        }
        self.fill_halo(memory);
    }

    fn dequantise(&self, memory: Memory, values: &mut [f32]) {
        let (width, channels, zero) =
            (self.width as usize, self.pixel_bytes as usize, self.zero_point as i32);
        for (c, plane) in values.chunks_exact_mut(self.height as usize * width).enumerate() {
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                let pixels = memory.slice(self.at(y, 0), width * channels)[c..].iter().step_by(channels);
                row.iter_mut().zip(pixels).for_each(|(x, q)| *x = (i32::from(*q) - zero) as f32 * self.scale);
            }
        }
    }
}

const _: () = assert!(LARGEST == 127, "kernels clamp to seven bits");

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
            Self::Parts { found, needed } => {
                write!(f, "{found} parts of a convolution were run where it has {needed}")
            }
        }
    }
}

impl core::error::Error for RunError {}

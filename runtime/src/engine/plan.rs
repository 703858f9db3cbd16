use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{LARGEST, Shape};

pub(super) const MAGIC: [u8; 8] = *b"RPLAN\r\n\0";
pub(super) const FORMAT_VERSION: u32 = 1;
pub(super) const NONE: u32 = u32::MAX;

#[cfg(target_endian = "big")]
compile_error!("plans are little endian and used in place");

/// The head of a plan. The tables and the blob follow at the stated offsets, all multiples of 64.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct Header {
    pub(super) magic: [u8; 8],
    pub(super) version: u32,
    pub(super) plan_bytes: u32,
    /// [`checksum`] of everything after the header.
    pub(super) checksum: u64,
    pub(super) workspace_bytes: u32,
    pub(super) tensors_at: u32,
    pub(super) tensors: u32,
    pub(super) steps_at: u32,
    pub(super) steps: u32,
    pub(super) ports_at: u32,
    pub(super) inputs: u32,
    pub(super) outputs: u32,
    pub(super) blob_at: u32,
    pub(super) reserved: u32,
}

/// A tensor in the workspace: rows of pixels of `pixel_bytes` bytes, a halo of `halo` pixels round them.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct TensorRecord {
    pub(super) offset: u32,
    pub(super) channels: u32,
    pub(super) height: u32,
    pub(super) width: u32,
    /// Bytes of a pixel: the channels padded to a multiple of 16, or 1 for a single channel.
    pub(super) pixel_bytes: u32,
    pub(super) halo: u32,
    pub(super) zero_point: u32,
    pub(super) scale: f32,
}

/// One step. What a kind does not use is 0, or [`NONE`] for tensors.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(super) struct StepRecord {
    /// A [`Kind`]'s number.
    pub(super) kind: u32,
    pub(super) input: u32,
    /// The residual of a convolution, the second addend of an addition.
    pub(super) second: u32,
    pub(super) output: u32,
    pub(super) kernel: u32,
    pub(super) stride: u32,
    pub(super) padding: u32,
    /// 1 if `second` is read upsampled by 2.
    pub(super) upsampled: u32,
    pub(super) relu: u32,
    /// Output channels of a group of weights, in units of 16: 1 to 4.
    pub(super) blocks: u32,
    pub(super) weights_at: u32,
    pub(super) bias_at: u32,
    pub(super) scales_at: u32,
    /// Factor of `input` in additions.
    pub(super) factor: f32,
    /// Factor of `second`.
    pub(super) second_factor: f32,
    pub(super) reserved: u32,
}

impl StepRecord {
    /// A step that reads tensor 0, with what its kind may not use.
    pub(super) const fn new(kind: Kind, output: u32) -> Self {
        Self {
            kind: kind as u32,
            input: 0,
            second: NONE,
            output,
            kernel: 0,
            stride: 0,
            padding: 0,
            upsampled: 0,
            relu: 0,
            blocks: 0,
            weights_at: 0,
            bias_at: 0,
            scales_at: 0,
            factor: 0.0,
            second_factor: 0.0,
            reserved: 0,
        }
    }

    /// What the step does; none for a number that is no kind's, which no valid plan has.
    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u32 == self.kind)
    }
}

/// What a step does. The numbers are the plan's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    Convolution = 1,
    MaximumPool = 2,
    // 3 is retired.
    Add = 4,
    Upsample = 5,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Convolution, Self::MaximumPool, Self::Add, Self::Upsample];
}

/// A validated plan, borrowed from its bytes.
///
/// Whatever the bytes were, a plan that was opened reads and writes inside the workspace and the bytes only, and reads
/// nothing there that it did not write before.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub(super) workspace_bytes: usize,
    pub(super) tensors: &'a [TensorRecord],
    pub(super) steps: &'a [StepRecord],
    pub(super) inputs: &'a [u32],
    pub(super) outputs: &'a [u32],
    pub(super) blob: &'a [u8],
}

/// A tensor that goes in or comes out as float32, channel by channel, row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Port {
    /// Its size.
    pub shape: Shape,
    /// Its scale in the engine.
    pub scale: f32,
    /// Its zero point in the engine.
    pub zero_point: u8,
}

/// Why bytes are not a plan that can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The bytes do not lie at a multiple of 8.
    Misaligned,
    /// The bytes do not begin with a plan's magic.
    NotAPlan,
    /// The format is another version than this engine reads.
    Version {
        /// The version that the plan states.
        found: u32,
    },
    /// The plan is cut short, or longer than it says.
    Length {
        /// The bytes that were given.
        found: usize,
        /// The bytes that the plan states.
        expected: usize,
    },
    /// The contents are not those that were written.
    Checksum,
    /// A table has more entries than are checked.
    TooMany {
        /// The table.
        table: &'static str,
        /// Its entries.
        found: usize,
        /// The most that it can have.
        most: usize,
    },
    /// A table does not lie in the plan.
    Table {
        /// The table.
        table: &'static str,
    },
    /// The workspace is larger than an engine's can be, or than the tensors need.
    Workspace {
        /// The bytes that the plan works in.
        found: u64,
        /// The most that it may.
        most: u64,
    },
    /// A tensor cannot be.
    Tensor {
        /// Its number.
        tensor: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A step cannot run.
    Step {
        /// Its number.
        step: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl<'a> Plan<'a> {
    /// Validates `bytes` and borrows them; they must lie at a multiple of 8, better of 64.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, PlanError> {
        if !bytes.as_ptr().addr().is_multiple_of(align_of::<Header>()) {
            return Err(PlanError::Misaligned);
        }
        if !bytes.starts_with(&MAGIC) {
            return Err(PlanError::NotAPlan);
        }
        let length = |expected| PlanError::Length { found: bytes.len(), expected };
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| length(size_of::<Header>()))?;
        if header.version != FORMAT_VERSION {
            return Err(PlanError::Version { found: header.version });
        }
        if header.plan_bytes as usize != bytes.len() {
            return Err(length(header.plan_bytes as usize));
        }
        if checksum(rest) != header.checksum {
            return Err(PlanError::Checksum);
        }
        let plan = Self {
            workspace_bytes: header.workspace_bytes as usize,
            tensors: table(bytes, header.tensors_at, header.tensors, "tensors")?,
            steps: table(bytes, header.steps_at, header.steps, "steps")?,
            inputs: table(bytes, header.ports_at, header.inputs, "inputs")?,
            outputs: header
                .inputs
                .checked_mul(4)
                .and_then(|skipped| header.ports_at.checked_add(skipped))
                .ok_or(PlanError::Table { table: "outputs" })
                .and_then(|at| table(bytes, at, header.outputs, "outputs"))?,
            blob: bytes.get(header.blob_at as usize..).ok_or(PlanError::Table { table: "blob" })?,
        };
        super::validate::check(&plan)?;
        Ok(plan)
    }

    /// What [`Plan::run`] needs to work in: at most 1 GiB.
    #[must_use]
    pub const fn workspace_bytes(&self) -> usize {
        self.workspace_bytes
    }

    /// What goes in, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Port> {
        self.inputs.iter().map(|i| self.tensors[*i as usize].port())
    }

    /// What comes out, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Port> {
        self.outputs.iter().map(|i| self.tensors[*i as usize].port())
    }
}

impl Port {
    /// How many float32 the port takes or gives.
    #[must_use]
    pub const fn values(&self) -> usize {
        self.shape.elements()
    }
}

impl TensorRecord {
    fn port(&self) -> Port {
        let shape = Shape::new(self.channels as usize, self.height as usize, self.width as usize);
        #[allow(clippy::cast_possible_truncation, reason = "validated to be at most 127")]
        let zero_point = self.zero_point.min(LARGEST.into()) as u8;
        Port { shape, scale: self.scale, zero_point }
    }
}

fn table<'a, T: FromBytes + Immutable + KnownLayout>(
    bytes: &'a [u8],
    at: u32,
    count: u32,
    name: &'static str,
) -> Result<&'a [T], PlanError> {
    let error = PlanError::Table { table: name };
    let length = (count as usize).checked_mul(size_of::<T>()).ok_or(error)?;
    let end = (at as usize).checked_add(length).ok_or(error)?;
    let bytes = bytes.get(at as usize..end).ok_or(error)?;
    <[T]>::ref_from_bytes(bytes).map_err(|_| error)
}

/// A 64-bit checksum against accidents: FNV-1a over little-endian words of eight bytes, the last filled with
/// zeros, turned between words so that every bit reaches all of the sum.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(PRIME).rotate_left(23);
    let (words, tail) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0xCBF2_9CE4_8422_2325, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    mix(mix(sum, u64::from_le_bytes(last)), bytes.len() as u64)
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned => f.write_str("plan must lie at a multiple of 8 bytes"),
            Self::NotAPlan => f.write_str("not a plan: the magic is missing"),
            Self::Version { found } => {
                write!(f, "plan has format version {found}, this engine reads version {FORMAT_VERSION}")
            }
            Self::Length { found, expected } => {
                write!(f, "plan has {found} bytes where {expected} are expected")
            }
            Self::Checksum => f.write_str("plan is damaged: its checksum does not match its contents"),
            Self::Table { table } => write!(f, "plan's {table} do not lie in it"),
            Self::Workspace { found, most } => {
                write!(f, "plan works in {found} bytes where at most {most} are expected")
            }
            Self::TooMany { table, found, most } => {
                write!(f, "plan has {found} {table}, at most {most} are expected")
            }
            Self::Tensor { tensor, reason } => write!(f, "plan's tensor {tensor} {reason}"),
            Self::Step { step, reason } => write!(f, "plan's step {step} {reason}"),
        }
    }
}

impl core::error::Error for PlanError {}

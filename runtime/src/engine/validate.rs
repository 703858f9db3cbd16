//! What must hold before anything runs: every offset, size, shape and number of a plan.

use super::plan::{Kind, NONE, Plan, PlanError, StepRecord, TensorRecord};
use super::{LARGEST, dataflow, sums};

/// No tensor has more rows, columns or channels, no kernel more rows, no windows lie further apart, no halo is wider:
/// products of these stay far below 2^63. They are taken in 64 bits, on processors of 32 bits too.
const LONGEST: u32 = 1 << 14;
const LARGEST_KERNEL: u32 = 1 << 10;
const LONGEST_STRIDE: u32 = 1 << 10;
const WIDEST_HALO: u32 = 64;

/// The most that a plan may work in: 1 GiB, which every processor addresses, with a model before it.
pub(super) const LARGEST_WORKSPACE: u64 = 1 << 30;

/// Bytes after a tensor that kernels may read (never write): the last group of a single-channel row.
pub(super) const SLACK: usize = 64;

pub(super) fn check(plan: &Plan<'_>) -> Result<(), PlanError> {
    for (tensor, record) in plan.tensors.iter().enumerate() {
        record.check(plan.workspace_bytes as u64).map_err(|reason| PlanError::Tensor { tensor, reason })?;
    }
    check_workspace(plan)?;
    for (tensors, table) in [(plan.inputs, "inputs"), (plan.outputs, "outputs")] {
        if tensors.is_empty() || tensors.iter().any(|t| *t as usize >= plan.tensors.len()) {
            return Err(PlanError::Table { table });
        }
    }
    for (step, record) in plan.steps.iter().enumerate() {
        record.check(plan).map_err(|reason| PlanError::Step { step, reason })?;
    }
    dataflow::check(plan)
}

/// The workspace ends where the last tensor does.
fn check_workspace(plan: &Plan<'_>) -> Result<(), PlanError> {
    let end = plan.tensors.iter().map(TensorRecord::end).max().unwrap_or(0);
    let most = end.next_multiple_of(64).min(LARGEST_WORKSPACE);
    let found = plan.workspace_bytes as u64;
    if found > most { Err(PlanError::Workspace { found, most }) } else { Ok(()) }
}

/// A window is one that an engine's numbers hold, and it meets the input.
pub(super) fn check_window(kernel: u64, stride: u64, padding: u64) -> Result<(), &'static str> {
    require((1..=LARGEST_KERNEL.into()).contains(&kernel), "has a kernel that cannot be")?;
    require((1..=LONGEST_STRIDE.into()).contains(&stride), "has a stride that cannot be")?;
    require(padding <= WIDEST_HALO.into() && padding < kernel, "has a padding that cannot be")
}

fn require(holds: bool, reason: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(reason) }
}

/// The greatest factor of an addend, which has seven bits: with [`sums::GREATEST_RESULT`] it stays within int32, and
/// rounding need not look for infinities.
const GREATEST_FACTOR: f32 = (1 << 20) as f32;

fn is_factor(value: f32) -> bool {
    (0.0..=GREATEST_FACTOR).contains(&value)
}

impl TensorRecord {
    /// Bytes from the first halo pixel to the last, and the slack.
    pub(super) fn bytes(&self) -> u64 {
        let side = |n: u32| u64::from(n) + 2 * u64::from(self.halo);
        side(self.height) * side(self.width) * u64::from(self.pixel_bytes) + SLACK as u64
    }

    fn end(&self) -> u64 {
        self.bytes() + u64::from(self.offset)
    }

    /// No size, nor a product of three, is beyond what the checks below and the planner can reckon with.
    pub(super) fn check_sizes(&self) -> Result<(), &'static str> {
        let sides = [self.channels, self.height, self.width, self.pixel_bytes];
        require(sides.iter().all(|n| (1..=LONGEST).contains(n)), "has a size that cannot be")?;
        require(self.halo <= WIDEST_HALO, "has a halo that cannot be")
    }

    fn check(&self, workspace_bytes: u64) -> Result<(), &'static str> {
        self.check_sizes()?;
        let padded = self.pixel_bytes.is_multiple_of(16) && self.pixel_bytes >= self.channels;
        require(padded || (self.pixel_bytes == 1 && self.channels == 1), "has pixels of a wrong size")?;
        require(self.offset.is_multiple_of(64), "does not lie at a multiple of 64")?;
        require(self.end() <= workspace_bytes, "does not lie in the workspace")?;
        require(self.zero_point <= LARGEST.into(), "has a zero point above 127")?;
        require(self.scale.is_normal() && self.scale > 0.0, "has a scale that is not positive")
    }

    /// Whether the two share a byte, halos and slack among them.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        u64::from(self.offset) < other.end() && u64::from(other.offset) < self.end()
    }

    fn same_plane(&self, other: &Self) -> bool {
        let plane = |t: &Self| (t.channels, t.height, t.width, t.pixel_bytes);
        plane(self) == plane(other)
    }

    /// Whether each pixel lies where the other's does, if both begin at one place.
    pub(super) fn same_layout(&self, other: &Self) -> bool {
        self.same_plane(other) && self.halo == other.halo
    }

    /// Whether the other may be written over this one, each pixel after it was read.
    fn may_be_overwritten(&self, other: &Self) -> bool {
        !self.overlaps(other) || (self.offset == other.offset && self.same_layout(other))
    }

    fn same_numbers(&self, other: &Self) -> bool {
        self.zero_point == other.zero_point && self.scale.to_bits() == other.scale.to_bits()
    }
}

impl StepRecord {
    fn check(&self, plan: &Plan<'_>) -> Result<(), &'static str> {
        let tensor = |index: u32| plan.tensors.get(index as usize).ok_or("names a tensor that is not there");
        let (input, output) = (tensor(self.input)?, tensor(self.output)?);
        let second = if self.second == NONE { None } else { Some(tensor(self.second)?) };
        let adds = self.kind() == Some(Kind::Add);
        let apart = !output.overlaps(input) || (adds && input.may_be_overwritten(output));
        require(apart, "writes over its input")?;
        require(second.is_none_or(|s| s.may_be_overwritten(output)), "writes over its second input")?;
        require(self.upsampled <= 1 && self.relu <= 1, "has a flag that is not one")?;
        if let Some(second) = second {
            let half = self.upsampled == 1;
            let size = |n: u32| if half { n / 2 } else { n };
            let even = !half || (output.height.is_multiple_of(2) && output.width.is_multiple_of(2));
            let fits = second.height == size(output.height)
                && second.width == size(output.width)
                && second.channels == output.channels
                && second.pixel_bytes == output.pixel_bytes;
            require(even && fits, "adds a tensor of another shape")?;
            require(is_factor(self.second_factor), "has a factor that is not from 0 to 2^20")?;
        }
        match self.kind() {
            Some(Kind::Convolution) => self.check_convolution(plan, input, output),
            Some(Kind::MaximumPool) => {
                self.check_window(input, output)?;
                require(output.pixel_bytes.is_multiple_of(16), "pools pixels of a wrong size")?;
                require(second.is_none(), "pools two tensors")?;
                require(input.pixel_bytes == output.pixel_bytes, "changes the channels")?;
                require(input.channels == output.channels, "changes the channels")?;
                require(
                    self.padding == 0 || input.zero_point == 0,
                    "pads a maximum with what is not the least",
                )?;
                require(input.same_numbers(output), "changes scale or zero point")
            }
            Some(Kind::Add) => {
                require(second.is_some(), "adds nothing")?;
                require(output.pixel_bytes.is_multiple_of(16), "adds pixels of a wrong size")?;
                require(input.same_plane(output), "adds a tensor of another shape")?;
                require(is_factor(self.factor), "has a factor that is not from 0 to 2^20")
            }
            Some(Kind::Upsample) => {
                require(second.is_none(), "upsamples two tensors")?;
                let doubled = output.height == 2 * input.height && output.width == 2 * input.width;
                require(doubled, "does not double its input")?;
                require(input.pixel_bytes == output.pixel_bytes, "changes the channels")?;
                require(input.channels == output.channels, "changes the channels")?;
                require(input.same_numbers(output), "changes scale or zero point")
            }
            None => Err("is of an unknown kind"),
        }
    }

    /// There are as many windows as lie in the input and its padding, which lies in the halo.
    fn check_window(&self, input: &TensorRecord, output: &TensorRecord) -> Result<(), &'static str> {
        check_window(self.kernel.into(), self.stride.into(), self.padding.into())?;
        require(self.padding <= input.halo, "has a padding that cannot be")?;
        let row = u64::from(input.width + 2 * input.halo) * u64::from(input.pixel_bytes);
        require(row * u64::from(self.stride) <= LARGEST_WORKSPACE, "has a stride beyond its input")?;
        let windows = |side: u32| {
            let room = (side + 2 * self.padding).checked_sub(self.kernel)?;
            Some(room / self.stride + 1)
        };
        let found = [Some(output.height), Some(output.width)];
        require(found == [input.height, input.width].map(windows), "gives an output of a wrong size")
    }

    fn check_convolution(
        &self,
        plan: &Plan<'_>,
        input: &TensorRecord,
        output: &TensorRecord,
    ) -> Result<(), &'static str> {
        self.check_window(input, output)?;
        require((1..=4).contains(&self.blocks), "has groups of a wrong size")?;
        let group = self.blocks * 16;
        require(output.pixel_bytes.is_multiple_of(group), "has groups that do not fit its channels")?;
        require(
            input.pixel_bytes != 1 || self.kernel as usize <= SLACK / 2,
            "reads beyond a single channel",
        )?;
        let weights = self.weight_bytes(input, output);
        let of_channels = 4 * u64::from(output.pixel_bytes);
        let parts = [(self.weights_at, weights), (self.bias_at, of_channels), (self.scales_at, of_channels)];
        for (at, length) in parts {
            require(at.is_multiple_of(64), "has weights that are not aligned")?;
            require(u64::from(at) + length <= plan.blob.len() as u64, "has weights beyond the plan")?;
        }
        sums::check(plan, self, input, output)
    }

    /// Bytes of one row of a kernel over all channels, a multiple of 4.
    pub(super) fn run_bytes(&self, input: &TensorRecord) -> usize {
        (self.kernel as usize * input.pixel_bytes as usize).next_multiple_of(4)
    }

    /// Bytes of all weights of a convolution.
    pub(super) fn weight_bytes(&self, input: &TensorRecord, output: &TensorRecord) -> u64 {
        u64::from(output.pixel_bytes) * u64::from(self.kernel) * self.run_bytes(input) as u64
    }

    pub(super) fn weights<'a>(&self, plan: &Plan<'a>, bytes: usize) -> Option<&'a [u8]> {
        plan.blob.get(self.weights_at as usize..self.weights_at as usize + bytes)
    }

    pub(super) fn bias<'a>(&self, plan: &Plan<'a>, channels: usize) -> Option<&'a [i32]> {
        let bytes = plan.blob.get(self.bias_at as usize..self.bias_at as usize + 4 * channels)?;
        zerocopy::FromBytes::ref_from_bytes(bytes).ok()
    }

    pub(super) fn scales<'a>(&self, plan: &Plan<'a>, channels: usize) -> Option<&'a [f32]> {
        let bytes = plan.blob.get(self.scales_at as usize..self.scales_at as usize + 4 * channels)?;
        zerocopy::FromBytes::ref_from_bytes(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENSOR: TensorRecord = TensorRecord {
        offset: 0,
        channels: 16,
        height: 16,
        width: 16,
        pixel_bytes: 16,
        halo: 0,
        zero_point: 0,
        scale: 1.0,
    };

    #[test]
    fn sizes_that_wrap_in_32_bits_are_refused() {
        const OUTSIDE: Result<(), &str> = Err("does not lie in the workspace");
        let whole = TENSOR.bytes();
        assert_eq!((TENSOR.check(whole), TENSOR.check(whole - 1)), (Ok(()), OUTSIDE));
        // 2^32 bytes of pixels, and a place near the end of 32 bits.
        let wide = TensorRecord { height: LONGEST, width: LONGEST, ..TENSOR };
        let far = TensorRecord { offset: u32::MAX - 63, ..TENSOR };
        assert_eq!((wide.bytes(), far.end()), ((1 << 32) + SLACK as u64, (1 << 32) - 64 + whole));
        assert_eq!((wide.check(LARGEST_WORKSPACE), far.check(LARGEST_WORKSPACE)), (OUTSIDE, OUTSIDE));
        assert!(wide.overlaps(&TensorRecord { offset: 1 << 30, ..TENSOR }));
        assert!(!far.overlaps(&TENSOR));
    }

    #[test]
    fn a_step_of_an_unknown_kind_is_refused() {
        let tensors = &[TENSOR, TensorRecord { offset: 1 << 13, ..TENSOR }];
        let plan = Plan { workspace_bytes: 0, tensors, steps: &[], inputs: &[], outputs: &[], blob: &[] };
        let step = StepRecord { second: 0, ..StepRecord::new(Kind::Add, 1) };
        assert_eq!(step.check(&plan), Ok(()), "the control");
        for kind in [0, 3, 6, u32::MAX] {
            assert_eq!(StepRecord { kind, ..step }.check(&plan), Err("is of an unknown kind"), "{kind}");
        }
    }

    #[test]
    fn weights_that_wrap_in_32_bits_lie_beyond_the_plan() {
        let step = StepRecord::new(Kind::Convolution, 1);
        let step = StepRecord { kernel: LARGEST_KERNEL, stride: 1, blocks: 1, ..step };
        // 2^34 bytes: none in 32 bits.
        let input =
            TensorRecord { height: LARGEST_KERNEL, width: LARGEST_KERNEL, pixel_bytes: 256, ..TENSOR };
        let output = TensorRecord { height: 1, width: 1, pixel_bytes: 64, ..TENSOR };
        let Blob(blob) = &Blob([0; 4096]);
        let plan = Plan { workspace_bytes: 0, tensors: &[], steps: &[], inputs: &[], outputs: &[], blob };
        assert_eq!(step.check_convolution(&plan, &input, &output), Err("has weights beyond the plan"));
        // The control: weights of 64 bytes by 64 channels lie in it.
        let few = StepRecord { kernel: 1, ..step };
        let input = TensorRecord { height: 1, width: 1, pixel_bytes: 64, ..TENSOR };
        assert_eq!(few.check_convolution(&plan, &input, &output), Ok(()));
    }

    #[repr(align(64))]
    struct Blob([u8; 4096]);
}

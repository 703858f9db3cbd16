//! What the sums of a convolution can come to, whatever its input is.

use super::LARGEST;
use super::plan::{Plan, StepRecord, TensorRecord};

/// What a sum of products may come to in units of the output's scale.
pub(super) const GREATEST_RESULT: f32 = (1 << 30) as f32;

/// The most weights of a channel: their sum is in int32.
const MOST_WEIGHTS: u64 = 1 << 23;

/// The most channels whose weights lie together.
const GROUP: usize = 64;

/// Checks that no sum leaves int32, no result [`GREATEST_RESULT`], and what is read beside a window of a single channel
/// weighs nothing. The step is a convolution whose weights, biases and scales lie in the plan.
pub(super) fn check(
    plan: &Plan<'_>,
    step: &StepRecord,
    input: &TensorRecord,
    output: &TensorRecord,
) -> Result<(), &'static str> {
    let channels = output.pixel_bytes as usize;
    let (kernel, run) = (step.kernel as usize, step.run_bytes(input));
    let of_channel = step.weight_bytes(input, output) / u64::from(output.pixel_bytes);
    if of_channel > MOST_WEIGHTS {
        return Err("has more weights than a sum can have");
    }
    let weights = step.weights(plan, channels * kernel * run).ok_or("has weights beyond the plan")?;
    let scales = step.scales(plan, channels).ok_or("has scales that are not aligned")?;
    let biases = step.bias(plan, channels).ok_or("has biases that are not aligned")?;
    // Where weights of any value would do they need not be read.
    let most = [i8::MIN, i8::MAX].map(|weight| i64::from(weight) * of_channel.cast_signed());
    let group = 16 * step.blocks as usize;
    let groups = biases.chunks_exact(group).zip(scales.chunks_exact(group));
    for ((biases, scales), weights) in groups.zip(weights.chunks_exact(group * kernel * run)) {
        let beside = run - kernel * input.pixel_bytes as usize;
        if !weights.chunks_exact(group * run).all(|row| ends_in_zeros(row, group, beside)) {
            return Err("has weights beside its windows");
        }
        let channels = || biases.iter().zip(scales);
        if channels().all(|(bias, scale)| check_channel(*bias, *scale, most).is_ok()) {
            continue;
        }
        for ((bias, scale), sums) in channels().zip(extremes(weights, group)) {
            check_channel(*bias, *scale, sums.map(i64::from))?;
        }
    }
    Ok(())
}

/// Whether of the last 4 weights of each channel in a kernel's row the last `count` are 0.
fn ends_in_zeros(row: &[u8], group: usize, count: usize) -> bool {
    let fours = row[row.len() - 4 * group..].as_chunks::<4>().0;
    fours.iter().all(|four| four[4 - count..].iter().all(|weight| *weight == 0))
}

/// The sum of the negative and that of the positive weights of each of a group's channels: inputs are from 0 to 127, so
/// no sum of products, and none on the way to it, is beyond 127 times these.
fn extremes(weights: &[u8], group: usize) -> [[i32; 2]; GROUP] {
    let mut sums = [[0; 2]; GROUP];
    for fours in weights.chunks_exact(4 * group) {
        for ([least, greatest], four) in sums.iter_mut().zip(fours.as_chunks::<4>().0) {
            let four = four.map(|weight| i32::from(weight.cast_signed()));
            *least += four.map(|weight| weight.min(0)).iter().sum::<i32>();
            *greatest += four.map(|weight| weight.max(0)).iter().sum::<i32>();
        }
    }
    sums
}

/// Checks a channel by the sums of its negative and of its positive weights.
fn check_channel(bias: i32, scale: f32, weights: [i64; 2]) -> Result<(), &'static str> {
    let sums = weights.map(|sum| i64::from(bias) + i64::from(LARGEST) * sum);
    if sums.iter().any(|sum| i32::try_from(*sum).is_err()) {
        return Err("has sums that int32 does not hold");
    }
    let largest = sums[0].unsigned_abs().max(sums[1].unsigned_abs()) as f32;
    let is_bounded = (0.0..=GREATEST_RESULT).contains(&(scale * largest));
    if is_bounded { Ok(()) } else { Err("has a scale that takes its sums beyond 2^30") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_may_come_to_all_that_int32_holds_and_no_more() {
        let [least, most] = [i32::MIN, i32::MAX];
        for (bias, weights, fits) in [
            (most, [0, 0], true),
            (most, [0, 1], false),
            (most - 127, [0, 1], true),
            (least, [0, 0], true),
            (least, [-1, 0], false),
            (least + 127, [-1, 0], true),
            (0, [-16_909_320, 16_909_320], true),
            (0, [-16_909_321, 0], false),
        ] {
            assert_eq!(check_channel(bias, 0.25, weights).is_ok(), fits, "{bias} {weights:?}");
        }
        assert!(check_channel(1 << 20, 1024.0, [0, 0]).is_ok());
        for scale in [1025.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = check_channel(1 << 20, scale, [0, 0]);
            assert_eq!(error, Err("has a scale that takes its sums beyond 2^30"), "{scale}");
        }
    }

    #[test]
    fn extremes_are_those_of_each_channel() {
        // A group of 16 channels, two fours each: channel c has c, -c, 1, 0 and -1, 0, 0, 2.
        let fours = |four: fn(i8) -> [i8; 4]| (0..16).flat_map(four).map(i8::cast_unsigned);
        let weights: Vec<u8> = fours(|c| [c, -c, 1, 0]).chain(fours(|_| [-1, 0, 0, 2])).collect();
        for (c, sums) in extremes(&weights, 16).into_iter().take(16).enumerate() {
            let c = i32::try_from(c).unwrap();
            assert_eq!(sums, [-c - 1, c + 3], "{c}");
        }
        assert!(!ends_in_zeros(&weights, 16, 1), "the last of 4 is 2");
        let zero: Vec<u8> = fours(|_| [3, 2, 1, 0]).collect();
        assert!(
            ends_in_zeros(&zero, 16, 1) && !ends_in_zeros(&zero, 16, 2) && ends_in_zeros(&weights, 16, 0)
        );
    }
}

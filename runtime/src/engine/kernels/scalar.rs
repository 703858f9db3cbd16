//! The reference: the arithmetic of the module's documentation, one number after the other.

use super::{Convolve, Memory};

pub(super) fn convolve(memory: Memory<'_>, job: &Convolve<'_>) {
    let group = 16 * job.blocks;
    for pixel in 0..job.pixels {
        let [[input, output, residual]] = job.places(pixel);
        for channel in 0..job.channels {
            let weights = job.group_weights(channel / group);
            let mut sum = job.bias[channel];
            for row in 0..job.kernel_rows {
                let window = memory.slice(input + row * job.kernel_row, job.run);
                for (i, value) in window.iter().enumerate() {
                    let four = row * job.run / 4 + i / 4;
                    let weight = weights[(four * group + channel % group) * 4 + i % 4].cast_signed();
                    sum += i32::from(weight) * i32::from(*value);
                }
            }
            let mut result = sum as f32 * job.scales[channel];
            if let Some(residue) = job.residual {
                let [q] = memory.get(residual + channel);
                result += residue.value(q);
            }
            memory.set(output + channel, [job.rounding.apply(result)]);
        }
    }
}

//! Weights in the order in which kernels read them.

use super::network::Convolution;

/// How a convolution's weights are laid out.
pub(super) struct Packing {
    /// Blocks of 16 output channels whose weights lie together: 1 to 4.
    pub(super) blocks: usize,
    /// For each group of blocks, each kernel row and each 4 bytes of it, 4 weights for each channel.
    pub(super) weights: Vec<u8>,
}

/// Packs weights (output channel, input channel, row, column) for an input of `input_channels` in pixels of
/// `pixel_bytes` and an output of `padded` channels.
pub(super) fn pack(
    convolution: &Convolution,
    input_channels: usize,
    pixel_bytes: usize,
    padded: usize,
) -> Packing {
    let kernel = convolution.kernel;
    let blocks = (1..=4).rev().find(|b| padded.is_multiple_of(16 * b)).unwrap_or(1);
    let group = 16 * blocks;
    let run = (kernel * pixel_bytes).next_multiple_of(4);
    let mut weights = vec![0; padded * kernel * run];
    let of_channel = input_channels * kernel * kernel;
    for (channel, of_channel) in convolution.weights.chunks_exact(of_channel).enumerate() {
        for (i, weight) in of_channel.iter().enumerate() {
            let (input, row, column) = (i / (kernel * kernel), i / kernel % kernel, i % kernel);
            let byte = column * pixel_bytes + input;
            let four = row * run / 4 + byte / 4;
            let at = channel / group * group * kernel * run + (four * group + channel % group) * 4 + byte % 4;
            weights[at] = weight.cast_unsigned();
        }
    }
    Packing { blocks, weights }
}

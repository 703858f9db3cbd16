//! Random networks.

use recist::engine::{Convolution, Network, Operator, Shape, Tensor, TensorId};

use crate::Random;

/// Puts a network together, tensor by tensor.
pub(crate) struct Builder<'r> {
    pub(crate) network: Network,
    random: &'r mut Random,
}

impl<'r> Builder<'r> {
    pub(crate) fn new(
        random: &'r mut Random,
        channels: usize,
        height: usize,
        width: usize,
    ) -> (Self, TensorId) {
        let mut builder = Self { network: Network::default(), random };
        let shape = Shape { channels, height, width };
        let input = builder.tensor(shape, 1.0 / 127.0, 0);
        builder.network.inputs.push(input);
        (builder, input)
    }

    fn tensor(&mut self, shape: Shape, scale: f32, zero_point: u8) -> TensorId {
        self.network.tensors.push(Tensor { shape, scale, zero_point });
        TensorId(self.network.tensors.len() - 1)
    }

    pub(crate) fn shape(&self, id: TensorId) -> Shape {
        self.network.tensors[id.0].shape
    }

    pub(crate) fn convolution(
        &mut self,
        input: TensorId,
        channels: usize,
        [kernel, stride, padding]: [usize; 3],
        relu: bool,
        residual: Option<TensorId>,
    ) -> TensorId {
        let from = self.shape(input);
        let side = |n: usize| (n + 2 * padding - kernel) / stride + 1;
        let shape = Shape { channels, height: side(from.height), width: side(from.width) };
        let count = channels * from.channels * kernel * kernel;
        let weights =
            (0..count).map(|_| i8::try_from(self.random.below(256).cast_signed() - 128).unwrap()).collect();
        let fan_in = (from.channels * kernel * kernel) as f32;
        let gain = 1.0 / (74.0 * fan_in.sqrt());
        let weight_scales = (0..channels).map(|_| gain * (0.5 + self.random.unit())).collect();
        let bias = (0..channels).map(|_| i32::try_from(self.random.below(9000)).unwrap() - 4500).collect();
        let scale = 0.005 + 0.01 * self.random.unit();
        let zero_point =
            if relu { self.random.one_of(&[0, 0, 0, 9]) } else { self.random.one_of(&[0, 64, 63, 127]) };
        let output = self.tensor(shape, scale, zero_point);
        self.network.operators.push(Operator::Convolution(Convolution {
            input,
            output,
            kernel,
            stride,
            padding,
            weights,
            weight_scales,
            bias,
            residual,
            relu,
        }));
        output
    }

    pub(crate) fn maximum_pool(
        &mut self,
        input: TensorId,
        [kernel, stride, padding]: [usize; 3],
    ) -> TensorId {
        let Tensor { shape, scale, zero_point } = self.network.tensors[input.0];
        let side = |n: usize| (n + 2 * padding - kernel) / stride + 1;
        let shape = Shape { height: side(shape.height), width: side(shape.width), ..shape };
        let output = self.tensor(shape, scale, zero_point);
        self.network.operators.push(Operator::MaximumPool { input, output, kernel, stride, padding });
        output
    }

    pub(crate) fn upsample(&mut self, input: TensorId) -> TensorId {
        let Tensor { shape, scale, zero_point } = self.network.tensors[input.0];
        let shape = Shape { height: 2 * shape.height, width: 2 * shape.width, ..shape };
        let output = self.tensor(shape, scale, zero_point);
        self.network.operators.push(Operator::Upsample { input, output });
        output
    }

    pub(crate) fn add(&mut self, first: TensorId, second: TensorId, relu: bool) -> TensorId {
        let output = self.tensor(self.shape(first), 0.012, 31);
        self.network.operators.push(Operator::Add { first, second, output, relu });
        output
    }

    pub(crate) fn finish(mut self, outputs: &[TensorId]) -> Network {
        self.network.outputs = outputs.to_vec();
        self.network
    }
}

/// A residual module: 1 x 1, 3 x 3, 1 x 1 with the input added.
fn module(b: &mut Builder<'_>, input: TensorId) -> TensorId {
    let channels = b.shape(input).channels;
    let half = b.convolution(input, channels / 2, [1, 1, 0], true, None);
    let half = b.convolution(half, channels / 2, [3, 1, 1], true, None);
    b.convolution(half, channels, [1, 1, 0], true, Some(input))
}

fn hourglass(b: &mut Builder<'_>, input: TensorId, depth: usize) -> TensorId {
    let skip = module(b, input);
    let small = b.maximum_pool(input, [2, 2, 0]);
    let small = module(b, small);
    let small = if depth > 1 { hourglass(b, small, depth - 1) } else { module(b, small) };
    let small = module(b, small);
    let large = b.upsample(small);
    b.add(large, skip, false)
}

/// Two stacks of hourglasses on a picture of `size` pixels.
pub(crate) fn stacked_hourglass(random: &mut Random, size: usize, channels: usize) -> Network {
    let (mut b, input) = Builder::new(random, 1, size, size);
    let x = b.convolution(input, 16, [7, 2, 3], true, None);
    let x = b.maximum_pool(x, [2, 2, 0]);
    let mut x = b.convolution(x, channels, [1, 1, 0], true, None);
    let mut outputs = vec![];
    for stack in 0..2 {
        let features = hourglass(&mut b, x, 2);
        let features = b.convolution(features, channels, [1, 1, 0], true, None);
        let maps = b.convolution(features, 4, [1, 1, 0], false, None);
        outputs.push(maps);
        if stack == 0 {
            let back = b.convolution(maps, channels, [1, 1, 0], false, Some(x));
            x = b.convolution(features, channels, [1, 1, 0], true, Some(back));
        }
    }
    b.finish(&outputs)
}

/// A residual network with a feature pyramid, a map and a fully connected layer.
pub(crate) fn pyramid(random: &mut Random, size: usize) -> Network {
    let (mut b, input) = Builder::new(random, 1, size, size);
    let x = b.convolution(input, 16, [7, 2, 3], true, None);
    // Padding a maximum needs a zero point of 0.
    let id = x.0;
    b.network.tensors[id].zero_point = 0;
    let mut x = b.maximum_pool(x, [3, 2, 1]);
    let mut stages = vec![];
    for channels in [32, 48, 80] {
        let skip = b.convolution(x, channels, [1, 2, 0], false, None);
        let y = b.convolution(x, 16, [1, 1, 0], true, None);
        let y = b.convolution(y, 16, [3, 2, 1], true, None);
        x = b.convolution(y, channels, [1, 1, 0], true, Some(skip));
        stages.push(x);
    }
    let mut top = b.convolution(stages[2], 64, [1, 1, 0], false, None);
    for stage in stages[..2].iter().rev() {
        let large = b.upsample(top);
        top = b.convolution(*stage, 64, [1, 1, 0], false, Some(large));
    }
    let smooth = b.convolution(top, 64, [3, 1, 1], true, None);
    let map = b.convolution(smooth, 5, [1, 1, 0], false, None);
    let half = b.convolution(map, 5, [2, 2, 0], false, None);
    let kernel = b.shape(half).height;
    let hidden = b.convolution(half, 32, [kernel, 1, 0], true, None);
    let numbers = b.convolution(hidden, 5, [1, 1, 0], false, None);
    b.finish(&[map, numbers])
}

/// Convolutions of many channels over few pixels.
pub(crate) fn deep(random: &mut Random) -> Network {
    let (mut b, input) = Builder::new(random, 64, 8, 8);
    let x = b.convolution(input, 160, [3, 1, 1], true, None);
    let y = b.convolution(x, 256, [3, 2, 1], true, None);
    b.finish(&[x, y])
}

/// One or a few operators of random kinds and sizes; interpreted, of sizes that end within seconds.
pub(crate) fn small(random: &mut Random) -> Network {
    let (most_channels, most_pixels) = if cfg!(miri) { (16, 4) } else { (130, 18) };
    let channels = random.one_of(&[1, 1, 3, 4, 16, 20, 32, 33, 64, 100]).min(most_channels);
    let (height, width) = (2 * (2 + random.below(6)), 2 * (2 + random.below(8)));
    let (mut b, input) = Builder::new(random, channels, height.min(most_pixels), width.min(most_pixels));
    let wide = b.random.one_of(&[1, 4, 16, 32, 48, 64, 130]).min(most_channels);
    let kernel = b.random.one_of(&[[1, 1, 0], [1, 2, 0], [3, 1, 1], [3, 2, 1], [3, 1, 0]]);
    let relu = b.random.below(2) == 0;
    let x = b.convolution(input, wide, kernel, relu, None);
    let mut outputs = vec![x];
    match b.random.below(6) {
        0 => {
            let y = b.convolution(x, wide, [3, 1, 1], relu, Some(x));
            outputs.push(y);
        }
        1 if b.shape(x).height.min(b.shape(x).width) >= 2 => {
            let y = b.maximum_pool(x, [2, 2, 0]);
            outputs.push(y);
            if b.shape(x).height.is_multiple_of(2) && b.shape(x).width.is_multiple_of(2) {
                let z = b.convolution(y, wide, [1, 1, 0], false, None);
                let up = b.upsample(z);
                outputs.push(b.add(x, up, true));
            }
        }
        2 => {
            let up = b.upsample(x);
            outputs.push(b.convolution(up, 16, [1, 1, 0], relu, None));
        }
        3 => {
            let y = b.convolution(x, wide, [1, 1, 0], !relu, None);
            outputs.push(b.add(x, y, relu));
        }
        4 if b.shape(x).height == b.shape(x).width => {
            let kernel = b.shape(x).height;
            outputs.push(b.convolution(x, 7, [kernel, 1, 0], relu, None));
        }
        _ => {
            let y = b.convolution(x, 16, [7, 1, 3], relu, None);
            outputs.push(y);
        }
    }
    b.finish(&outputs)
}

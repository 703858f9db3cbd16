//! The integer engine on one core, per kernel, with random weights:
//!
//!     cargo bench -p recist-runtime --bench engine

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/engine/networks.rs"]
mod networks;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/engine/random.rs"]
mod random;

use divan::Bencher;
use divan::counter::ItemsCount;
use recist::bundle::AlignedBytes;
use recist::engine::{Kernel, Network, Plan, compile};

use networks::{Builder, stacked_hourglass};
use random::Random;

fn main() {
    divan::main();
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|k| k.runs_here())
}

/// ResNet-50 with a feature pyramid of 256 channels, a map and a fully connected layer.
fn residual_pyramid(random: &mut Random) -> Network {
    let (mut b, input) = Builder::new(random, 1, 128, 128);
    let x = b.convolution(input, 64, [7, 2, 3], true, None);
    b.network.tensors[x.0].zero_point = 0;
    let mut x = b.maximum_pool(x, [3, 2, 1]);
    let mut stages = vec![];
    for (stage, modules) in [3, 4, 6, 3].into_iter().enumerate() {
        let width = 64 << stage;
        for module in 0..modules {
            let stride = if module == 0 && stage > 0 { 2 } else { 1 };
            let skip = if module == 0 { b.convolution(x, 4 * width, [1, stride, 0], false, None) } else { x };
            let y = b.convolution(x, width, [1, 1, 0], true, None);
            let y = b.convolution(y, width, [3, stride, 1], true, None);
            x = b.convolution(y, 4 * width, [1, 1, 0], true, Some(skip));
        }
        stages.push(x);
    }
    let mut top = b.convolution(stages[3], 256, [1, 1, 0], false, None);
    for stage in stages[..3].iter().rev() {
        let large = b.upsample(top);
        top = b.convolution(*stage, 256, [1, 1, 0], false, Some(large));
    }
    let map = b.convolution(top, 5, [3, 1, 1], false, None);
    let numbers = b.convolution(map, 5, [32, 1, 0], false, None);
    b.finish(&[map, numbers])
}

fn run(bencher: Bencher<'_, '_>, network: &Network, kernel: Kernel) {
    let bytes = AlignedBytes::copy_of(&compile(network).unwrap());
    let plan = Plan::open(bytes.as_slice()).unwrap();
    let mut workspace = vec![0; plan.workspace_bytes()];
    let inputs: Vec<_> = plan.inputs().map(|port| vec![0.5; port.values()]).collect();
    let inputs: Vec<_> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<_> = plan.outputs().map(|port| vec![0.0; port.values()]).collect();
    let mut outputs: Vec<_> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    bencher.counter(ItemsCount::new(network.multiply_accumulates())).bench_local(|| {
        plan.run(&mut workspace, &inputs, &mut outputs, kernel).unwrap();
    });
}

/// Two stacks, 128 channels, 32 x 32 heatmaps.
#[divan::bench(args = kernels())]
fn stacked_hourglass_on(bencher: Bencher<'_, '_>, kernel: Kernel) {
    run(bencher, &stacked_hourglass(&mut Random(1), 128, 128), kernel);
}

#[divan::bench(args = kernels())]
fn residual_pyramid_on(bencher: Bencher<'_, '_>, kernel: Kernel) {
    run(bencher, &residual_pyramid(&mut Random(1)), kernel);
}

//! A model made by hand, for tests of everything but accuracy: it places a cross of fixed size round bright
//! things. It was not trained and measures no lesion.

use recist::bundle::{AlignedBytes, Bundle, Description, Parts, TestVector, write};
use recist::cascade::{EngineNetworks, Plans, Workspace, measure};
use recist::engine::{Convolution, Kernel, Network, Operator, Shape, Tensor, TensorId, compile};
use recist::geometry::{LesionBox, PixelSpacing};
use recist::image::{CtSlice, Samples};

/// Columns and rows of [`slice_samples`].
pub const SIZE: usize = 96;

/// Hounsfield units of a slice with a bright disc on a noisy ground.
#[must_use]
pub fn slice_samples() -> Vec<i16> {
    (0..SIZE * SIZE)
        .map(|i| {
            let (x, y) = ((i % SIZE).abs_diff(50), (i / SIZE).abs_diff(44));
            let noise = i16::try_from(i * i % 31).unwrap_or_default();
            if x * x + y * y < 30 { 60 + noise } else { -700 + noise }
        })
        .collect()
}

/// The box round the disc.
///
/// # Panics
/// Never: the box is one.
#[must_use]
pub fn area() -> LesionBox {
    LesionBox::new(34.0, 28.0, 68.0, 60.0).expect("the toy's box is one")
}

/// The pixel spacing of the slice.
///
/// # Panics
/// Never: the spacing is one.
#[must_use]
pub fn spacing() -> PixelSpacing {
    PixelSpacing::new(0.75, 0.5).expect("the toy's spacing is one")
}

/// The toy's bundle, with its own slice as test vector.
///
/// # Panics
/// If the toy is broken.
#[must_use]
pub fn bundle() -> Vec<u8> {
    let plain = bundle_with(&[]);
    let bytes = AlignedBytes::copy_of(&plain);
    let plans =
        Plans::open(&Bundle::open(bytes.as_slice()).expect("the toy opens")).expect("the toy's plans open");
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::Scalar);
    let samples = slice_samples();
    let slice = CtSlice::new(Samples::I16(&samples), [SIZE, SIZE], SIZE, Some(spacing())).expect("a slice");
    let mut workspace = Box::new(Workspace::new());
    let measured = measure(&slice, area(), &mut networks, &mut workspace, |_| ()).expect("the toy measures");
    let points = measured.axes.keypoints().to_array();
    let numbers: Vec<f64> =
        points.iter().flat_map(|p| [p.x, p.y]).chain([measured.confidence().into()]).collect();
    let expected = numbers.try_into().expect("nine numbers");
    let side = u32::try_from(SIZE).expect("a small slice");
    bundle_with(&TestVector::encode([side, side], spacing(), area(), expected, &samples))
}

fn bundle_with(test_vectors: &[u8]) -> Vec<u8> {
    let manifest = Description {
        name: "toy",
        low_confidence: "0.62",
        training_data: "none: made by hand for tests",
        licence: "MIT OR Apache-2.0",
        ..Description::NONE
    };
    let localization = compile(&localization()).expect("the toy compiles");
    let hourglass = compile(&hourglass()).expect("the toy compiles");
    let parts = Parts {
        manifest: &manifest.lines(),
        localization: &localization,
        hourglass: &hourglass,
        test_vectors,
    };
    write(&parts).expect("the toy can be written")
}

fn tensor(network: &mut Network, [channels, side]: [usize; 2], scale: f32, zero_point: u8) -> TensorId {
    network.tensors.push(Tensor { shape: Shape { channels, height: side, width: side }, scale, zero_point });
    TensorId(network.tensors.len() - 1)
}

/// A convolution whose output scale is its weights' scale times its input's, with the weights of `weight`.
fn convolution(
    network: &Network,
    [input, output]: [TensorId; 2],
    [kernel, stride, padding]: [usize; 3],
    weight_scale: f32,
    bias: Vec<i32>,
    weight: impl Fn([usize; 3]) -> i8,
) -> Operator {
    let (from, to) = (network.tensors[input.0].shape.channels, network.tensors[output.0].shape.channels);
    let taps = kernel * kernel;
    let weights =
        (0..to * from * taps).map(|i| weight([i / (from * taps), i / kernel % kernel, i % kernel])).collect();
    let weight_scales = vec![weight_scale; to];
    Operator::Convolution(Convolution {
        input,
        output,
        kernel,
        stride,
        padding,
        weights,
        weight_scales,
        bias,
        residual: None,
        relu: false,
    })
}

/// The mask is the patch made smaller; θ is always the same.
fn localization() -> Network {
    let mut n = Network::default();
    let input = tensor(&mut n, [1, 128], 1.0 / 127.0, 0);
    let mask = tensor(&mut n, [1, 32], 1.0 / 127.0, 0);
    let nothing = tensor(&mut n, [1, 4], 1.0, 0);
    let numbers = tensor(&mut n, [5, 1], 1.0 / 64.0, 64);
    n.operators = vec![
        convolution(&n, [input, mask], [4, 4, 0], 1.0 / (127.0 * 16.0), vec![0], |_| 127),
        convolution(&n, [mask, nothing], [8, 8, 0], 1.0, vec![0], |_| 0),
        convolution(&n, [nothing, numbers], [4, 1, 0], 1.0 / 64.0, vec![0, 0, 60, 10, 20], |_| 0),
    ];
    (n.inputs, n.outputs) = (vec![input], vec![mask, numbers]);
    n
}

/// Each heatmap is the patch moved to one side and made smaller.
fn hourglass() -> Network {
    let mut n = Network::default();
    let input = tensor(&mut n, [1, 128], 1.0 / 127.0, 0);
    let maps = tensor(&mut n, [4, 32], 1.0 / 127.0, 0);
    let taps = [[14, 27], [14, 2], [24, 14], [5, 14]];
    n.operators =
        vec![convolution(&n, [input, maps], [31, 4, 14], 1.0 / (127.0 * 4.0), vec![0; 4], |[c, y, x]| {
            let [row, column] = taps[c];
            if y.abs_diff(row) < 2 && x.abs_diff(column) < 2 && y >= row && x >= column { 127 } else { 0 }
        })];
    (n.inputs, n.outputs) = (vec![input], vec![maps]);
    n
}

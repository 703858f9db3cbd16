//! The cascade as a whole, in miniature: against PyTorch and against central differences.

use std::path::PathBuf;

use dfdx::{
    shapes::{HasShape, Rank0},
    tensor::{
        Cpu, Gradients, NoneTape, OwnedTape, PutTape, SampleTensor, SplitTape, Tape, Tensor, TensorFromVec,
    },
    tensor_ops::{Backward, SumTo, TryAdd, TryMul},
};

use super::*;
use crate::network::Network;
use crate::weights::{self, Weights};

/// The miniatures of `paper` and `edge`.
const NETWORKS: [&str; 2] = ["paper-like", "edge-like"];

const PATCH_SIZE: usize = 32;

fn golden(name: &str, extension: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/pytorch/golden");
    PathBuf::from(folder).join(name).with_extension(extension)
}

/// The cascade of a golden file, its patches, and the rest of the file.
struct Example<E: Element>
where
    Cpu: Device<E>,
{
    cascade: Cascade<E, Cpu>,
    patches: FeatureMap<E, Cpu>,
    file: Weights,
}

impl<E: Element> Example<E>
where
    Cpu: Device<E>,
{
    fn read(name: &str) -> Self {
        let network = Network::open(golden(name, "toml").to_str().unwrap()).unwrap();
        let mut file = Weights::read(&golden(name, "safetensors")).unwrap();
        let device = cpu();
        let weights = file.take("weights.").into_networks();
        let cascade = Cascade::new(network.graphs(PATCH_SIZE).unwrap(), &weights, &device).unwrap();
        let patches = elements(file.take("input").get("").unwrap());
        let images = patches.len() / (PATCH_SIZE * PATCH_SIZE);
        let patches = device.tensor_from_vec(patches, (images, PATCH_SIZE, PATCH_SIZE, 1));
        Self { cascade, patches, file }
    }

    /// The sum of all outputs, weighted by the file's projections.
    fn loss<T: Tape<E, Cpu>>(
        &self,
        outputs: CascadeOutputs<E, Cpu>,
        mut tape: T,
    ) -> Tensor<Rank0, E, Cpu, T> {
        let mut sum: Tensor<Rank0, E, Cpu> = self.patches.device().tensor_from_vec(vec![E::of(0.0)], ());
        for (name, map) in named(outputs) {
            let projection = elements(self.file.get(&format!("projection.{name}")).unwrap());
            let rows = flatten(map.put_tape(tape)).unwrap();
            let projection = rows.device().tensor_from_vec(projection, *rows.shape());
            let weighted = rows.try_mul(projection).unwrap().try_sum::<Rank0, _>().unwrap();
            let (next, after) = weighted.try_add(sum).unwrap().split_tape();
            (sum, tape) = (next, after);
        }
        sum.put_tape(tape)
    }

    fn module(&mut self, network: &str) -> &mut Module<E, Cpu> {
        match network {
            "localization" => &mut self.cascade.localization,
            "hourglass" => &mut self.cascade.hourglass,
            other => panic!("no network {other}"),
        }
    }

    /// Outputs and gradients in training mode.
    fn backward(&mut self) -> (CascadeOutputs<E, Cpu>, Gradients<E, Cpu>) {
        let tape = OwnedTape::<E, Cpu>::default();
        let (outputs, tape) = self.cascade.train(self.patches.clone(), tape).unwrap();
        let gradients = self.loss(outputs.clone(), tape).backward();
        (outputs, gradients)
    }
}

impl Example<f64> {
    /// How fast the loss of training grows when a parameter moves along `direction`: a central difference.
    fn slope(&mut self, network: &str, parameter: &str, direction: &Vector<f64, Cpu>, step: f64) -> f64 {
        let move_on = |example: &mut Self, step: f64| {
            let mut parameters = example.module(network).parameters_mut();
            let (_, _, tensor) = parameters.find(|(name, ..)| *name == parameter).unwrap();
            tensor.axpy(1.0, direction, step);
        };
        let loss = |example: &mut Self| {
            let (outputs, tape) = example.cascade.train(example.patches.clone(), NoneTape).unwrap();
            example.loss(outputs, tape).as_vec()[0]
        };
        move_on(self, step);
        let ahead = loss(self);
        move_on(self, -2.0 * step);
        let behind = loss(self);
        move_on(self, step);
        (ahead - behind) / (2.0 * step)
    }
}

fn elements<E: Element>(tensor: &weights::Tensor) -> Vec<E> {
    tensor.values().iter().map(|&value| E::of(f64::from(value))).collect()
}

fn gradient_of<E: Element>(gradients: &mut Gradients<E, Cpu>, parameter: &Vector<E, Cpu>) -> Vector<E, Cpu>
where
    Cpu: Device<E>,
{
    let gradient = gradients.take(&parameter.ghost()).expect("every parameter has a gradient");
    Vector::from_buffer(parameter.device(), *parameter.shape(), gradient)
}

/// All outputs as maps, by the names of the golden file.
fn named<E: Element>(outputs: CascadeOutputs<E, Cpu>) -> Vec<(String, FeatureMap<E, Cpu>)>
where
    Cpu: Device<E>,
{
    let CascadeOutputs { mask, theta, canonical, heatmaps } = outputs;
    let (images, numbers) = *theta.shape();
    let theta = dfdx::tensor_ops::ReshapeTo::reshape_like(theta, &(images, 1, 1, numbers));
    let mut named = vec![
        ("mask".to_owned(), mask),
        ("theta".to_owned(), theta),
        ("canonical_patch".to_owned(), canonical),
    ];
    for (stack, maps) in heatmaps.into_iter().enumerate() {
        named.push((format!("stack{stack}.heatmaps"), maps));
    }
    named
}

/// The largest difference over the largest value.
fn difference<E: Element>(found: &[E], expected: &weights::Tensor) -> f64 {
    assert_eq!(found.len(), expected.values().len());
    let pairs = found.iter().zip(expected.values());
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let apart =
        largest(&mut pairs.map(|(&found, &expected)| (found.to_f64().unwrap() - f64::from(expected)).abs()));
    apart / largest(&mut expected.values().iter().map(|&value| f64::from(value.abs())))
}

/// The largest differences of a whole cascade from PyTorch, each with the name of the tensor.
#[derive(Debug)]
struct Differences {
    outputs: (f64, String),
    statistics: (f64, String),
    gradients: (f64, String),
}

fn compare<E: Element>(mut example: Example<E>) -> Differences
where
    Cpu: Device<E>,
{
    let mut result = Differences {
        outputs: (0.0, String::new()),
        statistics: (0.0, String::new()),
        gradients: (0.0, String::new()),
    };
    let note = |worst: &mut (f64, String), name: String, found: &[E], expected: Option<&weights::Tensor>| {
        let apart = difference(found, expected.unwrap_or_else(|| panic!("{name} is not in the golden file")));
        if apart > worst.0 || apart.is_nan() {
            *worst = (apart, name);
        }
    };
    let rows = |map| flatten(map).unwrap().as_vec();

    let outputs = example.cascade.infer(example.patches.clone()).unwrap();
    for (name, map) in named(outputs) {
        let name = format!("inference.{name}");
        let expected = example.file.get(&name);
        note(&mut result.outputs, name, &rows(map), expected);
    }
    let (outputs, mut gradients) = example.backward();
    for (name, map) in named(outputs) {
        let name = format!("training.{name}");
        let expected = example.file.get(&name);
        note(&mut result.outputs, name, &rows(map), expected);
    }
    let Cascade { localization, hourglass } = &example.cascade;
    for (network, module) in [("localization", localization), ("hourglass", hourglass)] {
        for (name, _, parameter) in module.parameters() {
            let name = format!("gradient.{network}.{name}");
            let gradient = gradient_of(&mut gradients, parameter).as_vec();
            let expected = example.file.get(&name);
            note(&mut result.gradients, name, &gradient, expected);
        }
        for (name, tensor) in module.weights().unwrap().iter().filter(|(name, _)| name.contains("running_")) {
            let name = format!("statistics.{network}.{name}");
            note(&mut result.statistics, name.clone(), &elements(tensor), example.file.get(&name));
        }
    }
    result
}

#[test]
fn the_cascade_computes_what_pytorch_computes() {
    // The golden numbers are results in 64 bits, rounded to 32 (6e-8): in 64 bits nothing else remains.
    for name in NETWORKS {
        let apart = compare(Example::<f64>::read(name));
        assert!(apart.outputs.0 < 1e-6, "{name}: {apart:?}");
        assert!(apart.statistics.0 < 1e-6 && apart.gradients.0 < 1e-6, "{name}: {apart:?}");
    }
}

#[test]
fn in_32_bits_the_cascade_is_as_exact_as_pytorch() {
    // PyTorch's own 32-bit run is 1.4e-5 (heatmaps) and 1.5e-4 (gradients) away from the golden numbers: the
    // sampler turns the rounding of θ into differences of the canonical patch, which some 40 batch norms over few
    // pixels enlarge. Before the sampler, mask and θ are exact to 3e-6.
    for name in NETWORKS {
        let apart = compare(Example::<f32>::read(name));
        assert!(apart.outputs.0 < 3e-5, "{name}: {apart:?}");
        assert!(apart.statistics.0 < 3e-5 && apart.gradients.0 < 3e-4, "{name}: {apart:?}");
    }
}

/// The control: a weight that is one thousandth off is seen in outputs, statistics and gradients.
#[test]
fn a_weight_that_is_slightly_off_is_seen() {
    for (name, weight) in NETWORKS.map(|name| (name, "trunk.layer1.0.conv2.weight")) {
        let mut example = Example::<f64>::read(name);
        let mut weights = example.cascade.localization.weights().unwrap();
        weights.get_mut(weight).unwrap().values_mut()[0] *= 1.001;
        example.cascade.localization.load(&weights).unwrap();
        let apart = compare(example);
        assert!(apart.outputs.0 > 1e-5 && apart.statistics.0 > 1e-5, "{name}: {apart:?}");
        assert!(apart.gradients.0 > 1e-4, "{name}: {apart:?}");
    }
}

/// Central differences of the loss in 64 bits, against the gradient: for every tensor by itself, all its elements
/// at once, in a random direction.
///
/// The step of 1e-7 is short because the loss has kinks: rectifiers, pooled windows, and above all the sampler's
/// points, which θ moves across the pixels' centres together. At 1e-5 most directions of the trunk cross some and are
/// 1e-3 to 1e-1 off (of the gradient's length); at 1e-7 few do. Then rounding counts, 1e-16 of a loss of about 100
/// over the step: 1e-8 in the median. Which kinks are crossed depends on the direction, whereas a mistake shows in
/// all of them, so a tensor has eight directions in which to be right to 1e-5.
#[test]
fn gradients_of_the_whole_cascade_are_central_differences() {
    const LENGTH: f64 = 1e-7;
    const TOLERANCE: f64 = 1e-5;
    const DIRECTIONS: usize = 8;
    for name in NETWORKS {
        let mut example = Example::<f64>::read(name);
        let (_, mut gradients) = example.backward();
        for network in ["localization", "hourglass"] {
            let parameters: Vec<_> = example
                .module(network)
                .parameters()
                .map(|(name, _, tensor)| (name.to_owned(), gradient_of(&mut gradients, tensor)))
                .collect();
            for (parameter, gradient) in parameters {
                let length = dot(&gradient, &gradient).sqrt();
                // A direction of n standard normal numbers is √n long.
                let step = LENGTH / (gradient.shape().0 as f64).sqrt();
                let errors: Vec<_> = (0..DIRECTIONS)
                    .map(|_| {
                        let direction = gradient.device().sample_normal_like(gradient.shape());
                        let slope = example.slope(network, &parameter, &direction, step);
                        let expected = dot(&gradient, &direction);
                        // The control: one hundredth too much, unless the direction is across the gradient.
                        let seen = (slope - 1.01 * expected).abs() > TOLERANCE * length;
                        assert!(seen || expected.abs() < 0.01 * length, "{name} {network}.{parameter}");
                        (slope - expected).abs() / length
                    })
                    .take_while(|&error| error > TOLERANCE)
                    .collect();
                assert!(errors.len() < DIRECTIONS, "{name} {network}.{parameter}: {errors:?}");
            }
        }
    }
}

/// Steps of both networks at once on a batch, with clipped gradients; the weights after them.
fn trained(name: &str, method: Method) -> (Vec<f64>, [Weights; 2]) {
    let mut example = Example::<f32>::read(name);
    let mut optimisers = [&example.cascade.localization, &example.cascade.hourglass]
        .map(|module| Optimiser::new(method, module).unwrap());
    let mut norms = Vec::new();
    for _ in 0..4 {
        let (_, mut gradients) = example.backward();
        let Cascade { localization, hourglass } = &mut example.cascade;
        norms.push(clip_gradients(&[localization, hourglass], &mut gradients, 1.0).unwrap());
        for (module, optimiser) in [localization, hourglass].into_iter().zip(&mut optimisers) {
            optimiser.step(module, &mut gradients, 1e-2).unwrap();
        }
    }
    (norms, example.cascade.weights().unwrap())
}

#[test]
fn training_gives_the_same_bits_from_run_to_run_and_for_any_number_of_threads() {
    let threads = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
    for method in [Method::Sgd { momentum: 0.9, weight_decay: 1e-4 }, Method::AdamW { weight_decay: 1e-3 }] {
        for name in NETWORKS {
            let first = threads(1).install(|| trained(name, method));
            assert!(first.0.iter().all(|norm| norm.is_finite() && *norm > 1.0), "{:?}", first.0);
            for n in [1, 2, 5] {
                assert!(
                    threads(n).install(|| trained(name, method)) == first,
                    "{name} {method:?} {n} threads"
                );
            }
        }
    }
}

fn dot(a: &Vector<f64, Cpu>, b: &Vector<f64, Cpu>) -> f64 {
    a.as_vec().iter().zip(b.as_vec()).map(|(a, b)| a * b).sum()
}

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::Tensor;

use super::{
    Cascade, CascadeOutputs, Device, Element, Error, FeatureMap, Method, Module, ModuleError, Optimiser,
    Recording, StepGradients, Vector, backward, clip_gradients, download, seed, upload,
};
use crate::network::{Localization, NETWORKS, Network};
use crate::weights::Weights;

/// A cascade with made-up weights, patches and losses: what devices are timed and compared with.
///
/// All numbers follow from the network and the batch alone, so that two devices compute the same thing.
#[derive(Debug)]
pub struct Trial<E: Element, D: Device<E>> {
    cascade: Cascade<E, D>,
    patches: FeatureMap<E, D>,
}

/// The methods that a trial makes steps of, by name, and their rates: large enough that a step is more than the
/// rounding of a weight.
const METHODS: [(&str, Method, f64); 2] = [
    ("SGD", Method::Sgd { momentum: 0.9, weight_decay: 0.1 }, 1.0),
    ("AdamW", Method::AdamW { weight_decay: 0.1 }, 1e-2),
];

/// The norm that gradients are clipped to; made-up ones are longer.
const GRADIENT_LIMIT: f64 = 1.0;

/// What comes of a pass.
#[derive(Debug)]
pub struct Pass<E: Element, D: Device<E>> {
    /// The results of both networks.
    pub outputs: CascadeOutputs<E, D>,
    /// The parameters' gradients.
    pub gradients: StepGradients<E, D>,
}

impl<E: Element, D: Device<E>> Trial<E, D> {
    /// A trial of `batch` patches of `patch_size` x `patch_size`.
    ///
    /// # Errors
    /// If the network does not fit the patch, or the device fails.
    pub fn new(
        network: &Network,
        batch: usize,
        patch_size: usize,
        device: &D,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let graphs = network.graphs(patch_size)?;
        let weights = [Localization::initialise(&graphs[0], 1), Weights::initialise(&graphs[1], 1)];
        let cascade = Cascade::new(graphs, &weights.map(stirred), device)?;
        let patches = upload(device, (batch, patch_size, patch_size, 1), &waves(batch, patch_size))?;
        Ok(Self { cascade, patches })
    }

    /// One pass forward and backward, as joint training makes it: what came out, and the gradients of a weighted
    /// sum of mask, θ and heatmaps.
    ///
    /// # Errors
    /// If the device fails.
    pub fn pass(&mut self) -> Result<Pass<E, D>, Error> {
        let (outputs, mut recording) = self.cascade.train(self.patches.clone(), Recording::default())?;
        weigh(&mut recording, &outputs.mask);
        weigh(&mut recording, &outputs.theta);
        for heatmaps in &outputs.heatmaps {
            weigh(&mut recording, heatmaps);
        }
        let gradients = backward(self.cascade.localization.device(), recording)?;
        Ok(Pass { outputs, gradients })
    }

    /// All numbers by name: outputs of a pass, running statistics after it, gradients; outputs at inference; and how
    /// two clipped steps of each method change the parameters.
    ///
    /// The steps follow made-up gradients. Those of a pass would say nothing: AdamW makes a step of one size whatever
    /// the gradient's, so that the smallest, which are all rounding, would count as much as the largest; and a second
    /// pass is far from another device's second pass, however small the differences after the first.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If a parameter has no gradient.
    pub fn numbers(&mut self) -> Result<Vec<(String, Vec<f32>)>, ModuleError> {
        let Pass { outputs, mut gradients } = self.pass()?;
        let mut numbers = Vec::new();
        name_outputs(&mut numbers, "", &outputs)?;
        for (network, module) in self.networks() {
            for (name, tensor) in module.weights()?.iter().filter(|(name, _)| name.contains("running_")) {
                numbers.push((format!("{network}.{name}"), tensor.values().to_vec()));
            }
            for (name, _, parameter) in module.parameters() {
                let gradient = gradients.take(&parameter.ghost()).expect("every parameter has a gradient");
                let gradient = Vector::from_buffer(module.device(), *parameter.shape(), gradient);
                numbers.push((format!("gradient of {network}.{name}"), download(&gradient)?));
            }
        }
        let outputs = self.cascade.infer(self.patches.clone())?;
        name_outputs(&mut numbers, " at inference", &outputs)?;
        let start = self.cascade.weights()?;
        for (name, method, rate) in METHODS {
            self.cascade.load(&start)?;
            self.steps(method, rate)?;
            for ((network, module), start) in self.networks().into_iter().zip(&start) {
                for (parameter, _, tensor) in module.parameters() {
                    let before = start.get(parameter).expect("a parameter has a weight").values();
                    let change =
                        download(tensor)?.iter().zip(before).map(|(after, before)| after - before).collect();
                    numbers.push((format!("change of {network}.{parameter} by {name}"), change));
                }
            }
        }
        Ok(numbers)
    }

    /// Two clipped steps of both networks, along made-up gradients.
    fn steps(&mut self, method: Method, rate: f64) -> Result<(), Error> {
        let mut optimisers = [
            Optimiser::new(method, &self.cascade.localization)?,
            Optimiser::new(method, &self.cascade.hourglass)?,
        ];
        for step in 0..2 {
            let mut gradients = self.made_up(step)?;
            let Cascade { localization, hourglass } = &mut self.cascade;
            clip_gradients(&[localization, hourglass], &mut gradients, GRADIENT_LIMIT)?;
            for (module, optimiser) in [localization, hourglass].into_iter().zip(&mut optimisers) {
                optimiser.step(module, &mut gradients, rate)?;
            }
        }
        Ok(())
    }

    /// Gradients that come of no pass and are the same on every device, none of them small.
    fn made_up(&self, step: u32) -> Result<StepGradients<E, D>, Error> {
        let mut gradients = StepGradients::leaky();
        let parameters = self.networks().into_iter().flat_map(|(_, module)| module.parameters());
        for (stream, (_, _, parameter)) in ((step + 1) << 16..).zip(parameters) {
            let count = parameter.shape().0;
            let values: Vec<f32> = noise(stream, count).map(|value| value + value.signum()).collect();
            let gradient = upload(parameter.device(), (1, 1, 1, count), &values)?;
            let buffer = gradient.into_buffer().expect("a tensor that no one else has seen");
            gradients.put(&parameter.ghost(), buffer);
        }
        Ok(gradients)
    }

    fn networks(&self) -> [(&'static str, &Module<E, D>); 2] {
        let [localization, hourglass] = NETWORKS;
        [(localization, &self.cascade.localization), (hourglass, &self.cascade.hourglass)]
    }
}

/// Puts outputs among the numbers, `when` behind their names.
fn name_outputs<E: Element, D: Device<E>>(
    numbers: &mut Vec<(String, Vec<f32>)>,
    when: &str,
    outputs: &CascadeOutputs<E, D>,
) -> Result<(), Error> {
    numbers.push((format!("mask{when}"), download(&outputs.mask)?));
    numbers.push((format!("theta{when}"), download(&outputs.theta)?));
    numbers.push((format!("canonical patch{when}"), download(&outputs.canonical)?));
    for (stack, heatmaps) in outputs.heatmaps.iter().enumerate() {
        numbers.push((format!("heatmaps of stack {stack}{when}"), download(heatmaps)?));
    }
    Ok(())
}

/// Makes the loss grow with every element of `output`, each at its own rate.
fn weigh<S: Shape, E: Element, D: Device<E>>(recording: &mut Recording<E, D>, output: &Tensor<S, E, D>) {
    let weights: Vec<f32> = noise(3, output.shape().num_elements()).collect();
    seed(recording, output, &weights);
}

/// Weights without the zeros of initialisation, behind which nothing would have a gradient.
fn stirred(mut weights: Weights) -> Weights {
    let names: Vec<String> = weights.iter().map(|(name, _)| name.to_owned()).collect();
    for (stream, name) in (4..).zip(names) {
        let values = weights.get_mut(&name).expect("a name of these weights").values_mut();
        for (value, noise) in values.iter_mut().zip(noise(stream, usize::MAX)) {
            *value += 0.01 * noise;
        }
    }
    weights
}

/// Patches of three waves in directions of their own. They are smooth: between neighbouring pixels of noise the
/// sampler's gradient would change with the last bit of θ.
fn waves(batch: usize, size: usize) -> Vec<f32> {
    let numbers: Vec<f32> = noise(2, 9 * batch).collect();
    let mut patches = Vec::with_capacity(batch * size * size);
    for waves in numbers.as_chunks::<9>().0 {
        for pixel in 0..size * size {
            let at = |i: usize| (i as f32 / size as f32 - 0.5) * 10.0;
            let (x, y) = (at(pixel % size), at(pixel / size));
            let sum: f32 =
                waves.as_chunks::<3>().0.iter().map(|[a, b, c]| (a * x + b * y + 3.0 * c).sin()).sum();
            patches.push(0.5 + sum / 6.0);
        }
    }
    patches
}

/// Numbers from -1 to 1 without a pattern that matters.
fn noise(stream: u32, count: usize) -> impl Iterator<Item = f32> {
    let mut state = stream.wrapping_mul(0x9e37_79b9) | 1;
    (0..count).map(move |_| {
        // xorshift32 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::cpu;

    /// How two clipped steps change the parameters of a miniature.
    fn changes<E: Element>() -> Vec<(String, Vec<f32>)>
    where
        dfdx::tensor::Cpu: Device<E>,
    {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/pytorch/golden/edge-like.toml");
        let mut trial = Trial::<E, _>::new(&Network::open(path).unwrap(), 3, 32, &cpu()).unwrap();
        let parameters: usize = trial.networks().map(|(_, module)| module.parameters().count()).iter().sum();
        let mut numbers = trial.numbers().unwrap();
        numbers.retain(|(name, _)| name.starts_with("change of"));
        assert_eq!(numbers.len(), 2 * parameters);
        numbers
    }

    #[test]
    fn clipped_steps_change_every_parameter_in_32_bits_as_in_64() {
        let length =
            |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        let apart = |a: &[f32], b: &[f32]| {
            let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            length(&difference) / length(b)
        };
        let (found, expected) = (changes::<f32>(), changes::<f64>());
        let by_sgd = &expected[..expected.len() / 2];
        for (number, ((name, found), (_, expected))) in found.iter().zip(&expected).enumerate() {
            assert!(length(expected) > 0.0, "{name}");
            // A scale of one moves by at least 1e-3, rounded to 6e-8.
            assert!(apart(found, expected) < 1e-4, "{name}: {}", apart(found, expected));
            // The control: the methods' steps differ.
            if let Some((other, change)) = number.checked_sub(by_sgd.len()).map(|number| &by_sgd[number]) {
                assert!(apart(change, expected) > 0.1, "{other}, {name}");
            }
        }
    }
}

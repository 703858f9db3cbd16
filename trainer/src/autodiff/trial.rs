use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::Tensor;

use super::{
    Cascade, CascadeOutputs, Device, Element, Error, FeatureMap, Module, Recording, StepGradients, Vector,
    backward, download, seed, upload,
};
use crate::network::{Localization, Network};
use crate::weights::Weights;

/// A cascade with made-up weights, patches and losses: what devices are timed and compared with.
///
/// All numbers follow from the network and the batch alone, so that two devices compute the same thing.
#[derive(Debug)]
pub struct Trial<E: Element, D: Device<E>> {
    cascade: Cascade<E, D>,
    patches: FeatureMap<E, D>,
}

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
        let (localization, hourglass) =
            (network.localization.graph(patch_size)?, network.hourglass.graph(patch_size)?);
        let weights = [Localization::initialise(&localization, 1), Weights::initialise(&hourglass, 1)];
        let [of_localization, of_hourglass] = weights.map(stirred);
        let cascade = Cascade {
            localization: Module::new(localization, &of_localization, device)?,
            hourglass: Module::new(hourglass, &of_hourglass, device)?,
        };
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

    /// All numbers of a pass by name: outputs, running statistics after it, gradients.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If a parameter has no gradient.
    pub fn numbers(&mut self) -> Result<Vec<(String, Vec<f32>)>, Error> {
        let Pass { outputs, mut gradients } = self.pass()?;
        let mut numbers = vec![
            ("mask".to_owned(), download(&outputs.mask)?),
            ("theta".to_owned(), download(&outputs.theta)?),
            ("canonical patch".to_owned(), download(&outputs.canonical)?),
        ];
        for (stack, heatmaps) in outputs.heatmaps.iter().enumerate() {
            numbers.push((format!("heatmaps of stack {stack}"), download(heatmaps)?));
        }
        let Cascade { localization, hourglass } = &self.cascade;
        for (network, module) in [("localization", localization), ("hourglass", hourglass)] {
            for (name, tensor) in module.weights()?.iter().filter(|(name, _)| name.contains("running_")) {
                numbers.push((format!("{network}.{name}"), tensor.values().to_vec()));
            }
            for (name, _, parameter) in module.parameters() {
                let gradient = gradients.take(&parameter.ghost()).expect("every parameter has a gradient");
                let gradient = Vector::from_buffer(module.device(), *parameter.shape(), gradient);
                numbers.push((format!("gradient of {network}.{name}"), download(&gradient)?));
            }
        }
        Ok(numbers)
    }
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

use std::collections::BTreeMap;

use dfdx::{
    tensor::{Gradients, Storage},
    tensor_ops::{AdamConfig, Momentum, SgdConfig, WeightDecay},
};
use serde::{Deserialize, Serialize};

use super::{
    Device, Element, Error, Module, ModuleError, Vector,
    module::{to_device, to_host},
};
use crate::graph::Role;
use crate::weights::Weights;

/// How parameters follow their gradients.
///
/// Weight decay acts on the weights of layers only: biases, and the scales and shifts of batch norms, have no
/// size that it could limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Stochastic gradient descent as PyTorch has it: v ← momentum · v + g + weight_decay · p, p ← p - rate · v.
    Sgd {
        /// The share of the last step's velocity that is kept, 0.9 in the paper.
        momentum: f64,
        /// The factor of the squared weights' gradient.
        weight_decay: f64,
    },
    /// Adam with β = (0.9, 0.999), ε = 1e-8 and decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW {
        /// The share of a weight that a step of rate 1 takes away.
        weight_decay: f64,
    },
}

/// Changes the parameters of one [`Module`], and remembers what its method needs from step to step.
#[derive(Debug)]
pub struct Optimiser<E: Element, D: Device<E>> {
    steps: u32,
    state: State<E, D>,
}

/// One tensor a parameter, by the parameter's name.
type Moments<E, D> = BTreeMap<String, Vector<E, D>>;

/// A method and what it remembers.
#[derive(Debug)]
enum State<E: Element, D: Device<E>> {
    Sgd { momentum: f64, weight_decay: f64, velocity: Moments<E, D> },
    AdamW { weight_decay: f64, first: Moments<E, D>, second: Moments<E, D> },
}

/// The names under which moments are kept.
const VELOCITY: &str = "velocity";
const FIRST_MOMENT: &str = "first_moment";
const SECOND_MOMENT: &str = "second_moment";

impl<E: Element, D: Device<E>> State<E, D> {
    /// The state of `method` with the moments that `moments` gives for a name.
    fn new<X>(
        method: Method,
        mut moments: impl FnMut(&'static str) -> Result<Moments<E, D>, X>,
    ) -> Result<Self, X> {
        Ok(match method {
            Method::Sgd { momentum, weight_decay } => {
                Self::Sgd { momentum, weight_decay, velocity: moments(VELOCITY)? }
            }
            Method::AdamW { weight_decay } => {
                Self::AdamW { weight_decay, first: moments(FIRST_MOMENT)?, second: moments(SECOND_MOMENT)? }
            }
        })
    }

    /// All moments by name.
    fn moments(&self) -> Vec<(&'static str, &Moments<E, D>)> {
        match self {
            Self::Sgd { velocity, .. } => vec![(VELOCITY, velocity)],
            Self::AdamW { first, second, .. } => vec![(FIRST_MOMENT, first), (SECOND_MOMENT, second)],
        }
    }

    /// Sets all moments to zero.
    fn clear(&mut self) -> Result<(), D::Err> {
        let moments = match self {
            Self::Sgd { velocity, .. } => vec![velocity],
            Self::AdamW { first, second, .. } => vec![first, second],
        };
        for tensor in moments.into_iter().flat_map(BTreeMap::values_mut) {
            let device = tensor.device().clone();
            device.clear(tensor.buffer_mut())?;
        }
        Ok(())
    }

    /// Changes one parameter, as the method does in its step number `step`.
    fn update(
        &mut self,
        step: u32,
        rate: f64,
        name: &str,
        role: Role,
        tensor: &mut Vector<E, D>,
        gradient: &<D as Storage<E>>::Vec,
    ) -> Result<(), D::Err> {
        /// The buffer of a parameter's moment.
        fn of<'a, E: Element, D: Device<E>>(
            moments: &'a mut Moments<E, D>,
            name: &str,
        ) -> &'a mut <D as Storage<E>>::Vec {
            moments.get_mut(name).expect("the optimiser was made for this module").buffer_mut()
        }
        let decays = matches!(role, Role::Weight { .. });
        match self {
            Self::Sgd { momentum, weight_decay, velocity } => {
                let configuration = SgdConfig {
                    lr: rate,
                    momentum: Some(Momentum::Classic(*momentum)),
                    weight_decay: decays.then_some(WeightDecay::L2(*weight_decay)),
                };
                configuration.try_update(tensor, of(velocity, name), gradient)
            }
            Self::AdamW { weight_decay, first, second } => {
                let configuration = AdamConfig {
                    lr: rate,
                    betas: [0.9, 0.999],
                    eps: 1e-8,
                    weight_decay: decays.then_some(WeightDecay::Decoupled(*weight_decay)),
                };
                let step = i32::try_from(step).unwrap_or(i32::MAX);
                configuration.try_update(step, tensor, of(first, name), of(second, name), gradient)
            }
        }
    }
}

impl<E: Element, D: Device<E>> Optimiser<E, D> {
    /// An optimiser for `module` that has not made a step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(method: Method, module: &Module<E, D>) -> Result<Self, Error> {
        let zeros = |_| {
            let zero = |(name, _, tensor): (&str, Role, &Vector<E, D>)| {
                Ok((name.to_owned(), module.device().try_zeros_like(&(super::length_of(tensor),))?))
            };
            module.parameters().map(zero).collect()
        };
        Ok(Self { steps: 0, state: State::new::<D::Err>(method, zeros).map_err(Into::into)? })
    }

    /// An optimiser for `module` that goes on after `steps` steps with what [`Optimiser::moments`] gave then:
    /// the next steps give the same bits as without the interruption.
    ///
    /// # Errors
    /// If a tensor is missing, mis-shaped or too much, or the device fails.
    pub fn resume(
        method: Method,
        module: &Module<E, D>,
        steps: u32,
        mut moments: Weights,
    ) -> Result<Self, ModuleError> {
        let state = State::new::<ModuleError>(method, |moment| {
            let read = |(name, _, tensor): (&str, Role, &Vector<E, D>)| {
                let found = moments.remove(&format!("{name}.{moment}"), &[super::length_of(tensor)])?;
                Ok((name.to_owned(), to_device(module.device(), &found)?))
            };
            module.parameters().map(read).collect()
        })?;
        moments.expect_empty()?;
        Ok(Self { steps, state })
    }

    /// Forgets all steps, in the memory that it has: afterwards the optimiser is as [`Optimiser::new`] makes it.
    ///
    /// # Errors
    /// If the device fails.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.steps = 0;
        self.state.clear().map_err(Into::into)
    }

    /// Steps made so far.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// Changes the parameters by one step of the learning rate `rate`, and takes their gradients out of
    /// `gradients`. A parameter that no gradient reached stays as it is.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `module` is not the one that the optimiser was made for.
    pub fn step(
        &mut self,
        module: &mut Module<E, D>,
        gradients: &mut Gradients<E, D>,
        rate: f64,
    ) -> Result<(), Error> {
        self.steps += 1;
        for (name, role, tensor) in module.parameters_mut() {
            if let Some(gradient) = gradients.take(&tensor.ghost()) {
                self.state.update(self.steps, rate, name, role, tensor, &gradient).map_err(Into::into)?;
            }
        }
        Ok(())
    }

    /// What the method remembers, to be kept beside the weights: tensors named `conv1.weight.velocity` and the
    /// like.
    ///
    /// # Errors
    /// If the device fails.
    pub fn moments(&self) -> Result<Weights, Error> {
        let mut weights = Weights::default();
        for (moment, tensors) in self.state.moments() {
            for (name, tensor) in tensors {
                let shape = vec![super::length_of(tensor)];
                weights.insert(format!("{name}.{moment}"), to_host(tensor, shape)?);
            }
        }
        Ok(weights)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::autodiff::cpu;
    use crate::graph::{Graph, GraphError, Shape, Window};
    use crate::weights::Tensor;
    use dfdx::tensor::{Cpu, TensorFromVec};

    /// Weight, bias, and their gradients in three steps: those of `tests/pytorch/optimisers.py`.
    const START: [f32; 6] = [1.0, -2.0, 0.5, 0.25, 0.0, -1.0];
    pub(in super::super) const GRADIENTS: [[f64; 6]; 3] =
        [[0.5, -1.0, 2.0, 1.0, 0.0, -0.5], [-0.25, 3.0, 0.0, 0.5, 0.5, 0.5], [1.0, 1.0, 1.0, 0.0, -2.0, 1.0]];

    /// A convolution with three weights and three biases.
    pub(in super::super) fn module() -> Module<f64, Cpu> {
        let graph = Graph::build::<GraphError>(|root| {
            let x = root.input("patch", Shape::new(1, 2, 2))?;
            Ok(vec![root.convolution("conv", x, 3, Window::same(1, 1))?])
        });
        let mut weights = Weights::default();
        weights.insert("conv.weight", Tensor::new(vec![3, 1, 1, 1], START[..3].to_vec()).unwrap());
        weights.insert("conv.bias", Tensor::new(vec![3], START[3..].to_vec()).unwrap());
        Module::new(graph.unwrap(), &weights, &cpu()).unwrap()
    }

    pub(in super::super) fn gradients(module: &Module<f64, Cpu>, numbers: [f64; 6]) -> Gradients<f64, Cpu> {
        let mut gradients = Gradients::leaky();
        for (name, _, tensor) in module.parameters() {
            let numbers = if name == "conv.weight" { &numbers[..3] } else { &numbers[3..] };
            let gradient = module.device().tensor_from_vec(numbers.to_vec(), (3,));
            gradients.put(&tensor.ghost(), gradient.into_buffer().unwrap());
        }
        gradients
    }

    fn numbers(module: &Module<f64, Cpu>) -> Vec<f64> {
        let mut parameters: Vec<_> =
            module.parameters().map(|(name, _, tensor)| (name == "conv.bias", tensor.as_vec())).collect();
        parameters.sort_by_key(|&(is_bias, _)| is_bias);
        parameters.into_iter().flat_map(|(_, numbers)| numbers).collect()
    }

    const SGD: Method = Method::Sgd { momentum: 0.9, weight_decay: 0.1 };
    const ADAMW: Method = Method::AdamW { weight_decay: 0.1 };

    #[test]
    fn steps_are_pytorchs() {
        let sgd = [0.758024, -2.288548, -0.1622305, -0.116, 0.105, -1.0595];
        let adamw = [
            0.780110476670,
            -1.947204803571,
            0.245894047448,
            -0.015275716840,
            -0.026382400711,
            -0.959782849116,
        ];
        for (method, expected) in [(SGD, sgd), (ADAMW, adamw)] {
            let mut module = module();
            let mut optimiser = Optimiser::new(method, &module).unwrap();
            for gradient in GRADIENTS {
                let mut gradients = gradients(&module, gradient);
                optimiser.step(&mut module, &mut gradients, 0.1).unwrap();
            }
            for (found, expected) in numbers(&module).into_iter().zip(expected) {
                // The literals have twelve digits.
                assert!((found - expected).abs() < 1e-11, "{method:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn an_interrupted_run_goes_on_to_the_same_bits() {
        for method in [SGD, ADAMW] {
            let run = |interrupted: bool| {
                let graph = module().graph().clone();
                let mut module =
                    Module::<f32, Cpu>::new(graph, &module().weights().unwrap(), &cpu()).unwrap();
                let mut optimiser = Optimiser::new(method, &module).unwrap();
                for (i, gradient) in GRADIENTS.into_iter().enumerate() {
                    if interrupted && i == 2 {
                        let (steps, moments) = (optimiser.steps(), optimiser.moments().unwrap());
                        let weights = module.weights().unwrap();
                        module = Module::new(module.graph().clone(), &weights, &cpu()).unwrap();
                        optimiser = Optimiser::resume(method, &module, steps, moments).unwrap();
                    }
                    let mut gradients = Gradients::leaky();
                    for ((_, _, tensor), numbers) in module.parameters().zip(gradient.chunks_exact(3)) {
                        let numbers: Vec<f32> =
                            numbers.iter().map(|&number| Element::of(number / 3.0)).collect();
                        let gradient = module.device().tensor_from_vec(numbers, (3,));
                        gradients.put(&tensor.ghost(), gradient.into_buffer().unwrap());
                    }
                    optimiser.step(&mut module, &mut gradients, 0.1).unwrap();
                }
                module.weights().unwrap()
            };
            assert_eq!(run(true), run(false));
        }
    }

    #[test]
    fn what_is_not_ones_own_memory_is_refused() {
        let module = module();
        let moments = Optimiser::new(SGD, &module).unwrap().moments().unwrap();
        let error = Optimiser::resume(ADAMW, &module, 3, moments).unwrap_err();
        assert_eq!(error.to_string(), "tensor conv.bias.first_moment is missing");
        let moments = Optimiser::new(ADAMW, &module).unwrap().moments().unwrap();
        let error = Optimiser::resume(SGD, &module, 3, moments).unwrap_err();
        assert_eq!(error.to_string(), "tensor conv.bias.velocity is missing");
    }

    #[test]
    fn a_parameter_without_a_gradient_stays() {
        let mut module = module();
        let before = module.weights().unwrap();
        let mut optimiser = Optimiser::new(ADAMW, &module).unwrap();
        optimiser.step(&mut module, &mut Gradients::leaky(), 0.1).unwrap();
        assert_eq!(module.weights().unwrap(), before);
    }

    #[test]
    fn an_optimiser_that_is_restarted_is_a_new_one() {
        for method in [SGD, ADAMW] {
            let run = |steps_before: usize| {
                let mut module = module();
                let mut optimiser = Optimiser::new(method, &module).unwrap();
                let weights = module.weights().unwrap();
                for gradient in &GRADIENTS[..steps_before] {
                    let mut gradients = gradients(&module, *gradient);
                    optimiser.step(&mut module, &mut gradients, 0.1).unwrap();
                }
                module.load(&weights).unwrap();
                optimiser.restart().unwrap();
                let mut gradients = gradients(&module, GRADIENTS[2]);
                optimiser.step(&mut module, &mut gradients, 0.1).unwrap();
                (optimiser.steps(), optimiser.moments().unwrap(), module.weights().unwrap())
            };
            assert_eq!(run(2), run(0));
        }
    }
}

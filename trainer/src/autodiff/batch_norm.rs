use dfdx::tensor::{PutTape, SplitTape, Storage, Tape};

use super::{
    Activation, Device, Element, FeatureMap, Vector,
    gradient::{Forming, form},
};

/// Added to a variance before its root is taken (PyTorch's default).
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// The share of a new batch in the running statistics (PyTorch's default).
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// What inference normalises with: means over the batches seen, moving on with each.
#[derive(Debug)]
pub struct RunningStatistics<'a, E: Element, D: Device<E>> {
    /// Mean of each channel.
    pub mean: &'a mut Vector<E, D>,
    /// Unbiased variance of each channel.
    pub variance: &'a mut Vector<E, D>,
}

/// Statistics of one batch, one number a channel.
#[derive(Clone, Debug)]
pub struct BatchStatistics<V> {
    /// The means.
    pub mean: V,
    /// One over the roots of the biased variances plus [`BATCH_NORM_EPSILON`].
    pub inverse_deviation: V,
}

/// A device's batch normalisation. Values are pixels x channels, channels innermost.
pub trait BatchNormKernel<E: Element>: Storage<E> {
    /// Mean and inverse deviation of each channel; moves the running statistics on.
    ///
    /// # Errors
    /// If the device fails.
    fn batch_statistics(
        &self,
        input: &Self::Vec,
        running_mean: &mut Self::Vec,
        running_variance: &mut Self::Vec,
    ) -> Result<BatchStatistics<Self::Vec>, Self::Err>;

    /// Running statistics in the form of a batch's.
    ///
    /// # Errors
    /// If the device fails.
    fn fixed_statistics(
        &self,
        running_mean: &Self::Vec,
        running_variance: &Self::Vec,
    ) -> Result<BatchStatistics<Self::Vec>, Self::Err>;

    /// Overwrites `output` with the normalised, scaled and shifted `input`, activated.
    ///
    /// # Errors
    /// If the device fails.
    fn normalise(
        &self,
        input: &Self::Vec,
        statistics: &BatchStatistics<Self::Vec>,
        scale: &Self::Vec,
        shift: &Self::Vec,
        activation: Activation,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Writes the input's gradient, added to what is there if `adds`, and gives those of scale and shift. The
    /// statistics are the input's own.
    ///
    /// # Errors
    /// If the device fails.
    #[allow(clippy::too_many_arguments, reason = "three values and their gradients")]
    fn normalise_backward(
        &self,
        input: &Self::Vec,
        statistics: &BatchStatistics<Self::Vec>,
        scale: &Self::Vec,
        shift: &Self::Vec,
        activation: Activation,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<ParameterGradients<Self::Vec>, Self::Err>;
}

/// Gradients of scale and shift, one number a channel.
#[derive(Clone, Debug)]
pub struct ParameterGradients<V> {
    /// Of the scale.
    pub scale: V,
    /// Of the shift.
    pub shift: V,
}

/// Normalises every channel by the mean and the biased variance of this batch, then scales, shifts and
/// activates it (Ioffe and Szegedy, 2015); moves the running statistics on as PyTorch does.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If a parameter's length is not the number of channels.
pub fn batch_norm<E: Element, D: Device<E>, T: Tape<E, D>>(
    input: FeatureMap<E, D, T>,
    scale: &Vector<E, D>,
    shift: &Vector<E, D>,
    running: RunningStatistics<'_, E, D>,
    activation: Activation,
) -> Result<FeatureMap<E, D, T>, D::Err> {
    let RunningStatistics { mean, variance } = running;
    assert_eq!(super::length_of(mean), super::length_of(scale), "running mean");
    assert_eq!(super::length_of(variance), super::length_of(scale), "running variance");
    let statistics =
        input.device().batch_statistics(input.buffer(), mean.buffer_mut(), variance.buffer_mut())?;
    let (input, mut tape) = input.split_tape();
    let output = normalise(&input, &statistics, scale, shift, activation)?;
    let (device, output_ghost) = (input.device().clone(), output.ghost());
    let (scale, shift) = (scale.clone(), shift.clone());
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        let input_ghost = input.ghost();
        let Forming { mut buffer, adds } = form(gradients, &input_ghost)?;
        let parameters = device.normalise_backward(
            input.buffer(),
            &statistics,
            scale.buffer(),
            shift.buffer(),
            activation,
            &output_gradient,
            &mut buffer,
            adds,
        )?;
        gradients.put(&input_ghost, buffer);
        device.add_assign(gradients.of(&scale.ghost())?, &parameters.scale)?;
        device.add_assign(gradients.of(&shift.ghost())?, &parameters.shift)
    });
    Ok(output.put_tape(tape))
}

/// Normalises by running statistics, which stay as they are; scales, shifts and activates the result.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If a parameter's length is not the number of channels.
pub fn batch_norm_inference<E: Element, D: Device<E>>(
    input: &FeatureMap<E, D>,
    scale: &Vector<E, D>,
    shift: &Vector<E, D>,
    running_mean: &Vector<E, D>,
    running_variance: &Vector<E, D>,
    activation: Activation,
) -> Result<FeatureMap<E, D>, D::Err> {
    let statistics = input.device().fixed_statistics(running_mean.buffer(), running_variance.buffer())?;
    normalise(input, &statistics, scale, shift, activation)
}

fn normalise<E: Element, D: Device<E>>(
    input: &FeatureMap<E, D>,
    statistics: &BatchStatistics<<D as Storage<E>>::Vec>,
    scale: &Vector<E, D>,
    shift: &Vector<E, D>,
    activation: Activation,
) -> Result<FeatureMap<E, D>, D::Err> {
    let shape = super::shape_of(input);
    assert_eq!(super::length_of(scale), shape.3, "scale for {shape:?}");
    assert_eq!(super::length_of(shift), shape.3, "shift for {shape:?}");
    let device = input.device();
    let mut buffer = device.recycled(shape.0 * shape.1 * shape.2 * shape.3)?;
    device.normalise(input.buffer(), statistics, scale.buffer(), shift.buffer(), activation, &mut buffer)?;
    Ok(FeatureMap::from_buffer(device, shape, buffer))
}

use recist::cascade::ThetaOutputs;
use recist::geometry::Theta;
use recist::image::PATCH_SIZE;

use super::batch::interleave;
use super::keypoint_loss::keypoint_loss;
use super::losses::{mean_squared_error, pose_loss};
use super::{Average, Batch, LossWeights, Losses, Stage};
use crate::autodiff::{
    Cascade, CascadeOutputs, Device, Error, FeatureMap, Method, Module, Optimiser, Recording, backward,
    clip_gradients, download, seed, shape_of, upload,
};
use crate::data::gaussian_heatmaps;

/// A cascade in training.
#[derive(Debug)]
pub(super) struct Trainer<D: Device<f32>> {
    /// The networks.
    pub(super) cascade: Cascade<f32, D>,
    /// The localization network's optimiser.
    pub(super) localization: Optimiser<f32, D>,
    /// The hourglass' optimiser.
    pub(super) hourglass: Optimiser<f32, D>,
    /// The mean of the weights towards the end of the stage.
    pub(super) average: Average,
}

/// Whether batch norms learn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Train,
    Infer,
}

impl<D: Device<f32>> Trainer<D> {
    /// A trainer whose optimisers have not made a step.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn new(cascade: Cascade<f32, D>, method: Method) -> Result<Self, Error> {
        let localization = Optimiser::new(method, &cascade.localization)?;
        let hourglass = Optimiser::new(method, &cascade.hourglass)?;
        Ok(Self { cascade, localization, hourglass, average: Average::default() })
    }

    /// Makes it a trainer whose optimisers have not made a step, in the memory that they have.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn restart(&mut self) -> Result<(), Error> {
        self.average = Average::default();
        self.localization.restart()?;
        self.hourglass.restart()
    }

    /// Makes one step and gives the losses before it.
    ///
    /// # Errors
    /// If the device fails, or the training has diverged.
    ///
    /// # Panics
    /// If the batch was prepared for another stage.
    pub(super) fn step(
        &mut self,
        stage: Stage,
        batch: &Batch,
        weights: &LossWeights,
        rate: f64,
        gradient_limit: Option<f64>,
    ) -> Result<Losses, Error> {
        let device = self.cascade.localization.device().clone();
        let (losses, recording) = self.record(Mode::Train, stage, batch, weights)?;
        let mut gradients = backward(&device, recording)?;
        let Self { cascade: Cascade { localization, hourglass }, .. } = self;
        if let Some(limit) = gradient_limit {
            let modules: &[&Module<f32, D>] = match stage {
                Stage::Stn => &[localization],
                Stage::Shn | Stage::Follow => &[hourglass],
                Stage::Joint => &[localization, hourglass],
            };
            clip_gradients(modules, &mut gradients, limit)?;
        }
        if matches!(stage, Stage::Stn | Stage::Joint) {
            self.localization.step(localization, &mut gradients, rate)?;
        }
        if stage != Stage::Stn {
            self.hourglass.step(hourglass, &mut gradients, rate)?;
        }
        Ok(losses)
    }

    /// The losses on a batch, of the networks as they will be used.
    ///
    /// # Errors
    /// If the device fails, or the training has diverged.
    ///
    /// # Panics
    /// If the batch was prepared for another stage.
    pub(super) fn losses(
        &mut self,
        stage: Stage,
        batch: &Batch,
        weights: &LossWeights,
    ) -> Result<Losses, Error> {
        Ok(self.record(Mode::Infer, stage, batch, weights)?.0)
    }

    fn record(
        &mut self,
        mode: Mode,
        stage: Stage,
        batch: &Batch,
        weights: &LossWeights,
    ) -> Result<(Losses, Recording<f32, D>), Error> {
        let Cascade { localization, hourglass } = &mut self.cascade;
        let device = localization.device().clone();
        let patches = upload(&device, (batch.size, PATCH_SIZE, PATCH_SIZE, 1), &batch.patches)?;
        let mut losses = Losses::default();
        let recording = Recording::default();
        let recording = match stage {
            Stage::Stn => {
                let (outputs, mut recording) = match mode {
                    Mode::Train => localization.train(patches, recording)?,
                    Mode::Infer => (localization.infer(patches)?, recording),
                };
                let [mask, theta] = &outputs[..] else {
                    panic!("localization has the outputs mask and theta")
                };
                localization_losses(
                    &mut losses,
                    batch,
                    weights,
                    &download(mask)?,
                    &download(theta)?,
                    |mask_gradient, theta_gradient| {
                        seed(&mut recording, mask, mask_gradient);
                        seed(&mut recording, theta, theta_gradient);
                    },
                );
                recording
            }
            Stage::Shn => {
                let (heatmaps, recording) = match mode {
                    Mode::Train => hourglass.train(patches, recording)?,
                    Mode::Infer => (hourglass.infer(patches)?, recording),
                };
                hourglass_losses(&mut losses, &heatmaps, &batch.heatmaps, weights, recording)?
            }
            Stage::Follow => {
                let (outputs, recording) = match mode {
                    Mode::Train => self.cascade.train_hourglass(patches, recording)?,
                    Mode::Infer => (self.cascade.infer(patches)?, recording),
                };
                let found = download(&outputs.theta)?;
                let expected = heatmaps_behind(&found, batch, self.cascade.heatmap_size())
                    .map_err(|reason| Error::Diverged { reason })?;
                hourglass_losses(&mut losses, &outputs.heatmaps, &expected, weights, recording)?
            }
            Stage::Joint => {
                let (outputs, mut recording) = match mode {
                    Mode::Train => self.cascade.train(patches, recording)?,
                    Mode::Infer => (self.cascade.infer(patches)?, recording),
                };
                let CascadeOutputs { mask, theta, heatmaps, .. } = outputs;
                let found = download(&theta)?;
                localization_losses(
                    &mut losses,
                    batch,
                    weights,
                    &download(&mask)?,
                    &found,
                    |mask_gradient, theta_gradient| {
                        seed(&mut recording, &mask, mask_gradient);
                        seed(&mut recording, &theta, theta_gradient);
                    },
                );
                let expected =
                    heatmaps_behind(&found, batch, self.cascade.heatmap_size()).map_err(|reason| {
                        let reason =
                            format!("{reason}, the loss of the localization network is {}", losses.sum());
                        Error::Diverged { reason }
                    })?;
                hourglass_losses(&mut losses, &heatmaps, &expected, weights, recording)?
            }
        };
        if losses.sum().is_finite() {
            Ok((losses, recording))
        } else {
            Err(Error::Diverged { reason: format!("the loss is {}", losses.sum()) })
        }
    }
}

/// `L_LRP` and `L_TPP`.
fn localization_losses(
    losses: &mut Losses,
    batch: &Batch,
    weights: &LossWeights,
    mask: &[f32],
    theta: &[f32],
    gradients: impl FnOnce(&[f32], &[f32]),
) {
    let (mut mask_gradient, mut theta_gradient) = (vec![0.0; mask.len()], vec![0.0; theta.len()]);
    losses.mask = mean_squared_error(mask, &batch.mask, weights.mask, &mut mask_gradient);
    losses.pose = pose_loss(theta, &batch.theta, weights.pose, &mut theta_gradient);
    gradients(&mask_gradient, &theta_gradient);
}

/// `L_HM` over all stacks; `L_cos` and the other losses of the endpoints of the last.
fn hourglass_losses<D: Device<f32>>(
    losses: &mut Losses,
    stacks: &[FeatureMap<f32, D>],
    expected: &[f32],
    weights: &LossWeights,
    mut recording: Recording<f32, D>,
) -> Result<Recording<f32, D>, Error> {
    for (number, heatmaps) in stacks.iter().enumerate() {
        let found = download(heatmaps)?;
        let mut gradient = vec![0.0; found.len()];
        losses.heatmaps += mean_squared_error(&found, expected, weights.heatmaps, &mut gradient);
        if number + 1 == stacks.len() && weights.cosine + weights.ends + weights.lengths > 0.0 {
            let size = shape_of(heatmaps).1;
            losses.add(&keypoint_loss(&found, expected, size, weights, &mut gradient), 1.0);
        }
        seed(&mut recording, heatmaps, &gradient);
    }
    Ok(recording)
}

/// The heatmaps that belong to the canonical patches of the θ that was found: a target moves with its patch.
fn heatmaps_behind(found: &[f32], batch: &Batch, size: usize) -> Result<Vec<f32>, String> {
    let mut heatmaps = Vec::with_capacity(batch.size * size * size * 4);
    for (numbers, keypoints) in found.as_chunks::<5>().0.iter().zip(&batch.keypoints) {
        let theta: Theta = ThetaOutputs::from_array(*numbers).theta().map_err(|error| error.to_string())?;
        let maps = gaussian_heatmaps(keypoints, theta, size)?;
        interleave(&maps, size, &mut heatmaps);
    }
    Ok(heatmaps)
}

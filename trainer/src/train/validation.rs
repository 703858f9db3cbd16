use recist::cascade::{Measurement, Workspace};

use super::{Configuration, Lesions, Losses, RunError, Stage, StageConfiguration, Trainer, prepare};
use crate::autodiff::Device;
use crate::data::{Lesion, Pixels};
use crate::evaluate::{self, Statistics, TrainedNetworks, drawn_box};

/// The stream of random numbers that validation batches are drawn from; training draws from 0.
const STREAM: u64 = 1;

/// How well the networks do on the validation split.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The stage's losses.
    pub losses: Losses,
    /// Errors in millimetres against every reader of the lesions that were not refused; none while the hourglass has
    /// not been trained.
    pub errors: Option<Statistics>,
    /// Lesions that the cascade refused to measure.
    pub refused: usize,
}

/// Validates on up to [`Configuration::validation`] lesions, the same ones with the same boxes every time,
/// measured as the runtime measures; axes are compared with the mask where it `knows_mask`.
///
/// # Errors
/// If the device fails, or the lesions give no batch.
///
/// # Panics
/// If there is no lesion.
pub(super) fn validate<D: Device<f32>>(
    trainer: &mut Trainer<D>,
    lesions: &Lesions<'_>,
    configuration: &Configuration,
    stage: &StageConfiguration,
    knows_mask: bool,
) -> Result<Validation, RunError> {
    let mut losses = Losses::default();
    let heatmap_size = trainer.cascade.heatmap_size();
    let batches = configuration.validation.div_ceil(configuration.batch).max(1);
    for step in 0..batches as u64 {
        let batch = prepare(lesions, configuration, stage.stage, heatmap_size, STREAM, step)?;
        losses.add(&trainer.losses(stage.stage, &batch, &stage.loss)?, 1.0 / batches as f64);
    }
    if stage.stage == Stage::Stn {
        return Ok(Validation { losses, errors: None, refused: 0 });
    }
    let mut networks = TrainedNetworks::new(&trainer.cascade, knows_mask);
    let mut workspace = Box::new(Workspace::new());
    let (mut errors, mut refused) = (Vec::new(), 0);
    for (lesion, pixels) in lesions.spread(configuration.validation) {
        match measured(&mut networks, lesion, pixels, &mut workspace)? {
            Some(measurement) => {
                let keypoints = measurement.axes.keypoints();
                let against = |reader| evaluate::errors(&keypoints, &reader, lesion.spacing);
                errors.extend(lesion.keypoints().map(against));
            }
            None => refused += 1,
        }
    }
    Ok(Validation { losses, errors: Some(errors.iter().collect()), refused })
}

/// Measures a lesion in its [`drawn_box`]; none if the cascade refuses.
///
/// # Errors
/// If the lesion cannot be read from its pack, or a network cannot be run.
pub(super) fn measured<D: Device<f32>>(
    networks: &mut TrainedNetworks<'_, D>,
    lesion: &Lesion,
    pixels: Pixels<'_>,
    workspace: &mut Workspace,
) -> Result<Option<Measurement>, RunError> {
    let Some(area) = drawn_box(lesion) else { return Ok(None) };
    let mut samples = Vec::new();
    let slice = pixels.read_slice(&mut samples)?;
    Ok(evaluate::measured(&slice, area, networks, workspace)?.ok())
}

use std::path::{Path, PathBuf, absolute};

use recist::image::PATCH_SIZE;

use super::average::AVERAGE_STEPS;
use super::folder::{CHECKPOINT, METRICS, NETWORK, PICTURES, RESNET_START, RunFolder, START, Texts, WEIGHTS};
use super::loader::Loader;
use super::metrics::Metrics;
use super::picture::sheet;
use super::run_error::named;
use super::validation::validate;
use super::{
    Batch, BatchError, Checkpoint, Configuration, Lesions, Losses, Progress, RunError, Stage,
    StageConfiguration, Trainer, Validation, prepare,
};
use crate::autodiff::{Cascade, Device, Error, ModuleError};
use crate::data::{Pack, Split};
use crate::network::{Localization, NETWORKS, Network, TRUNK};
use crate::weights::Weights;

/// A training run, in a folder of its own.
#[derive(Debug)]
pub struct Run<'a> {
    folder: RunFolder,
    configuration: Configuration,
    network: Network,
    packs: &'a [Pack],
}

/// The weights that a new run begins with.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Random ones, which follow from the seed.
    Fresh,
    /// Those that another run wrote at its end.
    Weights(&'a Path),
    /// Fresh ones, but for the trunk of the localization network: a ResNet in torchvision's names
    /// ([`Weights::load_resnet`]).
    ResNet(&'a Path),
}

/// What happened in a run.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// A step was made.
    Step {
        /// The stage's number and what it trains.
        stage: (usize, Stage),
        /// Steps made in this stage.
        step: u64,
        /// Steps left in it, where that is known.
        left: Option<u64>,
        /// The step's losses.
        losses: &'a Losses,
    },
    /// The networks were validated.
    Validation {
        /// The stage's number and what it trains.
        stage: (usize, Stage),
        /// Steps made in this stage.
        step: u64,
        /// What came out.
        validation: &'a Validation,
    },
}

const LOG_STEPS: u64 = 10;

impl<'a> Run<'a> {
    /// Starts a run in a folder that holds none, or with `resume` goes on with the one that it holds.
    ///
    /// # Errors
    /// If the folder holds a run and `resume` is not set, or none and it is set, or files that a run would replace, or
    /// another process trains in it; the run has its first weights and `start` is not [`Start::Fresh`], or was started
    /// with another configuration or other data; the packs have no lesion to train on, or none as the configuration
    /// needs them; the weights to start with do not fit the networks, or a file cannot be read or written.
    pub fn open(
        folder: &Path,
        mut configuration: Configuration,
        packs: &'a [Pack],
        start: Start<'_>,
        resume: bool,
    ) -> Result<Self, RunError> {
        let network = Network::open(&configuration.network)?;
        network.graphs(PATCH_SIZE)?;
        if !Network::is_preset(&configuration.network) {
            // The folder holds it, wherever the folder will be.
            NETWORK.clone_into(&mut configuration.network);
        }
        for split in [Split::Train, Split::Val] {
            let lesions = Lesions::new(packs, split, &configuration);
            if lesions.is_empty() {
                return Err(RunError(format!("the packs hold no lesion of the split {split}")));
            }
            if split == Split::Train {
                lesions.warnings(&configuration)?;
            }
        }
        let digest = |pack: &Pack| {
            // Whoever goes on may stand in another folder.
            let path = absolute(pack.path()).map_err(|error| named(pack.path(), &error))?;
            Ok(format!("{}  {}\n", pack.digest(), path.display()))
        };
        let digests = packs.iter().map(digest).collect::<Result<String, RunError>>()?;
        RunFolder::check(folder, resume)?;
        let first = match start {
            Start::Fresh => None,
            _ if resume => {
                let reason =
                    "holds a run, which has its first weights: go on with it without --from and --resnet50";
                return Err(named(folder, &reason));
            }
            Start::Weights(_) => Some((START, start.weights(&network, configuration.seed)?)),
            Start::ResNet(_) => Some((RESNET_START, start.weights(&network, configuration.seed)?)),
        };
        let texts =
            Texts { configuration: configuration.to_toml(), network: network.to_toml(), data: digests };
        let folder =
            if resume { RunFolder::resume(folder, texts)? } else { RunFolder::start(folder, texts, first)? };
        Ok(Self { folder, configuration, network, packs })
    }

    /// Trains to the end, from the last checkpoint if there is one, and writes the weights: to the file whose path it
    /// gives.
    ///
    /// # Errors
    /// If the device fails, the training diverges, or a file cannot be read or written.
    pub fn train<D: Device<f32>>(
        &self,
        device: &D,
        mut happened: impl FnMut(&Outcome<'_>),
    ) -> Result<PathBuf, RunError> {
        let checkpoint_path = self.folder.file(CHECKPOINT);
        let (mut number, mut progress, mut trainer) = if checkpoint_path.exists() {
            let checkpoint = Checkpoint::read(&checkpoint_path)
                .map_err(|error| RunError(error.of_file(&checkpoint_path)))?;
            let (stage, progress) = (checkpoint.stage, checkpoint.progress);
            let trainer =
                checkpoint.trainer(self.network.graphs(PATCH_SIZE)?, self.configuration.method, device);
            (stage, progress, trainer.map_err(|error| unfit(&checkpoint_path, error))?)
        } else {
            (0, Progress::default(), self.fresh(device)?)
        };
        let mut metrics = Metrics::open(&self.folder.file(METRICS), number, progress.step)?;
        while number < self.configuration.stages.len() {
            self.stage(number, &mut progress, &mut trainer, &mut metrics, &mut happened)?;
            number += 1;
            progress = Progress::default();
            // Every stage begins with an optimiser that has made no step; the device may have no room for another.
            trainer.restart()?;
            Checkpoint::of(number, progress, &trainer)?.write(&checkpoint_path)?;
        }
        let path = self.folder.file(WEIGHTS);
        Weights::of_networks(trainer.cascade.weights()?).write(&path)?;
        Ok(path)
    }

    fn stage<D: Device<f32>>(
        &self,
        number: usize,
        progress: &mut Progress,
        trainer: &mut Trainer<D>,
        metrics: &mut Metrics,
        happened: &mut impl FnMut(&Outcome<'_>),
    ) -> Result<(), RunError> {
        let configuration = &self.configuration;
        let stage = &configuration.stages[number];
        let name = (number, stage.stage);
        let heatmap_size = trainer.cascade.heatmap_size();
        let knows_mask = knows_mask(self.folder.path(), configuration);
        let lesions = Lesions::new(self.packs, Split::Train, configuration);
        let validation_lesions = Lesions::new(self.packs, Split::Val, configuration);
        std::thread::scope(|scope| {
            let lesions = &lesions;
            // Each stage draws other samples.
            let first = (number as u64) << 40;
            let steps =
                progress.step..stage.schedule.left(progress).map_or(u64::MAX, |left| progress.step + left);
            let loader = Loader::new(scope, configuration.loaders, steps, move |step| {
                prepare(lesions, configuration, stage.stage, heatmap_size, 0, first + step)
            });
            for batch in loader {
                let batch = batch?;
                let Some(rate) = stage.schedule.rate(progress) else { break };
                let step = progress.step + 1;
                let at = |error: RunError| {
                    let (place, count) = (number + 1, configuration.stages.len());
                    RunError(format!(
                        "stage {place} of {count} ({}), step {step}, rate {rate:.1e}: {error}",
                        stage.stage
                    ))
                };
                let losses = trainer
                    .step(stage.stage, &batch, &stage.loss, rate, configuration.gradient_limit)
                    .map_err(|error| match error {
                        Error::OutOfMemory => too_large(trainer, configuration, stage, |smaller| {
                            prepare(lesions, smaller, stage.stage, heatmap_size, 0, first)
                        }),
                        other => other.into(),
                    })
                    .map_err(at)?;
                progress.step = step;
                let left = stage.schedule.left(progress);
                happened(&Outcome::Step { stage: name, step, left, losses: &losses });
                if step.is_multiple_of(LOG_STEPS) {
                    metrics.trained(number, step, rate, &losses)?;
                }
                if left.is_some_and(|left| left < stage.average && left.is_multiple_of(AVERAGE_STEPS)) {
                    trainer.average.add(trainer.cascade.weights()?);
                    if left == Some(0) {
                        trainer.cascade.load(&std::mem::take(&mut trainer.average).mean)?;
                    }
                }
                if step.is_multiple_of(configuration.epoch) || left == Some(0) {
                    let validation = validate(trainer, &validation_lesions, configuration, stage, knows_mask)
                        .map_err(at)?;
                    #[allow(clippy::cast_possible_truncation, reason = "kept in 32 bits")]
                    stage.schedule.validated(progress, validation.losses.sum() as f32);
                    metrics.validated(number, step, &validation)?;
                    let picture = self.folder.file(PICTURES).join(format!("{number}-{step:07}.png"));
                    if stage.stage != Stage::Stn {
                        sheet(&picture, trainer, &validation_lesions, knows_mask)?;
                    }
                    happened(&Outcome::Validation { stage: name, step, validation: &validation });
                }
                if step.is_multiple_of(configuration.checkpoint) {
                    Checkpoint::of(number, *progress, trainer)?.write(&self.folder.file(CHECKPOINT))?;
                }
            }
            Ok(())
        })
    }

    fn fresh<D: Device<f32>>(&self, device: &D) -> Result<Trainer<D>, RunError> {
        let paths = [START, RESNET_START].map(|name| self.folder.file(name));
        let start = paths.iter().find(|path| path.exists()).map_or(Start::Fresh, |path| Start::Weights(path));
        let weights = start.weights(&self.network, self.configuration.seed)?;
        let cascade = Cascade::new(self.network.graphs(PATCH_SIZE)?, &weights, device)
            .map_err(|error| unfit(self.folder.path(), error))?;
        Ok(Trainer::new(cascade, self.configuration.method)?)
    }
}

/// Whether the networks of the run in `folder` have learnt the mask: by a stage of theirs, or before the run, whose
/// first weights are then another run's.
#[must_use]
pub fn knows_mask(folder: &Path, configuration: &Configuration) -> bool {
    configuration.teaches_mask() || folder.join(START).exists()
}

impl Start<'_> {
    /// The weights of both networks.
    ///
    /// # Errors
    /// If the file cannot be read, or its weights do not fit the networks.
    fn weights(self, network: &Network, seed: u64) -> Result<[Weights; 2], RunError> {
        let read = |path| Weights::read(path).map_err(|error| RunError(error.of_file(path)));
        let graphs = network.graphs(PATCH_SIZE)?;
        if let Self::Weights(path) = self {
            let weights = read(path)?.into_networks();
            for (part, (graph, weights)) in NETWORKS.iter().zip(graphs.iter().zip(&weights)) {
                weights.check(graph).map_err(|error| {
                    named(path, &format_args!("not of the network {}: {error} (in {part}.*)", network.name))
                })?;
            }
            return Ok(weights);
        }
        let mut localization = Localization::initialise(&graphs[0], seed);
        if let Self::ResNet(path) = self {
            localization.load_resnet(TRUNK, read(path)?).map_err(|error| named(path, &error))?;
        }
        Ok([localization, Weights::initialise(&graphs[1], seed)])
    }
}

/// That the weights at `path` cannot be put on the device.
fn unfit(path: &Path, error: ModuleError) -> RunError {
    match error {
        ModuleError::Weights(error) => named(path, &error),
        ModuleError::Device(error) => error.into(),
    }
}

/// That the batch does not fit into the device, and how much of it does, found by trying.
fn too_large<D: Device<f32>>(
    trainer: &mut Trainer<D>,
    configuration: &Configuration,
    stage: &StageConfiguration,
    prepare: impl Fn(&Configuration) -> Result<Batch, BatchError>,
) -> RunError {
    let device = trainer.cascade.localization.device().clone();
    let mut smaller = configuration.clone();
    let fits = loop {
        smaller.batch /= 2;
        if smaller.batch == 0 || device.try_empty_cache().is_err() {
            break None;
        }
        let batch = match prepare(&smaller) {
            Ok(batch) => batch,
            Err(error) => return error.into(),
        };
        // The run ends here: what this step does to the weights is never written.
        if trainer.step(stage.stage, &batch, &stage.loss, 0.0, None).is_ok() {
            break Some(smaller.batch);
        }
    };
    let advice = fits.map_or("not even one sample fits".to_owned(), |fits| format!("a batch of {fits} fits"));
    RunError(format!("out of device memory with a batch of {}; {advice}", configuration.batch))
}

use std::error::Error;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use recist_trainer::autodiff::Device;
use recist_trainer::data::{Pack, Split};
use recist_trainer::evaluate::{Four, Statistics};
use recist_trainer::train::{self, Configuration, Lesions, Outcome, Start, Validation};

use super::Run;
use super::device::{Job, run_on};

/// Train a cascade: the localization network, the hourglass, then both jointly.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "train")]
pub(crate) struct Train {
    /// a packed file of lesions, as prepare writes it; needed, and may be given more than once; with --resume, those
    /// of the run if none is given
    #[argh(option)]
    data: Vec<PathBuf>,
    /// a preset (paper, edge, edge-tune) or a configuration file
    #[argh(option)]
    config: String,
    /// folder of the run
    #[argh(option)]
    out: PathBuf,
    /// weights to start from instead of fresh ones: the weights.safetensors of another run
    #[argh(option)]
    from: Option<PathBuf>,
    /// weights for the trunk of the localization network, which must be a ResNet-50 (as in paper): a safetensors
    /// file in torchvision's names
    #[argh(option)]
    resnet50: Option<PathBuf>,
    /// cpu (default) or cuda
    #[argh(option, default = "String::from(\"cpu\")")]
    device: String,
    /// on CUDA, let matrix products round their factors to 10 bits: several times as fast
    #[argh(switch)]
    tf32: bool,
    /// go on with the run that the folder holds
    #[argh(switch)]
    resume: bool,
}

impl Run for Train {
    fn run(self) -> Result<(), Box<dyn Error>> {
        let configuration = Configuration::open(&self.config)?;
        let packs = if self.resume && self.data.is_empty() {
            train::Run::packs(&self.out)?
        } else {
            super::open_packs(&self.data)?
        };
        warn(&packs, &configuration)?;
        run_on(&self.device, self.tf32, Training { command: &self, configuration, packs: &packs })
    }
}

/// Tells what the configuration asks for and the lesions to train on have not.
pub(super) fn warn(packs: &[Pack], configuration: &Configuration) -> Result<(), String> {
    for warning in Lesions::new(packs, Split::Train, configuration).warnings(configuration)? {
        super::tell(format_args!("warning: {warning}"));
    }
    Ok(())
}

/// A training run: its folder is touched only when there is a device to train on.
struct Training<'a> {
    command: &'a Train,
    configuration: Configuration,
    packs: &'a [Pack],
}

impl Job for Training<'_> {
    fn run<D: Device<f32>>(self, device: &D) -> Result<(), Box<dyn Error>> {
        let Self { command: Train { out, from, resnet50, resume, .. }, configuration, packs } = self;
        let start = match (from, resnet50) {
            (None, None) => Start::Fresh,
            (Some(weights), None) => Start::Weights(weights),
            (None, Some(resnet)) => Start::ResNet(resnet),
            (Some(_), Some(_)) => {
                return Err("--from has a trunk: --resnet50 goes with fresh weights only".into());
            }
        };
        let batch = configuration.batch;
        let run = train::Run::open(out, configuration, packs, start, *resume)?;
        // Whether anybody reads the lines does not matter to the weights.
        let weights = run.train(device, reporter(batch, |line| drop(super::say(&format!("{line}\n")))))?;
        super::say(&format!("{}\n", weights.display()))
    }
}

/// Shows a progress bar, and a line for every validation: by `print` where there is no terminal for the bar.
pub(super) fn reporter(batch: usize, print: fn(&str)) -> impl FnMut(&Outcome<'_>) {
    let style = ProgressStyle::with_template("{msg} {bar:30} step {pos}/{len}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::no_length().with_style(style);
    let mut stage_before = None;
    let mut started = std::time::Instant::now();
    let mut images = 0;
    move |outcome| match outcome {
        Outcome::Step { stage, step, left, losses } => {
            if stage_before != Some(stage.0) {
                stage_before = Some(stage.0);
                bar.reset();
                bar.set_position(step.saturating_sub(1));
                bar.reset_eta();
                (started, images) = (std::time::Instant::now(), 0);
            }
            images += batch;
            if let Some(left) = left {
                bar.set_length(step + left);
            }
            bar.set_position(*step);
            let rate = images as f64 / started.elapsed().as_secs_f64();
            bar.set_message(format!("{} loss {:.4}, {rate:.1} images/s", stage.1, losses.sum()));
        }
        Outcome::Validation { stage, step, validation } => {
            let text = format!("{} step {step}: {}", stage.1, line(validation));
            if bar.is_hidden() { print(&text) } else { bar.println(text) }
        }
    }
}

/// What came out of a validation.
fn line(validation: &Validation) -> String {
    let Validation { losses, errors, refused } = validation;
    let measured = match errors {
        None => String::new(),
        Some(Statistics { count: 0, .. }) => format!(", none measured, {refused} refused"),
        Some(Statistics { mean: Four { long, short, long_ends, short_ends }, .. }) => {
            let ends = f64::midpoint(*long_ends, *short_ends);
            format!(", long {long:.2} mm, short {short:.2} mm, endpoints {ends:.2} mm, {refused} refused")
        }
    };
    format!("validation loss {:.4}{measured}", losses.sum())
}

#[cfg(test)]
mod tests {
    use recist_trainer::train::Losses;

    use super::*;

    #[test]
    fn a_validation_that_refused_every_lesion_tells_no_error() {
        let of = |errors: Option<&[Four<f64>]>, refused| {
            let errors = errors.map(|errors| errors.iter().collect());
            line(&Validation { losses: Losses::default(), errors, refused })
        };
        assert_eq!(of(Some(&[]), 4), "validation loss 0.0000, none measured, 4 refused");
        assert_eq!(
            of(Some(&[Four::default()]), 0),
            "validation loss 0.0000, long 0.00 mm, short 0.00 mm, endpoints 0.00 mm, 0 refused",
            "control: no error at all"
        );
        assert_eq!(of(None, 0), "validation loss 0.0000", "the hourglass was not trained");
    }
}

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Networks, Plans};
use recist::engine::Kernel;
use recist_trainer::data::{Pack, Split};
use recist_trainer::evaluate::{Evaluation, Report, TrainedNetworks, evaluate, lesion_table, picture};
use recist_trainer::train::{self, TrainedModel};
use recist_trainer::{autodiff, check_outputs, check_png, replace};

use super::Run;

/// Measure the lesions of a split and compare with their readers: differences in mm and pixels, beside the
/// disagreement of the readers and what the box alone would say; by size, by confidence, and in careless boxes.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "evaluate")]
pub(crate) struct Evaluate {
    /// a bundle (.recist), run by the integer engine, or the folder of a training run, run in floating point
    #[argh(option)]
    model: PathBuf,
    /// a packed file of lesions, as prepare writes it; needed, and may be given more than once
    #[argh(option)]
    data: Vec<PathBuf>,
    /// train, val or test
    #[argh(option)]
    split: String,
    /// print one line of JSON
    #[argh(switch)]
    json: bool,
    /// write a table (CSV), one row a lesion
    #[argh(option)]
    csv: Option<PathBuf>,
    /// write a page of charts and cases (PNG, and the name ends in .png)
    #[argh(option)]
    picture: Option<PathBuf>,
}

impl Run for Evaluate {
    fn run(self) -> Result<(), Box<dyn Error>> {
        let split: Split = self.split.parse()?;
        let outputs: Vec<&Path> =
            [&self.csv, &self.picture].into_iter().flatten().map(PathBuf::as_path).collect();
        let inputs = [vec![self.model.clone()], self.data.clone(), train::Run::files(&self.model)].concat();
        check_outputs(&outputs, &inputs)?;
        self.picture.as_deref().map_or(Ok(()), check_png)?;
        let packs = super::open_packs(&self.data)?;
        let report = if self.model.is_dir() {
            floating_point(&TrainedModel::read(&self.model)?, &packs, split, true)?
        } else {
            let bytes = AlignedBytes::read(&self.model).map_err(|error| named(&self.model, &error))?;
            let bundle = Bundle::open(bytes.as_slice()).map_err(|error| named(&self.model, &error))?;
            let plans = Plans::open(&bundle).map_err(|error| named(&self.model, &error))?;
            integers(plans, &packs, split, true)?
        };
        if report.rows.is_empty() {
            return Err(format!("the packs hold no lesion of the split {split} on its largest slice").into());
        }
        let rows = report.rows.len();
        let lesions: HashSet<&str> =
            report.rows.iter().map(|row| packs[row.place.0].get(row.place.1).0.lesion.as_str()).collect();
        if lesions.len() < rows {
            super::tell(format_args!(
                "warning: {rows} slices of {} lesions: each counts as a lesion; largest_slice in the table that was \
                 packed chooses one of each",
                lesions.len()
            ));
        }
        let evaluation = Evaluation::of(&self.model.display().to_string(), &self.split, &report);
        super::say(&if self.json { evaluation.to_json() } else { evaluation.to_string() })?;
        if let Some(path) = &self.csv {
            let table = lesion_table(&report, &packs);
            replace(path, table.as_bytes()).map_err(|error| named(path, &error))?;
        }
        if let Some(path) = &self.picture {
            picture(path, &evaluation, &report, &packs)?;
        }
        Ok(())
    }
}

/// Evaluates a trained model as it was trained; in careless boxes too if `other_boxes`.
pub(super) fn floating_point(
    model: &TrainedModel,
    packs: &[Pack],
    split: Split,
    other_boxes: bool,
) -> Result<Report, Box<dyn Error>> {
    let cascade = model.cascade(&autodiff::cpu())?;
    let networks = TrainedNetworks::new(&cascade, model.knows_mask);
    report(packs, split, networks, other_boxes)
}

fn named(path: &Path, error: &dyn fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

/// Evaluates a bundle's plans as the runtime runs them; in careless boxes too if `other_boxes`.
pub(super) fn integers(
    plans: Plans<'_>,
    packs: &[Pack],
    split: Split,
    other_boxes: bool,
) -> Result<Report, Box<dyn Error>> {
    let networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
    report(packs, split, networks, other_boxes)
}

fn report(
    packs: &[Pack],
    split: Split,
    mut networks: impl Networks,
    other_boxes: bool,
) -> Result<Report, Box<dyn Error>> {
    let mut report = evaluate(packs, split, &mut networks)?;
    if other_boxes {
        report.try_other_boxes(packs, &mut networks)?;
    }
    Ok(report)
}

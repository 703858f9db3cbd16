use std::error::Error;
use std::path::PathBuf;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Plans};
use recist::engine::Kernel;
use recist_trainer::autodiff;
use recist_trainer::data::{Pack, Split};
use recist_trainer::evaluate::{Report, Selection, TrainedNetworks, evaluate};
use recist_trainer::export::TrainedModel;

use super::Run;

/// Measure the lesions of a split and compare with their readers: mean errors in mm, beside the disagreement
/// of the readers and what the box alone would say.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "evaluate")]
pub(crate) struct Evaluate {
    /// a bundle (.recist), run by the integer engine, or the folder of a training run, run in floating point
    #[argh(option)]
    model: PathBuf,
    /// a packed file of lesions, as prepare writes it; may be given more than once
    #[argh(option)]
    data: Vec<PathBuf>,
    /// train, val or test
    #[argh(option)]
    split: String,
    /// leave out lesions whose mean long axis is shorter, in mm (10)
    #[argh(option, default = "10.0")]
    minimum_mm: f64,
    /// leave out lesions with fewer readers (1)
    #[argh(option, default = "1")]
    readers: usize,
    /// draw boxes of this many longer sides of the lesion, in place of 2 to 2.5
    #[argh(option)]
    box_scale: Option<f64>,
    /// print one line of JSON
    #[argh(switch)]
    json: bool,
}

impl Run for Evaluate {
    fn run(self) -> Result<(), Box<dyn Error>> {
        let split =
            Split::of_name(&self.split).ok_or_else(|| format!("no split is called {:?}", self.split))?;
        let packs: Vec<Pack> = self.data.iter().map(|path| Pack::open(path)).collect::<Result<_, _>>()?;
        let selection = Selection {
            split,
            minimum_mm: self.minimum_mm,
            readers: self.readers,
            box_scale: self.box_scale.map_or([2.0, 2.5], |scale| [scale; 2]),
        };
        let report = if self.model.is_dir() {
            floating_point(&TrainedModel::read(&self.model)?, &packs, selection)?
        } else {
            integers(&std::fs::read(&self.model)?, &packs, selection)?
        };
        super::say(&if self.json { report.to_json() } else { report.to_string() })
    }
}

/// Evaluates a trained model as it was trained.
pub(super) fn floating_point(
    model: &TrainedModel,
    packs: &[Pack],
    selection: Selection,
) -> Result<Report, Box<dyn Error>> {
    let cascade = model.cascade(&autodiff::cpu())?;
    let mut networks = TrainedNetworks::new(&cascade, model.network.hourglass.heatmap);
    Ok(evaluate(packs, selection, &mut networks)?)
}

/// Evaluates a bundle as the runtime runs it.
pub(super) fn integers(
    bundle: &[u8],
    packs: &[Pack],
    selection: Selection,
) -> Result<Report, Box<dyn Error>> {
    let bytes = AlignedBytes::copy_of(bundle);
    let plans = Plans::open(&Bundle::open(bytes.as_slice())?)?;
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
    Ok(evaluate(packs, selection, &mut networks)?)
}

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use recist::bundle::{AlignedBytes, Bundle, Description};
use recist::cascade::{EngineNetworks, Plans, Stage, Workspace, measure};
use recist::engine::Kernel;
use recist::image::PATCH_SIZE;
use recist_trainer::ablation::Variant;
use recist_trainer::autodiff;
use recist_trainer::data::{Pack, Split};
use recist_trainer::evaluate::{Figure, Four, Report, TrainedNetworks, drawn_box, evaluate};
use recist_trainer::export::{self, CalibrationPatches, quantise};
use recist_trainer::graph::Summary;
use recist_trainer::quantise::Rule;
use recist_trainer::train::{self, Configuration, Start, TrainedModel};
use serde::Serialize;

use super::Run;
use super::train::{reporter, warn};

/// Train the rows of the paper's ablation, each with the same data and steps, and compare them on the validation
/// split: the hourglass alone, with a spatial transformer that learns from θ, from θ and the mask, and the full
/// method. Started again with the same arguments, it goes on where it stopped.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "ablate")]
pub(crate) struct Ablate {
    /// a packed file of lesions, as prepare writes it; needed, and may be given more than once
    #[argh(option)]
    data: Vec<PathBuf>,
    /// the full method: a preset or a configuration file (edge)
    #[argh(option, default = "String::from(\"edge\")")]
    config: String,
    /// training steps of every row
    #[argh(option)]
    steps: u64,
    /// how many times every row is trained, each time from another seed (1)
    #[argh(option, default = "1")]
    seeds: u64,
    /// folder of the runs, one a row and seed
    #[argh(option)]
    out: PathBuf,
    /// print one line of JSON
    #[argh(switch)]
    json: bool,
}

#[derive(Serialize)]
struct Ablation {
    steps: u64,
    lesions: usize,
    rows: Vec<Row>,
}

/// One row from one seed.
#[derive(Serialize)]
struct Row {
    name: String,
    seed: u64,
    refused: usize,
    /// Mean differences to a reader over the lesions that this row did not refuse; not numbers where it refused all.
    mm: Four<f64>,
    multiply_accumulates: u64,
    /// A whole measurement in integers on one core, median.
    microseconds: u64,
}

/// What a measurement costs, whatever the networks have learnt: of the whole cascade, and of its localization
/// network.
struct Costs {
    multiply_accumulates: [u64; 2],
    microseconds: [u64; 2],
}

impl Run for Ablate {
    fn run(self) -> Result<(), Box<dyn Error>> {
        let full = Configuration::open(&self.config)?;
        let packs = super::open_packs(&self.data)?;
        warn(&packs, &full)?;
        let mut trained = Vec::new();
        for seed in 0..self.seeds {
            for variant in Variant::ALL {
                let folder = self.out.join(format!("{}-{seed}", variant.word()));
                let configuration = variant.configuration(&full, self.steps, seed)?;
                let batch = configuration.batch;
                let run = train::Run::open(
                    &folder,
                    configuration,
                    &packs,
                    Start::Fresh,
                    train::Run::is_in(&folder),
                )?;
                if !TrainedModel::is_finished(&folder) {
                    super::tell(format_args!("{variant}, seed {seed}"));
                    run.train(&autodiff::cpu(), reporter(batch, |line| super::tell(line)))?;
                }
                trained.push((variant, seed, TrainedModel::read(&folder)?));
            }
        }
        let (_, _, last) = trained.last().ok_or("seeds is 0")?;
        let costs = Costs::measure(last, &packs)?;
        let mut rows = Vec::new();
        let mut lesions = 0;
        for (variant, seed, model) in &trained {
            // Two of the rows learn no mask, so none is judged by it.
            let cascade = model.cascade(&autodiff::cpu())?;
            let mut networks = TrainedNetworks::new(&cascade, false);
            let report = evaluate(&packs, Split::Val, &mut networks)?;
            lesions = report.rows.len();
            rows.push(Row::of(*variant, *seed, &report, &costs));
        }
        let ablation = Ablation { steps: self.steps, lesions, rows };
        super::say(&if self.json { serde_json::to_string(&ablation)? + "\n" } else { ablation.to_string() })
    }
}

impl Row {
    fn of(variant: Variant, seed: u64, report: &Report, costs: &Costs) -> Self {
        let less = |[all, localization]: [u64; 2]| if variant.localizes() { all } else { all - localization };
        Self {
            name: variant.to_string(),
            seed,
            refused: report.refused(),
            mm: report.model().mean,
            multiply_accumulates: less(costs.multiply_accumulates),
            microseconds: less(costs.microseconds),
        }
    }
}

impl Costs {
    /// Counts and times `model`, quantised, on the validation lesions.
    fn measure(model: &TrainedModel, packs: &[Pack]) -> Result<Self, Box<dyn Error>> {
        let [localization, hourglass] =
            model.network.graphs(PATCH_SIZE)?.map(|graph| Summary::of(&graph).multiply_accumulates());

        let patches = CalibrationPatches::draw(packs, Split::Train, CALIBRATION_PATCHES)?;
        let quantised = quantise(model, &patches, Rule::default())?;
        let heatmap_size = model.network.hourglass.heatmap.to_string();
        let description = Description { heatmap_size: &heatmap_size, ..Description::NONE };
        let bytes = AlignedBytes::copy_of(&export::bundle(&description, &quantised, &[])?);
        let plans = Plans::open(&Bundle::open(bytes.as_slice())?)?;
        let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
        let (mut workspace, mut samples) = (Box::new(Workspace::new()), Vec::new());
        let mut times: BTreeMap<Stage, Vec<u128>> = BTreeMap::new();
        let lesions = packs.iter().flat_map(Pack::iter).filter(|(lesion, _)| lesion.split == Split::Val);
        for (lesion, pixels) in lesions.take(TIMED_LESIONS) {
            let Some(area) = drawn_box(lesion) else { continue };
            let slice = pixels.read_slice(&mut samples)?;
            let mut start = Instant::now();
            // A refusal has no time for the stages that it did not come to.
            let _ = measure(&slice, area, &mut networks, &mut workspace, |stage| {
                times.entry(stage).or_default().push(start.elapsed().as_micros());
                start = Instant::now();
            });
        }
        let medians: BTreeMap<Stage, u64> = times
            .into_iter()
            .map(|(stage, mut times)| {
                times.sort_unstable();
                (stage, u64::try_from(times[times.len() / 2]).unwrap_or(u64::MAX))
            })
            .collect();
        let localization_time = medians.get(&Stage::Localization).copied().unwrap_or(0);
        Ok(Self {
            multiply_accumulates: [localization + hourglass, localization],
            microseconds: [medians.values().sum(), localization_time],
        })
    }
}

/// Patches that ranges are measured on: the plan's time does not depend on them.
const CALIBRATION_PATCHES: usize = 32;

/// Lesions that are timed.
const TIMED_LESIONS: usize = 200;

impl std::fmt::Display for Ablation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { steps, lesions, rows } = self;
        writeln!(
            f,
            "{steps} steps a row, {lesions} validation lesions, mean difference to a reader in mm over those that a \
             row did not refuse"
        )?;
        let heads = "seed  refused   long  short   long's ends  short's ends    MMAC   a measurement, µs";
        writeln!(f, "{:<22} {heads}", "")?;
        for Row { name, seed, refused, mm, multiply_accumulates, microseconds } in rows {
            let [long, short, long_ends, short_ends] = mm.into_array().map(Figure);
            let millions = multiply_accumulates / 1_000_000;
            writeln!(
                f,
                "{name:<22} {seed:>4} {refused:>8} {long:>6.2} {short:>6.2} {long_ends:>13.2} {short_ends:>13.2} \
                 {millions:>7} {microseconds:>19}"
            )?;
        }
        Ok(())
    }
}

use std::error::Error;
use std::path::PathBuf;

use recist::bundle::{self, AlignedBytes, Bundle, CANONICAL_LAYOUT, PREPROCESSING, Parts};
use recist::cascade::{EngineNetworks, Plans};
use recist::engine::Kernel;
use recist::onnx::TractNetworks;
use recist_trainer::autodiff;
use recist_trainer::data::{Pack, Split};
use recist_trainer::evaluate::{Report, Selection, TrainedNetworks};
use recist_trainer::export::{
    self, CalibrationPatches, Parity, QuantisedNetwork, TrainedModel, quantise, test_vectors,
};
use recist_trainer::quantise::Rule;
use recist_trainer::{replace, train};

use super::Run;
use super::evaluate::{floating_point, integers};

/// Export a training run: the quantised bundle that the runtime opens, with a report of what the integers
/// cost in millimetres on the validation split.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "export")]
pub(crate) struct Export {
    /// folder of the training run
    #[argh(option)]
    run: PathBuf,
    /// folder to write to
    #[argh(option)]
    out: PathBuf,
    /// packs in place of those that the run was started with; may be given more than once
    #[argh(option)]
    data: Vec<PathBuf>,
    /// name of the model (the network's name)
    #[argh(option)]
    name: Option<String>,
    /// version of the model (1)
    #[argh(option, default = "String::from(\"1\")")]
    version: String,
    /// what the model was trained on, for the manifest
    #[argh(option, default = "String::from(\"not stated\")")]
    training_data: String,
    /// licence of the model, for the manifest
    #[argh(option, default = "String::from(\"not stated\")")]
    licence: String,
    /// whom to cite, for the manifest
    #[argh(option, default = "String::from(\"not stated\")")]
    attribution: String,
    /// patches of the training split to measure ranges on (256)
    #[argh(option, default = "256")]
    calibration: usize,
    /// how ranges are chosen: mean-squared-error (default), min-max, or percentile
    #[argh(option, default = "Rule::default()", from_str_fn(rule))]
    rule: Rule,
}

/// Validation patches that engines are compared on.
const PARITY_PATCHES: usize = 200;

fn rule(name: &str) -> Result<Rule, String> {
    match name {
        "mean-squared-error" => Ok(Rule::MeanSquaredError),
        "min-max" => Ok(Rule::MinMax),
        "percentile" => Ok(Rule::Percentile(1e-4)),
        other => Err(format!("no rule is called {other:?}: mean-squared-error, min-max, percentile")),
    }
}

impl Run for Export {
    fn run(self) -> Result<(), Box<dyn Error>> {
        let model = TrainedModel::read(&self.run)?;
        let packs: Vec<Pack> = if self.data.is_empty() {
            train::Run::packs(&self.run)?
        } else {
            self.data.iter().map(|path| Pack::open(path)).collect::<Result<_, _>>()?
        };
        let patches = CalibrationPatches::draw(&packs, Split::Train, self.calibration)?;
        let quantised = quantise(&model, &patches, self.rule)?;

        let selection = Selection { split: Split::Val, minimum_mm: 10.0, readers: 1, box_scale: [2.0, 2.5] };
        let float32 = floating_point(&model, &packs, selection, false)?;
        // The plans in a bundle that has neither its figures nor its test vectors yet.
        let plain = self.bundle(&model, &quantised, "not measured", &[])?;
        let int8 = integers(&plain, &packs, selection, false)?;
        let [long, short, long_ends, short_ends] = int8.model();
        let metrics = format!(
            "validation split, {} lesions of at least 10 mm: mean difference to a reader {long:.2} mm (long axis), \
             {short:.2} mm (short axis), {long_ends:.2} and {short_ends:.2} mm (their ends); {} refused",
            int8.rows.len(),
            int8.refused()
        );

        let bytes = AlignedBytes::copy_of(&plain);
        let plans = Plans::open(&Bundle::open(bytes.as_slice())?)?;
        let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::Scalar);
        let vectors = test_vectors(&mut networks)?;
        let bundle = self.bundle(&model, &quantised, &metrics, &vectors)?;

        std::fs::create_dir_all(&self.out)?;
        let path = self.out.join(format!("{}.recist", self.name(&model)));
        replace(&path, &bundle)?;
        let manifest = self.manifest(&model, &metrics);
        let mut files = Vec::new();
        for (name, network) in ["localization", "hourglass"].into_iter().zip(&quantised) {
            let QuantisedNetwork { folded, lowered, .. } = network;
            files.push(export::float32(name, folded, &manifest));
            files.push(export::int8(name, &folded.graph, lowered, &manifest));
            replace(&self.out.join(format!("{name}.onnx")), &files[files.len() - 2])?;
            replace(&self.out.join(format!("{name}.int8.onnx")), &files[files.len() - 1])?;
        }
        let [localization, localization_int8, hourglass, hourglass_int8] = &files[..] else {
            return Err("two files a network".into());
        };

        let patches = CalibrationPatches::draw(&packs, Split::Val, PARITY_PATCHES)?;
        let cascade = model.cascade(&autodiff::cpu())?;
        let mut trained = TrainedNetworks::new(&cascade, model.network.hourglass.heatmap);
        let mut tract = TractNetworks::float32(localization, hourglass)?;
        let float_parity = Parity::of(&mut trained, &mut tract, &patches)?;
        let mut lowered = TractNetworks::int8(localization_int8, hourglass_int8, Kernel::best())?;
        let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
        let integer_parity = Parity::of(&mut networks, &mut lowered, &patches)?;
        let rounding = Parity::of(&mut tract, &mut networks, &patches)?;
        let workspace = plans.workspace_bytes();
        super::say(&format!(
            "float32 (validation split)\n{float32}\nint8 (validation split)\n{int8}\nprice of int8: {}\n\
             float32: trainer beside tract: {float_parity}\n\
             int8: engine beside the ONNX files through tract: {integer_parity}\n\
             float32 beside int8: {rounding}\n\
             {}: {} bytes, workspace {workspace} bytes\n",
            price(&float32, &int8),
            path.display(),
            bundle.len()
        ))
    }
}

impl Export {
    fn name<'a>(&'a self, model: &'a TrainedModel) -> &'a str {
        self.name.as_deref().unwrap_or(&model.network.name)
    }

    fn manifest<'a>(&'a self, model: &'a TrainedModel, metrics: &'a str) -> [(&'a str, &'a str); 8] {
        [
            ("name", self.name(model)),
            ("version", &self.version),
            ("preprocessing", PREPROCESSING),
            ("canonical_layout", CANONICAL_LAYOUT),
            ("training_data", &self.training_data),
            ("metrics", metrics),
            ("licence", &self.licence),
            ("attribution", &self.attribution),
        ]
    }

    fn bundle(
        &self,
        model: &TrainedModel,
        quantised: &[QuantisedNetwork; 2],
        metrics: &str,
        test_vectors: &[u8],
    ) -> Result<Vec<u8>, Box<dyn Error>> {
        Ok(bundle::write(&Parts {
            manifest: &self.manifest(model, metrics),
            localization: &quantised[0].plan,
            hourglass: &quantised[1].plan,
            test_vectors,
        })?)
    }
}

/// How much more the integers are wrong by than floating point, in per cent of the mean errors.
fn price(float32: &Report, int8: &Report) -> String {
    let [long, short, long_ends, short_ends]: [f64; 4] =
        std::array::from_fn(|i| 100.0 * (int8.model()[i] / float32.model()[i] - 1.0));
    format!(
        "long axis {long:+.1} %, short axis {short:+.1} %, their ends {long_ends:+.1} % and {short_ends:+.1} %"
    )
}

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};

use recist::bundle::{AlignedBytes, Bundle, Description};
use recist::cascade::{EngineNetworks, Plans, Workspace};
use recist::engine::Kernel;
use recist::ffi::RecistModel;
use recist_trainer::data::{Origin, Pack, Split};
use recist_trainer::evaluate::{Estimate, Figure, Four, Report, Statistics};
use recist_trainer::export::{self, CalibrationPatches, OnnxFiles, ParityReport, quantise, test_vectors};
use recist_trainer::network::Network;
use recist_trainer::quantise::Rule;
use recist_trainer::train::{self, TrainedModel};
use recist_trainer::{check_outputs, replace};

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
    /// name of the model (the network's, with -own after a preset's: the shipped model is called as its preset)
    #[argh(option)]
    name: Option<String>,
    /// version of the model (1)
    #[argh(option, default = "String::from(\"1\")")]
    version: String,
    /// what the model was trained on, for the manifest (the packs' names and numbers)
    #[argh(option)]
    training_data: Option<String>,
    /// licence of the model, for the manifest (not stated)
    #[argh(option, default = "String::from(\"not stated\")")]
    licence: String,
    /// whom to cite, for the manifest
    #[argh(option, default = "String::from(\"not stated\")")]
    attribution: String,
    /// patches of the training split to measure ranges on (256)
    #[argh(option, default = "256")]
    calibration: usize,
    /// how ranges are chosen: percentile (default), min-max, or mean-squared-error
    #[argh(option, default = "Rule::default()", from_str_fn(rule))]
    rule: Rule,
    /// a Python with the packages numpy, onnx and onnxruntime, to check the ONNX files and run them beside the
    /// other engines (ci/parity.sh makes one)
    #[argh(option)]
    python: Option<PathBuf>,
}

/// Validation patches that engines are compared on.
const PARITY_PATCHES: usize = 200;

fn rule(name: &str) -> Result<Rule, String> {
    match name {
        "mean-squared-error" => Ok(Rule::MeanSquaredError),
        "min-max" => Ok(Rule::MinMax),
        "percentile" => Ok(Rule::default()),
        other => Err(format!("no rule is called {other:?}: percentile, min-max, mean-squared-error")),
    }
}

impl Run for Export {
    fn run(self) -> Result<(), Box<dyn Error>> {
        if self.calibration == 0 {
            return Err("calibration is 0: ranges need patches".into());
        }
        let model = TrainedModel::read(&self.run)?;
        if !model.knows_mask {
            let run = self.run.display();
            return Err(format!("{run} taught no mask: the runtime would refuse every lesion").into());
        }
        let name = &self.name.clone().unwrap_or_else(|| name_of(&model.network));
        if Path::new(name).file_name() != Some(name.as_ref()) {
            return Err(format!("name is {name:?}, not the name of a file").into());
        }
        let packs: Vec<Pack> =
            if self.data.is_empty() { train::Run::packs(&self.run)? } else { Pack::open_all(&self.data)? };
        let patches = CalibrationPatches::draw(&packs, Split::Train, self.calibration)?;
        let parity_patches = CalibrationPatches::draw(&packs, Split::Val, PARITY_PATCHES)?;
        let training_data = self.training_data.clone().unwrap_or_else(|| training_data(&packs));
        self.check_manifest(name, &training_data)?;
        let path = self.out.join(format!("{name}.recist"));
        let onnx = OnnxFiles::of(&self.out);
        self.check_folder(&path, &onnx, &packs)?;
        let quantised = quantise(&model, &patches, self.rule)?;

        let float32 = floating_point(&model, &packs, Split::Val, false)?;
        // The plans in a bundle that has neither its figures, its low confidence nor its test vectors yet.
        let heatmap_size = model.network.hourglass.heatmap.to_string();
        let description = Description {
            name,
            version: &self.version,
            heatmap_size: &heatmap_size,
            low_confidence: "1",
            training_data: &training_data,
            metrics: "not measured",
            licence: &self.licence,
            attribution: &self.attribution,
        };
        let plain = export::bundle(&description, &quantised, &[])?;
        let bytes = AlignedBytes::copy_of(&plain);
        let plans = Plans::open(&Bundle::open(bytes.as_slice())?)?;
        let int8 = integers(plans, &packs, Split::Val, false)?;
        let metrics = metrics(&int8);
        let low_confidence = format!("{:.2}", int8.low_confidence());

        let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::Scalar);
        let vectors = test_vectors(&mut networks)?;
        let description = Description { metrics: &metrics, low_confidence: &low_confidence, ..description };
        let bundle = export::bundle(&description, &quantised, &vectors)?;

        replace(&path, &bundle).map_err(|error| format!("{}: {error}", path.display()))?;
        onnx.write(&quantised, &description.lines())?;

        let parity =
            ParityReport::measure(&model, &quantised, &onnx, &parity_patches, self.python.as_deref())?;
        super::say(&format!(
            "float32 (validation split)\n{float32}\nint8 (validation split)\n{int8}\nprice of int8: {}\n\
             {parity}\n\
             {}\nlow_confidence: {low_confidence}\nbundle_bytes: {}\nworkspace_bytes: {}\nc_library_bytes: {}\n",
            price(&float32, &int8),
            path.display(),
            bundle.len(),
            plans.workspace_bytes() + size_of::<Workspace>(),
            RecistModel::bytes(&plans)
        ))?;
        Ok(parity.check()?)
    }
}

impl Export {
    /// That the manifest, a line a value, can hold what is stated.
    fn check_manifest(&self, name: &str, training_data: &str) -> Result<(), String> {
        for (option, value) in [
            ("name", name),
            ("version", self.version.as_str()),
            ("training-data", training_data),
            ("licence", &self.licence),
            ("attribution", &self.attribution),
        ] {
            if value.trim().is_empty() || value.contains(char::is_control) {
                return Err(format!("--{option} is {value:?}: the manifest takes one line of text"));
            }
        }
        Ok(())
    }

    /// Makes the folder, and looks whether the bundle at `path` and the ONNX files can be written.
    fn check_folder(&self, path: &Path, onnx: &OnnxFiles, packs: &[Pack]) -> Result<(), String> {
        std::fs::create_dir_all(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?;
        let outputs: Vec<&Path> = onnx.paths().chain([path]).collect();
        let mut inputs = train::Run::files(&self.run);
        inputs.extend(packs.iter().map(|pack| pack.path().to_owned()));
        check_outputs(&outputs, &inputs)
    }
}

/// What a model is called that was not given a name: as its network, but never as a shipped model.
fn name_of(network: &Network) -> String {
    network.name.clone() + if Network::is_preset(&network.name) { "-own" } else { "" }
}

/// What lies in the training part of the packs, in numbers.
fn training_data(packs: &[Pack]) -> String {
    let of = |pack: &Pack| {
        let lesions: Vec<_> =
            pack.iter().map(|(lesion, _)| lesion).filter(|lesion| lesion.split == Split::Train).collect();
        let real: Vec<_> = lesions.iter().filter(|lesion| lesion.origin == Origin::Real).collect();
        let patients: BTreeSet<&str> = real.iter().map(|lesion| lesion.patient.as_str()).collect();
        let name = pack.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!(
            "{name}: {} slices of lesions of {} patients, {} generated",
            real.len(),
            patients.len(),
            lesions.len() - real.len()
        )
    };
    packs.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// How well the integers measure, for the manifest.
fn metrics(int8: &Report) -> String {
    let Statistics { count, mean: Four { long, short, long_ends, short_ends }, .. } = int8.model();
    let differences = if count == 0 {
        "none measured".to_owned()
    } else {
        format!(
            "mean difference to a reader {long:.2} mm (long axis), {short:.2} mm (short axis), {long_ends:.2} and \
             {short_ends:.2} mm (their ends)"
        )
    };
    format!("validation split, {} lesions: {differences}; {}", int8.rows.len(), int8.unmeasured())
}

/// How much more the integers are wrong by than floating point, in per cent of the mean errors, on the lesions that
/// both measured.
fn price(float32: &Report, int8: &Report) -> String {
    let percent = |ratio: f64| Figure(100.0 * (ratio - 1.0));
    let [long, short, long_ends, short_ends] =
        int8.over(float32).into_array().map(|Estimate { value, interval }| {
            let [low, high] = interval.map(percent);
            format!("{:+.1} % ({low:+.1} to {high:+.1})", percent(value))
        });
    format!(
        "long axis {long}, short axis {short}, their ends {long_ends} and {short_ends}, on the lesions that both \
         measured, 95 % by patient"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_a_name_is_never_called_as_a_shipped_one() {
        let [edge, paper] = ["edge", "paper"].map(|preset| Network::open(preset).unwrap());
        let own = Network { name: "lung".to_owned(), ..edge.clone() };
        let names = [&edge, &paper, &own].map(name_of);
        assert_eq!(names, ["edge-own", "paper-own", "lung"], "control: a name of one's own is kept");
    }
}

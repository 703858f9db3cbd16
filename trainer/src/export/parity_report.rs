use std::error::Error;
use std::fmt;
use std::path::Path;

use recist::engine::{self, Kernel, Operator};
use recist::onnx::TractModels;

use super::{Answers, CalibrationPatches, Parity, Quanta, QuantisedNetwork, TrainedModel, onnxruntime};
use crate::autodiff;
use crate::evaluate::TrainedNetworks;

/// What every engine that can run an exported model answers, beside one another on the same patches.
#[derive(Clone, Debug)]
pub struct ParityReport {
    rows: Vec<(&'static str, Parity)>,
    /// The versions of onnx and onnxruntime, where they were asked.
    onnxruntime: Option<String>,
}

/// The four ONNX files of an export.
const FILES: [&str; 4] =
    ["localization.onnx", "hourglass.onnx", "localization.int8.onnx", "hourglass.int8.onnx"];

impl ParityReport {
    /// Runs a model on every engine: as it was trained, the float32 files in tract, the plans on the integer
    /// engine, the quantised files lowered through tract, and, where `python` has the packages onnx and
    /// onnxruntime, all four files in onnxruntime after onnx.checker has passed them. As a control the integer
    /// engine runs a second time with one weight of each network flipped.
    ///
    /// # Errors
    /// If an engine refuses a network.
    pub fn measure(
        model: &TrainedModel,
        quantised: &[QuantisedNetwork; 2],
        folder: &Path,
        patches: &CalibrationPatches,
        python: Option<&Path>,
    ) -> Result<Self, Box<dyn Error>> {
        let paths = FILES.map(|name| folder.join(name));
        let mut files = Vec::new();
        for path in &paths {
            files.push(std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?);
        }
        let heatmap_size = model.network.hourglass.heatmap;
        let cascade = model.cascade(&autodiff::cpu())?;
        let trained = Answers::of(&mut TrainedNetworks::new(&cascade, heatmap_size), patches)?;
        let on_tract = |models: TractModels| -> Result<Answers, Box<dyn Error>> {
            Ok(Answers::of(&mut models.networks()?, patches)?)
        };
        let tract = on_tract(TractModels::float32(&files[0], &files[1])?)?;
        let plans = |[localization, hourglass]: [&[u8]; 2]| {
            TractModels::plans(localization, hourglass, Kernel::best())
        };
        let engine = on_tract(plans([&quantised[0].plan, &quantised[1].plan])?)?;
        let lowered = on_tract(TractModels::int8(&files[2], &files[3], Kernel::best())?)?;
        let flipped = [0, 1].map(|i| flipped(&quantised[i].lowered.network));
        let flipped = [engine::compile(&flipped[0])?, engine::compile(&flipped[1])?];
        let flipped = on_tract(plans([&flipped[0], &flipped[1]])?)?;

        let quanta = Some(Quanta::of(quantised));
        let mut rows = vec![
            ("float32, trainer - tract", Parity::between(&trained, &tract, None)),
            ("int8, engine - lowered through tract", Parity::between(&engine, &lowered, quanta)),
            ("int8 engine - float32 tract", Parity::between(&engine, &tract, quanta)),
            ("control, one weight flipped - engine", Parity::between(&flipped, &engine, quanta)),
        ];
        let mut versions = None;
        if let Some(python) = python {
            let mut ask = |localization: usize| -> Result<Answers, String> {
                let (_, first) = onnxruntime(python, &paths[localization], &patches.patches)?;
                let (found, second) = onnxruntime(python, &paths[localization + 1], &patches.canonical)?;
                versions = Some(found);
                Answers::from_outputs([first, second], patches.count(), heatmap_size)
            };
            let (float32, int8) = (ask(0)?, ask(2)?);
            rows.push(("float32, trainer - onnxruntime", Parity::between(&trained, &float32, None)));
            rows.push(("int8, engine - onnxruntime", Parity::between(&engine, &int8, quanta)));
            let control = Parity::between(&flipped, &int8, quanta);
            rows.push(("control, one weight flipped - onnxruntime", control));
        }
        Ok(Self { rows, onnxruntime: versions })
    }
}

/// The network with another sign in the heaviest weight of its first convolution.
fn flipped(network: &engine::Network) -> engine::Network {
    let mut network = network.clone();
    let weights = network.operators.iter_mut().find_map(|operator| match operator {
        Operator::Convolution(convolution) => Some(&mut convolution.weights),
        Operator::Add { .. }
        | Operator::MaximumPool { .. }
        | Operator::AveragePool { .. }
        | Operator::Upsample { .. } => None,
    });
    if let Some(heaviest) = weights.and_then(|weights| weights.iter_mut().max_by_key(|w| w.unsigned_abs())) {
        *heaviest = -*heaviest;
    }
    network
}

impl fmt::Display for ParityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patches = self.rows.first().map_or(0, |(_, parity)| parity.patches);
        writeln!(f, "parity of the engines on {patches} patches")?;
        for (name, parity) in &self.rows {
            writeln!(f, "  {name}: {parity}")?;
        }
        match &self.onnxruntime {
            Some(versions) => write!(f, "  {versions}; onnx.checker passes all four files"),
            None => f.write_str("  onnxruntime: not asked (--python)"),
        }
    }
}

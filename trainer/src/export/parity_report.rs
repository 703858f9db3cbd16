use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use recist::engine::{self, Kernel, Operator};
use recist::onnx::TractModels;

use super::{Answers, CalibrationPatches, OnnxFiles, Parity, Quanta, QuantisedNetwork, onnxruntime};
use crate::autodiff;
use crate::evaluate::TrainedNetworks;
use crate::train::TrainedModel;

/// What every engine that can run an exported model answers, beside one another on the same patches.
#[derive(Clone, Debug)]
pub struct ParityReport {
    rows: Vec<Row>,
    /// The versions of onnx and onnxruntime, where they were asked.
    onnxruntime: Option<String>,
}

/// Two engines beside one another.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: &'static str,
    parity: Parity,
    demand: Demand,
}

/// What is demanded of two engines' answers.
#[derive(Clone, Copy, Debug)]
enum Demand {
    /// Nothing: they compute other things.
    Nothing,
    /// The same bits.
    Identical,
    /// Nearly all numbers at most one quantum apart.
    Near,
    /// Not that: one of them computes something else on purpose.
    Far,
}

/// The share of two engines' numbers that are at most one quantum apart, where both run the same integers: they may
/// round otherwise, but not often.
const NEAR_SHARE: f64 = 0.995;

impl Row {
    /// What is wrong with the row, if anything is.
    fn fault(&self) -> Option<String> {
        let Self { name, parity, demand } = self;
        let near = parity.within_one_quantum.is_some_and(|share| share >= NEAR_SHARE);
        match demand {
            Demand::Identical if !parity.identical => Some(format!("{name}: not the same bits")),
            Demand::Near if !near => {
                Some(format!("{name}: less than {} % within one quantum", 100.0 * NEAR_SHARE))
            }
            Demand::Far if near => Some(format!(
                "{name}: at least {} % within one quantum, the comparison sees nothing",
                100.0 * NEAR_SHARE
            )),
            Demand::Nothing | Demand::Identical | Demand::Near | Demand::Far => None,
        }
    }
}

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
        files: &OnnxFiles,
        patches: &CalibrationPatches,
        python: Option<&Path>,
    ) -> Result<Self, Box<dyn Error>> {
        let read =
            |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        let cascade = model.cascade(&autodiff::cpu())?;
        let trained = Answers::of(&mut TrainedNetworks::new(&cascade, true), patches)?;
        let on_tract = |models: TractModels| -> Result<Answers, Box<dyn Error>> {
            // Nothing is measured with them: no warning is asked for.
            Ok(Answers::of(&mut models.networks(0.0)?, patches)?)
        };
        let [localization, hourglass] = files.float32.each_ref().map(read);
        let tract = on_tract(TractModels::float32(&localization?, &hourglass?)?)?;
        let [localization, hourglass] = files.int8.each_ref().map(read);
        let lowered = on_tract(TractModels::int8(&localization?, &hourglass?, Kernel::best())?)?;
        let plans = |[localization, hourglass]: [&[u8]; 2]| {
            TractModels::plans(localization, hourglass, Kernel::best())
        };
        let engine = on_tract(plans([&quantised[0].plan, &quantised[1].plan])?)?;
        let flipped = [0, 1].map(|i| flipped(&quantised[i].lowered.network));
        let flipped = [engine::compile(&flipped[0])?, engine::compile(&flipped[1])?];
        let flipped = on_tract(plans([&flipped[0], &flipped[1]])?)?;

        let quanta = Some(Quanta::of(quantised));
        let row = |name, demand, [first, second]: [&Answers; 2], quanta| Row {
            name,
            parity: Parity::between(first, second, quanta),
            demand,
        };
        let mut rows = vec![
            row("float32, trainer - tract", Demand::Nothing, [&trained, &tract], None),
            row("int8, engine - lowered through tract", Demand::Identical, [&engine, &lowered], quanta),
            row("int8 engine - float32 tract", Demand::Nothing, [&engine, &tract], quanta),
            row("control, one weight flipped - engine", Demand::Nothing, [&flipped, &engine], quanta),
        ];
        let mut versions = None;
        if let Some(python) = python {
            let mut ask = |[localization, hourglass]: &[PathBuf; 2]| -> Result<Answers, String> {
                let (_, first) = onnxruntime(python, localization, &patches.patches)?;
                let (found, second) = onnxruntime(python, hourglass, &patches.canonical)?;
                versions = Some(found);
                Answers::from_outputs([first, second], patches.count(), trained.heatmap_size)
            };
            let (float32, int8) = (ask(&files.float32)?, ask(&files.int8)?);
            rows.push(row("float32, trainer - onnxruntime", Demand::Nothing, [&trained, &float32], None));
            rows.push(row("int8, engine - onnxruntime", Demand::Near, [&engine, &int8], quanta));
            let name = "control, one weight flipped - onnxruntime";
            rows.push(row(name, Demand::Far, [&flipped, &int8], quanta));
        }
        Ok(Self { rows, onnxruntime: versions })
    }

    /// Whether the integer engine gives the bits of the quantised files lowered through tract and, but for a share of
    /// 0.5 %, the numbers of onnxruntime where that was asked, to one quantum; and whether the comparison with that
    /// notices a flipped weight.
    ///
    /// # Errors
    /// With every row that does not, in words.
    pub fn check(&self) -> Result<(), String> {
        let faults: Vec<String> = self.rows.iter().filter_map(Row::fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(format!("parity of the engines: {}", faults.join("; "))) }
    }
}

/// The network with another sign in the heaviest weight of its first convolution.
fn flipped(network: &engine::Network) -> engine::Network {
    let mut network = network.clone();
    let weights = network.operators.iter_mut().find_map(|operator| match operator {
        Operator::Convolution(convolution) => Some(&mut convolution.weights),
        Operator::Add { .. } | Operator::MaximumPool { .. } | Operator::Upsample { .. } => None,
    });
    if let Some(heaviest) = weights.and_then(|weights| weights.iter_mut().max_by_key(|w| w.unsigned_abs())) {
        *heaviest = -*heaviest;
    }
    network
}

impl fmt::Display for ParityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patches = self.rows.first().map_or(0, |row| row.parity.patches);
        writeln!(f, "parity of the engines on {patches} patches")?;
        for Row { name, parity, .. } in &self.rows {
            writeln!(f, "  {name}: {parity}")?;
        }
        match &self.onnxruntime {
            Some(versions) => write!(f, "  {versions}; onnx.checker passes all four files"),
            None => f.write_str("  onnxruntime: not asked (--python)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: Parity = Parity {
        patches: 1,
        values: 0.0,
        theta: 0.0,
        keypoints: [0.0; 2],
        identical: true,
        within_one_quantum: Some(1.0),
    };

    fn within(share: f64) -> Parity {
        Parity { identical: false, within_one_quantum: Some(share), ..SAME }
    }

    #[test]
    fn engines_that_differ_and_controls_that_do_not_are_faults() {
        let check = |lowered, onnxruntime, control| {
            let row = |name, parity, demand| Row { name, parity, demand };
            let rows = vec![
                row("float32", within(0.0), Demand::Nothing),
                row("lowered", lowered, Demand::Identical),
                row("onnxruntime", onnxruntime, Demand::Near),
                row("control", control, Demand::Far),
            ];
            ParityReport { rows, onnxruntime: None }.check()
        };
        let lowered = "lowered: not the same bits";
        let onnxruntime = "onnxruntime: less than 99.5 % within one quantum";
        let control = "control: at least 99.5 % within one quantum, the comparison sees nothing";
        let cases = [
            (SAME, SAME, within(0.5), vec![]),
            (SAME, within(0.995), within(0.9949), vec![]),
            (within(1.0), SAME, within(0.5), vec![lowered]),
            (SAME, within(0.9949), within(0.5), vec![onnxruntime]),
            (SAME, within(f64::NAN), within(0.5), vec![onnxruntime]),
            (SAME, SAME, within(0.995), vec![control]),
            (within(0.9), within(0.9), SAME, vec![lowered, onnxruntime, control]),
        ];
        for (of_lowered, of_onnxruntime, of_control, faults) in cases {
            let found = check(of_lowered, of_onnxruntime, of_control);
            let want = format!("parity of the engines: {}", faults.join("; "));
            assert_eq!(found, if faults.is_empty() { Ok(()) } else { Err(want) });
        }
    }
}

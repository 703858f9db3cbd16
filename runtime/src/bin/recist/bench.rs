//! `recist bench`: times every stage on a slice made up here, names what runs, and says how much memory it took.

use std::collections::BTreeMap;
use std::time::Instant;

use recist::cascade::{MeasureError, Stage, Workspace, measure};
use recist::geometry::LesionBox;
use recist::image::{CtSlice, Samples};

use crate::arguments::Bench;
use crate::error::Error;
use crate::model::Model;
use crate::say;

const SIZE: usize = 512;
const RUNS: usize = 200;

pub(crate) fn run(arguments: &Bench) -> Result<(), Error> {
    let model = Model::open(arguments.model.as_deref())?;
    let (mut networks, engine) = (model.networks(), model.engine());
    let samples = disc();
    let slice = CtSlice::new(Samples::I16(&samples), [SIZE, SIZE], SIZE, None)
        .map_err(|e| Error::Failed(e.to_string()))?;
    let area = LesionBox::new(216.0, 216.0, 296.0, 296.0).map_err(|e| Error::Failed(e.to_string()))?;
    let mut workspace = Box::new(Workspace::new());
    let mut times: BTreeMap<Stage, Vec<u128>> = BTreeMap::new();
    for _ in 0..RUNS {
        let mut start = Instant::now();
        let outcome = measure(&slice, area, &mut networks, &mut workspace, |stage| {
            times.entry(stage).or_default().push(start.elapsed().as_micros());
            start = Instant::now();
        });
        // What a network sees in a made-up disc does not matter: all stages but the last have run.
        if let Err(error @ (MeasureError::Crop(_) | MeasureError::Network(_))) = outcome {
            return Err(Error::Failed(error.to_string()));
        }
    }
    let medians: Vec<_> = times
        .into_iter()
        .map(|(stage, mut times)| {
            times.sort_unstable();
            (stage, times[times.len() / 2])
        })
        .collect();
    let total: u128 = medians.iter().map(|(_, time)| time).sum();
    if arguments.json {
        let stages: Vec<_> = medians.iter().map(|(stage, time)| format!("\"{stage}\":{time}")).collect();
        let memory = peak_memory_bytes().map_or_else(|| "null".to_owned(), |bytes| bytes.to_string());
        say(format!(
            "{{\"engine\":\"{engine}\",\"microseconds\":{{{}}},\"peak_memory_bytes\":{memory}}}",
            stages.join(",")
        ))
    } else {
        let mut text = format!("{engine}, {RUNS} runs, medians\n");
        for (stage, time) in &medians {
            text += &format!("  {stage:13} {time:6} µs\n");
        }
        text += &format!("  {:13} {total:6} µs", "all");
        if let Some(bytes) = peak_memory_bytes() {
            text += &format!("\n  peak memory of the process {:.1} MiB", bytes as f64 / f64::from(1 << 20));
        }
        say(text)
    }
}

/// The most memory that this process ever held, where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// A bright disc of 40 pixels across on dark ground.
fn disc() -> Vec<i16> {
    (0..SIZE * SIZE)
        .map(|i| {
            let (x, y) = ((i % SIZE).abs_diff(256), (i / SIZE).abs_diff(256));
            if x * x + y * y < 400 { 40 } else { -800 }
        })
        .collect()
}

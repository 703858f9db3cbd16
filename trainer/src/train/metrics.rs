use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::run_error::named;
use super::{Losses, RunError, Validation};
use crate::evaluate::Statistics;

/// The run's metrics: JSON lines, each with the stage's number and step. What was not measured is null.
#[derive(Debug)]
pub(super) struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Opens the file and drops the lines behind (`stage`, `step`), which the run will write again.
    pub(super) fn open(path: &Path, stage: usize, step: u64) -> Result<Self, RunError> {
        let failed = |error: io::Error| named(path, &error);
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(failed)?,
        };
        let kept: String = text
            .split_inclusive('\n')
            .filter(|line| place(line).is_some_and(|at| at <= (stage, step)))
            .collect();
        crate::replace(path, kept.as_bytes()).map_err(failed)?;
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(super) fn trained(
        &mut self,
        stage: usize,
        step: u64,
        rate: f64,
        losses: &Losses,
    ) -> Result<(), RunError> {
        self.append(&Line { rate: Some(rate), ..Line::of(stage, step, losses) })
    }

    pub(super) fn validated(
        &mut self,
        stage: usize,
        step: u64,
        Validation { losses, errors, refused }: &Validation,
    ) -> Result<(), RunError> {
        let measured = errors.as_ref().map(|Statistics { mean, count, .. }| {
            let [long_mm, short_mm, long_ends_mm, short_ends_mm] = mean.into_array();
            Measured {
                long_mm,
                short_mm,
                long_ends_mm,
                short_ends_mm,
                differences: *count,
                refused: *refused,
            }
        });
        self.append(&Line { validation: Some(true), measured, ..Line::of(stage, step, losses) })
    }

    fn append(&mut self, line: &Line<'_>) -> Result<(), RunError> {
        let line = serde_json::to_string(line).expect("names and numbers are JSON") + "\n";
        self.file.write_all(line.as_bytes()).map_err(|error| named(&self.path, &error))
    }
}

/// A line of the file. What is no number becomes null.
#[derive(Serialize)]
struct Line<'a> {
    stage: usize,
    step: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<bool>,
    loss: f64,
    #[serde(flatten)]
    losses: &'a Losses,
    #[serde(flatten)]
    measured: Option<Measured>,
}

#[derive(Serialize)]
struct Measured {
    long_mm: f64,
    short_mm: f64,
    long_ends_mm: f64,
    short_ends_mm: f64,
    differences: usize,
    refused: usize,
}

impl<'a> Line<'a> {
    fn of(stage: usize, step: u64, losses: &'a Losses) -> Self {
        Self { stage, step, rate: None, validation: None, loss: losses.sum(), losses, measured: None }
    }
}

/// The stage and step of a whole line.
fn place(line: &str) -> Option<(usize, u64)> {
    #[derive(Deserialize)]
    struct Place {
        stage: usize,
        step: u64,
    }
    let Place { stage, step } = serde_json::from_str(line.strip_suffix('\n')?).ok()?;
    Some((stage, step))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::evaluate::Four;

    #[test]
    fn lines_behind_the_checkpoint_and_half_lines_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 0, 0).unwrap();
        for (stage, step) in [(0, 10), (0, 20), (1, 10), (1, 20)] {
            metrics.trained(stage, step, 1e-3, &Losses::default()).unwrap();
        }
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"stage\":0,\"step\":1");
        fs::write(&path, &text).unwrap();
        drop(Metrics::open(&path, 1, 10).unwrap());
        let kept = fs::read_to_string(&path).unwrap();
        assert_eq!(kept.lines().collect::<Vec<_>>(), text.lines().take(3).collect::<Vec<_>>());
    }

    #[test]
    fn a_disk_that_is_full_is_told_with_the_name_of_the_file() {
        let path = PathBuf::from("run/metrics.jsonl");
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let error = Metrics { path, file }.trained(0, 10, 1e-3, &Losses::default()).unwrap_err();
        assert!(error.to_string().starts_with("run/metrics.jsonl: No space left"), "{error}");
    }

    #[test]
    fn a_validation_that_refused_every_lesion_leaves_null_and_not_0() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 0, 0).unwrap();
        for (errors, refused) in [(&[][..], 4), (&[Four::default()], 0)] {
            let errors = Some(errors.iter().collect());
            metrics.validated(1, 10, &Validation { losses: Losses::default(), errors, refused }).unwrap();
        }
        let lines: Vec<Value> = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for name in ["long_mm", "short_mm", "long_ends_mm", "short_ends_mm"] {
            assert_eq!([&lines[0][name], &lines[1][name]], [&Value::Null, &Value::from(0.0)], "{name}");
        }
        assert_eq!([&lines[0]["differences"], &lines[0]["refused"]], [&Value::from(0), &Value::from(4)]);
        assert_eq!([&lines[0]["validation"], &lines[0]["mask"]], [&Value::from(true), &Value::from(0.0)]);
    }
}

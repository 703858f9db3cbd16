use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::run_error::named;
use super::{Losses, RunError, Validation};

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
        let mut line = start(stage, step);
        let _ = write!(line, ",\"rate\":{rate:e}");
        append_losses(&mut line, losses);
        self.append(&line)
    }

    pub(super) fn validated(
        &mut self,
        stage: usize,
        step: u64,
        validation: &Validation,
    ) -> Result<(), RunError> {
        let mut line = start(stage, step);
        line.push_str(",\"validation\":true");
        append_losses(&mut line, &validation.losses);
        if let Some(errors) = &validation.errors {
            let millimetres =
                |mean: f64| if mean.is_finite() { format!("{mean:.4}") } else { "null".to_owned() };
            let [long, short, long_ends, short_ends] = errors.mean.into_array().map(millimetres);
            let _ = write!(
                line,
                ",\"long_mm\":{long},\"short_mm\":{short},\"long_ends_mm\":{long_ends},\
                 \"short_ends_mm\":{short_ends},\"measured\":{},\"refused\":{}",
                errors.count, validation.refused
            );
        }
        self.append(&line)
    }

    fn append(&mut self, line: &str) -> Result<(), RunError> {
        writeln!(self.file, "{line}}}").map_err(|error| named(&self.path, &error))
    }
}

fn start(stage: usize, step: u64) -> String {
    format!("{{\"stage\":{stage},\"step\":{step}")
}

fn append_losses(line: &mut String, losses: &Losses) {
    let Losses { mask, pose, heatmaps, cosine, ends, lengths } = losses;
    let _ = write!(
        line,
        ",\"loss\":{:.6},\"mask\":{mask:.6},\"pose\":{pose:.6},\"heatmaps\":{heatmaps:.6},\"cosine\":{cosine:.6},\
         \"ends\":{ends:.6},\"lengths\":{lengths:.6}",
        losses.sum()
    );
}

/// The stage and step of a whole line.
fn place(line: &str) -> Option<(usize, u64)> {
    let (stage, rest) = line.strip_suffix("}\n")?.strip_prefix("{\"stage\":")?.split_once(",\"step\":")?;
    Some((stage.parse().ok()?, rest.split(',').next()?.parse().ok()?))
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
        assert_eq!([&lines[0]["measured"], &lines[0]["refused"]], [&Value::from(0), &Value::from(4)]);
    }
}

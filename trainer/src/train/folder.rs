use std::fs::{self, File, OpenOptions, TryLockError};
use std::iter::repeat;
use std::path::{Path, PathBuf};

use super::run_error::named;
use super::{Run, RunError};
use crate::data::Pack;
use crate::weights::Weights;

pub(super) const CONFIGURATION: &str = "configuration.toml";
pub(super) const NETWORK: &str = "network.toml";
pub(super) const METRICS: &str = "metrics.jsonl";
pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
pub(super) const WEIGHTS: &str = "weights.safetensors";
pub(super) const START: &str = "start.safetensors";
pub(super) const RESNET_START: &str = "start-resnet.safetensors";
pub(super) const PICTURES: &str = "pictures";
const DATA: &str = "data.txt";
const LOCK: &str = "lock";

/// A run's folder: `configuration.toml`, `network.toml`, `data.txt` (the packs' checksums; what makes it a run, so it
/// is written after them), `start.safetensors` where it starts from weights of another run or
/// `start-resnet.safetensors` where from those of a ResNet, `metrics.jsonl`, `checkpoint.safetensors`, `pictures/`, at
/// the end `weights.safetensors`, and `lock`: no other process can train in it before this is dropped.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    _lock: File,
}

/// What a run depends on, as its folder keeps it.
pub(super) struct Texts {
    pub(super) configuration: String,
    pub(super) network: String,
    /// A line a pack: its checksum, two spaces, its path.
    pub(super) data: String,
}

impl RunFolder {
    /// That a run can be started in `path`, or gone on with if `resume`.
    pub(super) fn check(path: &Path, resume: bool) -> Result<(), RunError> {
        let wrong = |reason: &str| Err(named(path, &reason));
        match (Run::is_in(path), resume) {
            (true, true) => Ok(()),
            (true, false) => wrong("holds a run; go on with it by --resume"),
            (false, true) => wrong(NO_RUN),
            (false, false) => {
                match [METRICS, CHECKPOINT, WEIGHTS].iter().find(|name| path.join(name).exists()) {
                    Some(name) => wrong(&format!(
                        "holds no run, as {DATA} is not there, but {name}, which a run would replace: move it away or \
                     give --out another folder"
                    )),
                    None => Ok(()),
                }
            }
        }
    }

    /// Makes `path` the folder of a new run, which begins with the weights `first`.
    pub(super) fn start(
        path: &Path,
        texts: Texts,
        first: Option<(&str, [Weights; 2])>,
    ) -> Result<Self, RunError> {
        let pictures = path.join(PICTURES);
        fs::create_dir_all(&pictures).map_err(|error| named(&pictures, &error))?;
        let folder = Self::lock(path)?;
        // Another process may have started one until now.
        Self::check(path, false)?;
        let files = texts.files();
        for (name, text) in &files {
            let path = path.join(name);
            if path.exists() && fs::read(&path).map_err(|error| named(&path, &error))? != text.as_bytes() {
                let reason =
                    "a run would replace it by another one: move it away or give --out another folder";
                return Err(named(&path, &reason));
            }
        }
        // A start that failed before the run was one may have left some.
        for name in [START, RESNET_START] {
            let path = path.join(name);
            if path.exists() {
                fs::remove_file(&path).map_err(|error| named(&path, &error))?;
            }
        }
        if let Some((name, weights)) = first {
            Weights::of_networks(weights).write(&path.join(name))?;
        }
        for (name, text) in files {
            let path = path.join(name);
            crate::replace(&path, text.as_bytes()).map_err(|error| named(&path, &error))?;
        }
        Ok(folder)
    }

    /// The folder of a run that depends on the same.
    pub(super) fn resume(path: &Path, texts: Texts) -> Result<Self, RunError> {
        let folder = Self::lock(path)?;
        for (name, text) in texts.files() {
            let path = path.join(name);
            let found = fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
            if let Some((line, [found, given])) =
                difference(&found, &text, |found, given| same(name, found, given))
            {
                return Err(named(
                    &path,
                    &format_args!(
                        "line {line}: the run was started with {found}, not {given}: go on with that, or start another \
                         run in another folder"
                    ),
                ));
            }
        }
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn lock(path: &Path) -> Result<Self, RunError> {
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(|error| named(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(named(path, &"another process is training in it: wait for its end"))
            }
            Err(TryLockError::Error(error)) => Err(named(&lock_path, &error)),
        }
    }
}

const NO_RUN: &str = "holds no run, as data.txt is not there; without --resume one is started";

impl Texts {
    /// With their names, in the order in which they are written.
    fn files(self) -> [(&'static str, String); 3] {
        [(CONFIGURATION, self.configuration), (NETWORK, self.network), (DATA, self.data)]
    }
}

impl Run<'_> {
    /// Whether `folder` holds a run.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(DATA).exists()
    }

    /// The files that make `folder` a run: without one of them it cannot go on, or is no model.
    #[must_use]
    pub fn files(folder: &Path) -> Vec<PathBuf> {
        [CONFIGURATION, NETWORK, DATA, METRICS, START, RESNET_START, CHECKPOINT, WEIGHTS]
            .map(|name| folder.join(name))
            .into()
    }

    /// The packs that the run in `folder` was started with, by the paths they had then.
    ///
    /// # Errors
    /// If the folder holds no run, or a pack is not there or has changed.
    pub fn packs(folder: &Path) -> Result<Vec<Pack>, RunError> {
        if !Run::is_in(folder) {
            return Err(named(folder, &NO_RUN));
        }
        let path = folder.join(DATA);
        let text = fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
        text.lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(digest, path)| {
                let pack = Pack::open(Path::new(path)).map_err(|error| RunError(error.to_string()))?;
                if pack.digest() == digest {
                    Ok(pack)
                } else {
                    Err(named(pack.path(), &"another pack than then"))
                }
            })
            .collect()
    }
}

/// Whether two lines of the file called `name` mean the same run.
fn same(name: &str, found: &str, given: &str) -> bool {
    let checksum = |line: &str| line.split("  ").next().map(str::to_owned);
    match name {
        // A pack may have been moved.
        DATA => checksum(found) == checksum(given),
        // Samples are the same however many threads prepare them.
        CONFIGURATION => found == given || [found, given].iter().all(|line| line.starts_with("loaders = ")),
        _ => found == given,
    }
}

/// The number of the first line that differs, and how it reads in either text.
fn difference(found: &str, given: &str, same: impl Fn(&str, &str) -> bool) -> Option<(usize, [String; 2])> {
    let lines = |text| str::lines(text).map(Some).chain(repeat(None));
    let (number, lines) = (1..)
        .zip(lines(found).zip(lines(given)))
        .take_while(|(_, lines)| *lines != (None, None))
        .find(|(_, lines)| !matches!(lines, (Some(found), Some(given)) if same(found, given)))?;
    let told = |line: Option<&str>| line.map_or("nothing more".to_owned(), |line| format!("`{line}`"));
    Some((number, [told(lines.0), told(lines.1)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_makes_another_run_is_told() {
        for (name, found, given, expected) in [
            (
                CONFIGURATION,
                "seed = 1\nbatch = 4\n",
                "seed = 1\nbatch = 5\n",
                Some((2, ["`batch = 4`", "`batch = 5`"])),
            ),
            (
                CONFIGURATION,
                "batch = 4\n",
                "batch = 4\n[[stages]]\n",
                Some((2, ["nothing more", "`[[stages]]`"])),
            ),
            (CONFIGURATION, "loaders = 1\nbatch = 4\n", "loaders = 9\nbatch = 4\n", None),
            (
                CONFIGURATION,
                "loaders = 1\nbatch = 4\n",
                "batch = 4\n",
                Some((1, ["`loaders = 1`", "`batch = 4`"])),
            ),
            (DATA, "ab  /a.pack\n", "ab  /elsewhere/a.pack\n", None),
            (DATA, "ab  /a.pack\n", "cd  /a.pack\n", Some((1, ["`ab  /a.pack`", "`cd  /a.pack`"]))),
            (NETWORK, "loaders = 1\n", "loaders = 2\n", Some((1, ["`loaders = 1`", "`loaders = 2`"]))),
        ] {
            let told = difference(found, given, |found, given| same(name, found, given));
            assert_eq!(
                told,
                expected.map(|(line, texts)| (line, texts.map(str::to_owned))),
                "{name}: {given}"
            );
        }
    }
}

//! The partial file of `recist batch`: whole rows in the order of the cases, beside the results that it becomes.
//!
//! Its name carries a digest of all that its rows depend on, so rows of anything else are never continued. One
//! process writes it at a time.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::VERSION;
use crate::error::Error;

/// Rows that wait until all are measured; no other process can open them before this is dropped.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    /// Rows of cases that it held when it was opened.
    pub(super) rows: usize,
    /// How many of them were not measured.
    pub(super) not_measured: usize,
}

impl Partial {
    /// The name beside `out`: another for other cases, another model, another program, and as soon as one of
    /// the images appears, disappears or changes.
    pub(super) fn path(
        out: &Path,
        cases: &[u8],
        model: [u8; 32],
        images: impl Iterator<Item = PathBuf>,
    ) -> PathBuf {
        let mut digest =
            Sha256::new().chain_update(VERSION).chain_update(model).chain_update(Sha256::digest(cases));
        images.for_each(|image| digest.update(state(&image)));
        let digest: String = digest.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect();
        let mut partial = OsString::from(out);
        partial.push(format!(".{digest}.partial"));
        partial.into()
    }

    /// Opens the file that an interruption left at `path` and cuts its last row off if that is not whole;
    /// starts one with the line `header` where there is none.
    pub(super) fn open(path: PathBuf, header: &str) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::file(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let locked = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        };
        // A process that ended between opening and locking has made this file its results.
        if !locked || !is_at(&file, &path).map_err(failed)? {
            return Err(Error::file(&path, "another process is measuring the same cases into it"));
        }
        let (rows, not_measured) = keep_whole_rows(&mut file, header).map_err(failed)?;
        Ok(Self { path, file, rows, not_measured })
    }

    /// Adds whole rows.
    pub(super) fn append(&mut self, rows: &[u8]) -> Result<(), Error> {
        self.file.write_all(rows).map_err(|e| Error::file(&self.path, e))
    }

    /// Makes the rows the results.
    pub(super) fn finish(self, out: &Path) -> Result<(), Error> {
        self.file.sync_all().map_err(|e| Error::file(&self.path, e))?;
        fs::rename(&self.path, out).map_err(|e| Error::file(out, e))
    }
}

/// Cuts off what an interruption left of a row, and stands at the end; how many rows of cases the file holds,
/// and how many of them were not measured.
fn keep_whole_rows(file: &mut File, header: &str) -> io::Result<(usize, usize)> {
    let (mut whole_bytes, mut lines, mut not_measured) = (0, 0, 0);
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        whole_bytes += line.len() as u64;
        lines += 1;
        not_measured += usize::from(lines > 1 && !line.ends_with(b",ok\n"));
        line.clear();
    }
    file.set_len(whole_bytes)?;
    file.seek(SeekFrom::Start(whole_bytes))?;
    if lines == 0 {
        writeln!(file, "{header}")?;
    }
    Ok((lines.max(1) - 1, not_measured))
}

/// Whether `path` still names this open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(named) => Ok(identity(&named) == identity(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// One line that is another once the image has appeared, disappeared or changed.
fn state(image: &Path) -> String {
    match fs::metadata(image) {
        Ok(metadata) => format!("{} bytes, {:?}\n", metadata.len(), last_changes(&metadata)),
        Err(error) => format!("{:?}\n", error.kind()),
    }
}

/// When the content, and when anything of the file was changed: a file that is moved into the place of another,
/// or becomes readable, keeps the time of its content.
#[cfg(unix)]
fn last_changes(metadata: &Metadata) -> impl Debug + use<> {
    use std::os::unix::fs::MetadataExt;
    [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()]
}

/// When the content was changed.
#[cfg(not(unix))]
fn last_changes(metadata: &Metadata) -> impl Debug + use<> {
    metadata.modified().ok()
}

/// Which file it is, whatever its name.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt;
    [metadata.dev(), metadata.ino()]
}

/// Which file it is, as far as its making tells.
#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> impl PartialEq + use<> {
    metadata.created().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_became_the_results_after_it_was_opened_is_not_the_partial_file() {
        let folder = std::env::temp_dir().join(format!("recist-partial-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("partial");
        let opened = File::create(&path).unwrap();
        assert!(is_at(&opened, &path).unwrap());
        fs::rename(&path, folder.join("out.csv")).unwrap();
        assert!(!is_at(&opened, &path).unwrap());
        File::create(&path).unwrap();
        assert!(!is_at(&opened, &path).unwrap(), "a new file of that name is another");
        fs::remove_dir_all(folder).unwrap();
    }
}

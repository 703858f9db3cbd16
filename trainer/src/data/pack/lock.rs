//! One process writes a pack at a time: its partial file is locked.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::path::Path;

use super::{PackError, at};

/// Locks the partial file at `path`, which is open, until it is closed.
///
/// # Errors
/// If another process has it, or has made it a pack since it was opened, or it cannot be locked.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), PackError> {
    match file.try_lock() {
        Ok(()) if is_at(file, path).map_err(at(path))? => Ok(()),
        Ok(()) | Err(TryLockError::WouldBlock) => Err(PackError::Busy(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}

/// Whether `path` still names this open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(named) => Ok(identity(&named) == identity(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
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
    fn a_partial_file_that_became_a_pack_after_it_was_opened_is_not_locked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lesions.pack.partial");
        let opened = File::create(&path).unwrap();
        assert!(lock(&opened, &path).is_ok(), "the control");
        fs::rename(&path, folder.path().join("lesions.pack")).unwrap();
        assert!(matches!(lock(&opened, &path), Err(PackError::Busy(_))));
        File::create(&path).unwrap();
        assert!(
            matches!(lock(&opened, &path), Err(PackError::Busy(_))),
            "a new file of that name is another"
        );
    }
}

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Puts `bytes` in the place of the file at `path`, all or nothing: they are written beside it, and renamed when
/// they are on the disk.
///
/// # Errors
/// If what is there is not a regular file, or the file cannot be written or renamed; nothing is left beside it then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    check_replaceable(path)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The error that counts is the one that stopped the writing.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// That nothing but a file can be lost at `path`: [`replace`] says it late.
///
/// # Errors
/// If what is there is not a regular file.
pub fn check_replaceable(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("is not a regular file: nothing is written there"));
    }
    Ok(())
}

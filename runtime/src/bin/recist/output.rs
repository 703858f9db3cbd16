//! Where a file is written that the program makes: looked at before the work begins.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The name that a finished file takes for `path`: where a link there leads to, otherwise the path itself.
///
/// # Errors
/// A usage error if what is there is not a regular file, is one of `inputs`, or is a link that leads to no file.
pub(crate) fn destination(
    path: &Path,
    inputs: impl IntoIterator<Item = impl AsRef<Path>>,
) -> Result<PathBuf, Error> {
    let shown = path.display();
    let Ok(there) = fs::canonicalize(path) else {
        if path.is_symlink() {
            return Err(Error::Usage(format!("{shown}: is a link that leads to no file")));
        }
        return Ok(path.to_owned());
    };
    if !there.is_file() {
        return Err(Error::Usage(format!("{shown}: is not a regular file: nothing is written there")));
    }
    for input in inputs {
        let input = input.as_ref();
        if fs::canonicalize(input).is_ok_and(|input| input == there) {
            return Err(Error::Usage(format!("{shown}: would overwrite {}", input.display())));
        }
    }
    Ok(if path.is_symlink() { there } else { path.to_owned() })
}

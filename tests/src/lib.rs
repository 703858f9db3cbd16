//! Where the tests that cross crates find their data.

pub mod c_package;
pub mod hostile;
pub mod oracle;
pub mod printed;
pub mod readers;
pub mod seal;
pub mod toy;

use std::path::{Path, PathBuf};

/// The folder with the real CT data: `RECIST_DATA`, or `../shared/data` beside the repository.
///
/// `None`, with a line on stderr that says so, where there is none: a test that needs it is then skipped.
#[must_use]
pub fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("RECIST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no real CT data at {} (set RECIST_DATA)", folder.display());
    None
}

/// A file or folder of the golden references kept in the repository.
#[must_use]
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

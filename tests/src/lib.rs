//! Where the tests that cross crates find their data.

pub mod boxes;
pub mod c_package;
pub mod dicom;
pub mod folder;
pub mod hostile;
pub mod oracle;
pub mod printed;
pub mod readers;
pub mod seal;
pub mod stated;
pub mod toy;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder with the real CT data: `RECIST_DATA`, or `../shared/data` beside the repository.
///
/// `None`, with a line on stderr that says so, where there is none: a test that needs it is then skipped.
///
/// # Panics
/// If `RECIST_DATA` names no folder.
#[must_use]
pub fn real_data() -> Option<PathBuf> {
    let beside = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let folder = data_folder(std::env::var_os("RECIST_DATA"), beside);
    if folder.is_none() {
        say_skipped(&format!("no real CT data at {} (set RECIST_DATA)", beside.display()));
    }
    folder
}

/// The folder that is named, or the one beside the repository if there is one; a name must be right.
fn data_folder(named: Option<OsString>, beside: &Path) -> Option<PathBuf> {
    match named.map(PathBuf::from) {
        Some(folder) => {
            assert!(folder.is_dir(), "RECIST_DATA is {folder:?}, which is no folder");
            Some(folder)
        }
        None => beside.is_dir().then(|| beside.to_owned()),
    }
}

/// Says on stderr what is not tested here, also where the test passes and `cargo test` keeps what it prints.
pub fn say_skipped(reason: &str) {
    // What eprintln writes is captured.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// A file or folder of the golden references kept in the repository.
#[must_use]
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_and_a_folder_beside_there_are_no_data() {
        let [here, nowhere] = ["src", "scr"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
        let named = |path: &Path| Some(path.as_os_str().to_owned());
        assert_eq!(data_folder(None, &nowhere), None);
        assert_eq!(data_folder(None, &here).as_ref(), Some(&here));
        assert_eq!(data_folder(named(&here), &nowhere).as_ref(), Some(&here));
    }

    #[test]
    #[should_panic(expected = "scr\", which is no folder")]
    fn a_name_with_a_slip_is_not_taken_for_no_data() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let _ = data_folder(Some(here.with_file_name("scr").into()), &here);
    }
}

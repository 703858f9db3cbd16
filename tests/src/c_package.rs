//! The C library as a vendor gets it, and the compilers that a vendor has.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::say_skipped;

/// What every C program is compiled with; C++ has another standard.
pub const STRICT: [&str; 6] = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1"];

/// What the static library needs beside itself.
pub const STATIC_LIBRARIES: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

/// The repository's folder.
///
/// # Panics
/// Never: the tests lie in the repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the repository")
}

/// The folder that `ci/package.sh` laid out; it is built once.
///
/// # Panics
/// If it cannot be built.
pub fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let folder = repository().join("target/c-package");
        run(Command::new(repository().join("ci/package.sh")).arg(&folder));
        folder
    })
}

/// How a program is linked with the package, `static` or `shared`.
#[must_use]
pub fn linked(kind: &str) -> Vec<String> {
    let library = package().join("lib");
    let library = library.display();
    match kind {
        "static" => [format!("{library}/librecist.a")]
            .into_iter()
            .chain(STATIC_LIBRARIES.map(str::to_owned))
            .collect(),
        _ => vec![format!("-L{library}"), "-lrecist".into(), format!("-Wl,-rpath,{library}")],
    }
}

/// The program's standard output.
///
/// # Panics
/// With its standard error if it does not end with 0.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Those of `names` that are installed; the others are named on stderr as skipped.
#[must_use]
pub fn installed<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let found = |name: &&&str| {
        let found = Command::new(name).arg("--version").output().is_ok();
        if !found {
            say_skipped(&format!("no {name} here"));
        }
        found
    };
    names.iter().filter(found).copied().collect()
}

/// Compiles sources of `tests/c` against the header of the repository, with nothing but `arguments` further.
///
/// # Panics
/// With what the compiler says, if it says anything.
pub fn compile(compiler: &str, sources: &[&str], arguments: &[impl AsRef<OsStr>], program: &Path) {
    let folder = repository().join("tests/c");
    run(Command::new(compiler)
        .args(
            STRICT
                .iter()
                .map(|a| if compiler.contains("++") { a.replace("c99", "c++11") } else { (*a).to_owned() }),
        )
        .arg("-I")
        .arg(repository().join("runtime/include"))
        .args(sources.iter().map(|source| folder.join(source)))
        .args(arguments)
        .arg("-o")
        .arg(program));
}

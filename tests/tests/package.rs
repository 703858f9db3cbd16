//! `ci/package.sh` as it treats what is not its own: the folder it is given, and paths with spaces.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use recist_tests::c_package::repository;

/// What the compiler's place in this test ends with when it is told to fail.
const REACHED_THE_COMPILER: i32 = 7;

/// A checkout whose path has spaces, with tools that build nothing; removed when dropped.
struct Checkout(PathBuf);

impl Checkout {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("recist package {name} {}", std::process::id()));
        for inner in ["ci", "tools"] {
            fs::create_dir_all(folder.join(inner)).unwrap();
        }
        fs::copy(repository().join("ci/package.sh"), folder.join("ci/package.sh")).unwrap();
        for original in ["Cargo.toml", "LICENSE-MIT", "LICENSE-APACHE", "models", "runtime", "tests"] {
            symlink(repository().join(original), folder.join(original)).unwrap();
        }
        let cargo = "case $1 in\n\
             tree) printf 'recist-runtime v1.0.0 (.)\\nlinked v2.0.0\\n' ;;\n\
             metadata) printf '[{\"manifest_path\":\"%s/linked-2.0.0/Cargo.toml\"}]' \"$PWD\" ;;\n\
             *) printf %s \"$CARGO_ENCODED_RUSTFLAGS\" >flags\n\
             [ -z \"${FAIL:-}\" ] || exit 7\n\
             mkdir -p target/device && touch target/device/librecist.so target/device/librecist.a ;;\n\
             esac\n";
        fs::create_dir(folder.join("linked-2.0.0")).unwrap();
        fs::write(folder.join("linked-2.0.0/LICENSE-BSD"), "terms").unwrap();
        for (name, script) in
            [("cargo", cargo), ("fake-ld", ""), ("fake-objcopy", ""), ("fake-ar", "echo new >\"$2\"\n")]
        {
            let tool = folder.join("tools").join(name);
            fs::write(&tool, format!("#!/bin/sh\n{script}")).unwrap();
            fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(folder)
    }

    /// The script with these variables, laying the package out in `folder` of the checkout; `""` names none.
    fn package(&self, folder: &str, variables: &[(&str, &str)]) -> Output {
        self.package_from(&self.0, folder, variables)
    }

    /// As [`Checkout::package`], called in `working`, which a relative `folder` is beneath.
    fn package_from(&self, working: &Path, folder: &str, variables: &[(&str, &str)]) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new(self.0.join("ci/package.sh"))
            .args((!folder.is_empty()).then_some(folder))
            .current_dir(working)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("PATH", format!("{}:{path}", self.0.join("tools").display()))
            .env("CROSS_COMPILE", "fake-")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.0.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.0.join(file)).ok()
    }

    fn has(&self, file: impl AsRef<Path>) -> bool {
        self.0.join(file).exists()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_that_is_no_earlier_package_is_refused_and_left_as_it_is() {
    let checkout = Checkout::new("refused");
    checkout.write("thesis/text.tex", "years of work");
    checkout.write("hidden/.only", "years of work");
    checkout.write("file", "years of work");
    for (folder, kept) in [(".", "Cargo.toml"), ("thesis", "thesis/text.tex"), ("hidden", "hidden/.only")] {
        let output = checkout.package(folder, &[]);
        let message = String::from_utf8(output.stderr).unwrap();
        let path = fs::canonicalize(checkout.0.join(folder)).unwrap();
        let want = format!(
            "{} is not empty and is no earlier package: it has no lib/pkgconfig/recist.pc\n",
            path.display()
        );
        assert_eq!((output.status.code(), message), (Some(1), want), "{folder}");
        assert!(checkout.has(kept) && !checkout.has("flags"), "{folder}");
    }
    assert!(!checkout.package("file", &[]).status.success());
    assert_eq!(checkout.read("file").unwrap(), "years of work");

    fs::create_dir(checkout.0.join("empty")).unwrap();
    checkout.write("earlier/lib/pkgconfig/recist.pc", "");
    for folder in ["new", "empty", "earlier"] {
        let output = checkout.package(folder, &[("FAIL", "yes")]);
        assert_eq!(output.status.code(), Some(REACHED_THE_COMPILER), "{folder}: {output:?}");
    }
}

#[test]
fn an_earlier_package_is_replaced_and_what_else_its_folder_holds_stays() {
    let checkout = Checkout::new("replaced");
    let old = ["share/recist/licences/old/LICENSE"];
    for file in ["lib/pkgconfig/recist.pc", "include/recist.h"].into_iter().chain(old) {
        checkout.write(&format!("prefix/{file}"), "old");
    }
    let kept = [
        "bin/program",
        "lib/libother.so",
        "lib/librecist.so.0",
        "lib/librecist.so.1.sig",
        "share/recist/LICENSE-OWN",
        "lib/pkgconfig/other.pc",
        "include/other.h",
        "share/recist/models/own.recist",
        "share/recist/certificate.txt",
        "measure",
    ];
    for file in kept {
        checkout.write(&format!("prefix/{file}"), "kept");
    }
    let output = checkout.package("prefix", &[]);
    assert!(output.status.success(), "{output:?}");
    for file in kept {
        assert_eq!(checkout.read(&format!("prefix/{file}")).as_deref(), Some("kept"), "{file}");
    }
    for file in ["lib/pkgconfig/recist.pc", "include/recist.h", "include/recist.hpp", "lib/librecist.a"] {
        assert_ne!(checkout.read(&format!("prefix/{file}")).unwrap(), "old", "{file}");
    }
    for file in old {
        assert!(!checkout.has(format!("prefix/{file}")), "{file} is of the earlier package only");
    }
}

#[test]
fn a_relative_folder_is_the_callers_and_none_is_the_checkouts() {
    let checkout = Checkout::new("relative");
    let working = checkout.0.join("elsewhere");
    fs::create_dir(&working).unwrap();
    for (folder, place) in [("package", "elsewhere/package"), ("../beside", "beside"), ("", "target/package")]
    {
        let output = checkout.package_from(&working, folder, &[]);
        assert!(output.status.success(), "{folder:?}: {output:?}");
        assert!(checkout.has(format!("{place}/lib/pkgconfig/recist.pc")), "{folder:?} is {place}");
    }
    assert!(!checkout.has("package"), "the control: nothing beside what was named");
}

#[test]
fn the_package_has_the_model_and_every_file_that_its_soup_document_names_or_says_where_it_is() {
    let checkout = Checkout::new("named");
    let output = checkout.package("package", &[]);
    assert!(output.status.success(), "{output:?}");
    let package = checkout.0.join("package");
    let share = package.join("share/recist");
    for name in ["models/edge.recist", "models/README.md"] {
        assert!(fs::read(share.join(name)).unwrap() == fs::read(repository().join(name)).unwrap(), "{name}");
    }

    assert_eq!(fs::read_to_string(share.join("licences/linked-2.0.0/LICENSE-BSD")).unwrap(), "terms");

    let soup = fs::read_to_string(share.join("SOUP.md")).unwrap();
    let is_file = |name: &&str| name.contains('/') && !name.contains(['(', ' ']);
    let names: Vec<_> = soup.split('`').skip(1).step_by(2).filter(is_file).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let of_repository =
            ["ci/", "tests/", "trainer/", "runtime/"].iter().any(|part| name.starts_with(part));
        let places = if of_repository { vec![repository()] } else { vec![package.as_path(), &share] };
        assert!(places.iter().any(|place| place.join(name).exists()), "{name}");
    }
    for name in ["README", "Cargo.toml", "CHANGELOG.md"] {
        let other = soup.replace(&format!("the repository's {name}"), "").replace("models/README.md", "");
        assert!(soup.contains(&format!("the repository's {name}")) && !other.contains(name), "{name}");
    }
}

#[test]
fn paths_with_spaces_reach_the_compiler_whole() {
    let checkout = Checkout::new("spaces");
    let remapped = format!("--remap-path-prefix={}=.", checkout.0.display());
    let cargo_home = "--remap-path-prefix=/cargo home=cargo";
    let cases = [
        (None, vec![]),
        (
            Some(("RUSTFLAGS", " -C  debuginfo=1 -Zsanitizer=address")),
            vec!["-C", "debuginfo=1", "-Zsanitizer=address"],
        ),
        (Some(("CARGO_ENCODED_RUSTFLAGS", "-C\x1fllvm-args=-a b")), vec!["-C", "llvm-args=-a b"]),
    ];
    for (variables, further) in cases {
        let variables: Vec<_> = variables.into_iter().chain([("CARGO_HOME", "/cargo home")]).collect();
        let output = checkout.package("package", &variables);
        assert!(output.status.success(), "{output:?}");
        let flags = checkout.read("flags").unwrap();
        let flags: Vec<_> = flags.split('\x1f').collect();
        assert_eq!(flags, [vec![remapped.as_str(), cargo_home], further].concat());
    }
}

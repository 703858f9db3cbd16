//! What a host program brings along: its rounding mode, other Rust libraries, its compiler's warnings.

use std::process::Command;

use recist::ffi::Status;
use recist_tests::c_package::{compile, installed, linked, package, repository, run};
use recist_tests::folder::Folder;
use recist_tests::toy;

#[test]
fn a_thread_that_does_not_round_to_nearest_is_refused_and_one_that_flushes_tiny_numbers_measures_the_same_bits()
 {
    let folder = Folder::with_toy("rounding");
    let program = folder.0.join("rounding");
    compile("cc", &["rounding.c"], &linked("static"), &program);
    let [x0, y0, x1, y1] = toy::area().corners();
    let text = run(Command::new(&program)
        .arg(repository().join("models/edge.recist"))
        .args(format!("slice.raw {} {x0} {y0} {x1} {y1}", toy::SIZE).split(' '))
        .current_dir(&folder.0));
    let refused = Status::Rounding as i32;
    let refused = format!("{refused} {refused} {refused} {refused} 0 {refused} {refused}");
    let measured = format!("0 0 0 0 1 {} 0", Status::Spacing as i32);
    let mut want =
        format!("nearest {measured}\nup {refused}\ndown {refused}\nzero {refused}\nagain {measured}\n");
    if cfg!(target_arch = "x86_64") {
        want += &format!("flushed {measured}\n");
    }
    assert_eq!(text, want);
}

#[test]
fn the_static_library_lives_with_another_rust_library_in_either_order_and_in_a_static_program() {
    let folder = Folder::new("second");
    let second = folder.0.join("libsecond.a").display().to_string();
    run(Command::new("rustc")
        .args(["--edition=2024", "-O", "-o", &second])
        .arg(repository().join("tests/c/second.rs"))
        .current_dir(&folder.0));
    let library = linked("static");
    let (recist, system) = library.split_first().unwrap();
    for [first, last] in [[recist, &second], [&second, recist]] {
        for kind in ["-pie", "-no-pie", "-static"] {
            let system = system.iter().map(String::as_str);
            let arguments: Vec<&str> = [kind, first, last].into_iter().chain(system).collect();
            let program = folder.0.join("second");
            compile("cc", &["second.c"], &arguments, &program);
            run(&mut Command::new(&program));
        }
    }
    // In a group of sections that linkers merge with the other library's, this library's own symbols would be lost.
    let groups = |library: &str| run(Command::new("readelf").args(["--section-groups", library]));
    assert!(!groups(recist).contains("COMDAT"), "{}", groups(recist));
    assert!(groups(&second).contains("COMDAT"), "the control: a library as rustc leaves it");
}

#[test]
fn the_headers_pass_the_warnings_of_strict_hosts() {
    let folder = Folder::new("strict");
    let strict =
        ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror"];
    for (compilers, standards, source, more) in [
        (["gcc", "clang"], ["c99", "c11"], "measure.c", [].as_slice()),
        (["g++", "clang++"], ["c++11", "c++20"], "measure.cpp", ["-Wold-style-cast"].as_slice()),
    ] {
        for compiler in installed(&compilers) {
            for standard in standards {
                run(Command::new(compiler)
                    .arg(format!("-std={standard}"))
                    .args(strict)
                    .args(more)
                    .arg("-I")
                    .arg(repository().join("runtime/include"))
                    .arg("-c")
                    .arg(repository().join("tests/c").join(source))
                    .arg("-o")
                    .arg(folder.0.join("object.o")));
            }
        }
    }
}

#[test]
fn the_package_has_the_licence_of_every_crate_that_is_linked() {
    let licences = package().join("share/recist/licences");
    let tree = run(Command::new(env!("CARGO"))
        .args(["tree", "-p", "recist-runtime", "--no-default-features", "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none"])
        .current_dir(repository()));
    let crates: Vec<&str> = tree.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"sha2"), "{tree}");
    for name in crates {
        let of_crate = |folder: &String| folder.rsplit_once('-').is_some_and(|(found, _)| found == name);
        let folders =
            std::fs::read_dir(&licences).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let found: Vec<String> = folders.filter(of_crate).collect();
        assert!(!found.is_empty(), "{name} has no folder in {}", licences.display());
        for folder in found {
            let files = std::fs::read_dir(licences.join(&folder)).unwrap().count();
            assert!(files > 0, "{folder} is empty");
        }
    }
}

//! What the engine adds to a device's firmware.

use std::path::Path;
use std::process::Command;

const KIB: usize = 1024;

/// The engine's part of a device library, beside what any Rust library brings along of the standard library.
const LARGEST: usize = 400 * KIB;

#[test]
fn the_engines_part_of_a_device_library_is_small() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = repository.join("target/c-library");
    run(Command::new(env!("CARGO"))
        .args(["build", "-p", "recist-runtime", "--no-default-features", "--profile", "device"])
        .args(["--example", "engine_only", "--target-dir"])
        .arg(&target)
        .current_dir(repository));
    let engine = std::fs::read(target.join("device/examples/libengine_only.so")).unwrap();

    let nothing = target.join("libnothing.so");
    let like_device = ["opt-level=3", "lto=fat", "codegen-units=1", "panic=abort", "strip=symbols"];
    run(Command::new("rustc")
        .args(["--edition", "2024", "--crate-type", "cdylib"])
        .args(like_device.iter().flat_map(|option| ["-C", *option]))
        .arg("-o")
        .arg(&nothing)
        .arg(repository.join("tests/device/nothing.rs")));
    let nothing = std::fs::metadata(nothing).unwrap().len();

    let part = engine.len() - usize::try_from(nothing).unwrap();
    println!("a library of the engine has {} bytes, one of nothing {nothing}: {part}", engine.len());
    assert!(part <= LARGEST, "{part} bytes, the bound is {LARGEST}");
    // The control: it is not small because the engine fell out of it.
    let words = b"validated: weights lie in the plan";
    assert!(engine.windows(words.len()).any(|window| window == words), "the engine is in the library");
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

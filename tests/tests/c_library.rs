//! The C library as a vendor's compiler sees it: programs in C and C++ that measure, linked both ways.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use recist::engine::Kernel;
use recist::ffi::{STACK_BYTES, Status};
use recist::geometry::{LesionBox, Point};
use recist::image::CtFile;
use recist_tests::c_package::{STATIC_LIBRARIES, compile, installed, linked, package, repository, run};
use recist_tests::folder::{Folder, write_raw};
use recist_tests::printed::{self, STAGES};
use recist_tests::{readers, real_data, toy};

/// The arguments of `measure` for the toy.
fn toy_arguments(kernel: i32) -> Vec<String> {
    let [x0, y0, x1, y1] = toy::area().corners();
    let (side, row, column) = (toy::SIZE, toy::spacing().row_mm(), toy::spacing().column_mm());
    let line = format!("toy.recist slice.raw {side} {side} {row} {column} {x0} {y0} {x1} {y1} {kernel}");
    line.split(' ').map(str::to_owned).collect()
}

/// Asserts that a call's times are of its stages: each took time, and all together no longer than the program.
fn assert_plausible(times: &[f64], whole: Duration, name: &str) {
    assert!(times.iter().all(|ns| *ns > 0.0), "{name}: {times:?}");
    assert!(times.iter().sum::<f64>() <= whole.as_nanos() as f64, "{name}: {times:?} in {whole:?}");
}

#[test]
fn c_and_cpp_programs_print_the_same_bits_on_every_kernel_and_ask_for_no_memory() {
    let folder = Folder::with_toy("measure");
    let [want, machine] = printed::toy();
    let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.runs_here());
    let kernels: Vec<_> = kernels.map(|kernel| kernel as i32).chain([0]).collect();
    let compilers = installed(&["gcc", "clang", "g++", "clang++"]);
    assert!(!compilers.is_empty(), "a C compiler is needed");
    let mut shortest = [f64::INFINITY; STAGES.len()];
    for compiler in compilers {
        for kind in ["static", "shared"] {
            let program = folder.0.join(format!("{compiler}-{kind}"));
            let plus = compiler.contains("++");
            let source = if plus { "measure.cpp" } else { "measure.c" };
            let mut arguments = linked(kind);
            let mut sources = vec![source];
            if !plus {
                sources.push("interpose.c");
                arguments.push("-Wl,--wrap=recist_open,--wrap=recist_close".into());
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            compile(compiler, &sources, &arguments, &program);
            for kernel in &kernels {
                let name = format!("{compiler} {kind} {kernel}");
                let start = Instant::now();
                let output = Command::new(&program)
                    .current_dir(&folder.0)
                    .args(toy_arguments(*kernel))
                    .output()
                    .unwrap();
                let whole = start.elapsed();
                let [text, errors] =
                    [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
                assert!(output.status.success(), "{name}: {errors}");
                let (allocations, results): (Vec<_>, Vec<_>) =
                    printed::lines(&text).into_iter().partition(|(name, _)| name == "allocations");
                assert_eq!(results, want, "{name}");
                let errors = printed::lines(&errors);
                assert_eq!(errors[..2], machine, "{name}");
                assert_eq!(errors.len(), 2 + STAGES.len(), "{name}: {errors:?}");
                let times = STAGES.map(|stage| printed::numbers(&errors, stage)[0]);
                assert_plausible(&times, whole, &name);
                if *kernel == Kernel::Scalar as i32 {
                    shortest = std::array::from_fn(|stage| shortest[stage].min(times[stage]));
                }
                assert_eq!(allocations.len(), usize::from(!plus));
                assert!(allocations.iter().all(|(_, count)| count == &[Ok(0.0)]), "{name}: {text}");
                if !plus {
                    let control = folder.0.join("control");
                    if !control.exists() {
                        compile(compiler, &sources, &[&["-DCONTROL"], &arguments[..]].concat(), &control);
                        let text = run(Command::new(&control).current_dir(&folder.0).args(toy_arguments(0)));
                        assert!(text.contains("allocations 4\n"), "the control: {text}");
                    }
                }
            }
        }
    }
    println!("{STAGES:?} on plain code, at least: {shortest:?}");
    let longest = (0..STAGES.len()).max_by(|a, b| shortest[*a].total_cmp(&shortest[*b])).unwrap();
    assert_eq!(STAGES[longest], "hourglass_ns", "which has nine tenths of the toy's products: {shortest:?}");
}

#[test]
fn the_c_program_measures_what_the_program_recist_measures() {
    let folder = Folder::new("slices");
    let mut cases =
        vec![(repository().join("tests/sample/phantom.png"), [95.0, 82.0, 167.0, 154.0], [0.75, 0.75])];
    if let Some(data) = real_data() {
        for mark in readers::read(&data.join("dicom/recist.csv")) {
            let area =
                LesionBox::drawn_round(&mark.keypoints.to_array(), 2.2, Point::new(0.1, -0.1)).unwrap();
            let area = area.corners().map(f64::round);
            cases.push((
                data.join("dicom").join(&mark.image),
                area,
                [mark.spacing.row_mm(), mark.spacing.column_mm()],
            ));
        }
    }
    let table: String = cases
        .iter()
        .map(|(image, [x0, y0, x1, y1], [row, column])| {
            format!("{},{x0},{y0},{x1},{y1},{row},{column}\n", image.display())
        })
        .collect();
    let (table_path, results) = (folder.0.join("cases.csv"), folder.0.join("results.csv"));
    std::fs::write(&table_path, format!("image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm\n{table}"))
        .unwrap();
    // Ends with 1 where a case could not be measured, which the C program must then say too.
    Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--bin", "recist", "--", "batch"])
        .arg(&table_path)
        .arg("--out")
        .arg(&results)
        .current_dir(repository())
        .output()
        .unwrap();

    let program = folder.0.join("measure");
    let arguments = linked("shared");
    compile("cc", &["measure.c"], &arguments, &program);
    let raw = folder.0.join("slice.raw");
    let mut measured = 0;
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_path(&results).unwrap().records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), cases.len());
    for ((image, area, spacing), row) in cases.iter().zip(rows) {
        let file = CtFile::read(image, None).unwrap();
        #[allow(clippy::cast_possible_truncation, reason = "a CT slice's samples fit int16_t")]
        let samples: Vec<i16> = file.samples().iter().map(|v| *v as i16).collect();
        assert!(samples.iter().zip(file.samples()).all(|(i, f)| f32::from(*i) == *f), "{}", image.display());
        write_raw(&raw, &samples);
        let size = [file.slice().width(), file.slice().height()];
        let output = Command::new(&program)
            .arg(repository().join("models/edge.recist"))
            .arg(&raw)
            .args(size.map(|n| n.to_string()))
            .args(spacing.iter().chain(area).map(f64::to_string))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.success(), &row[14] == "ok", "{row:?}");
        if output.status.success() {
            let lines = printed::lines(&text);
            let numbers = |name: &&str| -> Vec<String> {
                printed::numbers(&lines, name).iter().map(|v| format!("{v:.3}")).collect()
            };
            let ends = ["long_start", "long_end", "short_start", "short_end"];
            let columns = ["long_px", "short_px", "long_mm", "short_mm", "confidence"];
            let found: Vec<String> = ends.iter().chain(&columns).flat_map(numbers).collect();
            assert!(row.iter().skip(1).take(13).eq(&found), "{row:?} {found:?}");
            measured += 1;
        }
    }
    println!("{measured} of {} cases measured, all with the same numbers", cases.len());
    assert!(measured * 2 > cases.len());
}

/// The device library with every access checked by AddressSanitizer, which is not yet a stable option of rustc.
fn sanitized_library() -> PathBuf {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    run(Command::new(env!("CARGO"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .args([
            "rustc",
            "--quiet",
            "-p",
            "recist-runtime",
            "--no-default-features",
            "--lib",
            "--target",
            &target,
        ])
        .args(["--crate-type", "staticlib", "--target-dir"])
        .arg(repository().join("target"))
        .current_dir(repository()));
    repository().join("target").join(target).join("debug/librecist.a")
}

/// Asserts that `program`, run by `checker`, finds nothing in a measurement and finds the overrun.
fn check_memory(folder: &Folder, checker: &[&str], linked: &[&str]) {
    let program = |name: &str| {
        let program = folder.0.join(name);
        compile("cc", &[&format!("{name}.c")], linked, &program);
        let program = program.to_string_lossy().into_owned();
        let words: Vec<String> = checker.iter().map(|w| (*w).to_owned()).chain([program]).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&folder.0);
        command
    };
    let text = run(program("measure").args(toy_arguments(0)));
    assert_eq!(printed::lines(&text), printed::toy()[0]);
    let output = program("overrun").arg("toy.recist").output().unwrap();
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && report.contains("recist_open"), "the control: {report}");
}

#[test]
fn valgrind_finds_nothing() {
    let folder = Folder::with_toy("valgrind");
    for valgrind in installed(&["valgrind"]) {
        let library = linked("shared");
        let library: Vec<&str> = library.iter().map(String::as_str).collect();
        check_memory(&folder, &[valgrind, "--quiet", "--error-exitcode=9", "--leak-check=full"], &library);
    }
}

#[test]
fn address_sanitizer_finds_nothing() {
    let folder = Folder::with_toy("sanitizer");
    let library = sanitized_library();
    let sanitizers = ["-g", "-fsanitize=address,undefined", library.to_str().unwrap()];
    check_memory(&folder, &["env"], &[&sanitizers[..], &STATIC_LIBRARIES].concat());
}

#[test]
fn no_call_uses_more_stack_than_the_header_states() {
    let folder = Folder::new("stack");
    write_raw(&folder.0.join("slice.raw"), &toy::slice_samples());
    let program = folder.0.join("stack");
    let library = linked("static");
    compile("cc", &["stack.c"], &library, &program);
    let [x0, y0, x1, y1] = toy::area().corners();
    let side = toy::SIZE;
    let text = run(Command::new(&program)
        .arg(repository().join("models/edge.recist"))
        .args(format!("slice.raw {side} {side} {x0} {y0} {x1} {y1}").split(' '))
        .current_dir(&folder.0));
    println!("function kernel bytes status\n{text}");
    let mut calls = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [kernel, status]: [i32; 2] = [1, 3].map(|at| words[at].parse().unwrap());
        let bytes: usize = words[2].parse().unwrap();
        calls.push((words[0], kernel));
        if words[0] == "control" {
            assert!((20_000..21_000).contains(&bytes), "the control: {line}");
            continue;
        }
        assert!(bytes <= STACK_BYTES, "{line}");
        let runs_here =
            kernel == 0 || Kernel::ALL.into_iter().any(|known| known as i32 == kernel && known.runs_here());
        let want = if runs_here { Status::Ok } else { Status::Kernel };
        assert_eq!(status, want as i32, "{line}");
    }
    let by_kernel =
        (0..=Kernel::ALL.len()).flat_map(|kernel| ["measure", "self_test"].map(|name| (name, kernel)));
    let by_kernel = by_kernel.map(|(name, kernel)| (name, i32::try_from(kernel).unwrap()));
    let once = ["control", "memory_required", "open", "describe"].map(|name| (name, 0));
    assert_eq!(calls, once.into_iter().chain(by_kernel).collect::<Vec<_>>());
}

#[test]
fn both_libraries_export_the_headers_functions_and_nothing_else() {
    let header = std::fs::read_to_string(package().join("include/recist.h")).unwrap();
    let functions = header.match_indices("recist_").filter_map(|(at, _)| {
        let name = &header[at..at + header[at..].find(|c: char| !c.is_ascii_lowercase() && c != '_')?];
        header[at + name.len()..].starts_with('(').then_some(name)
    });
    let mut functions: Vec<&str> = functions.collect();
    functions.sort_unstable();
    functions.dedup();
    assert!(functions.contains(&"recist_measure"));

    let library = package().join("lib");
    let names = |flags: &[&str], file: &str| {
        let table = run(Command::new("nm").args(flags).arg("--defined-only").arg(library.join(file)));
        let mut names: Vec<String> =
            table.lines().filter_map(|l| l.split(' ').nth(2)).map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&["--dynamic"], "librecist.so"), functions);
    assert_eq!(names(&["--extern-only"], "librecist.a"), functions);

    let dynamic = run(Command::new("readelf").arg("--dynamic").arg(library.join("librecist.so")));
    assert!(dynamic.contains("soname: [librecist.so.1]"), "{dynamic}");
    let bytes = std::fs::metadata(library.join("librecist.so.1")).unwrap().len();
    println!("shared library: {bytes} bytes");
    assert!(bytes < 500_000, "{bytes}");
}

#[test]
fn the_examples_are_built_by_cmake_and_by_hand_as_their_package_says() {
    let folder = Folder::with_toy("examples");
    let pkg_config = package().join("lib/pkgconfig");
    let [want, _] = printed::toy();
    let measured = |program: &Path| {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", package().join("lib")).current_dir(&folder.0);
        printed::lines(&run(command.args(toy_arguments(0))))
    };
    let examples = package().join("share/recist/examples");
    for cmake in installed(&["cmake"]) {
        let build = folder.0.join("build");
        let prefix = format!("-DCMAKE_PREFIX_PATH={}", package().display());
        run(Command::new(cmake).arg("-S").arg(&examples).arg("-B").arg(&build).arg(prefix));
        run(Command::new(cmake).arg("--build").arg(&build));
        assert_eq!(measured(&build.join("measure")), want);
        assert_eq!(measured(&build.join("measure_cpp")), want);
    }
    for pkg_config_program in installed(&["pkg-config"]) {
        let line = format!(
            "cc {}/measure.c $({pkg_config_program} --cflags --libs recist) -o by_hand",
            examples.display()
        );
        run(Command::new("sh")
            .args(["-c", &line])
            .env("PKG_CONFIG_PATH", &pkg_config)
            .current_dir(&folder.0));
        assert_eq!(measured(&folder.0.join("by_hand")), want);
    }
}

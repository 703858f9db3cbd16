//! The C library as a vendor's compiler sees it: the header's numbers, and a C program that measures.

use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use recist::bundle::{ALIGNMENT, AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, OUTLINE_POINTS, Plans, Warning, Workspace, measure, outline};
use recist::engine::Kernel;
use recist::ffi::*;
use recist::geometry::{AffineMap, Point};
use recist::image::{CtSlice, Samples};
use recist_tests::toy;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the repository")
}

/// The device build as static and shared library; built once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let target = repository().join("target/c-library");
        let build =
            ["rustc", "-p", "recist-runtime", "--no-default-features", "--profile", "device", "--lib"];
        let kinds = ["--crate-type", "staticlib,cdylib"];
        let done = Command::new(env!("CARGO"))
            .args(build)
            .args(kinds)
            .arg("--target-dir")
            .arg(&target)
            .current_dir(repository())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        target.join("device")
    })
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn compilers() -> Vec<&'static str> {
    let found = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let compilers: Vec<_> = ["gcc", "clang"].into_iter().filter(found).collect();
    println!("compilers here: {compilers:?}");
    assert!(!compilers.is_empty(), "a C compiler is needed");
    compilers
}

fn compile(compiler: &str, source: &str, program: &Path, further: &[&str]) {
    let strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1"];
    let source = repository().join("tests/c").join(source);
    let include = repository().join("runtime/include");
    run(Command::new(compiler)
        .args(strict)
        .arg("-I")
        .arg(include)
        .arg(source)
        .args(further)
        .arg("-o")
        .arg(program));
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("recist-c-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_headers_numbers_are_the_librarys() {
    let folder = folder("layout");
    let mut want = String::new();
    let mut line = |name: &str, value: usize| writeln!(want, "{name} {value}").unwrap();
    line("RECIST_ABI_VERSION", ABI_VERSION as usize);
    line("RECIST_BUNDLE_ALIGNMENT", ALIGNMENT);
    line("RECIST_OUTLINE_POINTS", OUTLINE_POINTS);
    let names = [
        "OK",
        "NULL",
        "STRUCT_SIZE",
        "MISALIGNED",
        "MEMORY",
        "NOT_A_BUNDLE",
        "BUNDLE_VERSION",
        "BUNDLE_DAMAGED",
        "BUNDLE_FOREIGN",
        "SLICE",
        "SPACING",
        "BOX",
        "BOX_OUTSIDE",
        "BOX_SIZE",
        "NO_CONTRAST",
        "NO_LESION",
        "BUSY",
        "NOT_OPEN",
        "KERNEL",
        "SELF_TEST",
        "OUTLINE",
        "INTERNAL",
    ];
    assert_eq!(names.len(), Status::ALL.len());
    for (name, (status, _)) in names.iter().zip(Status::ALL) {
        line(&format!("RECIST_{name}"), usize::try_from(*status as i32).unwrap());
    }
    let warnings =
        ["NO_SPACING", "BEYOND_SLICE", "LOW_CONFIDENCE", "NEAR_EDGE", "NOT_PERPENDICULAR", "FILLS_BOX"];
    for (name, warning) in warnings.iter().zip(Warning::ALL) {
        line(&format!("RECIST_WARNING_{name}"), warning as usize);
    }
    line("recist_point", size_of::<RecistPoint>());
    line("recist_box", size_of::<RecistBox>());
    line("recist_slice", size_of::<RecistSlice>());
    line("recist_slice.width", offset_of!(RecistSlice, width));
    line("recist_slice.height", offset_of!(RecistSlice, height));
    line("recist_slice.row_stride", offset_of!(RecistSlice, row_stride));
    line("recist_slice.hu", offset_of!(RecistSlice, hu));
    line("recist_slice.row_spacing_mm", offset_of!(RecistSlice, row_spacing_mm));
    line("recist_slice.column_spacing_mm", offset_of!(RecistSlice, column_spacing_mm));
    line("recist_options", size_of::<RecistOptions>());
    line("recist_options.kernel", offset_of!(RecistOptions, kernel));
    line("recist_options.outline", offset_of!(RecistOptions, outline));
    line("recist_options.outline_capacity", offset_of!(RecistOptions, outline_capacity));
    line("recist_measurement", size_of::<RecistMeasurement>());
    line("recist_measurement.warnings", offset_of!(RecistMeasurement, warnings));
    line("recist_measurement.long_start", offset_of!(RecistMeasurement, long_start));
    line("recist_measurement.short_end", offset_of!(RecistMeasurement, short_end));
    line("recist_measurement.long_px", offset_of!(RecistMeasurement, long_px));
    line("recist_measurement.short_px", offset_of!(RecistMeasurement, short_px));
    line("recist_measurement.long_mm", offset_of!(RecistMeasurement, long_mm));
    line("recist_measurement.short_mm", offset_of!(RecistMeasurement, short_mm));
    line("recist_measurement.mask_area_mm2", offset_of!(RecistMeasurement, mask_area_mm2));
    line("recist_measurement.confidence", offset_of!(RecistMeasurement, confidence));
    line("recist_measurement.keypoints", offset_of!(RecistMeasurement, keypoints));
    line("recist_measurement.keypoint_confidence", offset_of!(RecistMeasurement, keypoint_confidence));
    line("recist_measurement.outline_points", offset_of!(RecistMeasurement, outline_points));
    line("recist_measurement.crop_ns", offset_of!(RecistMeasurement, crop_ns));
    line("recist_measurement.decoding_ns", offset_of!(RecistMeasurement, decoding_ns));
    line("recist_info", size_of::<RecistInfo>());
    line("recist_info.kernel", offset_of!(RecistInfo, kernel));
    line("recist_info.name", offset_of!(RecistInfo, name));
    line("recist_info.name_bytes", offset_of!(RecistInfo, name_bytes));
    line("recist_info.version", offset_of!(RecistInfo, version));
    line("recist_info.version_bytes", offset_of!(RecistInfo, version_bytes));
    line("recist_info.memory_bytes", offset_of!(RecistInfo, memory_bytes));
    line("recist_info.patch_size", offset_of!(RecistInfo, patch_size));
    line("recist_info.heatmap_size", offset_of!(RecistInfo, heatmap_size));
    line("recist_info.test_vectors", offset_of!(RecistInfo, test_vectors));
    line("recist_info.sha256", offset_of!(RecistInfo, sha256));
    for compiler in compilers() {
        let program = folder.join(compiler);
        compile(compiler, "layout.c", &program, &[]);
        assert_eq!(run(&mut Command::new(&program)), want, "{compiler}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A float as C's `%a` prints it is read back by its bits.
fn hexadecimal(text: &str) -> f64 {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
    let (mantissa, exponent) = text.strip_prefix("0x").unwrap().split_once('p').unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = u64::from_str_radix(&format!("{whole}{fraction:0<13}"), 16).unwrap();
    let value = digits as f64 / (1_u64 << 52) as f64 * 2_f64.powi(exponent.parse().unwrap());
    if negative { -value } else { value }
}

#[test]
fn a_c_program_measures_the_same_bits_on_every_kernel_without_an_allocation() {
    let folder = folder("measure");
    let bundle = toy::bundle();
    std::fs::write(folder.join("toy.recist"), &bundle).unwrap();
    let samples = toy::slice_samples();
    let raw: Vec<u8> = samples.iter().flat_map(|v| v.to_ne_bytes()).collect();
    std::fs::write(folder.join("slice.raw"), raw).unwrap();

    let bytes = AlignedBytes::copy_of(&bundle);
    let plans = Plans::open(&Bundle::open(bytes.as_slice()).unwrap()).unwrap();
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::Scalar);
    let size = [toy::SIZE, toy::SIZE];
    let slice = CtSlice::new(Samples::I16(&samples), size, toy::SIZE, Some(toy::spacing())).unwrap();
    let mut workspace = Box::new(Workspace::new());
    let measured = measure(&slice, toy::area(), &mut networks, &mut workspace, |_| ()).unwrap();
    let mut points = vec![Point::default(); OUTLINE_POINTS];
    let patch_to_slice = AffineMap::normalised_to_box(measured.square);
    let outline_points = outline(&workspace.mask, patch_to_slice, &mut points).unwrap();
    let ends = measured.axes.keypoints().to_array();
    let mm = [measured.axes.long(), measured.axes.short()].map(|a| a.length_mm(toy::spacing()));

    let library = library();
    let wrapped: Vec<_> = ["malloc", "calloc", "realloc", "free"].map(|f| format!("-Wl,--wrap={f}")).to_vec();
    let archive = library.join("librecist.a");
    let mut statically = vec!["-DCOUNT_ALLOCATIONS", archive.to_str().unwrap(), "-lpthread", "-ldl", "-lm"];
    statically.extend(wrapped.iter().map(String::as_str));
    let directory = format!("-L{}", library.display());
    let run_path = format!("-Wl,-rpath,{}", library.display());
    let shared = [directory.as_str(), "-lrecist", run_path.as_str()];
    for compiler in compilers() {
        for (kind, further) in [("static", &statically[..]), ("shared", &shared[..])] {
            let program = folder.join(format!("{compiler}-{kind}"));
            compile(compiler, "measure.c", &program, further);
            for kernel in (1..).zip(Kernel::ALL).filter(|(_, k)| k.runs_here()).map(|(n, _)| n).chain([0]) {
                let [x0, y0, x1, y1] = toy::area().corners();
                let (side, row, column) = (toy::SIZE, toy::spacing().row_mm(), toy::spacing().column_mm());
                let text = run(Command::new(&program).current_dir(&folder).args(
                    format!("toy.recist slice.raw {side} {side} {row} {column} {x0} {y0} {x1} {y1} {kernel}")
                        .split(' '),
                ));
                let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(' ').collect()).collect();
                for (line, end) in lines.iter().zip(&ends) {
                    assert_eq!([hexadecimal(line[1]), hexadecimal(line[2])], [end.x, end.y], "{text}");
                }
                assert_eq!([hexadecimal(lines[4][1]), hexadecimal(lines[4][2])], mm);
                assert_eq!(hexadecimal(lines[5][1]), f64::from(measured.confidence()));
                assert_eq!(lines[6][1], outline_points.to_string());
                assert_eq!((lines[7][1], lines[8][1]), ("toy", "0"), "{text}");
            }
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_shared_library_exports_the_interface_only_and_is_small() {
    let path = library().join("librecist.so");
    let table = run(Command::new("nm").args(["-D", "--defined-only"]).arg(&path));
    let names: Vec<_> = table.lines().filter_map(|l| l.split(' ').nth(2)).collect();
    assert!(names.contains(&"recist_measure") && names.iter().all(|n| n.starts_with("recist_")), "{names:?}");
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("shared library: {bytes} bytes");
    assert!(bytes < 500_000, "{bytes}");
}

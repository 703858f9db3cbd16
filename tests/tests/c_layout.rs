//! The header's numbers are the library's: every constant, size and offset that `recist.h` states.

#![allow(unsafe_code, reason = "calls the C interface")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::offset_of;
use std::process::Command;

use recist::bundle::ALIGNMENT;
use recist::cascade::{OUTLINE_POINTS, Warning};
use recist::engine::Kernel;
use recist::ffi::*;
use recist_tests::c_package::{STRICT, installed, repository, run};

/// The header's numeric constants and the fields of its structs, as `struct.field`; a struct's own name is its size.
fn names(header: &str) -> (Vec<&str>, Vec<String>) {
    let mut constants = Vec::new();
    let mut fields = Vec::new();
    let mut inside = None;
    for line in header.lines() {
        let code = line.split("/*").next().unwrap_or_default().trim();
        if let Some(define) = line.strip_prefix("#define ") {
            let mut words = define.split_whitespace();
            if let (Some(name), Some(Ok(_))) = (words.next(), words.next().map(str::parse::<i64>)) {
                constants.push(name);
            }
        } else if let Some(name) = code.strip_prefix("typedef struct ").and_then(|c| c.strip_suffix(" {")) {
            fields.push(name.to_owned());
            inside = Some(name);
        } else if code.starts_with('}') {
            inside = None;
        } else if let (Some(name), Some(declaration)) = (inside, code.strip_suffix(';')) {
            let field = declaration.rsplit([' ', '*']).next().unwrap_or_default();
            let field = field.split('[').next().unwrap_or_default();
            fields.push(format!("{name}.{field}"));
        }
    }
    (constants, fields)
}

/// What a C compiler says that the names are.
fn compiled(compiler: &str, constants: &[&str], fields: &[String]) -> BTreeMap<String, i64> {
    let mut source =
        String::from("#include <stddef.h>\n#include <stdio.h>\n#include \"recist.h\"\nint main(void)\n{\n");
    for name in constants {
        writeln!(source, "    printf(\"{name} %ld\\n\", (long)({name}));").unwrap();
    }
    for name in fields {
        let value = match name.split_once('.') {
            Some((of, field)) => format!("offsetof({of}, {field})"),
            None => format!("sizeof({name})"),
        };
        writeln!(source, "    printf(\"{name} %ld\\n\", (long){value});").unwrap();
    }
    source.push_str("    return 0;\n}\n");
    let program = std::env::temp_dir().join(format!("recist-layout-{compiler}-{}", std::process::id()));
    let file = program.with_extension("c");
    std::fs::write(&file, source).unwrap();
    let include = repository().join("runtime/include");
    run(Command::new(compiler).args(STRICT).arg("-I").arg(include).arg(&file).arg("-o").arg(&program));
    let text = run(&mut Command::new(&program));
    std::fs::remove_file(file).unwrap();
    std::fs::remove_file(program).unwrap();
    let line =
        |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    text.lines().filter_map(line).collect()
}

/// What Rust says.
fn rust() -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    let mut line = |name: &str, value: usize| {
        assert_eq!(all.insert(name.to_owned(), i64::try_from(value).unwrap()), None, "{name}");
    };
    macro_rules! layout {
        ($($c:literal is $rust:ident: $($field:ident)*;)*) => {
            $(
                line($c, size_of::<$rust>());
                $(line(concat!($c, ".", stringify!($field)), offset_of!($rust, $field));)*
            )*
        };
    }
    layout! {
        "recist_point" is RecistPoint: x y;
        "recist_box" is RecistBox: x0 y0 x1 y1;
        "recist_slice" is RecistSlice:
            struct_size width height row_stride hu row_spacing_mm column_spacing_mm;
        "recist_options" is RecistOptions: struct_size kernel outline outline_capacity;
        "recist_measurement" is RecistMeasurement:
            struct_size warnings long_start long_end short_start short_end long_px short_px long_mm short_mm
            mask_area_mm2 confidence keypoints keypoint_confidence outline_points crop_ns localization_ns sampling_ns
            hourglass_ns decoding_ns;
        "recist_info" is RecistInfo:
            struct_size kernel name name_bytes version version_bytes preprocessing preprocessing_bytes memory_bytes
            patch_size heatmap_size test_vectors sha256 low_confidence;
    }
    line("RECIST_ABI_VERSION", ABI_VERSION as usize);
    line("RECIST_BUNDLE_ALIGNMENT", ALIGNMENT);
    line("RECIST_STACK_BYTES", STACK_BYTES);
    line("RECIST_OUTLINE_POINTS", OUTLINE_POINTS);
    line("RECIST_KERNEL_AUTO", 0);
    for kernel in Kernel::ALL {
        line(
            &format!("RECIST_KERNEL_{}", kernel.to_string().to_uppercase().replace('-', "_")),
            kernel as usize,
        );
    }
    for (name, (status, _)) in STATUSES.iter().zip(Status::ALL) {
        line(&format!("RECIST_{name}"), usize::try_from(*status as i32).unwrap());
    }
    for (name, warning) in WARNINGS.iter().zip(Warning::ALL) {
        line(&format!("RECIST_WARNING_{name}"), warning as usize);
    }
    all
}

/// Every status at its number, for ever: new ones are added at the end.
const STATUSES: [&str; 23] = [
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
    "ROUNDING",
];

const WARNINGS: [&str; 8] = [
    "NO_SPACING",
    "BEYOND_SLICE",
    "LOW_CONFIDENCE",
    "NEAR_EDGE",
    "NOT_PERPENDICULAR",
    "FILLS_BOX",
    "LOW_OVERLAP",
    "OUTSIDE_BOX",
];

#[test]
fn every_constant_size_and_offset_of_the_header_is_the_librarys() {
    let header = std::fs::read_to_string(repository().join("runtime/include/recist.h")).unwrap();
    let (constants, fields) = names(&header);
    let rust = rust();
    // The system's own compiler is needed; where it is another than these two, there are three.
    for compiler in ["cc"].into_iter().chain(installed(&["gcc", "clang"])) {
        let c = compiled(compiler, &constants, &fields);
        assert_eq!(c.len(), constants.len() + fields.len());
        assert_eq!(c, rust, "{compiler}");
    }
}

#[test]
fn every_status_keeps_its_number_and_says_what_it_is() {
    let mut texts = Vec::new();
    for (number, (status, text)) in (0..).zip(Status::ALL) {
        assert_eq!(*status as i32, number);
        // SAFETY: the text is zero-terminated and lives for ever, as the header states.
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(recist_status_text(number)) }, *text);
        texts.push(text);
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), STATUSES.len(), "no two statuses say the same");
    for unknown in [-1, 23, i32::MIN, i32::MAX] {
        // SAFETY: as above.
        let text = unsafe { std::ffi::CStr::from_ptr(recist_status_text(unknown)) };
        assert_eq!(text, c"unknown status");
    }
}

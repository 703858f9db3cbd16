//! Another Rust library in one program with the C library: it catches a panic of its own.
#![crate_type = "staticlib"]

/// 42, after a panic was caught.
#[unsafe(no_mangle)]
pub extern "C" fn second_panics() -> i32 {
    std::panic::catch_unwind(|| [0; 1][std::env::args().count()]).unwrap_or(42)
}

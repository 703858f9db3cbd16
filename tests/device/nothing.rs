//! A shared library with one function that can panic: what the standard library alone weighs.

/// Gives the number back.
#[unsafe(no_mangle)]
pub extern "C" fn nothing(n: u32) -> u32 {
    assert!(n < 3, "{n} is too much");
    n
}

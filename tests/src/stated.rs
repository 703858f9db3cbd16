//! What README.md states, for tests that hold it to that.

/// README.md with every run of blanks and ends of lines as one blank.
#[must_use]
pub fn readme() -> String {
    include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a size is the stated one, to a hundredth either way: an unexplained saving is a fault somewhere too.
#[must_use]
pub fn is_stated(found: usize, stated: usize) -> bool {
    found.abs_diff(stated) * 100 <= stated
}

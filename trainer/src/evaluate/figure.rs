use std::fmt;

/// A number as people read it, in the width, precision and sign that the format asks for: a dash where nothing was
/// measured, which in numbers is not a number.
#[derive(Clone, Copy, Debug)]
pub struct Figure(pub f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() {
            self.0.fmt(f)
        } else {
            write!(f, "{:>width$}", "-", width = f.width().unwrap_or(0))
        }
    }
}

/// The ends of an interval as people read them, with `to` between; one dash where there is none.
pub(super) fn interval([low, high]: [f64; 2], to: &str, end: impl Fn(f64) -> String) -> String {
    if low.is_finite() && high.is_finite() {
        format!("{}{to}{}", end(low), end(high))
    } else {
        "-".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_a_dash_as_wide_as_a_number() {
        let written = |value| format!("[{0:>7.2}] [{0:+.1}] [{0:.0}]", Figure(value));
        assert_eq!(written(f64::NAN), "[      -] [-] [-]");
        assert_eq!(written(0.0), "[   0.00] [+0.0] [0]", "an error of nothing is a number");
        assert_eq!(written(-1.25), "[  -1.25] [-1.2] [-1]");
    }
}

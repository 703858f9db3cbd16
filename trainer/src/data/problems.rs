use std::error::Error;
use std::fmt;

/// Something in the data that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which file, row or image.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
    /// How many rows it costs.
    pub rows: usize,
}

/// What a reader left out, and out of how much.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// Rows seen, good and bad.
    pub rows: usize,
    /// The bad ones, in the order of the file.
    pub list: Vec<Problem>,
}

/// More rows than allowed are bad.
#[derive(Clone, Debug, PartialEq)]
pub struct TooManyProblems {
    bad: usize,
    rows: usize,
    allowed_share: f64,
    first: Problem,
}

impl Problems {
    /// Notes a bad row.
    pub fn note(&mut self, place: impl fmt::Display, reason: impl fmt::Display) {
        self.note_rows(place, 1, reason);
    }

    /// Notes what makes `rows` bad at once, as an image does that is missing.
    pub fn note_rows(&mut self, place: impl fmt::Display, rows: usize, reason: impl fmt::Display) {
        self.list.push(Problem { place: place.to_string(), reason: reason.to_string(), rows });
    }

    /// How many rows are bad.
    #[must_use]
    pub fn bad(&self) -> usize {
        self.list.iter().map(|problem| problem.rows).sum()
    }

    /// Whether few enough rows are bad.
    ///
    /// # Errors
    /// If more than `allowed_share` (from 0 to 1) of all rows are bad.
    pub fn check(&self, allowed_share: f64) -> Result<(), TooManyProblems> {
        let (bad, rows) = (self.bad(), self.rows);
        match self.list.first() {
            Some(first) if bad as f64 > allowed_share * rows as f64 => {
                Err(TooManyProblems { bad, rows, allowed_share, first: first.clone() })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl fmt::Display for TooManyProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bad, rows, allowed_share, first } = self;
        write!(
            f,
            "{bad} of {rows} rows are bad, more than the share of {allowed_share}; one of them: {first}"
        )
    }
}

impl Error for TooManyProblems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_bad_rows_is_allowed_and_no_more() {
        let mut problems = Problems { rows: 10, ..Problems::default() };
        problems.note("row 3", "no such image");
        assert_eq!(problems.check(0.1), Ok(()));
        let error = problems.check(0.05).unwrap_err();
        assert!(error.to_string().contains("1 of 10") && error.to_string().contains("row 3: no such image"));
        problems.note_rows("a.png", 4, "missing");
        assert!(problems.check(0.4).unwrap_err().to_string().contains("5 of 10"));
        assert_eq!(problems.check(0.5), Ok(()));
    }
}

use std::fmt;
use std::ops::Add;

use serde::Serialize;

/// Why nothing was measured in a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// The cascade refused.
    Refused,
    /// The cascade never saw it: the box does not fit the packed picture, or shows nothing.
    Unfit,
}

/// In how many boxes nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unmeasured {
    /// Those in which the cascade refused.
    pub refused: usize,
    /// Those that the cascade never saw: they do not fit the packed picture, or show nothing.
    pub unfit: usize,
}

impl Add for Unmeasured {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { refused: self.refused + other.refused, unfit: self.unfit + other.unfit }
    }
}

impl FromIterator<Nothing> for Unmeasured {
    fn from_iter<I: IntoIterator<Item = Nothing>>(boxes: I) -> Self {
        boxes.into_iter().fold(Self::default(), |Self { refused, unfit }, nothing| match nothing {
            Nothing::Refused => Self { refused: refused + 1, unfit },
            Nothing::Unfit => Self { refused, unfit: unfit + 1 },
        })
    }
}

impl fmt::Display for Unmeasured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refused, unfit } = self;
        write!(f, "{refused} refused")?;
        if *unfit > 0 {
            write!(f, ", boxes that do not fit the packed picture or show nothing: {unfit}")?;
        }
        Ok(())
    }
}

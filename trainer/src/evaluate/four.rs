use std::ops::Div;

use serde::Serialize;

/// The same of all four quantities that a measurement is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Four<T> {
    /// The length of the long axis.
    pub long: T,
    /// The length of the short axis.
    pub short: T,
    /// The distance of the long axis' ends.
    pub long_ends: T,
    /// The distance of the short axis' ends.
    pub short_ends: T,
}

impl<T> Four<T> {
    /// All four, each from its number: 0 and 1 lengths, 2 and 3 ends.
    pub fn from_fn(mut of: impl FnMut(usize) -> T) -> Self {
        Self { long: of(0), short: of(1), long_ends: of(2), short_ends: of(3) }
    }

    /// All four in their order.
    pub fn into_array(self) -> [T; 4] {
        [self.long, self.short, self.long_ends, self.short_ends]
    }
}

/// Each over its like.
impl Div for Four<f64> {
    type Output = Self;

    fn div(self, below: Self) -> Self {
        let (above, below) = (self.into_array(), below.into_array());
        Self::from_fn(|i| above[i] / below[i])
    }
}

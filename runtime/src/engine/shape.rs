use core::fmt;

/// The shape of one image's value, without a batch: channels, rows, columns.
///
/// A vector of n numbers is n x 1 x 1. Of a tensor of the engine each is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Channels, or the length of a vector.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A shape of `channels` x `height` x `width`.
    #[must_use]
    pub const fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// The shape of a vector of `length` numbers.
    #[must_use]
    pub const fn vector(length: usize) -> Self {
        Self::new(length, 1, 1)
    }

    /// How many numbers the value has.
    #[must_use]
    pub const fn elements(self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}", self.channels, self.height, self.width)
    }
}

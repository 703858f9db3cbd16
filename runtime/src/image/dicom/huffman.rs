//! The Huffman codes of a JPEG picture, read only as far as it takes to say whether all of them are there.

/// What each code of a table stands for (ITU-T T.81, annex C).
pub(super) struct Table {
    /// The bits of the code that 16 bits begin with, and its symbol; 0 bits if there is no such code.
    codes: Vec<(u8, u8)>,
}

impl Table {
    /// The table that is `stated`: how many codes of each length there are, then their symbols.
    pub(super) fn new(stated: &[u8]) -> Option<Self> {
        let (counts, mut symbols) = stated.split_first_chunk::<16>()?;
        let mut codes = Vec::with_capacity(1 << 16);
        for (bits, count) in (1..).zip(counts) {
            let (ones, longer) = symbols.split_at_checked(usize::from(*count))?;
            for symbol in ones {
                codes.resize(codes.len() + (1 << (16 - bits)), (bits, *symbol));
            }
            symbols = longer;
        }
        (codes.len() <= 1 << 16).then_some(())?;
        codes.resize(1 << 16, (0, 0));
        Some(Self { codes })
    }
}

/// The bits of entropy-coded bytes, up to the next marker.
pub(super) struct Bits<'b> {
    bytes: &'b [u8],
    /// Where the bytes are from which nothing has been taken.
    at: usize,
    /// The next bits, the first of them highest.
    next: u64,
    count: u32,
}

impl<'b> Bits<'b> {
    pub(super) fn new(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at, next: 0, count: 0 }
    }

    /// The symbol of the next code; none if it is not one, or not whole.
    pub(super) fn symbol(&mut self, table: &Table) -> Option<u8> {
        self.fill();
        let (bits, symbol) = table.codes[usize::try_from(self.next >> 48).ok()?];
        (bits > 0).then_some(())?;
        self.skip(bits)?;
        Some(symbol)
    }

    /// Over so many bits; none if they are not there, or are more than 16, which nothing has.
    pub(super) fn skip(&mut self, bits: u8) -> Option<()> {
        (bits <= 16).then_some(())?;
        self.fill();
        self.count = self.count.checked_sub(u32::from(bits))?;
        self.next <<= bits;
        Some(())
    }

    /// Over what is left before the next marker, to the start of it.
    pub(super) fn marker_at(mut self) -> usize {
        while self.byte().is_some() {}
        self.at
    }

    fn fill(&mut self) {
        while self.count <= 56
            && let Some(byte) = self.byte()
        {
            self.next |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next byte before a marker. A byte FF is followed by one that is 0.
    fn byte(&mut self) -> Option<u8> {
        let byte = match self.bytes.get(self.at..)? {
            [0xFF, 0, ..] => 0xFF,
            [0xFF, ..] | [] => return None,
            [byte, ..] => *byte,
        };
        self.at += if byte == 0xFF { 2 } else { 1 };
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_bits_are_skipped_than_a_sample_has() {
        let bytes = [0; 16];
        for (bits, want) in [(0, Some(())), (16, Some(())), (17, None), (64, None), (255, None)] {
            assert_eq!(Bits::new(&bytes, 0).skip(bits), want, "{bits}");
        }
        assert_eq!(Bits::new(&bytes[..1], 0).skip(9), None, "a byte has 8");
    }
}

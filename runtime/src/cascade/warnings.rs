use core::fmt;

/// Where mask and axes overlap less than this a measurement carries [`Warning::LowOverlap`].
pub const LOW_OVERLAP: f64 = 0.6;

/// Why a measurement should be looked at twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Warning {
    /// The pixel spacing is unknown, so there are no millimetres.
    NoSpacing = 1,
    /// The box, grown to a square, reaches the slice's edge, to within a pixel, or beyond it, where the nearest edge
    /// sample counted: the lesion may be cut off.
    BeyondSlice = 2,
    /// An endpoint's confidence is below the model's limit
    /// ([`Cascade::low_confidence`](super::Cascade::low_confidence)).
    LowConfidence = 4,
    /// An endpoint lies near the edge of the canonical patch, or ends an axis within two pixels of the slice's edge:
    /// the lesion may go on beyond what was seen.
    NearEdge = 8,
    /// The axes that were seen are more than 20 degrees from perpendicular.
    NotPerpendicular = 16,
    /// The long axis is longer than 0.85 of the box's side: the box was drawn too tightly, or the lesion is measured
    /// together with what lies beside it.
    FillsBox = 32,
    /// Mask and axes overlap less than [`LOW_OVERLAP`]: the two networks hardly see the same lesion.
    LowOverlap = 64,
    /// An axis ends outside the box, by more than a tenth of its longer side: perhaps it is not the lesion that was
    /// meant.
    OutsideBox = 128,
}

/// A set of warnings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warnings(u32);

impl Warning {
    /// Every warning, in the order of its bit.
    pub const ALL: [Self; 8] = [
        Self::NoSpacing,
        Self::BeyondSlice,
        Self::LowConfidence,
        Self::NearEdge,
        Self::NotPerpendicular,
        Self::FillsBox,
        Self::LowOverlap,
        Self::OutsideBox,
    ];
}

impl Warnings {
    /// The set with `warning` in it if `holds`.
    #[must_use]
    pub const fn with(self, warning: Warning, holds: bool) -> Self {
        if holds { Self(self.0 | warning as u32) } else { self }
    }

    /// Whether the set holds `warning`.
    #[must_use]
    pub const fn contains(self, warning: Warning) -> bool {
        self.0 & warning as u32 != 0
    }

    /// One bit a warning, as the C interface gives them.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The warnings in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        Warning::ALL.into_iter().filter(move |w| self.contains(*w))
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSpacing => "no pixel spacing: lengths in pixels only",
            Self::BeyondSlice => "the box, as a square, reaches the slice's edge: is the lesion cut off?",
            Self::LowConfidence => "low confidence: check the endpoints",
            Self::NearEdge => "an endpoint lies near the edge of the slice or of what the model saw",
            Self::NotPerpendicular => "the axes seen were far from perpendicular: check the endpoints",
            Self::FillsBox => "what was measured fills the box: is it the lesion alone?",
            Self::LowOverlap => "mask and axes hardly show the same lesion: check the endpoints",
            Self::OutsideBox => "an axis ends outside the box: check that it is the lesion that was meant",
        })
    }
}

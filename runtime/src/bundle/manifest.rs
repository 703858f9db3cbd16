use core::fmt;

/// What this runtime's cascade does and its networks must expect: the input that they see (patch size, robust
/// percentiles, range), the canonical layout ([`crate::geometry::LONG_AXIS_FRACTION`]), and the heatmaps that are
/// decoded ([`crate::cascade::decode`]); the manifest states their size beside them.
const CASCADE: [(&str, &str); 3] = [
    ("preprocessing", "patch 128 of 1.25 box sides; percentiles 0.5 and 99.5 of its middle 64 to 0 and 1"),
    ("canonical_layout", "patch 128; long axis horizontal over 0.6 of the width"),
    (
        "heatmaps",
        "4, long axis left and right end, short axis top and bottom end; Gaussians of standard deviation 1 pixel",
    ),
];

/// The lines of a [`Description`].
pub const DESCRIPTION_LINES: usize = 11;

/// What a manifest states of a model; the rest is the same for every model of this runtime's cascade.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    /// What the model is called.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Pixels on a side of a heatmap.
    pub heatmap_size: &'a str,
    /// The confidence below which a measurement is to be looked at twice, from 0 to 1.
    pub low_confidence: &'a str,
    /// What it learned from.
    pub training_data: &'a str,
    /// How well it measures, and on what.
    pub metrics: &'a str,
    /// The terms of its use.
    pub licence: &'a str,
    /// Whose work it rests on.
    pub attribution: &'a str,
}

impl<'a> Description<'a> {
    /// Of networks that are no model: made by hand, or not trained.
    pub const NONE: Self = Self {
        name: "none",
        version: "0",
        heatmap_size: "32",
        low_confidence: "0.5",
        training_data: "none",
        metrics: "none",
        licence: "none",
        attribution: "none",
    };

    /// The manifest's keys and values.
    #[must_use]
    pub const fn lines(&self) -> [(&'a str, &'a str); DESCRIPTION_LINES] {
        let [preprocessing, canonical_layout, heatmaps] = CASCADE;
        [
            ("name", self.name),
            ("version", self.version),
            preprocessing,
            canonical_layout,
            heatmaps,
            ("heatmap_size", self.heatmap_size),
            ("low_confidence", self.low_confidence),
            ("training_data", self.training_data),
            ("metrics", self.metrics),
            ("licence", self.licence),
            ("attribution", self.attribution),
        ]
    }
}

/// The most lines that a manifest may have: finding a repeated key compares them all.
pub const MAX_LINES: usize = 64;

/// A bundle's manifest: at most [`MAX_LINES`] lines of `key: value`, UTF-8, every key once and all those
/// of [`Description::lines`] among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest<'a> {
    text: &'a str,
}

/// Why a manifest cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is not UTF-8.
    NotText {
        /// The first byte that is not.
        at: usize,
    },
    /// A line is not `key: value`.
    Line {
        /// The line's number, from 1.
        number: usize,
    },
    /// There are more than [`MAX_LINES`] lines.
    TooLong,
    /// A key stands twice.
    Repeated {
        /// The number of the second line with it, from 1.
        number: usize,
    },
    /// A required key is missing or empty.
    Missing {
        /// The key.
        key: &'static str,
    },
    /// The model expects something that this runtime does not do.
    Foreign {
        /// The key that states it.
        key: &'static str,
        /// What this runtime does.
        expected: &'static str,
    },
    /// The size of the heatmaps is no number.
    HeatmapSize,
    /// The low confidence is no number from 0 to 1.
    LowConfidence,
}

impl<'a> Manifest<'a> {
    /// Checks the text of a manifest.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        let text = core::str::from_utf8(bytes).map_err(|e| ManifestError::NotText { at: e.valid_up_to() })?;
        let manifest = Self { text };
        for (i, line) in text.lines().enumerate() {
            if i == MAX_LINES {
                return Err(ManifestError::TooLong);
            }
            let (key, _) = line.split_once(": ").ok_or(ManifestError::Line { number: i + 1 })?;
            if manifest.entries().take(i).any(|(earlier, _)| earlier == key) {
                return Err(ManifestError::Repeated { number: i + 1 });
            }
        }
        for (key, _) in Description::NONE.lines() {
            if manifest.get(key).is_none_or(str::is_empty) {
                return Err(ManifestError::Missing { key });
            }
        }
        for (key, expected) in CASCADE {
            if manifest.get(key) != Some(expected) {
                return Err(ManifestError::Foreign { key, expected });
            }
        }
        if manifest.get("heatmap_size").is_none_or(|size| size.parse::<usize>().is_err()) {
            return Err(ManifestError::HeatmapSize);
        }
        if !(0.0..=1.0).contains(&manifest.low_confidence()) {
            return Err(ManifestError::LowConfidence);
        }
        Ok(manifest)
    }

    /// All keys and values, in the order of the file.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.text.lines().filter_map(|line| line.split_once(": "))
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(self, key: &str) -> Option<&'a str> {
        self.entries().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// The model's name, for example `edge`.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.get("name").unwrap_or_default()
    }

    /// The model's version.
    #[must_use]
    pub fn version(self) -> &'a str {
        self.get("version").unwrap_or_default()
    }

    /// Rows and columns of the model's heatmaps.
    #[must_use]
    pub fn heatmap_size(self) -> usize {
        self.get("heatmap_size").and_then(|size| size.parse().ok()).unwrap_or_default()
    }

    /// The confidence below which a measurement is to be looked at twice
    /// ([`Warning::LowConfidence`](crate::cascade::Warning::LowConfidence)).
    #[must_use]
    pub fn low_confidence(self) -> f32 {
        self.get("low_confidence").and_then(|confidence| confidence.parse().ok()).unwrap_or(f32::NAN)
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText { at } => write!(f, "byte {at} is not UTF-8"),
            Self::Line { number } => write!(f, "line {number} is not \"key: value\""),
            Self::TooLong => write!(f, "more than {MAX_LINES} lines"),
            Self::Repeated { number } => write!(f, "line {number} repeats a key"),
            Self::Missing { key } => write!(f, "{key} is missing"),
            Self::Foreign { key, expected } => {
                write!(f, "the model's {key} differs from this runtime's, which is \"{expected}\"")
            }
            Self::HeatmapSize => f.write_str("heatmap_size is not a number of pixels"),
            Self::LowConfidence => f.write_str("low_confidence is not a number from 0 to 1"),
        }
    }
}

impl core::error::Error for ManifestError {}

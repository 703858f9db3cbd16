use std::path::PathBuf;

use recist::geometry::{Keypoints, PixelSpacing, Point};
use recist::image::CtFile;

use super::{Lesion, Origin, Split, lesion::check_keypoints};

/// The side of a packed patch, in lengths of the lesion's longest axis.
///
/// A training step cuts a square of at most [`super::Augmentation::careless_scale`]'s 3 axis lengths with its
/// [`MARGIN`](recist::image::MARGIN), moved by at most 0.25 and turned by any angle: its corner is at most
/// `(1.875 + 0.25) √2 < 3.01` lengths away.
const SIDE_IN_AXES: f64 = 6.0;

/// A side beyond which a patch is not cut: no lesion that a radiologist measures on a slice needs it.
const MAXIMUM_SIDE: f64 = 4096.0;

/// A lesion that a reader of some format found, with its endpoints in pixels of the whole image.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The image file.
    pub path: PathBuf,
    /// See [`Lesion::name`].
    pub name: String,
    /// See [`Lesion::patient`].
    pub patient: String,
    /// See [`Lesion::lesion`].
    pub lesion: String,
    /// See [`Lesion::split`].
    pub split: Split,
    /// See [`Lesion::organ`].
    pub organ: Option<String>,
    /// See [`Lesion::spacing_mm`].
    pub spacing_mm: [f64; 2],
    /// See [`Lesion::largest`].
    pub largest: bool,
    /// Each reader's endpoints.
    pub readers: Vec<Keypoints>,
    /// Where the readers' outlines are, if they drew any.
    pub outlines: Option<Outlines>,
}

/// A picture of what readers outlined.
#[derive(Clone, Debug)]
pub struct Outlines {
    /// A file as large as the image.
    pub path: PathBuf,
    /// The bit of its values that is set inside each reader's outline.
    pub bits: Vec<u8>,
}

/// A lesion cut out of its image.
#[derive(Clone, Debug)]
pub struct CutPatch {
    /// What the pack says of it.
    pub lesion: Lesion,
    /// Rows and columns.
    pub side: usize,
    /// Samples row by row.
    pub samples: Vec<f32>,
    /// Where readers outlined the lesion: bit i of a value is set inside the outline of reader i.
    pub outlines: Option<Vec<f32>>,
}

/// Cuts a candidate's patch out of its image, at the image's own resolution. Where the patch reaches beyond the image, the nearest edge sample counts. A
/// square image hardly larger than the patch is kept whole.
///
/// # Errors
/// If an endpoint lies outside the image, the endpoints are no measurement, or the outlines cannot be read.
pub fn cut(candidate: &Candidate, image: &CtFile) -> Result<CutPatch, String> {
    let slice = image.slice();
    let (width, height) = (slice.width(), slice.height());
    let points: Vec<Point> = candidate.readers.iter().flat_map(|k| k.to_array()).collect();
    for &point in &points {
        if !slice.contains(point) {
            return Err(format!(
                "the endpoint ({}, {}) lies outside the {width} x {height} image",
                point.x, point.y
            ));
        }
    }
    let [row, column] = candidate.spacing_mm;
    let spacing = PixelSpacing::new(row, column).map_err(|error| error.to_string())?;
    candidate.readers.iter().try_for_each(|keypoints| check_keypoints(keypoints, spacing))?;
    let longest = candidate.readers.iter().map(|k| k.long_start.distance(k.long_end)).fold(0.0, f64::max);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limited, and positive")]
    let side = (SIDE_IN_AXES * longest).clamp(16.0, MAXIMUM_SIDE).ceil() as usize;
    let (side, origin) = if width == height && width * 4 <= side * 5 {
        (width, [0, 0])
    } else {
        let center =
            points.iter().fold(Point::new(0.0, 0.0), |sum, &p| sum + p) * (1.0 / points.len() as f64);
        (side, [center.x, center.y].map(|at| first_pixel(at, side)))
    };

    let at = |first: i64, step: usize, size: usize| {
        usize::try_from(first + step as i64).unwrap_or(0).min(size - 1)
    };
    let part = |samples: &[f32]| -> Vec<f32> {
        let places = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        places.map(|(x, y)| samples[at(origin[1], y, height) * width + at(origin[0], x, width)]).collect()
    };
    let outlines = candidate.outlines.as_ref().map(|outlines| outlines.read([width, height])).transpose()?;
    let lesion = Lesion {
        name: candidate.name.clone(),
        patient: candidate.patient.clone(),
        lesion: candidate.lesion.clone(),
        split: candidate.split,
        origin: Origin::Real,
        organ: candidate.organ.clone(),
        spacing_mm: candidate.spacing_mm,
        largest: candidate.largest,
        readers: candidate
            .readers
            .iter()
            .map(|k| k.to_array().map(|p| [p.x - origin[0] as f64, p.y - origin[1] as f64]))
            .collect(),
        patch_origin: origin,
    };
    Ok(CutPatch { lesion, side, samples: part(image.samples()), outlines: outlines.as_deref().map(part) })
}

impl Outlines {
    /// The outlines, row by row, with bit i for the i-th reader.
    fn read(&self, [width, height]: [usize; 2]) -> Result<Vec<f32>, String> {
        let named = |reason: &dyn std::fmt::Display| format!("{}: {reason}", self.path.display());
        let file = CtFile::read(&self.path, None).map_err(|error| named(&error))?;
        let (columns, rows) = (file.slice().width(), file.slice().height());
        if (columns, rows) != (width, height) {
            return Err(named(&format_args!("{columns} x {rows} pixels on an image of {width} x {height}")));
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an 8-bit picture; saturating"
        )]
        let of_readers = |&value: &f32| {
            let bits = self.bits.iter().enumerate();
            bits.map(|(reader, bit)| u32::from(value as u8 >> bit & 1) << reader).sum::<u32>() as f32
        };
        Ok(file.samples().iter().map(of_readers).collect())
    }
}

fn first_pixel(center: f64, side: usize) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a place on an image")]
    let first = (center - (side - 1) as f64 / 2.0).round() as i64;
    first
}

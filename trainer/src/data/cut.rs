use std::path::PathBuf;

use recist::geometry::{Keypoints, Point};
use recist::image::CtFile;

use super::{Lesion, Origin, Split, lesion::check_keypoints};

/// The side of a packed patch, in lengths of the lesion's longest axis.
///
/// A training step cuts a square of at most [`super::Augmentation::box_scale`]'s 3 axis lengths, moved by at
/// most 0.25 and turned by any angle: its corner is at most `1.5 √2 + 0.25 √2 < 2.5` lengths away.
const SIDE_IN_AXES: f64 = 5.0;

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
}

/// Cuts a candidate's patch out of its image: the lesion, the patch's side and its samples row by row, at
/// the image's own resolution. Where the patch reaches beyond the image, the nearest edge sample counts. A
/// square image hardly larger than the patch is kept whole.
///
/// # Errors
/// If an endpoint lies outside the image or the endpoints are no measurement.
pub fn cut(candidate: &Candidate, image: &CtFile) -> Result<(Lesion, usize, Vec<f32>), String> {
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
    candidate.readers.iter().try_for_each(check_keypoints)?;
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
    let samples = image.samples();
    let patch = (0..side).flat_map(|y| {
        let row = at(origin[1], y, height) * width;
        (0..side).map(move |x| samples[row + at(origin[0], x, width)])
    });
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
    Ok((lesion, side, patch.collect()))
}

fn first_pixel(center: f64, side: usize) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a place on an image")]
    let first = (center - (side - 1) as f64 / 2.0).round() as i64;
    first
}

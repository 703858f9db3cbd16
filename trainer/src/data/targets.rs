use recist::cascade::MASK_SIZE;
use recist::geometry::{AffineGrid, AffineMap, Keypoints, Point, Theta};
use recist::image::{self, PATCH_SIZE};
use serde::{Deserialize, Serialize};

use super::{PackError, Pixels, Sample};

/// Standard deviation of a heatmap's Gaussian, in heatmap pixels (paper, section 2.2).
pub const HEATMAP_SIGMA: f64 = 1.0;

/// Places along each side of a mask pixel at which it is looked whether they are lesion.
const PLACES: usize = 4;

/// What the localization network should have answered.
#[derive(Clone, Debug)]
pub struct Targets {
    /// tx, ty, cos 2α, sin 2α, ln s.
    pub theta: [f32; 5],
    /// The share of each mask pixel that is lesion, row by row.
    pub mask: Vec<f32>,
}

impl Targets {
    /// The targets for endpoints in pixels of the patch.
    ///
    /// # Errors
    /// If the endpoints have no θ.
    pub fn of(keypoints: &Keypoints) -> Result<(Self, Theta), String> {
        let to_normalised = AffineMap::pixels_to_normalised(PATCH_SIZE);
        let normalised = keypoints.map(|p| to_normalised.apply(p));
        let theta = Theta::of_keypoints(&normalised).map_err(|error| error.to_string())?;
        let (cos2, sin2) = theta.double_angle();
        #[allow(clippy::cast_possible_truncation, reason = "the networks' numbers are f32")]
        let numbers = [theta.shift().x, theta.shift().y, cos2, sin2, theta.scale().ln()].map(|v| v as f32);
        Ok((Self { theta: numbers, mask: ellipse_mask(&normalised) }, theta))
    }
}

/// The pseudo-mask of section 2.1: the ellipse round the mean of the endpoints (normalised patch coordinates)
/// with both axes' lengths, along the long axis. A pixel's value is the share of it that lies inside.
#[must_use]
pub fn ellipse_mask(keypoints: &Keypoints) -> Vec<f32> {
    let center = keypoints.center();
    let long = keypoints.long().vector();
    let half_long = long.length() / 2.0;
    let half_short = keypoints.short().length() / 2.0;
    let along = long * (0.5 / half_long);
    let inside = |p: Point| {
        let (u, v) = ((p - center).dot(along), (p - center).dot(Point::new(-along.y, along.x)));
        (u / half_long).powi(2) + (v / half_short).powi(2) <= 1.0
    };
    let to_normalised = AffineMap::pixels_to_normalised(MASK_SIZE * PLACES);
    averaged(|x, y| f32::from(inside(to_normalised.apply(Point::new(x as f64, y as f64)))))
}

/// What the localization network's mask is to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskTarget {
    /// The paper's ellipse through the endpoints ([`ellipse_mask`]).
    #[default]
    Ellipse,
    /// The drawn reader's outline where there is one, else the ellipse.
    Outline,
}

impl MaskTarget {
    /// The mask of a sample whose ellipse is given.
    ///
    /// # Errors
    /// If the outlines cannot be read from the pack.
    pub fn of(self, ellipse: Vec<f32>, sample: &Sample, pixels: Pixels<'_>) -> Result<Vec<f32>, PackError> {
        if self == Self::Ellipse || !pixels.has_outlines() {
            return Ok(ellipse);
        }
        let mut outlines = Vec::new();
        pixels.read_outlines(&mut outlines)?;
        Ok(outline_mask(&outlines, sample.reader, sample.patch_to_source))
    }
}

/// The mask of a reader's outline: the share of each mask pixel that lies inside, linear between the centres of
/// the source's pixels. `outlines` are a square of values whose bit `reader` is set inside.
fn outline_mask(outlines: &[f32], reader: usize, patch_to_source: AffineMap) -> Vec<f32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bits of an 8-bit picture")]
    let inside: Vec<f32> = outlines.iter().map(|&v| f32::from(v as u8 >> reader & 1)).collect();
    let mask_to_source = AffineMap::pixels_to_normalised(MASK_SIZE * PLACES)
        .then(AffineMap::normalised_to_pixels(PATCH_SIZE))
        .then(patch_to_source);
    let mut fine = vec![0.0; MASK_SIZE * PLACES * MASK_SIZE * PLACES];
    let side = inside.len().isqrt();
    image::sample(&inside, side, &AffineGrid::new(mask_to_source, MASK_SIZE * PLACES), &mut fine);
    averaged(|x, y| fine[y * MASK_SIZE * PLACES + x])
}

/// The mask whose pixels are the means of [`PLACES`] x [`PLACES`] finer values each.
fn averaged(fine: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut mask = vec![0.0; MASK_SIZE * MASK_SIZE];
    for y in 0..MASK_SIZE * PLACES {
        for x in 0..MASK_SIZE * PLACES {
            mask[y / PLACES * MASK_SIZE + x / PLACES] += fine(x, y) / (PLACES * PLACES) as f32;
        }
    }
    mask
}

/// Four heatmaps of `size` squared, row by row, one after the other: Gaussians of height 1 round the
/// endpoints (pixels of the patch) as the canonical patch of `theta` shows them.
///
/// There the long axis starts at its left end and the short axis at its top end
/// ([`Keypoints::ordered`]): the long axis lies within 45° of horizontal however far θ is off, so left and
/// right never change places.
///
/// # Errors
/// If `theta` has no inverse.
#[allow(clippy::cast_possible_truncation, reason = "heatmaps are f32")]
pub fn gaussian_heatmaps(keypoints: &Keypoints, theta: Theta, size: usize) -> Result<Vec<f32>, String> {
    let to_canonical = theta.canonical_to_patch().inverse().ok_or("θ has no inverse")?;
    let to_heatmap = AffineMap::pixels_to_normalised(PATCH_SIZE)
        .then(to_canonical)
        .then(AffineMap::normalised_to_pixels(size));
    let points = keypoints.map(|p| to_heatmap.apply(p)).ordered().to_array();
    let factor = -0.5 / (HEATMAP_SIGMA * HEATMAP_SIGMA);
    let mut heatmaps = Vec::with_capacity(4 * size * size);
    for point in points {
        let profile =
            |at: f64| -> Vec<f64> { (0..size).map(|i| (factor * (i as f64 - at).powi(2)).exp()).collect() };
        let (columns, rows) = (profile(point.x), profile(point.y));
        for row in rows {
            heatmaps.extend(columns.iter().map(|column| (row * column) as f32));
        }
    }
    Ok(heatmaps)
}

#[cfg(test)]
mod tests {
    use recist::cascade::decode;

    use super::*;

    fn turned(degrees: f64) -> Keypoints {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let place = |x: f64, y: f64| Point::new(60.0 + x * cos - y * sin, 66.0 + x * sin + y * cos);
        Keypoints::from_array([place(-30.0, 0.0), place(30.0, 0.0), place(3.0, -18.0), place(3.0, 18.0)])
    }

    #[test]
    fn the_ellipse_has_the_area_of_an_ellipse() {
        let (targets, _) = Targets::of(&turned(30.0)).unwrap();
        let area: f32 = targets.mask.iter().sum();
        let expected = std::f64::consts::PI * 30.0 * 18.0 / 16.0;
        assert!((f64::from(area) / expected - 1.0).abs() < 0.02, "{area} {expected}");
    }

    #[test]
    fn an_outline_is_seen_where_the_patch_shows_it() {
        // Reader 1 outlined the left half of a picture of 64 pixels, reader 0 nothing.
        let outlines: Vec<f32> = (0..64 * 64).map(|i| if i % 64 < 32 { 2.0 } else { 0.0 }).collect();
        let patch_to_source =
            AffineMap::pixels_to_normalised(PATCH_SIZE).then(AffineMap::normalised_to_pixels(64));
        let mask = outline_mask(&outlines, 1, patch_to_source);
        for (i, value) in mask.iter().enumerate() {
            let expected = f32::from(i % MASK_SIZE < 16);
            assert!((value - expected).abs() < 0.3, "{i}: {value}");
            assert!((value - expected).abs() < 1e-6 || (15..17).contains(&(i % MASK_SIZE)), "{i}: {value}");
        }
        assert!(outline_mask(&outlines, 0, patch_to_source).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn left_and_top_ends_come_first_at_every_angle() {
        for degrees in (-360..=360).step_by(5).flat_map(|d| [-0.01, 0.0, 0.01].map(|e| f64::from(d) + e)) {
            let keypoints = turned(degrees);
            let (_, theta) = Targets::of(&keypoints).unwrap();
            let maps = gaussian_heatmaps(&keypoints, theta, 32).unwrap();
            let points: Vec<Point> = maps.chunks_exact(32 * 32).map(|map| decode(map, 32).position).collect();
            assert!((points[0].y - points[1].y).abs() < 0.1, "{degrees}: the long axis is horizontal");
            assert!(points[1].x - points[0].x > 15.0, "{degrees}: left, right");
            assert!(points[3].y - points[2].y > 8.0, "{degrees}: top, bottom");
        }
    }

    #[test]
    fn the_target_of_the_angle_does_not_jump_where_the_axis_turns_round() {
        let theta = |degrees| Targets::of(&turned(degrees)).unwrap().0.theta;
        for degrees in [0.0, 90.0, 179.5, -90.0, 180.0] {
            let (a, b) = (theta(degrees - 0.5), theta(degrees + 0.5));
            let apart = (a[2] - b[2]).hypot(a[3] - b[3]);
            assert!(apart < 0.04, "{degrees}: {a:?} {b:?}");
        }
    }
}

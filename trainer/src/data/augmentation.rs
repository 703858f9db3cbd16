use rand::RngExt;
use rand_distr::StandardNormal;
use recist::geometry::{AffineGrid, AffineMap, Keypoints, LesionBox, PixelSpacing, Point};
use recist::image::{self, PATCH_PIXELS, PATCH_SIZE, Patch};
use serde::{Deserialize, Serialize};

use super::{Depth, Lesion, Random, random};

/// How a lesion is changed from one training step to the next. Ranges are `[lowest, highest]`, drawn evenly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// The box's side, in longer sides of the rectangle round the endpoints ([`LesionBox::drawn_round`]).
    /// What a box says of the lesion's size is worth learning.
    pub box_scale: [f64; 2],
    /// The share of boxes that are drawn with less care.
    pub careless: f64,
    /// Their sides, in the same unit.
    pub careless_scale: [f64; 2],
    /// How far the box's centre is moved, at most, in the same unit and either direction of each axis.
    pub box_offset: f64,
    /// Whether the lesion is turned by any angle and flipped.
    pub turn: bool,
    /// The share of samples in Hounsfield units that are seen through a window, as a picture would be.
    pub windowed: f64,
    /// The exponent that the normalised grey values are raised to.
    pub gamma: [f64; 2],
    /// The factor that stretches them about their middle.
    pub gain: [f64; 2],
    /// What is added to them, at most, with either sign.
    pub offset: f64,
    /// The share of samples that are blurred, and the blur's greatest standard deviation in patch pixels.
    pub blur: [f64; 2],
    /// The greatest standard deviation of the noise that is added to the normalised grey values.
    pub noise: f64,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            box_scale: [2.0, 2.5],
            careless: 0.8,
            careless_scale: [1.3, 3.0],
            box_offset: 0.25,
            turn: true,
            windowed: 0.5,
            gamma: [0.7, 1.4],
            gain: [0.85, 1.15],
            offset: 0.08,
            blur: [0.25, 1.2],
            noise: 0.03,
        }
    }
}

/// A lesion as one training step sees it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The normalised patch, with the grey values changed.
    pub patch: Box<Patch>,
    /// The number of the reader that was drawn.
    pub reader: usize,
    /// That reader's endpoints, in patch pixels.
    pub keypoints: Keypoints,
    /// Patch pixels to pixels of the packed patch.
    pub patch_to_source: AffineMap,
}

/// Draws a reader, a box and everything else, and makes the patch that the box shows.
///
/// `samples` are the lesion's square packed patch of the given depth. One affine map takes both the picture
/// and the points to the patch.
///
/// # Errors
/// If the patch shows nothing.
pub fn augment(
    lesion: &Lesion,
    samples: &[f32],
    depth: Depth,
    augmentation: &Augmentation,
    random: &mut Random,
) -> Result<Sample, String> {
    let reader = random.random_range(0..lesion.readers.len());
    let keypoints = lesion.keypoints().nth(reader).ok_or("no reader")?;
    // Pixels as wide as the source's columns, and square: where a turned lesion keeps its shape.
    let square_to_source = AffineMap::scale_then_shift(1.0, 1.0 / lesion.spacing.stretch(), Point::default());
    let turn = if augmentation.turn { random::any_turn(random) } else { AffineMap::IDENTITY };
    let turned_to_source = turn.then(square_to_source);
    let source_to_turned = turned_to_source.inverse().ok_or("no inverse")?;

    let careless = random.random_bool(augmentation.careless);
    let scales = if careless { augmentation.careless_scale } else { augmentation.box_scale };
    let scale = random.random_range(scales[0]..=scales[1]);
    let mut offset = || random.random_range(-augmentation.box_offset..=augmentation.box_offset);
    let offset = Point::new(offset(), offset());
    let turned = keypoints.map(|p| source_to_turned.apply(p));
    let area =
        LesionBox::drawn_round(&turned.to_array(), scale, offset).map_err(|error| error.to_string())?;
    let square = image::patch_square(area, PixelSpacing::UNIT);
    let patch_to_source = AffineMap::pixels_to_normalised(PATCH_SIZE)
        .then(AffineMap::normalised_to_box(square))
        .then(turned_to_source);
    let source_to_patch = patch_to_source.inverse().ok_or("no inverse")?;

    let mut patch = Box::new([0.0; PATCH_PIXELS]);
    resample(samples, patch_to_source, square.width() / PATCH_SIZE as f64, &mut patch);
    if depth == Depth::I16 && random.random_bool(augmentation.windowed) {
        let (low, high) = (random.random_range(-250.0..-100.0), random.random_range(150.0..350.0));
        patch.iter_mut().for_each(|v| *v = v.clamp(low, high));
    }
    let mut scratch = Box::new([0.0; PATCH_PIXELS]);
    image::normalise(&mut patch, &mut scratch).map_err(|error| error.to_string())?;
    change_grey_values(&mut patch, &mut scratch, augmentation, random);
    Ok(Sample { patch, reader, keypoints: keypoints.map(|p| source_to_patch.apply(p)), patch_to_source })
}

/// Samples the patch out of the source; where a patch pixel covers several source pixels, it is the mean of
/// as many places.
fn resample(source: &[f32], patch_to_source: AffineMap, step: f64, patch: &mut Patch) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few places per pixel")]
    let places = step.ceil().clamp(1.0, 64.0) as usize;
    let side = source.len().isqrt();
    if places == 1 {
        return image::sample(source, side, &AffineGrid::new(patch_to_source, PATCH_SIZE), patch);
    }
    let share = 1.0 / places as f64;
    let to_patch =
        AffineMap::scale_then_shift(share, share, Point::new(share / 2.0 - 0.5, share / 2.0 - 0.5));
    let fine_size = PATCH_SIZE * places;
    let mut fine = vec![0.0; fine_size * fine_size];
    image::sample(source, side, &AffineGrid::new(to_patch.then(patch_to_source), fine_size), &mut fine);
    patch.fill(0.0);
    for (y, row) in fine.chunks_exact(fine_size).enumerate() {
        let target = &mut patch[y / places * PATCH_SIZE..][..PATCH_SIZE];
        for (value, places_of_pixel) in target.iter_mut().zip(row.chunks_exact(places)) {
            *value += places_of_pixel.iter().sum::<f32>() / (places * places) as f32;
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "grey values are f32")]
fn change_grey_values(
    patch: &mut Patch,
    scratch: &mut Patch,
    augmentation: &Augmentation,
    random: &mut Random,
) {
    let gamma = random.random_range(augmentation.gamma[0]..=augmentation.gamma[1]) as f32;
    let gain = random.random_range(augmentation.gain[0]..=augmentation.gain[1]) as f32;
    let offset = random.random_range(-augmentation.offset..=augmentation.offset) as f32;
    patch.iter_mut().for_each(|v| *v = (v.powf(gamma) - 0.5) * gain + 0.5 + offset);
    if random.random_bool(augmentation.blur[0]) {
        blur(patch, scratch, random.random_range(0.0..=augmentation.blur[1]));
    }
    let noise = random.random_range(0.0..=augmentation.noise) as f32;
    for value in patch {
        let normal: f32 = random.sample(StandardNormal);
        *value = (*value + noise * normal).clamp(0.0, 1.0);
    }
}

/// A Gaussian blur of at most 1.5 pixels' standard deviation, by five weights each way.
#[allow(clippy::cast_possible_truncation, reason = "weights are f32")]
fn blur(patch: &mut Patch, scratch: &mut Patch, deviation: f64) {
    let weight = |distance: f64| (-(distance / deviation.max(1e-3)).powi(2) / 2.0).exp();
    let sum = 1.0 + 2.0 * (weight(1.0) + weight(2.0));
    let [w0, w1, w2] = [1.0 / sum, weight(1.0) / sum, weight(2.0) / sum].map(|w| w as f32);
    let pass = |from: &Patch, to: &mut Patch| {
        for y in 0..PATCH_SIZE {
            let row = &from[y * PATCH_SIZE..][..PATCH_SIZE];
            let at = |x: usize, step: isize| row[x.saturating_add_signed(step).min(PATCH_SIZE - 1)];
            for x in 0..PATCH_SIZE {
                to[x * PATCH_SIZE + y] =
                    w0 * at(x, 0) + w1 * (at(x, -1) + at(x, 1)) + w2 * (at(x, -2) + at(x, 2));
            }
        }
    };
    pass(patch, scratch);
    pass(scratch, patch);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{keyed, phantom};

    #[test]
    fn points_go_to_the_patch_and_back() {
        for index in 0..40 {
            let phantom = phantom(2, index, None);
            let mut random = keyed(0, 0, index);
            let sample =
                augment(&phantom.lesion, &phantom.samples, Depth::I16, &Augmentation::default(), &mut random)
                    .unwrap();
            let there = phantom.lesion.keypoints().next().unwrap().to_array();
            let back = sample.keypoints.map(|p| sample.patch_to_source.apply(p)).to_array();
            for (a, b) in there.into_iter().zip(back) {
                assert!(a.distance(b) < 1e-9, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn picture_and_points_move_together() {
        // A picture whose value is its own column: the patch must show each place's own coordinates.
        let side = 120;
        let mut phantom = phantom(2, 0, None);
        phantom.lesion.readers = vec![[[50.0, 60.0], [80.0, 62.0], [65.0, 52.0], [64.0, 70.0]]];
        let columns: Vec<f32> = (0..side * side).map(|i| (i % side) as f32).collect();
        for index in 0..20 {
            let mut random = keyed(0, 1, index);
            let plain = Augmentation {
                gamma: [1.0; 2],
                gain: [1.0; 2],
                offset: 0.0,
                blur: [0.0, 0.0],
                noise: 0.0,
                windowed: 0.0,
                ..Augmentation::default()
            };
            let sample = augment(&phantom.lesion, &columns, Depth::U8, &plain, &mut random).unwrap();
            let mut raw = Box::new([0.0; PATCH_PIXELS]);
            resample(&columns, sample.patch_to_source, 1.5, &mut raw);
            let middle = 64 * PATCH_SIZE + 64;
            let expected = sample.patch_to_source.apply(Point::new(64.0, 64.0)).x;
            assert!((f64::from(raw[middle]) - expected).abs() < 1e-3, "{} {expected}", raw[middle]);
        }
    }

    #[test]
    fn a_sample_depends_on_its_key_alone() {
        let phantom = phantom(2, 1, None);
        let draw = |step| {
            let mut random = keyed(7, step, 3);
            augment(&phantom.lesion, &phantom.samples, Depth::I16, &Augmentation::default(), &mut random)
                .unwrap()
        };
        assert_eq!(draw(5).patch, draw(5).patch);
        assert_ne!(draw(5).patch, draw(6).patch);
        assert!(draw(5).patch.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}

//! Generated lesions: CT-like slices in Hounsfield units with lesions whose axes are known.

mod outline;
mod raster;
mod tissue;

pub use tissue::Backgrounds;

use std::iter;

use rand::RngExt;
use rand_distr::StandardNormal;
use recist::geometry::{Keypoints, PixelSpacing, Point};

use super::{Lesion, LesionPatch, Origin, Random, Split, keyed};
use outline::Outline;
use raster::Raster;

/// The shortest and the longest axis that is generated, in pixels.
const LONG_AXIS: [f64; 2] = [8.0, 70.0];

/// The side of the picture, in lengths of the long axis: what a box of 3 times the lesion shows with its margin,
/// moved by a quarter, but for the corners.
const SIDE_IN_AXES: f64 = 5.0;

/// The phantom of this number in the sequence of `seed`: with `backgrounds`, a generated lesion in real
/// soft tissue; without, generated throughout. Long axes from 8 to 70 pixels, logarithmically even. Its one reader is
/// the generator, its samples are whole Hounsfield units.
#[must_use]
pub fn phantom(seed: u64, index: u64, backgrounds: Option<&Backgrounds>) -> LesionPatch {
    let mut random = keyed(seed, index, u64::from(backgrounds.is_some()));
    loop {
        let long = (random.random_range(LONG_AXIS[0].ln()..LONG_AXIS[1].ln())).exp();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 350")]
        let side = (SIDE_IN_AXES * long).max(64.0) as usize;
        let middle = (side - 1) as f64 / 2.0;
        let wander = 0.1 * long;
        let center = Point::new(
            middle + random.random_range(-wander..wander),
            middle + random.random_range(-wander..wander),
        );
        let outline = Outline::random(&mut random, center, long);
        let Some(keypoints) = outline.axes() else { continue };
        let ground = match backgrounds {
            None => Some(tissue::generated(&mut random, side)),
            Some(backgrounds) => backgrounds.soft_tissue(&mut random, side, long),
        };
        let Some(mut image) = ground else { continue };
        paint(&mut random, &mut image, &outline, long);
        if backgrounds.is_none() {
            scan(&mut random, &mut image);
        }
        return finished(seed, index, backgrounds.is_some(), &mut random, &keypoints, image);
    }
}

fn finished(
    seed: u64,
    index: u64,
    blended: bool,
    random: &mut Random,
    keypoints: &Keypoints,
    mut image: Raster,
) -> LesionPatch {
    let spacing = random.random_range(0.5..0.95);
    for value in &mut image.values {
        *value = value.clamp(-1024.0, 3071.0).round();
    }
    let (origin, kind) = if blended { (Origin::Blended, "blended") } else { (Origin::Phantom, "phantom") };
    let name = format!("{kind}-{seed}-{index:06}");
    let lesion = Lesion {
        patient: name.clone(),
        lesion: name.clone(),
        split: Split::of_patient(&name),
        name,
        origin,
        organ: None,
        spacing: PixelSpacing::new(spacing, spacing).expect("pixels are square and within the range"),
        largest: true,
        readers: vec![keypoints.to_array().map(|p| [p.x, p.y])],
        patch_origin: [0, 0],
    };
    LesionPatch { lesion, side: image.side, samples: image.values, outlines: None }
}

/// Puts the lesion into the tissue: brighter or darker than what is round it, with texture, sometimes a rim, a
/// necrotic core, a cavity, a layer of fat, or neighbours more or less of its own density that touch it.
fn paint(random: &mut Random, image: &mut Raster, outline: &Outline, long: f64) {
    let side = image.side;
    let shape = Raster::filled(side, &outline.painted);
    let mask = shape.blurred(random.random_range(0.4..1.4));
    let around = shape.blurred(0.12 * long);
    let mut ring: Vec<f32> = (0..side * side)
        .filter(|&i| shape.values[i] == 0.0 && around.values[i] > 0.05)
        .map(|i| image.values[i])
        .collect();
    ring.sort_unstable_by(f32::total_cmp);
    let ground = ring.get(ring.len() / 2).copied().unwrap_or(0.0);

    let contrast: f32 = random.random_range(12.0..110.0);
    let in_air = ground < -500.0;
    let contrast = match (in_air, random.random_bool(0.5)) {
        (true, _) => -ground - 100.0 + contrast,
        (false, true) => contrast,
        (false, false) => -contrast,
    };
    let grain = image.difference(&image.blurred(2.0));
    let texture = Raster::noise(random, side)
        .blurred(random.random_range(1.5..4.0))
        .scaled_to_deviation(random.random_range(0.0..15.0));
    let mut lesion: Vec<f32> = (0..side * side)
        .map(|i| ground + contrast + texture.values[i] + if in_air { 0.0 } else { grain.values[i] })
        .collect();

    if random.random_bool(0.3) {
        let cavity = in_air && random.random_bool(0.3);
        let depth: f32 = if cavity { contrast } else { random.random_range(10.0..60.0) * contrast.signum() };
        let core_long = long * random.random_range(0.3..0.65);
        let core = Outline::random(random, outline.center, core_long);
        let core = Raster::filled(side, &core.painted).blurred(random.random_range(1.0..2.5));
        for (value, share) in lesion.iter_mut().zip(&core.values) {
            *value -= depth * share;
        }
    } else if random.random_bool(0.25) {
        let strength: f32 = random.random_range(10.0..50.0);
        let inner = shape.blurred(0.08 * long);
        for (value, share) in lesion.iter_mut().zip(&inner.values) {
            *value += strength * (1.0 - share);
        }
    }
    if random.random_bool(0.4) {
        for _ in 0..random.random_range(1..4) {
            let neighbour = Raster::filled(side, &outline.neighbour(random, long).painted).blurred(0.7);
            let spread: f32 = random.sample(StandardNormal);
            let density = ground + contrast + random.random_range(4.0..30.0) * spread;
            image.blend(&neighbour, grain.values.iter().map(|grain| density + grain));
        }
    }
    if !in_air && random.random_bool(0.35) {
        let fat: f32 = random.random_range(-115.0..-70.0);
        let layer = around.blurred(0.05 * long);
        let amount: f32 = random.random_range(0.2..1.0);
        for (value, share) in image.values.iter_mut().zip(&layer.values) {
            let share = (2.5 * share).min(1.0) * amount;
            *value += (fat - *value) * share;
        }
    }
    if random.random_bool(0.3) {
        // A vessel or a strand of tissue that the lesion hangs on.
        let strand = Raster::filled(side, &outline.strand(random, side)).blurred(0.8);
        let value: f32 = ground.max(-20.0) + random.random_range(0.0..120.0);
        image.blend(&strand, iter::repeat(value));
    }
    image.blend(&mask, lesion);
}

/// What the scanner adds: its point spread and its noise.
fn scan(random: &mut Random, image: &mut Raster) {
    *image = image.blurred(random.random_range(0.3..1.0));
    let noise = Raster::noise(random, image.side)
        .blurred(random.random_range(0.4..1.2))
        .scaled_to_deviation(random.random_range(4.0..24.0));
    for (value, noise) in image.values.iter_mut().zip(&noise.values) {
        *value += noise;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phantom_depends_on_its_seed_and_number_alone() {
        let [a, b, c] = [(1, 5), (1, 5), (1, 6)].map(|(seed, index)| phantom(seed, index, None));
        assert_eq!((&a.lesion, &a.samples), (&b.lesion, &b.samples));
        assert_ne!(a.samples, c.samples);
    }

    #[test]
    fn every_phantom_has_its_lesion_inside_and_axes_that_are_a_measurement() {
        for index in 0..60 {
            let phantom = phantom(9, index, None);
            let limit = (phantom.side - 1) as f64;
            for keypoints in phantom.lesion.keypoints() {
                assert_eq!(
                    super::super::lesion::check_keypoints(&keypoints, phantom.lesion.spacing),
                    Ok(()),
                    "phantom {index}"
                );
                for p in keypoints.to_array() {
                    assert!((0.0..=limit).contains(&p.x) && (0.0..=limit).contains(&p.y), "phantom {index}");
                }
                let long = keypoints.long().vector();
                let short = keypoints.short().vector();
                assert!(long.dot(short).abs() < 1e-6 * long.length() * short.length(), "phantom {index}");
            }
        }
    }

    #[test]
    fn a_lesion_differs_from_what_is_round_it() {
        let seen = (0..40).filter(|&index| {
            let phantom = phantom(3, index, None);
            let points: Vec<Point> = phantom.lesion.keypoints().flat_map(|k| k.to_array()).collect();
            let inside = Raster::filled(phantom.side, &[points[0], points[2], points[1], points[3]]);
            let outside = inside.blurred(3.0);
            let mean = |keep: &dyn Fn(usize) -> bool| {
                let kept: Vec<f32> =
                    (0..phantom.samples.len()).filter(|&i| keep(i)).map(|i| phantom.samples[i]).collect();
                kept.iter().sum::<f32>() / kept.len() as f32
            };
            let difference = mean(&|i| inside.values[i] == 1.0)
                - mean(&|i| inside.values[i] == 0.0 && (0.01..0.2).contains(&outside.values[i]));
            difference.abs() > 8.0
        });
        assert!(seen.count() >= 34);
    }
}

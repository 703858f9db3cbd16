//! Crop, normalisation, sampler and decoding of one lesion on a 512 x 512 slice, on one core:
//!
//!     cargo bench -p recist-runtime --bench cascade

use divan::{Bencher, black_box};
use recist::cascade::decode;
use recist::geometry::{AffineGrid, LesionBox, Point, Theta};
use recist::image::{CtSlice, PATCH_PIXELS, PATCH_SIZE, Patch, Samples, crop, normalise, sample};

const SIZE: usize = 512;

fn main() {
    divan::main();
}

fn slice_samples() -> Vec<i16> {
    (0..SIZE * SIZE).map(|i| i16::try_from(i * i % 1999).unwrap_or_default() - 1000).collect()
}

fn noise() -> Box<Patch> {
    let mut patch = Box::new([0.0; PATCH_PIXELS]);
    patch.iter_mut().enumerate().for_each(|(i, v)| *v = (i * i % 1999) as f32);
    patch
}

#[divan::bench(args = [40.0, 80.0, 300.0])]
fn crop_box_of(bencher: Bencher<'_, '_>, side: f64) {
    let samples = slice_samples();
    let slice = CtSlice::new(Samples::I16(&samples), [SIZE, SIZE], SIZE, None).unwrap();
    let area = LesionBox::square(Point::new(250.3, 260.7), side).unwrap();
    let mut patch = noise();
    bencher.bench_local(|| crop(black_box(&slice), black_box(area), &mut patch).unwrap());
}

#[divan::bench]
fn normalise_patch(bencher: Bencher<'_, '_>) {
    let mut scratch = noise();
    bencher.with_inputs(noise).bench_local_refs(|patch| normalise(patch, &mut scratch).unwrap());
}

#[divan::bench]
fn sample_canonical(bencher: Bencher<'_, '_>) {
    let theta = Theta::from_double_angle(Point::new(0.1, -0.1), 0.3, 0.8, 0.7).unwrap();
    let grid = AffineGrid::from_normalised(theta.canonical_to_patch(), PATCH_SIZE, PATCH_SIZE);
    let (source, mut target) = (noise(), noise());
    bencher.bench_local(|| sample(&source[..], PATCH_SIZE, black_box(&grid), &mut target[..]));
}

#[divan::bench(args = [32, 64])]
fn decode_four_heatmaps_of(bencher: Bencher<'_, '_>, size: usize) {
    let maps: Vec<f32> = (0..4 * size * size).map(|i| (i * i % 97) as f32 / 97.0).collect();
    bencher.bench_local(|| {
        maps.chunks_exact(size * size).map(|m| decode(black_box(m), size).confidence).sum::<f32>()
    });
}

//! Makes tests/sample: a CT-like slice with an elliptic lesion whose axes are known, because it was drawn.
//!
//!     cargo run -p recist-tests --example make_sample

use std::fs;
use std::path::Path;

use recist::geometry::{Keypoints, Point};
use recist::image::write_grey16;

const SIZE: usize = 256;
const SPACING_MM: f64 = 0.75;
const CENTER: Point = Point::new(131.0, 118.0);
const HALF_LONG: f64 = 19.0;
const HALF_SHORT: f64 = 12.0;
/// Cosine and sine of the long axis: 3-4-5, so that the endpoints are short decimals.
const DIRECTION: Point = Point::new(0.8, -0.6);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    fs::create_dir_all(&folder)?;
    let across = Point::new(-DIRECTION.y, DIRECTION.x);
    let noise = smooth_noise();
    let hu: Vec<i16> = (0..SIZE * SIZE)
        .map(|i| {
            let at = Point::new((i % SIZE) as f64, (i / SIZE) as f64);
            let from = at - CENTER;
            let radius = Point::new(from.dot(DIRECTION) / HALF_LONG, from.dot(across) / HALF_SHORT).length();
            // The scanner's blur: the edge rises over about two pixels.
            let share = ((1.0 - radius) * HALF_SHORT / 2.0 + 0.5).clamp(0.0, 1.0);
            let wall = ((at.x - 205.0 + 0.002 * (at.y - 100.0).powi(2)) / 3.0).clamp(0.0, 1.0);
            let tissue = -850.0 + wall * 900.0;
            #[allow(clippy::cast_possible_truncation, reason = "Hounsfield units of tissue are small")]
            let hu = (tissue + share * (35.0 - tissue) + noise[i]).round() as i16;
            hu
        })
        .collect();
    let side = u32::try_from(SIZE)?;
    write_grey16(&folder.join("phantom.png"), [side, side], &hu)?;
    let ends = Keypoints {
        long_start: CENTER - DIRECTION * HALF_LONG,
        long_end: CENTER + DIRECTION * HALF_LONG,
        short_start: CENTER - across * HALF_SHORT,
        short_end: CENTER + across * HALF_SHORT,
    };
    let numbers = ends.to_array().map(|p| format!("{:.3},{:.3}", p.x, p.y)).join(",");
    let header = "image,row_spacing_mm,column_spacing_mm,long_x1,long_y1,long_x2,long_y2,short_x1,short_y1,short_x2,short_y2";
    fs::write(
        folder.join("recist.csv"),
        format!("{header}\nphantom.png,{SPACING_MM},{SPACING_MM},{numbers}\n"),
    )?;
    Ok(())
}

/// Noise of about 18 HU that neighbours share, as a reconstruction kernel leaves it.
fn smooth_noise() -> Vec<f64> {
    let mut state = 9_u64;
    let white: Vec<f64> = (0..SIZE * SIZE)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5) * 120.0
        })
        .collect();
    let neighbours = [0, 1, SIZE - 1, SIZE, SIZE + 1];
    (0..SIZE * SIZE)
        .map(|i| neighbours.map(|n| white[(i + n) % (SIZE * SIZE)]).iter().sum::<f64>() / 5.0)
        .collect()
}

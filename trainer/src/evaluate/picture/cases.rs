use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Point as Place, Size};
use embedded_graphics::primitives::Rectangle;
use embedded_graphics::text::Alignment;
use recist::geometry::{AffineMap, Keypoints, Point};
use recist::image::{PATCH_PIXELS, PATCH_SIZE, crop, normalise};

use super::super::Row;
use super::BLACK;
use super::canvas::Canvas;
use crate::data::Pack;

/// Side of a case's picture.
const TILE: i32 = 256;

/// Cases of each kind, in two rows of two.
const CASES: usize = 4;

const HEADING: i32 = 24;

/// Height of all cases together.
pub(super) const CASES_HEIGHT: i32 = HEADING + 2 * TILE;

const READER: Rgb888 = Rgb888::new(60, 220, 90);
const MODEL: Rgb888 = Rgb888::new(255, 80, 60);
const WHITE: Rgb888 = Rgb888::new(255, 255, 255);

/// Draws the best, the median and the worst measurements, by the mean error of the long axis, from `top` on.
pub(super) fn draw_cases(
    canvas: &mut Canvas,
    top: i32,
    mut rows: Vec<&Row>,
    packs: &[Pack],
) -> Result<(), String> {
    rows.sort_by(|a, b| {
        let error = |row: &Row| row.long_error_mm().unwrap_or(f64::INFINITY);
        error(a).total_cmp(&error(b))
    });
    let count = CASES.min(rows.len());
    let kinds = [("best", 0), ("median", (rows.len() - count) / 2), ("worst", rows.len() - count)];
    for (column, (name, first)) in (0..).zip(kinds) {
        let left = column * 2 * TILE;
        let heading = format!("{name}, by the long axis (readers green, model red)");
        canvas.text(&heading, Place::new(left + 8, top + 6), Alignment::Left, BLACK);
        for (i, row) in (0..).zip(&rows[first..first + count]) {
            let corner = Place::new(left + i % 2 * TILE, top + HEADING + i / 2 * TILE);
            draw_case(canvas, corner, row, packs)?;
        }
    }
    Ok(())
}

fn draw_case(canvas: &mut Canvas, corner: Place, row: &Row, packs: &[Pack]) -> Result<(), String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", row.name);
    let (lesion, pixels) = packs[row.place.0].get(row.place.1);
    let mut samples = Vec::new();
    let slice = pixels.read_slice(&mut samples).map_err(|error| error.to_string())?;
    let (mut patch, mut scratch) = (Box::new([0.0; PATCH_PIXELS]), Box::new([0.0; PATCH_PIXELS]));
    let square = crop(&slice, row.area, &mut patch).map_err(|error| named(&error))?;
    normalise(&mut patch, &mut scratch).map_err(|error| named(&error))?;
    for (y, x) in (0..TILE).flat_map(|y| (0..TILE).map(move |x| (y, x))) {
        let place = |at: i32| at.unsigned_abs() as usize * PATCH_SIZE / TILE as usize;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating")]
        let grey = (patch[place(y) * PATCH_SIZE + place(x)] * 255.0) as u8;
        canvas.set(corner + Place::new(x, y), Rgb888::new(grey, grey, grey));
    }
    let to_tile = AffineMap::normalised_to_box(square)
        .inverse()
        .ok_or_else(|| named(&"the box has no area"))?
        .then(AffineMap::normalised_to_pixels(TILE as usize));
    let mut axes = |keypoints: &Keypoints, colour| {
        let place = |point: Point| {
            let at = to_tile.apply(point);
            #[allow(clippy::cast_possible_truncation, reason = "limited to the tile")]
            let inside = |v: f64| v.round().clamp(0.0, f64::from(TILE - 1)) as i32;
            corner + Place::new(inside(at.x), inside(at.y))
        };
        let [a, b, c, d] = keypoints.to_array().map(place);
        canvas.line(a, b, colour, 1);
        canvas.line(c, d, colour, 1);
    };
    lesion.keypoints().for_each(|reader| axes(&reader, READER));
    let mut text = format!("readers {:.1} mm", row.long_mm());
    if let Ok(found) = row.found {
        axes(&found.keypoints, MODEL);
        let long = found.keypoints.long().length_mm(row.spacing);
        text += &format!(", model {long:.1} mm, {:.2}", found.confidence);
    }
    let strip = Rectangle::new(corner + Place::new(0, TILE - 30), Size::new(TILE.unsigned_abs(), 30));
    canvas.fill(strip, BLACK);
    for (line, text) in (0..).zip([&row.name, &text]) {
        canvas.text(text, corner + Place::new(4, TILE - 29 + 14 * line), Alignment::Left, WHITE);
    }
    Ok(())
}

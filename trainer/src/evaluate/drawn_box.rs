use rand::RngExt;
use recist::geometry::{LesionBox, Point};

use crate::data::{Lesion, keyed};

/// The law of boxes ([`LesionBox::drawn_round`]): the side in longer sides of the endpoints' rectangle, lowest and
/// highest.
pub(super) const BOX_SCALE: [f64; 2] = [2.0, 2.5];

/// The box that a user draws round a lesion in an evaluation: by the law of boxes ([`LesionBox::drawn_round`]), round
/// the endpoints of the first reader. It depends on the lesion's name alone, so every model is given the same
/// boxes.
///
/// None for endpoints that are no box.
#[must_use]
pub fn drawn_box(lesion: &Lesion) -> Option<LesionBox> {
    redrawn_box(lesion, 0)
}

/// The box that a user draws when asked again: number 0 is [`drawn_box`], the others are as good.
pub(super) fn redrawn_box(lesion: &Lesion, number: u64) -> Option<LesionBox> {
    draw(lesion, 0, BOX_SCALE, number)
}

/// The box that a user draws round what this reader marked.
pub(super) fn readers_box(lesion: &Lesion, reader: usize) -> Option<LesionBox> {
    draw(lesion, reader, BOX_SCALE, 0)
}

/// The box that a user draws whose boxes have this side, in longer sides of the endpoints' rectangle.
pub(super) fn sized_box(lesion: &Lesion, size: f64) -> Option<LesionBox> {
    draw(lesion, 0, [size; 2], 0)
}

fn draw(lesion: &Lesion, reader: usize, [lowest, highest]: [f64; 2], number: u64) -> Option<LesionBox> {
    let key = lesion.name.bytes().fold(0, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007);
    let mut random = keyed(0, key, number);
    let offset = Point::new(random.random_range(-0.25..=0.25), random.random_range(-0.25..=0.25));
    let points = lesion.keypoints().nth(reader)?.to_array();
    LesionBox::drawn_round(&points, random.random_range(lowest..=highest), offset).ok()
}

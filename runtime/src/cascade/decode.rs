use crate::geometry::Point;

/// Pixels on each side of the maximum that the sub-pixel decoding takes in.
pub const REACH: usize = 3;

/// The sum of an ideal heatmap: a Gaussian of peak 1 and standard deviation 1 pixel (2 pi).
const IDEAL_SUM: f32 = core::f32::consts::TAU;

/// What a heatmap says of its keypoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Where the keypoint is, in heatmap pixels.
    pub position: Point,
    /// The positive mass within three pixels of the maximum as a share of an ideal map's, at most 1.
    ///
    /// A map trained on squared errors tends to the mean of the Gaussians round all endpoints that readers
    /// would choose, so this estimates how likely a reader's endpoint lies that near. It knows only what
    /// the training readers disagreed about: a lesion unlike all that was trained on can be confidently wrong.
    pub confidence: f32,
}

/// The pixels that the sub-pixel decoding of a heatmap takes in: a rectangle round the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbourhood {
    /// Column and row of the maximum.
    pub maximum: [usize; 2],
    /// Columns and rows on either side of it: [`REACH`], or fewer where the map ends. It stays symmetric at the
    /// edge: a cut rectangle would pull the centre inwards.
    pub reach: [usize; 2],
}

impl Neighbourhood {
    /// That of a heatmap of `size` x `size` values, row by row. Of equal values the first counts, and NaN
    /// counts as nothing.
    #[must_use]
    pub fn of(heatmap: &[f32], size: usize) -> Self {
        let (mut at, mut largest) = (0, f32::NEG_INFINITY);
        for (i, &value) in heatmap.iter().enumerate() {
            if value > largest {
                (at, largest) = (i, value);
            }
        }
        let maximum = [at % size, at / size];
        Self { maximum, reach: maximum.map(|v| REACH.min(v).min(size - 1 - v)) }
    }

    /// Its pixels, column and row, row by row.
    pub fn pixels(self) -> impl Iterator<Item = [usize; 2]> {
        let Self { maximum: [x, y], reach: [reach_x, reach_y] } = self;
        (y - reach_y..=y + reach_y)
            .flat_map(move |row| (x - reach_x..=x + reach_x).map(move |column| [column, row]))
    }
}

/// Finds the keypoint of one heatmap of `size` x `size` values, row by row: the centre of mass of the positive
/// values within three pixels of the maximum (the paper takes the maximum itself).
///
/// On ideal maps at least three pixels from the edge it is exact to 0.02 pixel. Where readers disagree a trained
/// map is the mean of Gaussians at their endpoints, and the centre of mass is the mean endpoint. A map without a
/// positive value has confidence 0.
///
/// # Panics
/// If the map has another size than stated.
#[must_use]
pub fn decode(heatmap: &[f32], size: usize) -> Peak {
    assert_eq!(heatmap.len(), size * size, "a heatmap is square");
    let neighbourhood = Neighbourhood::of(heatmap, size);
    let [x, y] = neighbourhood.maximum;
    let (mut sum, mut sum_x, mut sum_y) = (0.0_f32, 0.0_f32, 0.0_f32);
    for [column, row] in neighbourhood.pixels() {
        let value = heatmap[row * size + column].max(0.0);
        sum += value;
        sum_x += value * (column as f32 - x as f32);
        sum_y += value * (row as f32 - y as f32);
    }
    let maximum = Point::new(x as f64, y as f64);
    let offset =
        if sum > 0.0 { Point::new(f64::from(sum_x / sum), f64::from(sum_y / sum)) } else { Point::default() };
    Peak { position: maximum + offset, confidence: (sum / IDEAL_SUM).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(size: usize, center: Point, quantum: Option<f32>) -> Vec<f32> {
        (0..size * size)
            .map(|i| {
                let offset = Point::new((i % size) as f64, (i / size) as f64) - center;
                #[allow(clippy::cast_possible_truncation, reason = "a heatmap is float32")]
                let value = (-offset.dot(offset) / 2.0).exp() as f32;
                quantum.map_or(value, |q| (value / q).round_ties_even() * q)
            })
            .collect()
    }

    fn decoded(heatmap: &[f32], size: usize) -> Point {
        decode(heatmap, size).position
    }

    fn maximum(heatmap: &[f32], size: usize) -> Point {
        let [x, y] = Neighbourhood::of(heatmap, size).maximum;
        Point::new(x as f64, y as f64)
    }

    /// The largest distance between the found and the true point over a grid of sub-pixel positions.
    fn worst_error(size: usize, quantum: Option<f32>, find: fn(&[f32], usize) -> Point) -> f64 {
        let mut worst = 0.0_f64;
        for i in 0..20 {
            for j in 0..20 {
                let center = Point::new(9.0 + f64::from(i) / 20.0, 14.0 + f64::from(j) / 20.0);
                let found = find(&gaussian(size, center, quantum), size);
                worst = worst.max(found.distance(center));
            }
        }
        worst
    }

    #[test]
    fn ideal_maps_are_decoded_to_a_fiftieth_of_a_pixel() {
        for size in [32, 64] {
            let worst = worst_error(size, None, decoded);
            assert!(worst < 0.02, "size {size}: {worst} px");
            let maximum = worst_error(size, None, maximum);
            assert!(maximum > 0.6, "control: the maximum alone is off by up to {maximum} px");
        }
    }

    #[test]
    fn maps_of_seven_bits_are_decoded_nearly_as_well() {
        let worst = worst_error(32, Some(1.0 / 64.0), decoded);
        assert!(worst < 0.04, "{worst} px");
    }

    #[test]
    fn confidence_is_the_share_of_an_ideal_peak() {
        let center = Point::new(12.3, 15.8);
        let ideal = gaussian(32, center, None);
        assert!(decode(&ideal, 32).confidence > 0.97);
        let undecided: Vec<f32> = ideal
            .iter()
            .zip(gaussian(32, Point::new(24.0, 4.0), None))
            .map(|(a, b)| 0.6 * a + 0.4 * b)
            .collect();
        let peak = decode(&undecided, 32);
        assert!((peak.confidence - 0.6).abs() < 0.02 && peak.position.distance(center) < 0.02, "{peak:?}");
        for nothing in [0.0, -1.0, f32::NAN] {
            assert_eq!(decode(&vec![nothing; 1024], 32).confidence, 0.0);
        }
    }

    #[test]
    fn of_equal_values_the_first_is_the_maximum() {
        let mut map = [0.0; 256];
        for (x, y) in [(12, 5), (4, 9), (12, 9)] {
            map[y * 16 + x] = 0.5;
        }
        assert_eq!(Neighbourhood::of(&map, 16).maximum, [12, 5]);
        map[9 * 16 + 4] = 0.75;
        assert_eq!(Neighbourhood::of(&map, 16).maximum, [4, 9], "the control");
    }

    #[test]
    fn a_map_without_a_positive_value_has_a_position_all_the_same() {
        for nothing in [0.0, -1.0, f32::NAN] {
            let peak = decode(&[nothing; 256], 16);
            assert_eq!(peak, Peak { position: Point::default(), confidence: 0.0 }, "{nothing}");
        }
    }

    #[test]
    fn a_peak_at_the_edge_stays_inside_the_map() {
        for (x, y) in [(0.0, 0.0), (31.0, 0.4), (30.6, 31.0), (0.2, 16.0)] {
            let center = Point::new(x, y);
            let peak = decode(&gaussian(32, center, None), 32);
            assert!(peak.position.distance(center) < 0.6, "{center:?} {peak:?}");
        }
    }
}

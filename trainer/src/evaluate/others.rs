use recist::geometry::{Keypoints, PixelSpacing, Point};

use super::{Difference, Four};

/// The mean of all other readers against every reader: of their lengths, and of their endpoints. Empty for fewer
/// than three readers, whose others are no mean.
///
/// A yardstick for a model, not its limit: were readers' errors independent and normal, the mean of the n - 1 others
/// would be √(n / (2n - 2)) as far from a reader as readers are from one another, 0.87 of it for three readers and
/// 0.82 for four, and the truth itself 0.71.
pub(super) fn others(readers: &[Keypoints], spacing: PixelSpacing) -> Vec<Difference> {
    if readers.len() < 3 {
        return Vec::new();
    }
    let against = |(i, reader): (usize, &Keypoints)| {
        let rest: Vec<Keypoints> = [&readers[..i], &readers[i + 1..]].concat();
        let ends = Difference::of(&mean(&rest), reader, spacing);
        let lengths: Vec<Difference> =
            rest.iter().map(|other| Difference::of(other, reader, spacing)).collect();
        let signed = |of: fn(&Difference) -> f64| lengths.iter().map(of).sum::<f64>() / lengths.len() as f64;
        Difference {
            mm: Four { long: signed(|d| d.mm.long), short: signed(|d| d.mm.short), ..ends.mm },
            px: Four { long: signed(|d| d.px.long), short: signed(|d| d.px.short), ..ends.px },
            long_mm: [signed(|d| d.long_mm[0]), ends.long_mm[1]],
        }
    };
    readers.iter().enumerate().map(against).collect()
}

/// The mean endpoints; each axis is taken in the direction that is nearer to the first one's.
fn mean(all: &[Keypoints]) -> Keypoints {
    let mut sums = [Point::default(); 4];
    let Some(first) = all.first() else { return Keypoints::from_array(sums) };
    for keypoints in all {
        let [a, b, c, d] = keypoints.to_array();
        let like = |[a, b]: [Point; 2], [start, end]: [Point; 2]| {
            let turned = a.distance(end) + b.distance(start) < a.distance(start) + b.distance(end);
            if turned { [b, a] } else { [a, b] }
        };
        let [a, b] = like([a, b], [first.long_start, first.long_end]);
        let [c, d] = like([c, d], [first.short_start, first.short_end]);
        for (sum, point) in sums.iter_mut().zip([a, b, c, d]) {
            *sum = *sum + point * (1.0 / all.len() as f64);
        }
    }
    Keypoints::from_array(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(long: f64, turned: bool) -> Keypoints {
        let ends = [[0.0, 0.0], [long, 0.0], [5.0, -2.0], [5.0, 2.0]].map(|[x, y]| Point::new(x, y));
        let [a, b, c, d] = ends;
        Keypoints::from_array(if turned { [b, a, d, c] } else { ends })
    }

    #[test]
    fn every_reader_stands_against_the_mean_of_the_others_whichever_end_they_began_with() {
        let spacing = PixelSpacing::new(2.0, 0.5).unwrap();
        let found = others(&[reader(10.0, false), reader(12.0, true), reader(20.0, false)], spacing);
        let long: Vec<f64> = found.iter().map(|difference| difference.mm.long).collect();
        assert_eq!(long, [3.0, 1.5, -4.5], "16 - 10, 15 - 12 and 11 - 20 pixels");
        assert_eq!(found[0].long_mm, [8.0, 5.0]);
        assert_eq!((found[0].mm.long_ends, found[0].px.long_ends, found[0].mm.short_ends), (1.5, 3.0, 0.0));
    }

    #[test]
    fn two_readers_have_no_mean_of_others() {
        assert!(others(&[reader(10.0, false); 2], PixelSpacing::new(1.0, 1.0).unwrap()).is_empty());
    }
}

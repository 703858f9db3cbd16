use rand::RngExt;

use super::Configuration;
use crate::data::{Lesion, Origin, Pack, Pixels, Random, Split};

/// Lesions of at least this many mm are drawn more often ([`Configuration::large_lesions`]).
const LARGE_MM: f64 = 8.0;

/// The lesions of one split in all packs, to be drawn from.
#[derive(Debug)]
pub struct Lesions<'a> {
    packs: &'a [Pack],
    real: Weighted,
    generated: Weighted,
    generated_share: f64,
}

/// Places (pack, index) with the sums of their weights.
#[derive(Debug, Default)]
struct Weighted {
    places: Vec<(usize, usize)>,
    sums: Vec<f64>,
}

impl<'a> Lesions<'a> {
    /// The lesions of `split`.
    #[must_use]
    pub fn new(packs: &'a [Pack], split: Split, configuration: &Configuration) -> Self {
        let (mut real, mut generated) = (Weighted::default(), Weighted::default());
        for (number, pack) in packs.iter().enumerate() {
            for (index, (lesion, _)) in pack.iter().enumerate() {
                if lesion.split == split {
                    let list = if lesion.origin == Origin::Real { &mut real } else { &mut generated };
                    let large = lesion.mean_long_mm() >= LARGE_MM;
                    list.push((number, index), if large { configuration.large_lesions } else { 1.0 });
                }
            }
        }
        let generated_share = match (real.places.is_empty(), generated.places.is_empty()) {
            (true, _) => 1.0,
            (_, true) => 0.0,
            _ => configuration.generated_share,
        };
        Self { packs, real, generated, generated_share }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.real.places.len() + self.generated.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Draws one.
    ///
    /// # Panics
    /// If there are none.
    pub fn draw(&self, random: &mut Random) -> (&'a Lesion, Pixels<'a>) {
        let list = if random.random_bool(self.generated_share) { &self.generated } else { &self.real };
        let at = random.random_range(0.0..list.sums[list.sums.len() - 1]);
        let index = list.sums.partition_point(|&sum| sum <= at);
        self.get(list.places[index.min(list.places.len() - 1)])
    }

    /// Up to `count` lesions, evenly spread over the packs: the real ones that a radiologist would measure;
    /// where there are none, of all there are.
    #[must_use]
    pub fn spread(&self, count: usize) -> Vec<(&'a Lesion, Pixels<'a>)> {
        let real: Vec<_> =
            self.real.places.iter().copied().filter(|&place| self.get(place).0.largest).collect();
        let places =
            if real.is_empty() { [&self.real.places[..], &self.generated.places].concat() } else { real };
        let count = count.min(places.len());
        (0..count).map(|i| self.get(places[i * places.len() / count])).collect()
    }

    fn get(&self, (pack, index): (usize, usize)) -> (&'a Lesion, Pixels<'a>) {
        self.packs[pack].get(index)
    }
}

impl Weighted {
    fn push(&mut self, place: (usize, usize), weight: f64) {
        self.places.push(place);
        self.sums.push(self.sums.last().unwrap_or(&0.0) + weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{PackWriter, phantom};

    /// The names that `spread` gives of the lesions of a pack, each with its origin and whether it is on its largest
    /// slice.
    fn spread(lesions: &[(Origin, bool)], count: usize) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lesions.pack");
        let mut writer = PackWriter::open(&path, "test").unwrap();
        for (index, &(origin, largest)) in (0..).zip(lesions) {
            let phantom = phantom(4, index, None);
            let lesion =
                Lesion { name: index.to_string(), split: Split::Val, origin, largest, ..phantom.lesion };
            writer.append(lesion, phantom.side, &phantom.samples, None).unwrap();
        }
        writer.finish().unwrap();
        let packs = [Pack::open(&path).unwrap()];
        let lesions = Lesions::new(&packs, Split::Val, &Configuration::open("edge").unwrap());
        lesions.spread(count).into_iter().map(|(lesion, _)| lesion.name.clone()).collect()
    }

    #[test]
    fn lesions_that_no_radiologist_would_measure_are_better_than_none() {
        use Origin::{Phantom, Real};
        for (what, lesions, count, expected) in [
            (
                "real ones on their largest slice alone",
                &[(Real, false), (Real, true), (Phantom, true)][..],
                9,
                &["1"][..],
            ),
            ("no largest slice", &[(Real, false), (Real, false)], 9, &["0", "1"]),
            ("no largest slice, beside generated ones", &[(Phantom, true), (Real, false)], 9, &["1", "0"]),
            ("generated ones alone", &[(Phantom, true), (Phantom, true)], 9, &["0", "1"]),
            ("fewer than there are", &[(Real, false); 4], 2, &["0", "2"]),
        ] {
            assert_eq!(spread(lesions, count), expected, "{what}");
        }
    }
}

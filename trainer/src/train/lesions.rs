use rand::RngExt;

use super::Configuration;
use crate::data::{Lesion, MaskTarget, Origin, Pack, Pixels, Random, Split};

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
    pub(super) fn len(&self) -> usize {
        self.real.places.len() + self.generated.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `configuration` asks for and these lesions have not, where it can be trained all the same.
    ///
    /// # Errors
    /// If it asks for masks of outlines, and none of the lesions that are drawn has any.
    pub fn warnings(&self, configuration: &Configuration) -> Result<Vec<String>, String> {
        let Self { real, generated, .. } = self;
        let mut warnings = Vec::new();
        let share = configuration.generated_share;
        if share == 0.0 && !real.places.is_empty() && !generated.places.is_empty() {
            let ignored = "generated_share is 0: of the packs' generated lesions none is drawn";
            warnings.push(ignored.to_owned());
        }
        if share > 0.0 && generated.places.is_empty() {
            warnings.push(format!(
                "generated_share is {share}, but the packs hold no generated lesion to train on: all that are drawn \
                 are real"
            ));
        }
        if configuration.mask == MaskTarget::Outline && configuration.teaches_mask() {
            let drawn = [(real, self.generated_share < 1.0), (generated, self.generated_share > 0.0)];
            let places = drawn.into_iter().filter(|(_, drawn)| *drawn).flat_map(|(list, _)| &list.places);
            let outlined: Vec<bool> = places.map(|&place| self.get(place).1.has_outlines()).collect();
            let (all, without) = (outlined.len(), outlined.iter().filter(|outlined| !**outlined).count());
            if without == all {
                return Err(format!(
                    "mask is \"outline\", but none of the {all} lesions to train on has outlines: pack them with \
                     prepare --outlines, or set mask = \"ellipse\""
                ));
            }
            if without > 0 {
                warnings.push(format!(
                    "mask is \"outline\", but {without} of the {all} lesions to train on have no outlines: their masks \
                     are ellipses"
                ));
            }
        }
        Ok(warnings)
    }

    /// Draws one.
    ///
    /// # Panics
    /// If there are none.
    pub(super) fn draw(&self, random: &mut Random) -> (&'a Lesion, Pixels<'a>) {
        let list = if random.random_bool(self.generated_share) { &self.generated } else { &self.real };
        let at = random.random_range(0.0..list.sums[list.sums.len() - 1]);
        let index = list.sums.partition_point(|&sum| sum <= at);
        self.get(list.places[index.min(list.places.len() - 1)])
    }

    /// Up to `count` lesions, evenly spread over the packs: the real ones that a radiologist would measure;
    /// where there are none, of all there are.
    #[must_use]
    pub(super) fn spread(&self, count: usize) -> Vec<(&'a Lesion, Pixels<'a>)> {
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
    use crate::data::{LesionPatch, PackWriter, phantom};
    use crate::train::Stage;

    /// A pack of lesions of the validation split, each named by its number, with its origin and whether it is on its
    /// largest slice and has outlines.
    fn pack(lesions: &[(Origin, bool, bool)]) -> [Pack; 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lesions.pack");
        let mut writer = PackWriter::open(&path, "test").unwrap();
        for (index, &(origin, largest, outlined)) in (0..).zip(lesions) {
            let phantom = phantom(4, index, None);
            let lesion =
                Lesion { name: index.to_string(), split: Split::Val, origin, largest, ..phantom.lesion };
            let outlines = outlined.then(|| vec![1.0; phantom.samples.len()]);
            writer.append(LesionPatch { lesion, outlines, ..phantom }).unwrap();
        }
        writer.finish().unwrap();
        [Pack::open(&path).unwrap()]
    }

    /// The names that `spread` gives of lesions, each with its origin and whether it is on its largest slice.
    fn spread(lesions: &[(Origin, bool)], count: usize) -> Vec<String> {
        let packs =
            pack(&lesions.iter().map(|&(origin, largest)| (origin, largest, false)).collect::<Vec<_>>());
        let lesions = Lesions::new(&packs, Split::Val, &Configuration::open("edge").unwrap());
        lesions.spread(count).into_iter().map(|(lesion, _)| lesion.name.clone()).collect()
    }

    #[test]
    fn what_a_configuration_asks_for_and_the_lesions_have_not_is_told() {
        use MaskTarget::{Ellipse, Outline};
        let (real, generated) =
            (|outlined| (Origin::Real, true, outlined), |outlined| (Origin::Phantom, true, outlined));
        let (plain, outlined) = (real(false), real(true));
        for (lesions, share, mask, expected) in [
            (&[plain, generated(false)][..], 0.4, Ellipse, Ok(vec![])),
            (&[plain, generated(false)], 0.0, Ellipse, Ok(vec!["generated_share is 0: "])),
            (&[plain], 0.0, Ellipse, Ok(vec![])),
            (
                &[plain],
                0.4,
                Ellipse,
                Ok(vec!["generated_share is 0.4, but the packs hold no generated lesion"]),
            ),
            (&[generated(false)], 0.4, Ellipse, Ok(vec![])),
            (&[outlined, outlined], 0.0, Outline, Ok(vec![])),
            (
                &[outlined, plain, plain],
                0.0,
                Outline,
                Ok(vec!["mask is \"outline\", but 2 of the 3 lesions"]),
            ),
            (&[outlined, generated(false)], 1.0, Outline, Err("but none of the 1 lesions")),
            (&[plain, plain], 0.0, Outline, Err("but none of the 2 lesions to train on has outlines")),
            (
                &[plain, outlined],
                0.5,
                Outline,
                Ok(vec!["generated_share is 0.5, but", "mask is \"outline\", but 1 of the 2"]),
            ),
        ] {
            let edge = Configuration::open("edge").unwrap();
            let configuration = Configuration { generated_share: share, mask, ..edge };
            let packs = pack(lesions);
            let told = |configuration: &Configuration| {
                Lesions::new(&packs, Split::Val, configuration).warnings(configuration)
            };
            match (expected, told(&configuration)) {
                (Ok(expected), Ok(told)) => {
                    assert_eq!(told.len(), expected.len(), "{told:?}");
                    assert!(
                        told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected)),
                        "{told:?}"
                    );
                }
                (Err(expected), Err(told)) => assert!(told.contains(expected), "{told}"),
                (expected, told) => panic!("{lesions:?}: {told:?} in place of {expected:?}"),
            }
            let hourglass =
                configuration.stages.iter().filter(|stage| stage.stage == Stage::Shn).cloned().collect();
            let maskless = Configuration { stages: hourglass, ..configuration };
            assert!(told(&maskless).is_ok(), "no stage teaches the mask");
        }
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

use recist::cascade::{Networks, Workspace};
use recist::geometry::LesionBox;
use serde::Serialize;

use super::drawn_box::{readers_box, redrawn_box, sized_box};
use super::report::find;
use super::row::against;
use super::{Difference, Found, Four, Nothing, Row, Statistics, Unmeasured};
use crate::data::Pack;

/// Sides of boxes, in longer sides of the endpoints' rectangle, that a user draws who takes no care.
pub const BOX_SIZES: [f64; 5] = [1.3, 1.6, 2.0, 2.5, 3.0];

/// How often a box is drawn anew to see how much a measurement depends on it.
pub const REDRAWN: usize = 20;

/// What a cascade finds of one lesion in other boxes.
#[derive(Clone, Debug, PartialEq)]
pub struct Careless {
    /// Against every reader, for each of [`BOX_SIZES`], or why nothing was found.
    pub sizes: [Result<Vec<Difference>, Nothing>; BOX_SIZES.len()],
    /// The long and the short axis in mm in each of [`REDRAWN`] boxes that are drawn as the first was, or why there
    /// are none.
    pub redrawn: Vec<Result<[f64; 2], Nothing>>,
    /// In boxes drawn round the marks of each reader in turn, against the other readers: a box round a reader's own
    /// marks tells how long that reader found the lesion.
    pub others_boxes: Vec<Difference>,
    /// Those of these boxes in which nothing was found.
    pub others_boxes_unmeasured: Unmeasured,
}

/// How well lesions are measured in boxes of one size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BoxSize {
    /// The side, in longer sides of the endpoints' rectangle.
    pub size: f64,
    /// Lesions that were not measured.
    #[serde(flatten)]
    pub unmeasured: Unmeasured,
    /// The mean absolute differences to a reader in mm; not numbers where none was measured.
    pub mm: Four<f64>,
}

/// How much measurements depend on how the box was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Boxes drawn round each lesion.
    pub boxes: usize,
    /// Boxes in which nothing was measured.
    #[serde(flatten)]
    pub unmeasured: Unmeasured,
    /// 95 of 100 long axes are nearer to the median of their lesion than this, in mm; not a number where none was
    /// measured.
    pub long_mm: f64,
    /// The same for short axes.
    pub short_mm: f64,
}

impl Careless {
    /// Measures the lesion of `row` in all these boxes.
    pub(super) fn measure<N: Networks>(
        row: &Row,
        packs: &[Pack],
        networks: &mut N,
        workspace: &mut Workspace,
    ) -> Result<Self, String> {
        let (lesion, pixels) = packs[row.place.0].get(row.place.1);
        let mut samples = Vec::new();
        let slice = pixels.read_slice(&mut samples).map_err(|error| error.to_string())?;
        let mut find = |area: Option<LesionBox>| match area {
            Some(area) => find(&slice, area, networks, workspace),
            None => Ok(Err(Nothing::Unfit)),
        };
        let mut sizes = BOX_SIZES.map(|_| Ok(Vec::new()));
        for (size, differences) in BOX_SIZES.into_iter().zip(&mut sizes) {
            let found = find(sized_box(lesion, size))?;
            *differences = found.map(|found| against(&found.keypoints, lesion));
        }
        let mut redrawn = Vec::new();
        for number in 1..=REDRAWN as u64 {
            let found = find(redrawn_box(lesion, number))?;
            redrawn.push(found.map(|found| {
                let Found { keypoints, .. } = found;
                [keypoints.long(), keypoints.short()].map(|axis| axis.length_mm(row.spacing))
            }));
        }
        let (mut others_boxes, mut nothing) = (Vec::new(), Vec::new());
        for reader in 0..if lesion.readers.len() > 1 { lesion.readers.len() } else { 0 } {
            // The row's own box is drawn round the first reader's marks.
            let found = if reader == 0 { row.found } else { find(readers_box(lesion, reader))? };
            match found {
                Ok(found) => {
                    let mut differences = against(&found.keypoints, lesion);
                    differences.remove(reader);
                    others_boxes.extend(differences);
                }
                Err(why) => nothing.push(why),
            }
        }
        let others_boxes_unmeasured = nothing.into_iter().collect();
        Ok(Self { sizes, redrawn, others_boxes, others_boxes_unmeasured })
    }

    /// The absolute distances of the redrawn boxes' axes to their medians in mm, long (0) or short (1).
    fn distances(&self, axis: usize) -> Vec<f64> {
        let mut lengths: Vec<f64> = self.redrawn.iter().flatten().map(|lengths| lengths[axis]).collect();
        lengths.sort_unstable_by(f64::total_cmp);
        let Some(&median) = lengths.get(lengths.len() / 2) else { return lengths };
        lengths.into_iter().map(|length| (length - median).abs()).collect()
    }

    /// 95 of 100 of the lesion's long and short axes are nearer to their median than this, in mm; not numbers where
    /// none was measured.
    #[must_use]
    pub fn spread_mm(&self) -> [f64; 2] {
        [0, 1].map(|axis| percentile_95(self.distances(axis)))
    }
}

impl BoxSize {
    /// All of [`BOX_SIZES`], of the rows that were measured in them.
    pub(super) fn all(rows: &[&Row]) -> Vec<Self> {
        let all = BOX_SIZES.into_iter().enumerate().map(|(i, size)| {
            let tried = || rows.iter().filter_map(|row| row.careless.as_ref()).map(|c| &c.sizes[i]);
            let statistics: Statistics =
                tried().flatten().flatten().map(|difference| &difference.mm).collect();
            let unmeasured = tried().filter_map(|tried| tried.as_ref().err().copied()).collect();
            Self { size, unmeasured, mm: statistics.mean }
        });
        all.collect()
    }
}

impl Spread {
    /// Of the rows that were measured in redrawn boxes.
    pub(super) fn of(rows: &[&Row]) -> Self {
        let tried = || rows.iter().filter_map(|row| row.careless.as_ref());
        let [long_mm, short_mm] =
            [0, 1].map(|axis| percentile_95(tried().flat_map(|careless| careless.distances(axis)).collect()));
        let unmeasured =
            tried().flat_map(|careless| &careless.redrawn).filter_map(|tried| tried.err()).collect();
        Self { boxes: REDRAWN, unmeasured, long_mm, short_mm }
    }
}

fn percentile_95(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() * 95).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// What is found where every box of another size is refused and no other was tried.
#[cfg(test)]
pub(super) fn refused_everywhere() -> Careless {
    Careless {
        sizes: [const { Err(Nothing::Refused) }; BOX_SIZES.len()],
        redrawn: Vec::new(),
        others_boxes: Vec::new(),
        others_boxes_unmeasured: Unmeasured::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::evaluate;
    use super::super::measured::Blind;
    use super::super::row::example;
    use super::*;
    use crate::data::{LesionPatch, PackWriter, Split, phantom};

    const REFUSED: Result<Vec<Difference>, Nothing> = Err(Nothing::Refused);

    #[test]
    fn the_spread_is_round_each_lesions_own_median() {
        let with = |lengths: Vec<f64>| {
            let redrawn = lengths.into_iter().map(|length| Ok([length, 5.0])).collect();
            let careless = Careless { redrawn, ..refused_everywhere() };
            Row { careless: Some(careless), ..example(0, 10.0, 1.0, 2.0) }
        };
        let steady = with(vec![30.0; 20]);
        let mut lengths = vec![10.0; 20];
        (lengths[0], lengths[1], lengths[2]) = (10.5, 9.0, 14.0);
        let unsteady = with(lengths);
        assert_eq!(unsteady.careless.as_ref().unwrap().spread_mm(), [1.0, 0.0], "the 19th of 20");
        let spread = Spread::of(&[&steady, &unsteady]);
        assert_eq!((spread.long_mm, spread.short_mm), (0.5, 0.0), "the 38th of 40");
        assert_eq!(spread.unmeasured, Unmeasured::default());
        let mut some = with(vec![1.0; 17]);
        let nothing = [Nothing::Refused, Nothing::Refused, Nothing::Unfit].map(Err);
        some.careless.as_mut().unwrap().redrawn.extend(nothing);
        assert_eq!(Spread::of(&[&some]).unmeasured, Unmeasured { refused: 2, unfit: 1 });
    }

    #[test]
    fn every_size_of_box_has_its_own_errors() {
        let mut row = example(0, 10.0, 1.0, 2.0);
        let mut sizes = [REFUSED; 5];
        sizes[1] = Ok(example(0, 10.0, 2.5, 0.0).model);
        row.careless = Some(Careless { sizes, ..refused_everywhere() });
        let all = BoxSize::all(&[&row]);
        assert_eq!((all[1].size, all[1].unmeasured.refused, all[1].mm), (1.6, 0, Four::from_fn(|_| 2.5)));
        assert_eq!((all[0].size, all[0].unmeasured.refused), (1.3, 1));
    }

    #[test]
    fn a_box_larger_than_the_packed_picture_is_counted_apart_from_the_refused() {
        let [refused, unfit] = [[1, 0], [0, 1]].map(|[refused, unfit]| Unmeasured { refused, unfit });
        // The lesion takes more than half of its picture, then less than two fifths.
        let large = [[14.0, 32.0], [50.0, 32.0], [32.0, 18.0], [32.0, 46.0]];
        let small = [[20.0, 32.0], [44.0, 32.0], [32.0, 23.0], [32.0, 41.0]];
        for (reader, drawn, sizes) in [
            (large, unfit, [refused, refused, unfit, unfit, unfit]),
            (small, refused, [refused, refused, refused, refused, unfit]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("large.pack");
            let mut writer = PackWriter::open(&path, "test").unwrap();
            let mut lesion = phantom(1, 0, None).lesion;
            lesion.split = Split::Val;
            lesion.readers = vec![reader];
            let samples: Vec<f32> = (0..64 * 64).map(|i| (i % 89) as f32).collect();
            writer.append(LesionPatch { lesion, side: 64, samples, outlines: None }).unwrap();
            writer.finish().unwrap();
            let packs = [Pack::open(&path).unwrap()];
            let mut networks = Blind { fails: false };
            let mut report = evaluate(&packs, Split::Val, &mut networks).unwrap();
            report.try_other_boxes(&packs, &mut networks).unwrap();
            assert_eq!(report.unmeasured(), drawn, "{reader:?}");
            let rows: Vec<&Row> = report.rows.iter().collect();
            let found: Vec<Unmeasured> = BoxSize::all(&rows).iter().map(|size| size.unmeasured).collect();
            assert_eq!(found, sizes, "{reader:?}");
            let Unmeasured { refused, unfit } = Spread::of(&rows).unmeasured;
            assert_eq!(
                [refused, unfit],
                [drawn.refused, drawn.unfit].map(|count| count * REDRAWN),
                "{reader:?}"
            );
        }
    }
}

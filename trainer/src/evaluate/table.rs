use std::fmt;

use serde::Serialize;

use super::bootstrap::intervals;
use super::figure::interval;
use super::{Difference, Figure, Four, Row, Statistics, Unmeasured};

/// The counterpart of the paper's Table 1: absolute differences of the cascade to the readers, in a box drawn round the
/// first reader's marks and, where that was tried, in boxes drawn round another reader's, of the readers to
/// one another on the same lesions, of the mean of the other readers to each (on the lesions of them that have three
/// readers or more), and of the box alone to the readers.
///
/// The same lesions are those that the cascade measured: what it refused is in none of the comparisons, so that
/// refusing the hard ones makes it no better beside anyone. A mean is over differences, not over lesions: one with n
/// readers weighs n in the means of the cascade, of the others' mean and of the box, and n(n - 1)/2 in the readers'; in
/// the boxes round another reader's marks n(n - 1), as much as in the readers'.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The comparisons that there are, in this order; the cascade's even where it measured nothing.
    pub comparisons: Vec<Comparison>,
    /// The cascade's means over the readers', in mm; absent where not every measured lesion has two readers.
    pub model_over_readers: Option<Four<Estimate>>,
    /// The same with every lesion weighed once: of the mean over lesions of the mean within a lesion.
    pub model_over_readers_by_lesion: Option<Four<Estimate>>,
    /// The cascade's means in boxes drawn round another reader's marks ([`Careless::others_boxes`]) over the readers',
    /// in mm; absent where these boxes were not tried or not every measured lesion has two readers.
    ///
    /// [`Careless::others_boxes`]: super::Careless::others_boxes
    pub model_in_others_boxes_over_readers: Option<Four<Estimate>>,
    /// The same with every lesion weighed once.
    pub model_in_others_boxes_over_readers_by_lesion: Option<Four<Estimate>>,
    /// Those boxes in which nothing was found; the readers' differences on their lesions count all the same.
    pub others_boxes_unmeasured: Unmeasured,
    /// The means of the other readers' mean over the readers', in mm; absent where not every measured lesion has three
    /// readers.
    pub others_over_readers: Option<Four<Estimate>>,
    /// The box's means over the cascade's, in mm.
    pub box_only_over_model: Four<Estimate>,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared with a reader.
    pub of: &'static str,
    /// How many measurements are compared.
    pub count: usize,
    /// In millimetres.
    pub mm: Four<Deviations>,
    /// In pixels of the slice.
    pub px: Four<Deviations>,
}

/// Absolute differences of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Deviations {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// The mean's central 95 % by bootstrap over patients; not numbers where fewer than two have it.
    pub interval: [f64; 2],
}

/// A number that was measured, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its central 95 % by bootstrap over patients; not numbers where fewer than two have it.
    pub interval: [f64; 2],
}

/// What is compared with a reader.
pub(super) struct Kind {
    /// What people call it.
    name: &'static str,
    /// What columns of a table are called after.
    pub word: &'static str,
    /// A row's differences.
    pub of: fn(&Row) -> &[Difference],
}

/// Everything that is compared.
pub(super) const KINDS: [Kind; 5] = [
    Kind { name: "model", word: "model", of: |row| &row.model },
    Kind {
        name: "model, other's box",
        word: "others_box",
        of: |row| row.careless.as_ref().map_or(&[], |careless| &careless.others_boxes),
    },
    Kind { name: "readers", word: "readers", of: |row| &row.readers },
    Kind { name: "others' mean", word: "others", of: |row| &row.others },
    Kind { name: "box only", word: "box_only", of: |row| &row.box_only },
];

const MODEL: usize = 0;
const OTHERS_BOX: usize = 1;
const READERS: usize = 2;
const OTHERS: usize = 3;
const BOX_ONLY: usize = 4;

/// The ratios of means, in the order in which they follow the means.
const RATIOS: [[usize; 2]; 4] =
    [[MODEL, READERS], [OTHERS_BOX, READERS], [OTHERS, READERS], [BOX_ONLY, MODEL]];

/// Of one kind: in millimetres, in pixels.
fn statistics(rows: &[&Row], kind: &Kind) -> [Statistics; 2] {
    let all = || rows.iter().flat_map(|row| (kind.of)(row));
    [all().map(|difference| &difference.mm).collect(), all().map(|difference| &difference.px).collect()]
}

/// Of one kind in millimetres, every lesion weighed once: of the means within lesions.
fn by_lesion(rows: &[&Row], kind: &Kind) -> Statistics {
    let of_lesion = |row: &&Row| {
        let within: Statistics = (kind.of)(row).iter().map(|difference| &difference.mm).collect();
        (within.count > 0).then_some(within.mean)
    };
    rows.iter().filter_map(of_lesion).collect::<Vec<_>>().iter().collect()
}

/// All means and ratios, in the order in which [`Table::of`] takes their intervals.
fn numbers(rows: &[&Row]) -> Vec<f64> {
    let all = KINDS.map(|kind| statistics(rows, &kind));
    let means = all.iter().flatten().map(|statistics| statistics.mean);
    let ratios = RATIOS.map(|[above, below]| all[above][0].mean / all[below][0].mean);
    let [model, others_box, readers] =
        [MODEL, OTHERS_BOX, READERS].map(|kind| by_lesion(rows, &KINDS[kind]).mean);
    means.chain(ratios).chain([model / readers, others_box / readers]).flat_map(Four::into_array).collect()
}

impl Table {
    /// Compares what happened in those of `rows` that the cascade measured. Where it measured none, means and ratios
    /// are not numbers.
    #[must_use]
    pub fn of(rows: &[&Row]) -> Self {
        let rows = &Row::measured(rows)[..];
        let values = numbers(rows);
        let intervals = intervals(rows, numbers);
        let estimate = |i: usize| Estimate { value: values[i], interval: intervals[i] };
        let comparisons = KINDS.into_iter().enumerate().map(|(number, kind)| {
            let [mm, px] = statistics(rows, &kind);
            let deviations = |statistics: Statistics, first: usize| {
                let [means, deviations] = [statistics.mean, statistics.deviation].map(Four::into_array);
                Four::from_fn(|i| Deviations {
                    mean: means[i],
                    deviation: deviations[i],
                    interval: intervals[first + i],
                })
            };
            Comparison {
                of: kind.name,
                count: mm.count,
                mm: deviations(mm, 8 * number),
                px: deviations(px, 8 * number + 4),
            }
        });
        let is_told = |comparison: &Comparison| comparison.count > 0 || comparison.of == KINDS[MODEL].name;
        let comparisons = comparisons.filter(is_told).collect();
        let readers = rows.iter().map(|row| row.reader_count()).min().unwrap_or(0);
        let [model, others_box, others, box_only, model_by_lesion, others_box_by_lesion] =
            [0, 1, 2, 3, 4, 5].map(|ratio| Four::from_fn(|i| estimate(8 * KINDS.len() + 4 * ratio + i)));
        let tried = readers > 1 && others_box.long.value.is_finite();
        Self {
            comparisons,
            model_over_readers: (readers > 1).then_some(model),
            model_over_readers_by_lesion: (readers > 1).then_some(model_by_lesion),
            model_in_others_boxes_over_readers: tried.then_some(others_box),
            model_in_others_boxes_over_readers_by_lesion: tried.then_some(others_box_by_lesion),
            others_boxes_unmeasured: rows
                .iter()
                .filter_map(|row| row.careless.as_ref())
                .fold(Unmeasured::default(), |all, careless| all + careless.others_boxes_unmeasured),
            others_over_readers: (readers > 2).then_some(others),
            box_only_over_model: box_only,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, cells: [String; 4], last: &str| {
            let [long, short, long_ends, short_ends] = cells;
            writeln!(f, "  {name:<22} {long:>16} {short:>16} {long_ends:>16} {short_ends:>16}   {last}")
        };
        let heads = ["long axis", "short axis", "long axis' ends", "short axis' ends"].map(str::to_owned);
        line(f, "mean ± deviation", heads, "n")?;
        for unit in ["mm", "px"] {
            for comparison in &self.comparisons {
                let four = if unit == "mm" { &comparison.mm } else { &comparison.px };
                let cell = |d: Deviations| format!("{:.2} ± {:.2}", Figure(d.mean), Figure(d.deviation));
                let name = format!("{}, {unit}", comparison.of);
                line(f, &name, four.into_array().map(cell), &comparison.count.to_string())?;
            }
        }
        let cell = |e: Estimate| {
            let interval = interval(e.interval, "-", |end| format!("{end:.2}"));
            if e.value.is_finite() {
                format!("{:.2} {interval}", e.value)
            } else {
                Figure(e.value).to_string()
            }
        };
        let by_lesion = "mm, every lesion weighed once";
        if let Some(ratios) = &self.model_over_readers {
            line(f, "model / readers", ratios.into_array().map(cell), "mm, 95 % by patient")?;
        }
        if let Some(ratios) = &self.model_over_readers_by_lesion {
            line(f, "the same, by lesion", ratios.into_array().map(cell), by_lesion)?;
        }
        if let Some(ratios) = &self.model_in_others_boxes_over_readers {
            let last = format!("mm, 95 % by patient; {}", self.others_boxes_unmeasured);
            line(f, "other's box / readers", ratios.into_array().map(cell), &last)?;
        }
        if let Some(ratios) = &self.model_in_others_boxes_over_readers_by_lesion {
            line(f, "the same, by lesion", ratios.into_array().map(cell), by_lesion)?;
        }
        if let Some(ratios) = &self.others_over_readers {
            line(f, "others' mean / readers", ratios.into_array().map(cell), "mm, 95 % by patient")?;
        }
        line(f, "box only / model", self.box_only_over_model.into_array().map(cell), "mm, 95 % by patient")
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::{example, refused};
    use super::*;

    fn others(table: &Table) -> &Comparison {
        table.comparisons.iter().find(|comparison| comparison.of == KINDS[OTHERS].name).unwrap()
    }

    #[test]
    fn the_ratio_is_that_of_the_means_and_its_interval_holds_it() {
        let rows: Vec<Row> = (0..40).map(|i| example(i, 12.0, 1.0 + (i % 2) as f64, 2.0)).collect();
        let table = Table::of(&rows.iter().collect::<Vec<_>>());
        for Estimate { value, interval: [low, high] } in table.model_over_readers.unwrap().into_array() {
            assert!(
                (value - 0.75).abs() < 1e-12 && low < 0.75 && high > 0.75 && high - low < 0.2,
                "{low} {high}"
            );
        }
        assert_eq!(table.box_only_over_model.long.value, 2.0);
        assert_eq!(
            (table.comparisons[MODEL].mm.long.mean, table.comparisons[MODEL].px.short.deviation),
            (1.5, (0.25_f64 * 40.0 / 39.0).sqrt())
        );
    }

    #[test]
    fn by_lesion_a_lesion_of_many_readers_weighs_no_more_than_another() {
        let two = example(0, 12.0, 1.0, 4.0);
        let mut four = example(1, 12.0, 3.0, 2.0);
        (four.model, four.readers) = (vec![four.model[0]; 4], vec![four.readers[0]; 6]);
        let table = Table::of(&[&Row { model: vec![two.model[0]; 2], ..two }, &four]);
        let of = |ratios: Option<Four<Estimate>>| ratios.unwrap().into_array().map(|ratio| ratio.value);
        assert_eq!(of(table.model_over_readers_by_lesion), [2.0 / 3.0; 4], "2 mm of 3 mm");
        let pairs = (2.0 * 1.0 + 4.0 * 3.0) / 6.0 / ((4.0 + 6.0 * 2.0) / 7.0);
        assert_eq!(of(table.model_over_readers), [pairs; 4], "control: over differences");
        assert!(table.to_string().contains("  the same, by lesion "), "{table}");
    }

    #[test]
    fn the_others_are_compared_with_the_readers() {
        let mut row =
            Row { box_only: vec![example(0, 12.0, 1.0, 2.0).box_only[0]; 3], ..example(0, 12.0, 1.0, 2.0) };
        row.others = example(0, 12.0, 1.5, 2.0).model;
        let table = Table::of(&[&row]);
        assert_eq!((others(&table).of, others(&table).count), ("others' mean", 1));
        assert_eq!(table.others_over_readers.unwrap().into_array().map(|ratio| ratio.value), [0.75; 4]);
    }

    #[test]
    fn a_box_of_another_readers_has_figures_of_its_own_where_it_was_tried() {
        use super::super::Careless;
        use super::super::careless::refused_everywhere;

        let with = |row: Row, millimetres: f64, boxes: usize| {
            let others_boxes = vec![example(0, 12.0, millimetres, 2.0).model[0]; boxes];
            let others_boxes_unmeasured = Unmeasured { refused: 1, unfit: 0 };
            Row {
                careless: Some(Careless { others_boxes, others_boxes_unmeasured, ..refused_everywhere() }),
                ..row
            }
        };
        let two = || example(0, 12.0, 1.0, 2.0);
        let four = || Row { readers: vec![two().readers[0]; 6], ..example(1, 12.0, 1.0, 2.0) };
        let tried = Table::of(&[&with(two(), 1.5, 2), &with(four(), 1.0, 12)]);
        let of = |ratios: Option<Four<Estimate>>| ratios.map(|ratios| ratios.long.value);
        assert_eq!(of(tried.model_in_others_boxes_over_readers), Some((2.0 * 1.5 + 12.0 * 1.0) / 14.0 / 2.0));
        assert_eq!(of(tried.model_in_others_boxes_over_readers_by_lesion), Some(0.625));
        assert_eq!(tried.others_boxes_unmeasured.refused, 2);
        let text = tried.to_string();
        for part in ["  other's box / readers ", "  the same, by lesion ", "; 2 refused"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(of(Table::of(&[&two()]).model_in_others_boxes_over_readers), None);
    }

    /// Lesions of 20 patients of which every fourth is hard for cascade and readers; it may be refused.
    fn with_hard_lesions(are_refused: bool) -> Vec<Row> {
        let hard = |i| if are_refused { refused(i, 12.0, 9.0) } else { example(i, 12.0, 9.0, 9.0) };
        (0..20).map(|i| if i % 4 == 0 { hard(i) } else { example(i, 12.0, 1.0, 2.0) }).collect()
    }

    #[test]
    fn refusing_the_hard_lesions_changes_no_figure_of_the_others() {
        let all = |rows: &[Row]| Table::of(&rows.iter().collect::<Vec<_>>());
        let rows = with_hard_lesions(true);
        let easy: Vec<Row> = rows.iter().filter(|row| row.found.is_ok()).cloned().collect();
        assert_eq!(all(&rows), all(&easy), "means, ratios and intervals are those of the measured lesions");
        let ratio = |table: &Table| table.model_over_readers.unwrap().long.value;
        assert_eq!(ratio(&all(&rows)), 0.5);
        let measured = ratio(&all(&with_hard_lesions(false)));
        assert!((measured - 12.0 / 15.0).abs() < 1e-12, "control: measured, they count: {measured}");
    }

    #[test]
    fn nothing_measured_is_no_figure_in_any_form() {
        let rows: Vec<Row> = (0..4).map(|i| refused(i, 12.0, 2.0)).collect();
        let table = Table::of(&rows.iter().collect::<Vec<_>>());
        let [model] = &table.comparisons[..] else { panic!("{table:?}") };
        assert_eq!((model.of, model.count, table.model_over_readers), ("model", 0, None));
        let json = serde_json::to_value(&table).unwrap();
        assert!(json["comparisons"][0]["mm"]["long"]["mean"].is_null(), "{json}");
        assert!(json["comparisons"][0]["px"]["short"]["deviation"].is_null(), "{json}");
        assert!(json["box_only_over_model"]["long"]["value"].is_null(), "{json}");
        let text = table.to_string();
        assert!(text.contains("- ± -") && !text.contains("0.00") && !text.contains("NaN"), "{text}");
    }

    #[test]
    fn a_draw_without_a_kind_says_nothing_of_it() {
        // The others' mean of two patients in eight: every tenth draw has none of their lesions.
        let mut rows: Vec<Row> = (0..8).map(|i| example(i, 12.0, 1.0, 2.0)).collect();
        for patient in [0, 1] {
            rows[patient].others = example(0, 12.0, 1.5, 2.0).model;
        }
        let table = Table::of(&rows.iter().collect::<Vec<_>>());
        assert_eq!((others(&table).of, others(&table).count), ("others' mean", 2));
        assert_eq!(others(&table).mm.long.interval, [1.5; 2]);
        rows[1].others = Vec::new();
        let table = Table::of(&rows.iter().collect::<Vec<_>>());
        let Deviations { mean, interval, .. } = others(&table).mm.long;
        assert!(mean == 1.5 && interval.iter().all(|end| end.is_nan()), "one patient has none: {interval:?}");
    }

    #[test]
    fn one_reader_agrees_with_nobody() {
        let one = Row {
            readers: Vec::new(),
            box_only: vec![example(0, 12.0, 1.0, 2.0).box_only[0]],
            ..example(0, 12.0, 1.0, 2.0)
        };
        let table = Table::of(&[&one, &example(1, 12.0, 1.0, 2.0)]);
        assert_eq!((table.model_over_readers, table.model_over_readers_by_lesion), (None, None));
        assert_eq!(table.others_over_readers, None, "one and two readers have no mean of others");
        let alone = Table::of(&[&one]);
        assert_eq!(alone.comparisons.iter().map(|c| c.of).collect::<Vec<_>>(), ["model", "box only"]);
    }
}

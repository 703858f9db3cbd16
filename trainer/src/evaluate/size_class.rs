use serde::Serialize;

use super::{Difference, Four, Row, Statistics, Unmeasured};

/// Where a class of sizes begins, in mm of the readers' mean long axis; each ends where the next begins.
const BEGINS_MM: [f64; 7] = [0.0, 5.0, 8.0, 10.0, 15.0, 20.0, 30.0];

/// How well lesions of like size are measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SizeClass {
    /// The readers' mean long axis in mm, lowest and (but for the last class) highest.
    pub from_mm: f64,
    /// See `from_mm`.
    pub to_mm: Option<f64>,
    /// Lesions.
    pub lesions: usize,
    /// Lesions that were not measured.
    #[serde(flatten)]
    pub unmeasured: Unmeasured,
    /// The mean absolute differences of the cascade to a reader, in mm; not numbers where none was measured, as is the
    /// bias.
    pub model_mm: Four<f64>,
    /// The mean absolute differences between two readers of the measured lesions in mm, where there are two.
    pub readers_mm: Option<Four<f64>>,
    /// The mean of measured less reader's long axis, in mm.
    pub long_bias_mm: f64,
}

impl SizeClass {
    /// The classes that are not empty.
    #[must_use]
    pub fn all(rows: &[&Row]) -> Vec<Self> {
        let class = |(i, &from_mm): (usize, &f64)| {
            let to_mm = BEGINS_MM.get(i + 1).copied();
            let inside = |row: &&&Row| row.long_mm() >= from_mm && to_mm.is_none_or(|to| row.long_mm() < to);
            let rows: Vec<&Row> = rows.iter().filter(inside).copied().collect();
            let measured = Row::measured(&rows);
            let statistics = |kind: fn(&Row) -> &[Difference]| -> Statistics {
                measured.iter().flat_map(|row| kind(row)).map(|difference| &difference.mm).collect()
            };
            let (model, readers) = (statistics(|row| &row.model), statistics(|row| &row.readers));
            let signed: f64 =
                measured.iter().flat_map(|row| &row.model).map(|difference| difference.mm.long).sum();
            (!rows.is_empty()).then(|| Self {
                from_mm,
                to_mm,
                lesions: rows.len(),
                unmeasured: rows.iter().filter_map(|row| row.found.err()).collect(),
                model_mm: model.mean,
                readers_mm: (readers.count > 0).then_some(readers.mean),
                long_bias_mm: signed / model.count as f64,
            })
        };
        BEGINS_MM.iter().enumerate().filter_map(class).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::{example, refused};
    use super::*;

    #[test]
    fn every_lesion_is_in_the_class_of_its_size() {
        let rows = [
            example(0, 4.9, 1.0, 2.0),
            example(1, 10.0, 2.0, 2.0),
            example(2, 14.0, 4.0, 2.0),
            example(3, 80.0, 8.0, 2.0),
        ];
        let classes = SizeClass::all(&rows.iter().collect::<Vec<_>>());
        let found: Vec<_> = classes
            .iter()
            .map(|c| (c.from_mm, c.to_mm, c.lesions, c.model_mm.long, c.long_bias_mm))
            .collect();
        assert_eq!(
            found,
            [(0.0, Some(5.0), 1, 1.0, -1.0), (10.0, Some(15.0), 2, 3.0, -3.0), (30.0, None, 1, 8.0, -8.0)]
        );
    }

    #[test]
    fn a_class_tells_of_its_measured_lesions_alone() {
        let rows =
            [example(0, 11.0, 1.0, 2.0), refused(1, 12.0, 9.0), refused(2, 25.0, 9.0), refused(3, 26.0, 9.0)];
        let classes = SizeClass::all(&rows.iter().collect::<Vec<_>>());
        let [some, none] = &classes[..] else { panic!("{classes:?}") };
        assert_eq!((some.lesions, some.unmeasured.refused, some.model_mm.long), (2, 1, 1.0));
        assert_eq!(some.readers_mm, Some(Four::from_fn(|_| 2.0)));
        assert_eq!((none.lesions, none.unmeasured.refused, none.readers_mm), (2, 2, None));
        assert!(none.model_mm.short.is_nan() && none.long_bias_mm.is_nan(), "{none:?}");
    }
}

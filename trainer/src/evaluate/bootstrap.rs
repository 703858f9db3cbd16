use std::collections::BTreeMap;

use rand::RngExt;

use super::Row;
use crate::data::keyed;

/// Draws of a bootstrap.
const DRAWS: u64 = 1000;

/// For each of the numbers that `statistics` makes of some rows, the central 95 % of what it makes of 1,000
/// bootstrap draws: as many patients as there are, drawn with replacement, each with all its rows. Of a number that
/// fewer than two patients have there is no interval: its ends are not numbers.
pub(super) fn intervals(rows: &[&Row], statistics: impl Fn(&[&Row]) -> Vec<f64>) -> Vec<[f64; 2]> {
    let mut patients: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        patients.entry(&row.patient).or_default().push(row);
    }
    let patients: Vec<_> = patients.into_values().collect();
    let mut draws: Vec<Vec<f64>> = vec![Vec::new(); statistics(rows).len()];
    let mut having = vec![0; draws.len()];
    for patient in &patients {
        for (having, value) in having.iter_mut().zip(statistics(patient)) {
            *having += usize::from(!value.is_nan());
        }
    }
    for draw in 0..if patients.len() < 2 { 0 } else { DRAWS } {
        let mut random = keyed(0, draw, 0);
        let drawn = (0..patients.len()).flat_map(|_| &patients[random.random_range(0..patients.len())]);
        let drawn: Vec<&Row> = drawn.copied().collect();
        for (values, value) in draws.iter_mut().zip(statistics(&drawn)) {
            values.extend(Some(value).filter(|value| value.is_finite()));
        }
    }
    let interval = |(mut values, having): (Vec<f64>, usize)| {
        values.sort_unstable_by(f64::total_cmp);
        let tail = values.len() / 40;
        match values.len() {
            count if count > 0 && having > 1 => [values[tail], values[count - 1 - tail]],
            _ => [f64::NAN; 2],
        }
    };
    draws.into_iter().zip(having).map(interval).collect()
}

#[cfg(test)]
mod tests {
    use super::super::row::example;
    use super::*;

    #[test]
    fn an_interval_holds_the_value_and_narrows_with_more_patients_only() {
        let mean =
            |rows: &[&Row]| vec![rows.iter().map(|row| row.long_mm()).sum::<f64>() / rows.len() as f64];
        let width = |rows: &[Row]| {
            let rows: Vec<&Row> = rows.iter().collect();
            let [low, high] = intervals(&rows, mean)[0];
            let value = mean(&rows)[0];
            assert!(low < value && value < high, "{low} {value} {high}");
            high - low
        };
        let of = |count: usize| (0..count).map(|i| example(i, 10.0 + (i % 2) as f64, 1.0, 2.0));
        let (few, many) = (of(20).collect::<Vec<_>>(), of(320).collect::<Vec<_>>());
        assert!(width(&few) > 3.0 * width(&many));
        let same: Vec<Row> = few.iter().flat_map(|row| vec![row.clone(); 16]).collect();
        assert!((width(&same) - width(&few)).abs() < 1e-9, "more slices of the same patients are no news");
    }

    #[test]
    fn one_patient_has_no_interval() {
        let mean =
            |rows: &[&Row]| vec![rows.iter().map(|row| row.long_mm()).sum::<f64>() / rows.len() as f64];
        for (patients, known) in [([0, 0, 0], false), ([0, 0, 1], true)] {
            let rows = [0, 1, 2].map(|i| example(patients[i], 10.0 + i as f64, 1.0, 2.0));
            let interval = intervals(&rows.iter().collect::<Vec<_>>(), mean)[0];
            assert_eq!(interval.map(f64::is_finite), [known; 2], "{patients:?}: {interval:?}");
        }
    }
}

use std::collections::BTreeMap;

use rand::RngExt;

use super::Row;
use crate::data::keyed;

/// Draws of a bootstrap.
const DRAWS: u64 = 1000;

/// For each of the numbers that `statistics` makes of some rows, the central 95 % of what it makes of 1,000
/// bootstrap draws: as many patients as there are, drawn with replacement, each with all its rows. A number
/// that no draw has is not a number.
pub(super) fn intervals(rows: &[&Row], statistics: impl Fn(&[&Row]) -> Vec<f64>) -> Vec<[f64; 2]> {
    let mut patients: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        patients.entry(&row.patient).or_default().push(row);
    }
    let patients: Vec<_> = patients.into_values().collect();
    let mut draws: Vec<Vec<f64>> = vec![Vec::new(); statistics(rows).len()];
    for draw in 0..if patients.is_empty() { 0 } else { DRAWS } {
        let mut random = keyed(0, draw, 0);
        let drawn = (0..patients.len()).flat_map(|_| &patients[random.random_range(0..patients.len())]);
        let drawn: Vec<&Row> = drawn.copied().collect();
        for (values, value) in draws.iter_mut().zip(statistics(&drawn)) {
            values.extend(Some(value).filter(|value| value.is_finite()));
        }
    }
    let interval = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        let tail = values.len() / 40;
        match values.len() {
            0 => [f64::NAN; 2],
            count => [values[tail], values[count - 1 - tail]],
        }
    };
    draws.into_iter().map(interval).collect()
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
}

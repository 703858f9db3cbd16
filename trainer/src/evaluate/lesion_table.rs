use recist::geometry::Point;

use super::table::{KINDS, Kind};
use super::{BOX_SIZES, Difference, Report, Row, Statistics};
use crate::data::Pack;

/// The report as a table (CSV), one row a lesion. Places are in pixels of the whole image, differences mean ones
/// over the readers in mm: signed where the column says `signed`, else absolute. What was not measured is empty.
///
/// # Panics
/// If `packs` are not those of the report.
#[must_use]
pub fn lesion_table(report: &Report, packs: &[Pack]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (number, row) in report.rows.iter().enumerate() {
        let fields = fields(row, packs);
        if number == 0 {
            writer.write_record(fields.iter().map(|(name, _)| name)).expect("memory takes every record");
        }
        writer.write_record(fields.iter().map(|(_, value)| value)).expect("memory takes every record");
    }
    let bytes = writer.into_inner().expect("memory takes every record");
    String::from_utf8(bytes).expect("every field is text")
}

fn fields(row: &Row, packs: &[Pack]) -> Vec<(String, String)> {
    let origin = packs[row.place.0].get(row.place.1).0.patch_origin.map(|pixels| pixels as f64);
    let origin = Point::new(origin[0], origin[1]);
    let mut fields = vec![
        ("lesion".to_owned(), row.name.clone()),
        ("patient".to_owned(), row.patient.clone()),
        ("organ".to_owned(), row.organ.clone().unwrap_or_default()),
        ("readers".to_owned(), row.reader_count().to_string()),
    ];
    let mut number = |name: &str, value: Option<f64>| {
        let measured = value.filter(|value| value.is_finite());
        fields.push((name.to_owned(), measured.map_or_else(String::new, |value| format!("{value:.3}"))));
    };
    number("row_spacing_mm", Some(row.spacing.row_mm()));
    number("column_spacing_mm", Some(row.spacing.column_mm()));
    number("long_mm", Some(row.reader_mm[0]));
    number("short_mm", Some(row.reader_mm[1]));
    let [x0, y0, x1, y1] = row.area.corners();
    for (name, edge) in
        [("x0", x0 + origin.x), ("y0", y0 + origin.y), ("x1", x1 + origin.x), ("y1", y1 + origin.y)]
    {
        number(name, Some(edge));
    }
    number("confidence", row.found.ok().map(|found| f64::from(found.confidence)));
    let ends = ["long", "short"].iter().flat_map(|axis| [1, 2].map(|end| (axis, end)));
    for (i, (axis, end)) in ends.enumerate() {
        let place = row.found.ok().map(|found| found.keypoints.to_array()[i] + origin);
        number(&format!("{axis}_x{end}"), place.map(|place| place.x));
        number(&format!("{axis}_y{end}"), place.map(|place| place.y));
    }
    let mean = |value: fn(&Difference) -> f64| {
        let sum: f64 = row.model.iter().map(value).sum();
        (!row.model.is_empty()).then(|| sum / row.model.len() as f64)
    };
    number("model_long_signed_mm", mean(|difference| difference.mm.long));
    number("model_short_signed_mm", mean(|difference| difference.mm.short));
    number("model_long_signed_percent", mean(Difference::long_percent));
    for Kind { word, of, .. } in KINDS {
        let statistics: Statistics = of(row).iter().map(|difference| &difference.mm).collect();
        let quantities = ["long", "short", "long_ends", "short_ends"];
        for (quantity, mean) in quantities.into_iter().zip(statistics.mean.into_array()) {
            number(&format!("{word}_{quantity}_mm"), Some(mean));
        }
    }
    let spread = row.careless.as_ref().map(|careless| careless.spread_mm());
    number("redrawn_long_mm", spread.map(|spread| spread[0]));
    number("redrawn_short_mm", spread.map(|spread| spread[1]));
    for (i, size) in BOX_SIZES.iter().enumerate() {
        let differences = row.careless.as_ref().and_then(|careless| careless.sizes[i].as_ref().ok());
        let statistics = differences.map(|differences| -> Statistics {
            differences.iter().map(|difference| &difference.mm).collect()
        });
        number(&format!("box_{size}_long_mm"), statistics.map(|statistics| statistics.mean.long));
        number(&format!("box_{size}_short_mm"), statistics.map(|statistics| statistics.mean.short));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::careless::refused_everywhere;
    use super::super::row::{example, refused};
    use super::super::{Careless, REDRAWN};
    use super::*;
    use crate::data::{PackWriter, phantom};

    #[test]
    fn what_was_not_measured_is_an_empty_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("phantom.pack");
        let mut writer = PackWriter::open(&path, "test").unwrap();
        writer.append(phantom(1, 0, None)).unwrap();
        writer.finish().unwrap();
        let packs = [Pack::open(&path).unwrap()];

        let careless = |redrawn| Careless { redrawn, ..refused_everywhere() };
        let of = |row: Row, redrawn| {
            let row = Row { place: (0, 0), careless: Some(careless(redrawn)), ..row };
            let table = lesion_table(&Report { rows: vec![row] }, &packs);
            assert!(!table.contains("NaN"), "{table}");
            let mut lines = table.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
            let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
            move |name: &str| values[names.iter().position(|found| found == name).unwrap()].clone()
        };
        let nothing = of(refused(0, 12.0, 2.0), Vec::new());
        for name in
            ["redrawn_long_mm", "redrawn_short_mm", "model_long_mm", "others_long_mm", "box_2_long_mm"]
        {
            assert_eq!(nothing(name), "", "{name}");
        }
        assert_eq!(nothing("readers_long_mm"), "2.000", "readers measured it");
        let something = of(example(0, 12.0, 1.0, 2.0), vec![Ok([12.0, 6.0]); REDRAWN]);
        assert_eq!([something("redrawn_long_mm"), something("model_long_mm")], ["0.000", "1.000"], "control");
    }
}

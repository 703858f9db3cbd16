//! The rows of the results of `recist batch`, and what they have no column for.

use recist::cascade::Measurement;
use recist::geometry::Axis;
use recist::report::printed_ends;

/// The first line.
pub(super) const HEADER: &str = "image,long_x1,long_y1,long_x2,long_y2,short_x1,short_y1,short_x2,short_y2,\
                       long_px,short_px,long_mm,short_mm,confidence,status";

/// Columns between the image and the status.
const NUMBERS: usize = 13;

/// What to look at twice, on one line; empty where there is nothing.
pub(super) fn warnings(measured: &Measurement) -> String {
    measured.warnings.iter().map(|warning| warning.to_string()).collect::<Vec<_>>().join("; ")
}

/// The line of the results for one case, with its line break.
pub(super) fn row(image: &str, outcome: Result<Measurement, String>) -> Vec<u8> {
    let mut fields = vec![image.to_owned()];
    match outcome {
        Ok(measured) => {
            let (long, short) = (measured.axes.long(), measured.axes.short());
            let ends = printed_ends(measured.axes, 3).to_array();
            let mm = |axis: Axis| measured.spacing.map(|s| axis.length_mm(s));
            let numbers = ends.iter().flat_map(|p| [Some(p.x), Some(p.y)]).chain([
                Some(long.length()),
                Some(short.length()),
                mm(long),
                mm(short),
                Some(f64::from(measured.confidence())),
            ]);
            fields.extend(numbers.map(|n| n.map_or_else(String::new, |n| format!("{n:.3}"))));
            fields.push("ok".to_owned());
        }
        Err(reason) => {
            fields.extend(std::iter::repeat_n(String::new(), NUMBERS));
            fields.push(reason);
        }
    }
    // An interrupted run counts its rows by their line breaks.
    let lines = fields.iter().map(|field| field.replace(['\r', '\n'], " "));
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(lines).expect("writing to memory does not fail");
    writer.into_inner().expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::HEADER;

    #[test]
    fn the_readme_lists_the_columns_of_the_results() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        assert!(readme.lines().any(|line| line.trim_start() == HEADER), "{HEADER}");
    }
}

//! The cases of `recist batch`: a row that is none has its reason, and never stops the rest.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};
use recist::cascade::{Measurement, Networks, Workspace, measure};
use recist::geometry::{LesionBox, PixelSpacing};
use recist::image::CtFile;

/// One row of the cases, or why it is none.
pub(super) struct Case {
    /// As the row has it; what is not UTF-8 is replaced.
    pub(super) image: String,
    parsed: Result<(LesionBox, Option<PixelSpacing>), String>,
}

/// All rows below the header, in their order; no cases at all without the columns that a case needs.
pub(super) fn read(csv: &[u8]) -> Result<Vec<Case>, String> {
    // Rows of any length and any bytes are read: each is judged by itself.
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::Headers).from_reader(csv);
    let columns = Columns::of(reader.byte_headers().map_err(|e| e.to_string())?)?;
    let rows = reader.byte_records().map(|record| {
        let record = record.map_err(|e| e.to_string())?;
        columns.check_quotes(&record)?;
        Ok(Case::new(&columns, &record))
    });
    rows.collect()
}

/// Where the header has what a case is made of; other columns are ignored.
struct Columns {
    all: usize,
    image: usize,
    edges: [usize; 4],
    spacing: [Option<usize>; 2],
}

impl Columns {
    fn of(header: &ByteRecord) -> Result<Self, String> {
        let called = |name: &str, found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
        let column = |name: &str| {
            // What is nearly a column is not ignored: the case would be measured without what it says.
            if let Some(found) = header.iter().find(|found| called(name, found) && *found != name.as_bytes())
            {
                return Err(format!("column {} is not known: {name} is", String::from_utf8_lossy(found)));
            }
            let mut columns = (0..header.len()).filter(|at| &header[*at] == name.as_bytes());
            match [columns.next(), columns.next()] {
                [_, Some(_)] => Err(format!("column {name} is there more than once")),
                [column, None] => Ok(column),
            }
        };
        if let Some(found) = header.iter().find(|found| called("spacing_mm", found)) {
            let found = String::from_utf8_lossy(found);
            return Err(format!("column {found} is not known: row_spacing_mm and column_spacing_mm are"));
        }
        let required = |name: &str| column(name)?.ok_or(format!("column {name} is missing"));
        Ok(Self {
            all: header.len(),
            image: required("image")?,
            edges: [required("x0")?, required("y0")?, required("x1")?, required("y1")?],
            spacing: [column("row_spacing_mm")?, column("column_spacing_mm")?],
        })
    }

    /// Refuses a row over more than one line whose quotation marks are not in order: it has swallowed cases.
    fn check_quotes(&self, record: &ByteRecord) -> Result<(), String> {
        let is_broken = |field: &[u8]| field.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        let needed = [self.image].into_iter().chain(self.edges).chain(self.spacing.into_iter().flatten());
        let is_wrong = record.len() != self.all || needed.into_iter().any(|at| is_broken(&record[at]));
        if is_wrong && record.iter().any(is_broken) {
            let line = record.position().map_or(0, csv::Position::line);
            return Err(format!(
                "line {line}: a field that begins with a quotation mark does not end on its line"
            ));
        }
        Ok(())
    }

    fn parse(&self, record: &ByteRecord) -> Result<(LesionBox, Option<PixelSpacing>), String> {
        // A decimal comma without quotes moves every field after it into a column that is not its own.
        if record.len() != self.all {
            return Err(format!("number of fields is {} in place of {}", record.len(), self.all));
        }
        if std::str::from_utf8(&record[self.image]).is_err() {
            return Err(format!("image is not UTF-8: \"{}\"", text(record, self.image)));
        }
        let number = |name: &str, at: usize| {
            let text = text(record, at);
            text.trim().parse::<f64>().map_err(|_| format!("{name} is not a number: \"{text}\""))
        };
        let [x0, y0, x1, y1] = self.edges;
        let [x0, y0, x1, y1] = [number("x0", x0)?, number("y0", y0)?, number("x1", x1)?, number("y1", y1)?];
        let area = LesionBox::new(x0, y0, x1, y1).map_err(|e| e.to_string())?;
        let spacing = match self.spacing.map(|c| c.filter(|at| !text(record, *at).trim().is_empty())) {
            [None, None] => None,
            [Some(row), Some(column)] => {
                let (row, column) = (number("row_spacing_mm", row)?, number("column_spacing_mm", column)?);
                Some(PixelSpacing::new(row, column).map_err(|e| e.to_string())?)
            }
            _ => return Err("only one of row_spacing_mm and column_spacing_mm is given".to_owned()),
        };
        Ok((area, spacing))
    }
}

/// A field for a reader; empty where the row has none.
fn text(record: &ByteRecord, at: usize) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(record.get(at).unwrap_or_default())
}

impl Case {
    fn new(columns: &Columns, record: &ByteRecord) -> Self {
        Self { image: text(record, columns.image).into_owned(), parsed: columns.parse(record) }
    }

    /// Measures the case, whose image lies relative to `folder`.
    pub(super) fn measure(
        &self,
        folder: &Path,
        networks: &mut impl Networks,
        workspace: &mut Workspace,
    ) -> Result<Measurement, String> {
        let (area, spacing) = self.parsed.clone()?;
        let file = CtFile::read(&folder.join(&self.image), None).map_err(|error| {
            let is_blank = self.image.trim() != self.image;
            format!("{error}{}", if is_blank { " (the name begins or ends with a blank)" } else { "" })
        })?;
        let slice = file.slice_spaced(spacing).map_err(|e| e.to_string())?;
        measure(&slice, area, networks, workspace, |_| ()).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each row below `header` is, in words.
    fn parsed(header: &str, rows: &[u8]) -> Vec<Result<String, String>> {
        let csv = [header.as_bytes(), b"\n", rows].concat();
        let words = |(area, spacing): (LesionBox, Option<PixelSpacing>)| {
            let spacing = spacing.map(|s| format!(" {}/{} mm", s.row_mm(), s.column_mm()));
            format!("{:?}{}", area.corners(), spacing.unwrap_or_default())
        };
        read(&csv).unwrap().into_iter().map(|case| case.parsed.map(words)).collect()
    }

    #[test]
    fn a_row_with_more_or_fewer_fields_than_the_header_is_no_case() {
        let header = "image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm";
        let cases = [
            ("a.png,95,82,167,154,1.17,1.17", Ok("[95.0, 82.0, 167.0, 154.0] 1.17/1.17 mm")),
            ("a.png,95,82,167,154,,", Ok("[95.0, 82.0, 167.0, 154.0]")),
            ("a.png,95,82,167,154,1,17,1,17", Err("number of fields is 9 in place of 7")),
            ("a.png,95,0,82,0,167,0,154,0,1,17,1,17", Err("number of fields is 13 in place of 7")),
            ("a.png,95,82,167,154,0.75,0.75,", Err("number of fields is 8 in place of 7")),
            ("a.png,95,82,167,154", Err("number of fields is 5 in place of 7")),
            ("a.png,95,82,167,154,1.17", Err("number of fields is 6 in place of 7")),
            ("a.png", Err("number of fields is 1 in place of 7")),
            ("a.png,95,82,167,154,\"1,17\",\"1,17\"", Err("row_spacing_mm is not a number: \"1,17\"")),
        ];
        for (row, want) in cases {
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(parsed(header, row.as_bytes()), [want], "{row}");
        }
    }

    #[test]
    fn a_column_that_is_nearly_one_of_the_cases_is_not_ignored() {
        for (header, want) in [
            ("image,x0,y0,x1,y1,lesion,Spacing", None),
            ("Image,x0,y0,x1,y1", Some("column Image is not known: image is")),
            (
                "image,x0,y0,x1,y1,Row_spacing_mm,column_spacing_mm",
                Some("column Row_spacing_mm is not known: row_spacing_mm is"),
            ),
            (
                "image,x0,y0,x1,y1,spacing_mm",
                Some("column spacing_mm is not known: row_spacing_mm and column_spacing_mm are"),
            ),
            (
                "image,x0,y0,x1,y1,Spacing_mm",
                Some("column Spacing_mm is not known: row_spacing_mm and column_spacing_mm are"),
            ),
        ] {
            assert_eq!(read(header.as_bytes()).err().as_deref(), want, "{header}");
        }
    }

    #[test]
    fn blanks_belong_to_the_name_of_an_image_and_not_to_a_number() {
        let header = "image , x0,y0,x1,y1";
        let cases = read(format!("{header}\n\" a.png\", 1 ,2,30,40\n").as_bytes()).unwrap();
        assert_eq!((&cases[0].image[..], cases[0].parsed.is_ok()), (" a.png", true));
    }

    #[test]
    fn a_field_that_is_not_utf_8_costs_its_own_row_only_and_only_where_it_is_read() {
        let rows = b"a.png,1,2,30,40,lesion\n\
            l\xe4sion.png,1,2,30,40,lesion\n\
            a.png,1,2,3\xb5,40,lesion\n\
            a.png,1,2,30,40,L\xe4sion\n\
            l\xc3\xa4sion.png,1,2,30,40,lesion\n";
        let area = Ok("[1.0, 2.0, 30.0, 40.0]".to_owned());
        let want = [
            area.clone(),
            Err("image is not UTF-8: \"l\u{fffd}sion.png\"".to_owned()),
            Err("x1 is not a number: \"3\u{fffd}\"".to_owned()),
            area.clone(),
            area,
        ];
        assert_eq!(parsed("image,x0,y0,x1,y1,note", rows), want);
    }

    #[test]
    fn a_quotation_mark_that_swallows_the_cases_below_it_is_no_one_rows_fault() {
        let header = "image,x0,y0,x1,y1,note\n";
        let refused = |line| {
            Err(format!("line {line}: a field that begins with a quotation mark does not end on its line"))
        };
        for (rows, want) in [
            ("\"a.png,1,2,30,40,\nb.png,1,2,30,40,\n", refused(2)),
            ("a.png,1,2,30,40,\n\"b.png,1,2,30,40,\r\nc.png,1,2,30,40,\r\n", refused(3)),
            ("a.png,1,2,30,\"40,\nb.png,1,2,30,40\",\n", refused(2)),
            ("a.png,1,2,30,40,\"one\nand two\"\nb.png,1,2,30,40,\n", Ok(2)),
            ("\"a.png\",\"1\",2,30,40,\nb.png,1,2,30\n", Ok(2)),
        ] {
            let got = read([header, rows].concat().as_bytes()).map(|cases| cases.len());
            assert_eq!(got, want, "{rows}");
        }
    }

    #[test]
    fn a_column_that_is_there_twice_is_refused_where_it_is_read() {
        let refused = |name: &str| Err(format!("column {name} is there more than once"));
        for (header, want) in [
            ("image,x0,y0,x1,y1,x0", refused("x0")),
            ("image,image,x0,y0,x1,y1", refused("image")),
            ("image,x0,y0,x1,y1,row_spacing_mm,row_spacing_mm", refused("row_spacing_mm")),
            ("image,x0,y0,x1,y1,note,note", Ok(0)),
        ] {
            assert_eq!(read(header.as_bytes()).map(|cases| cases.len()), want, "{header}");
        }
    }
}

use std::fs::File;
use std::path::Path;
use std::str::FromStr;

use csv::{ErrorKind, Reader, StringRecord};

/// A table (CSV) whose first line names its columns.
pub(super) struct Table {
    reader: Reader<File>,
    header: StringRecord,
}

/// The cells of a row, by the names of their columns.
pub(super) struct Cells<'a> {
    header: &'a StringRecord,
    record: StringRecord,
}

impl Table {
    /// Opens the table at `path`. Columns of another name in `aliases`, first, are those of the name beside it.
    ///
    /// # Errors
    /// If it cannot be read, lacks a column of `required`, or has one of those or of `optional` twice.
    pub(super) fn open(
        path: &Path,
        aliases: &[(&str, &str)],
        required: &[&str],
        optional: &[&str],
    ) -> Result<Self, String> {
        let named = |error: csv::Error| format!("{}: {error}", path.display());
        let mut reader = Reader::from_path(path).map_err(named)?;
        let header = reader.headers().map_err(named)?;
        let header: StringRecord = header
            .iter()
            .map(|column| {
                aliases.iter().find(|(alias, _)| *alias == column).map_or(column, |&(_, name)| name)
            })
            .collect();
        for (column, least) in required.iter().map(|c| (c, 1)).chain(optional.iter().map(|c| (c, 0))) {
            let count = header.iter().filter(|name| name == column).count();
            if count < least {
                return Err(format!("{} has no column {column}", path.display()));
            }
            if count > 1 {
                return Err(format!("{} has the column {column} {count} times", path.display()));
            }
        }
        Ok(Self { reader, header })
    }

    /// The rows with their lines, the header's being 1 and each row's one more; in place of a row that has not the
    /// header's columns or is not UTF-8, what is wrong with it.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = (u64, Result<Cells<'_>, String>)> {
        let Self { reader, header } = self;
        let header = &*header;
        let cells = reader
            .records()
            .map(move |record| record.map(|record| Cells { header, record }).map_err(|error| reason(&error)));
        (2..).zip(cells)
    }
}

fn reason(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} cells under {expected_len} columns")
        }
        ErrorKind::Utf8 { err, .. } => format!("cell {} is not UTF-8", err.field() + 1),
        _ => error.to_string(),
    }
}

impl Cells<'_> {
    /// What the cell holds, if the table has the column and the cell is not empty.
    pub(super) fn stated(&self, column: &str) -> Option<&str> {
        let place = self.header.iter().position(|name| name == column)?;
        self.record.get(place).filter(|cell| !cell.is_empty())
    }

    /// What the cell holds.
    ///
    /// # Errors
    /// If it is empty.
    pub(super) fn text(&self, column: &str) -> Result<&str, String> {
        self.stated(column).ok_or_else(|| format!("{column} is \"\": it must not be empty"))
    }

    /// The number in the cell.
    ///
    /// # Errors
    /// If there is none, or it is not finite.
    pub(super) fn number(&self, column: &str) -> Result<f64, String> {
        let number: f64 = self.parsed(column, "a number")?;
        if number.is_finite() { Ok(number) } else { Err(format!("{column} is {number}: not finite")) }
    }

    /// The whole number in the cell.
    ///
    /// # Errors
    /// If there is none, or none that `T` holds.
    pub(super) fn whole<T: FromStr>(&self, column: &str) -> Result<T, String> {
        self.parsed(column, "a whole number within bounds")
    }

    fn parsed<T: FromStr>(&self, column: &str, what: &str) -> Result<T, String> {
        let cell = self.stated(column).unwrap_or_default();
        cell.parse().map_err(|_| format!("{column} is {cell:?}: not {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &[u8], required: &[&str]) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, text).unwrap();
        Table::open(&path, &[("file", "image")], required, &["organ"])
    }

    #[test]
    fn a_column_is_there_once() {
        for (header, word) in [
            ("image,x,x,organ", None),
            ("file,x", None),
            ("x,organ", Some("has no column image")),
            ("image,file", Some("has the column image 2 times")),
            ("image,organ,x,organ", Some("has the column organ 2 times")),
        ] {
            match (open(header.as_bytes(), &["image"]), word) {
                (Ok(_), None) => {}
                (Err(error), Some(word)) => {
                    assert!(error.contains("table.csv ") && error.contains(word), "{error}")
                }
                (opened, _) => panic!("{header}: {:?}", opened.err()),
            }
        }
    }

    #[test]
    fn a_rows_line_is_counted_from_one_and_what_is_wrong_with_it_is_said() {
        let text = "image,x\na.png,1\nb.png,1.5\nc.png\n\u{ff},3\nd.png,\n";
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            // The letter as one byte, as a file that is not UTF-8 has it.
            let bytes: Vec<u8> = text.chars().filter_map(|letter| u8::try_from(letter).ok()).collect();
            let mut table = open(&bytes, &["image", "x"]).unwrap();
            let rows =
                table.rows().map(|(line, cells)| (line, cells.and_then(|cells| cells.whole::<u8>("x"))));
            let bad = |reason: &str| Err(reason.to_owned());
            assert_eq!(
                rows.collect::<Vec<_>>(),
                [
                    (2, Ok(1)),
                    (3, bad("x is \"1.5\": not a whole number within bounds")),
                    (4, bad("it has 1 cells under 2 columns")),
                    (5, bad("cell 1 is not UTF-8")),
                    (6, bad("x is \"\": not a whole number within bounds")),
                ]
            );
        }
    }
}

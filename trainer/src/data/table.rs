mod quotation;

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use csv::{ByteRecord, Position, ReaderBuilder, StringRecord};

/// A table (CSV) whose first line names its columns.
pub(super) struct Table {
    bytes: Vec<u8>,
    header: StringRecord,
}

/// The cells of a row, by the names of their columns.
pub(super) struct Cells<'a> {
    header: &'a StringRecord,
    record: StringRecord,
}

/// How much of a header a message repeats, in letters.
const SHOWN: usize = 400;

impl Table {
    /// Opens the table at `path`. Case and the space round a name of a column do not count. Columns of another name in
    /// `aliases`, first, are those of the name beside it.
    ///
    /// # Errors
    /// If it cannot be read, lacks a column of `required`, or has one of those or of `optional` twice; if it is UTF-16,
    /// or a quotation mark that is not closed has swallowed rows.
    pub(super) fn open(
        path: &Path,
        aliases: &[(&str, &str)],
        required: &[&str],
        optional: &[&str],
    ) -> Result<Self, String> {
        let shown = path.display();
        let mut bytes = fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(format!("{shown} is UTF-16 by its first bytes: save it as CSV in UTF-8"));
        }
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        let first = records(&bytes).next().map(|(_, record)| record).unwrap_or_default();
        let found: Vec<_> =
            first.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        let known = || required.iter().chain(optional).map(|&column| (column, column));
        let header: StringRecord = found
            .iter()
            .map(|name| {
                let mut names = aliases.iter().copied().chain(known());
                names
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map_or(name.as_str(), |(_, own)| own)
            })
            .collect();
        for (column, least) in required.iter().map(|c| (c, 1)).chain(optional.iter().map(|c| (c, 0))) {
            let places = header.iter().zip(&found).filter(|(name, _)| name == column);
            let names: Vec<&str> = places.map(|(_, found)| found.as_str()).collect();
            if names.len() < least {
                return Err(format!("{shown} has no column {column}: {}", described(&found.join(","))));
            }
            if let count @ 2.. = names.len() {
                return Err(format!("{shown} has the column {column} {count} times: {}", names.join(", ")));
            }
        }
        let is_known = |at: usize| header.get(at).is_some_and(|name| known().any(|(known, _)| known == name));
        if let Some(line) = quotation::swallowing(&bytes, records(&bytes).skip(1), header.len(), is_known) {
            return Err(format!(
                "{shown}, line {line}: a cell that begins with a quotation mark does not end on its line: close the \
                 mark, or take it away"
            ));
        }
        Ok(Self { bytes, header })
    }

    /// The rows with the lines on which they begin, the header's being 1 where it is the file's first; in place of a
    /// row that has not the header's columns or is not UTF-8, what is wrong with it.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, Result<Cells<'_>, String>)> {
        let header = &self.header;
        records(&self.bytes).skip(1).map(move |(line, record)| (line, Cells::of(header, record)))
    }
}

/// All rows, the header's first, with the lines on which they begin.
fn records(bytes: &[u8]) -> impl Iterator<Item = (u64, ByteRecord)> {
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    reader.into_byte_records().map(move |record| {
        let record = record.expect("reading from memory does not fail, and rows of any length are read");
        (record.position().map_or(0, |position| line(bytes, position)), record)
    })
}

/// The line on which a row begins: the reader's place is before the blank lines that it passes over.
fn line(bytes: &[u8], position: &Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
    position.line() + blank.filter(|&&byte| byte == b'\n').count() as u64
}

/// A header that lacks a column, and why that may be.
fn described(header: &str) -> String {
    let shown: String = header.chars().take(SHOWN).collect();
    let separator =
        [(';', "semicolons"), ('\t', "tabs")].into_iter().find(|&(mark, _)| header.contains(mark));
    let reason = separator.map_or(String::new(), |(_, marks)| {
        format!(", which {marks} separate: save it as CSV whose cells commas separate and whose numbers have points")
    });
    format!("its header is {shown:?}{reason}")
}

impl<'a> Cells<'a> {
    fn of(header: &'a StringRecord, record: ByteRecord) -> Result<Self, String> {
        let (cells, columns) = (record.len(), header.len());
        if cells != columns {
            return Err(format!("it has {cells} cells under {columns} columns"));
        }
        let record = StringRecord::from_byte_record(record)
            .map_err(|error| format!("cell {} is not UTF-8", error.utf8_error().field() + 1))?;
        Ok(Self { header, record })
    }

    /// What the cell holds, without the space round it, if the table has the column and the cell is not empty.
    pub(super) fn stated(&self, column: &str) -> Option<&str> {
        let place = self.header.iter().position(|name| name == column)?;
        self.record.get(place).map(str::trim).filter(|cell| !cell.is_empty())
    }

    /// What the cell holds.
    ///
    /// # Errors
    /// If it is empty.
    pub(super) fn text(&self, column: &str) -> Result<&str, String> {
        self.stated(column).ok_or_else(|| format!("{column} is \"\": it must not be empty"))
    }

    /// The path in the cell `image`, by one name: without `.` and doubled separators.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn image(&self) -> Result<String, String> {
        let cell = self.text("image")?;
        let parts = Path::new(cell).components().filter(|part| *part != Component::CurDir);
        let path = parts.collect::<PathBuf>().display().to_string();
        if path.is_empty() { Err(format!("image is {cell:?}: not a file")) } else { Ok(path) }
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
            (" Image , X, ORGAN", None),
            ("\u{feff}image,x", None),
            ("x,organ", Some("has no column image: its header is \"x,organ\"")),
            ("image;x;organ", Some("its header is \"image;x;organ\", which semicolons separate: save it")),
            ("image\tx", Some("its header is \"image\\tx\", which tabs separate: save it")),
            ("", Some("has no column image: its header is \"\"")),
            ("image,file", Some("has the column image 2 times: image, file")),
            ("Image,image", Some("has the column image 2 times: Image, image")),
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
            let table = open(&bytes, &["image", "x"]).unwrap();
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
    #[test]
    fn a_rows_line_is_the_files_whatever_lies_between_the_rows() {
        for (text, lines) in [
            ("image,x\na.png,1\nb.png,2\n", [2, 3]),
            ("image,x\n\n\na.png,1\n\nb.png,2\n", [4, 6]),
            ("\nimage,x\na.png,1\nb.png,2\n", [3, 4]),
            ("image,x,note\na.png,1,\"one\n\ntwo\"\nb.png,2,\n", [2, 5]),
            ("\u{feff}image,x\n\na.png,1\nb.png,2", [3, 4]),
        ] {
            for text in [text.to_owned(), text.replace('\n', "\r\n")] {
                let table = open(text.as_bytes(), &["image", "x"]).unwrap();
                let rows = table.rows().map(|(line, cells)| (line, cells.unwrap().whole::<u8>("x").unwrap()));
                assert_eq!(rows.collect::<Vec<_>>(), [(lines[0], 1), (lines[1], 2)], "{text:?}");
            }
        }
    }

    #[test]
    fn the_space_round_a_cell_is_no_part_of_it() {
        let table = open("image,x\n a.png\u{a0}, 1 \n\t,  \n".as_bytes(), &["image", "x"]).unwrap();
        let rows: Vec<_> = table.rows().map(|(_, cells)| cells.unwrap()).collect();
        assert_eq!((rows[0].text("image"), rows[0].whole("x")), (Ok("a.png"), Ok(1)));
        assert!(rows[1].text("image").is_err() && rows[1].stated("x").is_none());
    }

    #[test]
    fn an_image_has_one_name() {
        for (cell, want) in [
            ("a.png", Ok("a.png")),
            ("./a.png", Ok("a.png")),
            ("of p//./a.png", Ok("of p/a.png")),
            ("/slices/a.png", Ok("/slices/a.png")),
            ("../a.png", Ok("../a.png")),
            ("./", Err("image is \"./\": not a file".to_owned())),
        ] {
            let table = open(format!("image,x\n{cell},1\n").as_bytes(), &["image"]).unwrap();
            let images: Vec<_> = table.rows().map(|(_, cells)| cells.unwrap().image()).collect();
            assert_eq!(images, [want.map(str::to_owned)], "{cell}");
        }
    }

    #[test]
    fn a_table_in_utf_16_is_refused_as_such() {
        for bytes in [b"\xff\xfei\0m\0".as_slice(), b"\xfe\xff\0i\0m"] {
            let error = open(bytes, &["image"]).err().unwrap();
            assert!(
                error.ends_with("table.csv is UTF-16 by its first bytes: save it as CSV in UTF-8"),
                "{error}"
            );
        }
    }
}

mod row;

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;
use std::path::Path;

use recist::geometry::{Keypoints, PixelSpacing};

use self::row::Row;
use super::splits::Splits;
use super::table::Table;
use super::{Candidate, Outlines, Problems};

/// Reads a table of endpoints (CSV) whose images lie in `images`, and whose readers' outlines lie under the same
/// names in `outlines`.
///
/// Columns: `image` or `file`, `patient`, `long_x1` to `short_y2`, and, for images that do not state their pixel
/// spacing, `spacing_mm` or both `row_spacing_mm` and `column_spacing_mm`; optionally `split` (train, val, test; else
/// [`of_patient`](super::Split::of_patient)), `lesion` or `nodule`, `organ`, `largest_slice` (0 or 1), and `reader`
/// (with outlines 0 to 7). Rows that share `image` and lesion are readers of one lesion, each once: a second row of a
/// reader, whose name's case does not count, or where none is named the same marks again, is a bad row. Where they name
/// no lesion, a row that marks another place than the rows before it is a bad one. So is a row that names another
/// patient or spacing than those of its image before it, another split than its patient's, or another organ or
/// `largest_slice` than those of its lesion. Bad rows are noted in `problems`.
///
/// # Errors
/// If the table cannot be read or lacks a column.
pub fn endpoint_table(
    table: &Path,
    images: &Path,
    outlines: Option<&Path>,
    problems: &mut Problems,
) -> Result<Vec<Candidate>, Box<dyn Error>> {
    let rows = Table::open(table, &row::ALIASES, &row::REQUIRED, &row::OPTIONAL)?;
    let mut lesions = Lesions::new(images, outlines);
    for (line, cells) in rows.rows() {
        problems.rows += 1;
        let added = cells.and_then(|cells| Row::of(&cells)).and_then(|row| lesions.add(row));
        if let Err(reason) = added {
            problems.note(format_args!("{}, line {line}", table.display()), reason);
        }
    }
    Ok(lesions.candidates)
}

/// The lesions of the rows read so far.
struct Lesions<'a> {
    images: &'a Path,
    outlines: Option<&'a Path>,
    candidates: Vec<Candidate>,
    /// By an image and what the table calls the lesion on it.
    stated: HashMap<(String, Option<String>), Stated>,
    /// By name.
    slices: HashMap<String, Slice>,
    splits: Splits,
}

/// What the rows of a lesion say of it.
struct Stated {
    /// Where in the candidates the lesion is.
    place: usize,
    largest_slice: Option<u8>,
    /// What its readers are called, in the order of the candidate's.
    readers: Vec<Option<String>>,
}

/// What the rows of an image say of it.
struct Slice {
    patient: String,
    spacing: Option<PixelSpacing>,
    lesions: usize,
}

impl<'a> Lesions<'a> {
    fn new(images: &'a Path, outlines: Option<&'a Path>) -> Self {
        Self {
            images,
            outlines,
            candidates: Vec::new(),
            stated: HashMap::new(),
            slices: HashMap::new(),
            splits: Splits::default(),
        }
    }

    /// Adds the reader of a row to its lesion, or the row's lesion; of a bad row, nothing.
    fn add(&mut self, row: Row) -> Result<(), String> {
        let Row { split: stated_split, spacing, keypoints, .. } = row;
        let bit = self.outlines.map(|_| row.bit()).transpose()?;
        let reader = bit.map(|bit| bit.to_string()).or_else(|| row.reader.clone());
        let split = self.splits.agreed(&row.patient, stated_split)?;
        if let Some(slice) = self.slices.get(&row.image) {
            agree("patient", "image", Some(&slice.patient), Some(&row.patient))?;
            let [before, now] = [slice.spacing, spacing]
                .map(|spacing| spacing.map(|spacing| [spacing.row_mm(), spacing.column_mm()]));
            agree("pixel spacing", "image", before.as_ref(), now.as_ref())?;
        }
        let key = (row.image.clone(), row.lesion.clone());
        if let Some(stated) = self.stated.get_mut(&key) {
            self.splits.note(&row.patient, split, stated_split.is_some());
            row.join(stated, &mut self.candidates[stated.place], reader.as_ref(), bit)?;
            stated.readers.push(reader);
            let slice = self.slices.entry(key.0);
            slice.and_modify(|slice| slice.spacing = slice.spacing.or(spacing));
            return Ok(());
        }
        let (place, largest_slice) = (self.candidates.len(), row.largest_slice);
        self.stated.insert(key, Stated { place, largest_slice, readers: vec![reader] });
        self.splits.note(&row.patient, split, stated_split.is_some());
        let new = || Slice { patient: row.patient.clone(), spacing, lesions: 0 };
        let slice = self.slices.entry(row.image.clone()).or_insert_with(new);
        slice.lesions += 1;
        slice.spacing = slice.spacing.or(spacing);
        let (count, spacing) = (slice.lesions, slice.spacing);
        self.candidates.push(Candidate {
            path: self.images.join(&row.image),
            name: if count == 1 { row.image.clone() } else { format!("{}#{count}", row.image) },
            lesion: format!("{}/{}", row.patient, row.lesion.as_ref().unwrap_or(&row.image)),
            patient: row.patient,
            split,
            organ: row.organ,
            spacing,
            largest: row.largest_slice != Some(0),
            readers: vec![keypoints],
            outlines: self
                .outlines
                .zip(bit)
                .map(|(folder, bit)| Outlines { path: folder.join(&row.image), bits: vec![bit] }),
        });
        Ok(())
    }
}

/// That a row of the same image or lesion as one before it says the same of it, if both say something.
fn agree<T: PartialEq + Debug>(
    what: &str,
    of: &str,
    before: Option<&T>,
    now: Option<&T>,
) -> Result<(), String> {
    match before.zip(now) {
        Some((before, now)) if before != now => {
            Err(format!("its {what} is {now:?}; a row of the same {of} before it says {before:?}"))
        }
        _ => Ok(()),
    }
}

impl Row {
    /// Adds the row's reader to the lesion, if that is what it marks.
    fn join(
        self,
        stated: &mut Stated,
        lesion: &mut Candidate,
        reader: Option<&String>,
        bit: Option<u8>,
    ) -> Result<(), String> {
        let keypoints = self.keypoints;
        if self.lesion.is_none() {
            let long = |reader: &Keypoints| reader.long().length();
            let elsewhere = lesion.readers.iter().find_map(|reader| {
                let apart = reader.center().distance(keypoints.center());
                (apart > long(reader).max(long(&keypoints))).then_some(apart)
            });
            if let Some(apart) = elsewhere {
                return Err(format!(
                    "its marks on {} lie {apart:.1} px from those of a row before it, further than either is long: \
                     a column lesion tells lesions of one slice apart",
                    self.image
                ));
            }
        }
        agree("organ", "lesion", lesion.organ.as_ref(), self.organ.as_ref())?;
        agree("largest_slice", "lesion", stated.largest_slice.as_ref(), self.largest_slice.as_ref())?;
        let mut before = stated.readers.iter().zip(&lesion.readers);
        let is_called = |name: &Option<String>, reader: &str| {
            name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(reader))
        };
        match reader {
            Some(reader) if before.any(|(name, _)| is_called(name, reader)) => {
                return Err(format!("reader {reader} marks the lesion on {} a second time", self.image));
            }
            None if before.any(|(name, marks)| name.is_none() && *marks == keypoints) => {
                return Err(format!(
                    "it marks {} as a row before it does: a column reader tells readers apart",
                    self.image
                ));
            }
            _ => {}
        }
        if let Some((outlines, bit)) = lesion.outlines.as_mut().zip(bit) {
            outlines.bits.push(bit);
        }
        stated.largest_slice = stated.largest_slice.or(self.largest_slice);
        lesion.largest = stated.largest_slice != Some(0);
        lesion.organ = lesion.organ.take().or(self.organ);
        lesion.spacing = lesion.spacing.or(self.spacing);
        lesion.readers.push(keypoints);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both axes of a lesion with its centre in (`x`, 50), 20 pixels long and 12 across.
    fn axes(x: i32) -> String {
        format!("{},50,{},50,{x},44,{x},56", x - 10, x + 10)
    }

    fn read(columns: &str, rows: &[String], outlines: Option<&Path>) -> (Vec<Candidate>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("endpoints.csv");
        let header = format!(
            "{columns},long_x1,long_y1,long_x2,long_y2,short_x1,short_y1,short_x2,short_y2,spacing_mm"
        );
        let spacing = |row: &str| if row.ends_with(',') { "" } else { ",0.7" };
        let rows: String = rows.iter().map(|row| format!("{row}{}\n", spacing(row))).collect();
        std::fs::write(&table, format!("{header}\n{rows}")).unwrap();
        let mut problems = Problems::default();
        let candidates = endpoint_table(&table, Path::new("slices"), outlines, &mut problems).unwrap();
        (candidates, problems.list.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_cell_that_cannot_be_read_is_named_by_its_line_and_column() {
        let good = "a.png,p,train,1,0.7,40,50,60,50,50,44,50,56";
        for (cells, changed, word) in [
            ("", "", None),
            ("0.7", "abc", Some("row_spacing_mm is \"abc\": not a number")),
            ("0.7", "inf", Some("row_spacing_mm is inf: not finite")),
            ("0.7", "0.8", Some("row_spacing_mm is 0.8, and spacing_mm is 0.7")),
            ("train,1", "train,yes", Some("largest_slice is \"yes\": neither 0 nor 1")),
            ("train,1", "train,2", Some("largest_slice is \"2\": neither 0 nor 1")),
            ("train", "dev", Some("split is \"dev\": not train, val or test")),
            (",p,", ",,", Some("patient is \"\": it must not be empty")),
            ("a.png", "", Some("image is \"\": it must not be empty")),
            (",40,", ",,", Some("long_x1 is \"\": not a number")),
            (",56", ",5 6", Some("short_y2 is \"5 6\": not a number")),
            (",56", "", Some("it has 13 cells under 14 columns")),
        ] {
            let row = good.replacen(cells, changed, 1);
            let (candidates, problems) =
                read("image,patient,split,largest_slice,row_spacing_mm", std::slice::from_ref(&row), None);
            let counts = if word.is_none() { (1, 0) } else { (0, 1) };
            assert_eq!((candidates.len(), problems.len()), counts, "{row}");
            let named = |word| problems[0].ends_with(&format!("endpoints.csv, line 2: {word}"));
            assert!(word.is_none_or(named), "{problems:?}");
        }
    }

    #[test]
    fn a_spacing_that_one_row_states_is_that_of_its_image() {
        for (cells, want) in [
            (["0.7,0.8", ","], Ok([0.7, 0.8])),
            ([",", "0.7,0.8"], Ok([0.7, 0.8])),
            ([",", "0.7,"], Err("row_spacing_mm is 0.7, and column_spacing_mm is not stated")),
            ([",", ",0.8"], Err("column_spacing_mm is 0.8, and row_spacing_mm is not stated")),
        ] {
            let text =
                [(cells[0], 40), (cells[1], 41)].map(|(cells, x)| format!("a.png,p,{cells},{},", axes(x)));
            let (candidates, problems) = read("image,patient,row_spacing_mm,column_spacing_mm", &text, None);
            let found = candidates[0].spacing.map(|spacing| [spacing.row_mm(), spacing.column_mm()]);
            assert_eq!((candidates.len(), found), (1, want.ok()), "{cells:?}");
            let reason = problems.first().and_then(|problem| problem.split_once("line 3: "));
            assert_eq!(reason.map(|(_, reason)| reason), want.err(), "{problems:?}");
        }
    }

    #[test]
    fn an_image_is_one_by_whatever_name_its_column_and_its_folder_have() {
        for (header, images, want) in [
            ("image,patient", ["a.png", "./a.png"], [2].as_slice()),
            ("file,Patient", ["a.png", ".//a.png"], &[2]),
            ("File , patient", ["a.png", "b.png"], &[1, 1]),
        ] {
            let rows = [(images[0], "p", 40), (images[1], " p ", 41)]
                .map(|(image, patient, x)| format!("{image},{patient},{}", axes(x)));
            let (candidates, problems) = read(header, &rows, None);
            let readers: Vec<usize> = candidates.iter().map(|candidate| candidate.readers.len()).collect();
            assert_eq!((readers.as_slice(), problems), (want, vec![]), "{header}");
            assert!(candidates.iter().all(|candidate| candidate.patient == "p"), "{header}");
        }
    }

    #[test]
    fn no_two_lesions_have_one_name() {
        let rows = [("a.png", 1, 0), ("b.png", 1, 0), ("a.png", 2, 0), ("a.png", 1, 1), ("a.png", 7, 0)]
            .map(|(image, lesion, shift)| format!("{image},p,{lesion},{}", axes(40 + 60 * lesion + shift)));
        let (candidates, problems) = read("image,patient,lesion", &rows, None);
        assert_eq!(problems, [""; 0]);
        let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
        assert_eq!(names, ["a.png", "b.png", "a.png#2", "a.png#3"]);
        assert_eq!(candidates[0].readers.len(), 2, "the control: rows of one lesion are its readers");
    }

    #[test]
    fn rows_that_say_different_things_of_one_image_or_lesion_are_not_readers_of_it() {
        let header = "image,patient,lesion,split,organ,largest_slice,row_spacing_mm,column_spacing_mm";
        let first = "a.png,P1,1,train,lung,1,0.7,0.7";
        for (second, readers, word) in [
            (first, 2, None),
            ("a.png,P1,1,train,,,0.7,0.7", 2, None),
            ("a.png,P2,1,test,lung,1,0.7,0.7", 1, Some("its patient is \"P2\"; a row of the same image")),
            ("a.png,P2,2,test,lung,1,0.7,0.7", 1, Some("before it says \"P1\"")),
            ("a.png,P1,1,test,lung,1,0.7,0.7", 1, Some("patient P1 is in the splits train and test")),
            ("a.png,P1,1,train,lung,1,0.7,1.4", 1, Some("its pixel spacing is [0.7, 1.4]")),
            ("a.png,P1,2,train,lung,1,1.4,1.4", 1, Some("before it says [0.7, 0.7]")),
            ("a.png,P1,1,train,liver,1,0.7,0.7", 1, Some("its organ is \"liver\"; a row of the same lesion")),
            ("a.png,P1,1,train,lung,0,0.7,0.7", 1, Some("its largest_slice is 0")),
        ] {
            let rows = [(first, 40), (second, 41)].map(|(row, x)| format!("{row},{},", axes(x)));
            let (candidates, problems) = read(header, &rows, None);
            assert_eq!((candidates.len(), candidates[0].readers.len()), (1, readers), "{second}");
            assert_eq!(candidates[0].organ.as_deref(), Some("lung"));
            assert_eq!(problems.len(), 2 - readers, "{second}: {problems:?}");
            let named = |word: &str| problems[0].contains("line 3: ") && problems[0].contains(word);
            assert!(word.is_none_or(named), "{problems:?}");
        }
    }

    #[test]
    fn what_a_lesions_first_row_leaves_open_a_later_one_says() {
        for (organs, cells, want) in [(["", "lung"], ["", "0"], false), (["lung", ""], ["1", ""], true)] {
            let rows =
                [(0, 40), (1, 41)].map(|(i, x)| format!("a.png,p,{},{},{}", organs[i], cells[i], axes(x)));
            let (candidates, problems) = read("image,patient,organ,largest_slice", &rows, None);
            assert_eq!(problems, [""; 0]);
            assert_eq!((candidates[0].organ.as_deref(), candidates[0].largest), (Some("lung"), want));
        }
    }

    #[test]
    fn lesions_of_one_slice_are_not_taken_for_readers_of_one() {
        let rows = [30, 45, 200].map(|x| format!("a.png,p,{}", axes(x)));
        let (candidates, problems) = read("image,patient", &rows, None);
        let readers: Vec<usize> = candidates.iter().map(|candidate| candidate.readers.len()).collect();
        assert_eq!(readers, [2], "readers who agree roughly are readers of one lesion");
        let words = ["line 4", "a.png", "170.0 px", "a column lesion"];
        assert!(problems.len() == 1 && words.iter().all(|word| problems[0].contains(word)), "{problems:?}");

        let rows = [(30, 1), (45, 1), (200, 2)].map(|(x, lesion)| format!("a.png,p,{lesion},{}", axes(x)));
        let (candidates, problems) = read("image,patient,lesion", &rows, None);
        assert_eq!((candidates.len(), problems), (2, vec![]), "the control: the column tells them apart");
    }

    #[test]
    fn a_lesion_without_a_reader_whose_outline_can_be_read_is_left_out() {
        let rows = [("a", ""), ("b", "3"), ("b", "3"), ("b", "8"), ("c", "Jones")]
            .map(|(image, reader)| format!("{image}.png,p,{reader},{}", axes(40)));
        let (candidates, problems) = read("image,patient,reader", &rows, Some(Path::new("outlines")));
        let bits = candidates.iter().map(|c| (c.readers.len(), c.outlines.as_ref().unwrap().bits.as_slice()));
        assert_eq!(bits.collect::<Vec<_>>(), [(1, [3].as_slice())]);
        assert_eq!(problems.len(), 4);
        for (problem, word) in problems.iter().zip(["\"\"", "reader 3 marks", "\"8\"", "\"Jones\""]) {
            assert!(problem.contains(word), "{problem}");
        }
    }

    #[test]
    fn a_row_that_is_there_twice_is_one_reader() {
        for (columns, first, second, word) in [
            ("reader", ("0", 40), ("1", 40), None),
            (
                "reader",
                ("0", 40),
                ("0", 41),
                Some("line 3: reader 0 marks the lesion on a.png a second time"),
            ),
            (
                "reader",
                ("Smith", 40),
                (" smith ", 41),
                Some("line 3: reader smith marks the lesion on a.png a second time"),
            ),
            ("reader", ("", 40), ("", 40), Some("line 3: it marks a.png as a row before it does")),
            ("note", ("", 40), ("", 41), None),
            ("note", ("", 40), ("", 40), Some("line 3: it marks a.png as a row before it does")),
        ] {
            let rows = [first, second].map(|(cell, x)| format!("a.png,p,{cell},{}", axes(x)));
            let (candidates, problems) = read(&format!("image,patient,{columns}"), &rows, None);
            let (readers, bad) = if word.is_none() { (2, 0) } else { (1, 1) };
            assert_eq!((candidates[0].readers.len(), problems.len()), (readers, bad), "{first:?} {second:?}");
            assert!(word.is_none_or(|word| problems[0].contains(word)), "{problems:?}");
        }
    }

    #[test]
    fn without_outlines_readers_may_have_names() {
        let rows = ["Jones", "Smith", ""].map(|reader| format!("a.png,p,{reader},{}", axes(40)));
        let (candidates, problems) = read("image,patient,reader", &rows, None);
        assert_eq!((candidates[0].readers.len(), problems), (3, vec![]));
    }
}

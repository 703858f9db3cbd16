use std::error::Error;
use std::path::{Path, PathBuf};

use recist::geometry::{Keypoints, PixelSpacing, Point};

use super::lesion::check_keypoints;
use super::splits::Splits;
use super::table::{Cells, Table};
use super::{Candidate, Problems, Split};

/// The columns of `DL_info.csv` that matter here. `Bounding_boxes` is the rectangle round the endpoints,
/// 5 pixels wider: it gives the answer away and is never read.
const COLUMNS: [&str; 7] = [
    "File_name",
    "Patient_index",
    "Measurement_coordinates",
    "Coarse_lesion_type",
    "Possibly_noisy",
    "Spacing_mm_px_",
    "Train_Val_Test",
];

/// Reads DeepLesion in its official layout: `DL_info.csv` and `Images_png` in `folder`.
///
/// Rows marked as possibly noisy are left out, as its authors ask; other rows that cannot be used, among them those
/// whose patient has been in another split, are noted in `problems`. A row without its image is a problem of
/// [`super::cut`]'s caller.
///
/// # Errors
/// If the table cannot be read or lacks a column.
pub fn deeplesion(folder: &Path, problems: &mut Problems) -> Result<Vec<Candidate>, Box<dyn Error>> {
    let table = folder.join("DL_info.csv");
    let rows = Table::open(&table, &[], &COLUMNS, &[])?;
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut splits = Splits::default();
    for (line, cells) in rows.rows() {
        match cells.and_then(|cells| candidate(&cells, folder, line, &splits)) {
            Ok(None) => {}
            Ok(Some(candidate)) => {
                problems.rows += 1;
                splits.note(&candidate.patient, candidate.split, true);
                candidates.push(candidate);
            }
            Err(reason) => {
                problems.rows += 1;
                problems.note(format_args!("{}, line {line}", table.display()), reason);
            }
        }
    }
    Ok(candidates)
}

/// A point in our coordinates: DeepLesion counts pixels from 1.
fn from_deeplesion([x, y]: [f64; 2]) -> Point {
    Point::new(x - 1.0, y - 1.0)
}

/// The row's lesion, if it is not marked as possibly noisy.
fn candidate(
    cells: &Cells<'_>,
    folder: &Path,
    line: u64,
    splits: &Splits,
) -> Result<Option<Candidate>, String> {
    if cells.whole::<u8>("Possibly_noisy")? != 0 {
        return Ok(None);
    }
    let [x11, y11, x12, y12, x21, y21, x22, y22] = numbers::<8>(cells.text("Measurement_coordinates")?)?;
    let ends = [[x11, y11], [x12, y12], [x21, y21], [x22, y22]];
    let keypoints = Keypoints::from_array(ends.map(from_deeplesion));
    let [column, row, _slice_interval] = numbers::<3>(cells.text("Spacing_mm_px_")?)?;
    let spacing = PixelSpacing::new(row, column).map_err(|error| error.to_string())?;
    check_keypoints(&keypoints, spacing)?;
    let split = match cells.whole("Train_Val_Test")? {
        1_u8 => Split::Train,
        2 => Split::Val,
        3 => Split::Test,
        other => return Err(format!("Train_Val_Test is {other}")),
    };
    let patient = format!("deeplesion-{:06}", cells.whole::<u32>("Patient_index")?);
    let split = splits.agreed(&patient, Some(split))?;
    let file_name = cells.text("File_name")?;
    let name = format!("{file_name}#{line}");
    Ok(Some(Candidate {
        path: folder.join("Images_png").join(image_path(file_name)?),
        lesion: format!("{patient}/{name}"),
        name,
        patient,
        split,
        organ: organ(cells.whole("Coarse_lesion_type")?)?.map(str::to_owned),
        spacing: Some(spacing),
        largest: true,
        readers: vec![keypoints],
        outlines: None,
    }))
}

/// `000001_02_01_017.png` lies at `000001_02_01/017.png`.
fn image_path(file_name: &str) -> Result<PathBuf, String> {
    match file_name.rsplit_once('_') {
        Some((folder, slice)) if !folder.contains(['/', '\\']) && !slice.contains(['/', '\\']) => {
            Ok(Path::new(folder).join(slice))
        }
        _ => Err(format!("{file_name:?} does not name a folder and a slice")),
    }
}

fn organ(coarse_lesion_type: i32) -> Result<Option<&'static str>, String> {
    const ORGANS: [&str; 8] =
        ["bone", "abdomen", "mediastinum", "liver", "lung", "kidney", "soft tissue", "pelvis"];
    match coarse_lesion_type {
        -1 => Ok(None),
        number => usize::try_from(number - 1)
            .ok()
            .and_then(|index| ORGANS.get(index))
            .map(|&organ| Some(organ))
            .ok_or_else(|| format!("Coarse_lesion_type is {number}")),
    }
}

fn numbers<const N: usize>(cell: &str) -> Result<[f64; N], String> {
    let numbers: Vec<f64> = cell
        .split(',')
        .map(|number| number.trim().parse().map_err(|_| format!("{number:?} is not a number")))
        .collect::<Result<_, String>>()?;
    <[f64; N]>::try_from(numbers)
        .map_err(|found| format!("{} numbers in place of {N} in {cell:?}", found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "File_name,Patient_index,Study_index,Series_ID,Key_slice_index,\
        Measurement_coordinates,Bounding_boxes,Lesion_diameters_Pixel_,Normalized_lesion_location,\
        Coarse_lesion_type,Possibly_noisy,Slice_range,Spacing_mm_px_,Image_size,DICOM_windows,\
        Patient_gender,Patient_age,Train_Val_Test\n";

    fn read(rows: &[[&str; 5]]) -> (Vec<Candidate>, Problems) {
        let of_patients: Vec<(u32, [&str; 5])> = rows.iter().map(|&row| (1, row)).collect();
        read_patients(&of_patients)
    }

    fn read_patients(rows: &[(u32, [&str; 5])]) -> (Vec<Candidate>, Problems) {
        let folder = tempfile::tempdir().unwrap();
        let rows = rows.iter().map(|(patient, [file, endpoints, noisy, spacing, split])| {
            format!(
                "{file},{patient},1,1,109,\"{endpoints}\",\"9, 9, 9, 9\",\"1, 1\",\"0, 0, 0\",5,{noisy},\"1, 2\",\
                 \"{spacing}\",\"512, 512\",\"-175, 275\",F,62.0,{split}\n"
            )
        });
        let text = HEADER.to_owned() + &rows.collect::<String>();
        std::fs::write(folder.path().join("DL_info.csv"), text).unwrap();
        let mut problems = Problems::default();
        let candidates = deeplesion(folder.path(), &mut problems).unwrap();
        (candidates, problems)
    }

    const AXES: &str = "11, 21, 31, 21, 21, 16, 21, 27";

    #[test]
    fn pixels_are_counted_from_one_and_the_last_underscore_separates() {
        let (candidates, problems) = read(&[["000001_02_01_017.png", AXES, "0", "0.5, 0.75, nan", "3"]]);
        assert_eq!(problems.list, []);
        let candidate = &candidates[0];
        assert!(candidate.path.ends_with("Images_png/000001_02_01/017.png"));
        assert_eq!(candidate.readers[0].long_start, Point::new(10.0, 20.0));
        assert_eq!(candidate.readers[0].short_end, Point::new(20.0, 26.0));
        assert_eq!(candidate.spacing, PixelSpacing::new(0.75, 0.5).ok(), "x is the distance of columns");
        assert_eq!(candidate.split, Split::Test);
        assert_eq!(candidate.organ.as_deref(), Some("lung"));
    }

    #[test]
    fn a_patient_is_in_one_split() {
        let row = |split| ["a_1.png", AXES, "0", "0.5, 0.5, 5", split];
        for (second, word) in [
            ((1, row("1")), None),
            ((2, row("3")), None),
            ((1, row("3")), Some("line 3: patient deeplesion-000001 is in the splits train and test")),
        ] {
            let (candidates, problems) = read_patients(&[(1, row("1")), second]);
            let bad = usize::from(word.is_some());
            assert_eq!((candidates.len(), problems.list.len()), (2 - bad, bad), "{second:?}");
            assert!(word.is_none_or(|word| problems.list[0].to_string().ends_with(word)), "{second:?}");
        }
    }

    #[test]
    fn noisy_rows_are_left_out_and_bad_rows_are_named() {
        let good = ["a_1.png", AXES, "0", "0.5, 0.5, -5", "1"];
        let (candidates, problems) = read(&[
            good,
            ["a_2.png", AXES, "1", "0.5, 0.5, 5", "1"],
            ["a_3.png", "1, 2, 3", "0", "0.5, 0.5, 5", "1"],
            ["a_4.png", AXES, "0", "0, 0.5, 5", "1"],
            ["a_5.png", AXES, "0", "0.5, 0.5, 5", "4"],
            ["a6.png", AXES, "0", "0.5, 0.5, 5", "1"],
            ["a_7.png", "1, 1, 1, 1, 1, 1, 1, 1", "0", "0.5, 0.5, 5", "1"],
            ["a_8.png", AXES, "0", "0.5, 0.5, 5", "one"],
            good,
        ]);
        assert_eq!(candidates.len(), 2, "two lesions share a slice");
        assert_ne!(candidates[0].name, candidates[1].name);
        assert_eq!(problems.rows, 8);
        let reasons: Vec<String> = problems.list.iter().map(ToString::to_string).collect();
        for (reason, word) in reasons.iter().zip([
            "line 4: 3 numbers in place of 8",
            "line 5: pixel spacing",
            "line 6: Train_Val_Test is 4",
            "line 7: \"a6.png\" does not name a folder",
            "line 8: an axis has no length",
            "line 9: Train_Val_Test is \"one\": not a whole number",
        ]) {
            assert!(reason.contains(word), "{reason}");
        }
    }
}

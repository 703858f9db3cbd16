//! `recist batch`: rows are written in the order of the cases to a partial file beside the results, whose
//! name carries a digest of the cases and the model; the same call after an interruption finds it, keeps its
//! whole rows and goes on. At the end it is renamed to the results.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use recist::cascade::{Measurement, Networks, Workspace, measure};
use recist::geometry::{LesionBox, PixelSpacing};
use recist::image::CtFile;
use sha2::{Digest, Sha256};

use crate::arguments::Batch;
use crate::error::Error;
use crate::model::Model;

const RESULTS: &str = "image,long_x1,long_y1,long_x2,long_y2,short_x1,short_y1,short_x2,short_y2,\
                       long_px,short_px,long_mm,short_mm,confidence,status";

/// Columns of the results between the image and the status.
const NUMBERS: usize = 13;

pub(crate) fn run(arguments: &Batch) -> Result<(), Error> {
    let model = Model::open(arguments.model.as_deref())?;
    let networks = (0..arguments.jobs.get()).map(|_| model.networks()).collect();
    measure_all(&arguments.cases, &arguments.out, model.name().sha256, networks)
}

/// Measures the cases with one thread for each of `networks`, which all are the model of that digest.
fn measure_all<N: Networks + Send>(
    cases_path: &Path,
    out: &Path,
    model: [u8; 32],
    networks: Vec<N>,
) -> Result<(), Error> {
    let bytes = fs::read(cases_path).map_err(|e| Error::file(cases_path, e))?;
    let cases = read_cases(&bytes).map_err(|e| Error::file(cases_path, e))?;
    let partial = partial_path(out, &bytes, model);
    let written = |e| Error::file(&partial, e);
    let (done, mut not_measured) = keep_whole_rows(&partial).map_err(written)?;
    let mut file = OpenOptions::new().create(true).append(true).open(&partial).map_err(written)?;
    if done == 0 {
        writeln!(file, "{RESULTS}").map_err(written)?;
    }

    let folder = cases_path.parent().unwrap_or(Path::new(""));
    let next = AtomicUsize::new(done);
    thread::scope(|scope| {
        // Few rows may wait for an earlier one: the memory does not grow with the cases.
        let (sender, receiver) = mpsc::sync_channel(networks.len());
        for mut networks in networks {
            let (sender, next, cases) = (sender.clone(), &next, &cases);
            scope.spawn(move || {
                let mut workspace = Box::new(Workspace::new());
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(case) = cases.get(at)
                {
                    let outcome = case.measure(folder, &mut networks, &mut workspace);
                    if sender.send((at, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut at = done;
        for (index, outcome) in receiver {
            waiting.insert(index, outcome);
            while let Some(outcome) = waiting.remove(&at) {
                not_measured += usize::from(outcome.is_err());
                file.write_all(&row(&cases[at].image, outcome))?;
                at += 1;
            }
        }
        file.sync_all()
    })
    .map_err(written)?;
    fs::rename(&partial, out).map_err(|e| Error::file(out, e))?;
    if not_measured == 0 {
        return Ok(());
    }
    let (all, out) = (cases.len(), out.display());
    Err(Error::Failed(format!("{not_measured} of {all} cases could not be measured: see {out}")))
}

/// Where rows wait until all are measured: other cases or another model never continue them.
fn partial_path(out: &Path, cases: &[u8], model: [u8; 32]) -> PathBuf {
    let digest = Sha256::new().chain_update(cases).chain_update(model).finalize();
    let digest: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    let mut partial = out.as_os_str().to_owned();
    partial.push(format!(".{digest}.partial"));
    partial.into()
}

/// One row of the cases, or why it is none.
struct Case {
    image: String,
    parsed: Result<(LesionBox, Option<PixelSpacing>), String>,
}

fn read_cases(bytes: &[u8]) -> Result<Vec<Case>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|e| e.to_string())?.clone();
    let column = |name: &str| header.iter().position(|h| h == name);
    let required = |name: &str| column(name).ok_or(format!("column {name} is missing"));
    let image = required("image")?;
    let edges = [required("x0")?, required("y0")?, required("x1")?, required("y1")?];
    let spacing = [column("row_spacing_mm"), column("column_spacing_mm")];
    let mut cases = vec![];
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let number = |name: &str, at: usize| {
            let text = record.get(at).unwrap_or_default();
            text.parse::<f64>().map_err(|_| format!("{name} is not a number: \"{text}\""))
        };
        let parse = || {
            let [x0, y0, x1, y1] = edges;
            let [x0, y0, x1, y1] =
                [number("x0", x0)?, number("y0", y0)?, number("x1", x1)?, number("y1", y1)?];
            let area = LesionBox::new(x0, y0, x1, y1).map_err(|e| e.to_string())?;
            let given = spacing.map(|c| c.filter(|at| !record.get(*at).unwrap_or_default().is_empty()));
            let spacing = match given {
                [None, None] => None,
                [Some(row), Some(column)] => {
                    let (row, column) =
                        (number("row_spacing_mm", row)?, number("column_spacing_mm", column)?);
                    Some(PixelSpacing::new(row, column).map_err(|e| e.to_string())?)
                }
                _ => return Err("only one of row_spacing_mm and column_spacing_mm is given".to_owned()),
            };
            Ok((area, spacing))
        };
        cases.push(Case { image: record.get(image).unwrap_or_default().to_owned(), parsed: parse() });
    }
    Ok(cases)
}

impl Case {
    fn measure(
        &self,
        folder: &Path,
        networks: &mut impl Networks,
        workspace: &mut Workspace,
    ) -> Result<Measurement, String> {
        let (area, spacing) = self.parsed.clone()?;
        let file = CtFile::read(&folder.join(&self.image), None).map_err(|e| e.to_string())?;
        let slice = file.slice();
        let slice = slice.with_spacing(spacing.or(slice.spacing()));
        measure(&slice, area, networks, workspace, |_| ()).map_err(|e| e.to_string())
    }
}

/// The line of the results for one case, with its line break.
fn row(image: &str, outcome: Result<Measurement, String>) -> Vec<u8> {
    let mut fields = vec![image.to_owned()];
    match outcome {
        Ok(measured) => {
            let (long, short) = (measured.axes.long(), measured.axes.short());
            let ends = measured.axes.keypoints().to_array();
            let mm = |axis: recist::geometry::Axis| measured.spacing.map(|s| axis.length_mm(s));
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

/// Cuts what an interruption left of a row off the partial file; how many rows of cases it holds, and how
/// many of them were not measured.
fn keep_whole_rows(partial: &Path) -> std::io::Result<(usize, usize)> {
    let file = match File::open(partial) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error),
    };
    let (mut whole_bytes, mut rows, mut not_measured) = (0, 0, 0);
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        whole_bytes += line.len() as u64;
        rows += 1;
        not_measured += usize::from(rows > 1 && !line.ends_with(b",ok\n"));
        line.clear();
    }
    if rows < 2 {
        fs::remove_file(partial)?;
        return Ok((0, 0));
    }
    OpenOptions::new().write(true).open(partial)?.set_len(whole_bytes)?;
    Ok((rows - 1, not_measured))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use recist::cascade::{Mask, ThetaOutputs};
    use recist::image::{Patch, write_grey16};

    use super::*;

    /// Networks that see the same lesion in every box, and count how often they were asked.
    struct SameLesion<'a>(&'a AtomicUsize);

    impl Networks for SameLesion<'_> {
        type Error = Infallible;

        fn heatmap_size(&self) -> usize {
            32
        }

        fn localize(&mut self, _: &Patch, _: &mut Mask) -> Result<ThetaOutputs, Infallible> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(ThetaOutputs::from_array([0.0, 0.0, 1.0, 0.0, 0.0]))
        }

        fn find_keypoints(&mut self, _: &Patch, heatmaps: &mut [f32]) -> Result<(), Infallible> {
            heatmaps.fill(0.0);
            for (map, (x, y)) in heatmaps.chunks_mut(1024).zip([(6, 16), (26, 16), (16, 10), (16, 22)]) {
                map[y * 32 + x] = 6.0;
            }
            Ok(())
        }
    }

    /// A folder with one image and the cases; removed when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, cases: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("recist-batch-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            let hu: Vec<i16> = (0..64 * 64).map(|i| i % 97).collect();
            write_grey16(&folder.join("a.png"), [64, 64], &hu).unwrap();
            fs::write(folder.join("cases.csv"), cases).unwrap();
            Self(folder)
        }

        fn run(&self, jobs: usize, asked: &AtomicUsize) -> Result<(), String> {
            let networks = (0..jobs).map(|_| SameLesion(asked)).collect();
            measure_all(&self.0.join("cases.csv"), &self.0.join("out.csv"), [7; 32], networks)
                .map_err(|e| e.to_string())
        }

        fn files(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const MIXED: &str = "image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm\n\
        a.png,10,10,42,42,0.5,0.5\n\
        missing.png,10,10,42,42,0.5,0.5\n\
        a.png,10,10,42\n\
        a.png,42,10,10,42,,\n\
        a.png,10,10,42,42,0.5,\n\
        a.png,100,100,140,140,,\n\
        a.png,12,10,44,42,,\n";

    #[test]
    fn a_bad_case_never_stops_the_rest_and_rows_keep_their_order() {
        for jobs in [1, 3] {
            let folder = Folder::new(&format!("mixed-{jobs}"), MIXED);
            let error = folder.run(jobs, &AtomicUsize::new(0)).unwrap_err();
            assert!(error.starts_with("5 of 7 cases could not be measured: see "), "{error}");
            let text = fs::read_to_string(folder.0.join("out.csv")).unwrap();
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.len(), 8);
            assert_eq!(lines[0], RESULTS);
            let want = [
                "a.png,14.125,26.625,39.125,26.625,26.625,19.125,26.625,34.125,25.000,15.000,12.500,7.500,",
                "missing.png,,,,,,,,,,,,,,cannot be read: No such file",
                "a.png,,,,,,,,,,,,,,\"y1 is not a number: \"\"\"\"\"",
                "a.png,,,,,,,,,,,,,,\"lesion box is reversed: 42,10,10,42 needs",
                "a.png,,,,,,,,,,,,,,only one of row_spacing_mm and column_spacing_mm is given",
                "a.png,,,,,,,,,,,,,,\"lesion box 100,100,140,140 has its centre outside the slice of 64 x 64 px\"",
                "a.png,16.125,26.625,41.125,26.625,28.625,19.125,28.625,34.125,25.000,15.000,,,",
            ];
            for (line, want) in lines[1..].iter().zip(want) {
                assert!(line.starts_with(want), "{line}\n{want}");
            }
            assert!(lines[1].ends_with(",ok") && lines[7].ends_with(",ok"));
            assert_eq!(folder.files(), ["a.png", "cases.csv", "out.csv"], "nothing partial is left");
        }
    }

    #[test]
    fn an_interrupted_run_continues_and_ends_with_the_same_rows() {
        let rows: String = (0..20).map(|i| format!("a.png,{i},10,{},42\n", i + 32)).collect();
        let cases = format!("image,x0,y0,x1,y1\n{rows}");
        let folder = Folder::new("interrupted", &cases);
        folder.run(1, &AtomicUsize::new(0)).unwrap();
        let whole = fs::read(folder.0.join("out.csv")).unwrap();
        let partial = partial_path(&folder.0.join("out.csv"), cases.as_bytes(), [7; 32]);
        for cut in
            [0, 10, RESULTS.len() + 1, RESULTS.len() + 30, whole.len() / 2, whole.len() - 1, whole.len()]
        {
            fs::write(&partial, &whole[..cut]).unwrap();
            let kept = whole[..cut].iter().filter(|b| **b == b'\n').count().saturating_sub(1);
            let asked = AtomicUsize::new(0);
            folder.run(2, &asked).unwrap();
            assert_eq!(fs::read(folder.0.join("out.csv")).unwrap(), whole, "cut at {cut}");
            assert_eq!(asked.into_inner(), 20 - kept, "whole rows are not measured again");
        }
    }

    #[test]
    fn cases_without_their_columns_are_refused() {
        let folder = Folder::new("columns", "image,x0,y0,x1\na.png,1,2,3\n");
        let error = folder.run(1, &AtomicUsize::new(0)).unwrap_err();
        assert!(error.ends_with("cases.csv: column y1 is missing"), "{error}");
    }
}

//! `recist batch`: rows are written in the order of the cases to a partial file beside the results, which the
//! same call after an interruption finds and continues if nothing that its rows depend on has changed. At the end
//! it is renamed to the results. Warnings, for which the results have no column, are told as their rows are written.

mod cases;
mod partial;
mod results;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use recist::cascade::{Networks, Workspace};

use crate::arguments::Batch;
use crate::error::Error;
use crate::model::Model;
use crate::output::destination;
use crate::warn;
use partial::Partial;
use results::{HEADER, row, warnings};

/// Cases a job that may be taken and not yet written.
const WAITING: usize = 4;

pub(crate) fn run(arguments: &Batch) -> Result<(), Error> {
    let model = Model::open(arguments.model.as_deref())?;
    let out = destination(&arguments.out, &arguments.model)?;
    let networks = || model.networks();
    measure_all(&arguments.cases, &out, model.name().sha256, arguments.jobs, networks, warn)
}

/// Measures the cases in up to `jobs` threads, each with networks of its own; all are the model of that digest.
/// `warn` is told of every case that is measured with a warning, in their order, and at the end of how many.
fn measure_all<N: Networks + Send>(
    cases_path: &Path,
    out: &Path,
    model: [u8; 32],
    jobs: usize,
    networks: impl Fn() -> N,
    mut warn: impl FnMut(String),
) -> Result<(), Error> {
    let bytes = fs::read(cases_path).map_err(|e| Error::file(cases_path, e))?;
    let cases = cases::read(&bytes).map_err(|e| Error::file(cases_path, e))?;
    let folder = cases_path.parent().unwrap_or(Path::new(""));
    let images = cases.iter().map(|case| folder.join(&case.image));
    let out = &destination(out, images.clone().chain([cases_path.to_owned()]))?;
    let mut partial = Partial::open(Partial::path(out, &bytes, model, images), HEADER)?;
    let (done, mut not_measured, mut warned) = (partial.rows, partial.not_measured, 0);

    // A case is taken with a permit, which comes back when its row is written: few rows wait for an earlier one, and the
    // memory does not grow with the cases. There are more permits than jobs, each of which keeps one at the end.
    let jobs = jobs.min(cases.len());
    let (permit, permits) = mpsc::channel();
    (0..WAITING * jobs).for_each(|_| {
        let _ = permit.send(());
    });
    let left = Mutex::new((permits, done..cases.len()));
    let take = || {
        let (permits, left) = &mut *left.lock().unwrap_or_else(PoisonError::into_inner);
        permits.recv().ok().and_then(|()| left.next())
    };
    thread::scope(|scope| {
        // Without it no job waits any longer.
        let permit = permit;
        let (sender, receiver) = mpsc::channel();
        for job in 1..=jobs {
            let (sender, take, cases, mut networks) = (sender.clone(), &take, &cases, networks());
            let run = move || {
                let mut workspace = Box::new(Workspace::new());
                while let Some(at) = take() {
                    let outcome = cases[at].measure(folder, &mut networks, &mut workspace);
                    if sender.send((at, outcome)).is_err() {
                        break;
                    }
                }
            };
            let started = thread::Builder::new().spawn_scoped(scope, run);
            started.map_err(|error| Error::Failed(format!("job {job} of {jobs}: {error}")))?;
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut at = done;
        for (index, outcome) in receiver {
            waiting.insert(index, outcome);
            while let Some(outcome) = waiting.remove(&at) {
                let image = &cases[at].image;
                not_measured += usize::from(outcome.is_err());
                let warnings = outcome.as_ref().map_or_else(|_| String::new(), warnings);
                partial.append(&row(image, outcome))?;
                // Where no job is left none is needed.
                let _ = permit.send(());
                at += 1;
                if !warnings.is_empty() {
                    warned += 1;
                    warn(format!("case {at}, {image}: warning: {warnings}"));
                }
            }
        }
        Ok(())
    })?;
    partial.finish(out)?;
    if warned > 0 {
        let earlier =
            if done > 0 { format!(", not counting the {done} of an earlier run") } else { String::new() };
        warn(format!("measured with a warning: {warned} of {} cases{earlier}", cases.len()));
    }
    if not_measured == 0 {
        return Ok(());
    }
    let (all, out) = (cases.len(), out.display());
    Err(Error::Failed(format!("{not_measured} of {all} cases could not be measured: see {out}")))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs::File;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::sleep;
    use std::time::{Duration, SystemTime};

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

        fn low_confidence(&self) -> f32 {
            0.5
        }

        fn localize(&mut self, _: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, Infallible> {
            mask.fill(f32::NAN);
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
            self.run_to("out.csv", jobs, asked).map_err(|e| e.to_string())
        }

        fn run_to(&self, out: &str, jobs: usize, asked: &AtomicUsize) -> Result<(), Error> {
            self.run_told(out, jobs, asked, &mut vec![])
        }

        /// With the warnings that the run tells.
        fn run_told(
            &self,
            out: &str,
            jobs: usize,
            asked: &AtomicUsize,
            told: &mut Vec<String>,
        ) -> Result<(), Error> {
            let (cases, out) = (self.0.join("cases.csv"), self.0.join(out));
            measure_all(&cases, &out, [7; 32], jobs, || SameLesion(asked), |text| told.push(text))
        }

        /// Where a run that is called now would leave its rows.
        fn partial(&self) -> PathBuf {
            let csv = fs::read(self.0.join("cases.csv")).unwrap();
            let cases = cases::read(&csv).unwrap();
            let images = cases.iter().map(|case| self.0.join(&case.image));
            Partial::path(&self.0.join("out.csv"), &csv, [7; 32], images)
        }

        /// Leaves what a run that is called now would have written when it was interrupted after `rows` rows.
        fn interrupt_after(&self, rows: usize) {
            let partial = self.partial();
            let _ = self.run(1, &AtomicUsize::new(0));
            let whole = fs::read_to_string(self.0.join("out.csv")).unwrap();
            let lines: String = whole.split_inclusive('\n').take(1 + rows).collect();
            fs::write(partial, lines).unwrap();
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
        a.png,10,10,42,,,\n\
        a.png,42,10,10,42,,\n\
        a.png,10,10,42,42,0.5,\n\
        a.png,100,100,140,140,,\n\
        a.png,12,10,44,42,,\n";

    #[test]
    fn a_bad_case_never_stops_the_rest_and_rows_keep_their_order() {
        for jobs in [1, 3] {
            let folder = Folder::new(&format!("mixed-{jobs}"), MIXED);
            let error = folder.run(jobs, &AtomicUsize::new(0)).unwrap_err();
            assert!(error.starts_with("6 of 8 cases could not be measured: see "), "{error}");
            let text = fs::read_to_string(folder.0.join("out.csv")).unwrap();
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.len(), 9);
            assert_eq!(lines[0], HEADER);
            let want = [
                "a.png,14.125,26.625,39.125,26.625,26.625,19.125,26.625,34.125,25.000,15.000,12.500,7.500,",
                "missing.png,,,,,,,,,,,,,,cannot be read: No such file",
                "a.png,,,,,,,,,,,,,,number of fields is 4 in place of 7",
                "a.png,,,,,,,,,,,,,,\"y1 is not a number: \"\"\"\"\"",
                "a.png,,,,,,,,,,,,,,\"lesion box is reversed: 42,10,10,42 needs",
                "a.png,,,,,,,,,,,,,,only one of row_spacing_mm and column_spacing_mm is given",
                "a.png,,,,,,,,,,,,,,\"lesion box 100,100,140,140 has its centre outside the slice of 64 x 64 px\"",
                "a.png,16.125,26.625,41.125,26.625,28.625,19.125,28.625,34.125,25.000,15.000,,,",
            ];
            for (line, want) in lines[1..].iter().zip(want) {
                assert!(line.starts_with(want), "{line}\n{want}");
            }
            assert!(lines[1].ends_with(",ok") && lines[8].ends_with(",ok"));
            assert_eq!(folder.files(), ["a.png", "cases.csv", "out.csv"], "nothing partial is left");
        }
    }

    /// Networks of which the first that is asked takes its time, in which it counts how often the others are.
    struct SlowFirst<'a>(SameLesion<'a>, &'a AtomicUsize);

    impl Networks for SlowFirst<'_> {
        type Error = Infallible;

        fn heatmap_size(&self) -> usize {
            self.0.heatmap_size()
        }

        fn low_confidence(&self) -> f32 {
            self.0.low_confidence()
        }

        fn localize(&mut self, patch: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, Infallible> {
            let SameLesion(asked) = self.0;
            if asked.load(Ordering::Relaxed) == 0 {
                let found = self.0.localize(patch, mask);
                sleep(Duration::from_millis(300));
                self.1.fetch_max(asked.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
                return found;
            }
            self.0.localize(patch, mask)
        }

        fn find_keypoints(&mut self, canonical: &Patch, heatmaps: &mut [f32]) -> Result<(), Infallible> {
            self.0.find_keypoints(canonical, heatmaps)
        }
    }

    #[test]
    fn few_cases_are_measured_before_a_slow_one_is_written() {
        let rows: String = (0..200).map(|_| "a.png,10,10,42,42\n").collect();
        let folder = Folder::new("slow", &format!("image,x0,y0,x1,y1\n{rows}"));
        let (cases, out) = (folder.0.join("cases.csv"), folder.0.join("out.csv"));
        let (asked, meanwhile) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let networks = || SlowFirst(SameLesion(&asked), &meanwhile);
        measure_all(&cases, &out, [7; 32], 2, networks, |_| ()).unwrap();
        assert_eq!(asked.into_inner(), 200);
        assert!(meanwhile.into_inner() <= 2 * WAITING);
        assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 201);
    }

    #[test]
    fn a_warned_case_is_told_with_its_number_and_its_warnings_and_they_are_counted() {
        let cases = "image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm\n\
            a.png,10,10,42,42,0.5,0.5\n\
            a.png,-1,10,31,42,0.5,0.5\n\
            missing.png,10,10,42,42,,\n\
            a.png,-1,10,31,42,,\n";
        let second =
            "case 2, a.png: warning: the box, as a square, reaches the slice's edge: is the lesion cut off?";
        let last = "case 4, a.png: warning: no pixel spacing: lengths in pixels only; \
                    the box, as a square, reaches the slice's edge: is the lesion cut off?";
        for jobs in [1, 3] {
            let folder = Folder::new(&format!("warned-{jobs}"), cases);
            let (asked, mut told) = (AtomicUsize::new(0), vec![]);
            folder.run_told("out.csv", jobs, &asked, &mut told).unwrap_err();
            assert_eq!(told, [second, last, "measured with a warning: 2 of 4 cases"]);

            folder.interrupt_after(2);
            told.clear();
            folder.run_told("out.csv", jobs, &asked, &mut told).unwrap_err();
            let count = "measured with a warning: 1 of 4 cases, not counting the 2 of an earlier run";
            assert_eq!(told, [last, count]);
        }
    }

    #[test]
    fn without_a_warning_nothing_is_told() {
        let spaced = "image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm\na.png,10,10,42,42,0.5,0.5\n";
        let (folder, mut told) = (Folder::new("unwarned", spaced), vec![]);
        folder.run_told("out.csv", 1, &AtomicUsize::new(0), &mut told).unwrap();
        assert!(told.is_empty(), "{told:?}");
    }

    /// Cases of one image.
    fn twenty() -> String {
        let rows: String = (0..20).map(|i| format!("a.png,{i},10,{},42\n", i + 32)).collect();
        format!("image,x0,y0,x1,y1\n{rows}")
    }

    #[test]
    fn an_interrupted_run_continues_and_ends_with_the_same_rows() {
        let folder = Folder::new("interrupted", &twenty());
        folder.run(1, &AtomicUsize::new(0)).unwrap();
        let whole = fs::read(folder.0.join("out.csv")).unwrap();
        let partial = folder.partial();
        for cut in [0, 10, HEADER.len() + 1, HEADER.len() + 30, whole.len() / 2, whole.len() - 1, whole.len()]
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
    fn rows_of_an_image_that_has_changed_since_the_interruption_are_measured_again() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let dated = |path: &Path, time| {
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        type Change<'a> = &'a dyn Fn(&Path);
        let changes: [(&str, usize, Change<'_>); 4] = [
            ("nothing", 12, &|_| ()),
            ("the time", 20, &|image| dated(image, noon + Duration::from_nanos(1000))),
            ("the size", 20, &|image| {
                fs::write(image, [fs::read(image).unwrap(), vec![0]].concat()).unwrap();
                dated(image, noon);
            }),
            ("only which file it is", 20, &|image| {
                let other = image.with_extension("other");
                fs::copy(image, &other).unwrap();
                dated(&other, noon);
                fs::rename(other, image).unwrap();
            }),
        ];
        for (name, want, change) in changes {
            let folder = Folder::new("changed", &twenty());
            let image = folder.0.join("a.png");
            dated(&image, noon);
            folder.interrupt_after(8);
            // The clock of a file system may tick only so often.
            sleep(Duration::from_millis(20));
            change(&image);
            let asked = AtomicUsize::new(0);
            folder.run(2, &asked).unwrap();
            assert_eq!(asked.into_inner(), want, "{name}");
        }
    }

    #[test]
    fn an_image_that_was_missing_is_measured_once_it_is_there() {
        let folder = Folder::new("supplied", "image,x0,y0,x1,y1\nb.png,10,10,42,42\na.png,10,10,42,42\n");
        folder.interrupt_after(1);
        let asked = AtomicUsize::new(0);
        let error = folder.run(1, &asked).unwrap_err();
        assert!(error.starts_with("1 of 2 cases"), "a row that was not measured still counts: {error}");
        assert_eq!(asked.into_inner(), 1, "while it is missing its row is kept");

        folder.interrupt_after(1);
        fs::copy(folder.0.join("a.png"), folder.0.join("b.png")).unwrap();
        folder.run(1, &AtomicUsize::new(0)).unwrap();
    }

    #[test]
    fn a_partial_file_that_another_process_writes_is_named_and_left_alone() {
        let folder = Folder::new("in-use", &twenty());
        folder.interrupt_after(8);
        let partial = folder.partial();
        let rows = fs::read(&partial).unwrap();
        let other = File::open(&partial).unwrap();
        other.lock().unwrap();
        let asked = AtomicUsize::new(0);
        let error = folder.run(1, &asked).unwrap_err();
        let want = format!("{}: another process is measuring the same cases into it", partial.display());
        assert_eq!(error, want);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        assert_eq!(fs::read(&partial).unwrap(), rows);

        drop(other);
        folder.run(1, &asked).unwrap();
        assert_eq!(asked.into_inner(), 12);
    }

    #[test]
    fn the_results_never_overwrite_the_cases() {
        let folder = Folder::new("same", &twenty());
        fs::create_dir(folder.0.join("sub")).unwrap();
        for out in ["cases.csv", "./cases.csv", "sub/../cases.csv"] {
            let asked = AtomicUsize::new(0);
            let error = folder.run_to(out, 1, &asked).unwrap_err();
            let [shown, cases] = [out, "cases.csv"].map(|name| folder.0.join(name));
            let want = format!("{}: would overwrite {}", shown.display(), cases.display());
            assert!(matches!(&error, Error::Usage(message) if *message == want), "{error}");
            assert_eq!(asked.into_inner(), 0);
            assert_eq!(fs::read_to_string(folder.0.join("cases.csv")).unwrap(), twenty());
        }
        fs::copy(folder.0.join("cases.csv"), folder.0.join("sub/cases.csv")).unwrap();
        folder.run_to("sub/cases.csv", 1, &AtomicUsize::new(0)).unwrap();
        let results = fs::read_to_string(folder.0.join("sub/cases.csv")).unwrap();
        assert!(results.starts_with(HEADER), "another file of that name is no obstacle");
    }

    #[test]
    fn cases_without_their_columns_are_refused() {
        let folder = Folder::new("columns", "image,x0,y0,x1\na.png,1,2,3\n");
        let error = folder.run(1, &AtomicUsize::new(0)).unwrap_err();
        assert!(error.ends_with("cases.csv: column y1 is missing"), "{error}");
    }
}

mod image;

use std::collections::HashSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use recist_trainer::data::{self, Backgrounds, Candidate, Pack, PackWriter, Problems, Split};
use recist_trainer::hexadecimal;
use sha2::{Digest, Sha256};

use self::image::Image;
use super::Run;

/// Pack lesions, from DeepLesion, a table of endpoints or the phantom generator, into one file. An interrupted
/// run goes on where it stopped when it is started again with the same arguments and the same table; what has changed
/// since is cut anew. A finished pack is replaced by the same pack only. Give one source: --deeplesion, --table with
/// --images, or --phantoms.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "prepare")]
pub(crate) struct Prepare {
    /// folder of DeepLesion in its official layout: DL_info.csv and Images_png
    #[argh(option)]
    deeplesion: Option<PathBuf>,
    /// table of endpoints (CSV); its images lie in --images
    #[argh(option)]
    table: Option<PathBuf>,
    /// folder of the table's images
    #[argh(option)]
    images: Option<PathBuf>,
    /// folder of the readers' outlines: 8-bit pictures named and sized as the images, bit k set inside the outline
    /// of the reader whose number in the table's column reader is k
    #[argh(option)]
    outlines: Option<PathBuf>,
    /// number of phantoms to generate
    #[argh(option)]
    phantoms: Option<u64>,
    /// seed of the phantoms (0)
    #[argh(option)]
    seed: Option<u64>,
    /// folder of DICOM slices and their recist.csv: phantoms are put into their soft tissue
    #[argh(option)]
    backgrounds: Option<PathBuf>,
    /// stop if more than this share of the rows is bad (0.01)
    #[argh(option)]
    bad_share: Option<f64>,
    /// the packed file to write
    #[argh(option)]
    out: PathBuf,
}

/// The share of rows that may be bad.
const BAD_SHARE: f64 = 0.01;

/// What is packed.
enum Source<'a> {
    DeepLesion { folder: &'a Path, bad_share: f64 },
    Table { table: &'a Path, images: &'a Path, outlines: Option<&'a Path>, bad_share: f64 },
    Phantoms { count: u64, seed: u64, backgrounds: Option<&'a Path> },
}

impl Run for Prepare {
    fn run(self) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        let mut problems = Problems::default();
        match self.source()? {
            Source::DeepLesion { folder, bad_share } => {
                let candidates = data::deeplesion(folder, &mut problems)?;
                let description =
                    format!("DeepLesion {} {}", folder.display(), digest(&folder.join("DL_info.csv"))?);
                self.pack_files(&candidates, problems, bad_share, &description)?;
            }
            Source::Table { table, images, outlines, bad_share } => {
                let candidates = data::endpoint_table(table, images, outlines, &mut problems)?;
                let description = format!(
                    "table {} {} {} {}",
                    table.display(),
                    digest(table)?,
                    images.display(),
                    outlines.unwrap_or(Path::new("")).display()
                );
                self.pack_files(&candidates, problems, bad_share, &description)?;
            }
            Source::Phantoms { count, seed, backgrounds } => self.pack_phantoms(count, seed, backgrounds)?,
        }
        let pack = Pack::open(&self.out)?;
        let mut report = String::new();
        for split in Split::ALL {
            let lesions =
                || pack.iter().filter(|(lesion, _)| lesion.split == split).map(|(lesion, _)| lesion);
            let names: HashSet<&str> = lesions().map(|l| l.lesion.as_str()).collect();
            let patients: HashSet<&str> = lesions().map(|l| l.patient.as_str()).collect();
            let (slices, names, patients) = (lesions().count(), names.len(), patients.len());
            report += &format!("{split}: {slices} slices of {names} lesions of {patients} patients\n");
            if slices == 0 {
                super::tell(format_args!("warning: the split {split} is empty"));
            }
        }
        let bytes = std::fs::metadata(&self.out)?.len();
        report += &format!("{}: {bytes} bytes, SHA-256 {}\n", self.out.display(), pack.digest());
        let memory = peak_memory().map(|mib| format!(", at most {mib} MiB of memory")).unwrap_or_default();
        report += &format!("{:.1} s{memory}\n", started.elapsed().as_secs_f64());
        super::say(&report)
    }
}

impl Prepare {
    /// The one source that is given, to which every option belongs.
    fn source(&self) -> Result<Source<'_>, String> {
        let bad_share = self.bad_share.unwrap_or(BAD_SHARE);
        let (name, source) = match (&self.deeplesion, &self.table, &self.images, self.phantoms) {
            (Some(folder), None, _, None) => ("--deeplesion", Source::DeepLesion { folder, bad_share }),
            (None, Some(table), Some(images), None) => {
                ("--table", Source::Table { table, images, outlines: self.outlines.as_deref(), bad_share })
            }
            (None, None, _, Some(0)) => return Err("phantoms is 0: there is nothing to pack".into()),
            (None, None, _, Some(count)) => {
                let (seed, backgrounds) = (self.seed.unwrap_or(0), self.backgrounds.as_deref());
                ("--phantoms", Source::Phantoms { count, seed, backgrounds })
            }
            _ => return Err("give one of --deeplesion, --table with --images, --phantoms".into()),
        };
        for (option, given, sources) in [
            ("--images", self.images.is_some(), ["--table"].as_slice()),
            ("--outlines", self.outlines.is_some(), &["--table"]),
            ("--seed", self.seed.is_some(), &["--phantoms"]),
            ("--backgrounds", self.backgrounds.is_some(), &["--phantoms"]),
            ("--bad-share", self.bad_share.is_some(), &["--deeplesion", "--table"]),
        ] {
            if given && !sources.contains(&name) {
                return Err(format!("{option} belongs to {}, not to {name}", sources.join(" and ")));
            }
        }
        if !(0.0..=1.0).contains(&bad_share) {
            return Err(format!("bad-share is {bad_share}, not a share from 0 to 1"));
        }
        Ok(source)
    }

    /// That no finished pack of other lesions has the new one's name. One of the same lesions may be the same, which
    /// only the bytes tell.
    fn check_finished(&self, same_lesions: impl Fn(&Pack) -> bool) -> Result<(), String> {
        match Pack::open(&self.out) {
            Ok(pack) if !same_lesions(&pack) => Err(format!(
                "{} is a finished pack of other lesions: delete it or choose another name",
                self.out.display()
            )),
            _ => Ok(()),
        }
    }

    fn pack_files(
        &self,
        candidates: &[Candidate],
        mut problems: Problems,
        bad_share: f64,
        description: &str,
    ) -> Result<(), Box<dyn Error>> {
        problems.check(bad_share).inspect_err(|_| report(&problems))?;
        let names: HashSet<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
        self.check_finished(|pack| pack.iter().all(|(lesion, _)| names.contains(lesion.name.as_str())))?;
        let mut writer = PackWriter::open(&self.out, description)?;
        let progress = bar(candidates.len() as u64);
        let mut image: Option<Image<'_>> = None;
        // The first so many patches are those of candidates before this one. What an interruption left behind them is
        // kept as far as it is what would be cut: the pack is the same as that of a run that was not interrupted.
        let mut packed = 0;
        for candidate in candidates {
            progress.inc(1);
            let image = match &mut image {
                Some(image) if image.path == candidate.path => image,
                other => other.insert(Image::of(candidate)),
            };
            if writer.holds(packed, &candidate.name, &image.source) {
                packed += 1;
                continue;
            }
            match image.file().and_then(|file| data::cut(candidate, file)) {
                Ok(patch) => {
                    writer.truncate(packed)?;
                    writer.append_from(&image.source, patch)?;
                    packed += 1;
                }
                Err(reason) => problems.note_rows(candidate.path.display(), candidate.readers.len(), reason),
            }
        }
        progress.finish();
        writer.truncate(packed)?;
        report(&problems);
        problems.check(bad_share)?;
        if writer.is_empty() {
            return Err(format!("{}: no lesion is left to pack", self.out.display()).into());
        }
        writer.finish()?;
        Ok(())
    }

    fn pack_phantoms(&self, count: u64, seed: u64, backgrounds: Option<&Path>) -> Result<(), Box<dyn Error>> {
        let folder = match backgrounds {
            Some(folder) => format!("{} {}", folder.display(), digest(&folder.join("recist.csv"))?),
            None => String::new(),
        };
        let backgrounds = backgrounds.map(Backgrounds::read).transpose()?;
        let first = data::phantom(seed, 0, backgrounds.as_ref()).lesion.name;
        self.check_finished(|pack| pack.len() as u64 == count && pack.get(0).0.name == first)?;
        let slices = backgrounds.as_ref().map(Backgrounds::digest).unwrap_or_default();
        let mut writer = PackWriter::open(&self.out, &format!("phantoms {count} {seed} {folder} {slices}"))?;
        let progress = bar(count);
        for index in writer.len() as u64..count {
            writer.append(data::phantom(seed, index, backgrounds.as_ref()))?;
            progress.set_position(index + 1);
        }
        progress.finish();
        writer.finish()?;
        Ok(())
    }
}

/// The SHA-256 of a file: a corrected table is another source, whose lesions are all cut anew.
fn digest(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(hexadecimal(&Sha256::digest(bytes)))
}

fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}, {per_sec}, {eta} left");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn report(problems: &Problems) {
    for problem in &problems.list {
        super::tell(format_args!("left out: {problem}"));
    }
    if !problems.list.is_empty() {
        super::tell(format_args!("{} of {} rows left out", problems.bad(), problems.rows));
    }
}

/// The most memory this process has held, in MiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

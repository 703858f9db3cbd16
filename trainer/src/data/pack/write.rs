use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Depth, Entry, HASH_BYTES, HEADER_BYTES, MAGIC, PackError, at, header, lock, picture};
use crate::data::LesionPatch;

/// Writes a pack: patch by patch into a partial file, which becomes the pack when it is whole.
///
/// Beside the partial file, which no other process can open before the writer is dropped, lies its journal: the
/// source's description, then one line per patch, with what it was made from. A writer that is opened again with the
/// same description goes on behind the last patch that is whole in both.
#[derive(Debug)]
pub struct PackWriter {
    path: PathBuf,
    source: String,
    pixels: BufWriter<File>,
    journal: BufWriter<File>,
    patches: Vec<Listed>,
    offset: usize,
}

/// A patch as the journal lists it.
#[derive(Debug)]
struct Listed {
    entry: Entry,
    /// The entry word for word: a number that is read and written again can change.
    line: String,
    /// One word that is another as soon as the patch is made from something else.
    source: String,
}

/// The source of a patch that is made from nothing that could change.
const GENERATED: &str = "generated";

impl PackWriter {
    /// Starts the pack at `path`, or goes on with one that was interrupted. `source` says in one line what is
    /// packed and how.
    ///
    /// # Errors
    /// If something that is not a pack lies at `path`, another process is writing the pack, or the partial files cannot
    /// be read or written.
    pub fn open(path: &Path, source: &str) -> Result<Self, PackError> {
        check_replaceable(path)?;
        let (partial, journal_path) = partial_paths(path);
        let mut pixels = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&partial)
            .map_err(at(&partial))?;
        lock::lock(&pixels, &partial)?;
        let patches = interrupted(&partial, &journal_path, source).unwrap_or_default();
        let offset = end(&patches);
        if patches.is_empty() {
            pixels.write_all(&header()).map_err(at(&partial))?;
        }
        pixels.set_len(offset as u64).map_err(at(&partial))?;
        pixels.seek(SeekFrom::End(0)).map_err(at(&partial))?;

        let journal = BufWriter::new(File::create(&journal_path).map_err(at(&journal_path))?);
        let (path, source) = (path.to_owned(), source.to_owned());
        let mut writer = Self { path, source, pixels: BufWriter::new(pixels), journal, patches, offset };
        writer.list_all().map_err(at(&journal_path))?;
        Ok(writer)
    }

    /// How many patches are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patches.len()
    }

    /// Whether the patch at `index` is that of the lesion of this name, made from this source.
    #[must_use]
    pub fn holds(&self, index: usize, name: &str, source: &str) -> bool {
        self.patches.get(index).is_some_and(|patch| patch.entry.lesion.name == name && patch.source == source)
    }

    /// Takes the patches behind the first `length` out again, if there are any.
    ///
    /// # Errors
    /// If the partial files cannot be written.
    pub fn truncate(&mut self, length: usize) -> Result<(), PackError> {
        if length >= self.len() {
            return Ok(());
        }
        let (partial, journal_path) = partial_paths(&self.path);
        self.patches.truncate(length);
        self.offset = end(&self.patches);
        self.pixels.seek(SeekFrom::Start(self.offset as u64)).map_err(at(&partial))?;
        self.pixels.get_ref().set_len(self.offset as u64).map_err(at(&partial))?;
        self.list_all().map_err(at(&journal_path))
    }

    /// Whether nothing is in it yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patches.is_empty()
    }

    /// Appends a lesion's patch; samples that are not all bytes are rounded and limited to 16 bits.
    ///
    /// # Errors
    /// If the lesion is none that [`super::Pack::open`] accepts, of which nothing is then written, or the partial
    /// files cannot be written.
    ///
    /// # Panics
    /// If the samples or the outlines do not fill a square of the patch's side.
    pub fn append(&mut self, patch: LesionPatch) -> Result<(), PackError> {
        self.append_from(GENERATED, patch)
    }

    /// As [`PackWriter::append`], of a patch that is made from `source`: one word that is another as soon as it is made
    /// from something else.
    ///
    /// # Errors
    /// See [`PackWriter::append`].
    ///
    /// # Panics
    /// See [`PackWriter::append`]; and if `source` has a space in it.
    pub fn append_from(&mut self, source: &str, patch: LesionPatch) -> Result<(), PackError> {
        let LesionPatch { lesion, side, samples, outlines } = patch;
        assert!(!source.contains(char::is_whitespace), "the source is one word");
        assert_eq!(samples.len(), side * side, "the patch is square");
        assert!(outlines.as_ref().is_none_or(|o| o.len() == samples.len()), "the outlines cover the patch");
        let is_byte = |&v: &f32| v.fract() == 0.0 && (0.0..=255.0).contains(&v);
        let depth = if samples.iter().all(is_byte) { Depth::U8 } else { Depth::I16 };
        let coded = |depth, samples: &[f32]| {
            picture::encode(side, depth, samples).map_err(|error| at(&self.path)(error.into()))
        };
        let patch = coded(depth, &samples)?;
        let outlines = outlines.map_or(Ok(Vec::new()), |outlines| coded(Depth::U8, &outlines))?;
        let bytes = [patch.len(), outlines.len()];
        let entry = Entry { lesion, side, depth, offset: self.offset, bytes };
        let end = self.offset + patch.len() + outlines.len();
        entry.check(end).map_err(|reason| PackError::Lesion(entry.lesion.name.clone(), reason))?;
        for bytes in [&patch, &outlines] {
            self.pixels.write_all(bytes).map_err(at(&self.path))?;
        }
        self.offset = end;
        let line = json(&self.path, &entry)?;
        let patch = Listed { entry, line, source: source.to_owned() };
        patch.list(&mut self.journal).map_err(at(&self.path))?;
        self.patches.push(patch);
        Ok(())
    }

    /// Adds the index and the checksum, and gives the pack its name, unless a pack of other bytes has it: then the
    /// partial file is a pack, and a writer that is opened again still goes on with it.
    ///
    /// # Errors
    /// If the file cannot be written or renamed, or another pack has its name.
    pub fn finish(mut self) -> Result<(), PackError> {
        let (partial, journal_path) = partial_paths(&self.path);
        let lines: Vec<&str> = self.patches.iter().map(|patch| patch.line.as_str()).collect();
        let index = format!("[{}]", lines.join(","));
        self.pixels.write_all(index.as_bytes()).map_err(at(&partial))?;
        self.pixels.write_all(&(self.offset as u64).to_le_bytes()).map_err(at(&partial))?;
        self.pixels.flush().map_err(at(&partial))?;

        let mut hash = Sha256::new();
        let mut whole = File::open(&partial).map_err(at(&partial))?;
        let mut block = vec![0; 1 << 20];
        loop {
            match whole.read(&mut block).map_err(at(&partial))? {
                0 => break,
                read => hash.update(&block[..read]),
            }
        }
        let hash = hash.finalize();
        self.pixels.write_all(&hash).map_err(at(&partial))?;
        self.pixels.flush().map_err(at(&partial))?;
        self.pixels.get_ref().sync_all().map_err(at(&partial))?;
        if self.path.exists() && last_bytes(&self.path).map_err(at(&self.path))? != hash[..] {
            return Err(PackError::Replaces(self.path, partial));
        }
        // In this order: as soon as there is no partial file, another process may begin one, and its journal.
        fs::remove_file(&journal_path).map_err(at(&journal_path))?;
        fs::rename(&partial, &self.path).map_err(at(&self.path))
    }

    /// Writes the journal anew.
    fn list_all(&mut self) -> io::Result<()> {
        self.journal.seek(SeekFrom::Start(0))?;
        self.journal.get_ref().set_len(0)?;
        writeln!(self.journal, "{}", self.source)?;
        self.patches.iter().try_for_each(|patch| patch.list(&mut self.journal))
    }
}

impl Listed {
    fn list(&self, journal: &mut impl Write) -> io::Result<()> {
        writeln!(journal, "{} {}", self.source, self.line)
    }

    /// The patch in a line of a journal.
    fn of(line: &str) -> Option<Self> {
        let (source, line) = line.split_once(' ')?;
        let entry = serde_json::from_str(line).ok()?;
        Some(Self { entry, line: line.to_owned(), source: source.to_owned() })
    }
}

/// Where the last patch ends.
fn end(patches: &[Listed]) -> usize {
    patches.last().and_then(|patch| patch.entry.end()).unwrap_or(HEADER_BYTES)
}

/// A table or an image that is given by mistake is not replaced, nor a device.
fn check_replaceable(path: &Path) -> Result<(), PackError> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(there) => there.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(at(path))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(path)(error)),
    };
    if start == MAGIC { Ok(()) } else { Err(PackError::NotAPack(path.to_owned())) }
}

/// What stands where a pack has its checksum.
fn last_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(HASH_BYTES as u64)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn json(path: &Path, value: &impl serde::Serialize) -> Result<String, PackError> {
    serde_json::to_string(value).map_err(|error| PackError::Index(path.to_owned(), error.to_string()))
}

fn partial_paths(path: &Path) -> (PathBuf, PathBuf) {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    (with(".partial"), with(".journal"))
}

/// The patches that an interrupted writer of the same source left whole.
fn interrupted(partial: &Path, journal: &Path, source: &str) -> Option<Vec<Listed>> {
    let bytes = usize::try_from(fs::metadata(partial).ok()?.len()).ok()?;
    let mut start = [0; HEADER_BYTES];
    File::open(partial).ok()?.read_exact(&mut start).ok()?;
    let mut lines = BufReader::new(File::open(journal).ok()?).lines();
    if start != header() || lines.next()?.ok()? != source {
        return None;
    }
    let patches = lines.map_while(|line| Listed::of(&line.ok()?));
    Some(patches.take_while(|patch| patch.entry.end().is_some_and(|end| end <= bytes)).collect())
}

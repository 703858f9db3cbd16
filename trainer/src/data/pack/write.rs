use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Depth, Entry, HASH_BYTES, HEADER_BYTES, MAGIC, PackError, at, header, picture};
use crate::data::Lesion;

/// Writes a pack: patch by patch into a partial file, which becomes the pack when it is whole.
///
/// Beside the partial file lies its journal: the source's description, then one line per patch. A writer
/// that is opened again with the same description goes on behind the last patch that is whole in both.
#[derive(Debug)]
pub struct PackWriter {
    path: PathBuf,
    pixels: BufWriter<File>,
    journal: BufWriter<File>,
    entries: Vec<Entry>,
    /// The entries as the journal has them, word for word: a number that is read and written again can change.
    lines: Vec<String>,
    offset: usize,
}

impl PackWriter {
    /// Starts the pack at `path`, or goes on with one that was interrupted. `source` says in one line what is
    /// packed and how.
    ///
    /// # Errors
    /// If something that is not a pack lies at `path`, or the partial files cannot be read or written.
    pub fn open(path: &Path, source: &str) -> Result<Self, PackError> {
        check_replaceable(path)?;
        let (partial, journal_path) = partial_paths(path);
        let entries = interrupted(&partial, &journal_path, source).unwrap_or_default();
        let offset = entries.last().and_then(|(entry, _)| entry.end()).unwrap_or(HEADER_BYTES);

        let mut pixels = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&partial)
            .map_err(at(&partial))?;
        if entries.is_empty() {
            pixels.write_all(&header()).map_err(at(&partial))?;
        }
        pixels.set_len(offset as u64).map_err(at(&partial))?;
        pixels.seek(SeekFrom::End(0)).map_err(at(&partial))?;

        let mut journal = BufWriter::new(File::create(&journal_path).map_err(at(&journal_path))?);
        writeln!(journal, "{source}").map_err(at(&journal_path))?;
        let mut writer = Self {
            path: path.to_owned(),
            pixels: BufWriter::new(pixels),
            journal,
            entries: Vec::new(),
            lines: Vec::new(),
            offset,
        };
        for (entry, line) in entries {
            writer.list(entry, line)?;
        }
        Ok(writer)
    }

    /// How many patches are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The names of the lesions in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.lesion.name.as_str())
    }

    /// Whether nothing is in it yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends a lesion with its square patch of samples: bytes where they are grey values from 0 to 255,
    /// else rounded and limited to 16 bits; and with the readers' outlines, a bit a reader, where there are any.
    ///
    /// # Errors
    /// If the lesion is none that [`super::Pack::open`] accepts, of which nothing is then written, or the partial
    /// files cannot be written.
    ///
    /// # Panics
    /// If the samples or the outlines do not fill a square of `side`.
    pub fn append(
        &mut self,
        lesion: Lesion,
        side: usize,
        samples: &[f32],
        outlines: Option<&[f32]>,
    ) -> Result<(), PackError> {
        assert_eq!(samples.len(), side * side, "the patch is square");
        assert!(outlines.is_none_or(|o| o.len() == samples.len()), "the outlines cover the patch");
        let is_byte = |&v: &f32| v.fract() == 0.0 && (0.0..=255.0).contains(&v);
        let depth = if samples.iter().all(is_byte) { Depth::U8 } else { Depth::I16 };
        let coded = |depth, samples: &[f32]| {
            picture::encode(side, depth, samples).map_err(|error| at(&self.path)(error.into()))
        };
        let patch = coded(depth, samples)?;
        let outlines = outlines.map_or(Ok(Vec::new()), |outlines| coded(Depth::U8, outlines))?;
        let bytes = [patch.len(), outlines.len()];
        let entry = Entry { lesion, side, depth, offset: self.offset, bytes };
        let end = self.offset + patch.len() + outlines.len();
        entry.check(end).map_err(|reason| PackError::Lesion(entry.lesion.name.clone(), reason))?;
        for bytes in [&patch, &outlines] {
            self.pixels.write_all(bytes).map_err(at(&self.path))?;
        }
        self.offset = end;
        let line = json(&self.path, &entry)?;
        self.list(entry, line)
    }

    /// Adds the index and the checksum, and gives the pack its name, unless a pack of other bytes has it: then the
    /// partial file is a pack, and a writer that is opened again still goes on with it.
    ///
    /// # Errors
    /// If the file cannot be written or renamed, or another pack has its name.
    pub fn finish(mut self) -> Result<(), PackError> {
        let (partial, journal_path) = partial_paths(&self.path);
        let index = format!("[{}]", self.lines.join(","));
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
        fs::rename(&partial, &self.path).map_err(at(&self.path))?;
        fs::remove_file(&journal_path).map_err(at(&journal_path))
    }

    fn list(&mut self, entry: Entry, line: String) -> Result<(), PackError> {
        writeln!(self.journal, "{line}").map_err(at(&self.path))?;
        self.entries.push(entry);
        self.lines.push(line);
        Ok(())
    }
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

/// The patches that an interrupted writer of the same source left whole, with their lines.
fn interrupted(partial: &Path, journal: &Path, source: &str) -> Option<Vec<(Entry, String)>> {
    let bytes = usize::try_from(fs::metadata(partial).ok()?.len()).ok()?;
    let mut start = [0; HEADER_BYTES];
    File::open(partial).ok()?.read_exact(&mut start).ok()?;
    let mut lines = BufReader::new(File::open(journal).ok()?).lines();
    if start != header() || lines.next()?.ok()? != source {
        return None;
    }
    let entries = lines.map_while(|line| {
        let line = line.ok()?;
        Some((serde_json::from_str::<Entry>(&line).ok()?, line))
    });
    Some(entries.take_while(|(entry, _)| entry.end().is_some_and(|end| end <= bytes)).collect())
}

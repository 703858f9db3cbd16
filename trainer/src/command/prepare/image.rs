use std::path::Path;

use recist::image::CtFile;
use recist_trainer::data::Candidate;

use super::digest;

/// An image with its outlines: read when a patch is cut out of it.
pub(super) struct Image<'a> {
    pub(super) path: &'a Path,
    /// The SHA-256 of both files: with one of others, patches are cut anew.
    pub(super) source: String,
    file: Option<Result<CtFile, String>>,
}

impl<'a> Image<'a> {
    pub(super) fn of(candidate: &'a Candidate) -> Self {
        let outlines = candidate.outlines.iter().map(|outlines| outlines.path.as_path());
        let files = std::iter::once(candidate.path.as_path()).chain(outlines);
        // One that cannot be read is told when a patch is cut.
        let digests = files.map(|path| if path.is_file() { digest(path).ok() } else { None });
        let source = digests.map(Option::unwrap_or_default).collect::<Vec<_>>().join("-");
        Self { path: &candidate.path, source, file: None }
    }

    pub(super) fn file(&mut self) -> Result<&CtFile, String> {
        let read = || CtFile::read(self.path, None).map_err(|error| error.to_string());
        self.file.get_or_insert_with(read).as_ref().map_err(Clone::clone)
    }
}

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Puts `bytes` in the place of the file at `path`, all or nothing: they are written beside it, to a file of a name
/// that nothing had, and renamed when they are on the disk.
///
/// # Errors
/// If what is there is not a regular file, or the file cannot be written or renamed; nothing is left beside it then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    check_replaceable(path)?;
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    // As of any file: a temporary one is its owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut unfinished = builder.tempfile_in(folder(path))?;
    // Errors of the file itself do not name the temporary file, which is gone when they are read.
    unfinished.as_file_mut().write_all(bytes)?;
    unfinished.as_file().sync_all()?;
    unfinished.persist(path)?;
    Ok(())
}

/// That nothing but a file can be lost at `path`: [`replace`] says it late.
///
/// # Errors
/// If what is there is not a regular file.
fn check_replaceable(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("is not a regular file: nothing is written there"));
    }
    Ok(())
}

/// That each of `outputs` can be written when the work is done, and costs nothing that is needed: there is a folder for
/// it, and it is neither one of `inputs` nor another output, whatever name it goes by.
///
/// # Errors
/// If one cannot: named, with the reason.
pub fn check_outputs(outputs: &[&Path], inputs: &[PathBuf]) -> Result<(), String> {
    for (number, output) in outputs.iter().enumerate() {
        let named = |reason: String| format!("{}: {reason}", output.display());
        if output.is_dir() {
            return Err(named("is a folder".to_owned()));
        }
        check_replaceable(output).map_err(|error| named(error.to_string()))?;
        let Some(there) = place(output) else {
            return Err(named(format!("there is no folder {}", folder(output).display())));
        };
        let is_there = |other: &&Path| place(other).is_some_and(|other| other == there);
        if let Some(input) = inputs.iter().map(PathBuf::as_path).find(is_there) {
            return Err(named(format!("would overwrite {}", input.display())));
        }
        if outputs[..number].iter().any(is_there) {
            return Err(named("would be written twice".to_owned()));
        }
    }
    Ok(())
}

/// That a PNG takes the place of nothing else at `path`: its name, and the one that a link there leads to, ends in
/// `.png`.
///
/// # Errors
/// If one does not: named.
pub fn check_png(path: &Path) -> Result<(), String> {
    let is_png =
        |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    let there = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match [path, &there].into_iter().find(|path| !is_png(path)) {
        Some(other) => Err(format!("{}: does not end in .png, but a PNG is written", other.display())),
        None => Ok(()),
    }
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The one name of a file that has many: where it is, or would be; none where there is no folder for it.
fn place(path: &Path) -> Option<PathBuf> {
    if let Ok(there) = fs::canonicalize(path) {
        return Some(there);
    }
    Some(fs::canonicalize(folder(path)).ok()?.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Found by reading: `table.csv` was written to `table.csv.partial` first, whoever's that was.
    #[test]
    fn a_file_beside_it_is_kept_and_the_file_is_its_writers_as_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("table.csv.partial"), "mine").unwrap();
        fs::write(at("any"), "").unwrap();
        for table in ["one", "two"] {
            replace(&at("table.csv"), table.as_bytes()).unwrap();
            assert_eq!(fs::read(at("table.csv")).unwrap(), table.as_bytes());
        }
        assert_eq!(fs::read(at("table.csv.partial")).unwrap(), b"mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside it");
        let mode = |name| fs::metadata(at(name)).unwrap().permissions().mode();
        assert_eq!(mode("table.csv"), mode("any"));
    }

    #[test]
    fn a_picture_is_named_as_one_wherever_a_link_leads() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("table.csv"), "table").unwrap();
        fs::write(at("page.png"), "page").unwrap();
        for (link, target) in [("table.png", "table.csv"), ("page", "page.png"), ("link.png", "page.png")] {
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
        }
        for (name, other) in
            [("table.csv", "table.csv"), ("new.jpg", "new.jpg"), ("table.png", "table.csv"), ("page", "page")]
        {
            let error = check_png(&at(name)).unwrap_err();
            assert!(error.contains(&format!("/{other}: does not end in .png")), "{name}: {error}");
        }
        for name in ["page.png", "new.PNG", "link.png"] {
            assert_eq!(check_png(&at(name)), Ok(()), "control: {name}");
        }
    }

    #[test]
    fn an_output_is_no_input_and_no_other_output_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["model", "pack"] {
            fs::write(at(name), name).unwrap();
        }
        fs::create_dir(at("inside")).unwrap();
        std::os::unix::fs::symlink(at("pack"), at("link")).unwrap();
        let inputs = [at("model"), at("pack"), at("not there")];
        for (outputs, reason) in [
            (["model", "b"], "would overwrite"),
            (["a", "pack"], "would overwrite"),
            (["a", "inside/../model"], "would overwrite"),
            (["link", "b"], "would overwrite"),
            (["a", "a"], "would be written twice"),
            (["a", "inside/../a"], "would be written twice"),
            (["inside", "b"], "is a folder"),
            (["a", "nosuch/b"], "there is no folder"),
            (["/dev/null", "b"], "is not a regular file"),
        ] {
            let paths = outputs.map(at);
            let error = check_outputs(&[&paths[0], &paths[1]], &inputs).unwrap_err();
            let named = paths.iter().any(|path| error.starts_with(&format!("{}: ", path.display())));
            assert!(named && error.contains(reason), "{outputs:?}: {error}");
        }
        for free in [["a", "b"], ["inside/model", "inside/pack"]] {
            let [a, b] = free.map(at);
            assert_eq!(check_outputs(&[&a, &b], &inputs), Ok(()), "control: {free:?}");
        }
    }
}

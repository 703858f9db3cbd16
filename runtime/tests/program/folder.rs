use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use recist::image::{write_grey16, write_rgb};

/// A folder with images of every kind; removed when dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("recist-program-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("folder")).unwrap();
        let hu: Vec<i16> = (0..96 * 64).map(|i| (i % 96) * 10 - 500).collect();
        write_grey16(&folder.join("slice.png"), [96, 64], &hu).unwrap();
        write_grey16(&folder.join("constant.png"), [96, 64], &[40; 96 * 64]).unwrap();
        write_rgb(&folder.join("colour.png"), [8, 8], &[[1, 2, 3]; 64]).unwrap();
        fs::write(folder.join("empty.png"), b"").unwrap();
        fs::write(folder.join("text.dcm"), b"this is not DICOM").unwrap();
        fs::write(folder.join("not_a.recist"), b"RIFF....WAVE").unwrap();
        fs::write(folder.join("locked.png"), b"x").unwrap();
        fs::set_permissions(folder.join("locked.png"), fs::Permissions::from_mode(0o000)).unwrap();
        Self(folder)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_recist"));
        Command::new(program).args(arguments).current_dir(&self.0).output().unwrap()
    }

    pub(crate) fn files(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the program said on standard error.
pub(crate) fn message(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with a slice that the built-in model measures.
pub(crate) fn folder_with_lesion(name: &str) -> Folder {
    let folder = Folder::new(name);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sample/phantom.png");
    fs::copy(sample, folder.0.join("lesion.png")).unwrap();
    fs::write(folder.0.join("cases.csv"), "image,x0,y0,x1,y1\nlesion.png,95,82,167,154\n").unwrap();
    folder
}

//! What `recist-train prepare` makes of tables that were corrected or are of another kind than the sample's, and
//! what `sheet` shows.

mod interruption;
mod sheet;
mod source;

use std::path::Path;
use std::process::Command;

use recist::image::write_grey16;
use recist_trainer::data::Pack;

const HEADER: &str = "image,patient,split,lesion,reader,spacing_mm,long_x1,long_y1,long_x2,long_y2,short_x1,\
                      short_y1,short_x2,short_y2\n";

/// A row of a lesion with its centre in (`x`, 50), 20 pixels long and 12 across.
fn row(image: &str, lesion: u8, reader: &str, x: i32) -> String {
    format!("{image},p,train,{lesion},{reader},0.7,{},50,{},50,{x},44,{x},56\n", x - 10, x + 10)
}

/// A slice on which every column has a value of its own, the first of them `first`.
fn slice(path: &Path, first: i16) {
    let hu: Vec<i16> = (0..100).flat_map(|_| first..first + 200).collect();
    write_grey16(path, [200, 100], &hu).unwrap();
}

/// A picture of outlines that has `value` everywhere.
fn outline(path: &Path, value: u8) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), 200, 100);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[value; 200 * 100]).unwrap();
}

fn recist_train(folder: &Path, arguments: &str) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    let output = command.args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &text)
    } else {
        Err(text)
    }
}

const PREPARE: &str = "prepare --table endpoints.csv --images . --bad-share 0 --out lesions.pack";

/// The lesion's name, where in the image its first long axis starts, and its patch's first sample, if it can be read.
fn packed(folder: &Path) -> Vec<(String, f64, Option<f32>)> {
    let pack = Pack::open(&folder.join("lesions.pack")).unwrap();
    let mut samples = Vec::new();
    let of_lesion = |(lesion, pixels): (&recist_trainer::data::Lesion, recist_trainer::data::Pixels<'_>)| {
        let first = pixels.read(&mut samples).ok().map(|()| samples[0]);
        let start = lesion.readers[0][0][0] + lesion.patch_origin[0] as f64;
        (lesion.name.clone(), start, first)
    };
    pack.iter().map(of_lesion).collect()
}

use std::error::Error;
use std::ffi::OsStr;
use std::iter;
use std::path::Path;

use rand::RngExt;
use rand_distr::StandardNormal;
use recist::geometry::{AffineGrid, AffineMap, Point};
use recist::image::{self, CtFile};
use sha2::{Digest, Sha256};

use super::outline::Outline;
use super::raster::Raster;
use crate::data::table::{Cells, Table};
use crate::data::{Random, random::any_turn};

/// Hounsfield units of what a section through the body shows, with how often it does.
const TISSUES: [(f32, f64); 10] = [
    (-100.0, 0.16), // fat
    (-80.0, 0.10),
    (20.0, 0.14),  // fluid
    (40.0, 0.14),  // muscle
    (60.0, 0.12),  // liver
    (90.0, 0.10),  // organ with contrast agent
    (140.0, 0.10), // vessel with contrast agent
    (200.0, 0.06),
    (-900.0, 0.05), // air
    (600.0, 0.03),  // bone
];

/// Generated tissue: a slowly varying ground with organs, vessels, fat, bone and air.
pub(super) fn generated(random: &mut Random, side: usize) -> Raster {
    let size = side as f64;
    let lung = random.random_bool(0.15);
    let ground = if lung { random.random_range(-880.0..-780.0) } else { random.random_range(-120.0..120.0) };
    let variation = if lung { 40.0 } else { random.random_range(0.0..30.0) };
    let slow = Raster::noise(random, side).blurred(size * random.random_range(0.06..0.16));
    let mut image = slow.scaled_to_deviation(variation);
    image.values.iter_mut().for_each(|v| *v += ground);
    for _ in 0..random.random_range(3..14) {
        let center = Point::new(random.random_range(-0.1..1.1) * size, random.random_range(-0.1..1.1) * size);
        let long = size * random.random_range(0.05..0.8);
        let organ = Raster::filled(side, &Outline::random(random, center, long).painted);
        let spread: f32 = random.sample(StandardNormal);
        let value = tissue(random) + 15.0 * spread;
        image.blend(&organ.blurred(0.6), iter::repeat(value));
    }
    image
}

fn tissue(random: &mut Random) -> f32 {
    let mut left = random.random_range(0.0..1.0);
    for (value, share) in TISSUES {
        left -= share;
        if left < 0.0 {
            return value;
        }
    }
    TISSUES[0].0
}

/// CT slices of patients to put generated lesions into, with the places of their own lesions.
#[derive(Clone, Debug)]
pub struct Backgrounds {
    slices: Vec<Background>,
}

#[derive(Clone, Debug)]
struct Background {
    side: usize,
    samples: Vec<f32>,
    lesions: Vec<Point>,
}

impl Backgrounds {
    /// Reads the square slices (`.dcm`) of a folder and the lesions marked on them (`recist.csv`, columns
    /// `image` or `file`, `long_x1` to `long_y2`).
    ///
    /// # Errors
    /// If a file or a row cannot be read, a row's image is none of the slices, or there is no slice.
    pub fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let named = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .map_err(|error| named(folder, &error))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("dcm")));
        paths.sort();
        let table = folder.join("recist.csv");
        let columns = ["image", "long_x1", "long_y1", "long_x2", "long_y2"];
        let marks: Vec<(String, [Point; 2])> = Table::open(&table, &[("file", "image")], &columns, &[])?
            .rows()
            .map(|(line, cells)| {
                let mark = cells.and_then(|cells| mark(&cells)).and_then(|(image, ends)| {
                    let is_slice = paths.iter().any(|path| path.file_name() == Some(OsStr::new(&image)));
                    if is_slice {
                        Ok((image, ends))
                    } else {
                        Err(format!("{image} is no slice of the folder"))
                    }
                });
                mark.map_err(|reason| named(&table, &format_args!("line {line}: {reason}")))
            })
            .collect::<Result<_, _>>()?;
        let mut slices = Vec::new();
        for path in paths {
            let file = CtFile::read(&path, None).map_err(|error| named(&path, &error))?;
            if file.slice().width() != file.slice().height() {
                return Err(named(&path, &"the slice is not square").into());
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let lesions = marks.iter().filter(|(image, _)| *image == name);
            slices.push(Background {
                side: file.slice().width(),
                samples: file.samples().to_vec(),
                lesions: lesions.flat_map(|(_, ends)| *ends).collect(),
            });
        }
        if slices.is_empty() {
            return Err(named(folder, &"there is no .dcm file").into());
        }
        Ok(Self { slices })
    }

    /// The SHA-256 of the slices' samples, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let samples = self.slices.iter().flat_map(|slice| &slice.samples);
        let hash = samples.fold(Sha256::new(), |hash, sample| hash.chain_update(sample.to_le_bytes()));
        crate::hexadecimal(&hash.finalize())
    }

    /// A square of a slice, turned, flipped and magnified by chance, whose middle is soft tissue and far from
    /// the slice's own lesions; none if the place that was tried is not.
    pub(super) fn soft_tissue(&self, random: &mut Random, side: usize, long: f64) -> Option<Raster> {
        let slice = &self.slices[random.random_range(0..self.slices.len())];
        let size = slice.side as f64;
        let center = Point::new(random.random_range(0.1..0.9) * size, random.random_range(0.1..0.9) * size);
        let step = random.random_range(0.7..1.3);
        if slice.lesions.iter().any(|lesion| lesion.distance(center) < step * side as f64) {
            return None;
        }
        let turn = any_turn(random).then(AffineMap::scale_then_shift(step, step, Point::new(0.0, 0.0)));
        let middle = (side - 1) as f64 / 2.0;
        let map = AffineMap::scale_then_shift(1.0, 1.0, Point::new(-middle, -middle))
            .then(turn)
            .then(AffineMap::scale_then_shift(1.0, 1.0, center));
        let mut raster = Raster::new(side, 0.0);
        image::sample(&slice.samples, slice.side, &AffineGrid::new(map, side), &mut raster.values);

        let (mut soft, mut seen) = (0, 0);
        for (i, value) in raster.values.iter().enumerate() {
            let at = Point::new((i % side) as f64, (i / side) as f64);
            if at.distance(Point::new(middle, middle)) < 0.6 * long {
                seen += 1;
                soft += usize::from((-150.0..250.0).contains(value));
            }
        }
        (soft * 10 >= seen * 9).then_some(raster)
    }
}

/// A row's image and the ends of the long axis on it.
fn mark(cells: &Cells<'_>) -> Result<(String, [Point; 2]), String> {
    let end = |x, y| Ok::<_, String>(Point::new(cells.number(x)?, cells.number(y)?));
    Ok((cells.image()?, [end("long_x1", "long_y1")?, end("long_x2", "long_y2")?]))
}

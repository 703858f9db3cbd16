use std::error::Error;
use std::path::PathBuf;

use recist::geometry::AffineMap;
use recist::image::PATCH_SIZE;
use recist_trainer::data::{Pack, Sheet, first_shown, keyed};
use recist_trainer::train::Configuration;
use recist_trainer::{check_outputs, check_png};

use super::Run;

/// Draw lesions of a pack as training sees them: random boxes, turns and grey values, the axes that are to be found
/// and, beside each patch, the mask; over it, in red, where the axes are in the canonical patch. Look at it before you
/// train.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "sheet")]
pub(crate) struct DrawSheet {
    /// a packed file of lesions, as prepare writes it
    #[argh(option)]
    data: PathBuf,
    /// a preset (edge if not given; paper, edge-tune) or a configuration file, which says how samples are changed and
    /// what the mask shows
    #[argh(option, default = "String::from(\"edge\")")]
    config: String,
    /// seed of the random choices (0)
    #[argh(option, default = "0")]
    seed: u64,
    /// the PNG file to write, whose name ends in .png
    #[argh(option)]
    out: PathBuf,
}

const ROWS: usize = 10;
const COLUMNS: usize = 5;

impl Run for DrawSheet {
    fn run(self) -> Result<(), Box<dyn Error>> {
        check_outputs(&[&self.out], std::slice::from_ref(&self.data))?;
        check_png(&self.out)?;
        let Configuration { augmentation, mask, .. } = Configuration::open(&self.config)?;
        let pack = Pack::open(&self.data)?;
        if pack.is_empty() {
            return Err(format!("{} holds no lesion", self.data.display()).into());
        }
        let lesions: Vec<_> = pack.iter().collect();
        let mut sheet = Sheet::new(ROWS, 2 * COLUMNS);
        for place in 0..ROWS * COLUMNS {
            let mut random = keyed(self.seed, 0, place as u64);
            let first = place * lesions.len() / (ROWS * COLUMNS);
            let (sample, targets, theta) = first_shown(&lesions, first, &augmentation, mask, &mut random)
                .map_err(|reason| format!("{}: {reason}", self.data.display()))?;
            let tile = [place / COLUMNS, 2 * (place % COLUMNS)];
            sheet.grey(tile, PATCH_SIZE, &sample.patch[..]);
            sheet.axes(tile, &sample.keypoints, [60, 220, 90]);
            let beside = [tile[0], tile[1] + 1];
            sheet.grey(beside, recist::cascade::MASK_SIZE, &targets.mask);
            let to_canonical = theta.canonical_to_patch().inverse().ok_or("θ has no inverse")?;
            let map = AffineMap::pixels_to_normalised(PATCH_SIZE)
                .then(to_canonical)
                .then(AffineMap::normalised_to_pixels(PATCH_SIZE));
            sheet.axes(beside, &sample.keypoints.map(|p| map.apply(p)), [255, 90, 60]);
        }
        Ok(sheet.write(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?)
    }
}

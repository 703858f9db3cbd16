//! Writes slices with generated lesions, and a table of rough boxes round them, for `recist batch`.
//!
//!     cargo run -p recist-trainer --example phantom_cases -- FOLDER COUNT

use std::path::Path;

use recist::image::write_grey16;
use recist_trainer::data::phantom;
use recist_trainer::evaluate::drawn_box;

/// Rows and columns of a slice: the phantom's tissue is repeated to fill it.
const SIZE: usize = 512;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count] = &arguments[..] else { return Err("give a folder and a number of cases".into()) };
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    let mut cases = String::from("image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm\n");
    for index in 0..count.parse()? {
        let phantom = phantom(1, index, None);
        #[allow(clippy::cast_possible_truncation, reason = "phantoms are whole numbers from -1024 to 3071")]
        let sample = |i: usize| {
            phantom.samples[i / SIZE % phantom.side * phantom.side + i % SIZE % phantom.side] as i16
        };
        let hu: Vec<i16> = (0..SIZE * SIZE).map(sample).collect();
        let name = format!("{index:04}.png");
        let side = u32::try_from(SIZE)?;
        write_grey16(&folder.join(&name), [side, side], &hu)?;
        let Some(area) = drawn_box(&phantom.lesion) else { continue };
        let [x0, y0, x1, y1] = area.corners();
        let spacing = phantom.lesion.spacing;
        let (row, column) = (spacing.row_mm(), spacing.column_mm());
        cases += &format!("{name},{x0},{y0},{x1},{y1},{row},{column}\n");
    }
    std::fs::write(folder.join("cases.csv"), cases)?;
    Ok(())
}

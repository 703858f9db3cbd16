use std::path::PathBuf;
use std::str::FromStr;

use argh::FromArgs;
use recist::geometry::{LesionBox, PixelSpacing};

use crate::engine::EngineName;

/// Measure lesions on CT slices: long and short axis (RECIST) from a rough box. Not a medical device.
#[derive(FromArgs)]
pub(crate) struct Arguments {
    /// print the program's version
    #[argh(switch, short = 'V')]
    pub(crate) version: bool,

    #[argh(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
pub(crate) enum Command {
    Measure(Measure),
    Batch(Batch),
    Info(Info),
    Bench(Bench),
}

/// Measure one lesion.
#[derive(FromArgs)]
#[argh(subcommand, name = "measure")]
pub(crate) struct Measure {
    /// DICOM Part 10 (CT), 16-bit PNG (HU + 32768) or 8-bit grey PNG
    #[argh(positional)]
    pub(crate) image: PathBuf,

    /// rough box round the whole lesion in slice pixels: x0,y0,x1,y1; not larger than the slice, and its longer side
    /// at least 4 pixels
    #[argh(option, long = "box", from_str_fn(lesion_box))]
    pub(crate) area: LesionBox,

    /// pixel spacing in mm: ROW,COLUMN; for a file that states none, another than the file's is refused
    #[argh(option, from_str_fn(pixel_spacing))]
    pub(crate) spacing: Option<PixelSpacing>,

    /// frame of a multi-frame DICOM file, from 1
    #[argh(option, from_str_fn(frame))]
    pub(crate) frame: Option<u32>,

    /// model bundle; the built-in model if absent
    #[argh(option)]
    pub(crate) model: Option<PathBuf>,

    /// what runs the networks: int8 (the default), int8-tract, float32; the latter two need a program built
    /// with the feature onnx
    #[argh(option, default = "EngineName::default()")]
    pub(crate) engine: EngineName,

    /// folder of the model's localization.onnx and hourglass.onnx, for the engine float32 only
    #[argh(option)]
    pub(crate) onnx: Option<PathBuf>,

    /// print one JSON object on one line
    #[argh(switch)]
    pub(crate) json: bool,

    /// write a picture of the measurement to a file whose name ends in .png
    #[argh(option)]
    pub(crate) overlay: Option<PathBuf>,
}

/// Measure many lesions: a CSV of cases to a CSV of results. Warnings, for which the results have no column, go to
/// standard error.
#[derive(FromArgs)]
#[argh(subcommand, name = "batch")]
pub(crate) struct Batch {
    /// columns image,x0,y0,x1,y1 and optionally row_spacing_mm,column_spacing_mm (for images that state none);
    /// images relative to it
    #[argh(positional)]
    pub(crate) cases: PathBuf,

    /// results, one row a case in the same order
    #[argh(option)]
    pub(crate) out: PathBuf,

    /// model bundle; the built-in model if absent
    #[argh(option)]
    pub(crate) model: Option<PathBuf>,

    /// cases measured at the same time, 1 to 256; 1 if absent
    #[argh(option, default = "1", from_str_fn(jobs))]
    pub(crate) jobs: usize,
}

/// Describe a model: what it is, what it was trained on, what it needs.
#[derive(FromArgs)]
#[argh(subcommand, name = "info")]
pub(crate) struct Info {
    /// model bundle; the built-in model if absent
    #[argh(positional)]
    pub(crate) model: Option<PathBuf>,
}

/// Time every stage of a measurement on this processor.
#[derive(FromArgs)]
#[argh(subcommand, name = "bench")]
pub(crate) struct Bench {
    /// model bundle; the built-in model if absent
    #[argh(positional)]
    pub(crate) model: Option<PathBuf>,

    /// print one JSON object on one line
    #[argh(switch)]
    pub(crate) json: bool,
}

fn lesion_box(text: &str) -> Result<LesionBox, String> {
    let [x0, y0, x1, y1] = numbers(text)?;
    LesionBox::new(x0, y0, x1, y1).map_err(|e| e.to_string())
}

fn pixel_spacing(text: &str) -> Result<PixelSpacing, String> {
    let [row_mm, column_mm] = numbers(text)?;
    PixelSpacing::new(row_mm, column_mm).map_err(|e| e.to_string())
}

fn frame(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|frame| *frame > 0);
    number.ok_or(format!("\"{text}\" is not a number from 1"))
}

fn jobs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|jobs| (1..=256).contains(jobs));
    number.ok_or(format!("\"{text}\" is not a number from 1 to 256"))
}

fn numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let numbers: Result<Vec<_>, _> = text.split(',').map(|part| f64::from_str(part.trim())).collect();
    numbers
        .ok()
        .and_then(|n| n.try_into().ok())
        .ok_or(format!("\"{text}\" is not {N} numbers separated by commas"))
}

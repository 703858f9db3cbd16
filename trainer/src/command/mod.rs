//! The subcommands: one file each, with its arguments and what it does with them.

mod ablate;
mod bench;
mod compare;
mod device;
mod evaluate;
mod export;
mod prepare;
mod sheet;
mod summary;
mod train;

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use recist_trainer::data::Pack;
use recist_trainer::train::MOST_SAMPLES;

/// What a subcommand does.
pub(crate) trait Run {
    /// Does it.
    fn run(self) -> Result<(), Box<dyn Error>>;
}

/// All subcommands.
#[derive(argh::FromArgs)]
#[argh(subcommand)]
pub(crate) enum Command {
    Ablate(ablate::Ablate),
    Bench(bench::Bench),
    Compare(compare::Compare),
    Evaluate(evaluate::Evaluate),
    Export(export::Export),
    Prepare(prepare::Prepare),
    Sheet(sheet::DrawSheet),
    Summary(summary::Summary),
    Train(train::Train),
}

impl Run for Command {
    fn run(self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Ablate(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Prepare(command) => command.run(),
            Self::Sheet(command) => command.run(),
            Self::Summary(command) => command.run(),
            Self::Train(command) => command.run(),
        }
    }
}

/// The packs that `--data` names.
fn open_packs(data: &[PathBuf]) -> Result<Vec<Pack>, Box<dyn Error>> {
    if data.is_empty() {
        return Err("--data is missing: a packed file of lesions, as prepare writes it".into());
    }
    Ok(Pack::open_all(data)?)
}

/// That a pass can have so many patches.
fn check_batch(patches: usize) -> Result<(), String> {
    if (1..=MOST_SAMPLES).contains(&patches) {
        return Ok(());
    }
    Err(format!("batch is {patches}, not from 1 to {MOST_SAMPLES} patches"))
}

/// Tells what may be of interest on the way: work goes on where nobody can read it.
pub(crate) fn tell(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a finished text; a reader who has seen enough of it is no error.
pub(crate) fn say(text: &str) -> Result<(), Box<dyn Error>> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

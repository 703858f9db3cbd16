//! The subcommands: one file each, with its arguments and what it does with them.

mod prepare;
mod summary;
mod train;

use std::error::Error;

/// What a subcommand does.
pub(crate) trait Run {
    /// Does it.
    fn run(self) -> Result<(), Box<dyn Error>>;
}

/// All subcommands.
#[derive(argh::FromArgs)]
#[argh(subcommand)]
pub(crate) enum Command {
    Prepare(prepare::Prepare),
    Summary(summary::Summary),
    Train(train::Train),
}

impl Run for Command {
    fn run(self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Prepare(command) => command.run(),
            Self::Summary(command) => command.run(),
            Self::Train(command) => command.run(),
        }
    }
}

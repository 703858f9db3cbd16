//! `recist-train`, the trainer's program: reads arguments, calls the library, prints, sets the exit status.

mod command;

use std::process::ExitCode;

use command::{Command, Run};

/// Train, quantise and evaluate the networks that recist runs.
#[derive(argh::FromArgs)]
struct Arguments {
    #[argh(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments: Arguments = argh::from_env();
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("recist-train: {error}");
            ExitCode::FAILURE
        }
    }
}

//! `recist-train`, the trainer's program: reads arguments, calls the library, prints, sets the exit status.

mod command;

use std::error::Error;
use std::process::ExitCode;

use command::{Command, Run};

/// Train, quantise and evaluate the networks that recist runs.
#[derive(argh::FromArgs)]
struct Arguments {
    #[argh(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::tell(format_args!("recist-train: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().map_err(|a| format!("argument {} is not UTF-8", a.display())))
        .collect::<Result<_, _>>()?;
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match <Arguments as argh::FromArgs>::from_args(&["recist-train"], &arguments) {
        Ok(Arguments { command }) => command.run(),
        Err(argh::EarlyExit { output, status: Ok(()) }) => command::say(&format!("{}\n", output.trim_end())),
        Err(argh::EarlyExit { output, status: Err(()) }) => Err(output.trim_end().into()),
    }
}

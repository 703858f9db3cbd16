//! `recist`: measures lesions on CT slices from the command line.

mod arguments;
mod batch;
mod bench;
mod engine;
mod error;
mod info;
mod measure;
mod model;
mod output;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use error::Error;

/// The program's, on which a batch that goes on depends.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> ExitCode {
    let arguments: Vec<String> = match std::env::args_os().skip(1).map(|a| a.into_string()).collect() {
        Ok(arguments) => arguments,
        Err(argument) => return fail(&Error::Usage(format!("argument {} is not UTF-8", argument.display()))),
    };
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match <Arguments as argh::FromArgs>::from_args(&["recist"], &arguments) {
        Ok(Arguments { version: true, .. }) => say(format_args!("recist {VERSION}")),
        Ok(Arguments { command: Some(command), .. }) => run(&command),
        Ok(Arguments { command: None, .. }) => Err(no_command()),
        Err(argh::EarlyExit { output, status: Ok(()) }) => say(output.trim_end()),
        Err(argh::EarlyExit { output, status: Err(()) }) => Err(Error::Usage(output.trim_end().to_owned())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn run(command: &Command) -> Result<(), Error> {
    match command {
        Command::Measure(arguments) => measure::run(arguments),
        Command::Batch(arguments) => batch::run(arguments),
        Command::Info(arguments) => info::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
    }
}

fn no_command() -> Error {
    let names: Vec<_> = <Command as argh::SubCommands>::COMMANDS.iter().map(|command| command.name).collect();
    Error::Usage(format!("no command is given: {}; or --help", names.join(", ")))
}

/// Prints a finished text, ended by a line break; a reader who has seen enough of it is no error.
fn say(text: impl fmt::Display) -> Result<(), Error> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Tells what is wrong, a line on standard error; that nobody can read it there is no error.
fn warn(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "recist: {text}");
}

fn fail(error: &Error) -> ExitCode {
    warn(error);
    ExitCode::from(error.exit_status())
}

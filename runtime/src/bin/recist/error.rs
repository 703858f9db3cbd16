use std::fmt;

/// Why the program did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Error {
    /// The arguments are wrong.
    Usage(String),
    /// Something could not be measured, read or written.
    Failed(String),
}

impl Error {
    /// 1 for what could not be measured, 2 for wrong usage.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
        }
    }

    /// A failure that concerns a file.
    pub(crate) fn file(path: &std::path::Path, error: impl fmt::Display) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

//! How a command can end other than well, and the exit code of each way.

use std::io;

use crate::config;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] config::Report),
    /// The arguments do not go together; clap has found the rest before.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        todo: String,
    },
    /// It was tried and did not work.
    #[error("{what}")]
    Failed {
        /// What is wrong.
        what: String,
        /// What to do.
        todo: String,
        /// True where the same might work a little later.
        passing: bool,
    },
    /// The answer is no, and stdout has said so.
    #[error("not so")]
    No,
    /// The output could not be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    pub(super) fn failed(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), todo: todo.into(), passing: false }
    }

    /// A failure that may be over a little later: nobody there, or somebody overloaded.
    pub(super) fn passing(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), todo: todo.into(), passing: true }
    }

    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Failed { passing: true, .. })
    }

    pub(super) fn usage(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), todo: todo.into() }
    }

    /// True where there is nothing to say on stderr: stdout said it, or nobody reads any more (`… | head`).
    pub(super) fn is_silent(&self) -> bool {
        match self {
            Self::No => true,
            Self::Output(why) => why.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }

    /// What to do about it, where that is not said already.
    pub(super) fn todo(&self) -> Option<&str> {
        match self {
            Self::Usage { todo, .. } | Self::Failed { todo, .. } => Some(todo),
            Self::Settings(_) => Some("`countersign config reference` tells every setting"),
            Self::No | Self::Output(_) => None,
        }
    }

    /// The exit code: 1 failed, 2 usage, 78 settings (as sysexits has it); 0 where a reader had enough.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output(why) if why.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Failed { .. } | Self::No | Self::Output(_) => 1,
            Self::Usage { .. } => 2,
            Self::Settings(_) => 78,
        }
    }
}

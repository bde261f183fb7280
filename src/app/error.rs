//! Why a server could not be built or had to end.

use crate::store;

/// The wiring's errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// As set.
        address: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// A folder or file of ours.
    #[error("{what}: {why}")]
    File {
        /// What was tried.
        what: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// A part that the settings ask for cannot be made.
    #[error("{what}: {why}")]
    Part {
        /// Which one.
        what: &'static str,
        /// What it says.
        why: String,
    },
    /// The HTTP server ended by itself.
    #[error("the HTTP server ended: {0}")]
    Http(std::io::Error),
    /// What was under way did not end in time.
    #[error("not everything ended in time; what was not published yet is published at the next start")]
    Slow,
}

impl Error {
    /// What to do about it.
    pub fn todo(&self) -> &'static str {
        match self {
            Self::Store(_) => "check the settings `store` and `data_dir`, and the server or disk behind them",
            Self::Listen { .. } => "set `listen` to a free address of this machine",
            Self::File { .. } => "check that this user may write there and that the disk has room",
            Self::Part { .. } => "run `countersign check` for the particulars",
            Self::Http(_) | Self::Slow => "start it again; nothing that was answered 200 is lost",
        }
    }
}

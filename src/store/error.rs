//! What can go wrong with the store, as its callers can act on it.

/// The store's errors.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Too many writes wait already.
    #[error("too many writes are waiting")]
    Busy,
    /// It cannot write or read now: disk full, file gone, closing.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The database refused this one write or read; others may well succeed.
    #[error("the store refused it: {0}")]
    Rejected(String),
    /// It cannot be opened at all.
    #[error("the store at {path} cannot be opened: {why}")]
    Open {
        /// The file.
        path: String,
        /// What is wrong and what to do.
        why: String,
    },
}

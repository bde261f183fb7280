//! Evidence: that what was received is kept as it was received, and that nothing was taken away since.
//!
//! Each delivery leaves a [`Record`]: who signed it, digests of its headers and bytes, what it was read to say, and the
//! verdict. Records are chained, each by a [`Link`] over the one before. Every few seconds a [`Checkpoint`] signs for
//! everything before it and becomes a record itself. [`Verifier`] examines a chain; [`mod@file`] is a piece of it for a
//! third party. `docs/evidence.md` describes the bytes, what they prove and what they do not.
//!
//! One chain for a store, not one for each signing request: only so does a missing record leave a gap wherever it is.
//! A linear chain, not a tree: whoever verifies reads all of it anyhow, and between two checkpoints there are at most
//! some thousand records, so that a piece for a third party stays small with their digests.

pub mod chain;
pub mod file;
pub mod kept;
pub mod record;
pub mod report;
pub mod verify;

mod layout;
mod reads;
#[cfg(test)]
mod tests;

pub use chain::{Checkpoint, Digest32, Head, Link, PublicKey, Signer};
pub use kept::Kept;
pub use layout::Malformed;
pub use record::Record;
pub use report::{Fault, Finding, Report};
pub use verify::{Known, Verifier};

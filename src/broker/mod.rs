//! RabbitMQ's door: topology, publisher, confirms. The only room that names the client library.
//!
//! The library's own recovery stays off (it can hang for ever on a busy connection: its issue 450); [`crate::relay`]
//! makes a new [`Link`] after every loss.

mod link;
mod message;
mod publisher;
mod settings;
mod status;
mod topology;

pub use link::Link;
pub use message::Mode;
pub use publisher::{Lane, Lost, Published, Refused};
pub use settings::{Queue, QueueKind, Settings};
pub use status::{Status, View};
pub use topology::{AUDIT, EXCHANGE, UNROUTED};

/// What can go wrong with the broker. Never holds an address with its password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// An address cannot be read.
    #[error("broker address {number} cannot be used: {why}")]
    Address {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// No address answered.
    #[error("no broker can be reached: {0}")]
    Unreachable(String),
    /// The connection or a channel was lost.
    #[error("the connection to the broker was lost: {0}")]
    Lost(String),
}

//! RabbitMQ's door: topology, publisher, confirms. The only room that names the client library, which declares and checks
//! the topology; what publishes is `wire`, which speaks AMQP itself.
//!
//! A [`Publisher`] opens one [`Session`] after the other; a session has a few [`Lane`]s; a lane publishes batches and
//! gives back the broker's [`Answer`] to each change. Only a positive confirm without a return makes a
//! [`Receipt`](crate::signing::Receipt). What the broker said nothing to before a connection was lost is published
//! again on the next one, so a subscriber may see it twice, and after a fault even once more behind a newer change of
//! the same subject: the bytes of a dead connection can reach the broker late. Ids and sequences tell.

mod address;
mod backoff;
mod certificates;
mod error;
mod lane;
mod link;
mod message;
mod publisher;
mod settings;
mod status;
pub mod topology;
mod wire;

pub use address::{Login, check_address};
pub use backoff::backoff;
pub use error::{Error, Lost};
pub use lane::{Answer, Answers, Lane, Opener};
pub use link::{Link, Standing};
pub use publisher::{Publisher, Session};
pub use settings::{DeadLetterStrategy, Mode, Queue, QueueKind, Settings};
pub use status::{Status, View};
pub use topology::{AUDIT, Drift, EXCHANGE, Findings, Part, UNROUTED};

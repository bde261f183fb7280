//! DocuSign Connect's words: a delivery, its signature, and the event that it carries in one of three formats.

pub mod delivery;
pub mod elide;
pub mod event;
mod explain;
pub mod json;
pub mod parse;
mod scan;
pub mod signature;
mod text;
mod tolerant;
mod variations;
pub mod xml;

pub use delivery::{Answered, Body, Delivery, VerifiedDelivery};
pub use event::{ConnectEvent, Envelope, Format, Object, Recipient};
pub use parse::{Unreadable, parse, parse_answer, parse_bytes};

//! DocuSign Connect's words: a delivery, its signature, and the event that it carries in one of three formats.

pub mod delivery;
pub mod elide;
pub mod event;
pub mod json;
pub mod parse;
pub mod signature;
pub mod xml;

pub use delivery::{Body, Delivery, VerifiedDelivery};
pub use event::{ConnectEvent, Envelope, Format, Object, Recipient};

//! A stand-in for DocuSign and a sender of signed Connect traffic: what `countersign demo`, `countersign simulate`
//! and the tests talk to.
//!
//! [`life`] tells what happens to envelopes, purely, out of a seed; [`connect`] writes that down as DocuSign would
//! on the wire; [`sender`] signs and sends it, with the faults of real traffic; [`docusign`] answers OAuth and
//! REST about the same envelopes; [`demo`] plays it all in real time. Nothing here reads what the product parses:
//! it is written from DocuSign's side, so that the two can disprove each other.

pub mod connect;
pub mod demo;
pub mod docusign;
pub mod estate;
pub mod life;
pub mod sender;
pub mod shape;

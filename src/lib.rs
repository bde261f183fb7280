//! `countersign`: from a signed DocuSign Connect delivery to an enriched status change on RabbitMQ.
//!
//! # The path of an event
//!
//! ```text
//!          web::connect                receive                                       store
//! bytes ─► Delivery ─verify─► VerifiedDelivery ─parse─► ConnectEvent ─observe─► Observation ─append─► 200
//!            │ too large 413    │ signature wrong 401     │ unreadable: quarantined, 200     │ cannot write 503
//!                                                              one durable transaction: delivery, state, changes
//! relay:   unsettled (in order) ─► publish (mandatory, persistent, confirmed) ─► Receipt ─► settle
//! enrich:  claim (one for a burst) ─► fetch over REST (rate limits, OAuth) ─► complete (one more change) ─► relay
//! ```
//!
//! Everything up to the commit happens before the answer, everything else after it. Each type is the only way to the
//! next step: only [`connect::signature`] makes a [`connect::VerifiedDelivery`], [`connect::parse()`] takes nothing
//! else, only [`broker`] makes a [`signing::Receipt`], and [`store::Store::settle`] takes nothing else.
//!
//! # Invariants
//!
//! 1. A verified delivery is never lost: it is answered 2xx only after the store's commit is on disk.
//! 2. Verification is over the bytes received, before any parsing.
//! 3. The receiver waits for neither RabbitMQ nor DocuSign.
//! 4. Every delivery ends in exactly one [`base::Outcome`], counted and logged once.
//! 5. Publishing is at least once, under an id made of the content; the order of each signing request is kept.
//! 6. Words (floor 0) do no I/O and know no time; time and randomness are handed in.
//! 7. "Envelope" and "recipient" are DocuSign's words, "signing request" and "participant" are ours; only the mapping
//!    says both.
//! 8. Everything is bounded, and the bounds stand in [`base::limits`] with their reasons.
//! 9. What was received is chained in the transaction that stores it: whatever is changed, removed or reordered since is
//!    named by [`evidence::Verifier`].
//!
//! `ARCHITECTURE.md` names the test that guards each one. Modules follow in reading order, floor by floor: a module
//! uses lower floors only.

// floor 0, words: no I/O, no async, no clock
pub mod base;
pub mod connect;
pub mod directory;
pub mod docusign;
pub mod evidence;
pub mod signing;
// floor 1, ports: each hides one library
pub mod broker;
pub mod failpoint;
pub mod rest;
pub mod store;
pub mod telemetry;
pub mod vault;
// floor 2, flows
pub mod enrich;
pub mod link;
pub mod receive;
pub mod reconcile;
pub mod relay;
pub mod unify;
// floor 3, faces
pub mod simulator;
pub mod web;
// floor 4, wiring
pub mod app;
pub mod config;
// floor 5, the command line: it starts what the wiring builds
pub mod cli;

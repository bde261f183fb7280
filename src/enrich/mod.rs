//! From a change to the whole signing request: claim, fetch over REST, complete; or, when it cannot be had, say so.
//!
//! The store gathers the changes of one signing request into one claim, so that a burst costs one call, and none where
//! the messages themselves carried all that would be asked for. A failure
//! that may pass is put off, never before a rate limit resets; one that will not, or that lasted too long, is
//! published as such: a subscriber who waits for the enriched change always gets one.

mod flow;
mod ports;
mod run;

pub use flow::Enricher;
pub use ports::{Claims, Fetch};

//! Reconciling: what Connect never delivered is found over REST, and published under the ids that it would have had.
//!
//! A run looks at one account and one window of time, page by page. What an envelope tells goes through the same state
//! machine as a delivery: where all of it is known, nothing is written; what is missing becomes changes. How far an
//! account has been reconciled moves on only once a run has seen everything, so a run that fails or dies is made again.

mod connect;
mod desk;
mod flow;
mod page;
mod ports;
mod run;

pub use connect::{Examined, Registered, Watched};
pub use desk::{Desk, Order, Refusal};
pub use flow::{Next, Plan, Reconciler};
pub use ports::Ask;

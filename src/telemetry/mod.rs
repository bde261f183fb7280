//! Names and numbers for operators: metrics and logs. Never bodies, tokens, e-mail addresses or names of people.

mod fields;
pub mod logs;
pub mod metrics;

pub use metrics::{Metric, Metrics};

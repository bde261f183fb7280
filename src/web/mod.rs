//! HTTP faces: deliveries, feed, operations, dashboard.
mod api;
mod caller;
pub mod connect;
mod params;
pub mod problem;

pub use api::*;
pub use problem::Problem;

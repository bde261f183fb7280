//! Wiring: build everything without traffic, then run until stopped. Tests do the same.

mod audit;
mod demo;
mod error;
mod flows;
mod http;
mod keys;
mod server;

pub use demo::{Audience, demo};
pub use error::Error;
pub use server::{App, serve};

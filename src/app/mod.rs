//! Wiring: build everything without traffic, then run until stopped. Tests do the same.

mod books;
mod checkpoints;
mod demo;
mod docusign;
mod error;
mod flows;
mod http;
mod keeping;
mod keys;
mod private;
mod reconcile;
mod server;
mod signer;

pub use demo::{Audience, demo};
pub use error::Error;
pub use server::{App, serve};
pub use signer::audit_key;

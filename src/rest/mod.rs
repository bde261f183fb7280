//! DocuSign's REST API and OAuth: tokens, rate limits, and what an answer means for trying again.

mod answer;
mod budget;
mod client;
mod connect;
mod error;
mod http;
mod jwt;
mod oauth;
mod settings;
mod status_changes;
mod userinfo;

pub use answer::RateLimit;
pub use client::{Client, Fetched, Include};
pub use connect::Republished;
pub use error::{Again, Error, Refused};
pub use http::{http_client, install_tls};
pub use settings::Settings;
pub use status_changes::{By, Listed, StatusChanges};

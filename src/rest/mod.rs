//! DocuSign's REST API and OAuth: tokens, rate limits, and what an answer means for trying again.

mod answer;
mod authority;
mod budget;
mod client;
mod connect;
mod error;
mod forward;
mod http;
mod items;
mod jwt;
mod keyring;
mod oauth;
mod patient;
mod settings;
mod status_changes;
mod target;
mod user;
mod userinfo;

pub use answer::RateLimit;
pub use authority::{Authority, Challenge, Grant};
pub use budget::{HELD_BACK, Purpose, Standing};
pub use client::{Answer, Call, Client, Fetched, Include};
pub use connect::Republished;
pub use error::{Again, Error, Raw, Refused};
pub use forward::{Body, Forwarder, Incoming, Passed, Pieces, Unforwarded, Waits};
pub use http::{http_client, install_tls};
pub use items::RefusedItem;
pub use keyring::{Access, Keyring, Promise, Token};
pub use patient::Patience;
pub use reqwest::Method as Verb;
pub use settings::Settings;
pub use status_changes::{By, Listed, StatusChanges};
pub use target::{Astray, Target};
pub use user::User;
pub use userinfo::{Identity, Membership, NOT_GRANTED};

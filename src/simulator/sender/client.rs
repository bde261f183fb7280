//! The sender's HTTP client.

use std::time::Duration;

use super::Error;

/// A client that keeps its connections, follows no redirect and waits no longer than `timeout` for an answer.
pub(super) fn client(timeout: Duration) -> Result<reqwest::Client, Error> {
    // An error only says that a provider stands already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("countersign-simulator/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|source| Error::Client(source.to_string()))
}

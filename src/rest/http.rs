//! The one place that builds an HTTP client, and the one that reads an answer into memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use reqwest::redirect::Policy;

use super::Error;
use crate::base::limits;

/// Makes ring the process's TLS provider; to be called before any TLS is used, as often as one likes.
pub fn install_tls() {
    // An error only says that a provider stands already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that follows no redirect (our token must not travel to wherever one points) and waits at most
/// `timeout` for a whole answer. Certificates are checked against the operating system's authorities.
///
/// # Errors
/// [`Error::Settings`] when the user agent cannot be sent.
pub fn http_client(user_agent: &str, timeout: Duration) -> Result<reqwest::Client, Error> {
    built(user_agent, timeout, true)
}

/// The same for bodies that are passed on as they come: it neither asks for packed ones nor unpacks any.
pub(super) fn plain_http_client(user_agent: &str, timeout: Duration) -> Result<reqwest::Client, Error> {
    built(user_agent, timeout, false)
}

fn built(user_agent: &str, timeout: Duration, unpacks: bool) -> Result<reqwest::Client, Error> {
    install_tls();
    let builder = || {
        reqwest::Client::builder()
            .gzip(unpacks)
            .user_agent(user_agent)
            .timeout(timeout)
            .connect_timeout(limits::REST_CONNECT_TIMEOUT.min(timeout))
            .redirect(Policy::none())
            .referer(false)
    };
    builder().build().or_else(|_| {
        // A machine without certificate authorities can still reach plain http: a simulator beside it.
        let client = builder().tls_certs_only([]).build();
        let client =
            client.map_err(|_| Error::Settings("the user agent cannot be sent in a header".to_owned()))?;
        tracing::warn!(
            "no certificate authorities found: https addresses cannot be reached (install ca-certificates)"
        );
        Ok(client)
    })
}

/// The answer's body, which must not be larger than `limit` once it is unpacked.
pub(super) async fn body(mut response: Response, limit: usize) -> Result<Bytes, Error> {
    let told = response.content_length().and_then(|length| usize::try_from(length).ok());
    if told.is_some_and(|length| length > limit) {
        return Err(Error::TooLarge { limit });
    }
    let mut whole = BytesMut::with_capacity(told.unwrap_or_default());
    while let Some(chunk) = response.chunk().await? {
        if whole.len() + chunk.len() > limit {
            return Err(Error::TooLarge { limit });
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

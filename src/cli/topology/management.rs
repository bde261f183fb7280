//! RabbitMQ's management API: read, never written to.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::base::limits;
use crate::broker::Login;
use crate::broker::topology::{Seen, Thing};
use crate::cli::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The management API gathers statistics of a whole cluster for some answers; these take milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The management API, and who asks it.
pub(super) struct Management {
    client: reqwest::Client,
    base: Url,
    shown: String,
    login: Login,
}

impl Management {
    /// Logs in as the URL says, or else as the broker's address does.
    pub(super) fn new(url: &SecretString, login: Login) -> Result<Self, Error> {
        let shown = super::shown(url);
        let base: Url = url.expose_secret().parse().map_err(|why| {
            Error::usage(format!("`{shown}` is no address: {why}"), "write http://HOST:15672 or https://…")
        })?;
        let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT);
        // No redirects: the password is for the server that was named.
        let builder = builder.redirect(Policy::none()).no_proxy();
        let builder = match (&login.ca, base.scheme()) {
            // Plain http needs no certificate authorities, and a slim container may have none.
            (_, "http") => builder.tls_certs_only([]),
            (Some(ca), _) => builder.tls_certs_merge(authorities(ca)?),
            (None, _) => builder,
        };
        let client = builder.build();
        let client =
            client.map_err(|why| Error::failed(innermost(&why), "check the machine's certificates"))?;
        Ok(Self { client, base, shown, login })
    }

    /// Asks for each of these things.
    pub(super) async fn read(&self, things: &[Thing]) -> Result<Seen, Error> {
        // An address that is not a management API's would else look like one where everything is missing.
        if self.get(&["api", "whoami"]).await?.is_none() {
            return Err(self.stranger());
        }
        let mut seen = Seen::default();
        let vhost = self.login.vhost.as_str();
        for thing in things {
            let told = match thing {
                Thing::Exchange(name) => self.get(&["api", "exchanges", vhost, name]).await?,
                Thing::Queue(name) => self.get(&["api", "queues", vhost, name]).await?,
                Thing::Bindings(name) => self.get(&["api", "queues", vhost, name, "bindings"]).await?,
            };
            if let Some(told) = told {
                seen.note(thing.clone(), told);
            }
        }
        Ok(seen)
    }

    /// `None` where there is no such thing.
    async fn get(&self, path: &[&str]) -> Result<Option<Value>, Error> {
        let mut url = self.base.clone();
        if let Ok(mut words) = url.path_segments_mut() {
            words.pop_if_empty().extend(path);
        }
        let mut request = self.client.get(url);
        if self.base.username().is_empty() {
            request = request.basic_auth(&self.login.username, Some(self.login.password.expose_secret()));
        }
        let answer = request.send().await.map_err(|why| self.unreachable(&why))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => self.json(answer).await.map(Some),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let what = format!("{} does not let this user in", self.shown);
                let todo = "give the user the tag `management` and the right to the virtual host, or write another \
                            USER:PASSWORD@ into the address";
                Err(Error::failed(what, todo))
            }
            status => {
                let what = format!("{} answered {}", self.shown, status.as_u16());
                Err(Error::passing(what, "look at RabbitMQ's log, and try again"))
            }
        }
    }

    async fn json(&self, mut answer: Response) -> Result<Value, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|why| self.unreachable(&why))? {
            if bytes.len() + chunk.len() > limits::API_ANSWER_BYTES_MAX {
                return Err(self.stranger());
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.stranger())
    }

    fn unreachable(&self, why: &reqwest::Error) -> Error {
        let todo =
            "enable RabbitMQ's plugin rabbitmq_management, or correct broker_management (--management)";
        Error::passing(format!("{} cannot be read: {}", self.shown, innermost(why)), todo)
    }

    fn stranger(&self) -> Error {
        let what = format!("what {} answered is not of RabbitMQ's management API", self.shown);
        Error::failed(what, "name the management API, as a rule http://HOST:15672")
    }
}

/// Who may have signed the API's certificate, beside those that the machine trusts.
fn authorities(path: &std::path::Path) -> Result<Vec<Certificate>, Error> {
    let todo = "name the PEM file of the CA as cacertfile in the broker's address";
    let pem = std::fs::read(path);
    let pem = pem.map_err(|why| Error::failed(format!("{} cannot be read: {why}", path.display()), todo))?;
    Certificate::from_pem_bundle(&pem).map_err(|why| {
        Error::failed(format!("{} holds no certificate: {}", path.display(), innermost(&why)), todo)
    })
}

/// The innermost cause: the outer ones repeat the address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

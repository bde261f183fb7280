//! The HTTP API of a running server, as the commands that look into it call it.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::base::limits;
use crate::config::Loaded;

use super::Error;
use super::args::SettingsArgs;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A page of changes takes milliseconds; the rest is a busy disk.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const UNREACHABLE: &str = "start it with `countersign serve`, or name another one with --url";

/// Which server, and who asks
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ApiArgs {
    /// Address of a running server [default: the settings' `listen`].
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// API token [default: the settings' `api_token`]. Others on this machine can see arguments: a token is better
    /// off in COUNTERSIGN_API_TOKEN.
    #[arg(long, value_name = "TOKEN", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(SecretString::from(text)))]
    token: Option<SecretString>,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl ApiArgs {
    /// Whether a server is named, and not left to the settings.
    pub(super) fn names_a_server(&self) -> bool {
        self.url.is_some()
    }

    /// The settings, for what can be done without a server.
    pub(super) fn load(&self) -> Result<Loaded, Error> {
        self.settings.load()
    }

    pub(super) fn connect(self) -> Result<Api, Error> {
        match (self.url, self.token) {
            (Some(url), Some(token)) => Api::new(url, Some(token)),
            (url, token) => {
                let settings = self.settings.load()?.settings;
                let url = url.map_or_else(|| url_of(&settings.listen), Ok)?;
                Api::new(url, token.or(settings.api_token))
            }
        }
    }
}

/// Where a server that listens there can be reached from this machine.
pub(super) fn url_of(listen: &str) -> Result<Url, Error> {
    let (host, port) = listen.rsplit_once(':').unwrap_or((listen, ""));
    if port == "0" {
        let what = "the settings leave the port open (`listen` has port 0)";
        return Err(Error::usage(what, "pass the address that the server printed, with --url"));
    }
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    Url::parse(&format!("http://{host}:{port}")).map_err(|why| {
        Error::usage(format!("`listen` makes no address: {why}"), "pass the server's address with --url")
    })
}

/// A server, and who asks it.
#[derive(Debug)]
pub(super) struct Api {
    client: reqwest::Client,
    base: Url,
    token: Option<SecretString>,
}

/// A path below the server's address: words, percent-encoded when they are put together.
pub(super) type Path<'a> = &'a [&'a str];

impl Api {
    fn new(base: Url, token: Option<SecretString>) -> Result<Self, Error> {
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            let what = format!("`{base}` is no web address");
            return Err(Error::usage(what, "write http://HOST:PORT or https://…"));
        }
        // No redirects: the token is for the server that was named.
        let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).redirect(Policy::none());
        // A proxy in the environment is for the world outside, not for this machine.
        let builder = if is_local(&base) { builder.no_proxy() } else { builder };
        // Plain http needs no certificate authorities, and a slim container may have none.
        let builder = if base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        let client =
            builder.build().map_err(|why| Error::failed(chain(&why), "check the machine's certificates"))?;
        Ok(Self { client, base, token })
    }

    pub(super) async fn get(&self, path: Path<'_>, query: &[(&str, String)]) -> Result<Value, Error> {
        self.json(Method::GET, path, query, None).await
    }

    pub(super) async fn post(&self, path: Path<'_>, body: Option<&Value>) -> Result<Value, Error> {
        self.json(Method::POST, path, &[], body).await
    }

    pub(super) async fn delete(&self, path: Path<'_>) -> Result<Value, Error> {
        self.json(Method::DELETE, path, &[], None).await
    }

    async fn json(
        &self,
        method: Method,
        path: Path<'_>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, async {
            let answer = self.send(method, path, query, body).await?;
            self.read(answer).await
        });
        let bytes = answer.await.map_err(|_| {
            let what = format!("{} did not answer within {} s", self.base, ANSWER_TIMEOUT.as_secs());
            Error::passing(what, "look at its logs and at /readyz?verbose")
        })??;
        serde_json::from_slice(&bytes).map_err(|_| self.stranger())
    }

    /// A stream of server-sent events; it has no end of its own.
    pub(super) async fn stream(&self, path: Path<'_>, query: &[(&str, String)]) -> Result<Response, Error> {
        let answer = self.send(Method::GET, path, query, None).await?;
        let kind = answer.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            Ok(answer)
        } else {
            Err(self.stranger())
        }
    }

    /// Bytes as they are, written piece by piece to what `open` opens once they are there; how many.
    pub(super) async fn download(
        &self,
        path: Path<'_>,
        query: &[(&str, String)],
        open: impl FnOnce() -> Result<Box<dyn Write>, Error>,
    ) -> Result<u64, Error> {
        let mut answer = self.send(Method::GET, path, query, None).await?;
        let (mut to, mut length) = (open()?, 0);
        while let Some(piece) = answer.chunk().await.map_err(|why| self.unreachable(&why))? {
            to.write_all(&piece)?;
            length += piece.len() as u64;
        }
        to.flush()?;
        Ok(length)
    }

    async fn send(
        &self,
        method: Method,
        path: Path<'_>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Response, Error> {
        let mut request = self.client.request(method, self.url(path)).query(query);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|why| self.unreachable(&why))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refused(answer).await)
    }

    fn url(&self, path: Path<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut words) = url.path_segments_mut() {
            words.pop_if_empty().extend(path);
        }
        url
    }

    async fn read(&self, mut answer: Response) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|why| self.unreachable(&why))? {
            if bytes.len() + chunk.len() > limits::API_ANSWER_BYTES_MAX {
                let what = format!("the answer is larger than {} bytes", limits::API_ANSWER_BYTES_MAX);
                return Err(Error::failed(what, "ask for less with --limit"));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn refused(&self, answer: Response) -> Error {
        let status = answer.status();
        let body = self.read(answer).await.unwrap_or_default();
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = problem["message"].as_str();
        let told =
            message.map_or_else(|| "it gave no reason that we can read".to_owned(), super::terminal::plain);
        let passing = status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS;
        let todo = match status {
            StatusCode::UNAUTHORIZED => "pass --token, or set api_token (COUNTERSIGN_API_TOKEN)",
            StatusCode::FORBIDDEN => "use a token whose scope and accounts allow it",
            StatusCode::NOT_FOUND if message.is_some() => {
                "check the id; the matching `list` shows what is there"
            }
            StatusCode::CONFLICT => "look at what is there with the matching `list`",
            StatusCode::GONE => "bytes are kept for as many days as dedup_retention_days says",
            StatusCode::UNPROCESSABLE_ENTITY => "keep it for a version that can read it, or drop it",
            _ if passing => "try again in a moment; /readyz?verbose tells what it waits for",
            status if status.is_server_error() => "look at the server's logs",
            _ if message.is_none() => "check that --url names a countersign server",
            _ => "change what is asked for",
        };
        let what = format!("{} answered {}: {told}", self.base, status.as_u16());
        if passing || status.is_server_error() {
            Error::passing(what, todo)
        } else {
            Error::failed(what, todo)
        }
    }

    fn unreachable(&self, why: &reqwest::Error) -> Error {
        let what = if why.is_connect() { "no server can be reached at" } else { "the connection broke to" };
        Error::passing(format!("{what} {}: {}", self.base, chain(why)), UNREACHABLE)
    }

    fn stranger(&self) -> Error {
        let what = format!("what {} answered is not of countersign's API", self.base);
        Error::failed(what, "check that --url names a countersign server")
    }
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The innermost cause: the outer ones repeat the address.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_this_machine() {
        let url = |listen| url_of(listen).map(String::from).unwrap_or_default();
        assert_eq!(url("0.0.0.0:8080"), "http://127.0.0.1:8080/");
        assert_eq!(url("[::]:8080"), "http://[::1]:8080/");
        assert_eq!(url("10.1.2.3:80"), "http://10.1.2.3/");
        assert!(url_of("127.0.0.1:0").is_err());
    }

    #[test]
    fn words_of_a_path_cannot_leave_it() {
        crate::rest::install_tls();
        let api = Api::new("https://host/prefix/".parse().unwrap(), None).unwrap();
        assert_eq!(
            api.url(&["v1", "changes", "a/../b?c"]).as_str(),
            "https://host/prefix/v1/changes/a%2F..%2Fb%3Fc"
        );
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        for url in ["ftp://host", "mailto:a@b"] {
            assert!(Api::new(url.parse().unwrap(), None).is_err(), "{url}");
        }
    }
}

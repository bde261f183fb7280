//! One signed POST, tried again as Connect tries again, until it has its one final answer.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use secrecy::SecretString;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::base::{Dice, limits};
use crate::rest::http_client;
use crate::simulator::connect::{Configuration, Message, signatures};

use super::report::{Books, Fate};
use super::spoil::Spoilt;

/// Where messages go, signed by which keys, in which shape.
#[derive(Clone)]
pub struct Target {
    /// The receiver's URL; `user:password@` in it become Basic authentication.
    pub url: String,
    /// The account's Connect keys: one signature each.
    pub keys: Vec<SecretString>,
    /// How messages look.
    pub configuration: Configuration,
}

impl fmt::Debug for Target {
    // The URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("configuration", &self.configuration).finish_non_exhaustive()
    }
}

impl Target {
    fn checked(&self) -> Result<(), super::Error> {
        let url = url::Url::parse(&self.url).map_err(|why| super::Error::Url(why.to_string()))?;
        match url.scheme() {
            "http" | "https" => Ok(()),
            _ => Err(super::Error::Url("it must begin with http:// or https://".to_owned())),
        }
    }
}

/// How long a sender goes on trying.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Further tries after the first; DocuSign makes ten.
    pub retries_max: u32,
    /// The first wait where the receiver names none; doubled from try to try.
    pub wait: Duration,
    /// The longest wait, whatever the receiver asks for.
    pub wait_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { retries_max: 10, wait: Duration::from_millis(200), wait_max: Duration::from_secs(10) }
    }
}

/// Sends to one target over connections that are kept alive.
#[derive(Debug, Clone)]
pub struct Post {
    client: reqwest::Client,
    target: Target,
    patience: Patience,
    dice: Dice,
    stop: CancellationToken,
}

#[derive(Deserialize)]
struct Answer {
    outcome: Option<String>,
}

enum Try {
    Ended(Fate),
    Again(Option<Duration>),
}

impl Post {
    /// A sender; `dice` jitters its waits, and `stop` ends them.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn new(
        target: Target,
        patience: Patience,
        dice: Dice,
        stop: CancellationToken,
    ) -> Result<Self, super::Error> {
        target.checked()?;
        let name = concat!("countersign-simulator/", env!("CARGO_PKG_VERSION"));
        let client = http_client(name, limits::SIMULATOR_POST_TIMEOUT);
        let client = client.map_err(|source| super::Error::Client(source.to_string()))?;
        Ok(Self { client, target, patience, dice, stop })
    }

    /// Delivers a message, rightly signed or spoilt, and writes each try and the end into `books`.
    pub async fn deliver(&self, message: &Message, spoilt: Option<Spoilt>, books: &mut Books) -> Fate {
        let mut message = message.clone();
        let mut tries = 0;
        let fate = loop {
            let asked = match self.attempt(&message, spoilt, books).await {
                Try::Ended(fate) => break fate,
                Try::Again(asked) => asked,
            };
            if tries == self.patience.retries_max {
                break Fate::Failed;
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause(tries, asked)) => {}
                () = self.stop.cancelled() => break Fate::Failed,
            }
            tries += 1;
            message.retry_count += 1;
            books.retried();
        };
        books.ended(fate);
        fate
    }

    fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.patience.wait.saturating_mul(1 << tries.min(16));
        let jittered = doubled.mul_f64(0.5 + self.dice.fraction() / 2.0);
        asked.unwrap_or(jittered).min(self.patience.wait_max)
    }

    async fn attempt(&self, message: &Message, spoilt: Option<Spoilt>, books: &mut Books) -> Try {
        let configuration = &self.target.configuration;
        let mut body = message.body(configuration);
        let signed = match spoilt {
            Some(spoilt) => spoilt.sign(&self.target.keys, &mut body),
            None => signatures(&self.target.keys, &body),
        };
        let mut request = self
            .client
            .post(&self.target.url)
            .header(CONTENT_TYPE, configuration.format.content_type())
            .header("X-DocuSign-AccountId", message.account_id().to_string())
            .header("X-Authorization-Digest", "HMACSHA256");
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let began = Instant::now();
        let Ok(response) = request.body(body).send().await else { return Try::Again(None) };
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let Some(answer) = bounded(response).await else { return Try::Again(None) };
        books.answered(status.as_u16(), began.elapsed());
        if status.is_success() {
            Try::Ended(fate_of(&answer))
        } else if status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT
        {
            Try::Again(asked.map(Duration::from_secs))
        } else {
            Try::Ended(Fate::Refused)
        }
    }
}

/// The answer's body, read to its end so that the connection stays usable, kept up to a bound; none where it broke.
async fn bounded(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        let room = limits::SIMULATOR_ANSWER_BYTES_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Some(kept)
}

/// What a 2xx means: a receiver other than ours says nothing more, and that is "accepted".
fn fate_of(answer: &[u8]) -> Fate {
    let told = serde_json::from_slice::<Answer>(answer).ok().and_then(|answer| answer.outcome);
    match told.as_deref() {
        Some("duplicate") => Fate::Duplicate,
        Some("quarantined") => Fate::Quarantined,
        _ => Fate::Accepted,
    }
}

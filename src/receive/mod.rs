//! From bytes to an answer: take in, verify, parse, observe, append. What is answered 200 is on disk.

mod intake;
mod release;
pub mod replay;
mod source;
mod stored;
mod visit;

pub use release::{Release, ReleaseError, release};
pub use source::{Source, Sources};

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;

use crate::base::{Clock, DeliveryId, Dice, Outcome, Refusal, SourceName, limits};
use crate::connect::{self, Body, Delivery, Unreadable, VerifiedDelivery, signature};
use crate::signing::map;
use crate::store::{self, Arrival, Reading, Store};
use crate::telemetry::{Metric, Metrics};

use intake::Broken;
use visit::Visit;

/// What the receiver stands on; cheap to clone.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Whose deliveries are let in.
    pub sources: Sources,
    /// Where they go.
    pub store: Store,
    /// Where large bodies lie until they are stored; made and emptied by [`Receiver::prepare`].
    pub spool: Arc<PathBuf>,
    /// Largest body, in bytes.
    pub body_bytes_max: u64,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and trace contexts.
    pub dice: Dice,
    /// The books.
    pub metrics: Metrics,
    /// When a refused signature was last explained.
    pub explaining: Turns,
}

/// Lets something happen at most once in [`limits::EXPLAIN_EVERY`]; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<Option<Timestamp>>>);

impl Turns {
    fn turn(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= limits::EXPLAIN_EVERY);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// A request as it came, but for its body.
#[derive(Debug)]
pub struct Request {
    /// The word after `/connect/`, or `default`.
    pub source: SourceName,
    /// Header names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The fate of a delivery, as it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Its outcome.
    pub outcome: Outcome,
    /// Its id; also of one that was refused, for the log.
    pub delivery_id: DeliveryId,
}

impl Receiver {
    /// Makes the spool and clears what a crash left in it: none of that was answered 200.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn prepare(&self) -> std::io::Result<()> {
        std::fs::create_dir_all(self.spool.as_path())?;
        for left in std::fs::read_dir(self.spool.as_path())? {
            std::fs::remove_file(left?.path())?;
        }
        Ok(())
    }

    /// Receives one delivery: the whole line from its bytes to its one outcome, counted and logged once.
    pub async fn receive<E>(
        &self,
        request: Request,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Fate {
        let delivery_id = DeliveryId(self.dice.uuid_at(self.clock.now()));
        let visit = Visit::begin(self.metrics.clone(), delivery_id, request.source.clone());
        let outcome = match self.let_in(delivery_id, request, chunks).await {
            Ok((source, verified)) => self.take(source, verified, visit).await,
            Err(refusal) => {
                let outcome = Outcome::Refused(refusal);
                visit.end(&outcome);
                outcome
            }
        };
        Fate { outcome, delivery_id }
    }

    /// Up to the verified delivery: nothing is stored, and nothing is parsed.
    async fn let_in<E>(
        &self,
        id: DeliveryId,
        request: Request,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<(Arc<Source>, VerifiedDelivery), Refusal> {
        let source = self.sources.get(&request.source).ok_or(Refusal::UnknownSource)?;
        if !source.admits(request.header("authorization")) {
            return Err(Refusal::BasicWrong);
        }
        if request.header("soapaction").is_some() {
            return Err(Refusal::Soap);
        }
        let told = request.header("content-length").and_then(|n| n.parse::<u64>().ok());
        if told.is_some_and(|n| n > self.body_bytes_max) {
            return Err(Refusal::TooLarge);
        }
        let reading = intake::take_in(chunks, &source.keys, self.body_bytes_max, &self.spool, id);
        let taken = tokio::time::timeout(limits::DELIVERY_READ_TIMEOUT, reading).await;
        let (body, digests) = match taken {
            Err(_) => return Err(Refusal::Incomplete),
            Ok(Err(Broken::Refused(refusal))) => return Err(refusal),
            Ok(Err(Broken::Spool(error))) => {
                tracing::error!(%error, "a large body could not be written to the spool: is the disk full?");
                return Err(Refusal::Unavailable);
            }
            Ok(Ok(taken)) => taken,
        };
        let traceparent = self.traceparent(request.header("traceparent"));
        let headers = kept(request.headers);
        let received_at = self.clock.now();
        let delivery = Delivery { id, source: source.name.clone(), received_at, headers, body, traceparent };
        match signature::verify(delivery, &digests) {
            Ok(verified) => Ok((source, verified)),
            Err((delivery, refusal)) => {
                self.explain(&delivery, &source);
                intake::discard(&delivery.body).await;
                Err(refusal)
            }
        }
    }

    /// From the verified delivery to its outcome.
    async fn take(&self, source: Arc<Source>, verified: VerifiedDelivery, visit: Visit) -> Outcome {
        visit.verified();
        let reading = match read(&verified, &source) {
            Err(Unreadable::Soap) => {
                intake::discard(&verified.delivery().body).await;
                let outcome = Outcome::Refused(Refusal::Soap);
                visit.end(&outcome);
                return outcome;
            }
            Err(unreadable) => Reading::Unreadable(unreadable.to_string()),
            Ok(reading) => reading,
        };
        // In a task of its own: a client that hangs up drops this future, and what was begun must end.
        let receiver = self.clone();
        let storing = tokio::spawn(async move {
            let outcome = receiver.store(Arrival { delivery: verified, reading }).await;
            visit.end(&outcome);
            outcome
        });
        storing.await.unwrap_or(Outcome::Refused(Refusal::Unavailable))
    }

    async fn store(&self, arrival: Arrival) -> Outcome {
        match self.store.append(arrival).await {
            Ok(appended) => {
                self.tally(&appended.changes);
                appended.outcome
            }
            Err(error) => {
                self.metrics.count(Metric::StoreErrors, "", 1);
                match error {
                    store::Error::Busy => {
                        tracing::warn!("deliveries come faster than the disk takes them: answering 503")
                    }
                    error => tracing::error!(%error, "a delivery could not be stored: answering 503"),
                }
                Outcome::Refused(Refusal::Unavailable)
            }
        }
    }

    /// Counts changes by their kinds, once they are on disk.
    fn tally(&self, kinds: &[&'static str]) {
        for kind in kinds {
            self.metrics.count(Metric::Changes, kind, 1);
        }
    }

    /// Tells the operator why a signature fails; never the key, never the body. Not every time: it costs some thirty
    /// digests for each key, which anyone could make us pay.
    fn explain(&self, delivery: &Delivery, source: &Source) {
        let Body::Inline(body) = &delivery.body else { return };
        if body.len() > limits::EXPLAIN_BYTES_MAX || !self.explaining.turn(delivery.received_at) {
            return;
        }
        let all = self.sources.all();
        let others: Vec<(&str, &[secrecy::SecretString])> = all
            .values()
            .filter(|other| other.name != source.name)
            .map(|other| (other.name.as_str(), other.key_texts.as_slice()))
            .collect();
        let explanation = signature::explain(body, &delivery.headers, &source.key_texts, &others);
        for finding in &explanation.findings {
            tracing::warn!(delivery_id = %delivery.id, source = %source.name, finding = finding.word, advice = %finding.advice,
                "a signature does not verify: {}", finding.problem);
        }
    }

    /// The request's own trace context where it is well formed, else a new one.
    fn traceparent(&self, given: Option<&str>) -> String {
        let well_formed = |text: &&str| {
            let parts: Vec<&str> = text.split('-').collect();
            let hex = |part: &str, length| {
                part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            };
            matches!(parts[..], ["00", trace, span, flags] if hex(trace, 32) && hex(span, 16) && hex(flags, 2)
                && trace.bytes().any(|b| b != b'0') && span.bytes().any(|b| b != b'0'))
        };
        if let Some(given) = given.filter(well_formed) {
            return given.to_owned();
        }
        let trace = self.dice.uuid().simple();
        let span = self.dice.uuid().as_u128() as u64 | 1;
        format!("00-{trace}-{span:016x}-01")
    }
}

/// Parses and maps: what is stored beside the bytes. An account that the source may not speak for is unreadable to
/// us, and so kept until the operator decides.
fn read(verified: &VerifiedDelivery, source: &Source) -> Result<Reading, Unreadable> {
    let event = connect::parse(verified, source.timezone.as_ref())?;
    let hint = verified.delivery().header("x-docusign-accountid");
    let account = source.account(event.account_id.as_deref(), hint);
    if !source.allows(&account) {
        return Ok(Reading::Unreadable(format!(
            "account {account} is not among the accounts of source {}: add it there and release, or drop",
            source.name
        )));
    }
    Ok(Reading::Understood(Box::new(map::observe(&event, account))))
}

/// The headers that are kept: no secrets, and no more than the bound.
fn kept(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut room = limits::HEADERS_BYTES_MAX;
    let secret = |name: &str| matches!(name, "authorization" | "cookie" | "proxy-authorization");
    headers
        .into_iter()
        .filter(|(name, _)| !secret(name))
        .take_while(|(name, value)| {
            let fits = name.len() + value.len() <= room;
            room = room.saturating_sub(name.len() + value.len());
            fits
        })
        .collect()
}

//! From bytes to an answer: take in, verify, parse, observe, append. What is answered 200 is on disk.

mod intake;
mod pieces;
mod release;
pub mod replay;
mod room;
mod source;
mod stored;

pub use release::{Release, ReleaseError, release};
pub use room::Room;
pub use source::{Source, Sources};

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use jiff::Timestamp;
use tracing::Instrument as _;

use crate::base::{Clock, DeliveryId, Dice, Outcome, Refusal, SourceName, limits};
use crate::connect::{self, Body, Delivery, Unreadable, VerifiedDelivery, signature};
use crate::failpoint::{self, Step};
use crate::signing::map;
use crate::store::{self, Arrival, Reading, Store};
use crate::telemetry::{Metric, Metrics};

use intake::{Broken, Space};
use room::{Hold, Kind};

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
    /// The room that all sources share.
    pub room: Room,
    /// When a refused signature was last explained.
    pub explaining: Turns,
    /// When it was last told that there is no room.
    pub crowded: Turns,
}

/// Lets something happen at most once in a while; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<Option<Timestamp>>>);

impl Turns {
    fn turn(&self, now: Timestamp, every: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= every);
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

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

/// A delivery that has begun: should it end without an outcome, it did not come whole.
struct Begun<'a> {
    receiver: &'a Receiver,
    delivery_id: DeliveryId,
    source: &'a SourceName,
    open: bool,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if self.open {
            self.receiver.record(&Outcome::Refused(Refusal::Incomplete), self.delivery_id, self.source);
        }
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
        self: &Arc<Self>,
        request: Request,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Fate {
        let delivery_id = DeliveryId(self.dice.uuid_at(self.clock.now()));
        let Request { source, headers } = request;
        self.metrics.count(Metric::Milestones, "received", 1);
        self.metrics.shift(Metric::Receiving, "", 1);
        // A client that resets its connection drops this future: until it is let in, that is an outcome as well.
        let mut begun = Begun { receiver: self, delivery_id, source: &source, open: true };
        let let_in = self.let_in(delivery_id, &source, headers, chunks).await;
        begun.open = false;
        let outcome = match let_in {
            Err(refusal) => {
                let refused = Outcome::Refused(refusal);
                self.record(&refused, delivery_id, &source);
                refused
            }
            Ok((of, verified, hold)) => {
                self.metrics.count(Metric::Milestones, "verified", 1);
                let receiver = Arc::clone(self);
                let stored = async move {
                    failpoint::pass(Step::Verified);
                    let outcome = receiver.take(&of, verified).await;
                    receiver.record(&outcome, delivery_id, &of.name);
                    // It held its room until here, however long its client waited.
                    drop(hold);
                    outcome
                };
                // In a task of its own: what was let in is stored, counted and logged, whoever still waits for it.
                // Boxed, because its some kilobytes would else be copied eight times on their way into the task and out.
                tokio::spawn(Box::pin(stored).in_current_span()).await.unwrap_or_else(|_| {
                    let broken_off = Outcome::Refused(Refusal::Unavailable);
                    self.record(&broken_off, delivery_id, &source);
                    broken_off
                })
            }
        };
        failpoint::pass(Step::BeforeAnswer);
        Fate { outcome, delivery_id }
    }

    /// Up to the verified delivery: nothing is stored, and nothing is parsed.
    async fn let_in<E>(
        &self,
        id: DeliveryId,
        source: &SourceName,
        headers: Vec<(String, String)>,
        chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<(Arc<Source>, VerifiedDelivery, Hold), Refusal> {
        let source = self.sources.get(source).ok_or(Refusal::UnknownSource)?;
        if !source.admits(header(&headers, "authorization")) {
            return Err(Refusal::BasicWrong);
        }
        if header(&headers, "soapaction").is_some() {
            return Err(Refusal::Soap);
        }
        let told = header(&headers, "content-length").and_then(|n| n.parse::<u64>().ok());
        if told.is_some_and(|n| n > self.body_bytes_max) {
            return Err(Refusal::TooLarge);
        }
        // A short body is read all the same: it is what a wrong signature is explained with.
        if told.is_none_or(|n| n > limits::EXPLAIN_BYTES_MAX as u64)
            && let Some(refusal) = signature::hopeless(&headers, &source.keys)
        {
            return Err(refusal);
        }
        let mut hold = Hold::begin(&source.room, &self.room).ok_or(Refusal::Crowded)?;
        let head = headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() as u64;
        if !hold.set(Kind::Memory, head) {
            return Err(Refusal::Crowded);
        }
        let space = Space { most: self.body_bytes_max, spool: &self.spool, hold: &mut hold, head };
        let (body, digests) = match intake::take_in(chunks, &source.keys, id, space).await {
            Err(Broken::Refused(refusal)) => return Err(refusal),
            Err(Broken::Spool(error)) => {
                tracing::error!(%error, "a large body could not be written to the spool: is the disk full?");
                return Err(Refusal::Unavailable);
            }
            Ok(taken) => taken,
        };
        let traceparent = self.traceparent(header(&headers, "traceparent"));
        let headers = kept(headers);
        let received_at = self.clock.now();
        let delivery = Delivery { id, source: source.name.clone(), received_at, headers, body, traceparent };
        match signature::verify(delivery, &digests) {
            Ok(verified) => Ok((source, verified, hold)),
            Err((delivery, refusal)) => {
                self.explain(&delivery, &source);
                intake::discard(&delivery.body).await;
                Err(refusal)
            }
        }
    }

    /// From the verified delivery to its outcome.
    async fn take(&self, source: &Source, verified: VerifiedDelivery) -> Outcome {
        let reading = match read(&verified, source) {
            Err(Unreadable::Soap) => {
                intake::discard(&verified.delivery().body).await;
                return Outcome::Refused(Refusal::Soap);
            }
            Err(unreadable) => Reading::Unreadable(unreadable.to_string()),
            Ok(reading) => reading,
        };
        match self.store.append(Arrival { delivery: verified, reading }).await {
            Ok(appended) => {
                self.tally(&appended.changes);
                appended.outcome
            }
            Err(error) => {
                self.metrics.count(Metric::StoreErrors, "", 1);
                if matches!(error, store::Error::Busy) {
                    return Outcome::Refused(Refusal::Crowded);
                }
                tracing::error!(%error, "a delivery could not be stored: answering 503");
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

    fn record(&self, outcome: &Outcome, delivery_id: DeliveryId, source: &SourceName) {
        self.metrics.shift(Metric::Receiving, "", -1);
        self.metrics.count(Metric::Deliveries, outcome.word(), 1);
        if !matches!(outcome, Outcome::Refused(_)) {
            self.metrics.count(Metric::Milestones, "stored", 1);
        }
        match outcome {
            Outcome::Accepted | Outcome::Duplicate => {
                tracing::debug!(%delivery_id, %source, outcome = outcome.word(), "delivery");
            }
            Outcome::Refused(Refusal::Crowded) => {
                self.metrics.count(Metric::Refusals, Refusal::Crowded.word(), 1);
                if self.crowded.turn(self.clock.now(), limits::CROWDED_EVERY) {
                    tracing::warn!(%source, "deliveries come faster than they can be written: answering 503");
                }
            }
            Outcome::Refused(refusal) => {
                self.metrics.count(Metric::Refusals, refusal.word(), 1);
                tracing::info!(%delivery_id, %source, outcome = "refused", reason = refusal.word(), "delivery");
            }
            Outcome::Quarantined(reason) => {
                tracing::warn!(%delivery_id, %source, outcome = "quarantined", %reason,
                    "an authentic delivery cannot be read: see `countersign quarantine show {delivery_id}`");
            }
        }
    }

    /// Tells the operator why a signature fails; never the key, never the body. Not every time, not whatever it costs,
    /// and not on a thread that answers requests: anyone could make us pay for it.
    fn explain(&self, delivery: &Delivery, source: &Arc<Source>) {
        let Body::Inline(body) = &delivery.body else { return };
        let all = self.sources.all();
        let digests = all.values().map(|source| source.keys.len()).sum::<usize>()
            + source.keys.len() * limits::EXPLAIN_DIGESTS;
        if body.len() > limits::EXPLAIN_BYTES_MAX
            || body.len() * digests > limits::EXPLAIN_WORK_BYTES_MAX
            || !self.explaining.turn(delivery.received_at, limits::EXPLAIN_EVERY)
        {
            return;
        }
        let (id, body, headers) = (delivery.id, body.clone(), delivery.headers.clone());
        let (source, span) = (Arc::clone(source), tracing::Span::current());
        tokio::task::spawn_blocking(move || {
            let _within = span.entered();
            let others: Vec<(&str, &[secrecy::SecretString])> = all
                .values()
                .filter(|other| other.name != source.name)
                .map(|other| (other.name.as_str(), other.key_texts.as_slice()))
                .collect();
            for finding in signature::explain(&body, &headers, &source.key_texts, &others).findings {
                tracing::warn!(delivery_id = %id, source = %source.name, finding = finding.word, advice = %finding.advice,
                    "a signature does not verify: {}", finding.problem);
            }
        });
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
        self.dice.traceparent()
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

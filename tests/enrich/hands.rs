//! A store of claims and a DocuSign in the test's hand: they do as they are told and remember what was done.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, ChangeId, Clock, Dice, Position, SigningRequestId, SystemClock};
use countersign::enrich::{Claims, Enricher, Fetch};
use countersign::rest::{self, Fetched, Purpose, RateLimit};
use countersign::signing::{SigningRequestStatus, Told as Since};
use countersign::store::{self, Covered, EnrichedChange, Enrichment};
use countersign::telemetry::Metrics;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::stand_in::{ACCOUNT, ENVELOPE, NOW, envelope};

/// An enriched change as the store got it.
#[derive(Debug, Clone)]
pub(crate) struct Completed {
    pub(crate) id: ChangeId,
    pub(crate) routing_key: String,
    pub(crate) occurred_at: Timestamp,
    pub(crate) body: Value,
}

/// A claim as it was given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deferred {
    pub(crate) until: Timestamp,
    pub(crate) attempts: u32,
    pub(crate) why: String,
}

#[derive(Default)]
pub(crate) struct Told {
    waiting: Vec<(Timestamp, Enrichment)>,
    pub(crate) completed: Vec<Completed>,
    pub(crate) deferred: Vec<Deferred>,
    /// Where true, what messages carried cannot be read.
    pub(crate) unread: bool,
    pub(crate) faults: usize,
    pub(crate) looks: usize,
}

/// The store.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<Told>>, Arc<Mutex<Option<watch::Sender<Position>>>>);

impl Hand {
    pub(crate) fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap()
    }

    pub(crate) fn claim(&self, due: Timestamp, claim: Enrichment) {
        self.told().waiting.push((due, claim));
        self.commit();
    }

    fn commit(&self) {
        self.1.lock().unwrap().as_ref().unwrap().send_modify(|position| position.0 += 1);
    }

    pub(crate) fn close(&self) {
        *self.1.lock().unwrap() = None;
    }

    fn fault(&self) -> Result<(), store::Error> {
        let mut told = self.told();
        if told.faults == 0 {
            return Ok(());
        }
        told.faults -= 1;
        Err(store::Error::Unavailable("disk full".to_owned()))
    }
}

impl Claims for Hand {
    fn last_position(&self) -> watch::Receiver<Position> {
        self.1.lock().unwrap().as_ref().unwrap().subscribe()
    }

    async fn claim_enrichments(&self, now: Timestamp, limit: usize) -> Result<Vec<Enrichment>, store::Error> {
        let mut told = self.told();
        told.looks += 1;
        let (due, waiting): (Vec<_>, Vec<_>) = told.waiting.drain(..).partition(|(at, _)| *at <= now);
        let mut due: Vec<_> = due.into_iter().collect();
        let rest = due.split_off(due.len().min(limit));
        told.waiting = waiting.into_iter().chain(rest).collect();
        Ok(due.into_iter().map(|(_, claim)| claim).collect())
    }

    async fn next_enrichment_at(&self) -> Result<Option<Timestamp>, store::Error> {
        Ok(self.told().waiting.iter().map(|(at, _)| *at).min())
    }

    async fn told_since(&self, _: &Enrichment) -> Result<Option<Since>, store::Error> {
        let unread = self.told().unread;
        if unread { Err(store::Error::Unavailable("a damaged page".to_owned())) } else { Ok(None) }
    }

    async fn complete_enrichment(
        &self,
        claim: Enrichment,
        enriched: EnrichedChange,
    ) -> Result<(), store::Error> {
        if let Err(error) = self.fault() {
            // As the store does: what could not be written is due again.
            self.told().waiting.push((Timestamp::MIN, claim));
            return Err(error);
        }
        let EnrichedChange { id, routing_key, occurred_at, body, .. } = enriched;
        let body = serde_json::from_str(&body(9)).unwrap();
        self.told().completed.push(Completed { id, routing_key, occurred_at, body });
        self.commit();
        Ok(())
    }

    async fn defer_enrichment(
        &self,
        claim: Enrichment,
        until: Timestamp,
        attempts: u32,
        why: String,
    ) -> Result<(), store::Error> {
        self.fault()?;
        let mut told = self.told();
        told.deferred.push(Deferred { until, attempts, why });
        told.waiting.push((until, Enrichment { attempts, ..claim }));
        Ok(())
    }
}

/// What DocuSign answers: the JSON of an envelope, or an error.
type Scripted = Result<String, rest::Error>;

/// DocuSign.
#[derive(Clone, Default)]
pub(crate) struct Docusign {
    answers: Arc<Mutex<VecDeque<Scripted>>>,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// Where true, each fetch fails as during an outage.
    down: Arc<AtomicBool>,
    /// Where set, each fetch waits until it is true.
    gate: Option<watch::Receiver<bool>>,
}

impl Docusign {
    /// One that answers nothing until `gate` is true.
    pub(crate) fn behind(gate: watch::Receiver<bool>) -> Self {
        Self { gate: Some(gate), ..Self::default() }
    }

    /// Begins or ends an outage.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) fn answers(&self, answer: Scripted) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Fetch for Docusign {
    async fn fetch(
        &self,
        _purpose: Purpose,
        account: &AccountId,
        signing_request: &SigningRequestId,
    ) -> Result<Fetched, rest::Error> {
        self.asked.lock().unwrap().push(format!("{account} {signing_request}"));
        if let Some(mut gate) = self.gate.clone() {
            gate.wait_for(|open| *open).await.unwrap();
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(rest::Error::Connection("timed out".to_owned()));
        }
        let answer = self.answers.lock().unwrap().pop_front();
        let json = answer
            .unwrap_or_else(|| Ok(envelope("completed").replace(ENVELOPE, signing_request.as_str())))?;
        let json = RawValue::from_string(json).unwrap();
        Ok(Fetched { json, base: "https://demo".to_owned(), rate: RateLimit::default(), trace_token: None })
    }

    async fn base(&self, _: &AccountId) -> Option<String> {
        None
    }
}

/// An enricher between both hands.
pub(crate) struct World {
    pub(crate) store: Hand,
    pub(crate) docusign: Docusign,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) metrics: Metrics,
    pub(crate) enricher: Enricher<Hand, Docusign>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Docusign::default())
    }

    /// By a clock that stands still until it is moved.
    pub(crate) fn with(docusign: Docusign) -> Self {
        let clock = Arc::new(ManualClock::new(now()));
        Self::by(docusign, clock.clone(), clock)
    }

    /// By the machine's clock: for what must come about by time alone.
    pub(crate) fn in_real_time() -> Self {
        Self::by(Docusign::default(), Arc::new(ManualClock::new(now())), Arc::new(SystemClock))
    }

    fn by(docusign: Docusign, clock: Arc<ManualClock>, shared: Arc<dyn Clock>) -> Self {
        let sender = Arc::new(Mutex::new(Some(watch::channel(Position(0)).0)));
        let (store, metrics) = (Hand(Arc::default(), sender), Metrics::default());
        let enricher =
            Enricher::new(store.clone(), docusign.clone(), metrics.clone(), shared, Dice::seeded(3));
        Self { store, docusign, clock, metrics, enricher }
    }

    /// The one change that was completed.
    pub(crate) fn completed(&self) -> Completed {
        let told = self.store.told();
        assert_eq!(told.completed.len(), 1, "{:?}", told.completed);
        told.completed[0].clone()
    }

    pub(crate) fn last_deferred(&self) -> Deferred {
        self.store.told().deferred.last().unwrap().clone()
    }
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn claim() -> Enrichment {
    Enrichment {
        covers_after: 0,
        subject_ref: 1,
        account: AccountId::new(ACCOUNT),
        integrated_account: None,
        signing_request: SigningRequestId::new(ENVELOPE),
        status: Some(SigningRequestStatus::Delivered),
        attempts: 0,
        covers: covers(&[3, 4]),
        fetched_at: None,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
    }
}

pub(crate) fn covers(sequences: &[u64]) -> Vec<Covered> {
    sequences
        .iter()
        .map(|&sequence| Covered { id: ChangeId(uuid::Uuid::from_u128(u128::from(sequence))), sequence })
        .collect()
}

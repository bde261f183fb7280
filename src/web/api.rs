//! What the faces need to answer: handed in once by the wiring, shared by all requests.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::books::Counts;
use crate::base::{Clock, DeliveryId, Dice, limits};
use crate::evidence::PublicKey;
use crate::link::{Linked, Links};
use crate::receive::replay::{Page, ReplayError, Wanted};
use crate::rest::{Client, Forwarder};
use crate::store::{self, Appended, Backlog, Store, Totals};
use crate::telemetry::Metrics;
use crate::unify::{Tools, Unifier};

use super::Problem;
use super::caller::{TokenInForce, Tokens};
use super::docusign::Docusign;

/// How the broker stands, as health and dashboard show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrokerView {
    /// False with `broker = "none"`: changes then wait in the store and are read over the feed.
    pub configured: bool,
    /// Connected and able to publish.
    pub connected: bool,
    /// It blocks publishers (memory or disk alarm).
    pub blocked: bool,
    /// Why the last attempt to connect or publish failed. Without credentials.
    pub error: Option<String>,
    /// Parts of the topology that cannot be declared.
    pub faults: Vec<TopologyFault>,
}

/// A part of the topology that cannot be declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyFault {
    /// The exchange, queue or binding.
    pub part: String,
    /// What the broker says.
    pub why: String,
}

/// How the sources' keys stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeysView {
    /// Sources configured.
    pub sources: usize,
    /// Sources without any key: everything sent to them is refused.
    pub without_keys: Vec<String>,
    /// Why the last reload failed; the keys of before are still in use.
    pub reload_error: Option<String>,
}

/// Which program this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Semantic version.
    pub version: String,
    /// The commit that it was built from, where known.
    pub commit: Option<String>,
    /// When this process started.
    pub started_at: Timestamp,
}

/// Why a delivery could not be released from quarantine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReleaseError {
    /// There is no such delivery.
    #[error("no such delivery")]
    Unknown,
    /// It is not in quarantine; this is its outcome.
    #[error("it is not in quarantine but {0}")]
    NotQuarantined(String),
    /// Its bytes have been pruned.
    #[error("its bytes have been pruned")]
    Pruned,
    /// It cannot be read now either, for this reason.
    #[error("it still cannot be read: {0}")]
    Unreadable(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Tells how the broker stands.
pub type AskBroker = Arc<dyn Fn() -> BrokerView + Send + Sync>;
/// Tells how the sources' keys stand.
pub type AskKeys = Arc<dyn Fn() -> KeysView + Send + Sync>;
/// Reads a quarantined delivery again and applies what it says.
pub type Release =
    Arc<dyn Fn(DeliveryId) -> BoxFuture<'static, Result<Appended, ReleaseError>> + Send + Sync>;

/// Replays stored deliveries.
pub type Replay = Arc<dyn Fn(Wanted) -> BoxFuture<'static, Result<Page, ReplayError>> + Send + Sync>;

/// What the wiring hands in.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// The process's metrics.
    pub metrics: Metrics,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub dice: Dice,
    /// How the broker stands.
    pub broker: AskBroker,
    /// How the keys stand.
    pub keys: AskKeys,
    /// Releases from quarantine.
    pub release: Release,
    /// Replays stored deliveries.
    pub replay: Replay,
    /// The linked accounts.
    pub linked: Linked,
    /// Calls DocuSign for all accounts.
    pub client: Client,
    /// DocuSign's side; none without credentials.
    pub docusign: Option<Docusign>,
    /// Passes calls of other people's on to DocuSign, within the same budgets.
    pub forwarder: Forwarder,
    /// The bootstrap token; without one, and none stored, the API answers this machine only.
    pub api_token: TokenInForce,
    /// Requests that each stored token may make within [`limits::API_RATE_WINDOW`]; 0 for any number.
    pub api_rate: u32,
    /// The public half of the key that signs this node's checkpoints.
    pub audit_key: PublicKey,
    /// Which program this is.
    pub version: Version,
    /// Cancelled when the process begins to stop: streams end and `/readyz` turns away new traffic.
    pub stopping: CancellationToken,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The faces' shared state.
pub struct Api {
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dice: Dice,
    pub(super) broker: AskBroker,
    pub(super) keys: AskKeys,
    pub(super) release: Release,
    pub(super) replay: Replay,
    pub(super) linked: Linked,
    pub(super) links: Links,
    /// For the faces that ask DocuSign.
    pub(super) client: Client,
    pub(super) docusign: Option<Docusign>,
    pub(super) forwarder: Forwarder,
    pub(super) unifier: Unifier,
    pub(super) token: TokenInForce,
    pub(super) tokens: Tokens,
    pub(super) rate: u32,
    pub(super) audit_key: PublicKey,
    pub(super) version: Version,
    pub(super) stopping: CancellationToken,
    pub(super) streams: Arc<Semaphore>,
    pub(super) counts: Cached<Result<(Totals, Backlog), store::Error>>,
    pub(super) probe: Cached<Result<(), store::Error>>,
    pub(super) books: Cached<Result<Counts, store::Error>>,
    /// Those who may count every row: one at a time.
    pub(super) audits: Semaphore,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Api {
    /// Makes the state; the same for all workers: wrap it in [`Data`] once.
    pub fn new(parts: Parts) -> Self {
        let unifier = Unifier::new(Tools {
            client: parts.client.clone(),
            forwarder: parts.forwarder.clone(),
            store: parts.store.clone(),
            vault: Arc::clone(parts.linked.vault()),
            clock: Arc::clone(&parts.clock),
            dice: parts.dice.clone(),
        });
        Self {
            tokens: Tokens::new(parts.store.clone()),
            store: parts.store,
            metrics: parts.metrics,
            clock: parts.clock,
            dice: parts.dice,
            broker: parts.broker,
            keys: parts.keys,
            release: parts.release,
            replay: parts.replay,
            links: Links::new(parts.linked.clone(), parts.client.clone()),
            linked: parts.linked,
            client: parts.client,
            docusign: parts.docusign,
            forwarder: parts.forwarder,
            unifier,
            token: parts.api_token,
            rate: parts.api_rate,
            audit_key: parts.audit_key,
            version: parts.version,
            stopping: parts.stopping,
            streams: Arc::new(Semaphore::new(limits::STREAMS_MAX)),
            counts: Cached::default(),
            probe: Cached::default(),
            books: Cached::default(),
            audits: Semaphore::new(1),
        }
    }

    /// Totals and backlog, counted at most once in [`limits::PROBE_EVERY`].
    pub(super) async fn counts(&self) -> Result<(Totals, Backlog), store::Error> {
        self.counts
            .get(Instant::now(), async { Ok((self.store.totals().await?, self.store.backlog().await?)) })
            .await
    }

    /// The books, read at most once in [`limits::PROBE_EVERY`].
    pub(super) async fn books(&self) -> Result<Counts, store::Error> {
        self.books.get(Instant::now(), self.store.books()).await
    }

    /// Whether the store can write, tried at most once in [`limits::PROBE_EVERY`].
    pub(super) async fn probe(&self) -> Result<(), store::Error> {
        let slow = || store::Error::Unavailable("it does not answer in time".into());
        let probe = async {
            tokio::time::timeout(limits::PROBE_TIMEOUT, self.store.probe())
                .await
                .unwrap_or_else(|_| Err(slow()))
        };
        self.probe.get(Instant::now(), probe).await
    }
}

/// The state that the request's application carries.
pub(super) fn of(request: &HttpRequest) -> Result<&Data<Api>, Problem> {
    request.app_data().ok_or_else(|| Problem::Internal("the application carries no state".into()))
}

/// A value that is costly to get: got by one at a time, and kept for [`limits::PROBE_EVERY`].
#[derive(Debug)]
pub(super) struct Cached<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Cached<T> {
    async fn get(&self, now: Instant, fresh: impl Future<Output = T>) -> T {
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = &*kept
            && now.saturating_duration_since(*at) < limits::PROBE_EVERY
        {
            return value.clone();
        }
        let value = fresh.await;
        *kept = Some((now, value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_costly_value_is_got_once_a_second_however_many_ask() {
        let (cached, start) = (Cached::default(), Instant::now());
        let soon = start + limits::PROBE_EVERY / 2;
        assert_eq!(cached.get(start, async { 1 }).await, 1);
        assert_eq!(cached.get(soon, async { 2 }).await, 1);
        assert_eq!(cached.get(start + limits::PROBE_EVERY, async { 3 }).await, 3);
        assert_eq!(cached.get(soon, async { 4 }).await, 3, "one who waited for another's answer takes it");
    }
}

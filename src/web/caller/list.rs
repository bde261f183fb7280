//! The stored tokens, as this node knows them: all in memory, looked for anew every few seconds.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::base::limits;
use crate::store::{ApiToken, ReadTokens, Store};
use crate::web::problem::access::Access;

use super::rate::Window;
use super::text;

/// A stored token, and what has been made of it on this node.
#[derive(Debug)]
pub(in crate::web) struct Known {
    pub(in crate::web) token: ApiToken,
    usage: Arc<Usage>,
}

/// What outlives the list in which a token was read.
#[derive(Debug)]
struct Usage {
    /// When its use was last written down, in seconds.
    noted: AtomicI64,
    window: Mutex<Window>,
}

impl Known {
    /// Whether it has ended, and how.
    pub(in crate::web) fn ended(&self, now: Timestamp) -> Option<Access> {
        let ApiToken { revoked_at, expires_at, .. } = self.token;
        if revoked_at.is_some() {
            return Some(Access::Revoked);
        }
        expires_at.filter(|end| *end <= now).map(|_| Access::Expired)
    }

    /// Counts a request; the seconds until the next is taken where there were too many.
    pub(super) fn take(&self, most: u32, now: Timestamp) -> Result<(), u64> {
        self.usage.window.lock().unwrap_or_else(PoisonError::into_inner).take(most, now)
    }

    /// Whether its use is to be written down now: true for one of those who ask at the same time.
    pub(super) fn is_to_be_noted(&self, now: Timestamp) -> bool {
        let (now, noted) = (now.as_second(), self.usage.noted.load(Ordering::Relaxed));
        let every = i64::try_from(limits::TOKEN_USE_NOTED_EVERY.as_secs()).unwrap_or(i64::MAX);
        now.saturating_sub(noted) >= every
            && self.usage.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// All tokens at one time.
#[derive(Debug, Default)]
pub(in crate::web) struct List {
    version: u64,
    known: HashMap<Uuid, Arc<Known>>,
}

impl List {
    fn new(read: ReadTokens, before: Option<&Self>) -> Self {
        let known = read.tokens.into_iter().map(|token| {
            let used = token.last_used_at.map_or(i64::MIN, Timestamp::as_second);
            let kept =
                before.and_then(|list| list.known.get(&token.id)).map(|known| Arc::clone(&known.usage));
            let usage = kept
                .unwrap_or_else(|| Arc::new(Usage { noted: AtomicI64::new(used), window: Mutex::default() }));
            (token.id, Arc::new(Known { token, usage }))
        });
        Self { version: read.version, known: known.collect() }
    }

    /// True where no token was ever made.
    pub(in crate::web) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// A token by its id.
    pub(in crate::web) fn get(&self, id: &Uuid) -> Option<&Arc<Known>> {
        self.known.get(id)
    }

    /// The token whose text this is. Whoever has not its secret is told the same, whatever is true of its id.
    pub(super) fn find(&self, told: &str, now: Timestamp) -> Result<Arc<Known>, Access> {
        let known = text::id_of(told).and_then(|id| self.known.get(&id));
        let kept: &[u8] = known.map_or(&[0; 32], |known| &known.token.digest);
        let same: bool = kept.ct_eq(&text::digest(told)).into();
        let known = known.filter(|_| same).ok_or(Access::Wrong)?;
        known.ended(now).map_or_else(|| Ok(Arc::clone(known)), Err)
    }
}

/// A list, and when it was last looked whether it is the present one.
#[derive(Debug, Clone)]
struct Held {
    list: Arc<List>,
    /// None where it is known not to be.
    looked_at: Option<Timestamp>,
}

impl Held {
    /// Whether it was looked at lately; not by a clock that was put back since.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let age = self.looked_at.map(|at| now.duration_since(at));
        let most = SignedDuration::try_from(limits::TOKENS_LOOK).unwrap_or_default();
        age.is_some_and(|age| !age.is_negative() && age < most)
    }
}

/// The tokens that the store holds.
pub(in crate::web) struct Tokens {
    store: Store,
    held: RwLock<Held>,
    /// One reads at a time, the others wait for what comes of it.
    reading: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    pub(in crate::web) fn new(store: Store) -> Self {
        let list = Arc::new(List::new(store.tokens_at_start(), None));
        let held = RwLock::new(Held { list, looked_at: None });
        Self { store, held, reading: tokio::sync::Mutex::default() }
    }

    fn hold(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn held(&self) -> Held {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The tokens as they are, or were some [`limits::TOKENS_LOOK`] ago. Where the store cannot be read, as they were
    /// last: what answers then, health and metrics, has to tell its callers apart all the same.
    pub(in crate::web) async fn list(&self, now: Timestamp) -> Arc<List> {
        let held = self.held();
        if held.is_fresh(now) {
            return held.list;
        }
        let _turn = match self.reading.try_lock() {
            Ok(turn) => turn,
            // Someone looks already, and knows in a moment, or learns that the store is slow.
            Err(_) if held.looked_at.is_some() => return held.list,
            Err(_) => self.reading.lock().await,
        };
        let held = self.held();
        if held.is_fresh(now) {
            return held.list;
        }
        let held = held.list;
        let list = match self.store.tokens_since(held.version).await {
            Ok(Some(read)) => Arc::new(List::new(read, Some(&held))),
            Ok(None) => held,
            Err(error) => {
                tracing::debug!(%error, "the API tokens are as they were when the store last answered");
                held
            }
        };
        self.hold(|held| *held = Held { list: Arc::clone(&list), looked_at: Some(now) });
        list
    }

    /// Reads the list again: a token was made or revoked here.
    pub(in crate::web) async fn look_again(&self, now: Timestamp) {
        // Not while it is read, or what was read before would be taken for what is there now.
        let turn = self.reading.lock().await;
        self.hold(|held| held.looked_at = None);
        drop(turn);
        self.list(now).await;
    }

    /// Writes down that a token was used, while its request is answered.
    pub(super) fn note_use(&self, id: Uuid, now: Timestamp) {
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.note_token_use(id, now).await {
                tracing::debug!(%id, %error, "that a token was used could not be written down");
            }
        });
    }
}

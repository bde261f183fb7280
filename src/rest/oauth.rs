//! The configured user's access token: asked for once whoever needs it, renewed ahead of its end, dropped when it is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::answer::later;
use super::authority::{Authority, Grant};
use super::{Again, Error, Settings, Token};
use crate::base::{Clock, Dice, limits};

#[derive(Debug)]
struct Held {
    token: Token,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

/// What is known about our token; behind the lock that makes renewals one at a time.
#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// The last request failed so, and until then it is not repeated.
    failed: Option<(Error, Timestamp)>,
}

/// Where tokens come from.
enum Source {
    Given(Token),
    /// The JWT grant, for this user.
    Grant(String),
}

pub(super) struct OAuth {
    authority: Authority,
    source: Source,
    clock: Arc<dyn Clock>,
    dice: Dice,
    state: Mutex<State>,
    /// Requests answered so far, well or ill: who waited for one shares its answer.
    answered: AtomicU64,
}

impl OAuth {
    pub(super) fn new(
        authority: Authority,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        dice: Dice,
    ) -> Result<Self, Error> {
        let source = match (&settings.access_token, &settings.private_key) {
            (Some(token), _) => Source::Given(Token::new(token.clone(), 0)),
            (None, Some(_)) => {
                for (name, value) in [("client_id", &settings.client_id), ("user_id", &settings.user_id)] {
                    if value.trim().is_empty() {
                        return Err(Error::Settings(format!(
                            "docusign.{name} is missing, private_key needs it"
                        )));
                    }
                }
                Source::Grant(settings.user_id.clone())
            }
            (None, None) => {
                return Err(Error::Settings(
                    "docusign.private_key is missing: without it nothing can be fetched".to_owned(),
                ));
            }
        };
        let (state, answered) = (Mutex::default(), AtomicU64::new(0));
        Ok(Self { authority, source, clock, dice, state, answered })
    }

    /// A token that is good now. However many ask at a time, one request is made.
    pub(super) async fn token(&self) -> Result<Token, Error> {
        let user = match &self.source {
            Source::Given(token) => return Ok(token.clone()),
            Source::Grant(user) => user,
        };
        let answered_before = self.answered.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(held) = state.held.as_ref().filter(|held| now < held.renew_at) {
            return Ok(held.token.clone());
        }
        if let Some((error, until)) = &state.failed
            && (now < *until || self.answered.load(Ordering::Acquire) > answered_before)
        {
            return Err(error.clone());
        }
        let result = self.authority.impersonate(user).await;
        let serial = self.answered.fetch_add(1, Ordering::AcqRel) + 1;
        match result {
            Ok(Grant { access_token, life, .. }) => {
                state.failed = None;
                let token = Token::new(access_token, serial);
                let renew_at = later(now, life.saturating_sub(self.ahead(life)));
                state.held = Some(Held { token: token.clone(), renew_at, ends_at: later(now, life) });
                Ok(token)
            }
            Err(error) => self.failed(&mut state, error, now),
        }
    }

    /// How long before its end a token is renewed; a little different each time, so that several nodes do not
    /// ask at once.
    fn ahead(&self, life: Duration) -> Duration {
        limits::TOKEN_RENEW_AHEAD.min(life / 2).mul_f64(1.0 - 0.2 * self.dice.fraction())
    }

    /// A renewal that failed is no harm while the token at hand is good.
    fn failed(&self, state: &mut State, error: Error, now: Timestamp) -> Result<Token, Error> {
        let pause = later(now, limits::TOKEN_REFUSED_MEMORY);
        if let Some(held) = state.held.as_mut().filter(|held| now < held.ends_at) {
            tracing::warn!(%error, "the token could not be renewed ahead of its end");
            held.renew_at = pause.min(held.ends_at);
            return Ok(held.token.clone());
        }
        let until = match error.again() {
            Again::At(until) => until,
            Again::Later => now,
            Again::Mended | Again::Never => pause,
        };
        state.failed = Some((error.clone(), until));
        Err(error)
    }

    /// Forgets a token that was refused. Whether asking again can give another one.
    pub(super) async fn forget(&self, token: &Token) -> bool {
        if matches!(self.source, Source::Given(_)) {
            return false;
        }
        let mut state = self.state.lock().await;
        // Another call may have had it renewed meanwhile.
        if state.held.as_ref().is_some_and(|held| held.token.is(token)) {
            state.held = None;
        }
        true
    }
}

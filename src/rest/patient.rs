//! Calls for somebody who waits: what may pass is tried again, for as long as they wait and as DocuSign lets us.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Again, Answer, Call, Client, Error};
use crate::base::{AccountId, Clock, Dice, limits};
use crate::docusign::tolerant::Scalar;

/// How long a caller waits.
#[derive(Debug, Clone)]
pub struct Patience {
    /// In all, from the first attempt on.
    pub within: Duration,
    /// By which attempts of several callers are kept apart.
    pub dice: Dice,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Transaction {
    transaction_id: Scalar,
}

impl Call<'_> {
    /// Whether making it twice does the same as making it once: DocuSign makes one envelope for each `transactionId`,
    /// however often it is asked (rest.md §2).
    fn is_repeatable(&self) -> bool {
        match self.method {
            Method::GET | Method::HEAD | Method::PUT | Method::DELETE => true,
            Method::POST if self.path == ["envelopes"] => {
                let body = self.body.as_deref().unwrap_or_default();
                serde_json::from_str::<Transaction>(body)
                    .is_ok_and(|body| body.transaction_id.text().is_some_and(|id| !id.trim().is_empty()))
            }
            _ => false,
        }
    }
}

impl Client {
    /// As [`Client::call`], again where that may help and the caller still waits then: after a refusal for too many calls
    /// when the limit resets, and after other failures that may pass only where the call can be repeated.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn patiently(
        &self,
        patience: &Patience,
        account: &AccountId,
        call: &Call<'_>,
    ) -> Result<Answer, Error> {
        let began = Instant::now();
        for attempt in 1.. {
            let error = match self.call(account, call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = wait(&error, call, attempt, &*self.0.clock, &patience.dice);
            // What the wait leaves must be worth an attempt.
            match wait.filter(|wait| began.elapsed().saturating_add(*wait) < patience.within) {
                Some(wait) => {
                    tracing::debug!(attempt, ?wait, %error, "a call to DocuSign is tried again");
                    tokio::time::sleep(wait).await;
                }
                None => return Err(error),
            }
        }
        Err(Error::Connection("no attempt was made".to_owned()))
    }
}

/// How long to wait before the next attempt; none where there should be none.
fn wait(error: &Error, call: &Call<'_>, attempt: u32, clock: &dyn Clock, dice: &Dice) -> Option<Duration> {
    let (first, longest) = limits::REST_BACKOFF;
    match error.again() {
        // It was not carried out, so that any call can be made again.
        Again::At(until) => {
            let wait = Duration::try_from(until.duration_since(clock.now())).unwrap_or_default();
            Some(wait + first.mul_f64(dice.fraction()))
        }
        Again::Later if attempt < limits::REST_ATTEMPTS_MAX && call.is_repeatable() => {
            let doubled = first.saturating_mul(2_u32.saturating_pow(attempt - 1));
            Some(doubled.min(longest).mul_f64(dice.fraction()))
        }
        Again::Later | Again::Mended | Again::Never => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::base::clock::ManualClock;
    use crate::rest::Raw;

    #[test]
    fn an_envelope_is_made_twice_only_under_a_transaction() {
        let posted = |path: &'static [&'static str], body: serde_json::Value| {
            Call::sending(Method::POST, path, &body).is_repeatable()
        };
        assert!(posted(&["envelopes"], json!({"transactionId": "t-1", "status": "sent"})));
        assert!(posted(&["envelopes"], json!({"transactionId": 7})));
        for body in [json!({}), json!({"transactionId": " "}), json!({"transactionId": null}), json!([])] {
            assert!(!posted(&["envelopes"], body.clone()), "{body}");
        }
        assert!(!posted(&["envelopes", "x", "views", "recipient"], json!({"transactionId": "t-1"})));
        assert!(Call::get(&["users"]).is_repeatable());
        assert!(Call::sending(Method::PUT, &["users"], &json!({})).is_repeatable());
        assert!(!Call::sending(Method::PATCH, &["users"], &json!({})).is_repeatable());
    }

    #[test]
    fn waits_grow_with_each_attempt_are_jittered_and_end() {
        let (clock, dice) = (ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()), Dice::seeded(4));
        let down = Error::Connection("down".to_owned());
        let post = Call::sending(Method::POST, &["users"], &json!({}));
        let (first, longest) = limits::REST_BACKOFF;
        for attempt in 1..limits::REST_ATTEMPTS_MAX {
            let most = first.saturating_mul(2_u32.pow(attempt - 1)).min(longest);
            let waits: Vec<_> = (0..50)
                .map(|_| wait(&down, &Call::get(&["users"]), attempt, &clock, &dice).unwrap())
                .collect();
            assert!(waits.iter().all(|wait| *wait <= most), "{attempt}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait > most / 2) && waits.iter().any(|wait| *wait < most / 2));
            assert_eq!(wait(&down, &post, attempt, &clock, &dice), None, "it may have been carried out");
        }
        let last = limits::REST_ATTEMPTS_MAX;
        assert_eq!(wait(&down, &Call::get(&["users"]), last, &clock, &dice), None);
        let until = clock.now().checked_add(SignedDuration::from_secs(30)).unwrap();
        let held = Error::Throttled { until, code: "X".to_owned(), trace_token: None, raw: Raw::default() };
        let waited = wait(&held, &post, 99, &clock, &dice).unwrap();
        assert!((30.0..31.0).contains(&waited.as_secs_f64()), "never before the reset: {waited:?}");
        let settings = Error::Settings("x".to_owned());
        assert_eq!(wait(&settings, &Call::get(&["users"]), 1, &clock, &dice), None);
    }
}

//! How many calls each account has left: when none, no call is made until DocuSign's limit resets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::answer::{RateLimit, later};
use super::{Error, Raw};
use crate::base::{AccountId, limits};

/// The code of a call that was not made, for DocuSign would refuse it as one too many.
pub const HELD_BACK: &str = "HELD_BACK";

/// What a call is made for: who may have the last calls of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// Someone waits for its answer: every call may be used.
    Interactive,
    /// In the background, for what has come to its end.
    Final,
    /// In the background.
    #[default]
    Routine,
}

impl Purpose {
    /// The calls of an hour that it leaves to others, where `limit` is what the hour has.
    fn leaves(self, limit: Option<u32>) -> u32 {
        let limit = limit.unwrap_or_default();
        match self {
            Self::Interactive => 0,
            Self::Final => limit / limits::REST_RESERVE_FINAL_PART,
            Self::Routine => limit / limits::REST_RESERVE_PART,
        }
    }
}

/// How an account's calls stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Calls by the hour.
    pub limit: Option<u32>,
    /// Calls left in the present hour, by the newest answer.
    pub remaining: Option<u32>,
    /// When that hour ends.
    pub reset_at: Option<Timestamp>,
    /// Calls left in the present 30 seconds, by the newest answer.
    pub burst_remaining: Option<u32>,
    /// No call at all before this: DocuSign refused one for too many, or 30 seconds' worth is used up.
    pub held_until: Option<Timestamp>,
    /// Nothing is fetched in the background before this but what has come to its end.
    pub routine_held_until: Option<Timestamp>,
    /// Calls under way.
    pub under_way: u32,
    /// Envelopes about which DocuSign takes no call for now.
    pub envelopes_held: usize,
}

/// The remaining calls of all accounts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<Mutex<HashMap<AccountId, Account>>>);

#[derive(Debug, Clone, Default)]
struct Account {
    /// Calls by the hour.
    limit: Option<u32>,
    /// Calls left in the hour that ends at the time, by the newest answer.
    left: Option<(u32, Timestamp)>,
    /// The same for the present 30 seconds.
    burst: Option<(u32, Timestamp)>,
    /// No call before this.
    closed_until: Option<Timestamp>,
    /// No call about these envelopes before the times.
    envelopes: HashMap<String, Timestamp>,
    /// Calls under way, which those answers may not have counted.
    under_way: u32,
}

impl Account {
    /// Whether forgetting it lets no call through that is held back now.
    fn idle(&self, now: Timestamp) -> bool {
        let envelopes = self.envelopes.values().any(|until| *until > now);
        self.under_way == 0 && !envelopes && self.held(Purpose::Interactive, now).is_none()
    }

    /// Until when a call for this purpose is held back.
    fn held(&self, purpose: Purpose, now: Timestamp) -> Option<Timestamp> {
        let closed = self.closed_until.filter(|until| *until > now);
        let spent = |window: Option<(u32, Timestamp)>, leave: u32| {
            let (left, ends) = window?;
            (ends > now && left <= self.under_way.saturating_add(leave)).then_some(ends)
        };
        closed.max(spent(self.left, purpose.leaves(self.limit))).max(spent(self.burst, 0))
    }

    /// Remembers an envelope's own limit; where that would be too many, the account waits as a whole.
    fn hold_envelope(&mut self, envelope: &str, until: Timestamp, now: Timestamp) {
        if self.envelopes.len() >= limits::REST_ENVELOPES_HELD_MAX && !self.envelopes.contains_key(envelope) {
            self.envelopes.retain(|_, until| *until > now);
        }
        if self.envelopes.len() < limits::REST_ENVELOPES_HELD_MAX || self.envelopes.contains_key(envelope) {
            let held = self.envelopes.entry(envelope.to_ascii_lowercase()).or_insert(until);
            *held = (*held).max(until);
        } else {
            self.closed_until = self.closed_until.max(Some(until));
        }
    }
}

/// Leave for one call; it counts as under way until this is dropped.
#[derive(Debug)]
pub(super) struct Leave {
    budget: Budget,
    account: AccountId,
}

impl Budget {
    fn with<T>(&self, change: impl FnOnce(&mut HashMap<AccountId, Account>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leave for a call, about an envelope perhaps, or when to ask again.
    pub(super) fn ask(
        &self,
        account: &AccountId,
        envelope: Option<&str>,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Leave, Error> {
        self.with(|accounts| {
            if accounts.len() >= limits::REST_ACCOUNTS_MAX && !accounts.contains_key(account) {
                accounts.retain(|_, one| !one.idle(now));
            }
            let one = accounts.entry(account.clone()).or_default();
            let own = envelope.and_then(|id| one.envelopes.get(&id.to_ascii_lowercase()));
            let own = own.copied().filter(|until| *until > now);
            match one.held(purpose, now).max(own) {
                Some(until) => {
                    let code = HELD_BACK.to_owned();
                    Err(Error::Throttled { until, code, trace_token: None, raw: Raw::default() })
                }
                None => {
                    one.under_way += 1;
                    Ok(Leave { budget: self.clone(), account: account.clone() })
                }
            }
        })
    }

    /// Takes in what an answer told.
    pub(super) fn told(&self, account: &AccountId, rate: RateLimit, now: Timestamp) {
        self.with(|accounts| {
            let Some(one) = accounts.get_mut(account) else { return };
            one.limit = rate.limit.or(one.limit);
            if let Some(left) = rate.remaining {
                let ends = rate.hour_ends_at(now).min(later(now, limits::REST_THROTTLE_MAX));
                one.left = Some((left, ends));
            }
            if let Some(left) = rate.burst_remaining {
                one.burst = Some((left, later(now, limits::REST_THROTTLE_MIN)));
            }
        });
    }

    /// Holds back all calls for the account: DocuSign refused one for too many.
    pub(super) fn close(&self, account: &AccountId, until: Timestamp) {
        self.with(|accounts| {
            if let Some(one) = accounts.get_mut(account) {
                one.closed_until = one.closed_until.max(Some(until));
            }
        });
    }

    /// Holds back all calls about an envelope: DocuSign refused one for too many about it.
    pub(super) fn close_envelope(
        &self,
        account: &AccountId,
        envelope: &str,
        until: Timestamp,
        now: Timestamp,
    ) {
        self.with(|accounts| {
            if let Some(one) = accounts.get_mut(account) {
                one.hold_envelope(envelope, until, now);
            }
        });
    }

    /// How the account's calls stand; none where none was made yet.
    pub(super) fn standing(&self, account: &AccountId, now: Timestamp) -> Option<Standing> {
        self.with(|accounts| {
            let one = accounts.get(account)?;
            let hour = one.left.filter(|(_, ends)| *ends > now);
            Some(Standing {
                limit: one.limit,
                remaining: hour.map(|(left, _)| left),
                reset_at: hour.map(|(_, ends)| ends),
                burst_remaining: one.burst.filter(|(_, ends)| *ends > now).map(|(left, _)| left),
                held_until: one.held(Purpose::Interactive, now),
                routine_held_until: one.held(Purpose::Routine, now),
                under_way: one.under_way,
                envelopes_held: one.envelopes.values().filter(|until| **until > now).count(),
            })
        })
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.budget.with(|accounts| {
            if let Some(one) = accounts.get_mut(&self.account) {
                one.under_way = one.under_way.saturating_sub(1);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-23T{text}Z").parse().unwrap()
    }

    fn rate(remaining: u32, reset: &str) -> RateLimit {
        RateLimit { remaining: Some(remaining), reset_at: Some(at(reset)), ..RateLimit::default() }
    }

    fn until(asked: Result<Leave, Error>) -> Timestamp {
        match asked {
            Err(Error::Throttled { until, .. }) => until,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_account_without_calls_left_waits_for_its_hour_and_another_does_not() {
        let (budget, a, b) = (Budget::default(), AccountId::new("a"), AccountId::new("b"));
        drop(budget.ask(&a, None, Purpose::Routine, at("10:00:00")).unwrap());
        budget.told(&a, rate(0, "11:00:00"), at("10:00:00"));
        assert_eq!(until(budget.ask(&a, None, Purpose::Routine, at("10:59:59"))), at("11:00:00"));
        assert!(budget.ask(&b, None, Purpose::Routine, at("10:59:59")).is_ok());
        assert!(budget.ask(&a, None, Purpose::Routine, at("11:00:00")).is_ok());
    }

    #[test]
    fn calls_under_way_count_against_what_is_left() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        drop(budget.ask(&a, None, Purpose::Routine, at("10:00:00")).unwrap());
        budget.told(&a, rate(2, "11:00:00"), at("10:00:00"));
        let first = budget.ask(&a, None, Purpose::Routine, at("10:00:01")).unwrap();
        let _second = budget.ask(&a, None, Purpose::Routine, at("10:00:01")).unwrap();
        assert_eq!(until(budget.ask(&a, None, Purpose::Routine, at("10:00:01"))), at("11:00:00"));
        drop(first);
        assert!(budget.ask(&a, None, Purpose::Routine, at("10:00:01")).is_ok());
    }

    #[test]
    fn an_empty_burst_window_closes_the_account_for_its_length() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let _leave = budget.ask(&a, None, Purpose::Routine, at("10:00:00")).unwrap();
        budget.told(&a, RateLimit { burst_remaining: Some(0), ..RateLimit::default() }, at("10:00:00"));
        assert_eq!(until(budget.ask(&a, None, Purpose::Routine, at("10:00:29"))), at("10:00:30"));
        assert!(budget.ask(&a, None, Purpose::Routine, at("10:00:30")).is_ok());
    }

    #[test]
    fn a_refusal_is_not_shortened_by_a_later_one() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let _leave = budget.ask(&a, None, Purpose::Routine, at("10:00:00")).unwrap();
        budget.close(&a, at("11:00:00"));
        budget.close(&a, at("10:00:30"));
        assert_eq!(until(budget.ask(&a, None, Purpose::Routine, at("10:30:00"))), at("11:00:00"));
    }

    #[test]
    fn a_reset_far_away_cannot_hold_an_account_back_for_ever() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let _leave = budget.ask(&a, None, Purpose::Routine, at("10:00:00")).unwrap();
        let far = RateLimit {
            remaining: Some(0),
            reset_at: Some("2099-01-01T00:00:00Z".parse().unwrap()),
            ..RateLimit::default()
        };
        budget.told(&a, far, at("10:00:00"));
        assert_eq!(until(budget.ask(&a, None, Purpose::Routine, at("10:00:01"))), at("11:05:00"));
    }

    #[test]
    fn accounts_that_are_done_with_are_forgotten_once_there_are_many() {
        let budget = Budget::default();
        for n in 0..limits::REST_ACCOUNTS_MAX + 5 {
            drop(
                budget.ask(&AccountId::new(&n.to_string()), None, Purpose::Routine, at("10:00:00")).unwrap(),
            );
        }
        assert!(budget.with(|accounts| accounts.len()) <= limits::REST_ACCOUNTS_MAX);
    }

    #[test]
    fn background_calls_leave_the_last_of_the_hour_to_those_who_wait() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let ask = |purpose| budget.ask(&a, None, purpose, at("10:00:00")).map(drop).is_ok();
        assert!(ask(Purpose::Routine));
        for (left, allowed) in [
            (21, [true, true, true]),
            (20, [false, true, true]),
            (6, [false, true, true]),
            (5, [false, false, true]),
            (1, [false, false, true]),
            (0, [false, false, false]),
        ] {
            budget.told(&a, RateLimit { limit: Some(100), ..rate(left, "11:00:00") }, at("10:00:00"));
            let told = [ask(Purpose::Routine), ask(Purpose::Final), ask(Purpose::Interactive)];
            assert_eq!(told, allowed, "{left} left");
        }
        let standing = budget.standing(&a, at("10:00:00")).unwrap();
        assert_eq!((standing.limit, standing.remaining), (Some(100), Some(0)));
        assert_eq!(standing.held_until, Some(at("11:00:00")));
        assert_eq!(budget.standing(&a, at("11:00:00")).unwrap().routine_held_until, None);
    }

    #[test]
    fn calls_under_way_count_against_the_present_half_minute() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        drop(budget.ask(&a, None, Purpose::Interactive, at("10:00:00")).unwrap());
        budget.told(&a, RateLimit { burst_remaining: Some(1), ..RateLimit::default() }, at("10:00:00"));
        let _one = budget.ask(&a, None, Purpose::Interactive, at("10:00:01")).unwrap();
        assert_eq!(until(budget.ask(&a, None, Purpose::Interactive, at("10:00:01"))), at("10:00:30"));
        assert!(budget.ask(&a, None, Purpose::Interactive, at("10:00:30")).is_ok());
    }

    #[test]
    fn an_envelopes_own_limit_holds_back_that_envelope_alone() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let ask = |envelope, time: &str| budget.ask(&a, Some(envelope), Purpose::Interactive, at(time));
        drop(ask("E-1", "10:00:00").unwrap());
        budget.close_envelope(&a, "E-1", at("11:00:00"), at("10:00:00"));
        budget.close_envelope(&a, "e-1", at("10:00:30"), at("10:00:00"));
        assert_eq!(until(ask("e-1", "10:59:59")), at("11:00:00"));
        assert!(ask("e-2", "10:00:00").is_ok());
        assert!(ask("e-1", "11:00:00").is_ok());
        assert_eq!(budget.standing(&a, at("10:00:00")).unwrap().envelopes_held, 1);
    }

    #[test]
    fn more_envelopes_with_limits_of_their_own_than_are_remembered_hold_back_the_account() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        drop(budget.ask(&a, None, Purpose::Routine, at("10:00:00")).unwrap());
        for n in 0..limits::REST_ENVELOPES_HELD_MAX {
            budget.close_envelope(&a, &format!("e-{n}"), at("11:00:00"), at("10:00:00"));
        }
        assert!(budget.ask(&a, Some("other"), Purpose::Routine, at("10:00:00")).is_ok());
        budget.close_envelope(&a, "other", at("11:00:00"), at("10:00:00"));
        assert_eq!(until(budget.ask(&a, None, Purpose::Routine, at("10:00:00"))), at("11:00:00"));
        let later = "12:00:00";
        budget.close_envelope(&a, "later", at("12:30:00"), at(later));
        assert_eq!(budget.standing(&a, at(later)).unwrap().envelopes_held, 1, "what has ended is forgotten");
    }
}

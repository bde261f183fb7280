//! How many calls each account has left: when none, no call is made until DocuSign's limit resets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::Error;
use super::answer::{RateLimit, later};
use crate::base::{AccountId, limits};

/// The remaining calls of all accounts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<Mutex<HashMap<AccountId, Account>>>);

#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// Calls left in the hour that ends at the time, by the newest answer.
    left: Option<(u32, Timestamp)>,
    /// No call before this.
    closed_until: Option<Timestamp>,
    /// Calls under way, which that answer may not have counted.
    under_way: u32,
}

impl Account {
    /// Whether forgetting it lets no call through that is held back now.
    fn idle(&self, now: Timestamp) -> bool {
        let closed = self.closed_until.is_some_and(|until| until > now);
        let spent = self.left.is_some_and(|(left, ends)| left == 0 && ends > now);
        self.under_way == 0 && !closed && !spent
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

    /// Leave for a call, or when to ask again.
    pub(super) fn ask(&self, account: &AccountId, now: Timestamp) -> Result<Leave, Error> {
        self.with(|accounts| {
            if accounts.len() >= limits::REST_ACCOUNTS_MAX && !accounts.contains_key(account) {
                accounts.retain(|_, one| !one.idle(now));
            }
            let one = accounts.entry(account.clone()).or_default();
            let held = |until| Error::Throttled { until, code: "HELD_BACK".to_owned(), trace_token: None };
            if let Some(until) = one.closed_until.filter(|until| *until > now) {
                return Err(held(until));
            }
            match one.left {
                Some((left, ends)) if ends > now && left <= one.under_way => Err(held(ends)),
                _ => {
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
            if let Some(left) = rate.remaining {
                let ends = rate.hour_ends_at(now).min(later(now, limits::REST_THROTTLE_MAX));
                one.left = Some((left, ends));
            }
            if rate.burst_remaining == Some(0) {
                one.closed_until = one.closed_until.max(Some(later(now, limits::REST_THROTTLE_MIN)));
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
        drop(budget.ask(&a, at("10:00:00")).unwrap());
        budget.told(&a, rate(0, "11:00:00"), at("10:00:00"));
        assert_eq!(until(budget.ask(&a, at("10:59:59"))), at("11:00:00"));
        assert!(budget.ask(&b, at("10:59:59")).is_ok());
        assert!(budget.ask(&a, at("11:00:00")).is_ok());
    }

    #[test]
    fn calls_under_way_count_against_what_is_left() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        drop(budget.ask(&a, at("10:00:00")).unwrap());
        budget.told(&a, rate(2, "11:00:00"), at("10:00:00"));
        let first = budget.ask(&a, at("10:00:01")).unwrap();
        let _second = budget.ask(&a, at("10:00:01")).unwrap();
        assert_eq!(until(budget.ask(&a, at("10:00:01"))), at("11:00:00"));
        drop(first);
        assert!(budget.ask(&a, at("10:00:01")).is_ok());
    }

    #[test]
    fn an_empty_burst_window_closes_the_account_for_its_length() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let _leave = budget.ask(&a, at("10:00:00")).unwrap();
        budget.told(&a, RateLimit { burst_remaining: Some(0), ..RateLimit::default() }, at("10:00:00"));
        assert_eq!(until(budget.ask(&a, at("10:00:29"))), at("10:00:30"));
        assert!(budget.ask(&a, at("10:00:30")).is_ok());
    }

    #[test]
    fn a_refusal_is_not_shortened_by_a_later_one() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let _leave = budget.ask(&a, at("10:00:00")).unwrap();
        budget.close(&a, at("11:00:00"));
        budget.close(&a, at("10:00:30"));
        assert_eq!(until(budget.ask(&a, at("10:30:00"))), at("11:00:00"));
    }

    #[test]
    fn a_reset_far_away_cannot_hold_an_account_back_for_ever() {
        let (budget, a) = (Budget::default(), AccountId::new("a"));
        let _leave = budget.ask(&a, at("10:00:00")).unwrap();
        let far = RateLimit {
            remaining: Some(0),
            reset_at: Some("2099-01-01T00:00:00Z".parse().unwrap()),
            ..RateLimit::default()
        };
        budget.told(&a, far, at("10:00:00"));
        assert_eq!(until(budget.ask(&a, at("10:00:01"))), at("11:05:00"));
    }

    #[test]
    fn accounts_that_are_done_with_are_forgotten_once_there_are_many() {
        let budget = Budget::default();
        for n in 0..limits::REST_ACCOUNTS_MAX + 5 {
            drop(budget.ask(&AccountId::new(&n.to_string()), at("10:00:00")).unwrap());
        }
        assert!(budget.with(|accounts| accounts.len()) <= limits::REST_ACCOUNTS_MAX);
    }
}

//! How the broker stands, for health, dashboard and `check`: one cheap handle, written by the publisher alone.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

/// A handle on how the broker stands; clones show the same.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<RwLock<View>>);

/// How the broker stood at one moment. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Connected and able to publish.
    pub connected: bool,
    /// Since when it has been connected or not; `None` before the first attempt.
    pub since: Option<Timestamp>,
    /// The broker connected to last, without the password.
    pub address: Option<String>,
    /// It blocks publishers (a memory or disk alarm).
    pub blocked: bool,
    /// Why the last attempt to connect failed or the last connection ended; `None` once connected again.
    pub error: Option<String>,
    /// Parts of the topology with a fault, and what is wrong with each.
    pub faults: BTreeMap<String, String>,
}

impl Status {
    /// How it stands now.
    pub fn view(&self) -> View {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn connected(&self, address: String, at: Timestamp) {
        self.update(|now| {
            (now.connected, now.since, now.address) = (true, Some(at), Some(address));
            (now.blocked, now.error) = (false, None);
        });
    }

    pub(super) fn disconnected(&self, why: &str, at: Timestamp) {
        self.update(|now| {
            if now.connected || now.since.is_none() {
                now.since = Some(at);
            }
            (now.connected, now.blocked, now.error) = (false, false, Some(why.to_owned()));
        });
    }

    /// Closed by ourselves: no fault of anybody's.
    pub(super) fn closed(&self, at: Timestamp) {
        self.update(|now| {
            if now.connected {
                (now.connected, now.blocked, now.since) = (false, false, Some(at));
            }
        });
    }

    /// Blocked or no longer; true where that is new.
    pub(super) fn set_blocked(&self, blocked: bool) -> bool {
        let mut before = blocked;
        self.update(|now| before = std::mem::replace(&mut now.blocked, blocked));
        before != blocked
    }

    /// A part of the topology is as wanted, or this is wrong with it; true where that is new.
    pub(super) fn set_part(&self, part: &str, fault: Option<&String>) -> bool {
        let mut new = false;
        self.update(|now| {
            new = match fault {
                Some(why) => now.faults.insert(part.to_owned(), why.clone()).as_ref() != Some(why),
                None => now.faults.remove(part).is_some(),
            };
        });
        new
    }
}

//! How the broker stands, shared between the relay that knows and the faces that tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle on how the broker stands; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Mutex<View>>);

/// How the broker stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Connected and able to publish.
    pub connected: bool,
    /// It blocks publishers (memory or disk alarm).
    pub blocked: bool,
    /// Why the last attempt to connect, or the last connection, failed.
    pub error: Option<String>,
    /// Parts of the topology that cannot be declared, and why.
    pub faults: BTreeMap<String, String>,
}

impl Status {
    fn held(&self) -> MutexGuard<'_, View> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands now.
    pub fn view(&self) -> View {
        self.held().clone()
    }

    /// Connected, with these parts of the topology broken.
    pub fn connected(&self) {
        let mut view = self.held();
        (view.connected, view.blocked, view.error) = (true, false, None);
    }

    /// Not connected, for this reason; true when it was connected until now.
    pub fn lost(&self, why: &str) -> bool {
        let mut view = self.held();
        (view.blocked, view.error) = (false, Some(why.to_owned()));
        std::mem::replace(&mut view.connected, false)
    }

    /// Blocked or no longer; true when that is new.
    pub fn set_blocked(&self, blocked: bool) -> bool {
        std::mem::replace(&mut self.held().blocked, blocked) != blocked
    }

    /// A part of the topology is declared, or cannot be for this reason; true when that is new.
    pub fn set_part(&self, part: &str, fault: Option<String>) -> bool {
        let mut view = self.held();
        match fault {
            Some(why) => view.faults.insert(part.to_owned(), why.clone()) != Some(why),
            None => view.faults.remove(part).is_some(),
        }
    }
}

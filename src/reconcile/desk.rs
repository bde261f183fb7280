//! Where runs are asked for and looked at while they are under way; shared by the flow and the faces.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::base::{AccountId, limits};
use crate::store::ReconcileRun;

/// A run that somebody asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Only this account; all that are known where none.
    pub account: Option<AccountId>,
    /// From this time on; where none, from a little before how far the account has been reconciled.
    pub from: Option<Timestamp>,
    /// Up to this time; where none, up to now.
    pub to: Option<Timestamp>,
    /// Find only, and write nothing.
    pub dry_run: bool,
    /// Have Connect publish again what is missing, in place of taking it over from REST.
    pub ask_connect: bool,
}

/// Why a run cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account is none that can be looked at.
    #[error("the account is none of those that can be asked")]
    AccountUnknown,
    /// There is no account at all: none is linked, and the settings have no credentials.
    #[error("no account can be asked")]
    NoAccount,
    /// The window ends before it begins.
    #[error("the window ends before it begins")]
    NoWindow,
    /// Too many runs wait.
    #[error("too many runs wait already")]
    Crowded,
    /// DocuSign does not tell the accounts, or the store is away.
    #[error("{0}")]
    Away(String),
}

/// The runs that are open; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Desk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: Mutex<VecDeque<ReconcileRun>>,
    added: Notify,
}

impl Desk {
    fn open(&self) -> MutexGuard<'_, VecDeque<ReconcileRun>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runs that wait or are under way, in the order in which they are made.
    pub fn runs(&self) -> Vec<ReconcileRun> {
        self.open().iter().cloned().collect()
    }

    /// Adds runs behind all others, all or none.
    pub(super) fn add(&self, runs: Vec<ReconcileRun>) -> Result<(), Refusal> {
        let mut open = self.open();
        if open.len() + runs.len() > limits::RECONCILE_QUEUE_MAX {
            return Err(Refusal::Crowded);
        }
        open.extend(runs);
        drop(open);
        self.0.added.notify_one();
        Ok(())
    }

    /// Wakes when a run is added.
    pub(super) async fn added(&self) {
        self.0.added.notified().await;
    }

    /// The first run that does not wait for calls at `now`; else when the first of those that do may go on.
    pub(super) fn next(&self, now: Timestamp) -> Result<ReconcileRun, Option<Timestamp>> {
        let open = self.open();
        let ready = open.iter().find(|run| run.waits_until.is_none_or(|until| until <= now));
        ready.cloned().ok_or_else(|| open.iter().filter_map(|run| run.waits_until).min())
    }

    /// Shows how a run stands.
    pub(super) fn show(&self, run: &ReconcileRun) {
        if let Some(shown) = self.open().iter_mut().find(|shown| shown.id == run.id) {
            *shown = run.clone();
        }
    }

    /// Takes a run off.
    pub(super) fn close(&self, run: &ReconcileRun) {
        self.open().retain(|open| open.id != run.id);
    }
}

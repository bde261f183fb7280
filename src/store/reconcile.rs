//! What reconciling reads and writes: what an observation would change, what was found, how far each account has been
//! reconciled, and the reports of the newest runs.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::{AccountId, Subject, limits};
use crate::signing::state::Cause;
use crate::signing::{Change, Observation, Origin};

use super::body::Packed;
use super::feed::signed;
use super::ledger::{Ledger, read_held, subject_arguments};
use super::memory::Held;
use super::session::Session;
use super::{Appended, Error, Found, Store, append};

/// How far an account has been reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciled {
    /// Nothing from before this is looked for: the account was first known here then.
    pub since: Timestamp,
    /// Everything up to here was looked at.
    pub reached: Timestamp,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Running,
    /// It waits for calls: until when stands beside it.
    Waiting,
    /// It looked at everything.
    Done,
    /// It could not; why stands beside it.
    Failed,
}

impl RunState {
    /// The state's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// One run of reconciling one account: what was looked at, and what had been missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileRun {
    /// Ours, time-ordered.
    pub id: Uuid,
    /// The account.
    pub account: AccountId,
    /// True where somebody asked for it, false where it was due.
    pub asked: bool,
    /// True where nothing was to be written.
    pub dry_run: bool,
    /// True where Connect was asked to publish again what was missing, and nothing was taken over from REST.
    pub ask_connect: bool,
    /// The beginning of what it looked at: changes of status from then on.
    pub from: Timestamp,
    /// The end of it.
    pub to: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it has not.
    pub ended_at: Option<Timestamp>,
    /// Where it stands.
    pub state: RunState,
    /// Until when it waits for calls.
    pub waits_until: Option<Timestamp>,
    /// Why it failed.
    pub why: Option<String>,
    /// Signing requests in the window, as far as DocuSign told.
    pub total: u64,
    /// Of those, how many were looked at.
    pub looked: u64,
    /// Of those, how many could not be read.
    pub unreadable: u64,
    /// Changes that had been missed.
    pub missed: u64,
    /// When the oldest of them happened.
    pub missed_since: Option<Timestamp>,
    /// Signing requests that they are about.
    pub concerned: u64,
    /// The first of these, at most [`limits::RECONCILE_NAMED_MAX`].
    pub signing_requests: Vec<String>,
    /// Calls to DocuSign that it cost.
    pub calls: u64,
}

impl Store {
    /// The changes that each observation would make now, which is nothing where all that it tells is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn would_change(
        &self,
        seen: Arc<Vec<Observation>>,
        at: Timestamp,
    ) -> Result<Vec<Vec<Change>>, Error> {
        self.flow_readers.read(move |session| would_change(session, &seen, at)).await
    }

    /// Writes what was found over REST and the changes that it makes, in one durable transaction; nothing at all where
    /// it makes none, which is told as a duplicate.
    ///
    /// # Errors
    /// When it could not be written; nothing of it is then.
    pub async fn append_found(&self, found: Found) -> Result<Appended, Error> {
        let packed = Packed::pack(found.answer.delivery(), &self.large);
        self.writer()?.write(move |ledger| append::append_found(ledger, &found, &packed)).await
    }

    /// Whether one of the newest deliveries came as legacy XML, which names accounts and participants by other ids than
    /// REST does.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hears_xml(&self) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM (SELECT format FROM deliveries ORDER BY seq DESC LIMIT ?1) d WHERE d.format = 'xml' LIMIT 1";
        let newest = signed(limits::RECONCILE_FORMATS_LOOKED_AT as u64);
        self.flow_readers
            .read(move |session| session.row(sql, &[newest.into()], |_| Ok(())))
            .await
            .map(|row| row.is_some())
    }

    /// How far an account has been reconciled. One that was not known before is from `now` on.
    ///
    /// # Errors
    /// When it could not be read or written.
    pub async fn reconciled(&self, account: AccountId, now: Timestamp) -> Result<Reconciled, Error> {
        let wanted = account.clone();
        if let Some(known) = self.flow_readers.read(move |session| reconciled(session, &wanted)).await? {
            return Ok(known);
        }
        let begin = move |ledger: &mut Ledger| {
            ledger.session.execute(
                "INSERT INTO reconciled (account, since, reached) VALUES (?1, ?2, ?2) ON CONFLICT (account) DO NOTHING",
                &[account.as_str().into(), now.into()],
            )?;
            Ok(reconciled(&ledger.session, &account)?.unwrap_or(Reconciled { since: now, reached: now }))
        };
        self.writer()?.write(begin).await
    }

    /// Keeps the report of a run that ended, and with it how far its account has been reconciled where that is
    /// further than before.
    ///
    /// # Errors
    /// When it could not be written; nothing of it is then.
    pub async fn keep_run(&self, run: ReconcileRun, reached: Option<Timestamp>) -> Result<(), Error> {
        let report = serde_json::to_string(&run).map_err(|e| Error::Rejected(e.to_string()))?;
        self.writer()?.write(move |ledger| keep_run(&ledger.session, &run, &report, reached)).await
    }

    /// The reports of the newest runs that ended, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reconcile_runs(&self, limit: usize) -> Result<Vec<ReconcileRun>, Error> {
        self.readers.read(move |session| runs(session, limit)).await
    }
}

/// A subject as it stands: what is late of it included, for a reader knows nothing of the writer's memory.
const STANDING: &str =
    "SELECT ref, state, last_delivery FROM standing WHERE id = ?1 AND kind = ?2 AND account = ?3";

fn would_change(session: &Session, seen: &[Observation], at: Timestamp) -> Result<Vec<Vec<Change>>, Error> {
    let key = |seen: &Observation| (seen.account.clone(), seen.subject.clone());
    let keys: Vec<(AccountId, Subject)> = seen.iter().map(key).collect();
    let arguments: Vec<_> = keys.iter().map(|key| subject_arguments(key).to_vec()).collect();
    let held = session.row_each(STANDING, &arguments, read_held)?;
    let cause = Cause { origin: Origin::Reconcile, received_at: at, delivery_id: None };
    let changes = |(seen, held): (&Observation, Option<Held>)| {
        held.unwrap_or_default().state.apply(seen, cause, |_| true)
    };
    Ok(seen.iter().zip(held).map(changes).collect())
}

fn reconciled(session: &Session, account: &AccountId) -> Result<Option<Reconciled>, Error> {
    session.row(
        "SELECT since, reached FROM reconciled WHERE account = ?1",
        &[account.as_str().into()],
        |row| Ok(Reconciled { since: row.time(0)?, reached: row.time(1)? }),
    )
}

fn keep_run(
    session: &Session,
    run: &ReconcileRun,
    report: &str,
    reached: Option<Timestamp>,
) -> Result<(), Error> {
    session.execute(
        "INSERT INTO reconcile_runs (id, started_at, report) VALUES (?1, ?2, ?3)",
        &[run.id.as_bytes().as_slice().into(), run.started_at.into(), report.into()],
    )?;
    session.execute(
        "DELETE FROM reconcile_runs WHERE id NOT IN \
         (SELECT id FROM reconcile_runs ORDER BY started_at DESC, id DESC LIMIT ?1)",
        &[signed(limits::RECONCILE_RUNS_KEPT as u64).into()],
    )?;
    if let Some(reached) = reached {
        session.execute(
            "UPDATE reconciled SET reached = ?2 WHERE account = ?1 AND reached < ?2",
            &[run.account.as_str().into(), reached.into()],
        )?;
    }
    Ok(())
}

fn runs(session: &Session, limit: usize) -> Result<Vec<ReconcileRun>, Error> {
    let reports = session.rows(
        "SELECT report FROM reconcile_runs ORDER BY started_at DESC, id DESC LIMIT ?1",
        &[signed(limit as u64).into()],
        |row| row.text(0),
    )?;
    // One that a newer version wrote otherwise is left out: it is a report and nothing else.
    Ok(reports.iter().filter_map(|report| serde_json::from_str(report).ok()).collect())
}

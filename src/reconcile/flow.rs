//! When runs are made, and what becomes of each: it goes on page by page, waits for calls, and ends done or failed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::base::{AccountId, Clock, Dice, limits};
use crate::docusign::connect_configuration::Here;
use crate::rest::{self, Again, RateLimit};
use crate::store::{Parts, ReconcileRun, RunState, Store, Work};
use crate::telemetry::{Metric, Metrics};

use super::page::{Paged, Trouble};
use super::run::Cursor;
use super::{Ask, Desk, Order, Refusal, Watched};

/// How it is to be done.
#[derive(Clone)]
pub struct Plan {
    /// How often each account is looked at without being asked; never where none.
    pub every: Option<Duration>,
    /// Signing requests in a page.
    pub page: u32,
    /// Whether an account's changes are wanted here.
    pub wants: Arc<dyn Fn(&AccountId) -> bool + Send + Sync>,
    /// Where Connect reaches us.
    pub here: Here,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("every", &self.every).field("page", &self.page).finish_non_exhaustive()
    }
}

/// What comes after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another one at once.
    Now,
    /// Nothing before this, unless a run is asked for.
    At(Timestamp),
}

/// Reconciles the accounts of one client with one store.
pub struct Reconciler<D> {
    pub(super) docusign: D,
    pub(super) store: Store,
    desk: Desk,
    pub(super) plan: Plan,
    pub(super) watched: Watched,
    pub(super) metrics: Metrics,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dice: Dice,
    /// One node at a time looks by itself: the one that has this share.
    share: Option<watch::Receiver<Parts>>,
    hands: Mutex<Hands>,
}

/// What a step needs of those before it.
#[derive(Debug)]
struct Hands {
    due_at: Timestamp,
    cursors: HashMap<Uuid, Cursor>,
}

impl<D> fmt::Debug for Reconciler<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconciler").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl<D: Ask> Reconciler<D> {
    /// A reconciler that does nothing yet: see [`Reconciler::run`].
    pub fn new(
        docusign: D,
        store: Store,
        plan: Plan,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
        dice: Dice,
    ) -> Self {
        let share = plan.every.map(|_| store.take_part(Work::Keep));
        let hands = Mutex::new(Hands { due_at: clock.now(), cursors: HashMap::new() });
        let (desk, watched) = (Desk::default(), Watched::default());
        Self { docusign, store, desk, plan, watched, metrics, clock, dice, share, hands }
    }

    /// The runs that are open.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What is wrong with Connect's configurations, as of the last look.
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Reconciles until stopped. A run under way is then broken off; it is made again at the next start.
    pub async fn run(&self, stop: CancellationToken) {
        let mut share = self.share.clone();
        let moved = async |share: &mut Option<watch::Receiver<Parts>>| match share {
            Some(share) => share.changed().await,
            None => std::future::pending().await,
        };
        while !stop.is_cancelled() {
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = self.step() => next,
            };
            let Next::At(at) = next else { continue };
            let wait = Duration::try_from(at.duration_since(self.clock.now())).unwrap_or_default();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait.min(limits::RECONCILE_LOOK_MAX)) => {}
                () = self.desk.added() => {}
                // A node is given its share a moment after its start, or when another one has ended.
                Ok(()) = moved(&mut share) => {}
            }
        }
    }

    /// One turn: a page of the first run that is open, or else the runs that are due.
    pub async fn step(&self) -> Next {
        let mut hands = self.hands.lock().await;
        let now = self.clock.now();
        let waits = match self.desk.next(now) {
            Ok(run) => {
                self.go_on(run, &mut hands).await;
                return Next::Now;
            }
            Err(waits) => waits,
        };
        let due = self.plan.every.map(|_| hands.due_at);
        let mine = self.share.as_ref().is_some_and(|share| !share.borrow().is_empty());
        match due {
            Some(due) if due <= now && mine => {
                hands.due_at = self.begin_due(now).await;
                Next::Now
            }
            // What is another node's may become this one's at any time: `run` is woken then.
            Some(due) if due > now => Next::At(waits.map_or(due, |waits| waits.min(due))),
            _ => Next::At(waits.unwrap_or_else(|| later(now, limits::RECONCILE_LOOK_MAX))),
        }
    }

    /// Puts runs on the desk: one for each account asked for.
    ///
    /// # Errors
    /// Why none was.
    pub async fn order(&self, order: Order) -> Result<Vec<ReconcileRun>, Refusal> {
        let wanted = self.accounts(order.account.as_ref()).await?;
        let now = self.clock.now();
        let to = order.to.unwrap_or(now);
        let mut runs = Vec::new();
        for account in wanted {
            let reconciled = self.store.reconciled(account.clone(), now).await;
            let reconciled = reconciled.map_err(|error| Refusal::Away(error.to_string()))?;
            let overlapping = earlier(reconciled.reached, limits::RECONCILE_OVERLAP).max(reconciled.since);
            let from = order.from.unwrap_or(overlapping);
            if from > to {
                return Err(Refusal::NoWindow);
            }
            let run = self.prepared(account, (from, to), now);
            let (dry_run, ask_connect) = (order.dry_run, order.ask_connect);
            runs.push(ReconcileRun { asked: true, dry_run, ask_connect, ..run });
        }
        self.desk.add(runs.clone())?;
        Ok(runs)
    }

    /// The accounts meant: the one that is named, or all that are known and wanted.
    ///
    /// # Errors
    /// Where that one is not known, or none is told.
    pub async fn accounts(&self, named: Option<&AccountId>) -> Result<Vec<AccountId>, Refusal> {
        let known = self.docusign.accounts().await.map_err(|error| Refusal::Away(error.to_string()))?;
        match named {
            Some(account) if known.contains(account) => Ok(vec![account.clone()]),
            Some(_) => Err(Refusal::AccountUnknown),
            None if known.is_empty() => Err(Refusal::NoAccount),
            None => Ok(known.into_iter().filter(|account| (self.plan.wants)(account)).collect()),
        }
    }

    fn prepared(
        &self,
        account: AccountId,
        (from, to): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> ReconcileRun {
        ReconcileRun {
            id: self.dice.uuid_at(now),
            account,
            asked: false,
            dry_run: false,
            ask_connect: false,
            from,
            to,
            started_at: now,
            ended_at: None,
            state: RunState::Queued,
            waits_until: None,
            why: None,
            total: 0,
            looked: 0,
            unreadable: 0,
            missed: 0,
            missed_since: None,
            concerned: 0,
            signing_requests: Vec::new(),
            calls: 0,
        }
    }

    /// Puts the runs that are due on the desk; when the next ones are.
    async fn begin_due(&self, now: Timestamp) -> Timestamp {
        let every = self.plan.every.unwrap_or(limits::RECONCILE_EVERY_MAX);
        match self.store.hears_xml().await {
            Ok(false) => {}
            Ok(true) => {
                // Everything would be told once more, under the ids of JSON.
                tracing::warn!(
                    "Connect delivers XML, whose ids are others than those of REST: nothing is reconciled; \
                                have it deliver JSON, or set reconcile_every = \"off\""
                );
                return later(now, every);
            }
            Err(error) => {
                tracing::warn!(%error, "what Connect delivers cannot be read");
                return later(now, limits::RECONCILE_GRACE.min(every));
            }
        }
        let accounts = match self.docusign.accounts().await {
            Ok(accounts) => accounts,
            Err(error) => {
                tracing::warn!(%error, "the accounts to reconcile are not told");
                return match error.again() {
                    Again::At(until) => until.max(later(now, limits::REST_THROTTLE_MIN)),
                    Again::Later => later(now, limits::RECONCILE_GRACE.min(every)),
                    Again::Mended | Again::Never => later(now, every),
                };
            }
        };
        let open = self.desk.runs();
        let mut runs = Vec::new();
        for account in accounts.into_iter().filter(|account| (self.plan.wants)(account)) {
            self.watch(&account).await;
            if open.iter().any(|run| run.account == account && !run.asked) {
                continue; // It still waits for calls.
            }
            let reconciled = match self.store.reconciled(account.clone(), now).await {
                Ok(reconciled) => reconciled,
                Err(error) => {
                    tracing::warn!(%error, %account, "how far it was reconciled cannot be read");
                    return later(now, limits::RECONCILE_GRACE.min(every));
                }
            };
            let from = earlier(reconciled.reached, limits::RECONCILE_OVERLAP).max(reconciled.since);
            let to = earlier(now, limits::RECONCILE_GRACE);
            // An account that is new has nothing yet that could have been missed.
            if from < to {
                runs.push(self.prepared(account, (from, to), now));
            }
        }
        if let Err(refusal) = self.desk.add(runs) {
            tracing::warn!(%refusal, "what is due is not reconciled this time");
        }
        later(now, every)
    }

    /// Takes the next page of a run, and settles what is to follow.
    async fn go_on(&self, mut run: ReconcileRun, hands: &mut Hands) {
        if run.state == RunState::Queued {
            run.started_at = self.clock.now();
        }
        (run.state, run.waits_until) = (RunState::Running, None);
        self.desk.show(&run);
        let cursor =
            hands.cursors.entry(run.id).or_insert_with(|| Cursor::new(run.from, run.to, self.plan.page));
        match self.page(&mut run, cursor).await {
            Ok(Paged { more: true, rate }) => {
                if let Some(until) = reserved(rate, self.clock.now()) {
                    (run.state, run.waits_until) = (RunState::Waiting, Some(until));
                }
                self.desk.show(&run);
                return;
            }
            Ok(Paged { more: false, .. }) => run.state = RunState::Done,
            Err(trouble) => {
                if let Some(until) = self.puts_off(&trouble, cursor) {
                    tracing::info!(account = %run.account, %until, %trouble, "reconciling waits");
                    (run.state, run.waits_until) = (RunState::Waiting, Some(until));
                    self.desk.show(&run);
                    return;
                }
                (run.state, run.why) = (RunState::Failed, Some(trouble.to_string()));
            }
        }
        hands.cursors.remove(&run.id);
        self.end(run).await;
    }

    /// Until when a run waits because of some trouble; none where it is given up.
    fn puts_off(&self, trouble: &Trouble, cursor: &mut Cursor) -> Option<Timestamp> {
        let now = self.clock.now();
        let error = match trouble {
            Trouble::Docusign(error) => error,
            Trouble::Store(_) => return self.soon(now, cursor),
        };
        match error {
            rest::Error::TooLarge { .. } if cursor.take_smaller() => Some(now),
            rest::Error::Malformed(_) if cursor.take_smaller() => self.soon(now, cursor),
            error => match error.again() {
                Again::At(until) => Some(until.max(now)),
                Again::Later => self.soon(now, cursor),
                Again::Mended | Again::Never => None,
            },
        }
    }

    /// After a wait that grows with each attempt, at most so many times.
    fn soon(&self, now: Timestamp, cursor: &mut Cursor) -> Option<Timestamp> {
        cursor.attempts += 1;
        let (first, longest) = limits::RECONCILE_BACKOFF;
        let wait = first.saturating_mul(1 << cursor.attempts.min(16)).min(longest);
        let wait = wait.mul_f64(0.5 + self.dice.fraction() / 2.0);
        (cursor.attempts < limits::RECONCILE_ATTEMPTS_MAX).then(|| later(now, wait))
    }

    /// Keeps the report, and how far the account has been reconciled now.
    async fn end(&self, mut run: ReconcileRun) {
        run.ended_at = Some(self.clock.now());
        let done = run.state == RunState::Done;
        let reached = (done && !run.asked).then_some(run.to);
        if let Err(error) = self.store.keep_run(run.clone(), reached).await {
            self.metrics.count(Metric::StoreErrors, "", 1);
            tracing::error!(%error, account = %run.account, "the report of reconciling could not be kept: it is repeated");
        } else if let Some(reached) = reached {
            self.metrics.set(Metric::ReconciledTo, run.account.as_str(), reached.as_second());
        }
        self.metrics.count(Metric::ReconcileRuns, if done { "done" } else { "failed" }, 1);
        tell(&run);
        self.desk.close(&run);
    }
}

fn tell(run: &ReconcileRun) {
    let ReconcileRun { account, from, to, looked, missed, calls, dry_run, .. } = run;
    match (&run.why, missed) {
        (Some(why), _) => {
            tracing::warn!(%account, %from, %to, looked, missed, calls, %why, "reconciling failed; it begins anew next time");
        }
        (None, 0) => {
            tracing::info!(%account, %from, %to, looked, calls, "reconciled: Connect had delivered everything");
        }
        (None, _) => {
            let since = run.missed_since.map(tracing::field::display);
            tracing::warn!(%account, %from, %to, looked, missed, since, concerned = run.concerned, calls, dry_run,
                "reconciled: Connect had not delivered everything");
        }
    }
}

/// Until when calls are left to others: the account's hour has no more than the reserve.
fn reserved(rate: RateLimit, now: Timestamp) -> Option<Timestamp> {
    let reserve = rate.limit.map_or(limits::RECONCILE_RESERVE, |limit| limit / 5);
    if rate.remaining? > reserve.min(limits::RECONCILE_RESERVE) {
        return None;
    }
    let hour = later(now, limits::REST_THROTTLE_MAX);
    // A reset that is not told, or lies in the past by another clock, is waited for a moment and no more.
    let told = rate.reset_at.filter(|reset| *reset > now);
    Some(told.unwrap_or_else(|| later(now, limits::REST_THROTTLE_MIN)).min(hour))
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

pub(super) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_sub(by).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

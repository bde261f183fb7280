//! The flows that run beside the HTTP server: relay, enrich, auditing, pruning.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::limits;
use crate::broker;
use crate::config::{Role, Settings};
use crate::enrich::Enricher;
use crate::evidence::Signer;
use crate::receive::Receiver;
use crate::relay::Relay;
use crate::store::Work;

use super::books::audit;
use super::docusign::{Docusign, keep_alive};
use super::keeping::Keeping;
use super::reconcile::Reconciling;
use super::{Error, checkpoints};

/// How often old deliveries are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// How often it is told how far pruning is.
const PRUNE_TELL_EVERY: Duration = Duration::from_secs(60);

/// Flows under way.
#[derive(Debug)]
pub(super) struct Flows {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Flows {
    /// Starts what roles and settings ask for.
    pub(super) fn start(
        settings: &Settings,
        roles: &[Role],
        with: &Receiver,
        signer: &Arc<Signer>,
        (docusign, reconciling): (&Docusign, &Reconciling),
        status: &broker::Status,
        queues: watch::Receiver<Vec<broker::Queue>>,
    ) -> Self {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        if let Some(broker) = settings.for_broker().filter(|_| roles.contains(&Role::Relay)) {
            let (store, metrics) = (with.store.clone(), with.metrics.clone());
            let (clock, dice) = (with.clock.clone(), with.dice.clone());
            let relay = Relay::new(store, broker, status.clone(), metrics, clock, dice);
            tasks.spawn(relay.following(queues).run(stop.clone()));
        }
        if settings.enrich && roles.contains(&Role::Enrich) {
            let (clock, dice) = (Arc::clone(&with.clock), with.dice.clone());
            let client = docusign.client.clone();
            let interval = Duration::from_secs(60 * u64::from(settings.enrich_interval_minutes));
            let enricher = Enricher::new(with.store.clone(), client, with.metrics.clone(), clock, dice);
            let enricher = enricher.at_intervals(interval);
            drop(with.store.take_part(Work::Enrich));
            let stop = stop.clone();
            tasks.spawn(async move { enricher.run(stop).await });
        }
        let (reconciler, own) = (Arc::clone(&reconciling.reconciler), stop.clone());
        tasks.spawn(async move { reconciler.run(own).await });
        tasks.spawn(keep_alive(docusign.linked.clone(), with.clone(), stop.clone()));
        tasks.spawn(audit(with.store.clone(), with.metrics.clone(), stop.clone()));
        let days = (settings.dedup_retention_days, settings.audit_retention_days);
        tasks.spawn(prune(with.clone(), days, stop.clone()));
        tasks.spawn(checkpoints::sign(with.clone(), Arc::clone(signer), stop.clone()));
        Self { tasks, stop }
    }

    /// Ends the flows after what they have under way.
    pub(super) async fn stop(mut self) -> Result<(), Error> {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(limits::SHUTDOWN_TIMEOUT, ended).await.map_err(|_| Error::Slow)
    }
}

/// What is forgotten once its retention is over.
#[derive(Debug, Clone, Copy)]
enum Old {
    Deliveries,
    Evidence,
    Keys,
}

/// Forgets deliveries, records of evidence and keys older than their retention: little by little, so that the writer is
/// never held up.
async fn prune(with: Receiver, (days, audit_days): (u32, u32), stop: CancellationToken) {
    let mut keeping = Keeping::new(&with.store, PRUNE_EVERY);
    while keeping.turn(&stop).await {
        prune_all(Old::Deliveries, days, &with, &stop).await;
        prune_all(Old::Evidence, audit_days, &with, &stop).await;
        // Their own time is short, and the same everywhere.
        prune_all(Old::Keys, 0, &with, &stop).await;
    }
}

async fn prune_all(old: Old, days: u32, with: &Receiver, stop: &CancellationToken) {
    let retention = jiff::SignedDuration::from_hours(i64::from(days) * 24);
    let Ok(before) = with.clock.now().checked_sub(retention) else { return };
    let (mut pruned, mut told) = (0, None);
    loop {
        let began = Instant::now();
        let step = match old {
            Old::Deliveries => with.store.prune(before).await.map(|pruned| pruned.rows() as u64),
            Old::Evidence => with.store.prune_evidence(before).await,
            Old::Keys => with.store.prune_keyed(before).await,
        };
        match step {
            Ok(0) => break,
            Ok(count) => pruned += count,
            Err(error) => {
                tracing::warn!(%error, ?old, "what is old could not be pruned; it is tried again in an hour");
                break;
            }
        }
        if told.is_none_or(|at: Instant| at.elapsed() >= PRUNE_TELL_EVERY) {
            tracing::info!(pruned, ?old, "what is older than its retention is being pruned");
            told = Some(Instant::now());
        }
        // Deliveries are waiting for the same writer.
        let rest = began.elapsed().saturating_mul(limits::PRUNE_REST);
        if stop.run_until_cancelled(tokio::time::sleep(rest)).await.is_none() {
            break;
        }
    }
    if pruned > 0 {
        tracing::info!(pruned, ?old, "what is older than its retention was pruned");
    }
}

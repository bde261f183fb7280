//! The flows that run beside the HTTP server: relay, enrich, pruning.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::base::limits;
use crate::broker;
use crate::config::{self, CloudEvents, Role, Settings};
use crate::receive::Receiver;
use crate::relay::Relay;

use super::Error;

/// How often old deliveries are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

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
        status: &broker::Status,
    ) -> Result<Self, Error> {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        if roles.contains(&Role::Relay) && !settings.broker.is_empty() {
            let (store, metrics) = (with.store.clone(), with.metrics.clone());
            let (clock, dice) = (with.clock.clone(), with.dice.clone());
            let relay = Relay::new(store, broker_settings(settings), status.clone(), metrics, clock, dice);
            tasks.spawn(relay.run(stop.clone()));
        }
        tasks.spawn(prune(with.clone(), settings.dedup_retention_days, stop.clone()));
        Ok(Self { tasks, stop })
    }

    /// Ends the flows after what they have under way.
    pub(super) async fn stop(mut self) -> Result<(), Error> {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(limits::SHUTDOWN_TIMEOUT, ended).await.map_err(|_| Error::Slow)
    }
}

/// Forgets deliveries older than the retention, little by little so that the writer is never held up.
async fn prune(with: Receiver, days: u32, stop: CancellationToken) {
    let retention = jiff::SignedDuration::from_hours(i64::from(days) * 24);
    let mut turns = tokio::time::interval(PRUNE_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turns.tick() => {}
        }
        let Ok(before) = with.clock.now().checked_sub(retention) else { continue };
        loop {
            match with.store.prune(before).await {
                Ok(0) => break,
                Ok(count) => tracing::info!(count, "deliveries older than the retention were pruned"),
                Err(error) => {
                    tracing::warn!(%error, "old deliveries could not be pruned; it is tried again in an hour");
                    break;
                }
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }
}

fn broker_settings(settings: &Settings) -> broker::Settings {
    broker::Settings {
        urls: settings.broker.clone(),
        queues: settings.queues.iter().map(queue).collect(),
        mode: match settings.cloud_events {
            CloudEvents::Binary => broker::Mode::Binary,
            CloudEvents::Structured => broker::Mode::Structured,
        },
        audit_stream: settings.audit_stream,
    }
}

fn queue(wanted: &config::QueueSettings) -> broker::Queue {
    broker::Queue {
        name: wanted.name.clone(),
        bind: wanted.bind.clone(),
        kind: match wanted.kind {
            config::QueueKind::Quorum => broker::QueueKind::Quorum,
            config::QueueKind::Classic => broker::QueueKind::Classic,
            config::QueueKind::Stream => broker::QueueKind::Stream,
        },
        dead_letter_exchange: wanted.dead_letter_exchange.clone(),
        dead_letter_routing_key: wanted.dead_letter_routing_key.clone(),
        delivery_limit: wanted.delivery_limit,
        single_active_consumer: wanted.single_active_consumer,
        max_length: wanted.max_length,
    }
}

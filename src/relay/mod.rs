//! From the outbox to the broker: in order, confirmed, settled.
//!
//! One connection at a time, a few lanes on it. A subject always takes the same lane and never has two changes in
//! flight, so a change that the broker refuses is never overtaken by the next one of its subject.

mod dealer;
mod outbox;

pub use outbox::Outbox;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::base::{Dice, limits};
use crate::broker::{Error, Lane, Link, Published, Settings, Status};
use crate::signing::Entry;
use crate::telemetry::{Metric, Metrics};

use dealer::Dealer;

/// How often a broken part of the topology is tried again while connected.
const REDECLARE_EVERY: Duration = Duration::from_secs(30);

/// Publishes what the outbox holds, for as long as it runs.
#[derive(Debug)]
pub struct Relay<O> {
    outbox: O,
    settings: Settings,
    status: Status,
    metrics: Metrics,
    dice: Dice,
}

/// Why publishing over one connection ended.
enum End {
    Stopped,
    Lost(String),
}

type Flight = (usize, Vec<Entry>, Lane, Published);

impl<O: Outbox> Relay<O> {
    /// A relay over an outbox; it tells `status` how the broker stands.
    pub fn new(outbox: O, settings: Settings, status: Status, metrics: Metrics, dice: Dice) -> Self {
        Self { outbox, settings, status, metrics, dice }
    }

    /// Publishes until stopped, over one connection after another.
    pub async fn run(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let connecting = Link::connect(&self.settings);
            let connected = tokio::select! {
                () = stop.cancelled() => return,
                connected = connecting => connected,
            };
            let why = match connected {
                Err(error) => {
                    self.metrics.count(Metric::BrokerConnects, "failed", 1);
                    error.to_string()
                }
                Ok(link) => {
                    self.metrics.count(Metric::BrokerConnects, "ok", 1);
                    let began = Instant::now();
                    let end = self.publish_over(&link, &stop).await;
                    link.close().await;
                    self.metrics.set(Metric::BrokerUp, "", 0);
                    self.metrics.set(Metric::BrokerBlocked, "", 0);
                    if began.elapsed() > limits::BROKER_BACKOFF.1 {
                        failures = 0;
                    }
                    match end {
                        End::Stopped => return,
                        End::Lost(why) => why,
                    }
                }
            };
            self.metrics.count(Metric::PublishRetries, "connection", 1);
            if self.status.lost(&why) || failures == 0 {
                tracing::warn!(%why, "the broker is away: changes wait in the store, deliveries are accepted all the same");
            }
            let wait = backoff(failures, &self.dice);
            failures = failures.saturating_add(1);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Declares, opens the lanes, and publishes until the connection is lost or everything is to stop.
    async fn publish_over(&self, link: &Link, stop: &CancellationToken) -> End {
        let mut sound = match self.declare(link).await {
            Ok(sound) => sound,
            Err(error) => return End::Lost(error.to_string()),
        };
        let mut lanes = Vec::with_capacity(limits::RELAY_LANES);
        for _ in 0..limits::RELAY_LANES {
            match link.lane(self.settings.mode).await {
                Ok(lane) => lanes.push(Some(lane)),
                Err(error) => return End::Lost(error.to_string()),
            }
        }
        self.status.connected();
        self.metrics.set(Metric::BrokerUp, "", 1);
        tracing::info!(sound, "connected to the broker");
        let mut turn = Turn { relay: self, dealer: Dealer::new(lanes.len()), lanes, flights: JoinSet::new() };
        let mut redeclare_at = Instant::now() + REDECLARE_EVERY;
        let (mut blocked, mut last) = (link.blocked(), self.outbox.last_position());
        let mut drain_until = None;
        loop {
            let is_blocked = *blocked.borrow_and_update();
            self.show_blocked(is_blocked);
            last.mark_unchanged();
            let idle = match turn.deal(is_blocked).await {
                Ok(idle) => idle,
                Err(wait) => {
                    // The store cannot be read: as with the broker, try again a little later.
                    sleep(wait).await;
                    continue;
                }
            };
            if stop.is_cancelled() {
                let until = *drain_until.get_or_insert_with(|| Instant::now() + limits::DRAIN_TIMEOUT);
                if turn.flights.is_empty() && (idle || is_blocked || Instant::now() >= until) {
                    return End::Stopped;
                }
            }
            let next_due = turn.dealer.next_due();
            tokio::select! {
                flown = turn.flights.join_next(), if !turn.flights.is_empty() => {
                    if let Some(why) = turn.land(flown).await { return turn.abandon(why).await; }
                }
                why = link.lost() => return turn.abandon(why).await,
                _ = blocked.changed() => {}
                _ = last.changed(), if idle => {}
                () = stop.cancelled(), if drain_until.is_none() => {}
                () = sleep_until(drain_until), if drain_until.is_some() => {
                    if turn.flights.is_empty() { return End::Stopped; }
                    return turn.abandon("it was told to stop".into()).await;
                }
                () = sleep_until(next_due), if next_due.is_some() => {}
                () = tokio::time::sleep_until(redeclare_at), if !sound => {
                    redeclare_at = Instant::now() + REDECLARE_EVERY;
                    match self.declare(link).await {
                        Ok(now) => sound = now,
                        Err(error) => return turn.abandon(error.to_string()).await,
                    }
                }
            }
        }
    }

    /// Declares the topology; true when every part is sound. A broken part holds up nothing else.
    async fn declare(&self, link: &Link) -> Result<bool, Error> {
        let mut sound = true;
        for (part, outcome) in link.declare(&self.settings).await? {
            self.metrics.set(Metric::TopologyFault, &part, i64::from(outcome.is_err()));
            let fault = outcome.err();
            sound &= fault.is_none();
            if self.status.set_part(&part, fault.clone()) {
                match fault {
                    Some(why) => tracing::error!(
                        part,
                        why,
                        "a part of the topology cannot be declared; everything else \
                        goes on. Delete it or declare it as it should be; it is tried again"
                    ),
                    None => tracing::info!(part, "a part of the topology is sound again"),
                }
            }
        }
        Ok(sound)
    }

    fn show_blocked(&self, blocked: bool) {
        if self.status.set_blocked(blocked) {
            self.metrics.set(Metric::BrokerBlocked, "", i64::from(blocked));
            if blocked {
                tracing::warn!(
                    "the broker blocks publishers (memory or disk alarm): changes wait in the store"
                );
            } else {
                tracing::info!("the broker takes messages again");
            }
        }
    }

    /// Settles what is confirmed; for as long as the store cannot be written, tries again.
    async fn settle(&self, published: &Published) {
        if published.receipts.is_empty() {
            return;
        }
        let mut failures = 0;
        while let Err(error) = self.outbox.settle(published.receipts.clone()).await {
            if failures >= 5 {
                tracing::warn!(%error, "confirmed changes could not be settled: they will be published again");
                return;
            }
            sleep(backoff(failures, &self.dice)).await;
            failures += 1;
        }
        self.metrics.count(Metric::Published, "", published.receipts.len() as u64);
    }

    fn count_refused(&self, published: &Published, batch: &[Entry]) {
        for refused in &published.refused {
            self.metrics.count(Metric::PublishRetries, refused.how, 1);
            tracing::warn!(how = refused.how, why = %refused.why, routing_key = %batch[refused.index].routing_key,
                "the broker did not take a change; it is tried again, and its subject waits. Is every queue bound and \
                 has room, and does the exchange {} still have its alternate?", crate::broker::EXCHANGE);
        }
    }
}

/// One connection's worth of publishing.
struct Turn<'a, O> {
    relay: &'a Relay<O>,
    dealer: Dealer,
    /// Lanes at rest; a lane in flight is with its batch.
    lanes: Vec<Option<Lane>>,
    flights: JoinSet<Flight>,
}

impl<O: Outbox> Turn<'_, O> {
    /// Reads what there is room for and sends every lane at rest on its way; true when nothing is left to read.
    async fn deal(&mut self, blocked: bool) -> Result<bool, Duration> {
        self.dealer.wake(Instant::now());
        let mut exhausted = false;
        while !exhausted && self.dealer.has_room() {
            let page = self.relay.outbox.unsettled(self.dealer.cursor(), limits::RELAY_PAGE).await.map_err(
                |error| {
                    tracing::error!(%error, "the outbox cannot be read; it is tried again");
                    limits::BROKER_BACKOFF.0
                },
            )?;
            exhausted = page.len() < limits::RELAY_PAGE;
            self.dealer.take(page);
        }
        if !blocked {
            for index in 0..self.lanes.len() {
                if let Some(lane) = self.lanes[index].take() {
                    self.fly(index, lane);
                }
            }
        }
        Ok(exhausted)
    }

    fn fly(&mut self, index: usize, lane: Lane) {
        let batch = self.dealer.batch(index, limits::RELAY_WINDOW);
        if batch.is_empty() {
            self.lanes[index] = Some(lane);
            return;
        }
        let metrics = self.relay.metrics.clone();
        self.flights.spawn(async move {
            let began = Instant::now();
            let published = lane.publish(&batch).await;
            metrics.time(Metric::ConfirmTime, began.elapsed().as_secs_f64());
            (index, batch, lane, published)
        });
    }

    /// Takes in a batch that is back; why the connection is to be given up, where it is.
    async fn land(&mut self, flown: Option<Result<Flight, tokio::task::JoinError>>) -> Option<String> {
        let (index, batch, lane, published) = match flown? {
            Ok(flight) => flight,
            Err(error) => return Some(error.to_string()),
        };
        self.relay.count_refused(&published, &batch);
        self.relay.settle(&published).await;
        if let Some(lost) = published.lost {
            return Some(lost.0);
        }
        let refused: Vec<usize> = published.refused.iter().map(|r| r.index).collect();
        self.dealer.landed(index, &batch, &refused, Instant::now(), &self.relay.dice);
        self.fly(index, lane);
        None
    }

    /// The connection is lost: settles what the batches under way still learned.
    async fn abandon(mut self, why: String) -> End {
        let landing = async {
            while let Some(Ok((_, batch, _, published))) = self.flights.join_next().await {
                self.relay.count_refused(&published, &batch);
                self.relay.settle(&published).await;
            }
        };
        // On a lost connection every confirm fails at once; on one that is silent, waiting longer would not help.
        let _ = tokio::time::timeout(limits::BROKER_BACKOFF.0, landing).await;
        End::Lost(why)
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Full jitter over a doubling wait, within [`limits::BROKER_BACKOFF`].
fn backoff(failures: u32, dice: &Dice) -> Duration {
    let (first, longest) = limits::BROKER_BACKOFF;
    let most = first.saturating_mul(1 << failures.min(10)).min(longest);
    first.max(most.mul_f64(dice.fraction()))
}

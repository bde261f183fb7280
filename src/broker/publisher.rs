//! The publisher: connects for as long as it takes, declares the topology, opens lanes, and says how it stands.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::base::{Clock, Dice, limits};
use crate::failpoint::{self, Step};
use crate::telemetry::{Metric, Metrics};

use super::topology::{self, Findings, Part};
use super::wire::Wire;
use super::{Error, Lane, Link, Lost, Opener, Queue, Settings, Standing, Status, backoff};

/// Opens one session after the other.
#[derive(Debug)]
pub struct Publisher {
    settings: Settings,
    /// Subscribers' queues as they are asked for now.
    queues: watch::Receiver<Vec<Queue>>,
    tools: Tools,
    dice: Dice,
    /// Attempts and sessions in a row that brought no confirm.
    failures: u32,
    /// The address to begin with: another one after each failure.
    first: usize,
    /// Said already that it is down.
    outage: bool,
}

/// What is needed to say how it stands.
#[derive(Debug, Clone)]
struct Tools {
    status: Status,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
}

/// A connection with its lanes, and one beside it for the topology, kept in shape until both are closed.
#[derive(Debug)]
pub struct Session {
    link: Link,
    wire: Wire,
    opened: Instant,
    lanes: Vec<Lane>,
    opener: Opener,
    keeper: AbortOnDropHandle<()>,
    tools: Tools,
}

impl Publisher {
    /// A publisher that has not connected yet.
    pub fn new(
        settings: Settings,
        status: Status,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
        dice: Dice,
    ) -> Self {
        metrics.set(Metric::BrokerUp, "", 0);
        metrics.set(Metric::BrokerBlocked, "", 0);
        let tools = Tools { status, metrics, clock };
        // Without a sender they stay what they are.
        let queues = watch::channel(settings.queues.clone()).1;
        Self { settings, queues, tools, dice, failures: 0, first: 0, outage: false }
    }

    /// The same, following what subscribers' queues are asked for.
    #[must_use]
    pub fn following(mut self, queues: watch::Receiver<Vec<Queue>>) -> Self {
        self.queues = queues;
        self
    }

    /// Connects, declares the topology and opens the lanes; tries again with growing waits until that is done.
    /// `None` once `stop` is asked for.
    pub async fn open(&mut self, stop: &CancellationToken) -> Option<Session> {
        loop {
            if self.failures > 0 {
                let wait = backoff(self.failures, limits::BROKER_BACKOFF, &self.dice);
                stop.run_until_cancelled(sleep(wait)).await?;
            }
            match stop.run_until_cancelled(self.attempt()).await? {
                Ok(session) => return Some(session),
                Err(error) => self.failed(&error.to_string()),
            }
        }
    }

    async fn attempt(&mut self) -> Result<Session, Error> {
        let link = Link::connect_from(&self.settings, self.first).await?;
        let mut wanted = Wanted { settings: self.settings.clone(), queues: self.queues.clone() };
        let parts = wanted.parts();
        let findings = topology::declare(&link.connection, &parts).await;
        // What failed because the connection did is no fault of the topology.
        self.tools.report(&link.still_there(findings)?);
        let wire = Wire::open(&link.address, link.standing()).await?;
        let opener = wire.opener(self.settings.mode);
        let lanes = try_join_all((0..limits::RELAY_LANES).map(|_| opener.lane())).await;
        let lanes = lanes.map_err(|why| Error::Lost(why.to_string()))?;
        failpoint::pass(Step::Declared);
        self.tools.metrics.count(Metric::BrokerConnects, "ok", 1);
        self.tools.metrics.set(Metric::BrokerUp, "", 1);
        self.tools.status.connected(link.address().to_owned(), self.tools.clock.now());
        if self.outage {
            tracing::info!(
                address = link.address(),
                attempts = self.failures,
                "connected to the broker again"
            );
        } else {
            tracing::info!(address = link.address(), "connected to the broker");
        }
        self.outage = false;
        let keeping =
            keep(self.tools.clone(), (wanted, parts), Arc::clone(&link.connection), wire.standing());
        let keeper = AbortOnDropHandle::new(tokio::spawn(keeping));
        Ok(Session { link, wire, opened: Instant::now(), lanes, opener, keeper, tools: self.tools.clone() })
    }

    /// A confirm came: whatever failed before is over.
    pub fn proved(&mut self) {
        self.failures = 0;
    }

    /// The session is lost, and this is why; what is left of it is closed.
    pub async fn lost(&mut self, session: Session, why: &Lost) {
        if session.opened.elapsed() > limits::BROKER_BACKOFF.1 {
            self.proved();
        }
        self.down(&why.to_string());
        session.close().await;
    }

    fn failed(&mut self, why: &str) {
        self.tools.metrics.count(Metric::BrokerConnects, "failed", 1);
        self.down(why);
    }

    /// Said loudly once per outage; the attempts that follow are for those who look closely.
    fn down(&mut self, why: &str) {
        self.failures = self.failures.saturating_add(1);
        self.first = self.first.wrapping_add(1);
        self.tools.metrics.set(Metric::BrokerUp, "", 0);
        self.tools.metrics.set(Metric::BrokerBlocked, "", 0);
        self.tools.status.disconnected(why, self.tools.clock.now());
        if self.outage {
            tracing::debug!(why, failures = self.failures, "the broker is still out of reach");
        } else {
            tracing::warn!(
                why,
                "no connection to the broker: changes wait in the store, and it is tried again until it is back"
            );
        }
        self.outage = true;
    }
}

impl Session {
    /// The lanes, once; they are of no use after the session has ended.
    pub fn take_lanes(&mut self) -> Vec<Lane> {
        std::mem::take(&mut self.lanes)
    }

    /// Opens further lanes, for as long as the session lasts.
    pub fn opener(&self) -> Opener {
        self.opener.clone()
    }

    /// How the connection stands, as it changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.wire.standing()
    }

    /// Closes both connections, within their time.
    pub async fn close(self) {
        self.keeper.abort();
        self.tools.status.closed(self.tools.clock.now());
        self.tools.metrics.set(Metric::BrokerUp, "", 0);
        self.tools.metrics.set(Metric::BrokerBlocked, "", 0);
        tokio::join!(self.wire.close(), self.link.close());
    }
}

/// Keeps the topology in shape and tells of blocks, until it is aborted or the connection has ended.
async fn keep(
    tools: Tools,
    (mut wanted, mut parts): (Wanted, Vec<Part>),
    connection: Arc<lapin::Connection>,
    mut standing: watch::Receiver<Standing>,
) {
    loop {
        let stands = standing.borrow_and_update().clone();
        match &stands {
            Standing::Lost(_) => return,
            Standing::Blocked(why) => tools.blocked(Some(why)),
            Standing::Open => tools.blocked(None),
        }
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { return },
            again = wanted.again(tools.recheck_in()) => {
                if again {
                    let before = std::mem::replace(&mut parts, wanted.parts());
                    tools.forget(before.iter().filter(|old| !parts.iter().any(|part| part.name == old.name)));
                }
                // While the broker blocks us, not even a channel opens.
                if stands == Standing::Open {
                    let findings = topology::declare(&connection, &parts).await;
                    // What failed because the connection did is no fault of the topology.
                    if *standing.borrow() == Standing::Open {
                        tools.report(&findings);
                    }
                }
            }
        }
    }
}

/// What is to be declared, as it changes.
struct Wanted {
    settings: Settings,
    queues: watch::Receiver<Vec<Queue>>,
}

impl Wanted {
    fn parts(&mut self) -> Vec<Part> {
        self.settings.queues.clone_from(&self.queues.borrow_and_update());
        topology::plan(&self.settings)
    }

    /// True as soon as something else is wanted, false after so long.
    async fn again(&mut self, at_last: Duration) -> bool {
        tokio::select! {
            Ok(()) = self.queues.changed() => true,
            () = sleep(at_last) => false,
        }
    }
}

impl Tools {
    /// Parts that are no longer wanted have no faults. What stands at the broker stays: it may hold messages.
    fn forget<'a>(&self, parts: impl Iterator<Item = &'a Part>) {
        for part in parts {
            self.metrics.set(Metric::TopologyFault, &part.name, 0);
            self.status.set_part(&part.name, None);
            tracing::info!(
                part = part.name,
                "no longer asked for; what stands at the broker is left as it is"
            );
        }
    }

    fn recheck_in(&self) -> Duration {
        let sound = self.status.view().faults.is_empty();
        if sound { limits::TOPOLOGY_RECHECK } else { limits::TOPOLOGY_RETRY }
    }

    fn blocked(&self, why: Option<&String>) {
        if !self.status.set_blocked(why.is_some()) {
            return;
        }
        self.metrics.set(Metric::BrokerBlocked, "", i64::from(why.is_some()));
        match why {
            Some(why) => tracing::warn!(
                why,
                "the broker blocks publishers: changes wait in the store until it has memory and disk again"
            ),
            None => tracing::info!("the broker takes publishes again"),
        }
    }

    /// Tells of each fault once, when it comes and when it is gone.
    fn report(&self, findings: &Findings) {
        for (part, outcome) in findings {
            self.metrics.set(Metric::TopologyFault, part, i64::from(outcome.is_err()));
            if self.status.set_part(part, outcome.as_ref().err()) {
                match outcome {
                    Err(why) => tracing::error!(
                        part,
                        why,
                        "a part of the topology is not as wanted; everything else goes on, and it is tried again"
                    ),
                    Ok(()) => tracing::info!(part, "a part of the topology is as wanted again"),
                }
            }
        }
    }
}

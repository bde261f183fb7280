//! What goes wrong: drawn from a seed, one after another; and, beside that, DocuSign's own troubles.

use std::time::{Duration, Instant};

use countersign::simulator::docusign::{Fault as Trouble, FaultKind};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::Plan;
use super::world::World;
use crate::support::pause;
use crate::support::postgres::Stop;

/// Something that goes wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ServerKilled,
    ServerTerminated,
    ServerFrozen,
    BrokerKilled,
    BrokerRestarted,
    BrokerFrozen,
    WireReset,
    WireCut,
    WireStalled,
    StoreRestarted,
    StoreKilled,
    StoreFrozen,
    StoreWireReset,
    StoreWireCut,
    StoreWireStalled,
}

use Fault::*;

const OF_THE_NODE: &[Fault] =
    &[ServerKilled, ServerTerminated, ServerFrozen, WireReset, WireCut, WireStalled];
const OF_THE_BROKER: &[Fault] = &[BrokerKilled, BrokerRestarted, BrokerFrozen];
const OF_THE_STORE: &[Fault] =
    &[StoreRestarted, StoreKilled, StoreFrozen, StoreWireReset, StoreWireCut, StoreWireStalled];

impl Fault {
    fn word(self) -> &'static str {
        match self {
            ServerKilled => "server kill -9",
            ServerTerminated => "server SIGTERM",
            ServerFrozen => "server SIGSTOP",
            BrokerKilled => "broker kill -9",
            BrokerRestarted => "broker restart",
            BrokerFrozen => "broker SIGSTOP",
            WireReset => "wire to the broker reset",
            WireCut => "wire to the broker cut",
            WireStalled => "wire to the broker stalled",
            StoreRestarted => "store restart",
            StoreKilled => "store kill",
            StoreFrozen => "store SIGSTOP",
            StoreWireReset => "wire to the store reset",
            StoreWireCut => "wire to the store cut",
            StoreWireStalled => "wire to the store stalled",
        }
    }
}

/// A fault that was, in seconds since the beginning.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Struck {
    pub(super) what: &'static str,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Struck {
    /// Whether a delivery could be answered slowly for it: it struck a server or the store, within a second of `at`.
    pub(super) fn disturbs(&self, at: f64) -> bool {
        (self.what.starts_with("server") || self.what.contains("store"))
            && (self.from - 1.0..self.to + 1.0).contains(&at)
    }
}

impl World {
    /// Lets faults happen until the time is over, and mends everything.
    pub(super) async fn suffer(&mut self, plan: &Plan) -> Vec<Struck> {
        let began = plan.began;
        if let Some(rabbit) = &self.rabbit {
            rabbit.outlives_its_youth().await;
        }
        let (docusign, seed, time) = (self.docusign.clone(), plan.seed, plan.time);
        let troubles = tokio::spawn(async move { trouble(&docusign, seed, began, time).await });
        let mut possible = OF_THE_NODE.to_vec();
        if self.rabbit.is_some() {
            possible.extend(OF_THE_BROKER);
        }
        if self.postgres.is_some() {
            possible.extend(OF_THE_STORE);
        }
        let mut dice = StdRng::seed_from_u64(plan.seed);
        let mut struck = Vec::new();
        // The smoke has seconds for what the soak has minutes for.
        let (rest, hold) = if plan.out.is_some() { (3.0..12.0, 1.0..12.0) } else { (0.3..0.8, 0.2..0.8) };
        while began.elapsed() < plan.time {
            pause(Duration::from_secs_f64(dice.random_range(rest.clone()))).await;
            let fault = *possible.choose(&mut dice).expect("some fault");
            let (node, hold) = (
                dice.random_range(0..self.nodes.len()),
                Duration::from_secs_f64(dice.random_range(hold.clone())),
            );
            let from = began.elapsed().as_secs_f64();
            self.strike(fault, node, hold).await;
            struck.push(Struck { what: fault.word(), from, to: began.elapsed().as_secs_f64() });
        }
        struck.extend(troubles.await.expect("DocuSign's troubles end"));
        struck.sort_by(|a, b| a.from.total_cmp(&b.from));
        struck
    }

    async fn strike(&mut self, fault: Fault, node: usize, hold: Duration) {
        let broken = &mut self.nodes[node];
        match fault {
            ServerKilled => {
                broken.server.kill();
                pause(hold.min(Duration::from_secs(3))).await;
                self.restart(node).await;
            }
            ServerTerminated => {
                let code = broken.server.terminate().await;
                // A stop that takes too long because the broker is away is told by its code, and loses nothing.
                assert!(matches!(code, 0 | 1), "a stop ends with {code}");
                self.restart(node).await;
            }
            ServerFrozen => {
                broken.server.signal("STOP");
                pause(hold).await;
                broken.server.signal("CONT");
            }
            WireReset => broken.to_broker.reset(),
            WireCut | WireStalled => {
                if fault == WireCut {
                    broken.to_broker.cut()
                } else {
                    broken.to_broker.stall()
                }
                pause(hold).await;
                broken.to_broker.restore();
            }
            BrokerKilled | BrokerRestarted | BrokerFrozen => self.strike_broker(fault, hold).await,
            StoreRestarted | StoreKilled | StoreFrozen => self.strike_store(fault, hold).await,
            StoreWireReset | StoreWireCut | StoreWireStalled => {
                let Some(wire) = &broken.to_store else { return };
                match fault {
                    StoreWireCut => wire.cut(),
                    StoreWireStalled => wire.stall(),
                    _ => return wire.reset(),
                }
                pause(hold).await;
                wire.restore();
            }
        }
    }

    async fn strike_broker(&mut self, fault: Fault, hold: Duration) {
        let Some(rabbit) = &mut self.rabbit else { return };
        match fault {
            BrokerKilled => {
                rabbit.kill();
                pause(hold).await;
                rabbit.restart().await;
                // Queues declared anew in the meantime must outlive the next kill.
                rabbit.outlives_its_youth().await;
            }
            BrokerRestarted => {
                rabbit.stop_app().await;
                pause(hold).await;
                rabbit.start_app().await;
            }
            _ => {
                rabbit.freeze();
                pause(hold).await;
                rabbit.thaw();
            }
        }
    }

    async fn strike_store(&mut self, fault: Fault, hold: Duration) {
        let Some(postgres) = &mut self.postgres else { return };
        match fault {
            StoreFrozen => {
                postgres.freeze();
                pause(hold).await;
                postgres.thaw();
            }
            _ => {
                postgres.stop(if fault == StoreRestarted { Stop::Fast } else { Stop::Immediate }).await;
                pause(hold).await;
                postgres.restart().await;
            }
        }
    }
}

/// DocuSign's own troubles, beside all others.
async fn trouble(
    docusign: &countersign::simulator::docusign::Docusign,
    seed: u64,
    began: Instant,
    time: Duration,
) -> Vec<Struck> {
    let mut dice = StdRng::seed_from_u64(seed ^ 1);
    let mut struck = Vec::new();
    let kinds = [
        ("DocuSign 503", FaultKind::Status { status: 503, retry_after: Some(1) }),
        ("DocuSign 500", FaultKind::Status { status: 500, retry_after: None }),
        ("DocuSign slow", FaultKind::Slow { ms: 2_000 }),
        ("DocuSign resets", FaultKind::Reset),
        ("DocuSign cut short", FaultKind::Truncate),
        ("DocuSign 429", FaultKind::ThrottleBurst),
    ];
    // A refusal for the rate is waited out for half a minute, for which the smoke has no time.
    let kinds = if time < Duration::from_secs(60) { &kinds[..5] } else { &kinds[..] };
    while began.elapsed() < time {
        let (rest, hold) = (dice.random_range(0.02..0.1), dice.random_range(0.02..0.1));
        // By the length of the whole: some ten of them in any soak, each of half a minute at most.
        let part = |share: f64| time.mul_f64(share).min(Duration::from_secs(30));
        pause(part(rest)).await;
        let (what, kind) = kinds.choose(&mut dice).expect("some trouble").clone();
        let from = began.elapsed().as_secs_f64();
        docusign.add_fault(Trouble::always(kind));
        pause(part(hold)).await;
        docusign.clear_faults();
        struck.push(Struck { what, from, to: began.elapsed().as_secs_f64() });
    }
    struck
}

//! Deliveries at a steady rate: lives side by side, told more than once, out of order, and among forgeries.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign::simulator::connect::{Configuration, Format};
use countersign::simulator::docusign::Docusign;
use countersign::simulator::sender::{Course, Faults, Planned, Target, Traffic as Lives};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::faults::Struck;
use super::world::World;
use crate::line::last_told;
use crate::support::checker::Checker;
use crate::support::deliveries::{signature, try_post};
use crate::support::pause;
use crate::support::server::KEY;
use crate::support::traffic::answered_id;

/// Lives at once.
const ALIVE: usize = 64;
/// Deliveries that wait for their answer at once: more than an outage of a minute brings at the usual rates.
const IN_FLIGHT_MAX: usize = 4_096;
const ANSWERED: &str = "no delivery is answered as it must not be";
const FAULTS: Faults = Faults { duplicate: 0.1, reorder: 0.1, bad_signature: 0.05, drop: 0.0 };

/// Sends until it is stopped.
#[derive(Clone)]
pub(super) struct Sender {
    lives: Lives,
    rate: f64,
    urls: Arc<[String]>,
    pub(super) checker: Arc<Checker>,
    docusign: Docusign,
    stop: CancellationToken,
    began: Instant,
    /// Milliseconds from the beginning to each try that was answered 200, and microseconds to its answer.
    took: Arc<Mutex<Vec<(u32, u32)>>>,
    forged: Arc<AtomicU64>,
}

impl Sender {
    pub(super) fn new(plan: &Plan, world: &World, checker: Arc<Checker>) -> Self {
        let configuration = Configuration::new(Format::Json);
        let target = Target { url: "http://nowhere".to_owned(), keys: vec![KEY.into()], configuration };
        let accounts = world.docusign.accounts().to_vec();
        let lives = Lives { seed: plan.seed, faults: FAULTS, accounts, ..Lives::to(target) };
        let urls = world.urls().iter().map(|url| format!("{url}/connect")).collect();
        let (docusign, stop) = (world.docusign.clone(), CancellationToken::new());
        Self {
            lives,
            rate: plan.rate,
            urls,
            checker,
            docusign,
            stop,
            began: plan.began,
            took: Arc::default(),
            forged: Arc::default(),
        }
    }

    /// Begins no more lives; those begun are told to their end.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Sends, and gives the number of lives once all of them are told and answered.
    pub(super) async fn run(self) -> u64 {
        let mut dice = StdRng::seed_from_u64(self.lives.seed ^ 2);
        let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / self.rate));
        let (mut alive, mut born): (Vec<Course>, u64) = (Vec::new(), 0);
        let mut under_way = JoinSet::new();
        loop {
            while alive.len() < ALIVE && !self.stop.is_cancelled() {
                alive.push(self.lives.course(born));
                born += 1;
            }
            if alive.is_empty() {
                break;
            }
            let which = dice.random_range(0..alive.len());
            let Some(planned) = alive[which].next() else {
                alive.swap_remove(which);
                continue;
            };
            pace.tick().await;
            if !planned.duplicate {
                self.docusign.apply(&planned.message.step);
            }
            under_way.spawn(self.clone().tell(planned, dice.random_range(0..self.urls.len())));
            while let Some(told) = under_way.try_join_next() {
                told.expect(ANSWERED);
            }
            if under_way.len() >= IN_FLIGHT_MAX
                && let Some(told) = under_way.join_next().await
            {
                told.expect(ANSWERED);
            }
        }
        while let Some(told) = under_way.join_next().await {
            told.expect(ANSWERED);
        }
        born
    }

    /// Sends one delivery until it has its answer, to one node after another.
    async fn tell(self, planned: Planned, first: usize) {
        let body = planned.message.body(&self.lives.target.configuration);
        let mut tries = first;
        if planned.spoilt.is_some() {
            let forged = signature("nobody's key", &body);
            loop {
                let url = &self.urls[tries % self.urls.len()];
                match try_post(url, &[("x-docusign-signature-1", &forged)], body.clone()).await {
                    Some((401, _)) => break,
                    Some((503, _)) | None => tries += 1,
                    Some((status, answer)) => panic!("a forgery is answered {status}: {answer}"),
                }
                pause(Duration::from_millis(250)).await;
            }
            self.forged.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.checker.send_begins();
        let id = loop {
            let begin = Instant::now();
            if let Some(id) = answered_id(&self.urls[tries % self.urls.len()], &body).await {
                let micros = u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX);
                let at = u32::try_from((begin - self.began).as_millis()).unwrap_or(u32::MAX);
                self.took.lock().unwrap_or_else(PoisonError::into_inner).push((at, micros));
                break id;
            }
            tries += 1;
            pause(Duration::from_millis(250)).await;
        };
        self.checker.is_answered(id);
    }

    /// Where signing requests stand once so many lives are told, by status.
    pub(super) fn ends(&self, lives: u64) -> BTreeMap<String, u64> {
        let lives = Lives { envelopes: lives, ..self.lives.clone() };
        let mut stands = BTreeMap::new();
        for status in lives.ends().filter_map(|end| last_told(&end, Format::Json)) {
            *stands.entry(status.to_owned()).or_default() += 1;
        }
        stands
    }

    /// Forgeries refused so far.
    pub(super) fn forged(&self) -> u64 {
        self.forged.load(Ordering::Relaxed)
    }

    /// Milliseconds within which half, 95 and 99 of 100, and all were answered 200, but for tries that these faults disturbed.
    pub(super) fn spread(&self, but_for: &[Struck]) -> [f64; 4] {
        let all = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        let calm = |at: u32| !but_for.iter().any(|struck| struck.disturbs(f64::from(at) / 1_000.0));
        let mut took: Vec<u32> = all.iter().filter(|(at, _)| calm(*at)).map(|(_, micros)| *micros).collect();
        took.sort_unstable();
        let at =
            |share: f64| took.get((took.len() as f64 * share) as usize).or(took.last()).copied().unwrap_or(0);
        [0.5, 0.95, 0.99, 1.0].map(|share| f64::from(at(share)) / 1_000.0)
    }
}

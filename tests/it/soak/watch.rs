//! What is seen while it runs: a sample each second or few, and the checker's line each minute.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Plan;
use super::sender::Sender;
use super::world::World;
use crate::support::http;
use crate::support::subscriber::Subscriber;

/// Samples in all, whatever the length: enough for a plot.
const SAMPLES: u32 = 600;

/// How things stood at one moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Seconds since the beginning.
    pub(super) at: f64,
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// Different messages that the subscriber has heard.
    pub(super) heard: u64,
    /// Changes that wait to be published; none while no node answers.
    pub(super) backlog: Option<f64>,
    /// Resident memory of all nodes together, in MiB; none while one of them is away.
    pub(super) memory_mib: Option<f64>,
}

/// Takes samples until it is dropped.
pub(super) struct Watch {
    urls: Vec<String>,
    processes: Arc<[AtomicU32]>,
    sender: Sender,
    heard: Box<dyn Fn() -> u64 + Send + Sync>,
    every: Duration,
    samples: Mutex<Vec<Sample>>,
}

impl Watch {
    pub(super) fn new(plan: &Plan, world: &World, sender: &Sender, subscriber: &Subscriber) -> Self {
        Self {
            urls: world.urls(),
            processes: Arc::clone(&world.processes),
            sender: sender.clone(),
            heard: subscriber.watch(),
            every: (plan.time / SAMPLES).max(Duration::from_secs(1)),
            samples: Mutex::default(),
        }
    }

    /// Watches for ever; `aloud` says the minutes.
    pub(super) async fn run(&self, aloud: bool) -> ! {
        let (began, mut minute) = (Instant::now(), 1);
        let mut pace = tokio::time::interval(self.every);
        // The checker's ids that were answered since the last minute that could be checked.
        let mut checked = 0;
        loop {
            pace.tick().await;
            let at = began.elapsed().as_secs_f64();
            let sample = Sample {
                at,
                sent: self.sender.checker.sent(),
                answered: self.sender.checker.answered(),
                heard: (self.heard)(),
                backlog: self.backlog().await,
                memory_mib: self.processes.iter().map(resident_mib).sum(),
            };
            if aloud && at >= f64::from(minute) * 60.0 {
                let forgotten = self.forgotten(&mut checked).await;
                println!(
                    "minute {minute}: sent {} · answered 200 {} · forged and refused {} · heard {} · backlog {} · \
                     memory {} MiB · answered and forgotten {forgotten}",
                    sample.sent,
                    sample.answered,
                    self.sender.forged(),
                    sample.heard,
                    sample.backlog.map_or_else(|| "?".to_owned(), |count| count.to_string()),
                    sample.memory_mib.map_or_else(|| "?".to_owned(), |mib| format!("{mib:.0}")),
                );
                minute += 1;
            }
            self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        }
    }

    pub(super) fn samples(&self) -> Vec<Sample> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A GET that a node which is away or frozen does not hold up.
    async fn ask(&self, path: &str) -> Option<String> {
        for url in &self.urls {
            let request = http().get(format!("{url}{path}")).timeout(Duration::from_millis(700));
            if let Ok(answer) = request.send().await
                && answer.status() == 200
                && let Ok(text) = answer.text().await
            {
                return Some(text);
            }
        }
        None
    }

    async fn backlog(&self) -> Option<f64> {
        let text = self.ask("/metrics").await?;
        text.lines().find_map(|line| line.strip_prefix("countersign_backlog ")?.parse().ok())
    }

    /// How many of the deliveries answered since the last look are not stored; a word where no node can be asked now:
    /// then the next minute looks at them too.
    async fn forgotten(&self, checked: &mut usize) -> String {
        let (fresh, until) = self.sender.checker.answered_since(*checked);
        let mut missing = fresh.clone();
        // Ids are time-ordered, and the list begins with the newest.
        let oldest = fresh.iter().min().copied().unwrap_or_default();
        let mut path = "/v1/deliveries?limit=1000".to_owned();
        loop {
            let Some(text) = self.ask(&path).await else { return "(nobody to ask)".to_owned() };
            let page: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let ids: Vec<u128> = page["result"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|row| Some(row["id"].as_str()?.parse::<uuid::Uuid>().ok()?.as_u128()))
                .collect();
            for id in &ids {
                missing.remove(id);
            }
            match page["next_cursor"].as_str() {
                Some(next) if ids.last().is_some_and(|last| *last >= oldest) => {
                    path = format!("/v1/deliveries?limit=1000&before={next}");
                }
                _ => break,
            }
        }
        *checked = until;
        assert!(missing.is_empty(), "answered 200 and not stored: {} deliveries", missing.len());
        "0".to_owned()
    }
}

fn resident_mib(process: &AtomicU32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.load(Ordering::SeqCst))).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

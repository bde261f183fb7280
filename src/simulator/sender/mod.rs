//! Signed Connect traffic to any URL: many lives in flight at once, each one's messages in order, with retries,
//! duplicates, swaps and forgeries as asked for; and books that say how all of it was answered.

mod course;
mod post;
mod report;
mod spoil;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::{Dice, limits};

use super::life::{Account, EnvelopeStatus, Kind, Life, Pace, RecipientStatus, Setting};

pub use course::{Course, Faults, Planned};
pub use post::{Patience, Post, Target};
pub use report::{Books, Fate, Percentiles, Report};
pub use spoil::Spoilt;

/// Why traffic cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No HTTP client.
    #[error("no HTTP client can be built: {0}")]
    Client(String),
    /// The URL is none; it is not quoted, for it may hold a password.
    #[error("the target is no URL to send to: {0}")]
    Url(String),
    /// A probability is none.
    #[error("`{name}` is a probability, from 0 to 1, not {value}")]
    Probability {
        /// Which one.
        name: &'static str,
        /// As given.
        value: f64,
    },
}

/// Called once for each delivery, with its fate.
pub type OnAnswer = Arc<dyn Fn(Fate) + Send + Sync>;

/// Traffic to be sent. The same traffic is the same deliveries, byte for byte.
#[derive(Clone)]
pub struct Traffic {
    /// Where to, signed by which keys, in which shape.
    pub target: Target,
    /// How many lives.
    pub envelopes: u64,
    /// Deliveries a second; 0 for as many as the connections carry.
    pub rate: f64,
    /// What all of it is drawn from.
    pub seed: u64,
    /// What goes wrong, and how often.
    pub faults: Faults,
    /// Connections that send side by side.
    pub connections: usize,
    /// Lives in flight at once, over all connections.
    pub alive: usize,
    /// Whose envelopes: each life belongs to one of these.
    pub accounts: Vec<Arc<Account>>,
    /// Only lives of this kind; all kinds where none.
    pub kind: Option<Kind>,
    /// When the first life begins.
    pub start: Timestamp,
    /// How long to try one delivery.
    pub patience: Patience,
    /// Called once for each delivery.
    pub on_answer: Option<OnAnswer>,
    /// Ends the run early: what is under way is finished, nothing new is begun.
    pub stop: CancellationToken,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic")
            .field("envelopes", &self.envelopes)
            .field("rate", &self.rate)
            .field("seed", &self.seed)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// How a life ends, for tests that look at what subscribers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What it is about.
    pub kind: Kind,
    /// The account's GUID.
    pub account_id: String,
    /// The envelope's GUID; none for a template.
    pub envelope_id: Option<String>,
    /// Where the envelope stands in the end.
    pub status: Option<EnvelopeStatus>,
    /// Its recipients in the end, with their GUIDs (which XML tells) and where they stand.
    pub recipients: Vec<(String, String, RecipientStatus)>,
    /// The events told, in order.
    pub events: Vec<&'static str>,
    /// Messages about it, each counted once.
    pub messages: u64,
}

/// How many deliveries traffic is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outlook {
    /// Messages that say something new.
    pub messages: u64,
    /// Copies of these.
    pub duplicates: u64,
    /// Forgeries.
    pub forged: u64,
}

/// The first of May 2026: far enough back that lives end before the present.
const START_SECONDS: i64 = 1_777_622_400;

impl Traffic {
    /// A hundred lives of one account, one delivery after another, without faults.
    pub fn to(target: Target) -> Self {
        Self {
            target,
            envelopes: 100,
            rate: 0.0,
            seed: 1,
            faults: Faults::default(),
            connections: 1,
            alive: limits::SIMULATOR_ALIVE,
            accounts: vec![Arc::new(Account::invented(&Dice::seeded(0)))],
            kind: None,
            start: Timestamp::from_second(START_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH),
            patience: Patience::default(),
            on_answer: None,
            stop: CancellationToken::new(),
        }
    }

    fn checked(&self) -> Result<(), Error> {
        let Faults { duplicate, reorder, bad_signature, drop } = self.faults;
        let named = [
            ("duplicate", duplicate),
            ("reorder", reorder),
            ("bad-signature", bad_signature),
            ("drop", drop),
        ];
        match named.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            Some((name, value)) => Err(Error::Probability { name, value }),
            None => Ok(()),
        }
    }

    /// Dice for one use of one life: neither depends on what else is drawn.
    fn dice(&self, life: u64, of: u64) -> Dice {
        let mixed = self.seed.rotate_left(32) ^ life.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ of;
        Dice::seeded(mixed)
    }

    /// The life of that number.
    pub fn life(&self, number: u64) -> Life {
        let dice = self.dice(number, 1);
        let account = number.checked_rem(self.accounts.len() as u64);
        let account = account.and_then(|place| self.accounts.get(usize::try_from(place).ok()?)).cloned();
        let account = account.unwrap_or_else(|| Arc::new(Account::invented(&Dice::seeded(0))));
        // Lives begin one after another, some seconds apart.
        let apart = SignedDuration::from_millis(1_733);
        let since = i32::try_from(number).map_or(apart, |number| apart.saturating_mul(number));
        let start = self.start.checked_add(since).unwrap_or(self.start);
        let setting = Setting { account, start, pace: Pace::Lifelike };
        match self.kind {
            Some(kind) => Life::new(kind, &setting, dice),
            None => Life::drawn(&setting, dice),
        }
    }

    /// The deliveries of the life of that number.
    pub fn course(&self, number: u64) -> Course {
        let format = self.target.configuration.format;
        Course::new(self.life(number), format, self.faults, self.dice(number, 2))
    }

    /// How each life ends, computed anew and not remembered: it costs no memory to ask.
    pub fn ends(&self) -> impl Iterator<Item = Ended> + '_ {
        (0..self.envelopes).map(|number| self.end(number))
    }

    fn end(&self, number: u64) -> Ended {
        let mut life = self.life(number);
        let steps: Vec<_> = life.by_ref().collect();
        let account_id = steps.first().map(|step| step.subject.account().id.to_string());
        let envelope = life.envelope();
        let format = self.target.configuration.format;
        Ended {
            kind: life.kind(),
            account_id: account_id.unwrap_or_default(),
            envelope_id: envelope.map(|envelope| envelope.id.to_string()),
            status: envelope.map(|envelope| envelope.status),
            recipients: envelope
                .map(|envelope| envelope.recipients.as_slice())
                .unwrap_or_default()
                .iter()
                .map(|r| (r.id.clone(), r.guid.to_string(), r.status))
                .collect(),
            events: steps.iter().map(|step| step.event).collect(),
            messages: super::connect::Messages::of(steps.into_iter(), format).count() as u64,
        }
    }

    /// How many deliveries it is made of, without sending any.
    pub fn outlook(&self) -> Outlook {
        let mut outlook = Outlook::default();
        for planned in (0..self.envelopes).flat_map(|number| self.course(number)) {
            *match planned {
                Planned { spoilt: Some(_), .. } => &mut outlook.forged,
                Planned { duplicate: true, .. } => &mut outlook.duplicates,
                Planned { .. } => &mut outlook.messages,
            } += 1;
        }
        outlook
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// When the options are wrong; answers and broken connections are no errors but entries in the report.
    pub async fn send(&self) -> Result<Report, Error> {
        self.checked()?;
        let post = Post::new(self.target.clone(), self.patience, self.dice(0, 3), self.stop.clone())?;
        let connections = self.connections.clamp(1, limits::SIMULATOR_CONNECTIONS_MAX);
        let shared = Arc::new(Shared {
            traffic: self.clone(),
            post,
            alive: self.alive.div_ceil(connections).max(1),
            next_life: AtomicU64::new(0),
            next_slot: AtomicU64::new(0),
            began: Instant::now(),
        });
        let senders: Vec<_> = (0..connections as u64)
            .map(|number| tokio::spawn(send_lives(Arc::clone(&shared), number)))
            .collect();
        let mut books = Books::default();
        for sender in senders {
            if let Ok(own) = sender.await {
                books.add(&own);
            }
        }
        Ok(books.close(shared.began.elapsed()))
    }
}

/// What the connections share.
struct Shared {
    traffic: Traffic,
    post: Post,
    alive: usize,
    next_life: AtomicU64,
    next_slot: AtomicU64,
    began: Instant,
}

impl Shared {
    fn newborn(&self) -> Option<Course> {
        let number = self.next_life.fetch_add(1, Ordering::Relaxed);
        (number < self.traffic.envelopes).then(|| self.traffic.course(number))
    }

    /// Waits for the next delivery's moment, where there is a rate.
    async fn slot(&self) {
        if self.traffic.rate > 0.0 {
            let slot = self.next_slot.fetch_add(1, Ordering::Relaxed);
            let due = self.began + Duration::from_secs_f64(slot as f64 / self.traffic.rate);
            tokio::time::sleep_until(due).await;
        }
    }
}

/// One connection's work: it keeps its own lives, so that those of one life are sent one after another.
async fn send_lives(shared: Arc<Shared>, connection: u64) -> Books {
    let stop = &shared.traffic.stop;
    let dice = shared.traffic.dice(connection, 4);
    let mut books = Books::default();
    let mut lives: Vec<Course> = Vec::with_capacity(shared.alive);
    while !stop.is_cancelled() {
        while lives.len() < shared.alive
            && let Some(newborn) = shared.newborn()
        {
            lives.push(newborn);
        }
        if lives.is_empty() {
            break;
        }
        let which = usize::try_from(dice.below(lives.len() as u64)).unwrap_or(0);
        let Some(planned) = lives[which].next() else {
            lives.swap_remove(which);
            continue;
        };
        tokio::select! {
            () = shared.slot() => {}
            () = stop.cancelled() => break,
        }
        let fate = shared.post.deliver(&planned.message, planned.spoilt, &mut books).await;
        if let Some(on_answer) = &shared.traffic.on_answer {
            on_answer(fate);
        }
    }
    books
}

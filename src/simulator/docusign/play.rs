//! Lives played in real time: each act changes what REST tells, and is then told over Connect, as DocuSign does.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::Dice;
use crate::simulator::connect::{Format, Messages};
use crate::simulator::life::{Life, Pace, Step};
use crate::simulator::sender::{Books, Error, Patience, Post, Report, Target};

use super::{Docusign, lock};

/// Nobody waits for longer than a year.
const WAIT_SECONDS_MAX: f64 = 365.0 * 86_400.0;

/// How lives are played.
#[derive(Debug, Clone)]
pub struct Play {
    /// Where Connect's messages go.
    pub target: Target,
    /// How much faster than told: 1 as it is, 60 makes a second of each minute.
    pub speed: f64,
    /// Lives at once.
    pub alive: usize,
    /// How long to try one message.
    pub patience: Patience,
    /// How likely a message is never sent, from 0 to 1. It can be asked for with `retry_queue`.
    pub drop: f64,
    /// Whether envelopes that are sent over REST get signed too, and how fast. The play then goes on until stopped.
    pub adopt: Option<Pace>,
    /// Ends the play.
    pub stop: CancellationToken,
}

impl Play {
    /// A dozen lives at once, as fast as told; envelopes sent over REST wait for ever.
    pub fn to(target: Target) -> Self {
        Self {
            target,
            speed: 1.0,
            alive: 12,
            patience: Patience::default(),
            drop: 0.0,
            adopt: None,
            stop: CancellationToken::new(),
        }
    }
}

/// What all lives of a play share.
struct Stage {
    docusign: Docusign,
    post: Post,
    format: Format,
    speed: f64,
    drop: f64,
    stop: CancellationToken,
}

impl Docusign {
    /// Plays lives until they end or the play is stopped, and with them what REST calls make happen.
    ///
    /// # Errors
    /// When the target's URL is none; a receiver that is down is no error, its messages are tried again.
    pub async fn play(&self, lives: impl Iterator<Item = Life>, play: Play) -> Result<Report, Error> {
        let stop = play.stop.child_token();
        let dice = Dice::seeded(self.0.dice.below(u64::MAX));
        let stage = Arc::new(Stage {
            docusign: self.clone(),
            post: Post::new(play.target.clone(), play.patience, dice, stop.clone())?,
            format: play.target.configuration.format,
            speed: play.speed.max(f64::MIN_POSITIVE),
            drop: play.drop,
            stop: stop.clone(),
        });
        let began = Instant::now();
        let courier = tokio::spawn(Arc::clone(&stage).tell_what_rest_did());
        let mut books = Books::default();
        stage.play_all(lives, &play, &mut books).await;
        stop.cancel();
        if let Ok(told) = courier.await {
            books.add(&told);
        }
        Ok(books.close(began.elapsed()))
    }
}

impl Stage {
    async fn play_all(self: &Arc<Self>, lives: impl Iterator<Item = Life>, play: &Play, books: &mut Books) {
        let mut lives = lives.fuse();
        let mut alive = JoinSet::new();
        let shared = &self.docusign.0;
        while !self.stop.is_cancelled() {
            while alive.len() < play.alive.max(1)
                && let Some(life) = self.adopted(play.adopt).or_else(|| lives.next())
            {
                alive.spawn(Arc::clone(self).live(life));
            }
            if alive.is_empty() && play.adopt.is_none() {
                return;
            }
            tokio::select! {
                Some(ended) = alive.join_next() => if let Ok(own) = ended { books.add(&own) },
                () = shared.something_sent.notified(), if play.adopt.is_some() => {}
                () = self.stop.cancelled() => {}
            }
        }
        while let Some(ended) = alive.join_next().await {
            if let Ok(own) = ended {
                books.add(&own);
            }
        }
    }

    /// The rest of the life of an envelope that was sent over REST.
    fn adopted(&self, pace: Option<Pace>) -> Option<Life> {
        let pace = pace?;
        let shared = &self.docusign.0;
        let envelope = lock(&shared.sent).pop_front()?;
        let dice = Dice::seeded(shared.dice.below(u64::MAX));
        Some(Life::adopted(envelope, shared.clock.now(), pace, dice))
    }

    /// Lives one life to its end.
    async fn live(self: Arc<Self>, mut life: Life) -> Books {
        let mut books = Books::default();
        let began = Instant::now();
        let start = life.at();
        while let Some(due) = life.due() {
            tokio::select! {
                () = tokio::time::sleep_until(began + self.real(start, due)) => {}
                () = self.stop.cancelled() => break,
            }
            let Some(steps) = self.happen(&mut life) else { break };
            self.tell(self.not_dropped(steps), &mut books).await;
        }
        books
    }

    /// The steps that are told; the others are kept for whoever asks for them.
    fn not_dropped(&self, steps: Vec<Step>) -> Vec<Step> {
        if self.drop <= 0.0 {
            return steps;
        }
        let shared = &self.docusign.0;
        let (dropped, told): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|_| shared.dice.chance(self.drop));
        let mut connect = lock(&shared.connect);
        dropped.into_iter().for_each(|step| connect.drop_step(step));
        told
    }

    /// How long it takes in reality from one moment of a life to another.
    fn real(&self, from: Timestamp, to: Timestamp) -> Duration {
        let seconds = to.duration_since(from).as_secs_f64() / self.speed;
        Duration::from_secs_f64(seconds.clamp(0.0, WAIT_SECONDS_MAX))
    }

    /// Lets the next act happen to the envelope as REST knows it, which somebody may have voided meanwhile.
    fn happen(&self, life: &mut Life) -> Option<Vec<Step>> {
        let mut world = lock(&self.docusign.0.world);
        let known = life.envelope().and_then(|own| world.envelope(own.account.id, own.id));
        if let Some(known) = known {
            life.continue_with(&known);
        }
        let steps = life.next_act()?;
        if let Some(envelope) = steps.last().and_then(|step| step.subject.envelope()) {
            world.put(Arc::clone(envelope));
        }
        Some(steps)
    }

    async fn tell(&self, steps: Vec<Step>, books: &mut Books) {
        for message in Messages::of(steps.into_iter(), self.format) {
            self.post.deliver(&message, None, books).await;
        }
    }

    /// Tells over Connect what REST calls made happen, in their order.
    async fn tell_what_rest_did(self: Arc<Self>) -> Books {
        let mut books = Books::default();
        let shared = &self.docusign.0;
        loop {
            let untold: Vec<Step> = lock(&shared.untold).drain(..).collect();
            if !untold.is_empty() {
                self.tell(untold, &mut books).await;
                continue;
            }
            tokio::select! {
                () = shared.something_to_tell.notified() => {}
                () = self.stop.cancelled() => return books,
            }
        }
    }
}

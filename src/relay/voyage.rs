//! One connection's worth of publishing: lanes go out with batches and come back with answers, until it is lost.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::base::limits;
use crate::broker::{Answer, Answers, Lane, Lost, Opener, Session, Standing, backoff};
use crate::failpoint::{self, Step};
use crate::signing::{Entry, Receipt};
use crate::telemetry::Metric;

use super::trouble::Trouble;
use super::{Outbox, Relay};

/// How a voyage ended.
#[derive(Debug)]
pub(super) enum End {
    Stopped,
    Lost(Lost),
}

/// A lane that is back.
struct Flight {
    /// With its number; none for a trial, whose lane is of no further use.
    lane: Option<(usize, Lane)>,
    batch: Vec<Entry>,
    answers: Answers,
    took: Duration,
}

pub(super) struct Voyage<'a, O> {
    relay: &'a mut Relay<O>,
    standing: watch::Receiver<Standing>,
    /// Lanes at rest; one in flight is with its batch.
    lanes: Vec<Option<Lane>>,
    flights: FuturesUnordered<BoxFuture<'static, Flight>>,
    opener: Opener,
    /// A change is being tried on a lane of its own.
    trying: bool,
    lost: Option<Lost>,
    /// When reading and dealing ends, and when waiting does, once a stop is asked for.
    stopping: Option<(Instant, Instant)>,
}

impl<'a, O: Outbox> Voyage<'a, O> {
    pub(super) fn new(relay: &'a mut Relay<O>, session: &mut Session) -> Self {
        Self {
            relay,
            standing: session.standing(),
            lanes: session.take_lanes().into_iter().map(Some).collect(),
            flights: FuturesUnordered::new(),
            opener: session.opener(),
            trying: false,
            lost: None,
            stopping: None,
        }
    }

    /// Publishes until the connection is lost or a stop is asked for and done with. No lane is ever left in flight
    /// on a lost connection: it comes back with the answers that it had.
    pub(super) async fn sail(&mut self, stop: &CancellationToken) -> End {
        let mut look_again = tokio::time::interval(limits::RELAY_LOOK_AGAIN);
        let mut last = self.relay.clerk.last();
        let mut standing = self.standing.clone();
        let mut parts = self.relay.clerk.parts();
        self.relay.dealer.hold(*parts.borrow_and_update());
        loop {
            let stands = standing.borrow_and_update().clone();
            let now = Instant::now();
            self.relay.courtesy.see(*last.borrow_and_update(), now);
            self.turn(&stands, stop.is_cancelled(), now);
            if let Some(end) = self.end(&stands, now) {
                return end;
            }
            let wake_at = self.wake_at(now);
            let rests = self.room(now) == 0;
            let Self { relay, flights, stopping, .. } = self;
            tokio::select! {
                Some(flight) = flights.next() => {
                    relay.courtesy.see(*last.borrow_and_update(), Instant::now());
                    self.land(flight);
                }
                done = relay.clerk.back() => relay.clerk.take_in(done, &mut relay.dealer),
                // An error here means that the store is closed; then only a stop can follow.
                Ok(()) = last.changed(), if !rests => {}
                Ok(()) = standing.changed() => {}
                Ok(()) = parts.changed() => relay.dealer.hold(*parts.borrow_and_update()),
                _ = look_again.tick() => relay.dealer.look_again(),
                () = stop.cancelled(), if stopping.is_none() => {}
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// Does all that can be done now: wakes the parked, sends lanes out, sends the clerk out.
    fn turn(&mut self, stands: &Standing, stop: bool, now: Instant) {
        if let Standing::Lost(why) = stands {
            self.lost.get_or_insert_with(|| why.clone());
        }
        if stop {
            self.stopping.get_or_insert((now + limits::DRAIN_TIMEOUT, now + limits::RELAY_STOP_TIMEOUT));
        }
        let on = self.lost.is_none() && self.stopping.is_none_or(|(until, _)| now < until);
        self.relay.dealer.wake(now);
        if on && *stands == Standing::Open {
            let mut room = self.room(now);
            for number in 0..self.lanes.len() {
                room -= self.launch(number, room, now);
            }
            self.launch_trial();
        }
        let may_read = on && self.room(now) > 0;
        self.relay.clerk.set_out(&mut self.relay.dealer, may_read, now);
    }

    /// How many changes may set out now. There is no courtesy in a stop: what is left then waits for the next start.
    fn room(&self, now: Instant) -> usize {
        if self.stopping.is_some() { usize::MAX } else { self.relay.courtesy.room(now) }
    }

    /// How it ends, once nothing is under way any more.
    fn end(&self, stands: &Standing, now: Instant) -> Option<End> {
        if !self.flights.is_empty() {
            let over = self.stopping.is_some_and(|(_, last)| now >= last);
            // What is still in flight stays unpublished in the store and goes out after the next start.
            return over.then_some(End::Stopped);
        }
        if let Some(why) = &self.lost {
            return Some(if self.stopping.is_some() { End::Stopped } else { End::Lost(why.clone()) });
        }
        let (until, _) = self.stopping?;
        let done = self.relay.clerk.idle() || *stands != Standing::Open || now >= until;
        done.then_some(End::Stopped)
    }

    /// The next moment at which something is to be done though nothing happens; what was due by `now` is done.
    fn wake_at(&self, now: Instant) -> Option<Instant> {
        let stop = self.stopping.map(|(until, last)| if now < until { until } else { last });
        let rest = self.relay.courtesy.rest_until(now);
        let waits = [self.relay.dealer.next_due(), self.relay.clerk.not_before(), rest, stop];
        waits.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Sends a lane out with as many changes as there is room for; how many.
    fn launch(&mut self, number: usize, room: usize, now: Instant) -> usize {
        let Some(mut lane) = self.lanes[number].take() else { return 0 };
        // One by one, after a batch of which it was not known whose fault its end was.
        let most = if self.relay.careful > 0 { room.min(1) } else { room };
        let batch = self.relay.dealer.batch(most);
        if batch.is_empty() {
            self.lanes[number] = Some(lane);
            return 0;
        }
        let count = batch.len();
        self.relay.courtesy.set_out(count, now);
        self.flights.push(Box::pin(async move {
            let began = Instant::now();
            let answers = lane.publish(&batch).await;
            Flight { lane: Some((number, lane)), batch, answers, took: began.elapsed() }
        }));
        count
    }

    /// Tries a change that the broker did not answer on a channel of its own, so that no other waits behind it.
    fn launch_trial(&mut self) {
        let Some(entry) = (if self.trying { None } else { self.relay.dealer.trial() }) else { return };
        self.trying = true;
        let opener = self.opener.clone();
        self.flights.push(Box::pin(async move {
            let (batch, began) = (vec![entry], Instant::now());
            let answers = match opener.lane().await {
                Ok(mut lane) => lane.publish(&batch).await,
                Err(lost) => Answers { each: vec![Answer::Silent], lost: Some(lost) },
            };
            Flight { lane: None, batch, answers, took: began.elapsed() }
        }));
    }

    /// Takes in a lane that is back with its answers.
    fn land(&mut self, flight: Flight) {
        let Flight { lane, batch, answers: Answers { each, lost }, took } = flight;
        failpoint::pass(Step::Confirmed);
        self.relay.courtesy.back(took, Instant::now());
        let silence = self.silence(&each, lost.as_ref());
        let mut advice = HashMap::new();
        for (entry, answer) in batch.into_iter().zip(each) {
            match answer {
                Answer::Confirmed(receipt) => self.confirmed(&entry, receipt),
                Answer::Unrouted(receipt, why) => {
                    self.count(Trouble::Astray, &entry, &why, &mut advice);
                    self.confirmed(&entry, receipt);
                }
                Answer::Nacked => self.park(entry, Trouble::Nack, "", &mut advice),
                Answer::Returned(why) => self.park(entry, Trouble::Return, &why, &mut advice),
                Answer::Silent => match &silence {
                    Silence::Unknown(word) => {
                        self.relay.metrics.count(Metric::PublishRetries, word, 1);
                        self.relay.dealer.unanswered(entry);
                    }
                    Silence::Telling(trouble, why) => self.park(entry, *trouble, why, &mut advice),
                },
            }
        }
        for (trouble, (routing_key, why, count)) in advice {
            self.relay.advise(trouble, &routing_key, &why, count);
        }
        match (lane, lost) {
            (None, _) => self.trying = false,
            (Some(_), Some(why)) => drop(self.lost.get_or_insert(why)),
            (Some((number, lane)), None) => {
                self.relay.metrics.time(Metric::ConfirmTime, took.as_secs_f64());
                self.lanes[number] = Some(lane);
            }
        }
    }

    /// What it means that the broker said nothing to a change of this batch. If it was alone on its channel, or others
    /// of its batch were answered in time, it is about the change itself: a queue of its does not answer, or the broker
    /// rejects it. It is parked then, or each new connection would wait for it again. If not, those that follow go one
    /// by one for a while, so that the next time it can be told. (RabbitMQ lets a whole channel wait for one queue.)
    fn silence(&mut self, each: &[Answer], lost: Option<&Lost>) -> Silence {
        let (alone, answered) = (each.len() == 1, each.iter().any(|answer| *answer != Answer::Silent));
        match lost {
            Some(Lost::Rejected(why)) if alone => return Silence::Telling(Trouble::Reject, why.clone()),
            Some(why @ Lost::Timeout(_)) if alone || answered => {
                return Silence::Telling(Trouble::Silence, why.to_string());
            }
            Some(Lost::Rejected(_) | Lost::Timeout(_)) => {
                self.relay.careful = self.relay.careful.max(each.len());
            }
            Some(Lost::Broken(_)) | None => {}
        }
        Silence::Unknown(lost.map_or("connection", Lost::word))
    }

    fn confirmed(&mut self, entry: &Entry, receipt: Receipt) {
        self.relay.publisher.proved();
        self.relay.careful = self.relay.careful.saturating_sub(1);
        self.relay.dealer.confirmed(entry);
        self.relay.dealer.cleared(&entry.routing_key);
        self.relay.clerk.take(receipt, entry.subject_ref);
    }

    /// Parks the subject of a change that the broker did not take.
    fn park(&mut self, entry: Entry, trouble: Trouble, why: &str, advice: &mut Advice) {
        self.count(trouble, &entry, why, advice);
        if trouble == Trouble::Silence {
            self.relay.dealer.suspect(&entry.routing_key);
        }
        let relay = &mut *self.relay;
        let failures = relay.dealer.refusals(entry.subject_ref).saturating_add(1);
        let wait = backoff(failures, limits::RELAY_BACKOFF, &relay.dice);
        relay.dealer.refused(entry, Instant::now() + wait);
    }

    fn count(&mut self, trouble: Trouble, entry: &Entry, why: &str, advice: &mut Advice) {
        self.relay.metrics.count(Metric::PublishRetries, trouble.word(), 1);
        advice.entry(trouble).or_insert_with(|| (entry.routing_key.clone(), why.to_owned(), 0)).2 += 1;
    }
}

/// For each trouble of a batch its first routing key, what the broker said, and how often.
type Advice = HashMap<Trouble, (String, String, usize)>;

enum Silence {
    /// Nothing is known: first again on the next connection.
    Unknown(&'static str),
    /// It is about the change itself.
    Telling(Trouble, String),
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

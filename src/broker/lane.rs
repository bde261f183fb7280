//! A lane: one channel with one writer, which publishes a batch in bursts and tells the broker's answer to each.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::base::limits;
use crate::failpoint::{self, Step};
use crate::signing::{Entry, Receipt};

use super::error::Lost;
use super::message::write;
use super::wire::{Order, Outgoing, Slip, Target, lost};
use super::{EXCHANGE, Mode, Standing, UNROUTED};

/// A channel in confirm mode. Publishing takes it by `&mut`: the broker numbers what comes over a channel by itself, and
/// answers by these numbers.
#[derive(Debug)]
pub struct Lane {
    opener: Opener,
    channel: u16,
    /// The number that the broker will give to the next message.
    next: u64,
    opened: Instant,
    /// It has nacked something.
    doubtful: bool,
    /// Room for the next batch's frames: that of the last one's.
    room: Vec<u8>,
}

/// The broker's answer to one publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It holds the change.
    Confirmed(Receipt),
    /// No queue was there to take it (the reply's text), and it was put into `countersign.unrouted` instead.
    Unrouted(Receipt, String),
    /// It refused the change: a queue is full and rejects, or its leader is gone.
    Nacked,
    /// No queue took it, not even `countersign.unrouted`: the reply's text.
    Returned(String),
    /// It said nothing before the connection was lost; it may hold the change or not.
    Silent,
}

/// What came of a batch.
#[derive(Debug)]
pub struct Answers {
    /// One answer for each change, in the order given.
    pub each: Vec<Answer>,
    /// Why the connection is of no more use, where it is not.
    pub lost: Option<Lost>,
}

/// Opens lanes on a connection.
#[derive(Debug, Clone)]
pub struct Opener {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) frame_max: usize,
    pub(super) mode: Mode,
}

impl Opener {
    /// Opens a lane.
    ///
    /// # Errors
    /// When the broker gives no channel, or not in time.
    pub async fn lane(&self) -> Result<Lane, Lost> {
        let opening = timeout(limits::BROKER_CONNECT_TIMEOUT, self.channel());
        let channel = opening.await.map_err(|_| Lost::Timeout("opening a channel"))??;
        let (opener, opened, room) = (self.clone(), Instant::now(), Vec::new());
        Ok(Lane { opener, channel, next: 1, opened, doubtful: false, room })
    }

    /// Opens a channel in confirm mode.
    async fn channel(&self) -> Result<u16, Lost> {
        let (waits, opened) = oneshot::channel();
        self.order(Order::Open(waits)).await;
        self.patiently(opened, || 0, "opening a channel").await
    }

    /// Gives an order to the connection. One that has ended takes none, and says so to who waits for an answer.
    async fn order(&self, order: Order) {
        let _ = self.orders.send(order).await;
    }

    /// Waits for an answer, but not once the connection is lost, and no longer than [`limits::CONFIRM_TIMEOUT`] without
    /// progress; time during which the broker blocks publishers does not count.
    async fn patiently<T>(
        &self,
        mut answer: oneshot::Receiver<Result<T, Lost>>,
        progress: impl Fn() -> usize,
        what: &'static str,
    ) -> Result<T, Lost> {
        let (mut standing, mut before) = (self.standing.clone(), progress());
        loop {
            // Cloned: the lock on it must not be held while waiting.
            let stands = standing.borrow_and_update().clone();
            let blocked = match stands {
                Standing::Open => false,
                Standing::Blocked(_) => true,
                // Its last answers came before its end was told.
                Standing::Lost(lost) => return answer.try_recv().unwrap_or(Err(lost)),
            };
            tokio::select! {
                biased;
                answered = &mut answer => return match answered {
                    Ok(answer) => answer,
                    Err(_) => Err(lost(&mut standing).await),
                },
                Ok(()) = standing.changed() => {}
                () = sleep(limits::CONFIRM_TIMEOUT), if !blocked => {
                    let now = progress();
                    if std::mem::replace(&mut before, now) == now {
                        return Err(Lost::Timeout(what));
                    }
                }
            }
        }
    }
}

impl Lane {
    /// Publishes a batch and waits for all its confirms; never longer than [`limits::CONFIRM_TIMEOUT`] without any
    /// progress, except while the broker blocks publishers.
    ///
    /// What comes back goes to `countersign.unrouted` at once. The alternate exchange does that as a rule, but it does
    /// not where the exchange was made without one, nor where the only queue bound is a stream that cannot be reached.
    pub async fn publish(&mut self, entries: &[Entry]) -> Answers {
        if let Err(lost) = self.renew_where_doubtful().await {
            return Answers { each: vec![Answer::Silent; entries.len()], lost: Some(lost) };
        }
        let all: Vec<&Entry> = entries.iter().collect();
        let (mut each, mut lost) = self.round(EXCHANGE, &all).await;
        self.doubtful |= each.contains(&Answer::Nacked);
        let back: Vec<usize> =
            (0..each.len()).filter(|at| matches!(each[*at], Answer::Returned(_))).collect();
        if lost.is_none() && !back.is_empty() {
            let again: Vec<&Entry> = back.iter().map(|at| &entries[*at]).collect();
            let (answers, why) = self.round(UNROUTED, &again).await;
            lost = why;
            for (at, answer) in back.into_iter().zip(answers) {
                if let (Answer::Returned(why), Answer::Confirmed(receipt)) = (&each[at], answer) {
                    each[at] = Answer::Unrouted(receipt, why.clone());
                }
            }
        }
        Answers { each, lost }
    }

    /// Takes another channel after a nack. Mostly a queue is full, and then it changes nothing; but a channel that
    /// published to a quorum queue while its leader's node went down goes on nacking for good, though the queue has
    /// a new leader (seen with RabbitMQ 3.10), and on a new channel it takes everything.
    async fn renew_where_doubtful(&mut self) -> Result<(), Lost> {
        if !self.doubtful || self.opened.elapsed() < limits::LANE_RENEW_EVERY {
            return Ok(());
        }
        let channel = self.opener.channel().await?;
        // All that it published is answered.
        self.opener.order(Order::Shut(std::mem::replace(&mut self.channel, channel))).await;
        (self.next, self.opened, self.doubtful) = (1, Instant::now(), false);
        Ok(())
    }

    /// Publishes to an exchange and judges what comes back.
    async fn round(&mut self, exchange: &str, entries: &[&Entry]) -> (Vec<Answer>, Option<Lost>) {
        let target = Target { exchange, channel: self.channel, frame_max: self.opener.frame_max };
        let mut frames = Outgoing::into_room(std::mem::take(&mut self.room));
        for entry in entries {
            write(entry, self.opener.mode, &target, &mut frames);
        }
        let slip = Arc::new(Slip::new(self.next, entries.len()));
        self.next += entries.len() as u64;
        let (done, answered) = oneshot::channel();
        let order = Order::Publish { channel: self.channel, frames, slip: Arc::clone(&slip), done };
        self.opener.order(order).await;
        failpoint::pass(Step::Published);
        let lost = self.opener.patiently(answered, || slip.count(), "a confirm").await.err();
        self.room = slip.room();
        // What one huge change needed is not kept.
        self.room.shrink_to(2 * limits::RELAY_BATCH_BYTES_MAX);
        (judge(entries, &slip), lost)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // Should there be no room for the order, the channel goes with its connection.
        let _ = self.opener.orders.try_send(Order::Shut(self.channel));
    }
}

/// Judges a batch by what the broker said: to each message by its number, and of those that came back by their ids.
/// What came back is confirmed as well, so a return goes before a confirm.
fn judge(entries: &[&Entry], slip: &Slip) -> Vec<Answer> {
    let (taken, returned) = slip.read();
    let verdict = |(entry, taken): (&&Entry, Option<bool>)| {
        let back = if returned.is_empty() { None } else { returned.get(&entry.id.to_string()) };
        match (back, taken) {
            (Some(why), _) => Answer::Returned(why.clone()),
            (None, Some(true)) => Answer::Confirmed(Receipt::confirmed(entry.position)),
            (None, Some(false)) => Answer::Nacked,
            (None, None) => Answer::Silent,
        }
    };
    entries.iter().zip(taken).map(verdict).collect()
}

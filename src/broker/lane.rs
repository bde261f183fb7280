//! A lane: one channel with one writer, which publishes a batch in bursts and tells the broker's answer to each.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection, PublisherConfirm};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::base::limits;
use crate::failpoint::{self, Step};
use crate::signing::{Entry, Receipt};

use super::error::Lost;
use super::message::Message;
use super::{EXCHANGE, Mode, Standing, UNROUTED};

/// A channel in confirm mode. Publishing takes it by `&mut`: two writers on one channel swap their confirms.
#[derive(Debug)]
pub struct Lane {
    connection: Arc<Connection>,
    channel: Channel,
    opened: Instant,
    /// It has nacked something.
    doubtful: bool,
    standing: watch::Receiver<Standing>,
    mode: Mode,
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
    pub(super) connection: Arc<Connection>,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) mode: Mode,
}

impl Opener {
    /// Opens a lane.
    ///
    /// # Errors
    /// When the broker gives no channel, or not in time.
    pub async fn lane(&self) -> Result<Lane, Lost> {
        let channel = timeout(limits::BROKER_CONNECT_TIMEOUT, confirming(&self.connection)).await;
        let channel = channel.map_err(|_| Lost::Timeout("opening a channel"))?;
        let channel = channel.map_err(|error| Lost::from(&error))?;
        Ok(Lane {
            connection: Arc::clone(&self.connection),
            channel,
            opened: Instant::now(),
            doubtful: false,
            standing: self.standing.clone(),
            mode: self.mode,
        })
    }
}

/// Opens a channel in confirm mode.
async fn confirming(connection: &Connection) -> Result<Channel, lapin::Error> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
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
        let connection = Arc::clone(&self.connection);
        let channel = self.patiently(confirming(&connection), "opening a channel").await?;
        let old = std::mem::replace(&mut self.channel, channel.map_err(|error| Lost::from(&error))?);
        (self.opened, self.doubtful) = (Instant::now(), false);
        // All that it published is answered. Where it does not close in time, it goes with its connection.
        let _ = timeout(limits::BROKER_CLOSE_TIMEOUT, old.close(200, "done".into())).await;
        Ok(())
    }

    /// Publishes to an exchange and judges what comes back.
    async fn round(&self, exchange: &str, entries: &[&Entry]) -> (Vec<Answer>, Option<Lost>) {
        let (issued, mut lost) = self.issue(exchange, entries).await;
        failpoint::pass(Step::Published);
        let mut replies: Vec<Option<Confirmation>> = entries.iter().map(|_| None).collect();
        let mut deadline = None;
        // The last first: once it is there, all the others are as a rule, and cost no further waking.
        for (at, confirm) in issued.into_iter().rev() {
            let reply = match deadline {
                None if lost.is_none() => self.patiently(confirm, "a confirm").await,
                // Once the connection is lost, only what has been answered already counts.
                _ => {
                    let until =
                        *deadline.get_or_insert_with(|| Instant::now() + limits::BROKER_CLOSE_TIMEOUT);
                    let Ok(reply) = timeout_at(until, confirm).await else { continue };
                    Ok(reply)
                }
            };
            match reply {
                Ok(Ok(confirmation)) => replies[at] = Some(confirmation),
                Ok(Err(error)) => note(&mut lost, Lost::from(&error)),
                Err(why) => note(&mut lost, why),
            }
        }
        (judge(entries, replies), lost)
    }

    /// Hands the batch to the connection, burst by burst. Each publish takes its tag and queues its frames when it is
    /// first polled, without a pause between, so a joined burst keeps tags and frames together.
    async fn issue(
        &self,
        exchange: &str,
        entries: &[&Entry],
    ) -> (Vec<(usize, PublisherConfirm)>, Option<Lost>) {
        let mut issued = Vec::with_capacity(entries.len());
        for (index, burst) in entries.chunks(limits::RELAY_BURST).enumerate() {
            let publishes = join_all(burst.iter().map(|entry| self.publish_one(exchange, entry)));
            let results = match self.patiently(publishes, "a publish").await {
                Ok(results) => results,
                Err(lost) => return (issued, Some(lost)),
            };
            let mut lost = None;
            for (offset, result) in results.into_iter().enumerate() {
                match result {
                    Ok(confirm) => issued.push((index * limits::RELAY_BURST + offset, confirm)),
                    Err(error) => note(&mut lost, Lost::from(&error)),
                }
            }
            if lost.is_some() {
                return (issued, lost);
            }
        }
        (issued, None)
    }

    async fn publish_one(&self, exchange: &str, entry: &Entry) -> Result<PublisherConfirm, lapin::Error> {
        let message = Message::of(entry, self.mode);
        // Mandatory: what no queue takes comes back instead of being dropped behind a positive confirm.
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        self.channel
            .basic_publish(exchange.into(), message.routing_key, options, &message.body, message.properties)
            .await
    }

    /// Waits for `work`, but not once the connection is lost, and not longer than [`limits::CONFIRM_TIMEOUT`]; time during which
    /// the broker blocks publishers does not count.
    async fn patiently<T>(&self, work: impl Future<Output = T>, what: &'static str) -> Result<T, Lost> {
        let mut work = std::pin::pin!(work);
        let mut standing = self.standing.clone();
        loop {
            // Cloned: the lock on it must not be held while waiting.
            let stands = standing.borrow_and_update().clone();
            let blocked = match stands {
                Standing::Open => false,
                Standing::Blocked(_) => true,
                // One more look, since its last answers may have come with its end.
                Standing::Lost(lost) => {
                    let until = Instant::now() + limits::BROKER_CLOSE_TIMEOUT;
                    return timeout_at(until, work).await.map_err(|_| lost);
                }
            };
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                changed = standing.changed() => if changed.is_err() {
                    return Err(Lost::Broken("nobody watches the connection any more".to_owned()));
                },
                () = sleep(limits::CONFIRM_TIMEOUT), if !blocked => return Err(Lost::Timeout(what)),
            }
        }
    }
}

/// Keeps the first reason, unless a later one says more: a message that the broker rejects.
fn note(lost: &mut Option<Lost>, why: Lost) {
    if lost.is_none() || matches!((&lost, &why), (Some(Lost::Broken(_)), Lost::Rejected(_))) {
        *lost = Some(why);
    }
}

/// Judges returns over the whole batch by their message ids. With several messages in flight the library may hand a
/// returned message to another one's confirm, and the unroutable one then reads as a plain positive confirm.
fn judge(entries: &[&Entry], replies: Vec<Option<Confirmation>>) -> Vec<Answer> {
    let mut returned: HashMap<String, String> = HashMap::new();
    let mut acked = Vec::with_capacity(replies.len());
    for reply in replies {
        acked.push(match &reply {
            Some(Confirmation::Ack(_)) => Some(true),
            Some(Confirmation::Nack(_)) => Some(false),
            // Without confirms there is no promise; `open` asked for them, so this is no answer.
            Some(Confirmation::NotRequested) | None => None,
        });
        if let Some(message) = reply.and_then(Confirmation::take_message) {
            let id = message.delivery.properties.message_id().as_ref().map(ToString::to_string);
            let why = format!("{} {}", message.reply_code, message.reply_text);
            returned.insert(id.unwrap_or_default(), why);
        }
    }
    let verdict = |(entry, acked): (&&Entry, Option<bool>)| {
        let back = if returned.is_empty() { None } else { returned.get(&entry.id.to_string()) };
        match (back, acked) {
            (Some(why), _) => Answer::Returned(why.clone()),
            (None, Some(true)) => Answer::Confirmed(Receipt::confirmed(entry.position)),
            (None, Some(false)) => Answer::Nacked,
            (None, None) => Answer::Silent,
        }
    };
    entries.iter().zip(acked).map(verdict).collect()
}

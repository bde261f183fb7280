//! A lane: one channel with one writer, which publishes bursts and waits for their confirms.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::base::limits;
use crate::signing::{Entry, Receipt};

use super::message::message;
use super::{EXCHANGE, Mode};

/// Publishes issued before yielding: fewer and larger writes to the socket. At most 30, up to which `join_all` polls
/// in order, so that each publish takes its tag and queues its frames before the next does.
const BURST: usize = 25;

/// One channel with confirms; a single writer owns it, as tags would swap between two.
#[derive(Debug)]
pub struct Lane {
    channel: Channel,
    mode: Mode,
    blocked: watch::Receiver<bool>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Published {
    /// Changes that the broker holds.
    pub receipts: Vec<Receipt>,
    /// Changes that it refused, by their place in the batch.
    pub refused: Vec<Refused>,
    /// Set when the channel or connection was lost; whatever is in neither list must be published again.
    pub lost: Option<Lost>,
}

/// A change that the broker did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the batch.
    pub index: usize,
    /// `nack` or `return`.
    pub how: &'static str,
    /// What the broker says.
    pub why: String,
}

/// Why a batch was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost(pub String);

impl Lane {
    pub(super) fn new(channel: Channel, mode: Mode, blocked: watch::Receiver<bool>) -> Self {
        Self { channel, mode, blocked }
    }

    /// Publishes a batch, and waits until each of its changes is confirmed, refused, or lost with the channel.
    pub async fn publish(&self, batch: &[Entry]) -> Published {
        let mut confirms = Vec::with_capacity(batch.len());
        let mut published = Published::default();
        for burst in batch.chunks(BURST) {
            let sent = join_all(burst.iter().map(|entry| self.send(entry)));
            match self.patiently(sent).await {
                Some(sent) => {
                    for one in sent {
                        match one {
                            Ok(confirm) => confirms.push(confirm),
                            Err(error) => {
                                published.lost.get_or_insert(Lost(error.to_string()));
                            }
                        }
                    }
                }
                None => published.lost = Some(Lost("a publish was not written in time".into())),
            }
            if published.lost.is_some() {
                break;
            }
        }
        self.confirm(batch, confirms, &mut published).await;
        published
    }

    async fn send(&self, entry: &Entry) -> Result<PublisherConfirm, lapin::Error> {
        let message = message(entry, self.mode);
        // Mandatory: what no queue takes comes back instead of vanishing.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (EXCHANGE.into(), entry.routing_key.as_str().into());
        self.channel.basic_publish(exchange, key, options, &message.body, message.properties).await
    }

    /// Awaits the confirms of the publishes that were written, one for each entry from the first.
    ///
    /// A returned message can sit on another's confirm while several are in flight, so returns are judged by their
    /// message id, over the whole batch, once it is drained.
    async fn confirm(&self, batch: &[Entry], confirms: Vec<PublisherConfirm>, published: &mut Published) {
        let mut acked = Vec::with_capacity(confirms.len());
        let mut returned: HashMap<String, String> = HashMap::new();
        for (index, confirm) in confirms.into_iter().enumerate() {
            let returning = match self.patiently(confirm).await {
                Some(Ok(Confirmation::Ack(returning))) => {
                    acked.push(index);
                    returning
                }
                Some(Ok(Confirmation::Nack(returning))) => {
                    let why = "the broker refused it: a bound queue is full, or could not write it".into();
                    published.refused.push(Refused { index, how: "nack", why });
                    returning
                }
                // Confirms are on for every lane; without them nothing counts as held by the broker.
                Some(Ok(Confirmation::NotRequested)) => {
                    published.lost.get_or_insert(Lost("the channel gives no confirms".into()));
                    None
                }
                Some(Err(error)) => {
                    published.lost.get_or_insert(Lost(error.to_string()));
                    None
                }
                None => {
                    published.lost.get_or_insert(Lost("a confirm did not arrive in time".into()));
                    break;
                }
            };
            if let Some(message) = returning {
                returned.insert(id_of(&message.delivery.properties), message.reply_text.to_string());
            }
        }
        for index in acked {
            match returned.remove(&batch[index].id.to_string()) {
                Some(why) => published.refused.push(Refused { index, how: "return", why }),
                None => published.receipts.push(Receipt::confirmed(batch[index].position)),
            }
        }
        published.refused.sort_by_key(|refused| refused.index);
    }

    /// Waits at most [`limits::CONFIRM_TIMEOUT`], but for as long as the broker says that it blocks publishers: it is
    /// alive then (heartbeats tell when not), and giving up would only publish everything twice.
    async fn patiently<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        const LOOK_EVERY: Duration = Duration::from_millis(500);
        let mut what = std::pin::pin!(what);
        let mut waited = Duration::ZERO;
        while waited < limits::CONFIRM_TIMEOUT {
            if let Ok(done) = timeout(LOOK_EVERY, &mut what).await {
                return Some(done);
            }
            waited = if *self.blocked.borrow() { Duration::ZERO } else { waited + LOOK_EVERY };
        }
        None
    }
}

fn id_of(properties: &BasicProperties) -> String {
    properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

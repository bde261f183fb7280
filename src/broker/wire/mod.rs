//! The connection that publishes. It speaks AMQP itself: a batch is one write and its confirms wake nobody but those who
//! wait for them all, at a tenth of what the client library costs, which hands each message from thread to thread.
//!
//! A task of its own has the socket; lanes give it orders. Declaring the topology is left to the library, over a
//! connection of its own: see [`super::Link`].

mod frames;
mod handshake;
mod slip;
mod task;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::base::limits;

use super::address::Address;
use super::error::Lost;
use super::{Error, Mode, Opener, Standing};

#[cfg(test)]
pub(super) use frames::frames_of;
pub(super) use frames::{Outgoing, Target, property};
pub(super) use slip::Slip;
pub(super) use task::lost;

use task::Task;

/// Orders that may wait: each lane has one under way at most.
const ORDERS: usize = 4 * limits::RELAY_LANES;

/// Who waits for the connection to do something.
type Waiter<T> = oneshot::Sender<Result<T, Lost>>;

/// What a lane wants of the connection.
#[derive(Debug)]
pub(super) enum Order {
    /// A channel in confirm mode; its number.
    Open(Waiter<u16>),
    /// A batch to be sent on a channel.
    Publish { channel: u16, frames: Outgoing, slip: Arc<Slip>, done: Waiter<()> },
    /// A channel that nobody needs any more.
    Shut(u16),
    /// The end; told once the broker has taken note.
    Close(oneshot::Sender<()>),
}

/// The connection.
#[derive(Debug)]
pub(super) struct Wire {
    orders: mpsc::Sender<Order>,
    standing: watch::Receiver<Standing>,
    frame_max: usize,
    _task: AbortOnDropHandle<()>,
}

impl Wire {
    /// Connects and logs in; it ends with the `link` at the latest.
    ///
    /// # Errors
    /// When the address does not let us in, or not in time.
    pub(super) async fn open(address: &Address, link: watch::Receiver<Standing>) -> Result<Self, Error> {
        let opening = timeout(limits::BROKER_CONNECT_TIMEOUT, handshake::connect(address)).await;
        let opened = opening.unwrap_or_else(|_| Err(Lost::Timeout("logging in to publish")));
        let opened = opened.map_err(|why| Error::Unreachable(format!("{address}: {why}")))?;
        let frame_max = opened.frame_max;
        let (orders, taken) = mpsc::channel(ORDERS);
        let (sender, standing) = watch::channel(Standing::Open);
        let task = tokio::spawn(Task::new(opened, sender).run(taken, link));
        Ok(Self { orders, standing, frame_max, _task: AbortOnDropHandle::new(task) })
    }

    /// How it stands, as that changes.
    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Opens lanes on it.
    pub(super) fn opener(&self, mode: Mode) -> Opener {
        let (orders, standing) = (self.orders.clone(), self.standing.clone());
        Opener { orders, standing, frame_max: self.frame_max, mode }
    }

    /// Closes it, without waiting for a broker that does not answer.
    pub(super) async fn close(self) {
        let (done, closed) = oneshot::channel();
        let closing = async {
            if self.orders.send(Order::Close(done)).await.is_ok() {
                // An end without an answer is an end too.
                let _ = closed.await;
            }
        };
        let _ = timeout(limits::BROKER_CLOSE_TIMEOUT, closing).await;
    }
}

//! From the outbox to the broker: in order, confirmed, settled.
//!
//! ```text
//! outbox ─read─► dealer ─batch─► lane ─publish─► answers ─► confirmed: settle
//!                   ▲                               ├─► not taken: park the subject, try again later
//!                   └───────────────────────────────┴─► silent: the connection is lost, first again on the next one
//! ```
//! One connection at a time, a few lanes on it. A subject never has two changes in flight, so a change that the broker
//! refuses is never overtaken by the next one of its subject. What is held in memory is bounded; the backlog stays in
//! the store.

mod clerk;
mod courtesy;
mod dealer;
mod outbox;
mod trouble;
mod voyage;

pub use outbox::Outbox;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::base::{Clock, Dice, limits};
use crate::broker::{Publisher, Queue, Session, Settings, Status};
use crate::telemetry::Metrics;

use clerk::Clerk;
use courtesy::Courtesy;
use dealer::{Bounds, Dealer};
use trouble::Trouble;
use voyage::{End, Voyage};

/// Publishes what the outbox holds, for as long as it runs.
#[derive(Debug)]
pub struct Relay<O> {
    publisher: Publisher,
    dealer: Dealer,
    clerk: Clerk<O>,
    courtesy: Courtesy,
    metrics: Metrics,
    dice: Dice,
    /// Changes to publish one by one, after a batch that ended in silence or rejection because of one among them.
    careful: usize,
    /// When the operator was last told of each trouble.
    advised: HashMap<Trouble, Instant>,
}

impl<O: Outbox> Relay<O> {
    /// A relay over an outbox; it tells `status` how the broker stands.
    pub fn new(
        outbox: O,
        settings: Settings,
        status: Status,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
        dice: Dice,
    ) -> Self {
        let clerk = Clerk::new(outbox, metrics.clone(), dice.clone());
        Self {
            publisher: Publisher::new(settings, status, metrics.clone(), clock, dice.clone()),
            dealer: Dealer::new(Bounds::default()),
            courtesy: Courtesy::new(*clerk.last().borrow()),
            clerk,
            metrics,
            dice,
            careful: 0,
            advised: HashMap::new(),
        }
    }

    /// The same, following what subscribers' queues are asked for.
    #[must_use]
    pub fn following(mut self, queues: watch::Receiver<Vec<Queue>>) -> Self {
        self.publisher = self.publisher.following(queues);
        self
    }

    /// Publishes until stopped, over one connection after another. On a stop, what is in the outbox still goes out
    /// for [`limits::DRAIN_TIMEOUT`]; what is in flight then is waited for, and
    /// settled, for [`limits::RELAY_STOP_TIMEOUT`] in all.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some(mut session) = self.open(&stop).await {
            let mut voyage = Voyage::new(&mut self, &mut session);
            let end = voyage.sail(&stop).await;
            self.clerk.put_in_order(&mut self.dealer).await;
            match end {
                End::Lost(why) => self.publisher.lost(session, &why).await,
                End::Stopped => {
                    session.close().await;
                    return;
                }
            }
        }
        self.clerk.put_in_order(&mut self.dealer).await;
    }

    /// Connects. Where that takes too long, other nodes, which may reach the broker, get this one's share meanwhile.
    async fn open(&mut self, stop: &CancellationToken) -> Option<Session> {
        let mut opening = pin!(self.publisher.open(stop));
        match timeout(limits::LEASE, &mut opening).await {
            Ok(session) => session,
            Err(_) => {
                self.clerk.let_go();
                opening.await
            }
        }
    }
}

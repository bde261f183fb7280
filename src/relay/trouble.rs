//! How the broker did not take a change, and what the operator is told to do about it.

use tokio::time::Instant;

use crate::base::limits;

use super::Relay;

/// How the broker did not take a change as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// It refused it.
    Nack,
    /// No queue took it.
    Return,
    /// No queue took it but `countersign.unrouted`, where we had to put it ourselves.
    Astray,
    /// It closed the channel because of it.
    Reject,
    /// It answered others, but not this one.
    Silence,
}

impl Trouble {
    /// Its word in metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Nack => "nack",
            Self::Return | Self::Astray => "return",
            Self::Reject => "connection",
            Self::Silence => "timeout",
        }
    }

    /// What happened and what to do.
    fn advice(self) -> &'static str {
        match self {
            Self::Nack => {
                "the broker refused changes: they are tried again, and their signing requests wait. A queue bound to \
                 this routing key is full or cannot be written: make room in it, or unbind it"
            }
            Self::Return => {
                "the broker returned changes, since no queue takes them: they are tried again, and their signing \
                 requests wait. Bind a queue to the exchange `countersign`, and give it the alternate exchange \
                 `countersign.unrouted` with the queue of that name"
            }
            Self::Astray => {
                "no queue was there to take changes; they were put into `countersign.unrouted`. Either the exchange \
                 `countersign` was made without its alternate exchange, or a queue bound to it cannot be reached: see \
                 the topology's faults in `/readyz?verbose`"
            }
            Self::Reject => {
                "the broker closed the channel because of a change: it is tried again, and its signing request waits. \
                 Is it larger than the broker's `max_message_size`, or may this user not publish by its routing key?"
            }
            Self::Silence => {
                "the broker answers other changes, but not these: they are tried again, and their signing requests \
                 wait. A queue bound to this routing key has no leader: see its state in the broker"
            }
        }
    }
}

impl<O> Relay<O> {
    /// Tells the operator, and says no more about the same trouble for a while: it may concern thousands of changes.
    pub(super) fn advise(&mut self, trouble: Trouble, routing_key: &str, why: &str, count: usize) {
        let now = Instant::now();
        let said = self.advised.get(&trouble).is_some_and(|at| now < *at + limits::RELAY_ADVICE_EVERY);
        if said {
            tracing::debug!(routing_key, why, count, "{}", trouble.advice());
        } else {
            self.advised.insert(trouble, now);
            tracing::warn!(routing_key, why, count, "{}", trouble.advice());
        }
    }
}

//! Looks how the broker differs from a plan, over AMQP, and changes nothing.
//!
//! A thing is first asked for passively, then declared as wanted on the same channel, so that the broker tells what is
//! otherwise. Both frames leave together: where the thing is missing, the first one's refusal closes the channel before
//! the second one is looked at, so nothing is ever made. AMQP can list no bindings: those are left to the
//! management API (see [`super::Seen`]).

use futures_util::future::join_all;
use lapin::Connection;
use tokio::time::timeout;

use crate::base::limits;
use crate::broker::error::NOT_FOUND;

use super::declare::{close, differs, no_answer, open, said};
use super::{Part, Step};

/// How a thing at the broker is not as the plan wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The part that it belongs to.
    pub part: String,
    /// In which way.
    pub kind: Kind,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub todo: String,
}

/// In which way a thing is not as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is not there.
    Missing,
    /// It is there with other properties.
    Differs,
    /// It is not bound as wanted.
    Unbound,
    /// There is more than was asked for, which harms nothing.
    More,
    /// The broker did not let it be seen.
    Unclear,
}

impl Kind {
    /// The kind as one word, for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Unbound => "unbound",
            Self::More => "more",
            Self::Unclear => "unclear",
        }
    }

    /// True where the plan and the broker do not agree, or it cannot be known that they do.
    pub fn is_fault(self) -> bool {
        self != Self::More
    }
}

/// Looks at everything but bindings. Empty where all is as wanted.
pub(in crate::broker) async fn check(connection: &Connection, parts: &[Part]) -> Vec<Drift> {
    join_all(parts.iter().map(|part| part.check(connection))).await.concat()
}

impl Part {
    async fn check(&self, connection: &Connection) -> Vec<Drift> {
        let mut drifts = Vec::new();
        for step in self.steps.iter().filter(|step| !matches!(step, Step::Bind { .. })) {
            let looked = timeout(limits::TOPOLOGY_TIMEOUT, step.look(connection)).await;
            match looked.unwrap_or_else(|_| Err(no_answer())) {
                Ok(None) => {}
                Ok(Some(Difference::Missing)) => drifts.push(self.missing(step)),
                Ok(Some(Difference::Other(told))) => drifts.push(self.differs(step, &told)),
                Err(why) => drifts.push(self.unclear(step, &why)),
            }
        }
        drifts
    }

    fn drift(&self, kind: Kind, what: String, todo: impl Into<String>) -> Drift {
        Drift { part: self.name.clone(), kind, what, todo: todo.into() }
    }

    pub(super) fn missing(&self, step: &Step) -> Drift {
        let thing = step.thing();
        let (what, todo) = match step {
            Step::ExchangeExists { .. } | Step::QueueExists { .. } => (
                format!("{thing} is missing, and the dead letters of {} go there", self.name),
                "make it in RabbitMQ, since it is not countersign's to declare, or correct the setting",
            ),
            _ => (
                format!("{thing} is missing"),
                "`countersign topology apply` declares it, as a running server does by itself",
            ),
        };
        self.drift(Kind::Missing, what, todo)
    }

    pub(super) fn differs(&self, step: &Step, told: &str) -> Drift {
        let what = format!("{} is otherwise than wanted: {told}", step.thing());
        let todo = match step {
            Step::Queue { .. } => {
                "change the setting to what it is; or let its subscriber empty it, delete it in RabbitMQ (what is \
                 still in it goes with it), and `countersign topology apply` makes it anew"
            }
            _ => {
                "delete it in RabbitMQ (its bindings go with it), and `countersign topology apply` makes it anew; \
                 queues of others must then be bound again"
            }
        };
        self.drift(Kind::Differs, what, todo)
    }

    fn unclear(&self, step: &Step, why: &str) -> Drift {
        let what = format!("how {} stands cannot be seen: {why}", step.thing());
        let todo = "see that this user has the `configure` permission on it, and that its node is up";
        self.drift(Kind::Unclear, what, todo)
    }

    pub(super) fn unbound(&self, queue: &str, exchange: &str, pattern: &str) -> Drift {
        let what = format!("queue {queue} is not bound to {exchange} by `{pattern}`");
        self.drift(
            Kind::Unbound,
            what,
            "`countersign topology apply` binds it; what came meanwhile passed it by",
        )
    }

    pub(super) fn more(&self, what: String, todo: &str) -> Drift {
        self.drift(Kind::More, what, todo)
    }
}

/// How one thing is not as wanted.
enum Difference {
    Missing,
    /// In the broker's words.
    Other(String),
}

impl Step {
    /// What it is about, for people.
    pub(super) fn thing(&self) -> String {
        match self {
            Self::Exchange { name, .. } => format!("exchange {name}"),
            Self::ExchangeExists { name } => format!("exchange {name}"),
            Self::Queue { name, .. } | Self::QueueExists { name } => format!("queue {name}"),
            Self::Bind { queue, exchange, pattern } => {
                format!("binding of {queue} to {exchange} by `{pattern}`")
            }
        }
    }

    async fn look(&self, connection: &Connection) -> Result<Option<Difference>, String> {
        let channel = open(connection).await?;
        let (there, as_wanted) = match self {
            Self::ExchangeExists { .. } | Self::QueueExists { .. } => {
                (self.take(&channel, true).await, Ok(()))
            }
            _ => tokio::join!(self.take(&channel, true), self.take(&channel, false)),
        };
        let found = match (there, as_wanted) {
            (Err(error), _) if is_missing(&error) => Some(Difference::Missing),
            (Ok(()), Err(error)) if differs(&error) => Some(Difference::Other(said(&error))),
            (Err(error), _) | (Ok(()), Err(error)) => return Err(said(&error)),
            (Ok(()), Ok(())) => None,
        };
        if found.is_none() {
            close(&channel).await;
        }
        Ok(found)
    }
}

/// True where there is no such thing; a queue whose node is away is not found either, in other words.
fn is_missing(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(amqp)
        if amqp.get_id() == NOT_FOUND && amqp.get_message().as_str().contains("NOT_FOUND - no "))
}

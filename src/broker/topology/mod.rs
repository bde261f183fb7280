//! What must exist at the broker: the exchange, what catches the unrouted, the audit stream, subscribers' queues.
//!
//! A plan is made of the settings alone. `declare` makes it so, `check` looks how the broker differs from it over AMQP
//! and changes nothing, `seen` compares it with what the broker's management API tells.

mod check;
mod declare;
mod seen;
mod show;

use lapin::ExchangeKind;
use lapin::types::{AMQPValue, FieldTable};

use crate::base::limits;

use super::{DeadLetterStrategy, Queue, QueueKind, Settings};

pub use check::{Drift, Kind};
pub use declare::Findings;
pub use seen::{Seen, Thing};

pub(super) use check::check;
pub(super) use declare::{declare, said};

/// The exchange that everything is published to.
pub const EXCHANGE: &str = "countersign";
/// Exchange and queue that get what no queue is bound for.
pub const UNROUTED: &str = "countersign.unrouted";
/// The stream that gets everything.
pub const AUDIT: &str = "countersign.audit";

/// A part of the topology: what stands or falls together.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The name of its exchange or queue, in metrics and reports too.
    pub name: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Exchange {
        name: &'static str,
        kind: ExchangeKind,
        arguments: FieldTable,
    },
    Queue {
        name: String,
        arguments: FieldTable,
    },
    Bind {
        queue: String,
        exchange: &'static str,
        pattern: String,
    },
    /// Not ours to declare, but without it the part does not do what it is for: dead letters go there.
    ExchangeExists {
        name: String,
    },
    /// The same of a queue.
    QueueExists {
        name: String,
    },
}

/// The whole topology that the settings ask for; the exchange comes first, since the others are bound to it.
pub fn plan(settings: &Settings) -> Vec<Part> {
    let mut parts = vec![exchange(), unrouted()];
    parts.extend(settings.audit_stream.then(audit));
    let declared: Vec<&str> = settings.queues.iter().map(|queue| queue.name.as_str()).collect();
    parts.extend(settings.queues.iter().map(|queue| subscriber(queue, &declared)));
    parts
}

fn exchange() -> Part {
    let arguments = table([("alternate-exchange", text(UNROUTED))]);
    let steps = vec![Step::Exchange { name: EXCHANGE, kind: ExchangeKind::Topic, arguments }];
    Part { name: EXCHANGE.to_owned(), steps }
}

/// Its queue has no bound of its own: a bound would drop changes or, rejecting them, fill up ours. Operators who
/// want one set a policy.
fn unrouted() -> Part {
    let steps = vec![
        Step::Exchange { name: UNROUTED, kind: ExchangeKind::Fanout, arguments: FieldTable::default() },
        Step::Queue {
            name: UNROUTED.to_owned(),
            arguments: table([("x-queue-type", text(QueueKind::Quorum.word()))]),
        },
        Step::Bind { queue: UNROUTED.to_owned(), exchange: UNROUTED, pattern: String::new() },
    ];
    Part { name: UNROUTED.to_owned(), steps }
}

fn audit() -> Part {
    let arguments = table([
        ("x-queue-type", text(QueueKind::Stream.word())),
        ("x-max-length-bytes", whole(limits::AUDIT_BYTES_MAX)),
        ("x-max-age", text(limits::AUDIT_AGE_MAX)),
        ("x-stream-max-segment-size-bytes", whole(limits::AUDIT_SEGMENT_BYTES)),
    ]);
    let steps = vec![
        Step::Queue { name: AUDIT.to_owned(), arguments },
        Step::Bind { queue: AUDIT.to_owned(), exchange: EXCHANGE, pattern: "#".to_owned() },
    ];
    Part { name: AUDIT.to_owned(), steps }
}

/// `declared` are the names of all subscribers' queues.
fn subscriber(queue: &Queue, declared: &[&str]) -> Part {
    let mut arguments = table([("x-queue-type", text(queue.kind.word()))]);
    let mut add = |key: &str, value: Option<AMQPValue>| {
        if let Some(value) = value {
            arguments.insert(key.into(), value);
        }
    };
    add("x-dead-letter-exchange", queue.dead_letter_exchange.as_deref().map(text));
    add("x-dead-letter-routing-key", queue.dead_letter_routing_key.as_deref().map(text));
    add("x-delivery-limit", queue.delivery_limit.map(whole));
    add("x-single-active-consumer", queue.single_active_consumer.then_some(AMQPValue::Boolean(true)));
    add("x-max-length", queue.max_length.map(whole));
    // RabbitMQ's own way is to hand a dead letter over once, unconfirmed: where its target is full or away, it is lost.
    let confirmed = queue.dead_letter_strategy == Some(DeadLetterStrategy::AtLeastOnce);
    add("x-dead-letter-strategy", confirmed.then(|| text(DeadLetterStrategy::AtLeastOnce.word())));
    // A full queue refuses, and the change waits in the store; RabbitMQ's default would drop the oldest. Without it,
    // RabbitMQ silently takes the other strategy, be there a bound or not.
    add("x-overflow", (queue.max_length.is_some() || confirmed).then(|| text("reject-publish")));
    let mut steps = vec![Step::Queue { name: queue.name.clone(), arguments }];
    steps.extend(queue.bind.iter().map(|pattern| Step::Bind {
        queue: queue.name.clone(),
        exchange: EXCHANGE,
        pattern: pattern.clone(),
    }));
    match (queue.dead_letter_exchange.as_deref(), queue.dead_letter_routing_key.as_deref()) {
        // The default exchange is named by the empty text and always there; its routing keys are names of queues.
        (Some(""), Some(target)) if target != UNROUTED && !declared.contains(&target) => {
            steps.push(Step::QueueExists { name: target.to_owned() });
        }
        (None | Some(""), _) => {}
        (Some(name), _) => steps.push(Step::ExchangeExists { name: name.to_owned() }),
    }
    Part { name: queue.name.clone(), steps }
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert(key.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn whole(value: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(value).unwrap_or(i64::MAX))
}

//! What must exist at the broker: the exchange, what catches the unrouted, the audit stream, subscribers' queues.
//!
//! Each part is declared on a channel of its own, because a refused declaration closes its channel: one broken part
//! is reported and holds up nothing else. Declaring again what exists as wanted changes nothing, so the whole is
//! declared after every connect and now and then.

use std::fmt;

use futures_util::future::join_all;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind};
use tokio::time::timeout;

use crate::base::limits;

use super::error::PRECONDITION_FAILED;
use super::{Queue, QueueKind, Settings};

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
    /// Not ours to declare, but without it the part does not do what it is for.
    ExchangeExists {
        name: String,
    },
}

/// The whole topology that the settings ask for; the exchange comes first, since the others are bound to it.
pub fn plan(settings: &Settings) -> Vec<Part> {
    let mut parts = vec![exchange(), unrouted()];
    parts.extend(settings.audit_stream.then(audit));
    parts.extend(settings.queues.iter().map(subscriber));
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

fn subscriber(queue: &Queue) -> Part {
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
    // A full queue refuses, and the change waits in the store; RabbitMQ's default would drop the oldest.
    add("x-overflow", queue.max_length.map(|_| text("reject-publish")));
    let mut steps = vec![Step::Queue { name: queue.name.clone(), arguments }];
    steps.extend(queue.bind.iter().map(|pattern| Step::Bind {
        queue: queue.name.clone(),
        exchange: EXCHANGE,
        pattern: pattern.clone(),
    }));
    // The default exchange is named by the empty text and always there.
    if let Some(name) = queue.dead_letter_exchange.clone().filter(|name| !name.is_empty()) {
        steps.push(Step::ExchangeExists { name });
    }
    Part { name: queue.name.clone(), steps }
}

/// What became of each part, by name: what is wrong with it, where it is not as wanted.
pub type Findings = Vec<(String, Result<(), String>)>;

/// Declares all parts: the exchange, then the others side by side, each within its time.
pub(super) async fn declare(connection: &Connection, parts: &[Part]) -> Findings {
    let (first, others) = parts.split_at(parts.len().min(1));
    let mut findings = Findings::new();
    for group in [first, others] {
        findings.extend(join_all(group.iter().map(|part| within(part, part.declare(connection)))).await);
    }
    findings
}

/// Looks whether the exchanges and queues of all parts exist, and declares nothing.
pub(super) async fn inspect(connection: &Connection, parts: &[Part]) -> Findings {
    join_all(parts.iter().map(|part| within(part, part.inspect(connection)))).await
}

async fn within(part: &Part, work: impl Future<Output = Result<(), String>>) -> (String, Result<(), String>) {
    let outcome = timeout(limits::TOPOLOGY_TIMEOUT, work).await.unwrap_or_else(|_| {
        let seconds = limits::TOPOLOGY_TIMEOUT.as_secs();
        Err(format!("no answer within {seconds} s: the queue's leader may be down"))
    });
    (part.name.clone(), outcome)
}

impl Part {
    /// Takes the steps in order. A thing that exists with other properties is used as it is, and that is the fault.
    async fn declare(&self, connection: &Connection) -> Result<(), String> {
        let mut channel = open(connection).await?;
        let mut drift = None;
        for step in &self.steps {
            let Err(error) = step.take(&channel, false).await else { continue };
            let refused = said(&error);
            if !differs(&error) {
                return Err(refused);
            }
            channel = open(connection).await?;
            step.take(&channel, true).await.map_err(|error| said(&error))?;
            drift.get_or_insert(format!(
                "it exists with other properties and is used as it is ({refused}); delete it and it is made anew, or \
                 change the settings to what it is"
            ));
        }
        close(&channel).await;
        drift.map_or(Ok(()), Err)
    }

    async fn inspect(&self, connection: &Connection) -> Result<(), String> {
        let channel = open(connection).await?;
        for step in &self.steps {
            step.take(&channel, true).await.map_err(|error| said(&error))?;
        }
        close(&channel).await;
        Ok(())
    }
}

impl Step {
    /// Declares it, or `passive`ly only asks whether it is there (which AMQP cannot tell of bindings).
    async fn take(&self, channel: &Channel, passive: bool) -> Result<(), lapin::Error> {
        match self {
            Self::Exchange { name, kind, arguments } => {
                let options = ExchangeDeclareOptions { passive, durable: true, ..Default::default() };
                channel.exchange_declare((*name).into(), kind.clone(), options, arguments.clone()).await
            }
            Self::Queue { name, arguments } => {
                let options = QueueDeclareOptions { passive, durable: true, ..Default::default() };
                channel.queue_declare(name.as_str().into(), options, arguments.clone()).await.map(drop)
            }
            Self::Bind { .. } if passive => Ok(()),
            Self::Bind { queue, exchange, pattern } => {
                let (queue, exchange, pattern) = (queue.as_str(), *exchange, pattern.as_str());
                let options = QueueBindOptions::default();
                channel
                    .queue_bind(queue.into(), exchange.into(), pattern.into(), options, FieldTable::default())
                    .await
            }
            Self::ExchangeExists { name } => {
                let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
                let kind = ExchangeKind::Topic;
                channel.exchange_declare(name.as_str().into(), kind, options, FieldTable::default()).await
            }
        }
    }
}

async fn open(connection: &Connection) -> Result<Channel, String> {
    connection.create_channel().await.map_err(|error| said(&error))
}

async fn close(channel: &Channel) {
    // Whatever it was for is done; a channel that does not close goes with its connection.
    let _ = channel.close(200, "done".into()).await;
}

/// True where a thing of that name exists with other properties.
fn differs(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(amqp) if amqp.get_id() == PRECONDITION_FAILED)
}

/// What the broker said, in its own words where it said anything.
pub(super) fn said(error: &lapin::Error) -> String {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(amqp) => amqp.get_message().to_string(),
        _ => error.to_string(),
    }
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

impl fmt::Display for Part {
    /// One line per step, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match step {
                Step::Exchange { name, kind, arguments } => {
                    write!(f, "exchange {name} (durable {}){}", word(kind), shown(arguments))?;
                }
                Step::Queue { name, arguments } => write!(f, "queue {name} (durable){}", shown(arguments))?,
                Step::Bind { queue, exchange, pattern } => {
                    write!(f, "bind {queue} to {exchange} by `{pattern}`")?
                }
                Step::ExchangeExists { name } => {
                    write!(f, "exchange {name} must exist: dead letters go there")?
                }
            }
        }
        Ok(())
    }
}

fn word(kind: &ExchangeKind) -> &str {
    if *kind == ExchangeKind::Fanout { "fanout" } else { "topic" }
}

fn shown(arguments: &FieldTable) -> String {
    let value = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Boolean(flag) => flag.to_string(),
        other => format!("{other:?}"),
    };
    arguments.inner().iter().map(|(key, argument)| format!(" {key}={}", value(argument))).collect()
}

//! What is declared at start and after every reconnect: exchanges, the audit stream, subscribers' queues.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::{Queue, QueueKind, Settings};

/// The topic exchange that everything is published to.
pub const EXCHANGE: &str = "countersign";
/// The alternate exchange, and the quorum queue of the same name behind it.
pub const UNROUTED: &str = "countersign.unrouted";
/// The stream that keeps all that is published, for audit consumers.
pub const AUDIT: &str = "countersign.audit";

/// How much the audit stream keeps: the oldest segments go first.
const AUDIT_BYTES_MAX: i64 = 20_000_000_000;
/// Size of a segment of the audit stream; RabbitMQ's own default of 500 MB would waste small disks.
const AUDIT_SEGMENT_BYTES: i64 = 50_000_000;

/// One part of the topology, declared by itself.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Unrouted,
    Exchange,
    Audit,
    Subscriber(&'a Queue),
}

impl<'a> Part<'a> {
    /// All parts, the alternate exchange before the exchange that names it.
    pub(super) fn all(settings: &'a Settings) -> Vec<Self> {
        let mut parts = vec![Self::Unrouted, Self::Exchange];
        if settings.audit_stream {
            parts.push(Self::Audit);
        }
        parts.extend(settings.queues.iter().map(Self::Subscriber));
        parts
    }

    /// The part's name for people and metrics.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Unrouted => UNROUTED,
            Self::Exchange => EXCHANGE,
            Self::Audit => AUDIT,
            Self::Subscriber(queue) => &queue.name,
        }
    }

    /// Declares it; what is there already as it should be stays as it is.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), lapin::Error> {
        match self {
            Self::Unrouted => {
                exchange(channel, UNROUTED, ExchangeKind::Fanout, FieldTable::default()).await?;
                queue(channel, UNROUTED, typed(QueueKind::Quorum)).await?;
                bind(channel, UNROUTED, UNROUTED, "").await
            }
            Self::Exchange => {
                let mut arguments = FieldTable::default();
                arguments.insert("alternate-exchange".into(), text(UNROUTED));
                exchange(channel, EXCHANGE, ExchangeKind::Topic, arguments).await
            }
            Self::Audit => {
                let mut arguments = typed(QueueKind::Stream);
                arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(AUDIT_BYTES_MAX));
                arguments.insert(
                    "x-stream-max-segment-size-bytes".into(),
                    AMQPValue::LongLongInt(AUDIT_SEGMENT_BYTES),
                );
                queue(channel, AUDIT, arguments).await?;
                bind(channel, AUDIT, EXCHANGE, "#").await
            }
            Self::Subscriber(wanted) => {
                queue(channel, &wanted.name, arguments(wanted)).await?;
                for pattern in &wanted.bind {
                    bind(channel, &wanted.name, EXCHANGE, pattern).await?;
                }
                Ok(())
            }
        }
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn number(value: u64) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(value).unwrap_or(i64::MAX))
}

fn typed(kind: QueueKind) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text(kind.word()));
    arguments
}

fn arguments(wanted: &Queue) -> FieldTable {
    let mut arguments = typed(wanted.kind);
    if let Some(exchange) = &wanted.dead_letter_exchange {
        arguments.insert("x-dead-letter-exchange".into(), text(exchange));
    }
    if let Some(key) = &wanted.dead_letter_routing_key {
        arguments.insert("x-dead-letter-routing-key".into(), text(key));
    }
    if let Some(limit) = wanted.delivery_limit {
        arguments.insert("x-delivery-limit".into(), number(limit));
    }
    if wanted.single_active_consumer {
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    }
    if let Some(most) = wanted.max_length {
        arguments.insert("x-max-length".into(), number(most));
        // A full queue refuses, and the change waits in the store; RabbitMQ's default would drop the oldest.
        arguments.insert("x-overflow".into(), text("reject-publish"));
    }
    arguments
}

async fn exchange(
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
    arguments: FieldTable,
) -> Result<(), lapin::Error> {
    // Durable: it outlives the broker's restart.
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.into(), kind, options, arguments).await
}

async fn queue(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), lapin::Error> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), options, arguments).await.map(drop)
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, pattern: &str) -> Result<(), lapin::Error> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), pattern.into(), options, FieldTable::default()).await
}

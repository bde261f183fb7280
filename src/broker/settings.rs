//! What the broker's door is told: addresses, how to publish, and the queues that subscribers asked for.

use secrecy::SecretString;

/// Where to publish and what to declare.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// AMQP addresses of one cluster, tried in turn. They hold passwords.
    pub urls: Vec<SecretString>,
    /// Subscribers' queues.
    pub queues: Vec<Queue>,
    /// How a change is laid into a message.
    pub mode: Mode,
    /// Whether the stream `countersign.audit` is declared and bound.
    pub audit_stream: bool,
}

/// A subscriber's queue, declared at start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Routing-key patterns.
    pub bind: Vec<String>,
    /// Its type.
    pub kind: QueueKind,
    /// Where rejected and expired messages go.
    pub dead_letter_exchange: Option<String>,
    /// Under which routing key they go there.
    pub dead_letter_routing_key: Option<String>,
    /// How surely they arrive there; none where they go nowhere.
    pub dead_letter_strategy: Option<DeadLetterStrategy>,
    /// Deliveries of one message before it is dead-lettered (quorum queues).
    pub delivery_limit: Option<u64>,
    /// Only one consumer at a time, so that order holds.
    pub single_active_consumer: bool,
    /// Most messages kept; a full queue refuses further ones, which then wait here: nothing is dropped.
    pub max_length: Option<u64>,
}

/// How a queue hands over its dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterStrategy {
    /// Once, and nobody looks whether they arrived.
    AtMostOnce,
    /// Until each is confirmed; meanwhile they stay in the queue. Quorum queues of RabbitMQ 3.10 and later.
    AtLeastOnce,
}

impl DeadLetterStrategy {
    /// The value of `x-dead-letter-strategy`.
    pub fn word(self) -> &'static str {
        match self {
            Self::AtMostOnce => "at-most-once",
            Self::AtLeastOnce => "at-least-once",
        }
    }
}

/// RabbitMQ's types of queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueKind {
    /// Replicated.
    #[default]
    Quorum,
    /// On one node.
    Classic,
    /// A log that is read without being emptied.
    Stream,
}

impl QueueKind {
    /// The value of `x-queue-type`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::Classic => "classic",
            Self::Stream => "stream",
        }
    }
}

/// How a change is laid into a message: the two modes of CloudEvents' AMQP binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Attributes in headers, the change as body.
    #[default]
    Binary,
    /// Attributes and change in one JSON body.
    Structured,
}

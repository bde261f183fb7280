//! Declares a plan: each part by itself, so that a broken one is reported and holds up nothing else.
//!
//! A refused declaration closes its channel, so each part has one of its own. Declaring again what exists as wanted
//! changes nothing, so the whole is declared after every connect and now and then.

use futures_util::future::join_all;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ExchangeKind};
use tokio::time::timeout;

use crate::base::limits;
use crate::broker::error::PRECONDITION_FAILED;

use super::{Part, Step};

/// What became of each part, by name: what is wrong with it, where it is not as wanted.
pub type Findings = Vec<(String, Result<(), String>)>;

/// Declares all parts: the exchange, then the others side by side, each within its time.
pub(in crate::broker) async fn declare(connection: &Connection, parts: &[Part]) -> Findings {
    let (first, others) = parts.split_at(parts.len().min(1));
    let mut findings = Findings::new();
    for group in [first, others] {
        findings.extend(join_all(group.iter().map(|part| within(part, part.declare(connection)))).await);
    }
    findings
}

async fn within(part: &Part, work: impl Future<Output = Result<(), String>>) -> (String, Result<(), String>) {
    let outcome = timeout(limits::TOPOLOGY_TIMEOUT, work).await;
    (part.name.clone(), outcome.unwrap_or_else(|_| Err(no_answer())))
}

/// What is said of a part that the broker says nothing of in time.
pub(super) fn no_answer() -> String {
    let seconds = limits::TOPOLOGY_TIMEOUT.as_secs();
    format!("no answer within {seconds} s: the queue's leader may be down")
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
}

impl Step {
    /// Declares it, or `passive`ly only asks whether it is there (which AMQP cannot tell of bindings).
    pub(super) async fn take(&self, channel: &Channel, passive: bool) -> Result<(), lapin::Error> {
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
            Self::QueueExists { name } => {
                let options = QueueDeclareOptions { passive: true, ..Default::default() };
                channel.queue_declare(name.as_str().into(), options, FieldTable::default()).await.map(drop)
            }
        }
    }
}

pub(super) async fn open(connection: &Connection) -> Result<Channel, String> {
    connection.create_channel().await.map_err(|error| said(&error))
}

pub(super) async fn close(channel: &Channel) {
    // Whatever it was for is done; a channel that does not close goes with its connection.
    let _ = channel.close(200, "done".into()).await;
}

/// True where a thing of that name exists with other properties.
pub(super) fn differs(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(amqp) if amqp.get_id() == PRECONDITION_FAILED)
}

/// What the broker said, in its own words where it said anything.
pub(in crate::broker) fn said(error: &lapin::Error) -> String {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(amqp) => amqp.get_message().to_string(),
        _ => error.to_string(),
    }
}

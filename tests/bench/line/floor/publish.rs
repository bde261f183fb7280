//! Publishing confirmed messages in bursts over a wide window, with nothing around it.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Instant;

use anyhow::ensure;
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, PublisherConfirm};
use serde_json::json;

use crate::measure::usage;

use countersign::broker::EXCHANGE;

/// Publishes issued together.
pub(super) const BURST: usize = 25;
/// Messages that may be unconfirmed at once.
const WINDOW: usize = 1_000;

/// What to publish.
#[derive(Debug, clap::Args)]
pub(super) struct Publish {
    /// The broker.
    #[arg(long)]
    broker: String,
    /// How many messages.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Bytes of each message's body. Its properties and headers are those of the program's own messages.
    #[arg(long, default_value_t = 900)]
    bytes: usize,
}

/// A channel, and the confirms that it still waits for.
pub(super) struct Publisher {
    // Its end would close the channel.
    _connection: Connection,
    channel: Channel,
    waiting: VecDeque<Vec<PublisherConfirm>>,
    in_flight: usize,
}

impl Publisher {
    pub(super) async fn connect(broker: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(broker, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { _connection: connection, channel, waiting: VecDeque::new(), in_flight: 0 })
    }

    /// Issues a burst, and waits for older ones' confirms where too many are in flight; how many were confirmed.
    pub(super) async fn burst(
        &mut self,
        bodies: &[&[u8]],
        properties: &BasicProperties,
    ) -> anyhow::Result<usize> {
        let publishes = bodies.iter().map(|body| {
            let key = ShortString::from("signing_request.sent.bench");
            let options = BasicPublishOptions::default();
            self.channel.basic_publish(EXCHANGE.into(), key, options, body, properties.clone())
        });
        let issued = join_all(publishes).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.in_flight += issued.len();
        self.waiting.push_back(issued);
        self.confirmed(WINDOW).await
    }

    /// Waits until no more than so many are in flight; how many were confirmed meanwhile.
    pub(super) async fn confirmed(&mut self, most: usize) -> anyhow::Result<usize> {
        let mut confirmed = 0;
        while self.in_flight > most {
            let Some(burst) = self.waiting.pop_front() else { break };
            self.in_flight -= burst.len();
            // The last first: once it is there the others are, as a rule, and cost no further waking.
            for confirm in burst.into_iter().rev() {
                ensure!(matches!(confirm.await?, Confirmation::Ack(None)), "the broker refused a message");
                confirmed += 1;
            }
        }
        Ok(confirmed)
    }
}

/// Publishes, and prints how long it took.
pub(super) async fn run(publish: &Publish) -> anyhow::Result<()> {
    let body = vec![b'x'; publish.bytes];
    let properties = as_the_program_does();
    let mut publisher = Publisher::connect(&publish.broker).await?;
    let began = Instant::now();
    let (mut issued, mut confirmed) = (0, 0);
    while issued < publish.messages {
        let burst = vec![body.as_slice(); BURST.min(publish.messages - issued)];
        issued += burst.len();
        confirmed += publisher.burst(&burst, &properties).await?;
    }
    confirmed += publisher.confirmed(0).await?;
    let seconds = began.elapsed().as_secs_f64();
    let own = std::process::id();
    let report = json!({
        "confirmed": confirmed, "seconds": seconds, "rate": confirmed as f64 / seconds,
        "cpu_ms": usage::cpu_ms(own), "peak_mib": usage::peak_mib(own),
    });
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}

/// Properties and headers like those of a status change.
fn as_the_program_does() -> BasicProperties {
    let id = "3b0f6d1c-64a5-8c7e-9d52-0e4d7c9b1a20";
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("cloudEvents_specversion", "1.0"),
        ("cloudEvents_id", id),
        ("cloudEvents_source", "/docusign/accounts/8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11"),
        ("cloudEvents_type", "countersign.signing_request.status_changed.v1"),
        ("cloudEvents_time", "2026-11-23T10:00:00.123Z"),
        ("cloudEvents_subject", "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01"),
        ("cloudEvents_sequence", "4"),
        (
            "cloudEvents_partitionkey",
            "8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11/0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01",
        ),
        ("cloudEvents_traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ] {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    persistent(id)
        .with_type("countersign.signing_request.status_changed.v1".into())
        .with_timestamp(1_790_000_000)
        .with_app_id("countersign".into())
        .with_correlation_id("0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01".into())
        .with_headers(headers)
}

/// What every message here has.
pub(super) fn persistent(id: &str) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_message_id(id.into())
}

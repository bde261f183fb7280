//! The relay against a real broker, whole and broken: nothing missing, order kept, only confirmed changes settled.

mod dead_letters;
mod failover;
mod faults;
pub(crate) mod kit;
mod refusals;
mod secure;
mod topology;

use countersign::broker::{Mode, Settings};
use countersign::telemetry::Metric;
use serde_json::json;

use crate::support::rabbit::Rabbit;
use kit::{ACCOUNT, HEARD, Running, hear, settings};

#[tokio::test]
async fn every_change_is_published_once_in_order_and_settled() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(settings(&url));
    // One busy subject among many, some of it before the relay is connected and some of it after.
    relay.append(std::iter::repeat_n("busy", 300));
    relay.append_many(2_000, 300);
    relay.settles(1_000).await;
    relay.append_many(1_000, 150);
    relay.append(std::iter::repeat_n("busy", 20));
    relay.settles_all().await;
    relay.stop().await;

    let heard = hear(&url, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0, "without a fault nothing comes twice");
    assert_eq!(relay.metrics.counted(Metric::Published, ""), relay.given() as u64);
    for reason in ["nack", "return", "timeout", "connection"] {
        assert_eq!(relay.retries(reason), 0, "{reason}");
    }
    let view = relay.status.view();
    assert!(!view.connected && view.since.is_some() && view.error.is_none(), "{view:?}");
}

#[tokio::test]
async fn a_message_carries_what_the_contract_says() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(settings(&url));
    relay.append(["request-1"]);
    relay.settles_all().await;
    relay.stop().await;

    let heard = hear(&url, HEARD, 1).await;
    let message = &heard[0];
    let delivery = &message.delivery;
    assert_eq!(delivery.exchange.as_str(), "countersign");
    assert_eq!(delivery.routing_key.as_str(), format!("signing_request.sent.{ACCOUNT}"));
    let properties = &delivery.properties;
    assert_eq!(properties.delivery_mode(), &Some(2));
    assert_eq!(properties.app_id().as_ref().map(|text| text.as_str()), Some("countersign"));
    assert_eq!(properties.content_type().as_ref().map(|text| text.as_str()), Some("application/json"));
    assert_eq!(properties.timestamp(), &Some(1_795_428_000));
    assert_eq!(message.header("cloudEvents_id"), Some(message.id.clone()));
    assert_eq!(message.header("cloudEvents_sequence").as_deref(), Some("1"));
    assert_eq!(message.header("cloudEvents_partitionkey"), Some(format!("{ACCOUNT}/request-1")));
    let body: serde_json::Value = serde_json::from_slice(&delivery.data).unwrap();
    assert_eq!(body["sequence"], 1);
}

#[tokio::test]
async fn structured_mode_puts_attributes_and_change_into_one_body() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(Settings { mode: Mode::Structured, ..settings(&url) });
    relay.append(["request-1"]);
    relay.settles_all().await;
    relay.stop().await;

    let heard = hear(&url, HEARD, 1).await;
    let content_type = heard[0].delivery.properties.content_type().as_ref().map(ToString::to_string);
    assert_eq!(content_type.as_deref(), Some("application/cloudevents+json; charset=utf-8"));
    let whole: serde_json::Value = serde_json::from_slice(&heard[0].delivery.data).unwrap();
    assert_eq!(whole["specversion"], "1.0");
    assert_eq!(whole["id"], json!(heard[0].id));
    assert_eq!(whole["sequence"], "1");
    assert_eq!(whole["data"]["sequence"], 1);
    assert_eq!(heard[0].header("cloudEvents_id"), None);
}

#[tokio::test]
async fn what_the_store_cannot_settle_is_settled_later_and_not_published_again() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(settings(&url));
    relay.shelf.fail(3);
    relay.append_many(200, 20);
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0);
}

#[tokio::test]
async fn a_stop_publishes_and_settles_what_is_there_and_returns() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(settings(&url));
    relay.connects().await;
    relay.append_many(600, 80);
    relay.stop().await;
    assert_eq!(relay.shelf.waiting(), 0);
    let heard = hear(&url, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_broker_that_is_not_there() {
    let mut relay = Running::start(settings("amqp://guest:guest@127.0.0.1:9/%2f"));
    relay.append(["request-1"]);
    relay.stands("the refusal is told", |view| view.error.is_some()).await;
    relay.stop().await;
    let why = relay.status.view().error.unwrap_or_default();
    assert!(why.contains("127.0.0.1:9") && !why.contains("guest:guest"), "{why}");
    assert_eq!(relay.shelf.waiting(), 1);
}

//! Dead letters of quorum queues: what a subscriber rejects arrives where it is to go, however late that is there.

use countersign::broker::{DeadLetterStrategy, Queue, QueueKind, Settings};
use lapin::Channel;
use lapin::options::{BasicGetOptions, BasicRejectOptions, ExchangeDeclareOptions};

use crate::support::rabbit::Rabbit;
use crate::support::{PATIENCE, eventually};

use super::kit::{Running, channel, declare, hear, queue, settings, text, vhost_of};

const DEAD: &str = "billing.dead";

fn billing(exchange: &str) -> Queue {
    Queue {
        dead_letter_exchange: Some(exchange.to_owned()),
        dead_letter_routing_key: Some(DEAD.to_owned()),
        dead_letter_strategy: Some(DeadLetterStrategy::AtLeastOnce),
        ..queue("billing", &["signing_request.#"], QueueKind::Quorum)
    }
}

/// Takes so many messages out of the queue and rejects each for good.
async fn reject(channel: &Channel, count: usize) {
    for _ in 0..count {
        let next = async || {
            channel.basic_get("billing".into(), BasicGetOptions::default()).await.expect("the queue")
        };
        let message = eventually("a message is there", PATIENCE, next).await;
        message.acker.reject(BasicRejectOptions { requeue: false }).await.expect("a rejection");
    }
}

#[tokio::test]
async fn what_a_subscriber_rejects_arrives_in_the_queue_of_the_dead() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    // The queue of the dead is bound to nothing: it is named by the other one.
    let dead = queue(DEAD, &[], QueueKind::Quorum);
    let mut relay = Running::start(Settings { queues: vec![billing(""), dead], ..settings(&url) });
    relay.append_many(100, 10);
    relay.settles_all().await;
    assert!(relay.status.view().faults.is_empty(), "{:?}", relay.status.view());
    let (_connection, subscriber) = channel(&url).await;
    reject(&subscriber, 100).await;
    let heard = hear(&url, DEAD, 100).await;
    relay.assert_sound(&heard);
    let headers = heard[0].delivery.properties.headers().clone().unwrap_or_default();
    assert!(headers.inner().keys().any(|key| key.as_str() == "x-death"), "{headers:?}");
    assert!(heard[0].header("cloudEvents_id").is_some(), "a dead letter is still the same CloudEvent");
    relay.stop().await;
}

#[tokio::test]
async fn dead_letters_wait_for_a_queue_that_is_not_there_yet() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    // RabbitMQ tries again every three minutes where nothing takes a dead letter; a test has no time for that.
    rabbit.eval("application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 1000).").await;
    let (_connection, operator) = channel(&url).await;
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let kind = lapin::ExchangeKind::Direct;
    operator.exchange_declare("dead".into(), kind, durable, Default::default()).await.unwrap();
    let mut relay = Running::start(Settings { queues: vec![billing("dead")], ..settings(&url) });
    relay.append_many(50, 10);
    relay.settles_all().await;
    reject(&operator, 50).await;
    let waiting = async || (rabbit.list_queues(vhost_of(&url)).await["billing"] == 50).then_some(());
    eventually("the rejected stay where they were", PATIENCE, waiting).await;
    declare(&operator, DEAD, &[("x-queue-type", text("quorum"))]).await;
    operator
        .queue_bind(DEAD.into(), "dead".into(), DEAD.into(), Default::default(), Default::default())
        .await
        .unwrap();
    let heard = hear(&url, DEAD, 50).await;
    relay.assert_sound(&heard);
    let gone = async || (rabbit.list_queues(vhost_of(&url)).await["billing"] == 0).then_some(());
    eventually("what has arrived is gone from where it was", PATIENCE, gone).await;
    relay.stop().await;
}

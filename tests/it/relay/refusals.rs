//! Changes that the broker does not take: refused by full queues, returned, or too large for it.

use countersign::broker::{QueueKind, Settings, UNROUTED};
use lapin::types::AMQPValue;

use crate::support::rabbit::Rabbit;
use crate::support::{PATIENCE, eventually};

use super::kit::{HEARD, Running, channel, declare, hear, queue, settings, text, vhost_of};

#[tokio::test]
async fn a_full_queue_holds_up_its_own_subjects_alone_until_there_is_room() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut full = queue("full", &["signing_request.completed.*"], QueueKind::Quorum);
    full.max_length = Some(5);
    let mut wanted = settings(&url);
    wanted.queues = vec![full, queue(HEARD, &["signing_request.sent.*"], QueueKind::Quorum)];
    let mut relay = Running::start(wanted);
    relay.connects().await;
    for number in 0..30 {
        relay.append_as("signing_request.completed", [format!("stuck-{}", number % 10).as_str()]);
    }
    relay.append_as("signing_request.sent", std::iter::repeat_n("fine", 200));
    eventually("the queue refuses", PATIENCE, async || (relay.retries("nack") > 0).then_some(())).await;
    relay.settles(200).await;
    assert!(relay.shelf.waiting() >= 10, "{} wait", relay.shelf.waiting());

    let mut heard = hear(&url, HEARD, 200).await;
    // Its subscriber comes back: whatever it takes makes room for more.
    heard.extend(hear(&url, "full", 30).await);
    relay.settles_all().await;
    relay.stop().await;
    assert_eq!(relay.assert_sound(&heard), 0, "a refused change is in no queue twice");
}

#[tokio::test]
async fn what_nobody_is_bound_for_lies_in_the_unrouted_queue() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(Settings { queues: Vec::new(), ..settings(&url) });
    relay.append_many(300, 40);
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, UNROUTED, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0);
    assert_eq!(relay.retries("return"), 0, "the alternate exchange takes it, nothing comes back");
    assert_eq!(heard[0].delivery.exchange.as_str(), "countersign");
}

#[tokio::test]
async fn what_comes_back_is_told_apart_from_its_neighbours_and_put_into_the_unrouted_queue() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    // An exchange made by somebody else, without an alternate: what nobody is bound for comes back.
    let (_connection, theirs) = channel(&url).await;
    let durable = lapin::options::ExchangeDeclareOptions { durable: true, ..Default::default() };
    let kind = lapin::ExchangeKind::Topic;
    theirs.exchange_declare("countersign".into(), kind, durable, Default::default()).await.unwrap();
    let mut wanted = settings(&url);
    wanted.queues = vec![queue(HEARD, &["signing_request.sent.*"], QueueKind::Quorum)];
    let mut relay = Running::start(wanted);
    // Hundreds in flight at a time, every other one unroutable.
    for number in 0..3_000 {
        let words = if number % 2 == 0 { "signing_request.sent" } else { "activity.unheard" };
        relay.append_as(words, [format!("request-{number}").as_str()]);
    }
    relay.settles_all().await;
    relay.stop().await;
    assert_eq!(relay.retries("return"), 1_500);
    let mut heard = hear(&url, HEARD, 1_500).await;
    assert!(heard.iter().all(|message| message.delivery.routing_key.as_str().contains(".sent.")));
    heard.extend(hear(&url, UNROUTED, 1_500).await);
    assert_eq!(relay.assert_sound(&heard), 0);
}

#[tokio::test]
async fn what_even_the_unrouted_queue_does_not_take_waits_and_is_never_settled() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(Settings { queues: Vec::new(), ..settings(&url) });
    relay.connects().await;
    rabbit.delete_queue(vhost_of(&url), UNROUTED).await;
    relay.append_many(50, 10);
    eventually("changes come back", PATIENCE, async || (relay.retries("return") >= 10).then_some(())).await;
    assert_eq!(relay.shelf.settled(), 0);
    // A subscriber binds a queue of its own.
    let (_connection, theirs) = channel(&url).await;
    declare(&theirs, HEARD, &[("x-queue-type", text("quorum"))]).await;
    theirs
        .queue_bind(HEARD.into(), "countersign".into(), "#".into(), Default::default(), Default::default())
        .await
        .unwrap();
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0);
}

#[tokio::test]
async fn a_change_that_the_broker_rejects_with_its_channel_holds_up_its_own_subject_alone() {
    let rabbit = Rabbit::start().await;
    let url = rabbit.url();
    // Each body has some 900 bytes; the one of the subject `large` more.
    rabbit.eval("persistent_term:put(max_message_size, 2000), application:set_env(rabbit, max_message_size, 2000).").await;
    let mut relay = Running::start(settings(&url));
    relay.append_many(100, 100);
    relay.append_large("large", 4_000);
    relay.append(["large"]);
    relay.append_many(400, 100);
    relay.settles(500).await;
    assert_eq!(relay.shelf.waiting(), 2, "the large change and the one behind it");
    rabbit.eval("persistent_term:put(max_message_size, 134217728), application:set_env(rabbit, max_message_size, 134217728).").await;
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_queue_that_answers_nothing_holds_up_its_own_subjects_alone() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut wanted = settings(&url);
    wanted.queues = vec![
        queue("mute", &["signing_request.completed.*"], QueueKind::Quorum),
        queue(HEARD, &["signing_request.sent.*"], QueueKind::Quorum),
    ];
    let mut relay = Running::start(wanted);
    relay.connects().await;
    // Held, the queue's leader confirms nothing, and RabbitMQ lets the whole channel wait for it.
    let leader = format!("{}_mute", vhost_of(&url));
    rabbit.eval(&format!("sys:suspend({leader}).")).await;
    relay.append_as("signing_request.completed", ["stuck-1", "stuck-2", "stuck-3"]);
    relay.append_many(300, 30);
    relay.settles(300).await;
    assert!(relay.retries("timeout") > 0);
    assert_eq!(relay.shelf.waiting(), 3, "what the queue does not confirm is not settled");
    rabbit.eval(&format!("sys:resume({leader}).")).await;
    relay.settles_all().await;
    relay.stop().await;
    let mut heard = hear(&url, HEARD, 300).await;
    heard.extend(hear(&url, "mute", 3).await);
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_queue_bounded_by_somebody_else_refuses_too() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let (_connection, theirs) = channel(&url).await;
    let bound = AMQPValue::LongLongInt(20);
    declare(&theirs, HEARD, &[("x-max-length", bound), ("x-overflow", text("reject-publish"))]).await;
    let mut wanted = settings(&url);
    wanted.queues.clear();
    let mut relay = Running::start(wanted);
    relay.connects().await;
    theirs
        .queue_bind(HEARD.into(), "countersign".into(), "#".into(), Default::default(), Default::default())
        .await
        .unwrap();
    relay.append_many(400, 40);
    eventually("the queue refuses", PATIENCE, async || (relay.retries("nack") > 0).then_some(())).await;
    let heard = hear(&url, HEARD, 400).await;
    relay.settles_all().await;
    relay.stop().await;
    relay.assert_sound(&heard);
}

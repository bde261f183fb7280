//! What the relay declares, and what it does where a part cannot be as wanted.

use countersign::broker::topology::Kind;
use countersign::broker::{AUDIT, Link, Queue, QueueKind, Settings, UNROUTED};
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::support::PATIENCE;
use crate::support::rabbit::Rabbit;

use super::kit::{HEARD, Running, channel, declare, hear, queue, settings, text, vhost_of};

#[tokio::test]
async fn everything_published_is_in_the_audit_stream_too() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut relay = Running::start(Settings { audit_stream: true, ..settings(&url) });
    relay.append_many(200, 20);
    relay.settles_all().await;
    relay.stop().await;
    assert!(relay.status.view().faults.is_empty(), "{:?}", relay.status.view());

    let (_connection, audit) = channel(&url).await;
    audit.basic_qos(100, BasicQosOptions::default()).await.unwrap();
    let mut from_the_start = FieldTable::default();
    from_the_start.insert("x-stream-offset".into(), text("first"));
    let options = BasicConsumeOptions::default();
    let mut stream = audit.basic_consume(AUDIT.into(), "".into(), options, from_the_start).await.unwrap();
    for _ in 0..200 {
        let delivery = tokio::time::timeout(PATIENCE, stream.next()).await.unwrap().unwrap().unwrap();
        delivery.ack(Default::default()).await.unwrap();
    }
    let heard = hear(&url, HEARD, 200).await;
    assert_eq!(relay.assert_sound(&heard), 0);
}

#[tokio::test]
async fn declaring_twice_finds_nothing_wrong_and_looking_declares_nothing() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wanted = Settings {
        audit_stream: true,
        queues: vec![
            Queue {
                dead_letter_exchange: Some(String::new()),
                dead_letter_routing_key: Some(UNROUTED.to_owned()),
                delivery_limit: Some(3),
                single_active_consumer: true,
                max_length: Some(10),
                ..queue("quorum", &["signing_request.#", "participant.#"], QueueKind::Quorum)
            },
            Queue { max_length: Some(10), ..queue("classic", &["*.*.acc-1"], QueueKind::Classic) },
            queue("stream", &["#"], QueueKind::Stream),
        ],
        ..settings(&url)
    };
    let link = Link::connect(&wanted).await.unwrap();
    let before = link.check(&wanted).await.unwrap();
    assert!(before.iter().all(|drift| drift.kind == Kind::Missing) && before.len() == 7, "{before:?}");
    assert!(rabbit.list_queues(vhost_of(&url)).await.is_empty(), "looking declares nothing");
    for _ in 0..2 {
        let found = link.declare(&wanted).await.unwrap();
        let names: Vec<_> = found.iter().map(|(part, _)| part.as_str()).collect();
        assert_eq!(names, ["countersign", UNROUTED, AUDIT, "quorum", "classic", "stream"]);
        assert!(found.iter().all(|(_, outcome)| outcome.is_ok()), "{found:?}");
    }
    let there = rabbit.list_queues(vhost_of(&url)).await;
    assert!(there.keys().eq(["classic", AUDIT, UNROUTED, "quorum", "stream"]), "{there:?}");
    assert_eq!(link.check(&wanted).await.unwrap(), []);
    link.close().await;
}

#[tokio::test]
async fn a_part_that_is_otherwise_than_wanted_is_reported_used_and_holds_up_nothing() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let (_connection, theirs) = channel(&url).await;
    declare(&theirs, AUDIT, &[]).await;
    declare(
        &theirs,
        "mine",
        &[("x-queue-type", text("quorum")), ("x-max-length", AMQPValue::LongLongInt(9_999))],
    )
    .await;
    let mut wanted = Settings { audit_stream: true, ..settings(&url) };
    wanted.queues.push(queue("mine", &["#"], QueueKind::Classic));
    let gone =
        Queue { dead_letter_exchange: Some("nowhere".into()), ..queue("dead", &["x.#"], QueueKind::Quorum) };
    wanted.queues.push(gone);
    let mut relay = Running::start(wanted);
    relay.append_many(100, 10);
    relay.settles_all().await;
    let faults = relay.status.view().faults;
    assert_eq!(faults.keys().collect::<Vec<_>>(), [AUDIT, "dead", "mine"], "{faults:?}");
    assert!(faults["mine"].contains("x-") && faults["mine"].contains("used as it is"), "{faults:?}");
    assert!(faults["dead"].contains("nowhere"), "{faults:?}");
    let metrics = relay.metrics.render();
    for (part, value) in [("mine", 1), (AUDIT, 1), (UNROUTED, 0), (HEARD, 0)] {
        let line = format!("countersign_topology_fault{{part=\"{part}\"}} {value}");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }

    // Mended by hand, it is found sound without a reconnect.
    theirs.queue_delete("mine".into(), Default::default()).await.unwrap();
    theirs.queue_delete(AUDIT.into(), Default::default()).await.unwrap();
    relay.stands("the faults are gone", |view| view.faults.keys().eq(["dead"])).await;
    relay.append_many(100, 10);
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 0, "no refused declaration cost a connection");
}

#[tokio::test]
async fn a_broken_audit_stream_holds_up_nothing() {
    let mut rabbit = Rabbit::start().await;
    let url = rabbit.url();
    let mut wanted = Settings { audit_stream: true, ..settings(&url) };
    wanted.queues = vec![queue(HEARD, &["signing_request.sent.*"], QueueKind::Quorum)];
    let mut relay = Running::start(wanted);
    relay.append_many(10, 10);
    relay.settles_all().await;
    rabbit.outlives_its_youth().await;
    rabbit.kill();
    rabbit.forget_streams();
    rabbit.restart().await;

    relay.stands("only the stream is broken", |view| view.connected && view.faults.keys().eq([AUDIT])).await;
    relay.append_many(500, 50);
    // Bound nowhere but to the broken stream: its alternate exchange does not take it, so we do.
    relay.append_as("activity.unheard", ["request-1", "request-2", "another"]);
    relay.append_many(100, 50);
    relay.settles_all().await;
    relay.stop().await;
    let mut heard = hear(&url, HEARD, relay.given() - 3).await;
    assert_eq!(relay.retries("return"), 3);
    let astray = hear(&url, UNROUTED, 3).await;
    assert!(
        astray.iter().all(|message| message.delivery.routing_key.as_str().starts_with("activity.unheard"))
    );
    heard.extend(astray);
    // From two queues: what was heard in the one has no place in the order of the other.
    assert_eq!(heard.len(), relay.given());
}

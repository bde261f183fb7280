//! The whole line: a simulated DocuSign, the real program, a real RabbitMQ and an independent subscriber.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign::simulator::connect::{Configuration, Format};
use countersign::simulator::sender::{Ended, Faults, Report as Sent, Target, Traffic as Lives};

use crate::support::rabbit::Rabbit;
use crate::support::server::{KEY, Server, Settings};
use crate::support::subscriber::{Report, Subscriber};
use crate::support::traffic::{Traffic, assert_feed_tells, feed};
use crate::support::{PATIENCE, eventually};

const FAULTS: Faults = Faults { duplicate: 0.2, reorder: 0.2, bad_signature: 0.1, drop: 0.0 };

fn lives(server: &Server, format: Format, envelopes: u64, seed: u64) -> Lives {
    let configuration = Configuration::new(format);
    let target = Target { url: server.url("/connect"), keys: vec![KEY.into()], configuration };
    Lives { envelopes, seed, faults: FAULTS, connections: 8, ..Lives::to(target) }
}

/// RabbitMQ 3.10 that is killed some four seconds after a quorum queue or stream was declared forgets it: a fault of
/// its own that no client can mend.
async fn grown_up() {
    let born = Instant::now();
    let age = Duration::from_secs(9);
    eventually("the broker is no longer young", age * 2, async || (born.elapsed() > age).then_some(())).await;
}

/// Waits until everything appended is published and settled.
async fn published(server: &Server) {
    eventually("the backlog is empty", PATIENCE * 2, async || {
        (server.metric("countersign_backlog").await == 0.0).then_some(())
    })
    .await;
}

/// Received = accepted + duplicates + refused + quarantined, on both sides of the wire, and appended = published = seen.
async fn assert_books_balance(server: &Server, sent: &Sent, seen: &Report) {
    assert!(sent.balances() && sent.failed == 0 && sent.quarantined == 0, "{sent:?}");
    let text = server.text("/metrics").await;
    let outcome = |word: &str| {
        let series = format!("countersign_deliveries_total{{outcome=\"{word}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok()).unwrap_or(0)
    };
    let counted = [outcome("accepted"), outcome("duplicate"), outcome("refused"), outcome("quarantined")];
    assert_eq!(counted, [sent.accepted, sent.duplicate, sent.refused, sent.quarantined], "{sent:?}");
    let appended = feed(server).await.len() as u64;
    assert_eq!(server.metric("countersign_changes_total").await, appended as f64);
    assert_eq!(seen.ids, appended, "{seen:?}");
    assert_eq!(server.metric("countersign_published_total").await, appended as f64, "each is settled once");
    let milestone = |word: &str| {
        let series = format!("countersign_milestones_total{{milestone=\"{word}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok()).unwrap_or(0)
    };
    let stored = sent.accepted + sent.duplicate;
    assert_eq!(milestone("received"), stored + sent.refused, "{sent:?}");
    assert_eq!(
        [milestone("verified"), milestone("stored"), milestone("published")],
        [stored, stored, appended]
    );
    let books: serde_json::Value = serde_json::from_str(&server.text("/v1/books?deep").await).expect("JSON");
    assert_eq!(books["balanced"], true, "{books:#}");
}

/// The last status that a life tells. The legacy formats can be asked for five statuses only, deletion not among them.
pub(crate) fn last_told(end: &Ended, format: Format) -> Option<&'static str> {
    let legacy = ["sent", "delivered", "completed", "declined", "voided"];
    end.events.iter().rev().find_map(|event| match (event.strip_prefix("envelope-")?, format) {
        ("deleted" | "discard", Format::Json) => Some("deleted"),
        ("created", Format::Json) => Some("created"),
        (told, _) => legacy.into_iter().find(|status| *status == told),
    })
}

/// Where each signing request stands in the end, by the simulator and by the subscriber.
fn assert_ends_agree(lives: &Lives, seen: &Report) {
    let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
    let ends: Vec<_> = lives.ends().collect();
    for status in ends.iter().filter_map(|end| last_told(end, lives.target.configuration.format)) {
        *wanted.entry(status.to_owned()).or_default() += 1;
    }
    assert_eq!(seen.stands, wanted);
}

async fn whole_line(format: Format, seed: u64) {
    let broker = Rabbit::shared().await.vhost();
    let server = Server::start(Settings::new().broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    let lives = lives(&server, format, 60, seed);
    let sent = lives.send().await.expect("traffic");
    published(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    assert_books_balance(&server, &sent, &seen).await;
    assert_ends_agree(&lives, &seen);
    assert_eq!(seen.kinds.get("conflict"), None, "nothing of one honest life contradicts the rest: {seen:?}");
    assert!(sent.duplicate > 0 && sent.refused > 0, "the traffic was as bad as it was meant to be: {sent:?}");
    server.assert_log_keeps_secrets(&["guest:guest"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_balance_and_every_sequence_is_whole() {
    whole_line(Format::Json, 11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregate_json_ends_where_single_events_do() {
    whole_line(Format::JsonAggregate, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legacy_xml_ends_where_single_events_do() {
    whole_line(Format::Xml, 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_broker_is_killed() {
    let mut rabbit = Rabbit::start().await;
    let server = Server::start(Settings::new().broker(&rabbit.url())).await;
    let mut subscriber = Subscriber::start(&rabbit.url(), &server, &[]).await;
    grown_up().await;
    let mut lives = lives(&server, Format::Json, 150, 14);
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    lives.on_answer = Some(Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let murder = async {
        for round in 1..=2 {
            let enough = async || (answered.load(Ordering::SeqCst) > round * 250).then_some(());
            eventually("so many are answered", PATIENCE, enough).await;
            rabbit.kill();
            let more = async || (answered.load(Ordering::SeqCst) > round * 250 + 150).then_some(());
            eventually("the receiver goes on without the broker", PATIENCE, more).await;
            rabbit.restart().await;
            grown_up().await;
        }
    };
    let (sent, ()) = tokio::join!(lives.send(), murder);
    let sent = sent.expect("traffic");
    published(&server).await;
    subscriber.sees(feed(&server).await.len() as u64).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    assert!(seen.reconnects > 0, "{seen:?}");
    assert_books_balance(&server, &sent, &seen).await;
    assert_ends_agree(&lives, &seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_server_is_killed() {
    let broker = Rabbit::shared().await.vhost();
    let mut server = Server::start(Settings::new().broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    let traffic = Traffic::new(60, 15);
    let (url, sent) = (server.url("/connect"), AtomicUsize::new(0));
    let murder = async {
        for round in 1..=4 {
            let enough =
                async || (sent.load(Ordering::SeqCst) >= round * traffic.bodies.len() / 5).then_some(());
            eventually("so many are answered", PATIENCE, enough).await;
            server.restart().await;
        }
    };
    tokio::join!(traffic.send(&url, &sent), murder);
    published(&server).await;
    let whole = feed(&server).await;
    assert_feed_tells(&whole, &traffic.steps);
    let seen = subscriber.finish().await;
    seen.assert_sound();
    assert_eq!(seen.ids, whole.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_answered_while_the_broker_is_away() {
    let mut rabbit = Rabbit::start().await;
    rabbit.kill();
    let server = Server::start(Settings::new().broker(&rabbit.url())).await;
    let traffic = Traffic::new(10, 16);
    let begin = Instant::now();
    traffic.send(&server.url("/connect"), &AtomicUsize::new(0)).await;
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?} for {} deliveries",
        begin.elapsed(),
        traffic.bodies.len()
    );
    assert_eq!(
        server.get("/readyz").await.0,
        200,
        "a broker that is away does not make the receiver unready"
    );
    assert_eq!(server.metric("countersign_broker_up").await, 0.0);
    assert!(feed(&server).await.iter().all(|row| row["published"] == false));
    rabbit.restart().await;
    published(&server).await;
    assert!(feed(&server).await.iter().all(|row| row["published"] == true));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_before_a_subscriber_binds_waits_in_the_audit_stream() {
    let broker = Rabbit::shared().await.vhost();
    let server = Server::start(Settings::new().broker(&broker)).await;
    let traffic = Traffic::new(10, 17);
    traffic.send(&server.url("/connect"), &AtomicUsize::new(0)).await;
    published(&server).await;
    let mut auditor = Subscriber::start(&broker, &server, &["--read", "countersign.audit", "--stream"]).await;
    auditor.sees(traffic.steps.len() as u64).await;
    let seen = auditor.finish().await;
    seen.assert_sound();
    assert_eq!(seen.ids, traffic.steps.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn structured_messages_say_the_same_in_their_bodies() {
    let broker = Rabbit::shared().await.vhost();
    let settings = Settings::new().broker(&broker).with("COUNTERSIGN_CLOUD_EVENTS", "structured");
    let server = Server::start(settings).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    let traffic = Traffic::new(10, 18);
    traffic.send(&server.url("/connect"), &AtomicUsize::new(0)).await;
    published(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    assert_eq!(seen.ids, traffic.steps.len() as u64);
    assert_eq!(seen.modes.keys().collect::<Vec<_>>(), ["structured"]);
}

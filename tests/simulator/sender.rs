//! The sender: its books balance against receivers of every temper, order is kept, and a seed says it all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign::simulator::connect::{Configuration, Format};
use countersign::simulator::life::EnvelopeStatus;
use countersign::simulator::sender::{Error, Faults, Patience, Spoilt, Target, Traffic};

use super::receiver::{Received, Receiver};

fn quick() -> Patience {
    Patience { retries_max: 3, wait: Duration::from_millis(1), wait_max: Duration::from_millis(5) }
}

fn traffic(receiver: &Receiver, format: Format) -> Traffic {
    Traffic { envelopes: 40, seed: 5, patience: quick(), ..Traffic::to(receiver.target(format)) }
}

const FAULTY: Faults = Faults { duplicate: 0.2, reorder: 0.2, bad_signature: 0.15, drop: 0.0 };

#[tokio::test(flavor = "multi_thread")]
async fn the_books_agree_with_the_plan_and_with_what_came_in() {
    for format in [Format::Json, Format::JsonAggregate] {
        let receiver = Receiver::honest();
        let traffic = Traffic { faults: FAULTY, connections: 4, ..traffic(&receiver, format) };
        let (outlook, report) = (traffic.outlook(), traffic.send().await.unwrap());
        assert!(report.balances(), "{report:?}");
        let received = receiver.received();
        assert_eq!(report.sent, received.len() as u64);
        assert_eq!(report.refused, outlook.forged);
        assert_eq!(report.refused, received.iter().filter(|r| !r.signed).count() as u64);
        assert_eq!(report.sent, outlook.messages + outlook.duplicates + outlook.forged);
        if format == Format::Json {
            assert_eq!((report.accepted, report.duplicate), (outlook.messages, outlook.duplicates));
        }
        assert!(outlook.forged > 10 && outlook.duplicates > 10, "{outlook:?}");
        assert_eq!((report.failed, report.retried, report.quarantined), (0, 0, 0));
        assert_eq!(report.by_status[&200] + report.by_status[&401], report.sent);
        assert!(report.seconds > 0.0 && report.answer_ms.p50 > 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_503_is_tried_again_and_each_delivery_is_counted_once() {
    // Every third request is turned back; what comes again has its count raised.
    let receiver = Receiver::start(|delivery, _| match delivery.place % 3 {
        2 => (503, "unavailable", Some(0)),
        _ => (200, "accepted", None),
    });
    let report = traffic(&receiver, Format::Json).send().await.unwrap();
    let received = receiver.received();
    assert!(report.balances());
    assert_eq!(report.accepted, report.sent);
    assert_eq!(report.retried, report.by_status[&503]);
    assert_eq!(report.sent + report.retried, received.len() as u64);
    let after = |delivery: &Received| delivery.json()["retryCount"].as_u64().unwrap();
    assert_eq!(after(&received[2]), 0);
    assert_eq!(after(&received[3]), 1);
    assert!(received[3].signed, "it is signed anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_takes_anything_makes_failures_after_bounded_tries() {
    let receiver = Receiver::start(|_, _| (503, "unavailable", None));
    let report = Traffic { envelopes: 3, ..traffic(&receiver, Format::Json) }.send().await.unwrap();
    assert!(report.balances());
    assert_eq!((report.failed, report.accepted), (report.sent, 0));
    assert_eq!(report.retried, 3 * report.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listening_is_a_failure_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let target = Target {
        url: format!("http://{address}/connect"),
        keys: Vec::new(),
        configuration: Configuration::new(Format::Json),
    };
    let traffic = Traffic { envelopes: 2, patience: quick(), ..Traffic::to(target) };
    let report = traffic.send().await.unwrap();
    assert!(report.balances() && report.sent > 0);
    assert_eq!(report.failed, report.sent);
    assert!(report.by_status.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_and_refused_deliveries_are_booked_as_what_they_are() {
    let receiver = Receiver::start(|delivery, _| match delivery.place % 4 {
        0 => (200, "quarantined", None),
        1 => (404, "no such source", None),
        2 => (200, "duplicate", None),
        _ => (204, "", None),
    });
    let report = traffic(&receiver, Format::Xml).send().await.unwrap();
    assert!(report.balances());
    let quarter = report.sent / 4;
    assert_eq!(report.refused, report.by_status[&404]);
    assert!(report.quarantined >= quarter && report.duplicate >= quarter && report.accepted >= quarter);
    assert_eq!(report.retried, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifes_messages_come_in_their_order_over_many_connections() {
    let receiver = Receiver::honest();
    let traffic = Traffic { envelopes: 60, connections: 8, alive: 60, ..traffic(&receiver, Format::Json) };
    traffic.send().await.unwrap();
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    let mut interleaved = false;
    let mut last = String::new();
    for delivery in receiver.received() {
        let id = delivery.text("/data/envelopeId");
        interleaved |= id != last && told.contains_key(&id);
        last.clone_from(&id);
        told.entry(id).or_default().push(delivery.text("/event"));
    }
    assert!(interleaved, "lives are in flight side by side");
    for end in traffic.ends() {
        if let Some(id) = &end.envelope_id {
            assert_eq!(told[id], end.events, "{:?}", end.kind);
            assert_eq!(told[id].len() as u64, end.messages);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_messages_come_late_but_all_of_them_come() {
    let receiver = Receiver::honest();
    let faults = Faults { reorder: 0.5, ..Faults::default() };
    let traffic = Traffic { faults, ..traffic(&receiver, Format::Json) };
    traffic.send().await.unwrap();
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for delivery in receiver.received() {
        told.entry(delivery.text("/data/envelopeId")).or_default().push(delivery.text("/event"));
    }
    let mut swapped = 0;
    for end in traffic.ends() {
        let Some(id) = &end.envelope_id else { continue };
        let mut found = told[id].clone();
        swapped += u32::from(found != end.events);
        found.sort();
        let mut wanted: Vec<_> = end.events.iter().map(|event| (*event).to_owned()).collect();
        wanted.sort();
        assert_eq!(found, wanted);
    }
    assert!(swapped > 10, "{swapped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_sends_the_same_bytes_whoever_sends_them() {
    for format in [Format::Json, Format::JsonAggregate, Format::Xml] {
        let sent = async |seed, connections| {
            let receiver = Receiver::honest();
            let traffic = Traffic { faults: FAULTY, seed, connections, ..traffic(&receiver, format) };
            traffic.send().await.unwrap();
            let bodies = receiver.received().into_iter().map(|r| (r.signed, r.body));
            bodies.collect::<Vec<_>>()
        };
        let one = sent(5, 1).await;
        assert_eq!(one, sent(5, 1).await, "{format:?}");
        let (mut sorted, mut by_four) = (one.clone(), sent(5, 4).await);
        sorted.sort();
        by_four.sort();
        assert_eq!(sorted, by_four, "{format:?}");
        assert_ne!(one, sent(6, 1).await, "{format:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_carries_the_headers_of_connect() {
    for (format, content_type) in
        [(Format::Json, "application/json; charset=utf-8"), (Format::Xml, "text/xml; charset=utf-8")]
    {
        let receiver = Receiver::honest();
        let report = traffic(&receiver, format).send().await.unwrap();
        assert_eq!(report.accepted, report.sent);
        for delivery in receiver.received() {
            assert_eq!(delivery.header("content-type"), Some(content_type));
            assert_eq!(delivery.header("x-authorization-digest"), Some("HMACSHA256"));
            assert_eq!(delivery.header("x-docusign-accountid").map(str::len), Some(36));
            assert!(delivery.header("x-docusign-signature-1").is_some());
            assert!(delivery.header("x-docusign-signature-2").is_some());
            assert!(delivery.header("x-docusign-signature-3").is_none());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forgeries_are_wrong_in_every_known_way_and_stand_beside_the_true_message() {
    let receiver = Receiver::honest();
    let faults = Faults { bad_signature: 1.0, ..Faults::default() };
    let traffic = Traffic { faults, ..traffic(&receiver, Format::Json) };
    let report = traffic.send().await.unwrap();
    assert_eq!(report.refused, report.accepted);
    let planned: Vec<_> = (0..traffic.envelopes).flat_map(|n| traffic.course(n)).collect();
    for spoilt in Spoilt::ALL {
        assert!(planned.iter().any(|p| p.spoilt == Some(spoilt)), "{spoilt:?}");
    }
    let forged: Vec<_> = receiver.received().into_iter().filter(|r| !r.signed).collect();
    assert!(forged.iter().any(|r| r.header("x-docusign-signature-1").is_none()));
    assert!(forged.iter().any(|r| r.header("x-docusign-signature-1").is_some_and(|s| s.len() == 64)));
    assert!(forged.iter().any(|r| r.json().is_null()), "a body cut short");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_not_exceeded_and_each_delivery_is_told_once() {
    let receiver = Receiver::honest();
    let told = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&told);
    let traffic = Traffic {
        envelopes: 4,
        rate: 200.0,
        connections: 3,
        on_answer: Some(Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })),
        ..traffic(&receiver, Format::Json)
    };
    let began = Instant::now();
    let report = traffic.send().await.unwrap();
    let least = (report.sent - 1) as f64 / 200.0;
    assert!(began.elapsed().as_secs_f64() >= least, "{report:?}");
    assert_eq!(told.load(Ordering::Relaxed), report.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_reports_what_it_did() {
    let receiver = Receiver::honest();
    let traffic = Traffic { envelopes: u64::MAX, rate: 500.0, ..traffic(&receiver, Format::Json) };
    let stop = traffic.stop.clone();
    let running = tokio::spawn(async move { traffic.send().await.unwrap() });
    receiver.until(|received| received.len() >= 20).await;
    stop.cancel();
    let report = running.await.unwrap();
    assert!(report.balances());
    assert!(report.sent >= 20);
    assert_eq!(report.sent, receiver.received().len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_mean_nothing_are_refused_before_anything_is_sent() {
    let receiver = Receiver::honest();
    let faults = Faults { duplicate: 1.5, ..Faults::default() };
    let wrong = Traffic { faults, ..traffic(&receiver, Format::Json) }.send().await.unwrap_err();
    assert!(matches!(wrong, Error::Probability { name: "duplicate", .. }), "{wrong}");
    for url in ["localhost:8080", "ftp://host/x", ""] {
        let mut traffic = traffic(&receiver, Format::Json);
        traffic.target.url = url.to_owned();
        assert!(matches!(traffic.send().await.unwrap_err(), Error::Url(_)), "{url}");
    }
    assert!(receiver.received().is_empty());
}

#[test]
fn ends_tell_what_subscribers_will_see() {
    let target =
        Target { url: String::new(), keys: Vec::new(), configuration: Configuration::new(Format::Xml) };
    let traffic = Traffic { envelopes: 200, ..Traffic::to(target) };
    let ends: Vec<_> = traffic.ends().collect();
    assert_eq!(ends, traffic.ends().collect::<Vec<_>>());
    assert_eq!(ends.iter().map(|end| end.messages).sum::<u64>(), traffic.outlook().messages);
    let completed = ends.iter().filter(|end| end.status == Some(EnvelopeStatus::Completed)).count();
    assert!(completed > 100, "{completed}");
    let ids: std::collections::HashSet<_> = ends.iter().filter_map(|end| end.envelope_id.clone()).collect();
    assert_eq!(ids.len(), ends.iter().filter(|end| end.envelope_id.is_some()).count());
}

//! Traffic whose outcome is known: lives of envelopes, told out of order and more than once, retried as DocuSign does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::deliveries::{ACCOUNT, signature};
use super::server::{KEY, Server};
use super::{PATIENCE, eventually, http};

/// What one event must become, exactly once: signing request, participant (empty for none), status.
pub(crate) type Step = (String, String, String);

/// Deliveries to send, and the steps that must come out of them.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// Bodies in the order in which to send them.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// What must come out.
    pub(crate) steps: BTreeSet<Step>,
}

impl Traffic {
    /// Lives of `envelopes` with two participants each: some completed, some declined, some voided. One delivery
    /// in five comes twice, and neighbours change places.
    pub(crate) fn new(envelopes: usize, seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let (mut bodies, mut steps) = (Vec::new(), BTreeSet::new());
        for _ in 0..envelopes {
            let envelope = uuid::Builder::from_random_bytes(dice.random()).into_uuid().to_string();
            for (minute, (event, recipient)) in life(dice.random_range(0..3)).into_iter().enumerate() {
                let status = event.split('-').nth(1).unwrap_or_default().to_owned();
                steps.insert((envelope.clone(), recipient.to_owned(), status));
                let body = message(event, &envelope, recipient, minute, 0);
                if dice.random_bool(0.2) {
                    bodies.push(message(event, &envelope, recipient, minute, 1));
                }
                bodies.push(body);
            }
        }
        // Within a window, as lives go on side by side; a few come from far behind.
        for start in (0..bodies.len()).step_by(40) {
            let end = (start + 60).min(bodies.len());
            bodies[start..end].shuffle(&mut dice);
        }
        Self { bodies, steps }
    }

    /// Sends everything, each until it is answered 200 as DocuSign would, eight at a time. `sent` counts answers.
    pub(crate) async fn send(&self, url: &str, sent: &AtomicUsize) {
        let deliveries = self.bodies.iter().map(|body| async move {
            eventually("a delivery is answered 200", PATIENCE, async || {
                attempt(url, body).await.then_some(())
            })
            .await;
            sent.fetch_add(1, Ordering::SeqCst);
        });
        stream::iter(deliveries).buffer_unordered(8).collect::<Vec<_>>().await;
    }
}

/// One attempt: true when answered 200.
pub(crate) async fn attempt(url: &str, body: &[u8]) -> bool {
    answered_id(url, body).await.is_some()
}

/// One attempt: the delivery's id when answered 200. Whatever is neither 200 nor a reason to try again is a failure.
pub(crate) async fn answered_id(url: &str, body: &[u8]) -> Option<Uuid> {
    let request = http().post(url).header("content-type", "application/json");
    let request = request.header("x-docusign-signature-1", signature(KEY, body)).body(body.to_vec());
    // No connection, or one that broke: the server is away, and DocuSign would come again.
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    assert!(status == 200 || status == 503, "an authentic delivery was answered {status}");
    if status == 503 {
        assert!(answer.headers().contains_key("retry-after"), "a 503 says when to come again");
    }
    // The answer counts once it has arrived whole.
    let answer = if status == 200 { answer.json::<Value>().await.ok()? } else { return None };
    assert!(answer["outcome"] != "quarantined", "an honest delivery was not understood: {answer}");
    answer["delivery_id"].as_str()?.parse().ok()
}

/// The events of one life, with the recipient of each.
fn life(end: usize) -> Vec<(&'static str, &'static str)> {
    let mut events = vec![
        ("envelope-created", ""),
        ("envelope-sent", ""),
        ("recipient-sent", "1"),
        ("recipient-delivered", "1"),
        ("recipient-completed", "1"),
        ("recipient-sent", "2"),
        ("recipient-delivered", "2"),
        ("envelope-delivered", ""),
    ];
    events.extend(match end {
        0 => vec![("recipient-completed", "2"), ("envelope-completed", "")],
        1 => vec![("recipient-declined", "2"), ("envelope-declined", "")],
        _ => vec![("envelope-voided", "")],
    });
    events
}

fn message(event: &str, envelope: &str, recipient: &str, minute: usize, retries: u32) -> Vec<u8> {
    let mut body = json!({
        "event": event, "apiVersion": "v2.1",
        "uri": format!("/restapi/v2.1/accounts/{ACCOUNT}/envelopes/{envelope}"),
        "retryCount": retries, "configurationId": 10_363_315,
        "generatedDateTime": format!("2026-11-23T10:{minute:02}:00.1234567Z"),
        "data": { "accountId": ACCOUNT, "userId": "5f2c1c8e-7a61-4c0e-9f0e-0d7f3f0f1a22", "envelopeId": envelope },
    });
    if !recipient.is_empty() {
        body["data"]["recipientId"] = json!(recipient);
    }
    body.to_string().into_bytes()
}

/// Waits until nothing is left to fetch or to publish.
pub(crate) async fn settled(server: &Server) {
    settled_within(server, PATIENCE * 2).await;
}

/// The same with another patience.
pub(crate) async fn settled_within(server: &Server, patience: Duration) {
    eventually("everything is fetched and published", patience, async || {
        let waiting =
            server.metric("countersign_enrich_pending").await + server.metric("countersign_backlog").await;
        (waiting == 0.0).then_some(())
    })
    .await;
}

/// The whole feed, page by page.
pub(crate) async fn feed(server: &Server) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    let mut after = String::from("0");
    loop {
        let (status, page) = server.get(&format!("/v1/changes?limit=1000&after={after}")).await;
        assert_eq!(status, 200, "{page}");
        rows.extend(page["result"].as_array().cloned().expect("a list of changes"));
        match page["next_cursor"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return rows,
        }
    }
}

/// Fails unless the feed holds each step exactly once, positions that grow, and sequences without a gap. Enriched
/// changes and activities are left out of the steps but not out of the sequences.
pub(crate) fn assert_feed_tells(feed: &[Value], steps: &BTreeSet<Step>) {
    let mut told = BTreeSet::new();
    let mut sequences: BTreeMap<String, u64> = BTreeMap::new();
    let mut position = 0;
    for row in feed {
        let change = &row["change"];
        let here = row["position"].as_u64().expect("a position");
        assert!(here > position, "position {here} after {position}");
        position = here;
        let subject = change["signing_request"]["id"].as_str().unwrap_or_default().to_owned();
        let last = sequences.entry(subject.clone()).or_default();
        assert_eq!(change["sequence"].as_u64(), Some(*last + 1), "{change}");
        *last += 1;
        let participant = change["participant"]["id"].as_str().unwrap_or_default();
        let status =
            &change[if participant.is_empty() { "signing_request" } else { "participant" }]["status"]["id"];
        if row["type"].as_str().is_some_and(|word| word.contains("status_changed")) {
            let step = (subject, participant.to_owned(), status.as_str().unwrap_or_default().to_owned());
            assert!(told.insert(step.clone()), "{step:?} came twice");
        }
    }
    let missing: Vec<_> = steps.difference(&told).take(5).collect();
    let more: Vec<_> = told.difference(steps).take(5).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing {missing:?}, made up {more:?}");
}

//! Lives played in real time: what Connect tells and what REST tells agree.

use std::collections::HashMap;
use std::sync::Arc;

use countersign::base::Dice;
use countersign::simulator::connect::Format;
use countersign::simulator::demo::{Demo, run_demo_traffic};
use countersign::simulator::docusign::{Play, Settings};
use countersign::simulator::life::{Kind, Life, Pace};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::lives::setting;
use super::oauth::StandIn;
use super::receiver::Receiver;

const FINALS: [&str; 5] =
    ["envelope-completed", "envelope-declined", "envelope-voided", "envelope-deleted", "envelope-discard"];

async fn status_by_rest(stand_in: &StandIn, id: &str) -> String {
    let answer = stand_in.get(&format!("/envelopes/{id}")).send().await.unwrap();
    let told: Value = answer.json().await.unwrap();
    told["status"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_play_rest_tells_what_connect_told_last() {
    let (stand_in, receiver) = (StandIn::start(Settings::default()), Receiver::honest());
    let lives = (0..30).map(|seed| Life::drawn(&setting(), Dice::seeded(seed)));
    let target = receiver.target(Format::Json);
    let play = Play { speed: 1e9, ..Play::to(target) };
    let report = stand_in.docusign.play(lives, play).await.unwrap();
    assert!(report.balances());
    assert_eq!((report.accepted, report.sent), (report.sent, receiver.received().len() as u64));
    let mut last: HashMap<String, String> = HashMap::new();
    for delivery in receiver.received() {
        let id = delivery.text("/data/envelopeId");
        let status = delivery.text("/data/envelopeSummary/status");
        if !id.is_empty() {
            last.insert(id, status);
        }
    }
    assert!(last.len() > 20);
    for (id, status) in last {
        assert_eq!(status_by_rest(&stand_in, &id).await, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_knows_of_a_change_before_connect_tells_of_it() {
    let stand_in = Arc::new(StandIn::start(Settings::default()));
    let receiver = Receiver::honest();
    let lives = (0..8).map(|seed| Life::new(Kind::Sequential, &setting(), Dice::seeded(seed)));
    let play = Play { speed: 60_000.0, ..Play::to(receiver.target(Format::JsonAggregate)) };
    let playing = tokio::spawn({
        let docusign = stand_in.docusign.clone();
        let lives: Vec<_> = lives.collect();
        async move { docusign.play(lives.into_iter(), play).await.unwrap() }
    });
    receiver.until(|received| !received.is_empty()).await;
    let seen = receiver.received().pop().unwrap();
    let status = status_by_rest(&stand_in, &seen.text("/envelopeId")).await;
    let order = ["sent", "delivered", "completed"];
    let place = |word: &str| order.iter().position(|known| *known == word).unwrap();
    assert!(place(&status) >= place(&seen.text("/status")));
    playing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_voided_over_rest_is_told_and_signed_no_more() {
    let stand_in = StandIn::start(Settings::default());
    let receiver = Receiver::honest();
    // Slow enough that it is still in flight when it is voided.
    let pace = Pace::Brisk(SignedDuration::from_millis(150), SignedDuration::from_millis(200));
    let setting = countersign::simulator::life::Setting { pace, ..setting() };
    let life = Life::new(Kind::CarbonCopies, &setting, Dice::seeded(4));
    let play = Play::to(receiver.target(Format::Json));
    let docusign = stand_in.docusign.clone();
    let playing = tokio::spawn(async move { docusign.play(std::iter::once(life), play).await.unwrap() });
    receiver.until(|received| received.iter().any(|r| r.text("/event") == "envelope-sent")).await;
    let id = receiver.received()[0].text("/data/envelopeId");
    let body = json!({"status": "voided", "voidedReason": "by REST"});
    let token = stand_in.docusign.issue_token();
    let put = stand_in.http.put(stand_in.rest(&format!("/envelopes/{id}"))).json(&body);
    let answer = put.bearer_auth(token.expose_secret()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    receiver.until(|received| received.iter().any(|r| r.text("/event") == "envelope-voided")).await;
    playing.await.unwrap();
    let events: Vec<_> = receiver.received().iter().map(|r| r.text("/event")).collect();
    assert!(!events.iter().any(|event| event == "envelope-completed"), "{events:?}");
    assert_eq!(status_by_rest(&stand_in, &id).await, "voided");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_moves_envelopes_to_their_ends_and_adopts_what_is_sent_over_rest() {
    let stand_in = StandIn::start(Settings::default());
    let receiver = Receiver::honest();
    let every = (SignedDuration::from_millis(5), SignedDuration::from_millis(20));
    let demo = Demo { every, alive: 5, ..Demo::to(receiver.target(Format::Json)) };
    let stop = demo.stop.clone();
    let docusign = stand_in.docusign.clone();
    let clock = Arc::clone(&stand_in.clock) as Arc<_>;
    let playing =
        tokio::spawn(async move { run_demo_traffic(&docusign, clock, Dice::seeded(1), demo).await.unwrap() });
    receiver
        .until(|received| {
            received.iter().filter(|r| FINALS.contains(&r.text("/event").as_str())).count() >= 10
        })
        .await;
    let body = json!({
        "status": "sent", "emailSubject": "By REST",
        "documents": [{"documentId": "1", "name": "a.pdf"}],
        "recipients": {"signers": [{"recipientId": "1", "name": "A", "email": "a@example.com"}]},
    });
    let token = stand_in.docusign.issue_token();
    let post = stand_in.http.post(stand_in.rest("/envelopes")).json(&body);
    let made: Value = post.bearer_auth(token.expose_secret()).send().await.unwrap().json().await.unwrap();
    let id = made["envelopeId"].as_str().unwrap().to_owned();
    receiver
        .until(|received| {
            let of_it = received.iter().filter(|r| r.text("/data/envelopeId") == id);
            of_it.map(|r| r.text("/event")).any(|event| event == "envelope-completed")
        })
        .await;
    stop.cancel();
    let report = playing.await.unwrap();
    assert!(report.balances());
    assert_eq!(report.refused, 0);
    assert_eq!(status_by_rest(&stand_in, &id).await, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_play_waits_for_a_receiver_that_is_down_and_loses_nothing() {
    let stand_in = StandIn::start(Settings::default());
    let receiver = Receiver::start(|delivery, before| {
        let tries =
            before.iter().filter(|r| r.json()["generatedDateTime"] == delivery.json()["generatedDateTime"]);
        if tries.count() == 0 { (503, "unavailable", Some(0)) } else { (200, "accepted", None) }
    });
    let lives = (0..4).map(|seed| Life::new(Kind::Sequential, &setting(), Dice::seeded(seed)));
    let play = Play { speed: 1e9, ..Play::to(receiver.target(Format::Json)) };
    let report = stand_in.docusign.play(lives, play).await.unwrap();
    assert_eq!((report.failed, report.retried), (0, report.sent));
    assert_eq!(receiver.received().len() as u64, 2 * report.sent);
}

//! Enrichment on the whole line: each signing request is told whole in the end, whatever DocuSign does meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign::base::{Dice, SystemClock};
use countersign::simulator::connect::{Configuration, Format};
use countersign::simulator::docusign::{Docusign, Fault, FaultKind, Play, Running, Settings as Traits};
use countersign::simulator::life::{Kind, Life};
use countersign::simulator::sender::{Target, Traffic as Lives};
use countersign::simulator::shape::Include;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::support::rabbit::Rabbit;
use crate::support::server::{KEY, Server, Settings};
use crate::support::subscriber::Subscriber;
use crate::support::traffic::{feed, settled};
use crate::support::{PATIENCE, eventually};

/// A stand-in for DocuSign, and settings with which the server fetches from it.
pub(crate) fn docusign() -> (Docusign, Running, Settings) {
    let docusign = Docusign::new(Traits::default(), Arc::new(SystemClock), Dice::seeded(20));
    let running = docusign.start("127.0.0.1:0").expect("a free port");
    let settings = Settings::new()
        .with("COUNTERSIGN_ENRICH", "true")
        .with("COUNTERSIGN_ENRICH_INTERVAL_MINUTES", "0")
        .with("COUNTERSIGN_DOCUSIGN__AUTH_URL", &running.url())
        .with("COUNTERSIGN_DOCUSIGN__BASE_URI", &running.url())
        .with("COUNTERSIGN_DOCUSIGN__ACCESS_TOKEN", docusign.issue_token().expose_secret());
    (docusign, running, settings)
}

pub(crate) fn target(server: &Server) -> Target {
    Target {
        url: server.url("/connect"),
        keys: vec![KEY.into()],
        configuration: Configuration::new(Format::Json),
    }
}

pub(crate) fn lives(server: &Server, docusign: &Docusign, envelopes: u64, seed: u64) -> Vec<Life> {
    let accounts = docusign.accounts().to_vec();
    let lives = Lives { envelopes, seed, accounts, ..Lives::to(target(server)) };
    (0..envelopes).map(|number| lives.life(number)).collect()
}

/// Fails unless every change of a signing request is covered by an enriched one that comes after it, once.
pub(crate) fn assert_all_covered(feed: &[Value]) {
    let mut open: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in feed.iter().filter(|row| !row["change"]["signing_request"].is_null()) {
        let change = &row["change"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let waiting = open.entry(text(&change["signing_request"]["id"])).or_default();
        match change["covers"].as_array() {
            None => assert!(waiting.insert(text(&change["id"])), "{change}"),
            Some(covers) => {
                for covered in covers {
                    assert!(waiting.remove(&text(&covered["id"])), "covers what is not open: {change}");
                }
            }
        }
    }
    open.retain(|_, waiting| !waiting.is_empty());
    assert!(open.is_empty(), "never answered: {open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_answered_by_the_whole_object_although_docusign_stumbles() {
    let broker = Rabbit::shared().await.vhost();
    let (docusign, running, settings) = docusign();
    let server = Server::start(settings.broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    for kind in
        [FaultKind::Reset, FaultKind::Truncate, FaultKind::Status { status: 503, retry_after: Some(1) }]
    {
        assert!(docusign.add_fault(Fault { probability: 0.15, ..Fault::next(8, kind) }));
    }
    let play = Play { speed: 60_000.0, ..Play::to(target(&server)) };
    let told = docusign.play(lives(&server, &docusign, 20, 21).into_iter(), play).await.expect("traffic");
    assert!(told.balances() && told.failed == 0, "{told:?}");
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    let whole = feed(&server).await;
    assert_eq!(seen.ids, whole.len() as u64);
    assert_all_covered(&whole);
    let enriched: Vec<_> = whole.iter().filter(|row| row["change"]["covers"].is_array()).collect();
    assert!(enriched.iter().all(|row| row["change"]["error"].is_null()), "none was given up");
    // The last word about each signing request is what DocuSign itself says of it now.
    let last: BTreeMap<_, _> =
        enriched.iter().map(|row| (row["change"]["signing_request"]["id"].to_string(), row)).collect();
    let ended =
        last.values().filter(|row| row["change"]["signing_request"]["status"]["id"] == "completed").count();
    assert_eq!(Some(ended as u64), seen.stands.get("completed").copied(), "{:?}", seen.stands);
    server.assert_log_keeps_secrets(&[]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_carry_everything_cost_no_call_and_those_without_tabs_cost_some() {
    let (docusign, running, settings) = docusign();
    let server = Server::start(settings.with("COUNTERSIGN_RECONCILE_EVERY", "off")).await;
    let whole = Include { recipients: true, tabs: true, documents: true, custom_fields: true, folders: true };
    let play = |include: Include| {
        let configuration =
            Configuration { include, document_bytes: 2_000, ..Configuration::new(Format::Json) };
        Play { speed: 8_000.0, ..Play::to(Target { configuration, ..target(&server) }) }
    };
    let lives = |seed| {
        let (accounts, kind) = (docusign.accounts().to_vec(), Some(Kind::CarbonCopies));
        let lives = Lives { seed, accounts, kind, ..Lives::to(target(&server)) };
        (0..5).map(|number| lives.life(number)).collect::<Vec<_>>().into_iter()
    };
    let enriched = async |how: &str| {
        let series = format!("countersign_enriched_total{{how=\"{how}\"}} ");
        let text = server.text("/metrics").await;
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok())
    };
    let all_enriched = || {
        eventually("all changes are answered", PATIENCE, async || {
            let rows = feed(&server).await;
            let (mut changes, mut answered) = (0, 0);
            for row in &rows {
                match row["change"]["covers"].as_array() {
                    Some(covers) => answered += covers.len(),
                    None => changes += 1,
                }
            }
            (changes == answered).then_some(rows)
        })
    };
    docusign.play(lives(23), play(whole)).await.expect("traffic");
    let told = all_enriched().await;
    assert_eq!(docusign.all_calls(), BTreeMap::new(), "neither REST nor OAuth was asked");
    assert_all_covered(&told);
    let carried = told.iter().filter(|row| row["change"]["carried_by"].is_object());
    assert_eq!(enriched("carried").await, Some(carried.clone().count() as u64));
    assert_eq!(enriched("fetched").await, Some(0));
    let last: BTreeMap<_, _> =
        carried.map(|row| (row["change"]["signing_request"]["id"].to_string(), &row["change"])).collect();
    assert_eq!(last.len(), 5);
    assert!(
        told.iter().filter(|row| row["change"]["carried_by"].is_object()).count() > 5,
        "more than one for some life"
    );
    for change in last.values() {
        assert_eq!(change["signing_request"]["status"]["id"], "completed", "{change}");
        assert!(!change["signing_request"]["document_fields"].as_array().expect("fields").is_empty());
    }
    docusign.play(lives(24), play(Include { tabs: false, ..whole })).await.expect("traffic");
    let told = all_enriched().await;
    let calls = docusign.calls("GET /envelopes/{envelope}");
    assert!(calls >= 5, "{:?}", docusign.all_calls());
    assert_eq!(enriched("fetched").await, Some(calls));
    assert_all_covered(&told);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_docusign_is_away_changes_are_told_and_the_objects_follow_later() {
    let (docusign, running, settings) = docusign();
    let mut server = Server::start(settings).await;
    docusign.add_fault(Fault::always(FaultKind::Reset));
    let play = Play { speed: 100_000.0, ..Play::to(target(&server)) };
    docusign.play(lives(&server, &docusign, 5, 22).into_iter(), play).await.expect("traffic");
    let told = feed(&server).await;
    assert!(
        !told.is_empty() && told.iter().all(|row| row["change"]["covers"].is_null()),
        "nothing was fetched"
    );
    assert!(server.metric("countersign_enrich_pending").await > 0.0);
    // What waits to be fetched outlives the process.
    server.restart().await;
    docusign.clear_faults();
    eventually("all is fetched", PATIENCE, async || {
        (server.metric("countersign_enrich_pending").await == 0.0).then_some(())
    })
    .await;
    assert_all_covered(&feed(&server).await);
    running.stop().await;
}

//! Deliveries dropped on purpose, and found: by the real program, heard by the independent subscriber.

use std::collections::BTreeMap;
use std::process::Output;

use countersign::simulator::docusign::{Docusign, Fault, FaultKind, Play};
use countersign::simulator::life::Pace;
use jiff::SignedDuration;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::enriched::{docusign, lives, target};
use crate::support::rabbit::Rabbit;
use crate::support::server::{KEY, Server};
use crate::support::subscriber::{Subscriber, python};
use crate::support::traffic::{feed, settled};
use crate::support::{PATIENCE, eventually};

/// Before all lives of the tests.
const FROM: &str = "2026-04-01T00:00:00Z";

/// Runs a command on the server's settings, without holding up this thread's other work.
async fn run(server: &Server, arguments: &[&str]) -> Output {
    let mut command = server.command(arguments);
    tokio::task::spawn_blocking(move || command.output().expect("the program runs")).await.expect("it ends")
}

/// The report of one look, asked for on the command line.
async fn look(server: &Server, more: &[&str]) -> Value {
    let arguments = [&["reconcile", "--from", FROM, "--json"], more].concat();
    let output = run(server, &arguments).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    page["result"][0].clone()
}

/// Has a signing request's evidence verified with the Connect key: by the program, and by a checker of its own. What
/// nobody signed is no fault of it.
async fn assert_evidence_holds(server: &Server, signing_request: &str) {
    eventually("a checkpoint covers it all", PATIENCE, async || {
        let (_, audit) = server.get("/v1/audit").await;
        (audit["checkpoint"]["covers"].as_u64() >= audit["number"].as_u64().map(|last| last - 1))
            .then_some(())
    })
    .await;
    let (file, keys) = (server.folder().join("one.json"), server.folder().join("connect.key"));
    std::fs::write(&keys, KEY).expect("a file");
    let of = ["audit", "export", "--signing-request", signing_request, "--output", "one.json"];
    assert!(run(server, &of).await.status.success());
    let verify = ["audit", "verify", "--file", "one.json", "--key-file", "connect.key", "--json"];
    let report: Value = serde_json::from_slice(&run(server, &verify).await.stdout).expect("JSON");
    assert_eq!(report["sound"], true, "{report}");
    assert!(report["bodies"].as_u64() > report["hmacs"].as_u64(), "some was signed by nobody: {report}");
    let checker = python().arg("audit_check.py").arg(&file).arg("--key-file").arg(&keys).output();
    let checker = checker.expect("the checker runs");
    assert!(checker.status.success(), "{}", String::from_utf8_lossy(&checker.stdout));
}

/// Where each signing request stands by the feed.
fn stands(feed: &[Value]) -> BTreeMap<String, String> {
    let told = feed.iter().filter(|row| {
        row["type"].as_str().is_some_and(|word| word.contains("signing_request.status_changed"))
            && row["change"]["verdict"] == "advance"
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    told.map(|row| &row["change"]["signing_request"])
        .map(|request| (text(&request["id"]), text(&request["status"]["id"])))
        .collect()
}

fn of_origin<'a>(feed: &'a [Value], origin: &'a str) -> impl Iterator<Item = &'a Value> {
    feed.iter().filter(move |row| row["change"]["origin"] == origin)
}

async fn play(server: &Server, docusign: &Docusign, count: u64, seed: u64, drop: f64) {
    let play = Play { speed: 10_000_000.0, drop, ..Play::to(target(server)) };
    let told = docusign.play(lives(server, docusign, count, seed).into_iter(), play).await.expect("traffic");
    assert!(told.balances() && told.failed == 0, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_dropped_on_purpose_are_all_found_with_no_id_twice_and_whole_sequences() {
    let broker = Rabbit::shared().await.vhost();
    let (docusign, running, settings) = docusign();
    let server = Server::start(settings.broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    play(&server, &docusign, 40, 41, 0.4).await;
    let dry = look(&server, &["--dry-run"]).await;
    assert!(dry["missed"].as_u64().is_some_and(|missed| missed > 20), "{dry}");
    assert_eq!(of_origin(&feed(&server).await, "reconcile").count(), 0);
    let found = look(&server, &[]).await;
    assert_eq!((&found["missed"], &found["missed_since"]), (&dry["missed"], &dry["missed_since"]));
    let whole = feed(&server).await;
    assert_eq!(of_origin(&whole, "reconcile").count() as u64, found["missed"].as_u64().unwrap_or_default());
    assert_eq!(look(&server, &[]).await["missed"], 0, "a second look finds nothing");
    assert!(server.metric("countersign_reconcile_missed_total").await > 20.0);
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    assert_eq!(seen.duplicates, 0);
    let output = run(&server, &["replay", "--dry-run", "--json"]).await;
    let replayed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(replayed["result"].as_array().map(Vec::len), Some(0), "{replayed}");
    assert_evidence_holds(&server, found["signing_requests"][0].as_str().expect("one of them")).await;
    let (_, books) = server.get("/v1/books?deep").await;
    assert_eq!(books["balanced"], true, "{books}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_look_loses_nothing_and_doubles_nothing() {
    let broker = Rabbit::shared().await.vhost();
    let (docusign, running, settings) = docusign();
    let settings = settings.with("COUNTERSIGN_ENRICH", "false");
    let mut server = Server::start(settings.broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    // Nothing of all this is ever delivered, and it fills more than a page.
    for life in lives(&server, &docusign, 260, 42) {
        life.for_each(|step| docusign.apply(&step));
    }
    // The second page takes long enough to be killed in.
    docusign.add_fault(Fault::next(1, FaultKind::Slow { ms: 1 }).of("GET /envelopes"));
    let slow = Fault::always(FaultKind::Slow { ms: 3_000 }).of("GET /envelopes");
    let order = serde_json::json!({"from": FROM});
    let ordered = crate::support::http().post(server.url("/v1/reconcile")).json(&order).send().await;
    assert_eq!(ordered.expect("an answer").status().as_u16(), 202);
    docusign.add_fault(slow);
    eventually("some is found", PATIENCE, async || {
        (server.metric("countersign_reconcile_missed_total").await > 0.0).then_some(())
    })
    .await;
    server.kill();
    docusign.clear_faults();
    server.restart().await;
    let before = of_origin(&feed(&server).await, "reconcile").count() as u64;
    let run = look(&server, &[]).await;
    let whole = feed(&server).await;
    assert_eq!(
        of_origin(&whole, "reconcile").count() as u64,
        before + run["missed"].as_u64().unwrap_or_default()
    );
    let stands = stands(&whole);
    assert!(stands.len() >= 240, "{} signing requests", stands.len());
    assert_eq!(look(&server, &[]).await["missed"], 0);
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_publishes_again_what_it_is_asked_for() {
    let (docusign, running, settings) = docusign();
    let server = Server::start(settings.with("COUNTERSIGN_ENRICH", "false")).await;
    play(&server, &docusign, 12, 43, 0.5).await;
    // Connect goes on, and has nothing to tell until it is asked.
    let stop = CancellationToken::new();
    let pace = Pace::Brisk(SignedDuration::from_millis(1), SignedDuration::from_millis(2));
    let going_on = Play { adopt: Some(pace), stop: stop.clone(), ..Play::to(target(&server)) };
    let connect = tokio::spawn({
        let docusign = docusign.clone();
        async move { docusign.play(std::iter::empty(), going_on).await }
    });
    let asked = look(&server, &["--ask-connect"]).await;
    assert!(asked["missed"].as_u64().is_some_and(|missed| missed > 5), "{asked}");
    eventually("Connect has delivered it all", PATIENCE, async || {
        (look(&server, &["--dry-run"]).await["missed"] == 0).then_some(())
    })
    .await;
    assert_eq!(of_origin(&feed(&server).await, "reconcile").count(), 0, "all came over Connect");
    stop.cancel();
    connect.await.expect("it ends").expect("traffic");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_linted_registered_and_then_in_order_on_the_command_line() {
    let (_docusign, running, settings) = docusign();
    let server = Server::start(settings.with("COUNTERSIGN_PUBLIC_URL", "https://hooks.example.com")).await;
    let lint = run(&server, &["connect", "lint"]).await;
    assert_eq!(lint.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&lint.stdout).contains("no configuration of the account publishes here"));
    let register = run(&server, &["connect", "register", "--json"]).await;
    let made: Value = serde_json::from_slice(&register.stdout).expect("JSON");
    assert_eq!(made["result"][0]["done"], "created", "{made}");
    let again = run(&server, &["connect", "register"]).await;
    assert!(String::from_utf8_lossy(&again.stdout).contains("/connect: unchanged"));
    assert_eq!(run(&server, &["connect", "lint"]).await.status.code(), Some(0));
    let show = run(&server, &["connect", "show", "--json"]).await;
    let shown: Value = serde_json::from_slice(&show.stdout).expect("JSON");
    assert_eq!(shown["result"][0]["configurations"][0]["ours"], true, "{shown}");
    let elsewhere = run(&server, &["connect", "lint", "--public-url", "https://other.example.com"]).await;
    assert_eq!(elsewhere.status.code(), Some(1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_any_account_says_so() {
    let server = Server::start(crate::support::server::Settings::new()).await;
    for arguments in [&["reconcile", "--dry-run"][..], &["connect", "show"]] {
        let output = run(&server, arguments).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("no account can be asked"), "{output:?}");
    }
    let (status, page) = server.get("/v1/reconcile").await;
    assert_eq!((status, page["result"].as_array().map(Vec::len)), (200, Some(0)));
}

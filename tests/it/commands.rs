//! The command line against a real server: what it prints, and how it exits.

use std::io::Write as _;
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use crate::support::deliveries::{ACCOUNT, deliver, post, sim};
use crate::support::server::{KEY, Server, Settings};
use crate::support::traffic::feed;
use crate::support::{PATIENCE, eventually};

const ENVELOPE: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";
const AT: &str = "2026-11-23T10:00:00Z";

/// Runs a command to its end beside a server, on its settings.
async fn run(server: &Server, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = server.command(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("read");
    eventually("the command ends", PATIENCE, async || ended(&mut child)).await;
    child.wait_with_output().expect("its output")
}

fn ended(child: &mut Child) -> Option<()> {
    child.try_wait().expect("a child to ask").map(|_| ())
}

fn json(output: &Output) -> Value {
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("no JSON on stdout: {why}\n{complaint}"))
}

#[tokio::test]
async fn simulate_sends_what_it_says_and_a_second_run_is_all_duplicates() {
    let server = Server::start(Settings::new()).await;
    let arguments = [
        "simulate",
        "--envelopes",
        "10",
        "--duplicate",
        "0.2",
        "--reorder",
        "0.2",
        "--bad-signature",
        "0.1",
        "--json",
    ];
    let first = run(&server, &arguments, b"").await;
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let first = json(&first);
    assert!(first["accepted"].as_u64() > Some(50), "{first}");
    let again = json(&run(&server, &arguments, b"").await);
    assert_eq!(again["accepted"], 0, "{again}");
    assert_eq!(again["sent"], first["sent"], "the same seed is the same traffic");
    assert_eq!(again["refused"], first["refused"]);
    let sent = first["sent"].as_f64().unwrap() + again["sent"].as_f64().unwrap();
    assert_eq!(server.metric("countersign_deliveries_total").await, sent);
}

#[tokio::test]
async fn what_signature_signs_the_server_takes_and_what_was_changed_is_told() {
    let server = Server::start(Settings::new()).await;
    let body = sim("envelope-sent", ENVELOPE, AT);
    let signed = run(&server, &["signature", "sign"], &body).await;
    let headers = String::from_utf8(signed.stdout).unwrap();
    let (name, value) = headers.lines().find_map(|line| line.split_once(": ")).expect("a header");
    let (status, answer) = post(&server.url("/connect"), &[(name, value)], body.clone()).await;
    assert_eq!(status, 200, "{answer}");
    let verify = async |body: &[u8]| {
        run(&server, &["signature", "verify", "--signature", value], body).await.status.code()
    };
    assert_eq!(verify(&body).await, Some(0));
    let mut changed = body.clone();
    changed.push(b'\n');
    assert_eq!(verify(&changed).await, Some(1));
    let explained = run(&server, &["signature", "explain", "--signature", value], &changed).await;
    let told = [explained.stdout, explained.stderr].concat();
    assert!(!String::from_utf8_lossy(&told).contains(KEY), "no command prints a key");
}

#[tokio::test]
async fn events_list_what_the_feed_holds() {
    let server = Server::start(Settings::new()).await;
    for event in ["envelope-sent", "envelope-delivered", "envelope-completed"] {
        deliver(&server.url("/connect"), KEY, sim(event, ENVELOPE, AT)).await;
    }
    let listed = json(&run(&server, &["events", "list", "--json"], b"").await);
    assert_eq!(listed["result"], Value::Array(feed(&server).await));
    let one = json(&run(&server, &["events", "list", "--status", "completed", "--json"], b"").await);
    assert_eq!(one["result"].as_array().map(Vec::len), Some(1), "{one}");
    let followed = run(&server, &["events", "tail", "--after", "0", "--count", "3", "--json"], b"").await;
    let lines: Vec<Value> = followed
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(listed["result"].as_array().unwrap()[2]["change"], lines[2]["change"]);
}

#[tokio::test]
async fn an_unlisted_account_waits_in_quarantine_until_it_is_listed_and_released() {
    let file = |accounts: &str| format!("[[source]]\nname = \"default\"\naccounts = [{accounts}]\n");
    let mut server = Server::start(Settings::new().file(&file("\"somebody-else\""))).await;
    let (status, answer) = deliver(&server.url("/connect"), KEY, sim("envelope-sent", ENVELOPE, AT)).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("quarantined")), "{answer}");
    let id = answer["delivery_id"].as_str().unwrap().to_owned();
    let (_, second) = deliver(&server.url("/connect"), KEY, b"no message at all".to_vec()).await;
    let noise = second["delivery_id"].as_str().unwrap().to_owned();
    let listed = run(&server, &["quarantine", "list", "--json"], b"").await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&id) && listed.contains(&noise), "{listed}");
    let too_early = run(&server, &["quarantine", "release", &id], b"").await;
    assert_eq!(too_early.status.code(), Some(1), "it is still not listed");

    server.write_settings(&file(&format!("\"{ACCOUNT}\"")));
    server.restart().await;
    let released = run(&server, &["quarantine", "release", &id, "--json"], b"").await;
    assert_eq!(released.status.code(), Some(0), "{}", String::from_utf8_lossy(&released.stderr));
    let told = feed(&server).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["change"]["signing_request"]["id"], ENVELOPE);
    let dropped = run(&server, &["quarantine", "drop", &noise], b"").await;
    assert_eq!(dropped.status.code(), Some(0), "{}", String::from_utf8_lossy(&dropped.stderr));
    assert_eq!(server.metric("countersign_quarantined").await, 0.0);
}

#[tokio::test]
async fn a_token_is_asked_for_once_there_is_one() {
    let settings = Settings::new().with("COUNTERSIGN_API_TOKEN", "a-long-secret-token-of-the-tests");
    let server = Server::start(settings).await;
    let (status, problem) = server.get("/v1/changes").await;
    assert_eq!((status, problem["error"].as_str()), (401, Some("Unauthorized")), "{problem}");
    let listed = run(&server, &["events", "list", "--json"], b"").await;
    assert_eq!(listed.status.code(), Some(0), "{}", String::from_utf8_lossy(&listed.stderr));
    let wrong = run(&server, &["events", "list", "--token", "another"], b"").await;
    assert_eq!(wrong.status.code(), Some(1));
    let (status, _) = deliver(&server.url("/connect"), KEY, sim("envelope-sent", ENVELOPE, AT)).await;
    assert_eq!(status, 200, "deliveries carry signatures, not tokens");
    server.assert_log_keeps_secrets(&[]);
}

#[tokio::test]
async fn the_demo_lives_on_its_own_and_ends_in_good_order() {
    let settings = Settings::new().without("COUNTERSIGN_HMAC_KEYS").arguments(&["demo"]);
    let mut server = Server::start(settings).await;
    let done = async || {
        let whole = feed(&server).await;
        let has = |kind: &str| {
            whole.iter().any(|row| row["routing_key"].as_str().unwrap_or_default().starts_with(kind))
        };
        (has("signing_request.completed.") && has("enriched.") && has("participant.")).then_some(())
    };
    eventually("envelopes are completed and enriched", PATIENCE, done).await;
    let (status, page) = (http_status(&server, "/").await, server.text("/").await);
    assert!(status == 200 && page.contains("<html"), "{status}: {page}");
    assert_eq!(server.terminate().await, 0, "{}", server.lines().tail());
}

async fn http_status(server: &Server, path: &str) -> u16 {
    server.get(path).await.0
}

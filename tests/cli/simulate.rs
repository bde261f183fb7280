//! `countersign simulate` against a stand-in for the receiver.

use std::collections::HashSet;
use std::sync::Mutex;

use serde_json::json;

use super::kit::{Answer, Asked, Server, countersign};

/// Takes everything; what it has seen before is a duplicate.
fn receiver() -> impl Fn(&Asked) -> Answer {
    let seen = Mutex::new(HashSet::new());
    move |asked| {
        let new = seen.lock().unwrap().insert(asked.body.to_string());
        Answer::Json(200, json!({"outcome": if new { "accepted" } else { "duplicate" }, "delivery_id": "d"}))
    }
}

fn simulate(args: &[&str]) -> super::kit::Program {
    countersign(&["simulate", "--key", "k", "--envelopes", "5"]).args(args)
}

#[test]
fn every_delivery_is_counted_once_and_the_same_seed_is_the_same_traffic() {
    let server = Server::start(receiver());
    let url = format!("{}/connect", server.url);
    let first = simulate(&["--url", &url, "--json"]).done().json();
    let sent = first["sent"].as_u64().unwrap();
    assert!(sent > 10, "{first}");
    assert_eq!((first["accepted"].as_u64(), first["duplicate"].as_u64()), (Some(sent), Some(0)), "{first}");
    assert!(server.lines().iter().all(|line| line == "POST /connect"), "{:?}", server.lines());
    let again = simulate(&["--url", &url, "--json", "--connections", "1"]).done().json();
    assert_eq!((again["sent"].as_u64(), again["duplicate"].as_u64()), (Some(sent), Some(sent)), "{again}");
    let other = simulate(&["--url", &url, "--json", "--seed", "2"]).done().json();
    assert_eq!(other["duplicate"], 0, "{other}");
    let text = simulate(&["--url", &url, "--duplicate", "1"]).done().stdout;
    let count = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(count("sent"), 2 * sent, "each message comes with a copy: {text}");
    assert_eq!(count("sent"), count("accepted") + count("duplicate"), "{text}");
    assert_eq!(count("refused") + count("failed"), 0, "{text}");
}

#[test]
fn a_receiver_that_takes_forgeries_or_refuses_the_rest_is_told_of() {
    let server = Server::start(receiver());
    let ended = simulate(&["--url", &server.url, "--bad-signature", "1"]).ends(1);
    assert!(ended.stderr.contains("forged deliveries were taken"), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("sent"), "the books come all the same: {}", ended.stdout);
    let server = Server::start(|_| Answer::Json(401, json!({"statusCode": 401, "message": "no"})));
    let ended = simulate(&["--url", &server.url]).ends(1);
    assert!(ended.stderr.contains("authentic deliveries were refused"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--key"), "{}", ended.stderr);
}

#[test]
fn nobody_there_is_told_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/connect", listener.local_addr().unwrap());
    drop(listener);
    let ended = simulate(&["--url", &url]).ends(1);
    assert!(ended.stderr.contains(&format!("no receiver can be reached at {url}")), "{}", ended.stderr);
}

#[test]
fn address_and_keys_come_from_the_settings() {
    let server = Server::start(receiver());
    let listen = server.url.trim_start_matches("http://");
    let toml = format!("listen = \"{listen}\"\n[[source]]\nname = \"sales\"\nhmac_keys = \"k\"\n");
    let args = ["simulate", "--envelopes", "1", "--format", "xml", "--source", "sales"];
    countersign(&args).file("countersign.toml", &toml).done();
    assert!(server.lines().iter().all(|line| line == "POST /connect/sales"), "{:?}", server.lines());
    let ended = countersign(&["simulate"]).file("countersign.toml", &toml).ends(2);
    assert!(ended.stderr.contains("the source `default` has no key"), "{}", ended.stderr);
}

//! `countersign events` against a stand-in for a running server.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::kit::{Answer, Asked, Ended, Server, countersign, row};

fn events(server: &Server, args: &[&str]) -> super::kit::Program {
    countersign(&["events"]).args(args).arg("--url").arg(&server.url).arg("--token").arg("t0ken")
}

/// A number of the query, where it is there.
fn query(asked: &Asked, name: &str) -> Option<u64> {
    let (_, query) = asked.line.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")))
        .map(|value| value.parse().unwrap())
}

/// The feed of a server that holds so many changes.
fn feed(count: u64) -> impl Fn(&Asked) -> Answer {
    move |asked| {
        let limit = query(asked, "limit").unwrap_or(100).min(1000);
        let after = query(asked, "after");
        let rows: Vec<Value> = if asked.line.contains("order=desc") {
            (1..after.unwrap_or(count + 1)).rev().take(limit as usize).map(row).collect()
        } else {
            (after.unwrap_or(0) + 1..=count).take(limit as usize).map(row).collect()
        };
        let end = rows.last().and_then(|row| row["position"].as_u64());
        let more = if asked.line.contains("order=desc") {
            end > Some(1)
        } else {
            end.is_some_and(|end| end < count)
        };
        Answer::Json(200, json!({"result": rows, "next_cursor": more.then_some("c")}))
    }
}

fn positions(ended: &Ended) -> Vec<u64> {
    ended.json()["result"].as_array().unwrap().iter().map(|row| row["position"].as_u64().unwrap()).collect()
}

#[test]
fn listed_changes_are_a_table_with_nothing_that_steers_the_terminal() {
    let server = Server::start(feed(3));
    let ended = events(&server, &["list"]).done();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ended.stdout);
    assert!(lines[0].starts_with("POSITION") && lines[0].ends_with("PUBLISHED"), "{}", lines[0]);
    let cells: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(cells, ["2", "2026-11-23T10:00:00.123Z", "signing_request.completed", "sr-1", "4", "yes"]);
    assert!(ended.stderr.is_empty() && !ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
    assert_eq!(server.asked()[0].authorization.as_deref(), Some("Bearer t0ken"));
}

#[test]
fn a_limit_beyond_one_page_is_read_page_by_page() {
    let server = Server::start(feed(2500));
    let ended = events(&server, &["list", "--json", "--limit", "2100", "--after", "100"]).done();
    assert_eq!(positions(&ended), (101..=2200).collect::<Vec<_>>());
    let want = [(1000, 100), (1000, 1100), (100, 2100)];
    let asked: Vec<(u64, u64)> = server
        .asked()
        .iter()
        .map(|asked| (query(asked, "limit").unwrap(), query(asked, "after").unwrap()))
        .collect();
    assert_eq!(asked, want);
    let ended = events(&server, &["list", "--json", "--limit", "1500", "--newest"]).done();
    assert_eq!(positions(&ended), (1001..=2500).rev().collect::<Vec<_>>());
    let ended = events(&server, &["list", "--json", "--limit", "9999", "--after", "2499"]).done();
    assert_eq!(positions(&ended), [2500]);
}

#[test]
fn a_server_that_always_promises_more_is_not_asked_for_ever() {
    let server = Server::start(|_| Answer::Json(200, json!({"result": [row(5)], "next_cursor": "more"})));
    let ended = events(&server, &["list", "--json", "--limit", "50"]).done();
    assert_eq!(positions(&ended), [5, 5]);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn filters_go_to_the_server() {
    let server = Server::start(feed(0));
    let args = ["list", "--status", "completed", "--account", "a b", "--signing-request", "sr&1"];
    let ended = events(&server, &args).done();
    assert!(ended.stderr.contains("no change fits"), "{}", ended.stderr);
    assert_eq!(
        server.lines(),
        ["GET /v1/changes?status=completed&account=a+b&signing_request=sr%261&limit=100"]
    );
}

#[test]
fn one_change_is_shown_by_position_or_id() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "GET /v1/changes/7" => Answer::Json(200, row(7)),
        _ => Answer::Json(404, json!({"statusCode": 404, "error": "Not Found", "message": "no such change"})),
    });
    let ended = events(&server, &["show", "7"]).done();
    assert!(ended.stdout.contains("routing key  signing_request.completed.acc-1"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
    assert_eq!(events(&server, &["show", "7", "--json"]).done().json(), row(7));
    let ended = events(&server, &["show", "../deliveries"]).ends(1);
    assert!(
        ended.stderr.contains("no such change") && ended.stderr.contains("check the id"),
        "{}",
        ended.stderr
    );
    assert_eq!(server.lines()[2], "GET /v1/changes/..%2Fdeliveries");
}

fn event(position: u64, status: &str) -> String {
    let mut row = row(position);
    row["routing_key"] = json!(format!("signing_request.{status}.acc-1"));
    format!("id: {position}\nevent: signing_request\ndata: {row}\n\n")
}

#[test]
fn a_followed_feed_begins_with_what_happens_next_and_goes_on_after_a_break() {
    let streams = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        if !asked.line.starts_with("GET /v1/changes/stream") {
            return feed(41)(asked);
        }
        match streams.fetch_add(1, Ordering::SeqCst) {
            // The second event is cut off before its end.
            0 => Answer::Stream(format!(": hello\n\n{}id: 43\ndata: {{\"posi", event(42, "sent"))),
            1 => Answer::Text(503, "restarting"),
            _ => Answer::Stream(event(43, "delivered") + &event(44, "completed") + &event(45, "voided")),
        }
    });
    let ended = events(&server, &["tail", "--json", "--count", "3"]).done();
    let seen: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let positions: Vec<&Value> = seen.iter().map(|row| &row["position"]).collect();
    assert_eq!(positions, [42, 43, 44]);
    let lines = server.lines();
    assert!(lines[0].contains("order=desc") && lines[0].contains("limit=1"), "{lines:?}");
    assert!(lines[1].ends_with("/stream?after=41"), "{lines:?}");
    assert!(
        lines[2..].iter().all(|line| line.ends_with("/stream?after=42")) && lines.len() == 4,
        "{lines:?}"
    );
    assert!(ended.stderr.contains("following changes after position 41"), "{}", ended.stderr);
    assert!(ended.stderr.contains("connecting again"), "{}", ended.stderr);
}

#[test]
fn a_followed_feed_can_be_filtered_and_begin_anywhere() {
    let server = Server::start(|_| {
        Answer::Stream(event(2, "completed") + &event(4, "completed") + &event(6, "completed"))
    });
    let ended = events(&server, &["tail", "--after", "0", "--count", "2", "--status", "completed"]).done();
    let first: Vec<&str> = ended.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(first, ["2", "4"]);
    assert_eq!(server.lines(), ["GET /v1/changes/stream?status=completed&after=0"]);
}

#[test]
fn a_feed_that_began_anew_ends_the_following_with_the_reason() {
    let streams = AtomicUsize::new(0);
    let server = Server::start(move |_| match streams.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Stream(event(5, "sent")),
        _ => Answer::Json(409, json!({"statusCode": 409, "message": "the feed ends at 1"})),
    });
    let ended = events(&server, &["tail", "--after", "4"]).ends(1);
    assert_eq!(ended.stdout.lines().count(), 1);
    assert!(ended.stderr.contains("answered 409: the feed ends at 1"), "{}", ended.stderr);
    assert_eq!(server.lines().len(), 2);
}

#[test]
fn chosen_changes_are_replayed_in_bounded_lots() {
    let server = Server::start(|asked| match asked.line.as_str() {
        "POST /v1/changes/replay" => {
            let count = asked.body["positions"].as_array().unwrap().len();
            Answer::Json(200, json!({"replayed": count}))
        }
        _ => feed(2300)(asked),
    });
    let replayed = |args: &[&str]| events(&server, args).done().stdout;
    assert_eq!(replayed(&["replay", "3", "5"]), "replayed 2\n");
    assert_eq!(server.asked()[0].body, json!({"positions": [3, 5]}));
    assert_eq!(replayed(&["replay", "--from", "10", "--to", "12", "--json"]), "{\"replayed\":3}\n");
    assert_eq!(server.asked().last().unwrap().body, json!({"positions": [10, 11, 12]}));
    assert_eq!(replayed(&["replay", "--from", "1", "--dry-run"]), "would replay 2300\n");
    assert_eq!(replayed(&["replay", "--signing-request", "sr-1"]), "replayed 2300\n");
    let lots: Vec<usize> = server
        .asked()
        .iter()
        .rev()
        .take(3)
        .map(|asked| asked.body["positions"].as_array().unwrap().len())
        .collect();
    assert_eq!(lots, [300, 1000, 1000]);
}

#[test]
fn changes_that_are_not_there_are_told_of() {
    let server = Server::start(|_| Answer::Json(200, json!({"replayed": 1})));
    let ended = events(&server, &["replay", "1", "99"]).done();
    assert_eq!(ended.stdout, "replayed 1\n");
    assert!(
        ended.stderr.contains("1 of 2 are not in the feed, or wait to be published anyway"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = listener.local_addr().unwrap().to_string();
    drop(listener);
    let ended = countersign(&["events", "list"]).env("COUNTERSIGN_LISTEN", &listen).ends(1);
    assert!(ended.stdout.is_empty());
    assert!(
        ended.stderr.contains(&format!("no server can be reached at http://{listen}")),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("countersign serve") && ended.stderr.contains("--url"), "{}", ended.stderr);
}

#[test]
fn the_server_and_the_token_come_from_the_settings() {
    let server = Server::start(feed(0));
    let listen = server.url.trim_start_matches("http://");
    let program = countersign(&["events", "list"]).file("token", "from-file\n");
    let toml = format!("listen = \"{listen}\"\napi_token_file = \"token\"");
    program.file("countersign.toml", &toml).env("HTTP_PROXY", "http://127.0.0.1:1").done();
    assert_eq!(server.asked()[0].authorization.as_deref(), Some("Bearer from-file"));
    let ended = countersign(&["events", "list", "--listen"]).ends(2);
    assert!(ended.stderr.contains("--listen"), "{}", ended.stderr);
    let ended = countersign(&["events", "list"]).env("COUNTERSIGN_LISTEN", "127.0.0.1:0").ends(2);
    assert!(ended.stderr.contains("port 0") && ended.stderr.contains("--url"), "{}", ended.stderr);
    let ended = countersign(&["events", "list"]).env("COUNTERSIGN_LISTEN", "nowhere").ends(78);
    assert!(ended.stderr.contains("listen"), "{}", ended.stderr);
}

#[test]
fn every_refusal_says_what_to_do_and_never_the_token() {
    let problem =
        |code: u16, message: &str| Answer::Json(code, json!({"statusCode": code, "message": message}));
    for (code, advice) in [
        (401, "pass --token, or set api_token"),
        (403, "a token whose scope"),
        (400, "change what is asked for"),
        (404, "check the id"),
        (409, "look at what is there"),
        (500, "look at the server's logs"),
        (503, "try again in a moment"),
    ] {
        let server = Server::start(move |_| problem(code, "because \u{1b}[31m"));
        let ended = events(&server, &["list"]).ends(1);
        assert!(ended.stderr.contains(&format!("answered {code}: because")), "{}", ended.stderr);
        assert!(ended.stderr.contains(advice), "{code}: {}", ended.stderr);
        assert!(!ended.stderr.contains("t0ken") && !ended.stderr.contains("\u{1b}[31m"), "{}", ended.stderr);
    }
}

#[test]
fn something_else_that_answers_is_recognised() {
    for answer in [|| Answer::Text(200, "<html>"), || Answer::Text(404, "<html>")] {
        let server = Server::start(move |_| answer());
        for args in [&["list"][..], &["tail", "--after", "1"]] {
            let ended = events(&server, args).ends(1);
            assert!(ended.stderr.contains("check that --url names a countersign server"), "{}", ended.stderr);
        }
    }
}

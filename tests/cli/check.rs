//! `countersign check`.

use serde_json::json;

use super::kit::{Answer, Server, countersign};

fn state(checked: &serde_json::Value, part: &str) -> String {
    let lines = checked["lines"].as_array().unwrap().iter().filter(|line| line["part"] == part);
    lines.map(|line| line["state"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_server_that_could_start_is_told_so_with_what_is_weak() {
    let mut program = countersign(&["check", "--json"]);
    let checked = program.done().json();
    assert_eq!(checked["ok"], true);
    assert_eq!(state(&checked, "settings"), "ok weak");
    assert_eq!(state(&checked, "store"), "ok");
    assert_eq!(state(&checked, "broker"), "skipped");
    assert_eq!(state(&checked, "oauth"), "skipped");
    assert!(program.path().join("countersign-data/countersign.db").exists(), "it was really opened");
    let text = countersign(&["check"]).env("COUNTERSIGN_HMAC_KEYS", "k").done().stdout;
    assert!(text.lines().all(|line| !line.contains("weak")), "{text}");
    assert!(text.contains("ok       store"), "{text}");
}

#[test]
fn a_store_that_cannot_be_opened_fails_with_what_to_do() {
    let ended =
        countersign(&["check", "--json", "--store", "sqlite:file/x.db"]).file("file", "no folder").ends(1);
    let checked = ended.json();
    assert_eq!(checked["ok"], false);
    let line =
        checked["lines"].as_array().unwrap().iter().find(|line| line["part"] == "store").unwrap().clone();
    assert_eq!(line["state"], "failed");
    assert!(line["what"].as_str().unwrap().contains("file/x.db"), "{line}");
    assert!(line["todo"].is_string(), "{line}");
    let ended = countersign(&["check", "--store", "sqlite:file/x.db"]).file("file", "no folder").ends(1);
    assert!(ended.stdout.contains("failed   store"), "{}", ended.stdout);
}

#[test]
fn a_broker_that_is_not_there_fails_without_its_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for extra in [&[][..], &["--json"]] {
        let url = format!("amqp://guest:hunter2@127.0.0.1:{port}/%2f");
        let ended = countersign(&["check"]).args(extra).env("COUNTERSIGN_BROKER", &url).ends(1);
        assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("127.0.0.1:{port}")), "{}", ended.stdout);
        if !extra.is_empty() {
            assert_eq!(
                (state(&ended.json(), "store"), state(&ended.json(), "broker")),
                ("ok".into(), "failed".into())
            );
            assert_eq!(state(&ended.json(), "topology"), "", "nothing is declared where nobody answers");
        }
    }
}

#[test]
fn docusign_is_asked_only_with_online_and_says_whom_it_lets_in() {
    let docusign = Server::start(|asked| {
        if asked.authorization.as_deref() != Some("Bearer g00d") {
            return Answer::Json(401, json!({"error": "invalid_token"}));
        }
        let account =
            json!({"account_id": "acc-1", "is_default": true, "base_uri": "https://demo.docusign.net"});
        Answer::Json(200, json!({"sub": "user", "accounts": [account]}))
    });
    let check = |token: &str, online: &[&str]| {
        let program = countersign(&["check", "--json"]).args(online);
        let program = program.env("COUNTERSIGN_DOCUSIGN__AUTH_URL", &docusign.url);
        program.env("COUNTERSIGN_DOCUSIGN__ACCESS_TOKEN", token).run()
    };
    assert_eq!(state(&check("g00d", &[]).json(), "oauth"), "skipped");
    assert!(docusign.asked().is_empty());
    let ended = check("g00d", &["--online"]);
    assert_eq!((ended.code, state(&ended.json(), "oauth").as_str()), (0, "ok"), "{}", ended.stdout);
    assert!(ended.stdout.contains("acc-1"), "{}", ended.stdout);
    let ended = check("b4d", &["--online"]);
    assert_eq!((ended.code, state(&ended.json(), "oauth").as_str()), (1, "failed"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("b4d"), "{}", ended.stdout);
    assert_eq!(state(&countersign(&["check", "--online", "--json"]).done().json(), "oauth"), "skipped");
}

#[test]
fn the_books_are_counted_by_hand_and_what_is_off_is_said_with_what_it_means() {
    let mut program = countersign(&["check", "--books", "--json"]);
    let checked = program.done().json();
    assert_eq!(state(&checked, "books"), "ok");
    let path = program.path().join("countersign-data/countersign.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database.execute("UPDATE totals SET settled = 1", []).unwrap();
    drop(database);
    let checked = program.ends(1).json();
    assert_eq!(state(&checked, "books"), "failed failed");
    let line =
        checked["lines"].as_array().unwrap().iter().find(|line| line["part"] == "books").unwrap().clone();
    assert!(
        line["what"].as_str().unwrap().starts_with("outbox: changes appended + put back (0) ≠"),
        "{line}"
    );
    assert!(line["todo"].as_str().unwrap().contains("operations.md"), "{line}");
    assert_eq!(state(&countersign(&["check", "--json"]).done().json(), "books"), "", "only where asked for");
}

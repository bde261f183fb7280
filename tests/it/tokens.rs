//! API tokens with the real program: made on the command line, used over HTTP and in the dashboard, revoked.

use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::deliveries::{ACCOUNT, deliver, sim};
use crate::support::postgres::Postgres;
use crate::support::server::{KEY, Server, Settings};
use crate::support::{PATIENCE, eventually, http};

const OTHER: &str = "11111111-2222-4333-8444-555555555555";
const MINE: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e01";
const FOREIGN: &str = "0c8f1f8a-9d21-4a41-8a57-0b9f0c8a7e02";
const AT: &str = "2026-11-23T10:00:00Z";

/// Runs a command beside a server, with a token where one is given, to its end.
async fn run(server: &Server, token: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = server.command(arguments);
    command.envs(token.map(|token| ("COUNTERSIGN_API_TOKEN", token)));
    let mut child = command.stdin(Stdio::null()).spawn().expect("the program starts");
    eventually("the command ends", PATIENCE, async || child.try_wait().expect("a child to ask")).await;
    child.wait_with_output().expect("its output")
}

/// Has a token made on the command line: its id and its text.
async fn made(server: &Server, by: Option<&str>, arguments: &[&str]) -> (String, String) {
    let arguments = [&["token", "create", "--json"], arguments].concat();
    let output = run(server, by, &arguments).await;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |field: &str| made[field].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

async fn get(server: &Server, token: &str, path: &str) -> (u16, Value) {
    let answer = http().get(server.url(path)).bearer_auth(token).send().await.expect("an answer");
    assert!(answer.headers().contains_key("x-request-id"), "{path}");
    (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
}

async fn two_accounts(server: &Server) {
    let foreign = String::from_utf8(sim("envelope-sent", FOREIGN, AT)).expect("a text");
    for body in [sim("envelope-sent", MINE, AT), foreign.replace(ACCOUNT, OTHER).into_bytes()] {
        assert_eq!(deliver(&server.url("/connect"), KEY, body).await.0, 200);
    }
}

#[tokio::test]
async fn tokens_made_on_the_command_line_see_their_accounts_until_they_are_revoked() {
    let mut server = Server::start(Settings::new().with("COUNTERSIGN_API_RATE", "50")).await;
    two_accounts(&server).await;
    assert_eq!(server.get("/v1/changes").await.0, 200, "this machine, while there is no token");
    let (_, root) = made(&server, None, &["root", "--scope", "admin"]).await;
    assert_eq!(server.get("/v1/changes").await.0, 401);
    let refused = run(&server, None, &["token", "list"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let arguments = ["portal", "--scope", "read", "--account", ACCOUNT, "--days", "1"];
    let (id, portal) = made(&server, Some(&root), &arguments).await;
    let (status, feed) = get(&server, &portal, "/v1/changes").await;
    let rows = feed["result"].as_array().expect("rows");
    assert_eq!((status, rows.len()), (200, 1), "{feed}");
    assert_eq!(rows[0]["change"]["signing_request"]["id"], MINE);
    let listed = run(&server, Some(&portal), &["events", "list", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["result"], feed["result"], "the command line honours it alike");
    assert_eq!(get(&server, &portal, &format!("/v1/changes?account={OTHER}")).await.0, 403);
    assert_eq!(get(&server, &portal, "/v1/totals").await.0, 403);
    // Over a restart tokens are what they were.
    server.restart().await;
    assert_eq!(server.get("/v1/changes").await.0, 401);
    let limited = async {
        loop {
            let answer = http().get(server.url("/v1/tokens/self")).bearer_auth(&portal).send().await;
            let answer = answer.expect("an answer");
            if answer.status() == 429 {
                break answer.headers()["retry-after"].to_str().expect("seconds").parse::<u64>();
            }
        }
    };
    let wait = tokio::time::timeout(PATIENCE, limited).await.expect("too many at last").expect("a number");
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(get(&server, &root, "/v1/tokens/self").await.0, 200, "others are not held up");
    let revoked = run(&server, Some(&root), &["token", "revoke", &id]).await;
    assert_eq!(revoked.status.code(), Some(0));
    let (status, problem) = get(&server, &portal, "/v1/changes").await;
    assert_eq!(status, 401);
    assert!(problem["message"].as_str().is_some_and(|message| message.contains("revoked")), "{problem}");
    let listed = run(&server, Some(&root), &["token", "list", "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let row = listed["result"].as_array().expect("rows").iter().find(|row| row["id"] == json!(id)).unwrap();
    assert!(row["last_used_at"].is_string() && row["revoked_at"].is_string(), "{row}");
    server.assert_log_keeps_secrets(&[&root, &portal]);
}

#[tokio::test]
async fn a_token_revoked_at_one_node_is_refused_at_the_others_within_seconds() {
    let database = Postgres::shared().await.database().await;
    let settings = Settings::new()
        .with("COUNTERSIGN_STORE", &database)
        .with("COUNTERSIGN_VAULT_KEY", "one-key-for-all-nodes-of-one-store")
        .with("COUNTERSIGN_API_TOKEN", "bootstrap-token-of-both-nodes");
    let (one, two) = (Server::start(settings.clone()).await, Server::start(settings).await);
    let (id, token) = made(&one, None, &["app", "--scope", "read"]).await;
    eventually("the other node lets it in", PATIENCE, async || {
        (get(&two, &token, "/v1/changes").await.0 == 200).then_some(())
    })
    .await;
    assert_eq!(run(&one, None, &["token", "revoke", &id]).await.status.code(), Some(0));
    assert_eq!(get(&one, &token, "/v1/changes").await.0, 401, "at once where it was revoked");
    eventually("the other node refuses it", std::time::Duration::from_secs(10), async || {
        (get(&two, &token, "/v1/changes").await.0 == 401).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_opens_with_a_token_and_shows_what_that_may_see() {
    let settings = Settings::new().with("COUNTERSIGN_API_TOKEN", "bootstrap-token-of-the-dashboard");
    let server = Server::start(settings).await;
    two_accounts(&server).await;
    let (_, portal) = made(&server, None, &["portal", "--scope", "read", "--account", ACCOUNT]).await;
    let browser = Browser::start().await;
    let shows = async |what: &str, script: &str| {
        eventually(what, PATIENCE, async || (browser.run(script).await == true).then_some(())).await;
    };
    let open = async |token: &str| {
        browser.open(&server.url("/")).await;
        browser.run("sessionStorage.clear(); return true").await;
        browser.open(&server.url("/")).await;
        shows("a token is asked for", "return !document.getElementById('token-form').hidden").await;
        browser.run(&format!("document.getElementById('token').value = '{token}'; return true")).await;
        browser.click("#token-form button").await;
    };
    let rows = "document.querySelectorAll('#changes tbody tr').length";
    let live = "document.getElementById('link').dataset.state == 'live'";
    open("bootstrap-token-of-the-dashboard").await;
    shows("all changes and the counts", &format!("return {rows} == 2 && {live} && document.querySelector('[data-count=accepted]').textContent == '2'")).await;
    open(&portal).await;
    let counts = "document.getElementById('counts').parentElement.hidden";
    shows("its own changes, without counts", &format!("return {rows} == 1 && {live} && {counts}")).await;
    let told = browser.run("return document.getElementById('notice').hidden").await;
    assert_eq!(told, true, "nothing is in the way");
    browser.close().await;
}

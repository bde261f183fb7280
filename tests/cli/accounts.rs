//! `countersign accounts` against a stand-in for a running server.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::kit::{Answer, Program, Server, countersign};

const ID: &str = "0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44";
const URL: &str = "https://sign.example.com/connect-account?link_token=t0k";

fn account(state: &str, reason: Option<&str>, updated: u32) -> Value {
    json!({
        "id": ID, "account_id": "acc-1", "name": "Acme \u{1b}[2J", "tenant_id": "acme", "user_id": "u-1",
        "base_uri": "https://eu.docusign.net", "grant": "code", "state": state, "reason": reason,
        "refreshed_at": null, "created_at": "2026-11-23T10:00:00Z", "updated_at": format!("2026-11-23T10:00:0{updated}Z"),
    })
}

fn page(accounts: &[Value], next: Option<&str>) -> Answer {
    Answer::Json(200, json!({"result": accounts, "next_cursor": next}))
}

fn made() -> Answer {
    Answer::Json(200, json!({"link_token": "t0k", "expires_at": "2026-11-23T11:00:00Z", "url": URL}))
}

fn accounts(server: &Server, args: &[&str]) -> Program {
    countersign(&["accounts"]).args(args).args(&["--url", &server.url, "--token", "api-t0ken"])
}

#[test]
fn linked_accounts_are_listed_page_by_page_with_where_they_stand() {
    let server = Server::start(|asked| {
        if asked.line.contains("after=") {
            page(&[account("needs_reauth", Some("invalid_grant"), 1)], None)
        } else {
            page(&[account("active", None, 1)], Some(ID))
        }
    });
    let ended = accounts(&server, &["list"]).done();
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(
        lines[1].starts_with(ID) && lines[1].contains("active") && lines[1].contains("acc-1"),
        "{lines:?}"
    );
    assert!(lines[2].contains("needs_reauth") && lines[2].ends_with("invalid_grant"), "{lines:?}");
    assert!(!ended.stdout.contains('\u{1b}'));
    assert_eq!(server.lines()[1], format!("GET /integrated-account?limit=1000&after={ID}"));
    let json = accounts(&server, &["list", "--state", "active", "--json"]).done().json();
    assert_eq!(json["result"].as_array().unwrap().len(), 2);
    assert!(server.lines()[2].starts_with("GET /integrated-account?state=active&"));
}

#[test]
fn a_link_is_printed_and_waited_for_until_the_account_is_there() {
    let looks = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.line.as_str() {
        "POST /link-token" => made(),
        _ => match looks.fetch_add(1, Ordering::Relaxed) {
            0 => page(&[account("active", None, 1)], None),
            1 => page(&[account("connecting", None, 2)], None),
            _ => page(&[account("active", None, 3)], None),
        },
    });
    let ended = accounts(&server, &["link", "--tenant", "acme"]).done();
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines[0], URL);
    assert!(lines[1].starts_with(&format!("{ID} active acc-1")), "{lines:?}");
    assert!(ended.stderr.contains("until 2026-11-23T11:00:00Z"), "{}", ended.stderr);
    let asked = server.asked();
    assert_eq!(asked[1].body, json!({"tenant_id": "acme", "expires_in": 3600}));
    assert_eq!(asked[1].authorization.as_deref(), Some("Bearer api-t0ken"));
    assert!(asked[2].line.starts_with("GET /integrated-account?tenant_id=acme&"));
}

#[test]
fn a_link_can_be_made_without_waiting_for_it() {
    let server =
        Server::start(|asked| if asked.line == "POST /link-token" { made() } else { page(&[], None) });
    let args =
        ["link", "--no-wait", "--again", ID, "--redirect", "https://app.example.com/", "--expires-in", "60"];
    assert_eq!(accounts(&server, &args).done().stdout.trim(), URL);
    let body = server.asked().last().unwrap().body.clone();
    let wanted =
        json!({"integrated_account_id": ID, "redirect_uri": "https://app.example.com/", "expires_in": 60});
    assert_eq!(body, wanted);
    assert_eq!(accounts(&server, &["link", "--no-wait", "--json"]).done().json()["url"], URL);
    accounts(&server, &["link", "--expires-in", "1"]).ends(2);
    accounts(&server, &["link", "--jwt"]).ends(2);
}

#[test]
fn an_account_is_linked_by_our_key_or_its_user_is_sent_to_consent() {
    let server = Server::start(|asked| match asked.body["user_id"].as_str() {
        Some("u-1") => Answer::Json(200, account("active", None, 1)),
        Some("u-2") => Answer::Json(200, account("validation_error", Some("ACCOUNT_SUSPENDED"), 1)),
        _ => {
            let message =
                "the user has to allow it: let them open https://account-d.docusign.com/oauth/auth?x";
            Answer::Json(409, json!({"statusCode": 409, "error": "Conflict", "message": message}))
        }
    });
    let link = |user| accounts(&server, &["link", "--jwt", "--user", user]);
    assert!(link("u-1").done().stdout.contains("active"));
    let body = server.asked()[0].body.clone();
    assert_eq!(body, json!({"grant": "jwt", "user_id": "u-1"}));
    let refused = link("u-2").ends(1);
    assert!(refused.stderr.contains("ACCOUNT_SUSPENDED"), "{}", refused.stderr);
    let unasked = link("u-3").ends(1);
    assert!(unasked.stderr.contains("/oauth/auth?x"), "{}", unasked.stderr);
}

#[test]
fn an_account_is_removed_by_its_id() {
    let server = Server::start(|_| Answer::Json(200, json!({"id": ID})));
    let ended = accounts(&server, &["remove", ID]).done();
    assert_eq!(ended.stdout.trim(), format!("{ID} removed"));
    assert_eq!(server.lines(), [format!("DELETE /integrated-account/{ID}")]);
}

//! `countersign token` against a stand-in for a running server.

use serde_json::{Value, json};

use super::kit::{Answer, Program, Server, countersign};

const ID: &str = "0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44";
const TEXT: &str = "cst_0193590e7c1a7b528d2f6f2f1c0e9b44_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U";

fn token(name: &str, accounts: Value, revoked: Option<&str>) -> Value {
    json!({
        "id": ID, "name": name, "scope": "write", "accounts": accounts, "made_by": null,
        "created_at": "2026-11-23T10:00:00Z", "expires_at": "2026-12-23T10:00:00Z", "revoked_at": revoked,
        "last_used_at": null,
    })
}

fn tokens(server: &Server, args: &[&str]) -> Program {
    countersign(&["token"]).args(args).args(&["--url", &server.url, "--token", "api-t0ken"])
}

#[test]
fn a_token_that_is_made_is_printed_alone() {
    let server = Server::start(|_| {
        let mut made = token("crm", json!(["a-1"]), None);
        made["token"] = json!(TEXT);
        Answer::Json(200, made)
    });
    let args = ["create", "crm", "--scope", "write", "--account", "a-1", "--account", "a-2", "--days", "30"];
    let ended = tokens(&server, &args).done();
    assert_eq!(ended.stdout, format!("{TEXT}\n"), "ready to be taken into a variable");
    assert!(ended.stderr.contains(ID) && ended.stderr.contains("2026-12-23"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(TEXT));
    let asked = server.asked()[0].clone();
    assert_eq!(
        (asked.line.as_str(), asked.authorization.as_deref()),
        ("POST /v1/tokens", Some("Bearer api-t0ken"))
    );
    let wanted =
        json!({"name": "crm", "scope": "write", "accounts": ["a-1", "a-2"], "expires_in": 2_592_000});
    assert_eq!(asked.body, wanted);
    let json = tokens(&server, &["create", "crm", "--scope", "write", "--json"]).done().json();
    assert_eq!((&json["token"], &json["id"]), (&json!(TEXT), &json!(ID)));
    assert_eq!(server.asked()[1].body, json!({"name": "crm", "scope": "write"}));
    for wrong in [
        &["create", "crm"][..],
        &["create", "--scope", "read"],
        &["create", "crm", "--scope", "all"],
        &["create", "crm", "--scope", "read", "--days", "0"],
        &["revoke"],
    ] {
        tokens(&server, wrong).ends(2);
    }
}

#[test]
fn tokens_are_listed_page_by_page_with_what_each_may_do() {
    let server = Server::start(|asked| {
        let (row, next) = if asked.line.contains("after=") {
            (token("old \u{1b}[2J", json!([]), Some("2026-11-24T10:00:00Z")), None)
        } else {
            (token("crm", json!(["a-1", "a-2"]), None), Some(ID))
        };
        Answer::Json(200, json!({"result": [row], "next_cursor": next}))
    });
    let ended = tokens(&server, &["list"]).done();
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(
        lines[1].starts_with(ID) && lines[1].contains("write") && lines[1].ends_with("a-1 a-2"),
        "{lines:?}"
    );
    assert!(lines[2].contains("revoked 2026-11-24") && lines[2].ends_with("all"), "{lines:?}");
    assert!(!ended.stdout.contains('\u{1b}'));
    assert_eq!(server.lines()[1], format!("GET /v1/tokens?limit=1000&after={ID}"));
    let json = tokens(&server, &["list", "--json"]).done().json();
    assert_eq!(json["result"].as_array().unwrap().len(), 2);
}

#[test]
fn a_token_is_revoked_by_its_id_and_who_may_not_is_told_so() {
    let server = Server::start(|asked| {
        if asked.line.ends_with(ID) {
            return Answer::Json(200, token("crm", json!([]), Some("2026-11-24T10:00:00Z")));
        }
        let message = "the token lacks the scope `admin`";
        Answer::Json(403, json!({"statusCode": 403, "error": "Forbidden", "message": message}))
    });
    let ended = tokens(&server, &["revoke", ID]).done();
    assert_eq!(ended.stdout.trim(), format!("{ID} revoked"));
    assert_eq!(server.lines(), [format!("DELETE /v1/tokens/{ID}")]);
    let refused = tokens(&server, &["list"]).ends(1);
    assert!(
        refused.stderr.contains("scope `admin`") && refused.stderr.contains("what to do"),
        "{}",
        refused.stderr
    );
}

//! API tokens: what each scope may do, how long one is good, how often it may ask, and who may make which.

use std::collections::BTreeSet;

use actix_web::test::TestRequest;
use countersign::base::limits;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::support::{Answer, Bench, HERE, RATE};

const ROOT: &str = "configured-token";
const OTHER: &str = "11111111-2222-4333-8444-555555555555";

async fn get(bench: &Bench, token: &str, path: &str) -> Answer {
    bench.ask_as(token, TestRequest::get().uri(path)).await
}

async fn post(bench: &Bench, token: &str, path: &str, body: Value) -> Answer {
    bench.ask_as(token, TestRequest::post().uri(path).set_json(body)).await
}

async fn make(bench: &Bench, by: &str, wanted: Value) -> Answer {
    post(bench, by, "/v1/tokens", wanted).await
}

async fn revoke(bench: &Bench, by: &str, id: &str) -> Answer {
    bench.ask_as(by, TestRequest::delete().uri(&format!("/v1/tokens/{id}"))).await
}

#[actix_web::test]
async fn a_token_is_shown_once_and_kept_as_a_digest() {
    let bench = Bench::with_token(Some(ROOT));
    let wanted = json!({"name": " billing ", "scope": "write", "accounts": [OTHER.to_uppercase()]});
    let (id, token) = bench.token(ROOT, wanted).await;
    assert!(token.starts_with("cst_") && token.contains(&id.replace('-', "")), "{token}");
    let own = get(&bench, &token, "/v1/tokens/self").await.json();
    assert_eq!(
        (&own["by"], &own["scope"], &own["accounts"]),
        (&json!("token"), &json!("write"), &json!([OTHER]))
    );
    assert_eq!((&own["token"]["id"], &own["token"]["name"]), (&json!(id), &json!("billing")));
    assert_eq!(own["rate"], RATE);
    let listed = get(&bench, ROOT, "/v1/tokens").await;
    assert_eq!(listed.json()["result"][0]["id"], json!(id));
    let secret = token.rsplit_once('_').map(|(_, secret)| secret.to_owned()).unwrap();
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&secret));
    let kept = std::fs::read(bench.folder.path().join("countersign.sqlite-wal")).unwrap();
    assert!(kept.windows(7).any(|bytes| bytes == b"billing"), "it was written here");
    assert!(!kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "and its secret was not");
    let root = get(&bench, ROOT, "/v1/tokens/self").await.json();
    assert_eq!(
        (&root["by"], &root["scope"], &root["rate"]),
        (&json!("configured"), &json!("admin"), &Value::Null)
    );
}

#[actix_web::test]
async fn a_token_that_is_wrong_expired_or_revoked_lets_nobody_in_and_only_its_owner_learns_why() {
    let bench = Bench::with_token(Some(ROOT));
    let (_, short) = bench.token(ROOT, json!({"name": "short", "scope": "read", "expires_in": 60})).await;
    let (id, long) = bench.token(ROOT, json!({"name": "long", "scope": "read"})).await;
    for token in [&short, &long] {
        assert_eq!(get(&bench, token, "/v1/changes").await.status, 200);
    }
    bench.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(revoke(&bench, ROOT, &id).await.status, 200);
    let guess = |token: &str| {
        let (most, last) = token.split_at(token.len() - 1);
        format!("{most}{}", if last == "A" { "B" } else { "A" })
    };
    let nobody = format!("cst_{}_{}", "0".repeat(32), "A".repeat(43));
    for (token, says) in [
        (short.clone(), "has expired"),
        (long.clone(), "was revoked"),
        (guess(&short), "not valid"),
        (guess(&long), "not valid"),
        (nobody, "not valid"),
        (short[..short.len() - 1].to_owned(), "not valid"),
        (short.to_uppercase(), "not valid"),
        ("cst_".to_owned(), "not valid"),
    ] {
        let answer = get(&bench, &token, "/v1/changes").await;
        assert_eq!(answer.status, 401, "{token}");
        assert!(answer.message().contains(says), "{token}: {}", answer.message());
        assert_eq!(answer.json()["error"], "Unauthorized");
        assert!(answer.header("www-authenticate").is_some_and(|c| c.contains("invalid_token")), "{token}");
        assert!(answer.header("x-request-id").is_some(), "{token}");
    }
}

#[actix_web::test]
async fn what_another_node_revokes_is_refused_here_within_seconds() {
    let bench = Bench::with_token(Some(ROOT));
    let (id, token) = bench.token(ROOT, json!({"name": "x", "scope": "read"})).await;
    assert_eq!(get(&bench, &token, "/v1/changes").await.status, 200);
    // As another node does it: this one is told nothing.
    let at = "2026-11-23T10:00:00Z".parse().unwrap();
    assert!(bench.store.revoke_token(id.parse().unwrap(), at).await.unwrap());
    bench.clock.advance(SignedDuration::try_from(limits::TOKENS_LOOK).unwrap());
    assert_eq!(get(&bench, &token, "/v1/changes").await.status, 401);
}

#[actix_web::test]
async fn while_the_store_is_away_callers_are_told_apart_as_before() {
    let bench = Bench::with_token(Some(ROOT));
    let (_, token) = bench.token(ROOT, json!({"name": "x", "scope": "read"})).await;
    bench.store.close().await;
    bench.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(get(&bench, &token, "/metrics").await.status, 200);
    assert_eq!(get(&bench, &token, "/v1/changes").await.status, 503);
    assert_eq!(get(&bench, &format!("{token}x"), "/metrics").await.status, 401);
}

#[actix_web::test]
async fn each_scope_may_do_what_those_before_it_may_and_more() {
    let bench = Bench::with_token(Some(ROOT));
    let mut tokens = Vec::new();
    for scope in ["read", "write", "admin"] {
        tokens.push(bench.token(ROOT, json!({"name": scope, "scope": scope})).await.1);
    }
    let nobody = "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e";
    let positions = json!({"positions": [1]});
    let publish = json!({"publish": "all"});
    let url = json!({"url": "https://hooks.example.com/connect"});
    let refresh = json!({"integrated_account_id": nobody});
    let jwt = json!({"grant": "jwt", "user_id": nobody});
    let token = json!({"name": "x", "scope": "read"});
    let cases: [(usize, &str, String, Value); 22] = [
        (0, "GET", "/v1/changes".into(), Value::Null),
        (0, "GET", "/v1/books".into(), Value::Null),
        (0, "GET", "/proxy/restapi/v2.1/accounts/a-1/envelopes".into(), Value::Null),
        (0, "POST", "/v1/replay".into(), json!({})),
        (0, "POST", "/v1/reconcile".into(), json!({"dry_run": true})),
        (0, "POST", "/v1/connect/register".into(), json!({"dry_run": true})),
        (1, "POST", "/v1/changes/replay".into(), positions),
        (1, "POST", "/v1/replay".into(), publish),
        (1, "POST", format!("/v1/quarantine/{nobody}/release"), Value::Null),
        (1, "POST", format!("/v1/quarantine/{nobody}/drop"), Value::Null),
        (1, "POST", "/v1/reconcile".into(), json!({})),
        (1, "POST", "/v1/connect/register".into(), url),
        (1, "POST", "/link-token".into(), json!({})),
        (1, "POST", "/integrated-account".into(), jwt),
        (1, "POST", "/integrated-account/refresh-credentials".into(), refresh),
        (1, "POST", "/proxy/restapi/v2.1/accounts/a-1/envelopes".into(), Value::Null),
        (1, "DELETE", "/proxy/restapi/v2.1/accounts/a-1/envelopes/e".into(), Value::Null),
        (2, "DELETE", format!("/integrated-account/{nobody}"), Value::Null),
        (2, "POST", "/v1/vault/rotate".into(), Value::Null),
        (2, "POST", "/v1/tokens".into(), token),
        (2, "GET", "/v1/tokens".into(), Value::Null),
        (2, "DELETE", format!("/v1/tokens/{nobody}"), Value::Null),
    ];
    for (least, method, path, body) in cases {
        for (scope, token) in tokens.iter().enumerate() {
            let request = TestRequest::default().method(method.parse().unwrap()).uri(&path);
            let request = if body.is_null() { request } else { request.set_json(&body) };
            let answer = bench.ask_as(token, request).await;
            if scope < least {
                assert_eq!(answer.status, 403, "{method} {path} with scope {scope}");
                assert!(answer.message().contains("lacks the scope"), "{path}: {}", answer.message());
            } else {
                assert!(![401, 403, 429].contains(&answer.status), "{method} {path}: {}", answer.message());
            }
        }
    }
}

#[actix_web::test]
async fn a_token_makes_none_that_may_more_than_itself() {
    let bench = Bench::with_token(Some(ROOT));
    let some = json!({"name": "some", "scope": "admin", "accounts": ["a-1", "a-2"], "expires_in": 3600});
    let (id, some) = bench.token(ROOT, some).await;
    let (foreign, _) = bench.token(ROOT, json!({"name": "all", "scope": "read"})).await;
    for (wanted, says) in [
        (json!({"name": "x", "scope": "read", "accounts": ["a-1", "a-3"]}), "other accounts"),
        (json!({"name": "x", "scope": "read", "expires_in": 3601}), "live longer"),
    ] {
        let answer = make(&bench, &some, wanted.clone()).await;
        assert_eq!(answer.status, 403, "{wanted}");
        assert!(answer.message().contains(says), "{wanted}: {}", answer.message());
    }
    let made = make(&bench, &some, json!({"name": "heir", "scope": "admin"})).await.json();
    assert_eq!((&made["accounts"], &made["made_by"]), (&json!(["a-1", "a-2"]), &json!(id)), "as its maker");
    assert_eq!(made["expires_at"], "2026-11-23T11:00:00Z", "no later than its maker");
    let less = json!({"name": "less", "scope": "read", "accounts": ["A-2"], "expires_in": 60});
    assert_eq!(make(&bench, &some, less).await.json()["accounts"], json!(["a-2"]));
    let names = |answer: Answer| {
        let rows = answer.json()["result"].as_array().unwrap().clone();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(
        names(get(&bench, &some, "/v1/tokens").await),
        ["some", "heir", "less"].map(str::to_owned).into()
    );
    assert_eq!(revoke(&bench, &some, &foreign).await.status, 404, "one for all is none of its own");
    assert_eq!(revoke(&bench, &some, made["id"].as_str().unwrap()).await.status, 200);
}

#[actix_web::test]
async fn tokens_are_listed_page_by_page() {
    let bench = Bench::with_token(Some(ROOT));
    for number in 0..5 {
        bench.token(ROOT, json!({"name": format!("t{number}"), "scope": "read"})).await;
        bench.clock.advance(SignedDuration::from_millis(1));
    }
    let (mut names, mut path) = (Vec::new(), "/v1/tokens?limit=2".to_owned());
    loop {
        let page = get(&bench, ROOT, &path).await.json();
        let rows = page["result"].as_array().unwrap().clone();
        assert!(rows.len() <= 2);
        names.extend(rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/tokens?limit=2&after={next}");
    }
    assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
}

#[actix_web::test]
async fn what_a_token_cannot_be_is_refused_by_name() {
    let bench = Bench::with_token(Some(ROOT));
    for (wanted, says) in [
        (json!({"name": " ", "scope": "read"}), "`name`"),
        (json!({"name": "x".repeat(257), "scope": "read"}), "`name`"),
        (json!({"name": "a\nb", "scope": "read"}), "`name`"),
        (json!({"name": "x", "scope": "everything"}), "`scope`"),
        (json!({"name": "x"}), "scope"),
        (json!({"name": "x", "scope": "read", "accounts": ["a|b"]}), "`accounts`"),
        (json!({"name": "x", "scope": "read", "accounts": [""]}), "`accounts`"),
        (json!({"name": "x", "scope": "read", "accounts": vec!["a"; 101]}), "`accounts`"),
        (json!({"name": "x", "scope": "read", "expires_in": 59}), "`expires_in`"),
        (json!({"name": "x", "scope": "read", "expires_in": 315_360_001}), "`expires_in`"),
        (json!({"name": "x", "scope": "read", "acounts": []}), "acounts"),
    ] {
        let answer = make(&bench, ROOT, wanted.clone()).await;
        assert_eq!(answer.status, 400, "{wanted}");
        assert!(answer.message().contains(says), "{wanted}: {}", answer.message());
    }
    assert_eq!(get(&bench, ROOT, "/v1/tokens").await.json()["result"], json!([]));
}

#[actix_web::test]
async fn from_the_first_token_on_this_machine_needs_one_too() {
    let bench = Bench::new();
    let own = bench.get("/v1/tokens/self").await.json();
    assert_eq!((&own["by"], &own["scope"]), (&json!("machine"), &json!("admin")));
    for first in
        [json!({"name": "x", "scope": "write"}), json!({"name": "x", "scope": "admin", "accounts": ["a-1"]})]
    {
        let answer = bench.post("/v1/tokens", Some(first)).await;
        assert_eq!(answer.status, 409, "it would lock everyone out");
        assert!(answer.message().contains("first token"), "{}", answer.message());
    }
    let made = bench.post("/v1/tokens", Some(json!({"name": "root", "scope": "admin"}))).await.json();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    for peer in [HERE, "203.0.113.9:1"] {
        let answer = bench.ask_from(peer, TestRequest::get().uri("/v1/changes")).await;
        assert_eq!(answer.status, 401, "{peer}");
        assert_eq!(
            bench.ask_from(peer, TestRequest::get().uri("/")).await.status,
            200,
            "the page asks for it"
        );
    }
    assert_eq!(get(&bench, token, "/v1/changes").await.status, 200, "from elsewhere");
    assert_eq!(revoke(&bench, token, id).await.status, 200);
    assert_eq!(bench.get("/v1/changes").await.status, 401, "a token that ended opens no door again");
}

#[actix_web::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_held_up() {
    let bench = Bench::with_token(Some(ROOT));
    let (_, busy) = bench.token(ROOT, json!({"name": "busy", "scope": "read"})).await;
    let (_, other) = bench.token(ROOT, json!({"name": "other", "scope": "read"})).await;
    for _ in 0..RATE {
        assert_eq!(get(&bench, &busy, "/v1/tokens/self").await.status, 200);
    }
    bench.clock.advance(SignedDuration::from_millis(2_500));
    for path in ["/v1/tokens/self", "/v1/changes", "/proxy/restapi/v2.1/accounts/a-1/envelopes"] {
        let answer = get(&bench, &busy, path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("8")), "{path}");
        assert_eq!(answer.json()["error"], "Too Many Requests");
        assert!(answer.header("x-request-id").is_some());
    }
    assert_eq!(get(&bench, &other, "/v1/changes").await.status, 200);
    for _ in 0..=RATE {
        assert_eq!(
            get(&bench, ROOT, "/v1/tokens/self").await.status,
            200,
            "the configured one is not counted"
        );
    }
    // A list that is read anew forgets nothing.
    bench.token(ROOT, json!({"name": "third", "scope": "read"})).await;
    assert_eq!(get(&bench, &busy, "/v1/changes").await.status, 429);
    bench.clock.advance(SignedDuration::from_millis(7_500));
    assert_eq!(get(&bench, &busy, "/v1/changes").await.status, 200);
}

#[actix_web::test]
async fn that_a_token_is_used_is_written_down_now_and_then() {
    let bench = Bench::with_token(Some(ROOT));
    let (_, token) = bench.token(ROOT, json!({"name": "x", "scope": "read"})).await;
    let used = async || bench.store.tokens().await.unwrap().tokens[0].last_used_at.map(|at| at.to_string());
    let noted = async |at: &str| {
        let eventually = async {
            while used().await.as_deref() != Some(at) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), eventually).await.expect("a note");
    };
    assert_eq!(used().await, None);
    get(&bench, &token, "/v1/changes").await;
    noted("2026-11-23T10:00:00Z").await;
    bench.clock.advance(SignedDuration::from_mins(59));
    get(&bench, &token, "/v1/changes").await;
    bench.clock.advance(SignedDuration::from_mins(1));
    get(&bench, &token, "/v1/changes").await;
    noted("2026-11-23T11:00:00Z").await;
}

//! Tokens that are for some accounts: every path of the reference, and nothing of other accounts comes out of any.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::time::Duration;

use actix_web::test::TestRequest;
use countersign::base::{AccountId, AccountState, Clock as _, Grant};
use countersign::rest::Settings as RestSettings;
use countersign::store::{Credentials, IntegratedAccount, ReconcileRun, RunState};
use countersign::unify::{Api, CATALOG, Method, Resource, Takes};
use serde_json::{Value, json};

use super::support::{ACCOUNT, Bench, message};

const ROOT: &str = "configured-token";
/// The token's account. The other, [`ACCOUNT`], is also the one that the stand-in for DocuSign has.
const MINE: &str = "11111111-2222-4333-8444-555555555555";
const MY_LINK: &str = "0199f1f0-0000-7a4e-9c1d-000000000001";
const FOREIGN_LINK: &str = "0199f1f0-0000-7a4e-9c1d-000000000002";
/// A signing request that both accounts have, under one id.
const SHARED: &str = "env-of-both";
/// Words that stand in what is of the other account alone.
const FOREIGN: [&str; 5] = [ACCOUNT, FOREIGN_LINK, "Foreign Ltd", "env-foreign", "foreign-token"];

struct World {
    bench: Bench,
    /// For [`MINE`], with the highest scope.
    token: String,
    /// A delivery of the other account, and one that nobody could read.
    delivery: String,
    kept: String,
    /// The position and the id of a change of the other account, and the position of one of ours.
    position: u64,
    change: String,
    mine: u64,
    /// A link that is for any account, and the token of all.
    link: String,
    foreign_token: String,
}

fn linked(bench: &Bench, id: &str, account: &str, name: &str) -> IntegratedAccount {
    IntegratedAccount {
        id: id.to_owned(),
        account: Some(AccountId::new(account)),
        name: Some(name.to_owned()),
        tenant: "acme".to_owned(),
        user_id: None,
        base_uri: Some("https://eu.docusign.net".to_owned()),
        grant: Grant::Code,
        state: AccountState::NeedsReauth,
        reason: Some("invalid_grant".to_owned()),
        refreshed_at: None,
        version: 0,
        created_at: bench.clock.now(),
        updated_at: bench.clock.now(),
    }
}

fn run(bench: &Bench, account: &str) -> ReconcileRun {
    let now = bench.clock.now();
    let run = json!({
        "id": uuid::Uuid::from_u128(account.len() as u128 + u128::from(account != MINE)), "account": account, "state": "done", "asked": true, "dry_run": false,
        "ask_connect": false, "from": now, "to": now, "started_at": now, "ended_at": now, "waits_until": null,
        "why": null, "total": 0, "looked": 0, "unreadable": 0, "missed": 0, "missed_since": null, "concerned": 0,
        "signing_requests": [], "calls": 1,
    });
    let run: ReconcileRun = serde_json::from_value(run).unwrap();
    assert_eq!(run.state, RunState::Done);
    run
}

async fn tell(bench: &Bench, account: &str, envelope: &str) -> String {
    bench.clock.advance(jiff::SignedDuration::from_millis(1_500));
    let body = String::from_utf8(message("envelope-sent", envelope, bench.clock.now())).unwrap();
    let (outcome, id) = bench.receive(body.replace(ACCOUNT, account).as_bytes()).await;
    assert_eq!(outcome, "accepted");
    id.to_string()
}

impl World {
    async fn new() -> Self {
        let settings = RestSettings {
            client_id: "integration".into(),
            redirect_url: Some("https://sign.example.com/oauth/callback".into()),
            ..RestSettings::default()
        };
        let bench = Bench::with(Some(ROOT), &settings);
        tell(&bench, MINE, "env-mine").await;
        tell(&bench, MINE, SHARED).await;
        let delivery = tell(&bench, ACCOUNT, "env-foreign").await;
        tell(&bench, ACCOUNT, SHARED).await;
        let kept = bench.receive(b"<not a message>").await.1.to_string();
        for (id, account, name) in [(MY_LINK, MINE, "Mine"), (FOREIGN_LINK, ACCOUNT, "Foreign Ltd")] {
            bench.store.put_account(linked(&bench, id, account, name), Credentials::Drop).await.unwrap();
            bench.store.keep_run(run(&bench, account), None).await.unwrap();
        }
        let (foreign_token, _) = bench.token(ROOT, json!({"name": "foreign-token", "scope": "read"})).await;
        // By our own id of it.
        let mine = json!({"name": "mine", "scope": "admin", "accounts": [MY_LINK]});
        let (_, token) = bench.token(ROOT, mine).await;
        let root = async |request: TestRequest| bench.ask_as(ROOT, request).await.json();
        let feed = root(TestRequest::get().uri("/v1/changes")).await["result"].clone();
        let of = |account: &str| {
            let rows = feed.as_array().unwrap();
            rows.iter().find(|row| row["change"]["account"]["id"] == account).unwrap().clone()
        };
        let (theirs, ours) = (of(ACCOUNT), of(MINE));
        let link = root(TestRequest::post().uri("/link-token").set_json(json!({}))).await;
        Self {
            token,
            delivery,
            kept,
            position: theirs["position"].as_u64().unwrap(),
            change: theirs["change"]["id"].as_str().unwrap().to_owned(),
            mine: ours["position"].as_u64().unwrap(),
            link: link["link_token"].as_str().unwrap().to_owned(),
            foreign_token,
            bench,
        }
    }

    /// Each operation of the reference as somebody asks who looks for the other account: method, path as the
    /// reference has it, address, body, and the status that must come.
    fn cases(&self) -> Vec<(&'static str, &'static str, String, Value, u16)> {
        let Self { delivery, kept, position, change, link, foreign_token, .. } = self;
        let timeline = |query: &str| format!("/v1/signing-requests/{query}");
        let none = Value::Null;
        let mut cases = vec![
            ("GET", "/v1/changes", "/v1/changes".into(), none.clone(), 200),
            ("GET", "/v1/changes", "/v1/changes?order=desc&status=sent".into(), none.clone(), 200),
            ("GET", "/v1/changes", format!("/v1/changes?account={ACCOUNT}"), none.clone(), 403),
            ("GET", "/v1/changes", "/v1/changes?signing_request=env-foreign".into(), none.clone(), 200),
            ("GET", "/v1/changes", format!("/v1/changes?signing_request={SHARED}"), none.clone(), 200),
            ("GET", "/v1/changes/stream", format!("/v1/changes/stream?account={ACCOUNT}"), none.clone(), 403),
            ("GET", "/v1/changes/{position_or_id}", format!("/v1/changes/{position}"), none.clone(), 404),
            ("GET", "/v1/changes/{position_or_id}", format!("/v1/changes/{change}"), none.clone(), 404),
            (
                "POST",
                "/v1/changes/replay",
                "/v1/changes/replay".into(),
                json!({"positions": [position]}),
                200,
            ),
            ("GET", "/v1/deliveries", "/v1/deliveries".into(), none.clone(), 200),
            ("GET", "/v1/deliveries", format!("/v1/deliveries?account={ACCOUNT}"), none.clone(), 403),
            ("GET", "/v1/deliveries", "/v1/deliveries?outcome=quarantined".into(), none.clone(), 200),
            ("GET", "/v1/deliveries/{id}", format!("/v1/deliveries/{delivery}"), none.clone(), 404),
            ("GET", "/v1/deliveries/{id}", format!("/v1/deliveries/{delivery}?raw"), none.clone(), 404),
            ("GET", "/v1/deliveries/{id}", format!("/v1/deliveries/{kept}"), none.clone(), 404),
            ("POST", "/v1/replay", "/v1/replay".into(), json!({}), 403),
            (
                "GET",
                "/v1/signing-requests/{id}/timeline",
                timeline("env-foreign/timeline"),
                none.clone(),
                404,
            ),
            (
                "GET",
                "/v1/signing-requests/{id}/timeline",
                timeline(&format!("{SHARED}/timeline")),
                none.clone(),
                200,
            ),
            (
                "GET",
                "/v1/signing-requests/{id}/timeline",
                timeline(&format!("{SHARED}/timeline?account={ACCOUNT}")),
                none.clone(),
                403,
            ),
            ("GET", "/v1/quarantine", "/v1/quarantine".into(), none.clone(), 403),
            ("GET", "/v1/quarantine/{id}", format!("/v1/quarantine/{kept}"), none.clone(), 403),
            (
                "POST",
                "/v1/quarantine/{id}/release",
                format!("/v1/quarantine/{kept}/release"),
                none.clone(),
                403,
            ),
            ("POST", "/v1/quarantine/{id}/drop", format!("/v1/quarantine/{kept}/drop"), none.clone(), 403),
            ("POST", "/link-token/status", "/link-token/status".into(), json!({"link_token": link}), 404),
            ("POST", "/link-token", "/link-token".into(), json!({"account_id": ACCOUNT}), 403),
            (
                "POST",
                "/link-token",
                "/link-token".into(),
                json!({"integrated_account_id": FOREIGN_LINK}),
                404,
            ),
            ("GET", "/v1/tokens/self", "/v1/tokens/self".into(), none.clone(), 200),
            ("GET", "/v1/tokens", "/v1/tokens".into(), none.clone(), 200),
            ("DELETE", "/v1/tokens/{id}", format!("/v1/tokens/{foreign_token}"), none.clone(), 404),
            ("GET", "/v1/reconcile", "/v1/reconcile?limit=1".into(), none.clone(), 200),
            ("POST", "/v1/reconcile", "/v1/reconcile".into(), json!({"account": ACCOUNT}), 403),
            ("POST", "/v1/reconcile", "/v1/reconcile".into(), json!({}), 404),
            ("GET", "/v1/connect", "/v1/connect".into(), none.clone(), 200),
            ("GET", "/v1/connect", format!("/v1/connect?account={ACCOUNT}"), none.clone(), 403),
            ("POST", "/v1/connect/register", "/v1/connect/register".into(), json!({}), 200),
            ("POST", "/v1/connect/register", "/v1/connect/register".into(), json!({"account": ACCOUNT}), 403),
            ("GET", "/v1/accounts/{id}/budget", format!("/v1/accounts/{ACCOUNT}/budget"), none.clone(), 403),
        ];
        cases.extend(self.more_cases());
        cases
    }

    fn more_cases(&self) -> Vec<(&'static str, &'static str, String, Value, u16)> {
        let none = Value::Null;
        let grant = json!({"grant": "jwt", "user_id": MY_LINK, "account_id": ACCOUNT});
        let refresh = json!({"integrated_account_id": FOREIGN_LINK});
        let token = json!({"name": "x", "scope": "read", "accounts": [ACCOUNT]});
        let again = json!({"name": "x", "scope": "read", "accounts": [FOREIGN_LINK]});
        let linked = "/integrated-account/{id}";
        let mut cases = vec![
            ("POST", "/integrated-account", "/integrated-account".into(), grant, 403),
            ("GET", "/integrated-account", "/integrated-account".into(), none.clone(), 200),
            ("GET", linked, format!("/integrated-account/{FOREIGN_LINK}"), none.clone(), 404),
            ("DELETE", linked, format!("/integrated-account/{FOREIGN_LINK}"), none.clone(), 404),
            (
                "POST",
                "/integrated-account/refresh-credentials",
                "/integrated-account/refresh-credentials".into(),
                refresh,
                404,
            ),
            ("POST", "/v1/tokens", "/v1/tokens".into(), token, 403),
            ("POST", "/v1/tokens", "/v1/tokens".into(), again, 403),
        ];
        for path in ["/v1/audit", "/v1/audit/records", "/v1/totals", "/v1/books", "/metrics"] {
            cases.push(("GET", path, path.to_owned(), none.clone(), 403));
        }
        cases.push(("POST", "/v1/vault/rotate", "/v1/vault/rotate".into(), none.clone(), 403));
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let path = format!("/proxy/restapi/v2.1/accounts/{ACCOUNT}/envelopes/env-1");
            cases.push((method, "/proxy/{path}", path, none.clone(), 403));
            for named in [FOREIGN_LINK, ACCOUNT, "no-such-account"] {
                let path = format!("/proxy/envelopes/env-1?integrated_account_id={named}");
                cases.push((method, "/proxy/{path}", path, none.clone(), 403));
            }
        }
        cases.extend(unified());
        cases
    }
}

/// The unified APIs' methods, asked for an account that is another's.
fn unified() -> Vec<(&'static str, &'static str, String, Value, u16)> {
    let methods = CATALOG.iter().flat_map(|api| {
        let of =
            move |resource: &'static Resource| resource.methods.iter().map(move |one| (api, resource, one));
        api.resources.iter().copied().flat_map(of)
    });
    let case = |(api, resource, method): (&Api, &'static Resource, &'static Method)| {
        let path = method.path(api, resource);
        let required = method.parameters.iter().filter(|parameter| parameter.required);
        let query: String = required.map(|parameter| format!("&{}=1", parameter.name)).collect();
        let uri = format!("{}?integrated_account_id={ACCOUNT}{query}", path.replace("{id}", "1"));
        let body = if method.body == Takes::Nothing { Value::Null } else { json!({}) };
        (method.act.http(), &*path.leak(), uri, body, 403)
    };
    methods.map(case).collect()
}

#[actix_web::test]
async fn nothing_of_other_accounts_comes_out_of_any_path_of_the_reference() {
    let world = World::new().await;
    let openapi = world.bench.ask_as(ROOT, TestRequest::get().uri("/openapi.json")).await.json();
    let mut untried: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, methods) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // What is open to all, and what a signature opens, ask for no token.
            let security = operation["security"].as_array().or(openapi["security"].as_array()).unwrap();
            if security.len() == 1 && security[0].get("token").is_some() {
                untried.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    for (method, path, uri, body, status) in world.cases() {
        // The window of the rate is not what is tried here.
        world.bench.clock.advance(jiff::SignedDuration::from_secs(1));
        let request = TestRequest::default().method(method.parse().unwrap()).uri(&uri);
        let request = if body.is_null() { request } else { request.set_json(&body) };
        let answer = world.bench.ask_as(&world.token, request).await;
        let text = String::from_utf8_lossy(&answer.bytes);
        assert_eq!(answer.status, status, "{method} {uri} {body}: {text}");
        for foreign in FOREIGN {
            assert!(!text.contains(foreign), "{method} {uri} tells of {foreign}: {text}");
        }
        assert!(answer.header("x-request-id").is_some(), "{method} {uri}");
        untried.remove(&(method.to_owned(), path.to_owned()));
    }
    assert!(untried.is_empty(), "no case tries {untried:?}");
    // And nothing was done to the other account's.
    let root = async |path: &str| world.bench.ask_as(ROOT, TestRequest::get().uri(path)).await;
    assert_eq!(root(&format!("/integrated-account/{FOREIGN_LINK}")).await.status, 200);
    assert_eq!(root(&format!("/v1/quarantine/{}", world.kept)).await.status, 200);
    assert_eq!(root("/v1/connect").await.json()["result"][0]["configurations"], json!([]));
}

#[actix_web::test]
async fn what_is_of_its_own_accounts_a_token_sees_and_uses() {
    let world = World::new().await;
    let ask = async |request: TestRequest| world.bench.ask_as(&world.token, request).await;
    let get = async |path: &str| ask(TestRequest::get().uri(path)).await;
    let rows = async |path: &str| get(path).await.json()["result"].as_array().unwrap().len();
    assert_eq!(rows("/v1/changes").await, 3, "two signing requests, and the link of the account");
    assert_eq!(rows(&format!("/v1/changes?account={MINE}&status=sent")).await, 2);
    assert_eq!(rows("/v1/deliveries").await, 2);
    assert_eq!(rows(&format!("/v1/signing-requests/{SHARED}/timeline")).await, 1);
    assert_eq!(rows("/integrated-account").await, 1);
    assert_eq!(rows("/v1/reconcile?limit=1").await, 1, "the newest is the other account's");
    assert_eq!(get(&format!("/v1/changes/{}", world.mine)).await.status, 200);
    assert_eq!(get(&format!("/integrated-account/{MY_LINK}")).await.status, 200);
    assert_eq!(get("/v1/tokens/self").await.json()["accounts"], json!([MINE]), "by DocuSign's id");
    let link =
        ask(TestRequest::post().uri("/link-token").set_json(json!({"tenant_id": "acme"}))).await.json();
    let stands = json!({"link_token": link["link_token"]});
    let stands = ask(TestRequest::post().uri("/link-token/status").set_json(stands)).await;
    assert_eq!(stands.json()["state"], "open", "it is for the token's one account");
    let again = json!({"integrated_account_id": MY_LINK});
    assert_eq!(ask(TestRequest::post().uri("/link-token").set_json(again)).await.status, 200);
    // Its user has to link it anew: so far as that the call comes.
    let proxied = get(&format!("/proxy/restapi/v2.1/accounts/{MINE}/envelopes")).await;
    assert!(proxied.message().contains("link it anew"), "{}", proxied.message());
    let named = get(&format!("/proxy/envelopes?integrated_account_id={MY_LINK}")).await;
    assert_eq!(named.message(), proxied.message());
    assert_eq!(ask(TestRequest::delete().uri(&format!("/integrated-account/{MY_LINK}"))).await.status, 200);
}

#[actix_web::test]
async fn a_token_for_several_accounts_has_to_name_one_where_all_would_be_meant() {
    let world = World::new().await;
    let wanted = json!({"name": "two", "scope": "write", "accounts": [MINE, ACCOUNT]});
    let (_, two) = world.bench.token(ROOT, wanted).await;
    let post = async |path: &str, body: Value| {
        world.bench.ask_as(&two, TestRequest::post().uri(path).set_json(body)).await
    };
    for path in ["/link-token", "/v1/reconcile"] {
        let answer = post(path, json!({})).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.message().contains("must be named"), "{path}: {}", answer.message());
    }
    assert_eq!(post("/v1/reconcile", json!({"account": ACCOUNT})).await.status, 202);
    assert_eq!(post("/link-token", json!({"account_id": ACCOUNT})).await.status, 200);
}

/// The texts of a stream's pieces until one holds a word.
async fn until(body: &mut (impl actix_web::body::MessageBody + Unpin), word: &str) -> Option<String> {
    let mut text = String::new();
    while !text.contains(word) {
        let piece = poll_fn(|context| std::pin::Pin::new(&mut *body).poll_next(context));
        let piece = tokio::time::timeout(Duration::from_secs(20), piece).await.expect("something in time")?;
        text.push_str(std::str::from_utf8(&piece.ok().expect("a sound body")).unwrap());
    }
    Some(text)
}

#[actix_web::test]
async fn a_stream_tells_of_its_tokens_accounts_alone_and_ends_with_it() {
    let world = World::new().await;
    let request = TestRequest::get()
        .uri("/v1/changes/stream?after=0")
        .insert_header(("authorization", format!("Bearer {}", world.token)));
    let answer = world.bench.open("203.0.113.9:4000", request).await;
    let mut body = Box::pin(answer.into_body());
    let past = until(&mut body, MY_LINK).await.expect("what was");
    tell(&world.bench, ACCOUNT, "env-foreign-2").await;
    tell(&world.bench, MINE, "env-new").await;
    let coming = until(&mut body, "env-new").await.expect("what comes");
    for foreign in FOREIGN {
        assert!(!past.contains(foreign) && !coming.contains(foreign), "{foreign}: {past}{coming}");
    }
    let id = world.bench.ask_as(&world.token, TestRequest::get().uri("/v1/tokens/self")).await.json();
    let path = format!("/v1/tokens/{}", id["token"]["id"].as_str().unwrap());
    assert_eq!(world.bench.ask_as(ROOT, TestRequest::delete().uri(&path)).await.status, 200);
    tell(&world.bench, MINE, "env-last").await;
    assert_eq!(until(&mut body, "env-last").await, None, "it ends, and does not tell it");
}

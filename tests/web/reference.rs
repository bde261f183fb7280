//! `/openapi.json` against the paths as they are: nothing missing, nothing made up, every answer in its shape.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use countersign::base::{AccountId, AccountState, Clock as _, Grant};
use countersign::rest::Settings as RestSettings;
use countersign::store::{Credentials, IntegratedAccount};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::support::{ACCOUNT, Bench};

/// What may be closed to fields that no schema names.
#[derive(Clone, Copy, PartialEq)]
enum Tighten {
    /// This schema and all beneath it.
    Whole,
    /// Only what lies beneath: beside this one stand others that name further fields of the same object.
    Beneath,
    /// Nothing: it names a few fields of an object that another schema names whole.
    Nothing,
}

/// Makes schemas refuse fields that they do not name, so that none goes out unnamed.
pub(crate) fn strict(mut document: Value) -> Value {
    let originals = document["components"]["schemas"].clone();
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    schemas.values_mut().for_each(|schema| tighten(schema, Tighten::Whole, &originals));
    document
}

fn tighten(schema: &mut Value, how: Tighten, originals: &Value) {
    let Some(map) = schema.as_object_mut() else { return };
    let names_fields = map.contains_key("properties") || map.contains_key("allOf");
    for member in map.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(name) = member["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            *member = originals[name].clone();
            tighten(member, Tighten::Beneath, originals);
        } else {
            tighten(member, Tighten::Nothing, originals);
        }
    }
    for key in ["oneOf", "anyOf"] {
        let how = if names_fields { Tighten::Nothing } else { how };
        let members = map.get_mut(key).and_then(Value::as_array_mut);
        members.into_iter().flatten().for_each(|member| tighten(member, how, originals));
    }
    let beneath = if how == Tighten::Nothing { Tighten::Nothing } else { Tighten::Whole };
    let properties = map.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(|p| p.values_mut()).for_each(|p| tighten(p, beneath, originals));
    if let Some(items) = map.get_mut("items") {
        tighten(items, beneath, originals);
    }
    if how == Tighten::Whole && names_fields {
        map.insert("unevaluatedProperties".into(), json!(false));
    }
}

/// A validator for a schema of a document, whose references it can follow.
pub(crate) fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
        "allOf": [schema],
    });
    jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
}

fn operations(openapi: &Value) -> Vec<(String, String, Value)> {
    let paths = openapi["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap();
        methods.iter().map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    all.collect()
}

/// The schema of an answer: the exact status, else its class.
pub(crate) fn schema_of(operation: &Value, status: u16) -> Option<&Value> {
    let responses = &operation["responses"];
    let class = format!("{}XX", status / 100);
    [status.to_string(), class].iter().find_map(|key| {
        let contents = responses[key.as_str()]["content"].as_object()?;
        Some(&contents.get("application/json")?["schema"])
    })
}

/// An account that has to be linked again.
pub(crate) async fn linked(bench: &Bench) -> String {
    let (id, now) = ("0199f1f0-0000-7a4e-9c1d-2f6a7b8c9d0e", bench.clock.now());
    let account = IntegratedAccount {
        id: id.to_owned(),
        account: Some(AccountId::new("acc-1")),
        name: Some("Acme".to_owned()),
        tenant: "acme".to_owned(),
        user_id: None,
        base_uri: Some("https://eu.docusign.net".to_owned()),
        grant: Grant::Code,
        state: AccountState::NeedsReauth,
        reason: Some("invalid_grant".to_owned()),
        refreshed_at: None,
        version: 0,
        created_at: now,
        updated_at: now,
    };
    bench.store.put_account(account, Credentials::Drop).await.unwrap();
    id.to_owned()
}

#[actix_web::test]
async fn every_answer_is_as_the_reference_says() {
    let bench = Bench::with(
        None,
        &RestSettings {
            client_id: "integration".into(),
            redirect_url: Some("https://sign.example.com/oauth/callback".into()),
            ..RestSettings::default()
        },
    );
    let linked = linked(&bench).await;
    let link = bench.post("/link-token", Some(json!({}))).await.json()["link_token"].clone();
    let mut openapi = strict(bench.get("/openapi.json").await.json());
    // Over a simulated DocuSign: tests/web/unified.
    openapi["paths"].as_object_mut().unwrap().retain(|path, _| !path.starts_with("/unified/"));
    bench.tell("envelope-sent", "env-a").await;
    bench.tell("recipient-completed", "env-a").await;
    bench.tell("template-created", "env-a").await;
    let accepted = bench.tell("envelope-completed", "env-a").await;
    let (_, kept) = bench.receive(b"<x/>").await;
    let (_, dropped) = bench.receive(b"<y/>").await;
    let nobody = "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e";
    let message = bench.get("/v1/changes/1").await.json()["change"]["id"].as_str().unwrap().to_owned();
    let cases: Vec<(&str, &str, String, Option<Value>)> = vec![
        ("GET", "/v1/changes", "/v1/changes".into(), None),
        ("GET", "/v1/changes", "/v1/changes?limit=1&order=desc".into(), None),
        ("GET", "/v1/changes", "/v1/changes?limit=0".into(), None),
        ("GET", "/v1/changes", "/v1/changes?x=0".into(), None),
        ("GET", "/v1/changes/{position_or_id}", "/v1/changes/2".into(), None),
        ("GET", "/v1/changes/{position_or_id}", format!("/v1/changes/{message}"), None),
        ("GET", "/v1/changes/{position_or_id}", "/v1/changes/999".into(), None),
        ("GET", "/v1/changes/stream", "/v1/changes/stream?after=999".into(), None),
        ("POST", "/v1/changes/replay", "/v1/changes/replay".into(), Some(json!({"positions": [1]}))),
        ("POST", "/v1/changes/replay", "/v1/changes/replay".into(), Some(json!({"positions": []}))),
        ("POST", "/v1/changes/replay", "/v1/changes/replay".into(), None),
        ("POST", "/v1/replay", "/v1/replay".into(), Some(json!({"publish": "all"}))),
        ("POST", "/v1/replay", "/v1/replay".into(), Some(json!({"publish": "some"}))),
        ("GET", "/v1/deliveries", "/v1/deliveries".into(), None),
        ("GET", "/v1/deliveries", "/v1/deliveries?outcome=x".into(), None),
        ("GET", "/v1/deliveries/{id}", format!("/v1/deliveries/{accepted}"), None),
        ("GET", "/v1/deliveries/{id}", format!("/v1/deliveries/{nobody}"), None),
        ("GET", "/v1/signing-requests/{id}/timeline", "/v1/signing-requests/env-a/timeline".into(), None),
        ("GET", "/v1/signing-requests/{id}/timeline", "/v1/signing-requests/none/timeline".into(), None),
        ("GET", "/v1/quarantine", "/v1/quarantine".into(), None),
        ("GET", "/v1/quarantine/{id}", format!("/v1/quarantine/{kept}"), None),
        ("GET", "/v1/quarantine/{id}", format!("/v1/quarantine/{accepted}"), None),
        ("POST", "/v1/quarantine/{id}/release", format!("/v1/quarantine/{kept}/release"), None),
        ("POST", "/v1/quarantine/{id}/release", format!("/v1/quarantine/{nobody}/release"), None),
        ("POST", "/v1/quarantine/{id}/drop", format!("/v1/quarantine/{dropped}/drop"), None),
        ("POST", "/v1/quarantine/{id}/drop", format!("/v1/quarantine/{dropped}/drop"), None),
        ("POST", "/v1/reconcile", "/v1/reconcile".into(), Some(json!({"from": "2026-11-01T00:00:00Z"}))),
        ("POST", "/v1/reconcile", "/v1/reconcile".into(), Some(json!({"account": "other"}))),
        ("POST", "/v1/reconcile", "/v1/reconcile".into(), Some(json!({"fro": 1}))),
        ("GET", "/v1/reconcile", "/v1/reconcile".into(), None),
        ("GET", "/v1/reconcile", "/v1/reconcile?limit=0".into(), None),
        ("POST", "/v1/connect/register", "/v1/connect/register".into(), Some(json!({"url": "x"}))),
        ("POST", "/v1/connect/register", "/v1/connect/register".into(), Some(json!({}))),
        ("GET", "/v1/connect", "/v1/connect".into(), None),
        ("GET", "/v1/connect", "/v1/connect?account=other".into(), None),
        ("GET", "/v1/audit", "/v1/audit".into(), None),
        ("GET", "/v1/audit/records", "/v1/audit/records?limit=2".into(), None),
        ("GET", "/v1/audit/records", "/v1/audit/records?after=x".into(), None),
        ("GET", "/v1/totals", "/v1/totals".into(), None),
        ("GET", "/v1/books", "/v1/books".into(), None),
        ("GET", "/v1/books", "/v1/books?deep=true".into(), None),
        ("GET", "/proxy/{path}", "/proxy/restapi/v2.1/accounts/a-1/envelopes".into(), None),
        ("HEAD", "/proxy/{path}", "/proxy/oauth/userinfo".into(), None),
        ("POST", "/proxy/{path}", "/proxy/restapi/v2.1/accounts/a-1/../a-2".into(), None),
        ("PUT", "/proxy/{path}", "/proxy/".into(), None),
        ("PATCH", "/proxy/{path}", "/proxy/envelopes?integrated_account_id=a-1".into(), None),
        ("DELETE", "/proxy/{path}", "/proxy/restapi/v2.1/accounts/a-1/envelopes/x".into(), None),
        ("GET", "/v1/accounts/{id}/budget", "/v1/accounts/a-1/budget".into(), None),
        ("GET", "/v1/accounts/{id}/budget", format!("/v1/accounts/{ACCOUNT}/budget"), None),
        ("POST", "/v1/vault/rotate", "/v1/vault/rotate".into(), None),
        ("GET", "/v1/tokens/self", "/v1/tokens/self".into(), None),
        ("GET", "/v1/tokens", "/v1/tokens".into(), None),
        ("GET", "/v1/tokens", "/v1/tokens?after=x".into(), None),
        ("DELETE", "/v1/tokens/{id}", format!("/v1/tokens/{nobody}"), None),
        ("POST", "/v1/tokens", "/v1/tokens".into(), Some(json!({"name": "first", "scope": "read"}))),
        ("POST", "/v1/tokens", "/v1/tokens".into(), Some(json!({"name": "", "scope": "read"}))),
        ("POST", "/v1/tokens", "/v1/tokens".into(), Some(json!({"name": "x", "scope": "all"}))),
        ("POST", "/link-token", "/link-token".into(), Some(json!({"tenant_id": "acme"}))),
        ("POST", "/link-token", "/link-token".into(), Some(json!({"integrated_account_id": nobody}))),
        ("POST", "/link-token", "/link-token".into(), Some(json!({"expires_in": 1}))),
        ("POST", "/link-token/status", "/link-token/status".into(), Some(json!({"link_token": link}))),
        ("POST", "/link-token/status", "/link-token/status".into(), Some(json!({"link_token": "made-up"}))),
        (
            "POST",
            "/integrated-account",
            "/integrated-account".into(),
            Some(json!({"grant": "jwt", "user_id": nobody})),
        ),
        (
            "POST",
            "/integrated-account",
            "/integrated-account".into(),
            Some(json!({"grant": "x", "user_id": nobody})),
        ),
        ("GET", "/integrated-account", "/integrated-account".into(), None),
        ("GET", "/integrated-account", "/integrated-account?state=x".into(), None),
        ("GET", "/integrated-account/{id}", format!("/integrated-account/{linked}"), None),
        ("GET", "/integrated-account/{id}", format!("/integrated-account/{nobody}"), None),
        (
            "POST",
            "/integrated-account/refresh-credentials",
            "/integrated-account/refresh-credentials".into(),
            Some(json!({"integrated_account_id": linked})),
        ),
        (
            "POST",
            "/integrated-account/refresh-credentials",
            "/integrated-account/refresh-credentials".into(),
            Some(json!({"integrated_account_id": nobody})),
        ),
        ("DELETE", "/integrated-account/{id}", format!("/integrated-account/{linked}"), None),
        ("DELETE", "/integrated-account/{id}", format!("/integrated-account/{linked}"), None),
        ("GET", "/livez", "/livez".into(), None),
        ("GET", "/readyz", "/readyz?verbose".into(), None),
        ("GET", "/version", "/version".into(), None),
        ("POST", "/connect", "/connect".into(), None),
        ("POST", "/connect/{source}", "/connect/nobody".into(), None),
    ];
    let mut tried = std::collections::BTreeSet::new();
    for (method, path, uri, body) in cases {
        let request = TestRequest::default().method(method.parse().unwrap()).uri(&uri);
        let request = if let Some(body) = body { request.set_json(body) } else { request };
        let answer = bench.ask(request).await;
        let operation = &openapi["paths"][path][method.to_lowercase()];
        let schema = schema_of(operation, answer.status);
        let schema =
            schema.unwrap_or_else(|| panic!("{method} {uri}: {} is not in the reference", answer.status));
        let faults: Vec<_> = validator(&openapi, schema)
            .iter_errors(&answer.json())
            .map(|fault| format!("{}: {fault}", fault.instance_path))
            .collect();
        assert!(faults.is_empty(), "{method} {uri} {}: {faults:#?}\n{:#}", answer.status, answer.json());
        tried.insert((method.to_owned(), path.to_owned()));
    }
    let untried: Vec<_> = operations(&openapi)
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .filter(|operation| !tried.contains(operation) && operation.1 != "/metrics")
        .collect();
    assert!(untried.is_empty(), "no case tries {untried:?}");
}

#[actix_web::test]
async fn answers_about_tokens_are_as_the_reference_says() {
    let bench = Bench::with_token(Some("t0ken"));
    let openapi = strict(bench.get("/openapi.json").await.json());
    let (id, token) =
        bench.token("t0ken", json!({"name": "one", "scope": "write", "accounts": ["a-1"]})).await;
    let wanted = json!({"name": "two", "scope": "admin", "expires_in": 60});
    for (by, method, path, uri, body) in [
        ("t0ken", "POST", "/v1/tokens", "/v1/tokens".to_owned(), Some(wanted.clone())),
        (token.as_str(), "POST", "/v1/tokens", "/v1/tokens".to_owned(), Some(wanted)),
        ("t0ken", "GET", "/v1/tokens", "/v1/tokens".to_owned(), None),
        ("t0ken", "GET", "/v1/tokens/self", "/v1/tokens/self".to_owned(), None),
        (token.as_str(), "GET", "/v1/tokens/self", "/v1/tokens/self".to_owned(), None),
        ("t0ken", "DELETE", "/v1/tokens/{id}", format!("/v1/tokens/{id}"), None),
    ] {
        let request = TestRequest::default().method(method.parse().unwrap()).uri(&uri);
        let request = if let Some(body) = body { request.set_json(body) } else { request };
        let answer = bench.ask_as(by, request).await;
        let schema = schema_of(&openapi["paths"][path][method.to_lowercase()], answer.status);
        let schema = schema.unwrap_or_else(|| panic!("{method} {uri}: {} is not told", answer.status));
        let faults: Vec<_> = validator(&openapi, schema)
            .iter_errors(&answer.json())
            .map(|fault| format!("{}: {fault}", fault.instance_path))
            .collect();
        assert!(faults.is_empty(), "{method} {uri}: {faults:#?}\n{:#}", answer.json());
    }
}

#[actix_web::test]
async fn every_path_of_the_reference_is_there_and_guarded_as_it_says() {
    let bench = Bench::with_token(Some("t0ken"));
    let openapi = bench.get("/openapi.json").await.json();
    for (method, path, operation) in operations(&openapi) {
        let uri = path.replace("{id}", "x").replace("{position_or_id}", "1").replace("{source}", "default");
        let answer = bench.ask(TestRequest::default().method(method.parse().unwrap()).uri(&uri)).await;
        let security = operation["security"].as_array().or(openapi["security"].as_array()).unwrap();
        let open = security.iter().any(|one| one.as_object().unwrap().is_empty());
        let by_signature = security.iter().any(|one| one.get("signature").is_some());
        if open {
            assert_eq!(answer.status, 200, "{method} {path}");
        } else {
            assert_eq!(answer.status, 401, "{method} {path}");
            let word = if by_signature { "signed" } else { "token" };
            assert!(answer.message().contains(word), "{method} {path}: {}", answer.message());
        }
    }
}

#[actix_web::test]
async fn the_parameters_of_the_reference_are_the_ones_that_are_known() {
    let bench = Bench::new();
    let openapi = bench.get("/openapi.json").await.json();
    let id = "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e";
    for (method, path, operation) in operations(&openapi) {
        if !path.starts_with("/v1/") {
            continue;
        }
        let uri = path.replace("{id}", id).replace("{position_or_id}", "1");
        let body = if path == "/v1/changes/replay" { json!({"positions": [1]}) } else { json!({}) };
        let request =
            TestRequest::default().method(method.parse::<Method>().unwrap()).uri(&format!("{uri}?no_such=1"));
        let takes_json = operation["requestBody"].is_object();
        let answer = bench.ask(if takes_json { request.set_json(body) } else { request }).await;
        assert_eq!(answer.status, 400, "{method} {path} takes any parameter");
        let mut known: Vec<String> =
            serde_json::from_value(answer.json()["details"].clone()).unwrap_or_default();
        let mut told: Vec<String> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        known.sort();
        told.sort();
        assert_eq!(known, told, "{method} {path}");
    }
}

#[actix_web::test]
async fn every_operation_is_told_of_in_words_and_has_a_name_of_its_own() {
    let openapi = Bench::new().get("/openapi.json").await.json();
    assert_eq!(openapi["openapi"], "3.1.0");
    assert_eq!(openapi["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut names = std::collections::BTreeSet::new();
    for (method, path, operation) in operations(&openapi) {
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{method} {path}");
        let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(names.insert(name.clone()), "{method} {path}: {name} is taken");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
        }
    }
    assert!(openapi["components"]["securitySchemes"]["token"].is_object());
}

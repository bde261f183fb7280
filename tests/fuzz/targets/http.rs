//! Requests to the HTTP API: parameters, cursors, ids, `Last-Event-ID` and bodies, on a small store of its own.
//!
//! The text is a request: `METHOD target`, headers, an empty line, the body.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web::{Bytes, Data};
use countersign::base::clock::ManualClock;
use countersign::base::{DeliveryId, Dice, SourceName};
use countersign::connect::signature::{Keys, sign, verify};
use countersign::connect::{Body, Delivery, parse_bytes};
use countersign::evidence::PublicKey;
use countersign::link::{Linked, Tools};
use countersign::rest::{Authority, Client, Forwarder, Settings as RestSettings, http_client};
use countersign::store::{Arrival, Reading, Settings, Store};
use countersign::telemetry::Metrics;
use countersign::vault::Vault;
use countersign::web::{self, Api, BrokerView, KeysView, Parts, ReleaseError, Version};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::story;

const KEY: &str = "fuzz-key";
const NOW: &str = "2026-11-23T10:00:00Z";
/// Answers that a request may get that the store can serve. None of them is a fault of ours.
const STATUSES: [u16; 11] = [200, 400, 403, 404, 405, 409, 410, 413, 415, 422, 503];

struct Answer {
    status: u16,
    headers: HeaderMap,
    bytes: Bytes,
}

/// The faces over a store with some changes, and the runtime that they run in.
struct Bench {
    runtime: tokio::runtime::Runtime,
    api: Data<Api>,
    _folder: tempfile::TempDir,
}

thread_local! {
    static BENCH: Bench = Bench::new();
}

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let Some((method, target)) = lines.next().and_then(|line| line.split_once(' ')) else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), target.parse::<Uri>()) else {
        return;
    };
    // It would make the next request see another store.
    if uri.path().contains("/drop") {
        return;
    }
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).filter_map(header).collect();
    BENCH.with(|bench| {
        let answer = bench.ask(&method, target, &headers, body);
        sound(&method, &answer);
        if answer.status == 200 && method == Method::GET && uri.path() == "/v1/changes" {
            bench.pages(uri.query().unwrap_or_default(), &headers, &answer);
        }
    });
}

fn header((name, value): (&str, &str)) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
}

/// What every answer is held to.
fn sound(method: &Method, answer: &Answer) {
    assert!(STATUSES.contains(&answer.status), "{}: {:?}", answer.status, answer.bytes);
    assert!(answer.headers.get("x-request-id").is_some_and(|id| id.len() <= 64 && !id.is_empty()));
    assert_eq!(answer.headers.get("x-content-type-options").unwrap(), "nosniff");
    let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    if answer.status >= 400 && kind.is_some_and(|kind| kind.starts_with("text/html")) {
        // A page for a user: whatever was sent in stands in it as text.
        let page = String::from_utf8_lossy(&answer.bytes);
        assert!(page.starts_with("<!doctype html>") && !page.contains("<script"), "{page}");
        let policy = answer.headers.get("content-security-policy").unwrap();
        assert!(policy.to_str().unwrap().starts_with("default-src 'none'"));
    } else if answer.status >= 400 && *method != Method::HEAD {
        let problem: Value = serde_json::from_slice(&answer.bytes).unwrap();
        assert_eq!(problem["statusCode"], answer.status);
        let said = |field: &str| problem[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(said("error") && said("message"), "{problem}");
    }
}

/// Where accounts can be linked; nobody is asked there before a link's user is back.
fn linking() -> RestSettings {
    RestSettings {
        client_id: "integration".into(),
        redirect_url: Some("https://sign.example.com/oauth/callback".into()),
        ..RestSettings::default()
    }
}

/// A keyring without accounts, and a client for them.
fn nobody(store: &Store) -> (Linked, Client) {
    let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
    let http = http_client("fuzz", std::time::Duration::from_secs(1)).unwrap();
    let authority = Authority::new(http.clone(), &linking(), clock.clone()).unwrap();
    let dice = Dice::seeded(4);
    let vault = Arc::new(Vault::new(&SecretString::from("key"), None, dice.clone()));
    let (store, node) = (store.clone(), "node".to_owned());
    let linked = Linked::new(Tools { store, vault, authority, node, clock: clock.clone(), dice }, None);
    (linked.clone(), Client::over(Arc::new(linked), http, clock, Metrics::default()))
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Store::open(&Settings::sqlite(folder.path().join("countersign.sqlite"), true)).unwrap();
        runtime.block_on(fill(&store));
        let (linked, client) = nobody(&store);
        let api = Data::new(Api::new(Parts {
            store,
            metrics: Metrics::default(),
            clock: Arc::new(ManualClock::new(NOW.parse().unwrap())),
            dice: Dice::seeded(3),
            broker: Arc::new(BrokerView::default),
            keys: Arc::new(KeysView::default),
            release: Arc::new(|_| Box::pin(async { Err(ReleaseError::Unreadable("it is broken".into())) })),
            replay: Arc::new(|_| Box::pin(async { Ok(countersign::receive::replay::Page::default()) })),
            forwarder: Forwarder::new(client.clone(), "fuzz").unwrap(),
            linked,
            client,
            docusign: None,
            api_token: web::TokenInForce::default(),
            api_rate: 0,
            audit_key: PublicKey([7; 32]),
            version: Version { version: "0.0.0".into(), commit: None, started_at: NOW.parse().unwrap() },
            stopping: CancellationToken::new(),
        }));
        Self { runtime, api, _folder: folder }
    }

    fn ask(
        &self,
        method: &Method,
        target: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: &str,
    ) -> Answer {
        let here: SocketAddr = "127.0.0.1:50000".parse().unwrap();
        let request = TestRequest::with_uri(target).method(method.clone()).peer_addr(here);
        let request = headers.iter().fold(request, |request, header| request.append_header(header.clone()));
        let request = request.set_payload(body.to_owned()).to_request();
        self.runtime.block_on(async {
            let app = App::new().wrap(from_fn(web::stamp));
            let service =
                init_service(app.configure(|config| web::configure(config, self.api.clone()))).await;
            let answer = try_call_service(&service, request).await.expect("an answer");
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            // A stream has no end.
            let streams = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
            let bytes = if streams {
                Bytes::new()
            } else {
                to_bytes(answer.into_body()).await.ok().expect("a whole body")
            };
            Answer { status, headers, bytes }
        })
    }

    /// Following the cursors gives what one large page gives: nothing twice, nothing left out.
    fn pages(&self, query: &str, headers: &[(HeaderName, HeaderValue)], first: &Answer) {
        let changed = |name: &str, value: &str| {
            let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found != name);
            let pairs = pairs.chain(Some((name.into(), value.into())));
            format!(
                "/v1/changes?{}",
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
            )
        };
        let read = |answer: &Answer| {
            let page: Value = serde_json::from_slice(&answer.bytes).unwrap();
            let rows = page["result"].as_array().unwrap();
            let positions: Vec<_> = rows.iter().map(|row| row["position"].as_u64().unwrap()).collect();
            (positions, page["next_cursor"].as_str().map(str::to_owned))
        };
        let (whole, after_all) = read(&self.ask(&Method::GET, &changed("limit", "1000"), headers, ""));
        assert_eq!(after_all, None);
        assert!(whole.is_sorted_by(|a, b| a < b) || whole.is_sorted_by(|a, b| a > b), "{whole:?}");
        let (mut found, mut next) = read(first);
        while let Some(cursor) = next {
            let (more, after) = read(&self.ask(&Method::GET, &changed("after", &cursor), headers, ""));
            assert!(!more.is_empty(), "a cursor that leads to nothing");
            found.extend(more);
            next = after;
        }
        assert_eq!(found, whole, "{query}");
    }
}

/// Three accounts, five signing requests, and one delivery that cannot be read.
async fn fill(store: &Store) {
    let dice = Dice::seeded(1);
    for number in 0..30_u32 {
        let (account, envelope) = (number % 3, number % 5);
        let event =
            ["envelope-sent", "envelope-resent", "recipient-sent", "envelope-completed"][number as usize % 4];
        let body = format!(
            r#"{{"event":"{event}","generatedDateTime":"2026-11-23T09:00:{number:02}Z","data":{{"accountId":"a{account}","envelopeId":"e{envelope}","recipientId":"{number}"}}}}"#
        );
        let seen = story::seen(&parse_bytes(body.as_bytes(), None).unwrap());
        put(store, &dice, body.as_bytes(), Reading::Understood(Box::new(seen))).await;
    }
    put(store, &dice, b"{", Reading::Unreadable("json_truncated".into())).await;
}

async fn put(store: &Store, dice: &Dice, body: &[u8], reading: Reading) {
    let received_at = NOW.parse().unwrap();
    let delivery = Delivery {
        id: DeliveryId(dice.uuid_at(received_at)),
        source: SourceName::default(),
        received_at,
        headers: vec![("x-docusign-signature-1".into(), sign(KEY, body))],
        body: Body::Inline(body.to_vec().into()),
        traceparent: String::new(),
    };
    let delivery = verify(delivery, &Keys::new(&[SecretString::from(KEY)]).digests(body)).unwrap();
    store.append(Arrival { delivery, reading }).await.unwrap();
}

pub(crate) fn seeds(_: &Path) -> Vec<Vec<u8>> {
    let delivery = Dice::seeded(1).uuid_at(NOW.parse().unwrap());
    let mut seeds: Vec<Vec<u8>> = [
        "GET /v1/changes",
        "GET /v1/changes?limit=1",
        "GET /v1/changes?after=3&limit=7&order=desc",
        "GET /v1/changes?order=asc&status=completed&account=a1",
        "GET /v1/changes?signing_request=e2&limit=2&order=desc&after=20",
        "GET /v1/changes?limit=%31&status=",
        "GET /v1/changes/3",
        "GET /v1/changes/3b0f6d1c-64a5-8c7e-9d52-0e4d7c9b1a20",
        "GET /v1/changes/stream\nLast-Event-ID: 3",
        "GET /v1/changes/stream?after=2&account=a0\naccept: text/event-stream",
        "GET /v1/deliveries?limit=3&outcome=quarantined",
        "GET /v1/signing-requests/e1/timeline",
        "GET /v1/accounts/a1/budget",
        "GET /proxy/restapi/v2.1/accounts/a1/envelopes/e1?include=tabs",
        "DELETE /proxy/restapi/v2.1/accounts/a1/%2e%2e/a2",
        "PUT /proxy/envelopes/e1?integrated_account_id=a1&x=%26",
        "GET /v1/quarantine",
        "HEAD /v1/totals\nx-request-id: abc",
        "GET /v1/changes\nOrigin: https://evil.example\nHost: localhost",
        "GET /readyz?verbose",
        "POST /link-token\ncontent-type: application/json\n\n{\"tenant_id\":\"t\",\"redirect_uri\":\"https://a.example/?x\",\"expires_in\":60}",
        "POST /integrated-account\ncontent-type: application/json\n\n{\"grant\":\"jwt\",\"user_id\":\"0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44\"}",
        "GET /integrated-account?limit=1&state=active&after=0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44&tenant_id=t",
        "DELETE /integrated-account/0193590e",
        "GET /connect-account?link_token=%3Cscript%3E\ncookie: __Host-countersign-link=x",
        "POST /connect-account\ncontent-type: application/x-www-form-urlencoded\n\nlink_token=%22%3E",
        "POST /connect-account/choose\nsec-fetch-site: same-origin\n\nticket=x&account=%27",
        "GET /oauth/callback?code=x&state=%3Cscript%3E&error=access_denied",
        "OPTIONS /v1/deliveries",
        "POST /v1/changes/replay\ncontent-type: application/json\n\n{\"positions\":[1,2,18446744073709551615]}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    for path in [
        "deliveries/{}?raw=true",
        "deliveries/{}",
        "deliveries?before={}&account=a2&limit=1",
        "quarantine/{}",
    ] {
        seeds.push(format!("GET /v1/{}", path.replace("{}", &delivery.to_string())).into_bytes());
    }
    seeds
}

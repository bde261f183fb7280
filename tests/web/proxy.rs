//! Calls passed on to DocuSign: what goes on and what does not, either way, and what is answered where it cannot.

use std::sync::Arc;
use std::time::Duration;

use actix_web::test::TestRequest;
use countersign::base::Dice;
use countersign::base::clock::ManualClock;
use countersign::rest::{Client, Forwarder, Settings, Waits};
use countersign::simulator::docusign::{Docusign, Fault, FaultKind, Limits, Running, Settings as Traits};
use countersign::telemetry::Metric;
use secrecy::SecretString;
use serde_json::Value;

use super::reference::{schema_of, validator};
use super::support::{ACCOUNT, Answer, Bench, HERE};
use super::upstream::{Asked, Does, Upstream, writes};

/// Our caller's own token, which DocuSign must never see.
const CALLER: &str = "callers-own-token";
/// Ours at DocuSign, which our caller must never see.
const OURS: &str = "token-at-docusign";
/// For answers that never come; short, for it is waited for.
const SOON: Waits = Waits { head: Duration::from_millis(300), quiet: Duration::from_millis(300) };

fn below(rest: &str) -> String {
    format!("/proxy/restapi/v2.1/accounts/{ACCOUNT}{rest}")
}

fn as_caller(request: TestRequest) -> TestRequest {
    request.insert_header(("authorization", format!("Bearer {CALLER}")))
}

/// Faces whose calls go to `base_uri` with a token that is taken as it is.
fn bench(base_uri: &str, waits: Waits) -> Bench {
    let settings = Settings {
        base_uri: Some(base_uri.to_owned()),
        access_token: Some(SecretString::from(OURS)),
        ..Settings::default()
    };
    with(settings, waits)
}

fn with(settings: Settings, waits: Waits) -> Bench {
    Bench::calling(Some(CALLER), |clock, metrics| {
        let client = Client::new(settings, clock, Dice::seeded(5), metrics).unwrap();
        Some((client.clone(), Forwarder::waiting(client, "countersign-test", waits).unwrap()))
    })
}

/// The stand-in for DocuSign, and faces over it that get their tokens by the JWT grant.
fn simulated(traits: impl FnOnce(&mut Traits)) -> (Docusign, Running, Bench, String) {
    let mut settings = Traits::default();
    traits(&mut settings);
    // The same moment as on the faces' own clock.
    let clock = ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap());
    let docusign = Docusign::new(settings, Arc::new(clock), Dice::seeded(9));
    let running = docusign.start("127.0.0.1:0").unwrap();
    let key = include_str!("../../fixtures/docusign/test-key.pem");
    let settings = Settings {
        auth_url: running.url(),
        client_id: "integration-key".to_owned(),
        user_id: docusign.accounts()[0].sender.user_id.to_string(),
        private_key: Some(SecretString::from(key)),
        ..Settings::default()
    };
    let account = docusign.accounts()[0].id;
    (docusign, running, with(settings, Waits::default()), format!("/proxy/restapi/v2.1/accounts/{account}"))
}

async fn get(bench: &Bench, path: &str) -> Answer {
    bench.ask(as_caller(TestRequest::get().uri(path))).await
}

#[actix_web::test]
async fn a_call_goes_on_as_it_came_but_for_what_is_meant_for_us() {
    let upstream = Upstream::start(|_| writes("HTTP/1.1 204 No Content\r\n\r\n")).await;
    let bench = bench(&upstream.url, SOON);
    let body = "{\"emailSubject\":\"Żółć\",\r\n\"x\":\u{1}}";
    let request = TestRequest::put()
        .uri(&format!("{}?custom_field=A%26B=c+d&integrated_account_id={ACCOUNT}&x", below("/envelopes/a-1")))
        .insert_header(("accept", "application/pdf"))
        .insert_header(("content-type", "application/json; charset=utf-8"))
        .insert_header(("x-docusign-sdk", "Python"))
        .insert_header(("user-agent", "Swagger-Codegen"))
        .insert_header(("accept-encoding", "br"))
        .insert_header(("x-extra", "one"))
        .append_header(("x-extra", "two"))
        .insert_header(("cookie", "session=1"))
        .insert_header(("host", "countersign.example"))
        .insert_header(("connection", "close, x-of-this-hop"))
        .insert_header(("x-of-this-hop", "1"))
        .insert_header(("te", "trailers"))
        .insert_header(("proxy-authorization", "Basic x"))
        .insert_header(("x-forwarded-for", "203.0.113.9"))
        .insert_header(("x-docusign-authentication", "{\"Username\":\"other\"}"))
        .insert_header(("x-http-method-override", "DELETE"))
        .set_payload(body);
    assert_eq!(bench.ask(as_caller(request)).await.status, 204);
    let asked = upstream.asked().pop().unwrap();
    let path = format!("/restapi/v2.1/accounts/{ACCOUNT}/envelopes/a-1?custom_field=A%26B=c+d&x");
    assert_eq!(asked.line, format!("PUT {path} HTTP/1.1"));
    assert_eq!(asked.body, body.as_bytes());
    let host = upstream.url.strip_prefix("http://").unwrap().to_owned();
    let mut headers = asked.headers.clone();
    headers.sort();
    let length = body.len().to_string();
    let bearer = format!("Bearer {OURS}");
    let want = [
        ("accept", "application/pdf"),
        ("accept-encoding", "br"),
        ("authorization", &bearer),
        ("content-length", &length),
        ("content-type", "application/json; charset=utf-8"),
        ("host", &host),
        ("user-agent", "Swagger-Codegen"),
        ("x-docusign-sdk", "Python"),
        ("x-extra", "one"),
        ("x-extra", "two"),
    ];
    assert_eq!(headers, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[actix_web::test]
async fn an_answer_comes_back_as_it_is_but_for_what_speaks_of_docusigns_host() {
    let packed = [0x1f, 0x8b, 0, 255, 254, 13, 10];
    let upstream = Upstream::start(move |_| {
        let head = "HTTP/1.1 202 Whatever\r\nContent-Type: application/pdf\r\nContent-Encoding: gzip\r\n\
                    Content-Disposition: file; filename=\"NDA.pdf\"\r\nX-DocuSign-TraceToken: t-1\r\n\
                    X-RateLimit-Remaining: 99\r\nX-Twice: 1\r\nX-Twice: 2\r\nSet-Cookie: a=b\r\n\
                    Strict-Transport-Security: max-age=1\r\nContent-Security-Policy: default-src *\r\n\
                    Keep-Alive: timeout=5\r\nConnection: x-hop, close\r\nX-Hop: 1\r\nContent-Length: 7\r\n\r\n";
        Does::Writes([head.as_bytes(), &packed].concat())
    })
    .await;
    let bench = bench(&upstream.url, SOON);
    let answer = get(&bench, &below("/envelopes/a-1/documents/combined")).await;
    assert_eq!((answer.status, &answer.bytes[..]), (202, &packed[..]), "packed bytes stay packed");
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-encoding", "gzip"),
        ("content-disposition", "file; filename=\"NDA.pdf\""),
        ("x-docusign-tracetoken", "t-1"),
        ("x-ratelimit-remaining", "99"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.headers.get_all("x-twice").count(), 2);
    for name in ["set-cookie", "strict-transport-security", "keep-alive", "x-hop", "connection"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    // A page of DocuSign's would else run in the place of ours.
    assert_eq!(answer.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
}

#[actix_web::test]
async fn what_docusign_refuses_comes_back_in_its_own_words_and_redirects_are_the_callers() {
    for (status, body) in [
        ("302 Found\r\nLocation: https://evil.example/", ""),
        ("400 Bad Request", r#"{"errorCode":"INVALID_REQUEST_PARAMETER","message":"The request …"}"#),
        ("403 Forbidden", "<html>"),
        ("500 Internal Server Error", r#"{"errorCode":"UNSPECIFIED_ERROR"}"#),
        ("503 Service Unavailable\r\nRetry-After: 7", ""),
    ] {
        let upstream = Upstream::start(move |_| {
            writes(&format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        })
        .await;
        let bench = bench(&upstream.url, SOON);
        let answer = get(&bench, &below("/envelopes/x")).await;
        assert_eq!(answer.status.to_string(), status[..3], "{status}");
        assert_eq!(answer.bytes, body.as_bytes(), "{status}");
        assert_eq!(upstream.asked().len(), 1, "{status}: asked once, and nobody else");
        assert_eq!(answer.header("location").is_some(), status.starts_with("302"));
    }
}

#[actix_web::test]
async fn a_docusign_that_fails_is_told_as_what_it_is() {
    let silent = Upstream::start(|_| Does::Stalls(Vec::new())).await;
    let faces = bench(&silent.url, SOON);
    let answer = get(&faces, &below("/envelopes/x")).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (504, Some("Gateway Timeout")));
    silent.left(1).await;
    for upstream in [
        Upstream::start(|_| writes("")).await,
        Upstream::start(|_| writes("no HTTP at all\r\n\r\n")).await,
        Upstream::start(|_| writes("HTTP/1.1 200 OK\r\nContent-")).await,
    ] {
        let faces = bench(&upstream.url, SOON);
        let answer = get(&faces, &below("/envelopes/x")).await;
        assert_eq!((answer.status, answer.json()["statusCode"].as_u64()), (502, Some(502)));
        assert!(answer.message().contains("not known"), "{}", answer.message());
    }
    let nobody = bench("http://127.0.0.1:9", SOON);
    assert_eq!(get(&nobody, &below("/envelopes/x")).await.status, 502);
    assert_eq!(nobody.receiver.metrics.counted(Metric::Forwards, "broken"), 1);
}

#[actix_web::test]
async fn an_answer_that_ends_early_or_stalls_is_not_taken_for_whole() {
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    let refused = "HTTP/1.1 400 Bad Request\r\nContent-Length: 10\r\n\r\nhalf";
    let stalls = Does::Stalls(begun.as_bytes().to_vec());
    for does in [writes(begun), writes(chunked), writes(refused), stalls] {
        let upstream = Upstream::start(move |_| does.clone()).await;
        let bench = bench(&upstream.url, SOON);
        let answer = bench.open(HERE, as_caller(TestRequest::get().uri(&below("/envelopes/x")))).await;
        assert!(actix_web::body::to_bytes(answer.into_body()).await.is_err());
    }
}

#[actix_web::test]
async fn a_large_body_goes_on_in_pieces_and_too_large_a_one_not_at_all() {
    let upstream = Upstream::start(|_| writes("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")).await;
    let bench = bench(&upstream.url, Waits { head: Duration::from_secs(20), ..SOON });
    let body = "x".repeat(700_000);
    let request = TestRequest::post().uri(&below("/envelopes")).set_payload(body.clone());
    assert_eq!(bench.ask(as_caller(request)).await.status, 201);
    let asked = upstream.asked();
    assert!(asked[0].body == body.as_bytes());
    assert_eq!(asked[0].header("content-length"), Some("700000"), "a length that is told is told on");
    let large =
        TestRequest::post().uri(&below("/envelopes")).insert_header(("content-length", "99999999999"));
    assert_eq!(bench.ask(as_caller(large)).await.status, 413);
    assert_eq!(upstream.asked().len(), 1);
}

#[actix_web::test]
async fn whoever_may_not_come_in_reaches_nobody() {
    let upstream = Upstream::start(|_| writes("HTTP/1.1 200 OK\r\n\r\n")).await;
    let bench = bench(&upstream.url, SOON);
    for request in [
        TestRequest::get().uri(&below("/envelopes")),
        TestRequest::get().uri(&below("/envelopes")).insert_header(("authorization", "Bearer wrong")),
    ] {
        assert_eq!(bench.ask(request).await.status, 401);
    }
    for (path, status) in [
        (below("/../other/users"), 400),
        (below("/%2e%2e/other/users"), 400),
        (below("//evil.example/x"), 400),
        (below("/a%2f..%2fb"), 400),
        ("/proxy/".to_owned(), 404),
        ("/proxy/oauth/token".to_owned(), 404),
        ("/proxy/restapi/v2.1/login_information".to_owned(), 404),
        ("/proxy/http://evil.example/restapi/v2.1/accounts/1".to_owned(), 404),
        ("/%70roxy/restapi/v2.1/accounts/1".to_owned(), 404),
        (format!("{}?integrated_account_id=other-1", below("/users")), 403),
        ("/proxy/users?integrated_account_id=../x".to_owned(), 404),
    ] {
        let answer = get(&bench, &path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["statusCode"], status, "{path}");
    }
    for method in ["OPTIONS", "TRACE", "CONNECT", "BREW"] {
        let request = TestRequest::default().method(method.parse().unwrap()).uri(&below("/envelopes"));
        assert_eq!(bench.ask(as_caller(request)).await.status, 405, "{method}");
    }
    assert!(upstream.asked().is_empty());
    // An address of the caller's own choice names the path and nothing else.
    let absolute = TestRequest::get().uri(&format!("http://evil.example{}", below("/users")));
    assert_eq!(bench.ask(as_caller(absolute)).await.status, 200);
    assert_eq!(upstream.asked().len(), 1);
}

#[actix_web::test]
async fn an_account_that_is_not_ours_is_unknown_and_one_that_keeps_us_out_is_closed() {
    let (docusign, running, bench, account) = simulated(|_| {});
    let foreign = "/proxy/restapi/v2.1/accounts/00000000-0000-4000-8000-000000000009/envelopes";
    assert_eq!(get(&bench, foreign).await.status, 404);
    assert_eq!(docusign.calls("GET /envelopes"), 0);
    assert_eq!(get(&bench, &format!("{account}/templates")).await.status, 200);
    let id = account.rsplit('/').next().unwrap();
    let short = get(&bench, &format!("/proxy/templates?integrated_account_id={id}")).await;
    assert_eq!(short.status, 200, "{:?}", short.bytes);
    docusign.set_consent(false);
    docusign.revoke_tokens();
    let answer = get(&bench, &format!("{account}/templates")).await;
    assert_eq!(answer.status, 401, "DocuSign's own, for no other token is to be had: {:?}", answer.bytes);
    let answer = get(&bench, &format!("{account}/templates")).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (403, Some("Forbidden")));
    running.stop().await;
}

#[actix_web::test]
async fn a_refused_token_is_replaced_once_where_the_body_is_still_at_hand() {
    let (docusign, running, bench, account) = simulated(|_| {});
    let templates = format!("{account}/templates");
    assert_eq!(get(&bench, &templates).await.status, 200);
    docusign.revoke_tokens();
    assert_eq!(get(&bench, &templates).await.status, 200, "with another token");
    assert_eq!((docusign.calls("GET /templates"), docusign.calls("POST /oauth/token")), (3, 2));
    docusign.revoke_tokens();
    let large = || {
        let body =
            serde_json::json!({"emailSubject": "Large", "emailBlurb": "x".repeat(300_000)}).to_string();
        TestRequest::post()
            .uri(&format!("{account}/envelopes"))
            .insert_header(("content-length", body.len()))
            .set_payload(body)
    };
    let refused = bench.ask(as_caller(large())).await;
    assert_eq!(
        (refused.status, refused.json()["errorCode"].as_str()),
        (401, Some("AUTHORIZATION_INVALID_TOKEN"))
    );
    assert_eq!(docusign.calls("POST /envelopes"), 1, "a body that has gone is not made up");
    assert_eq!(bench.ask(as_caller(large())).await.status, 201, "the next call has another token");
    docusign.add_fault(Fault::always(FaultKind::Unauthorized).of("GET /templates"));
    assert_eq!(get(&bench, &templates).await.status, 401, "and not for ever");
    running.stop().await;
}

#[actix_web::test]
async fn calls_without_budget_are_held_back_and_told_when_there_is_one() {
    let (docusign, running, bench, account) =
        simulated(|traits| traits.limits = Limits { hourly: 3, ..Limits::default() });
    let templates = format!("{account}/templates");
    for _ in 0..3 {
        assert_eq!(get(&bench, &templates).await.status, 200);
    }
    let held = get(&bench, &templates).await;
    assert_eq!((held.status, held.json()["statusCode"].as_u64()), (429, Some(429)));
    assert_eq!(held.header("ratelimit-limit"), Some("3"));
    assert_eq!(held.header("ratelimit-remaining"), Some("0"));
    let wait: u64 = held.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3_601).contains(&wait), "{wait}");
    assert_eq!(held.header("ratelimit-reset"), held.header("retry-after"));
    assert_eq!(docusign.calls("GET /templates"), 3, "DocuSign was not asked");
    running.stop().await;
}

#[actix_web::test]
async fn docusigns_own_refusal_for_too_many_goes_on_and_closes_the_account() {
    for old in [false, true] {
        let (docusign, running, bench, account) =
            simulated(|traits| traits.limits = Limits { answered_400: old, ..Limits::default() });
        docusign.add_fault(Fault::next(1, FaultKind::ThrottleBurst).of("GET /templates"));
        let templates = format!("{account}/templates");
        let refused = get(&bench, &templates).await;
        assert_eq!(refused.status, if old { 400 } else { 429 });
        assert_eq!(refused.json()["errorCode"], "BURST_APIINVOCATION_LIMIT_EXCEEDED", "its own words");
        assert_eq!(get(&bench, &templates).await.json()["statusCode"], 429, "ours");
        assert_eq!(docusign.calls("GET /templates"), 1);
        running.stop().await;
    }
}

#[actix_web::test]
async fn whoever_leaves_ends_the_call_that_was_made_for_them() {
    let upstream = Upstream::start(|asked: &Asked| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
        Does::Stalls(if asked.line.contains("/begun") { head.into() } else { Vec::new() })
    })
    .await;
    let bench = bench(&upstream.url, Waits { head: Duration::from_secs(60), quiet: Duration::from_secs(60) });
    let answer = bench.open(HERE, as_caller(TestRequest::get().uri(&below("/begun")))).await;
    drop(answer);
    upstream.left(1).await;
    let path = below("/silent");
    let asking = get(&bench, &path);
    let seen = async {
        while upstream.asked().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = asking => panic!("{answer:?}"),
        () = seen => {}
    }
    upstream.left(2).await;
}

#[actix_web::test]
async fn neither_token_is_told_to_the_other_side() {
    let upstream = Upstream::start(|asked: &Asked| {
        let seen = format!("{asked:?}");
        writes(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{seen}", seen.len()))
    })
    .await;
    let bench = bench(&upstream.url, SOON);
    let answer = get(&bench, &below("/users")).await;
    let echoed = String::from_utf8_lossy(&answer.bytes).into_owned();
    assert!(!echoed.contains(CALLER), "{echoed}");
    assert!(!format!("{:?}", answer.headers).contains(OURS));
    let refused: Value = get(&bench, "/proxy/nowhere").await.json();
    assert!(!refused.to_string().contains(OURS));
}

#[actix_web::test]
async fn the_budget_tells_what_is_left_of_an_accounts_calls() {
    let (_docusign, running, bench, account) =
        simulated(|traits| traits.limits = Limits { hourly: 10, burst: 7, answered_400: false });
    let id = account.rsplit('/').next().unwrap().to_owned();
    let budget = async || {
        let answer = get(&bench, &format!("/v1/accounts/{id}/budget")).await;
        assert_eq!(answer.status, 200, "{:?}", answer.bytes);
        answer.json()
    };
    let fresh = budget().await;
    assert_eq!((&fresh["account_id"], &fresh["limit"]), (&Value::from(id.as_str()), &Value::Null));
    for _ in 0..3 {
        assert_eq!(get(&bench, &format!("{account}/templates")).await.status, 200);
    }
    let told = budget().await;
    assert_eq!(
        (&told["limit"], &told["remaining"], &told["burst_remaining"]),
        (&10.into(), &7.into(), &4.into())
    );
    assert_eq!((&told["reset_at"], &told["held_until"]), (&"2026-11-23T11:00:00Z".into(), &Value::Null));
    assert_eq!((&told["under_way"], &told["waiting"]), (&0.into(), &0.into()));
    for _ in 0..4 {
        assert_eq!(get(&bench, &format!("{account}/templates")).await.status, 200);
    }
    let told = budget().await;
    assert_eq!(told["held_until"], "2026-11-23T10:00:30Z", "the half minute's calls are used up");
    let foreign = get(&bench, "/v1/accounts/00000000-0000-4000-8000-000000000009/budget").await;
    assert_eq!(foreign.status, 404);
    running.stop().await;
}

#[actix_web::test]
async fn what_docusign_itself_refuses_is_as_the_reference_tells() {
    let (_docusign, running, bench, account) = simulated(|_| ());
    let refused = get(&bench, &format!("{account}/nothing")).await;
    assert_eq!((refused.status, &refused.json()["errorCode"]), (404, &"INVALID_REQUEST".into()));
    let openapi = bench.ask(as_caller(TestRequest::get().uri("/openapi.json"))).await.json();
    let schema = schema_of(&openapi["paths"]["/proxy/{path}"]["get"], 404).expect("a schema");
    assert!(validator(&openapi, schema).is_valid(&refused.json()), "{schema}: {}", refused.json());
    running.stop().await;
}

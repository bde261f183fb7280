//! Who is let in, and what every answer carries.

use actix_web::test::TestRequest;

use super::support::{Bench, HERE};

const ELSEWHERE: &str = "203.0.113.9:40000";
const TOKEN: &str = "s3cret-token";

/// Paths that show data, one of each kind.
const GUARDED: [&str; 11] = [
    "/v1/changes",
    "/v1/changes/1",
    "/v1/changes/stream",
    "/v1/deliveries",
    "/v1/deliveries/0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e",
    "/v1/signing-requests/x/timeline",
    "/v1/quarantine",
    "/v1/totals",
    "/v1/books",
    "/integrated-account",
    "/metrics",
];

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

#[actix_web::test]
async fn without_a_token_configured_only_this_machine_is_answered() {
    let bench = Bench::new();
    for path in GUARDED {
        let there = bench.ask_from(ELSEWHERE, get(path)).await;
        assert_eq!(there.status, 403, "{path}");
        assert!(there.message().contains("COUNTERSIGN_API_TOKEN"), "{path}: {}", there.message());
        assert_eq!(there.json()["statusCode"], 403);
        if path != "/v1/changes/stream" {
            let here = bench.get(path).await.status;
            assert!(here == 200 || here == 404, "{path}: {here}");
        }
    }
    for path in ["/v1/changes/replay", "/v1/quarantine/0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e/drop"] {
        assert_eq!(bench.ask_from(ELSEWHERE, TestRequest::post().uri(path)).await.status, 403, "{path}");
    }
    assert_eq!(bench.ask_from(ELSEWHERE, get("/")).await.status, 403, "nor the page");
}

#[actix_web::test]
async fn without_a_token_configured_a_forwarded_request_is_refused_with_the_reason() {
    let bench = Bench::new();
    let request = get("/v1/changes").insert_header(("X-Forwarded-For", "127.0.0.1"));
    let answer = bench.ask_from(HERE, request).await;
    assert_eq!(answer.status, 403);
    assert!(answer.message().contains("proxy"), "{}", answer.message());
}

#[actix_web::test]
async fn a_page_of_another_site_cannot_drop_a_quarantine() {
    let bench = Bench::new();
    let id = bench.receive(b"<not a message>").await.1;
    let path = format!("/v1/quarantine/{id}/drop");
    let foreign = TestRequest::post()
        .uri(&path)
        .insert_header(("host", "localhost:8080"))
        .insert_header(("origin", "https://evil.example"));
    assert_eq!(bench.ask(foreign).await.status, 403);
    assert_eq!(bench.get(&format!("/v1/quarantine/{id}")).await.status, 200, "it is still there");
}

#[actix_web::test]
async fn with_a_token_configured_everyone_needs_it_and_anyone_may_bring_it() {
    let bench = Bench::with_token(Some(TOKEN));
    for path in GUARDED {
        for peer in [HERE, ELSEWHERE] {
            let without = bench.ask_from(peer, get(path)).await;
            assert_eq!(without.status, 401, "{path} from {peer}");
            assert!(without.header("www-authenticate").is_some_and(|c| c.starts_with("Bearer")), "{path}");
            let wrong =
                bench.ask_from(peer, get(path).insert_header(("authorization", "Bearer wrong"))).await;
            assert_eq!(wrong.status, 401, "{path} from {peer}");
            assert!(!String::from_utf8_lossy(&wrong.bytes).contains(TOKEN));
        }
    }
    let bearer = ("authorization", format!("Bearer {TOKEN}"));
    let request =
        get("/v1/changes").insert_header(bearer.clone()).insert_header(("x-forwarded-for", "10.0.0.1"));
    assert_eq!(bench.ask_from(ELSEWHERE, request).await.status, 200);
    assert_eq!(bench.ask_from(ELSEWHERE, get("/")).await.status, 200, "the page itself asks for the token");
}

#[actix_web::test]
async fn a_token_in_the_address_is_no_token() {
    let bench = Bench::with_token(Some(TOKEN));
    let answer = bench.get(&format!("/v1/changes?token={TOKEN}")).await;
    assert_eq!(answer.status, 401);
}

#[actix_web::test]
async fn health_version_and_references_are_open_to_all() {
    let bench = Bench::with_token(Some(TOKEN));
    for path in
        ["/livez", "/readyz", "/version", "/openapi.json", "/asyncapi.yaml", "/docs", "/assets/style.css"]
    {
        assert_eq!(bench.ask_from(ELSEWHERE, get(path)).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn what_is_at_no_path_and_what_a_path_does_not_take_are_told_in_the_one_shape() {
    let bench = Bench::new();
    for path in ["/nothing", "/v1", "/v1/", "/v1/changes/1/2", "/assets/../Cargo.toml", "/v2/changes"] {
        let answer = bench.get(path).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (404, Some("Not Found")), "{path}");
    }
    let cases = [
        ("/v1/changes", "GET, HEAD"),
        ("/v1/changes/replay", "POST"),
        ("/v1/quarantine/x/release", "POST"),
        ("/livez", "GET, HEAD"),
        ("/connect", "POST"),
        ("/connect/partner", "POST"),
    ];
    for (path, allowed) in cases {
        let answer = bench.ask(TestRequest::delete().uri(path)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{path}");
        assert_eq!(answer.json()["statusCode"], 405, "{path}");
    }
    assert_eq!(bench.post("/v1/changes", None).await.status, 405);
}

#[actix_web::test]
async fn hostile_paths_and_queries_are_answered_in_the_one_shape() {
    let bench = Bench::new();
    for path in [
        "/v1/changes/%ff",
        "/v1/deliveries/%ff%fe",
        "/v1/signing-requests/%c3%28/timeline",
        "/v1/signing-requests/%2e%2e%2f/timeline",
        "/v1/signing-requests/'%20OR%201=1--/timeline",
        "/v1/changes?after=%ff",
        "/v1/changes?%00=1",
        "/v1/changes?status=%e2%80%ae",
        "/v1/changes?=&&&=",
        "/v1/deliveries?before=%00",
        "/v1/quarantine/%F0%9F%92%A9",
    ] {
        let answer = bench.get(path).await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert_eq!(answer.json()["statusCode"], answer.status, "{path}");
    }
    let long = format!("/v1/changes?account={}", "x".repeat(20_000));
    assert_eq!(bench.get(&long).await.status, 400);
}

#[actix_web::test]
async fn every_answer_has_a_request_id_and_takes_over_a_plain_one() {
    let bench = Bench::new();
    let id = |answer: &super::support::Answer| answer.header("x-request-id").unwrap_or_default().to_owned();
    let (one, two) = (bench.get("/v1/changes").await, bench.get("/nothing").await);
    assert!(id(&one).len() == 36 && id(&two).len() == 36 && id(&one) != id(&two), "{one:?} {two:?}");
    let given = bench.ask(get("/livez").insert_header(("x-request-id", "trace-42_a"))).await;
    assert_eq!(id(&given), "trace-42_a");
    for hostile in ["a b", "\"><script>", &"x".repeat(65), ""] {
        let answer = bench.ask(get("/livez").insert_header(("x-request-id", hostile))).await;
        assert_eq!(id(&answer).len(), 36, "{hostile:?} was taken over");
    }
}

#[actix_web::test]
async fn data_is_kept_by_no_cache_and_taken_for_no_page() {
    let bench = Bench::new();
    for path in ["/v1/changes", "/v1/totals", "/nothing", "/metrics"] {
        let answer = bench.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

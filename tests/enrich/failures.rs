//! What is put off and for how long, what is given up, and that it is said when it is.

use countersign::base::limits;
use countersign::rest::{Error, Raw, Refused};
use countersign::store::Enrichment;
use countersign::telemetry::Metric;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::hands::{World, claim, now};
use super::stand_in::{ACCOUNT, ENVELOPE};

fn refused(status: u16, code: &str) -> Refused {
    let message = format!("words about {code}");
    let (code, trace_token) = (code.to_owned(), Some("7c2b".to_owned()));
    Refused { status: Some(status), code, message, trace_token, raw: Raw::default() }
}

fn passing() -> Vec<Error> {
    vec![
        Error::Upstream(refused(503, "HTTP_503")),
        Error::Connection("timed out".to_owned()),
        Error::Malformed("not JSON".to_owned()),
    ]
}

fn to_be_mended() -> Vec<Error> {
    vec![
        Error::Unauthorized(refused(401, "AUTHORIZATION_INVALID_TOKEN")),
        Error::ConsentRequired { url: "https://account-d.docusign.com/oauth/auth".to_owned() },
        Error::Settings("docusign.private_key cannot sign".to_owned()),
    ]
}

fn lasting() -> Vec<Error> {
    vec![
        Error::Forbidden(refused(403, "USER_LACKS_PERMISSIONS")),
        Error::NotFound(refused(404, "ENVELOPE_DOES_NOT_EXIST")),
        Error::Refused(refused(400, "INVALID_REQUEST_PARAMETER")),
        Error::TooLarge { limit: 1 },
    ]
}

/// One turn with a claim that has failed so often, and the answer.
async fn turn(attempts: u32, error: Error) -> World {
    let world = World::new();
    world.docusign.answers(Err(error));
    world.store.claim(now(), Enrichment { attempts, ..claim() });
    world.enricher.step().await.unwrap();
    world
}

fn after(wait: std::time::Duration) -> Timestamp {
    now().checked_add(wait).unwrap()
}

#[tokio::test]
async fn a_failure_that_may_pass_is_put_off_for_longer_each_time_with_jitter() {
    let (first, longest) = limits::ENRICH_BACKOFF;
    for error in passing() {
        for attempts in 0..limits::ENRICH_ATTEMPTS_MAX - 1 {
            let world = turn(attempts, error.clone()).await;
            assert!(world.store.told().completed.is_empty());
            let deferred = world.last_deferred();
            assert_eq!(deferred.attempts, attempts + 1);
            let most = first.saturating_mul(2_u32.saturating_pow(attempts)).min(longest);
            assert!(deferred.until >= now() && deferred.until <= after(most), "{attempts}: {deferred:?}");
        }
    }
    // Not all at the same time: several failures of one enricher draw different waits.
    let world = World::new();
    for _ in 0..4 {
        world.docusign.answers(Err(passing().remove(0)));
        world.store.claim(now(), Enrichment { attempts: 5, ..claim() });
    }
    world.enricher.step().await.unwrap();
    let mut waits: Vec<_> = world.store.told().deferred.iter().map(|deferred| deferred.until).collect();
    waits.sort();
    waits.dedup();
    assert_eq!(waits.len(), 4);
}

#[tokio::test]
async fn where_an_operator_must_mend_it_the_wait_is_long_and_it_is_tried_again() {
    let (first, longest) = limits::ENRICH_MEND_BACKOFF;
    for error in to_be_mended() {
        for attempts in [0, 3, limits::ENRICH_ATTEMPTS_MAX - 2] {
            let world = turn(attempts, error.clone()).await;
            let deferred = world.last_deferred();
            assert_eq!(deferred.attempts, attempts + 1);
            assert!(
                deferred.until >= after(first) && deferred.until <= after(first + longest),
                "{deferred:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_to_its_reset_and_costs_no_attempt() {
    let until = now().checked_add(SignedDuration::from_mins(40)).unwrap();
    for attempts in [0, limits::ENRICH_ATTEMPTS_MAX - 1, limits::ENRICH_ATTEMPTS_MAX + 5] {
        let code = "HOURLY_APIINVOCATION_LIMIT_EXCEEDED".to_owned();
        let world =
            turn(attempts, Error::Throttled { until, code, trace_token: None, raw: Raw::default() }).await;
        assert!(world.store.told().completed.is_empty());
        let deferred = world.last_deferred();
        assert_eq!(deferred.attempts, attempts);
        let latest = until.checked_add(limits::ENRICH_RESET_SPREAD).unwrap();
        assert!(deferred.until >= until && deferred.until <= latest, "{deferred:?}");
        world.clock.advance(SignedDuration::from_mins(39));
        assert_eq!(world.enricher.step().await.unwrap(), 0, "never before it resets");
        world.clock.advance(SignedDuration::from_secs(66));
        assert_eq!(world.enricher.step().await.unwrap(), 1);
        assert_eq!(world.completed().body["error"], Value::Null);
    }
}

#[tokio::test]
async fn a_refusal_that_lasts_is_published_at_once() {
    for error in lasting() {
        let (code, message) = (error.code(), error.message());
        let (status, trace_token) = (error.status(), error.trace_token().map(str::to_owned));
        let world = turn(2, error).await;
        assert!(world.store.told().deferred.is_empty());
        let completed = world.completed();
        assert_eq!(completed.routing_key, format!("enriched.delivered.{ACCOUNT}"));
        let body = &completed.body;
        let want = json!({
            "code": code, "message": message, "status": status, "trace_token": trace_token, "attempts": 3,
        });
        assert_eq!(body["error"], want);
        let known = json!({"id": ENVELOPE, "status": {"id": "delivered", "name": "Viewed"}});
        assert_eq!(body["signing_request"], known);
        assert_eq!(
            (&body["fetched_at"], &body["received_at"]),
            (&Value::Null, &json!("2026-11-23T10:20:00Z"))
        );
        assert_eq!(body["covers"].as_array().unwrap().len(), 2);
        assert_eq!(world.metrics.counted(Metric::Changes, "enriched"), 1);
    }
}

#[tokio::test]
async fn a_failure_that_does_not_pass_is_published_after_the_last_attempt() {
    for error in passing().into_iter().chain(to_be_mended()) {
        let code = error.code();
        let world = World::new();
        for _ in 0..limits::ENRICH_ATTEMPTS_MAX {
            world.docusign.answers(Err(error.clone()));
        }
        world.store.claim(now(), claim());
        for _ in 0..limits::ENRICH_ATTEMPTS_MAX {
            assert!(world.store.told().completed.is_empty());
            assert_eq!(world.enricher.step().await.unwrap(), 1);
            world.clock.advance(SignedDuration::from_hours(3));
        }
        let body = world.completed().body;
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["attempts"], limits::ENRICH_ATTEMPTS_MAX);
        assert_eq!(world.enricher.step().await.unwrap(), 0, "and then there is an end to it");
    }
}

#[tokio::test]
async fn a_failure_of_an_unknown_signing_request_still_has_a_key_and_a_body() {
    let world = World::new();
    world.docusign.answers(Err(lasting().remove(1)));
    world.store.claim(now(), Enrichment { status: None, ..claim() });
    world.enricher.step().await.unwrap();
    let completed = world.completed();
    assert_eq!(completed.routing_key, format!("enriched.unknown.{ACCOUNT}"));
    assert_eq!(completed.body["signing_request"], json!({"id": ENVELOPE, "status": null}));
}

#[tokio::test]
async fn the_reason_kept_with_a_claim_repeats_nothing_that_docusign_says_in_words() {
    for error in passing().into_iter().chain(to_be_mended()) {
        let world = turn(0, error).await;
        assert!(!world.last_deferred().why.contains("words about"), "{:?}", world.last_deferred());
    }
}

#[tokio::test]
async fn what_the_store_cannot_write_is_said_and_due_again() {
    let world = World::new();
    world.store.told().faults = 1;
    world.store.claim(now(), claim());
    assert!(world.enricher.step().await.is_err());
    assert_eq!(world.metrics.counted(Metric::StoreErrors, ""), 1);
    assert_eq!(world.metrics.counted(Metric::Changes, "enriched"), 0);
    assert_eq!(world.enricher.step().await.unwrap(), 1);
    world.completed();
}

//! Calls: where they go, what comes back, and when none is made.

use countersign::base::{AccountId, Dice};
use countersign::rest::{Again, Call, Error, Include, Patience, Settings};
use countersign::signing::map_rest;
use countersign::telemetry::Metric;
use jiff::{SignedDuration, Timestamp};

use super::stand_in::{ACCOUNT, Answer, ENVELOPE, NOW, Place, StandIn, envelope};

fn throttled_until(result: Result<countersign::rest::Fetched, Error>) -> String {
    match result {
        Err(Error::Throttled { until, .. }) => until.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_call_brings_the_envelope_with_all_that_belongs_to_it() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    let answer = Answer::new(200, &format!("\n  {}", envelope("sent")))
        .with("X-RateLimit-Limit", "3000")
        .with("X-RateLimit-Remaining", "2999")
        .with("X-RateLimit-Reset", "1795431600")
        .with("X-BurstLimit-Remaining", "499")
        .with("X-DocuSign-TraceToken", "7c2b");
    stand_in.next_call(answer);
    let fetched = place.envelope().await.unwrap();
    let base = format!("{}/restapi/v2.1/accounts/{ACCOUNT}", stand_in.url);
    assert_eq!(fetched.base, base);
    assert_eq!(
        stand_in.asked("/restapi")[0].path,
        format!(
            "/restapi/v2.1/accounts/{ACCOUNT}/envelopes/{ENVELOPE}\
             ?include=recipients%2Cdocuments%2Ccustom_fields%2Ctabs%2Cfolders"
        )
    );
    assert_eq!(map_rest::signing_request(fetched.json.get(), &fetched.base).unwrap().id, ENVELOPE);
    assert_eq!((fetched.rate.limit, fetched.rate.remaining), (Some(3000), Some(2999)));
    assert_eq!(fetched.rate.reset_at.unwrap().to_string(), "2026-11-23T11:00:00Z");
    assert_eq!(fetched.rate.burst_remaining, Some(499));
    assert_eq!(fetched.trace_token.as_deref(), Some("7c2b"));
    assert_eq!(place.metrics.counted(Metric::Fetches, "ok"), 1);
    let metrics = place.metrics.render();
    assert!(
        metrics.contains(&format!("countersign_rate_remaining{{account=\"{ACCOUNT}\"}} 2999")),
        "{metrics}"
    );
    assert!(metrics.contains("countersign_fetch_seconds_count 1"), "{metrics}");
}

#[tokio::test]
async fn the_users_accounts_are_asked_for_once() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    for _ in 0..3 {
        place.envelope().await.unwrap();
    }
    assert_eq!(stand_in.asked("/oauth/userinfo").len(), 1);
    assert_eq!(place.client.accounts().await.unwrap(), [AccountId::new(ACCOUNT)]);
    assert_eq!(stand_in.asked("/oauth/userinfo").len(), 2, "a check asks afresh");
}

#[tokio::test]
async fn without_the_list_of_accounts_the_error_is_its_own_and_those_who_wait_share_it() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    for (status, body, want) in [
        (503, "", "upstream"),
        (200, "[]", "malformed"),
        (200, "{\"accounts\":{}}", "unauthorized"),
        (403, "", "forbidden"),
    ] {
        let before = stand_in.asked("/oauth/userinfo").len();
        stand_in.next_userinfo(Answer::new(status, body));
        let results = futures_util::future::join_all((0..4).map(|_| place.envelope())).await;
        for result in results {
            assert_eq!(result.unwrap_err().word(), want, "{status} {body}");
        }
        assert_eq!(stand_in.asked("/oauth/userinfo").len(), before + 1);
        place.clock.advance(SignedDuration::from_mins(6));
    }
    place.envelope().await.unwrap();
}

#[tokio::test]
async fn an_account_of_somebody_else_is_not_asked_for() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    let error = place.client.envelope(&AccountId::new("somebody-else"), ENVELOPE, &[]).await.unwrap_err();
    assert_eq!((error.word(), error.code().as_str()), ("unauthorized", "ACCOUNT_NOT_GRANTED"));
    assert!(stand_in.asked("/restapi").is_empty());
}

#[tokio::test]
async fn a_configured_base_is_used_for_every_account_without_asking() {
    let stand_in = StandIn::start().await;
    let place = Place::new(Settings { base_uri: Some(format!("{}/", stand_in.url)), ..stand_in.settings() });
    place.client.envelope(&AccountId::new("any-account"), ENVELOPE, &[Include::Tabs]).await.unwrap();
    assert!(stand_in.asked("/oauth/userinfo").is_empty());
    let path = &stand_in.asked("/restapi")[0].path;
    assert_eq!(*path, format!("/restapi/v2.1/accounts/any-account/envelopes/{ENVELOPE}?include=tabs"));
    place.client.envelope(&AccountId::unknown(), ENVELOPE, &[]).await.unwrap();
    let path = &stand_in.asked("/restapi")[1].path;
    assert_eq!(
        *path,
        format!("/restapi/v2.1/accounts/{ACCOUNT}/envelopes/{ENVELOPE}"),
        "the user's own account"
    );
}

#[tokio::test]
async fn what_is_no_id_of_docusigns_never_becomes_part_of_an_address() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    for id in ["", ".", "..", "../../users", "a/b", "a?b", "a%2fb", "a b", "\u{e9}"] {
        let error = place.client.envelope(&AccountId::new(ACCOUNT), id, &[]).await.unwrap_err();
        assert_eq!(error.code(), "ENVELOPE_ID_INVALID", "{id}");
        let error = place.client.envelope(&AccountId::new(id), ENVELOPE, &[]).await.unwrap_err();
        assert_eq!((error.code().as_str(), error.again()), ("ACCOUNT_ID_INVALID", Again::Never), "{id}");
    }
    assert!(stand_in.asked("/").is_empty());
}

#[tokio::test]
async fn no_call_is_made_while_the_hourly_limit_holds_under_either_status() {
    for status in [400, 429] {
        let stand_in = StandIn::start().await;
        let place = Place::new(stand_in.settings());
        let body = r#"{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED","message":"…3000."}"#;
        let reset = "2026-11-23T10:45:00Z";
        let epoch = reset.parse::<Timestamp>().unwrap().as_second().to_string();
        stand_in.next_call(Answer::new(status, body).with("X-RateLimit-Reset", &epoch));
        assert_eq!(throttled_until(place.envelope().await), reset);
        place.clock.advance(SignedDuration::from_mins(24));
        assert_eq!(throttled_until(place.envelope().await), reset);
        assert_eq!(stand_in.asked("/restapi").len(), 1);
        place.clock.advance(SignedDuration::from_mins(1));
        place.envelope().await.unwrap();
        assert_eq!(place.metrics.counted(Metric::Fetches, "throttled"), 1);
    }
}

#[tokio::test]
async fn a_limit_of_one_envelope_holds_back_no_other() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.next_call(Answer::new(429, r#"{"errorCode":"Burst_Envelope_Polling_Limit_Exceeded"}"#));
    assert_eq!(throttled_until(place.envelope().await), "2026-11-23T10:20:30Z");
    place.client.envelope(&AccountId::new(ACCOUNT), "another", &[]).await.unwrap();
}

#[tokio::test]
async fn no_call_is_made_once_none_is_left() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.next_call(Answer::new(200, &envelope("sent")).with("X-RateLimit-Remaining", "0"));
    place.envelope().await.unwrap();
    assert_eq!(throttled_until(place.envelope().await), "2026-11-23T11:00:00Z");
    assert_eq!(stand_in.asked("/restapi").len(), 1);
}

#[tokio::test]
async fn refusals_keep_their_code_their_trace_token_and_their_words() {
    for (status, code, want) in [
        (400, "ENVELOPE_DOES_NOT_EXIST", "not_found"),
        (404, "ENVELOPE_DOES_NOT_EXIST", "not_found"),
        (400, "INVALID_REQUEST_PARAMETER", "refused"),
        (403, "USER_LACKS_PERMISSIONS", "forbidden"),
    ] {
        let stand_in = StandIn::start().await;
        let place = Place::new(stand_in.settings());
        let body = format!(r#"{{"errorCode":"{code}","message":"ada.first@example.com may not"}}"#);
        stand_in.next_call(Answer::new(status, &body).with("X-DocuSign-TraceToken", "7c2b"));
        let error = place.envelope().await.unwrap_err();
        assert_eq!(
            (error.word(), error.again(), error.status()),
            (want, Again::Never, Some(status)),
            "{code}"
        );
        assert_eq!((error.code().as_str(), error.trace_token()), (code, Some("7c2b")));
        assert_eq!(error.message(), "ada.first@example.com may not");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains('@') && shown.contains("7c2b"), "{shown}");
        assert_eq!(place.metrics.counted(Metric::Fetches, want), 1);
    }
}

#[tokio::test]
async fn an_unwell_docusign_is_asked_again_later() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    for status in [500, 502, 503, 504, 408] {
        stand_in.next_call(Answer::new(status, "<html>").with("X-DocuSign-TraceToken", "7c2b"));
        let error = place.envelope().await.unwrap_err();
        assert_eq!((error.word(), error.again()), ("upstream", Again::Later), "{status}");
        assert_eq!((error.status(), error.trace_token()), (Some(status), Some("7c2b")));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_so_the_token_stays_with_us() {
    let (stand_in, elsewhere) = (StandIn::start().await, StandIn::start().await);
    let place = Place::new(stand_in.settings());
    for status in [301, 302, 307, 308] {
        stand_in.next_call(Answer::new(status, "").with("Location", &format!("{}/restapi", elsewhere.url)));
        assert!(matches!(place.envelope().await, Err(Error::Upstream(_))), "{status}");
    }
    assert!(elsewhere.asked("/").is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_json_object_is_malformed_and_not_repeated_in_the_error() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    for body in ["", "secret", "[{\"secret\":1}]", "\"secret\"", "{\"secret\":", "{} secret", "null"] {
        stand_in.next_call(Answer::new(200, body));
        let error = place.envelope().await.unwrap_err();
        assert_eq!((error.word(), error.again()), ("malformed", Again::Later), "{body}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

#[test]
fn the_tests_clock_stands_where_they_say() {
    assert_eq!(NOW.parse::<Timestamp>().unwrap().as_second(), 1_795_429_200);
}

#[tokio::test]
async fn a_caller_who_waits_gets_the_answer_that_comes_after_failures() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    let (patience, account) = (patience(20), AccountId::new(ACCOUNT));
    for status in [503, 500] {
        stand_in.next_call(Answer::new(status, "{}"));
    }
    let got = place.client.patiently(&patience, &account, &Call::get(&["users"])).await.unwrap();
    assert!(!got.body.is_empty());
    assert_eq!(stand_in.asked("/restapi").len(), 3);
    // What may have been carried out is not asked for again.
    stand_in.next_call(Answer::new(503, "{}"));
    let post = Call::sending(reqwest::Method::POST, &["users"], &serde_json::json!({}));
    let failed = place.client.patiently(&patience, &account, &post).await.unwrap_err();
    assert_eq!((failed.word(), stand_in.asked("/restapi").len()), ("upstream", 4));
}

#[tokio::test]
async fn nobody_waits_for_a_limit_that_resets_after_they_have_left() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.next_call(Answer::new(429, r#"{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED"}"#));
    let began = std::time::Instant::now();
    let account = AccountId::new(ACCOUNT);
    let held = place.client.patiently(&patience(5), &account, &Call::get(&["users"])).await.unwrap_err();
    assert!(matches!(held.again(), Again::At(_)), "{held}");
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "at once");
    assert_eq!(stand_in.asked("/restapi").len(), 1);
}

fn patience(seconds: u64) -> Patience {
    Patience { within: std::time::Duration::from_secs(seconds), dice: Dice::seeded(6) }
}

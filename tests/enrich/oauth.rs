//! The token: how it is asked for, shared, renewed, dropped, and what is said when there is none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::rest::{Again, Error, Settings};
use jiff::SignedDuration;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::stand_in::{Answer, Place, StandIn};

const PKCS1: &str = include_str!("../../fixtures/docusign/test-key-pkcs1.pem");
const PKCS8: &str = include_str!("../../fixtures/docusign/test-key.pem");
const PUBLIC: &[u8] = include_bytes!("../../fixtures/docusign/test-key-public.der");

fn form(body: &str, field: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(body.as_bytes());
    pairs.find(|(name, _)| name == field).unwrap().1.into_owned()
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

async fn assertion(stand_in: &StandIn, settings: Settings) -> String {
    Place::new(settings).envelope().await.unwrap();
    let asked = stand_in.asked("/oauth/token").pop().unwrap();
    assert_eq!(form(&asked.body, "grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(asked.authorization, None);
    form(&asked.body, "assertion")
}

#[tokio::test]
async fn the_assertion_says_who_asks_for_whom_and_is_signed_by_our_key() {
    let stand_in = StandIn::start().await;
    let one_line = PKCS8.replace('\n', "\\n");
    for pem in [PKCS8, PKCS1, &one_line] {
        let settings = Settings { private_key: Some(SecretString::from(pem)), ..stand_in.settings() };
        let assertion = assertion(&stand_in, settings).await;
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC);
        key.verify(signed.as_bytes(), &signature).unwrap();
        assert!(key.verify(b"something else", &signature).is_err());
        let (header, claims) = signed.split_once('.').unwrap();
        assert_eq!(part(header), json!({"alg": "RS256", "typ": "JWT"}));
        let now = 1_795_429_200;
        assert_eq!(
            part(claims),
            json!({
                "iss": "integration-key", "sub": "user-guid", "aud": stand_in.url.strip_prefix("http://").unwrap(),
                "iat": now, "exp": now + 3600, "scope": "signature impersonation",
            })
        );
    }
}

#[tokio::test]
async fn however_many_ask_at_once_one_token_is_made() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.gate(false);
    let calls = futures_util::future::join_all((0..8).map(|_| place.envelope()));
    let opened = async {
        while stand_in.asked("/oauth/token").is_empty() {
            tokio::task::yield_now().await;
        }
        stand_in.gate(true);
    };
    let (results, ()) = tokio::join!(calls, opened);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(stand_in.asked("/oauth/token").len(), 1);
    assert!(stand_in.asked("/restapi").iter().all(|a| a.authorization.as_deref() == Some("Bearer token-1")));
}

#[tokio::test]
async fn those_who_wait_for_one_request_share_its_failure() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.gate(false);
    stand_in.next_token(Answer::new(503, ""));
    let calls = futures_util::future::join_all((0..8).map(|_| place.envelope()));
    let opened = async {
        while stand_in.asked("/oauth/token").is_empty() {
            tokio::task::yield_now().await;
        }
        stand_in.gate(true);
    };
    let (results, ()) = tokio::join!(calls, opened);
    for result in results {
        assert!(matches!(result, Err(Error::Upstream(_))), "{result:?}");
    }
    assert_eq!(stand_in.asked("/oauth/token").len(), 1);
    assert!(place.envelope().await.is_ok(), "a failure that may pass is not remembered");
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_not_before() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    for (step, tokens) in [(0, 1), (49, 1), (4, 2), (1, 2)] {
        place.clock.advance(SignedDuration::from_mins(step));
        place.envelope().await.unwrap();
        assert_eq!(stand_in.asked("/oauth/token").len(), tokens, "after {step} minutes more");
    }
}

#[tokio::test]
async fn a_renewal_that_fails_does_no_harm_while_the_token_is_good() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    place.envelope().await.unwrap();
    for _ in 0..2 {
        stand_in.next_token(Answer::new(503, "down"));
    }
    place.clock.advance(SignedDuration::from_mins(55));
    place.envelope().await.unwrap();
    place.envelope().await.unwrap();
    assert_eq!(stand_in.asked("/oauth/token").len(), 2, "and it is not asked for with every call");
    place.clock.advance(SignedDuration::from_mins(6));
    assert!(matches!(place.envelope().await, Err(Error::Upstream(_))));
    place.envelope().await.unwrap();
    assert_eq!(stand_in.asked("/restapi").last().unwrap().authorization.as_deref(), Some("Bearer token-2"));
}

#[tokio::test]
async fn a_refused_token_is_dropped_and_the_call_made_once_more() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.next_call(Answer::new(401, r#"{"errorCode":"AUTHORIZATION_INVALID_TOKEN","message":"dead"}"#));
    place.envelope().await.unwrap();
    let bearers: Vec<_> = stand_in.asked("/restapi").into_iter().map(|a| a.authorization.unwrap()).collect();
    assert_eq!(bearers, ["Bearer token-1", "Bearer token-2"]);
    assert_eq!(place.metrics.counted(countersign::telemetry::Metric::Fetches, "ok"), 1);
}

#[tokio::test]
async fn many_calls_refused_for_one_token_renew_it_once() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    place.envelope().await.unwrap();
    for _ in 0..4 {
        stand_in.next_call(Answer::new(401, "{}"));
    }
    stand_in.gate(false);
    let calls = futures_util::future::join_all((0..4).map(|_| place.envelope()));
    let opened = async {
        while stand_in.asked("/restapi").len() < 5 {
            tokio::task::yield_now().await;
        }
        stand_in.gate(true);
    };
    let (results, ()) = tokio::join!(calls, opened);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(stand_in.asked("/oauth/token").len(), 2);
}

#[tokio::test]
async fn a_call_refused_with_a_fresh_token_too_is_unauthorized() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    for _ in 0..2 {
        stand_in.next_call(Answer::new(401, r#"{"errorCode":"USER_AUTHENTICATION_FAILED","message":"no"}"#));
    }
    let error = place.envelope().await.unwrap_err();
    assert_eq!((error.word(), error.code().as_str()), ("unauthorized", "USER_AUTHENTICATION_FAILED"));
    assert_eq!((error.again(), error.status()), (Again::Mended, Some(401)));
    assert_eq!(stand_in.asked("/restapi").len(), 2);
}

#[tokio::test]
async fn a_token_made_elsewhere_is_used_as_it_is_and_never_asked_for() {
    let stand_in = StandIn::start().await;
    let access_token = Some(SecretString::from("made-elsewhere"));
    let place = Place::new(Settings { access_token, private_key: None, ..stand_in.settings() });
    place.envelope().await.unwrap();
    stand_in.next_call(Answer::new(401, "{}"));
    assert!(matches!(place.envelope().await, Err(Error::Unauthorized(_))));
    assert!(stand_in.asked("/oauth/token").is_empty());
    for asked in stand_in.asked("/restapi") {
        assert_eq!(asked.authorization.as_deref(), Some("Bearer made-elsewhere"));
    }
}

#[tokio::test]
async fn missing_consent_shows_where_to_give_it() {
    let stand_in = StandIn::start().await;
    stand_in.next_token(Answer::new(400, r#"{"error":"consent_required"}"#));
    let redirect_url = Some("https://us.example/oauth/callback".to_owned());
    let place = Place::new(Settings { redirect_url, ..stand_in.settings() });
    let error = place.envelope().await.unwrap_err();
    let url = match &error {
        Error::ConsentRequired { url } => url::Url::parse(url).unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(error.to_string().contains(url.as_str()));
    assert!(url.as_str().starts_with(&format!("{}/oauth/auth?", stand_in.url)));
    let query = url.query().unwrap();
    assert_eq!(form(query, "scope"), "signature impersonation");
    assert_eq!(form(query, "client_id"), "integration-key");
    assert_eq!(form(query, "redirect_uri"), "https://us.example/oauth/callback");
    assert_eq!(error.again(), Again::Mended);
}

#[tokio::test]
async fn a_refusal_of_the_grant_is_remembered_for_a_minute_and_names_no_secret() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.next_token(Answer::new(400, r#"{"error":"invalid_grant","error_description":"no_valid_keys"}"#));
    for _ in 0..3 {
        let error = place.envelope().await.unwrap_err();
        assert_eq!((error.word(), error.code().as_str()), ("unauthorized", "invalid_grant"));
        assert_eq!(error.message(), "no_valid_keys");
    }
    assert_eq!(stand_in.asked("/oauth/token").len(), 1);
    place.clock.advance(SignedDuration::from_secs(61));
    place.envelope().await.unwrap();
}

#[tokio::test]
async fn an_answer_without_a_token_is_malformed() {
    let stand_in = StandIn::start().await;
    for body in
        ["", "{}", "[]", "<html>", r#"{"access_token":""}"#, r#"{"access_token":7}"#, r#"["access_token"]"#]
    {
        stand_in.next_token(Answer::new(200, body));
        let error = Place::new(stand_in.settings()).envelope().await.unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{body}: {error:?}");
    }
    assert!(stand_in.asked("/restapi").is_empty());
}

#[tokio::test]
async fn a_token_that_ends_at_once_is_not_asked_for_without_end() {
    let stand_in = StandIn::start().await;
    let place = Place::new(stand_in.settings());
    stand_in.next_token(Answer::new(200, r#"{"access_token":"brief","expires_in":"0"}"#));
    place.envelope().await.unwrap();
    place.envelope().await.unwrap();
    assert_eq!(stand_in.asked("/oauth/token").len(), 1);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name_and_repeat_no_key() {
    let metrics = countersign::telemetry::Metrics::default();
    let good = || Settings {
        client_id: "i".into(),
        user_id: "u".into(),
        private_key: Some(SecretString::from(PKCS8)),
        ..Settings::default()
    };
    let cut = PKCS8.replace("MIIEv", "MIIFv");
    let cases = [
        (Settings { auth_url: "account-d.docusign.com".into(), ..good() }, "docusign.auth_url"),
        (Settings { base_uri: Some("demo".into()), ..good() }, "docusign.base_uri"),
        (Settings { client_id: " ".into(), ..good() }, "docusign.client_id"),
        (Settings { user_id: String::new(), ..good() }, "docusign.user_id"),
        (Settings { private_key: None, ..good() }, "docusign.private_key"),
        (
            Settings { private_key: Some(SecretString::from("no PEM at all")), ..good() },
            "docusign.private_key",
        ),
        (Settings { private_key: Some(SecretString::from(cut)), ..good() }, "docusign.private_key"),
    ];
    for (settings, names) in cases {
        let clock = std::sync::Arc::new(countersign::base::SystemClock);
        let made = countersign::rest::Client::new(
            settings,
            clock,
            countersign::base::Dice::seeded(1),
            metrics.clone(),
        );
        let error = made.unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
        assert!(!error.contains("MII") && !error.contains("no PEM"), "{error}");
    }
    assert!(!format!("{:?}", good()).contains("MII"));
}

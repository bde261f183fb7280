//! The stand-in's OAuth, asked by the product's own client and by hand.

use std::sync::Arc;

use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, Dice};
use countersign::rest::{Client, Error, Include, Settings as RestSettings};
use countersign::simulator::docusign::{Docusign, PublicKey, Running, Settings, User};
use countersign::simulator::life::Kind;
use countersign::telemetry::Metrics;
use jiff::SignedDuration;
use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::lives::{setting, steps};

pub(crate) const NOW: &str = "2026-11-23T10:20:00Z";

pub(crate) struct StandIn {
    pub(crate) docusign: Docusign,
    pub(crate) running: Running,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) http: reqwest::Client,
}

impl StandIn {
    /// A stand-in with the account of the lives in these tests.
    pub(crate) fn start(settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let settings = Settings { accounts: vec![setting().account], ..settings };
        let docusign = Docusign::new(settings, Arc::clone(&clock) as Arc<_>, Dice::seeded(3));
        let running = docusign.start("127.0.0.1:0").unwrap();
        countersign::rest::install_tls();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { docusign, running, clock, http }
    }

    pub(crate) fn clock_now(&self) -> jiff::Timestamp {
        countersign::base::Clock::now(self.clock.as_ref())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }

    /// The URL of something of the account.
    pub(crate) fn rest(&self, path: &str) -> String {
        self.url(&format!("/restapi/v2.1/accounts/{}{path}", setting().account.id))
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(self.rest(path)).bearer_auth(self.docusign.issue_token().expose_secret())
    }

    /// An access token in the name of a user who consented.
    pub(crate) async fn token_of(&self, user: &User) -> String {
        let asked = [
            ("response_type", "code"),
            ("scope", "signature"),
            ("client_id", "integration"),
            ("redirect_uri", "https://host.example/back"),
            ("user", &user.person.email),
            ("decision", "allow"),
        ];
        let answer = self.http.post(self.url("/oauth/auth")).form(&asked).send().await.unwrap();
        let back = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let (_, pair) = self.token(&[("grant_type", "authorization_code"), ("code", &code)]).await;
        pair["access_token"].as_str().unwrap().to_owned()
    }

    async fn token(&self, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let answer = self.http.post(self.url("/oauth/token")).form(form).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

fn key() -> PublicKey {
    PublicKey::from_pem(&fixture("test-key-public.pem")).unwrap()
}

fn fixture(name: &str) -> String {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/docusign").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn client(stand_in: &StandIn, user_id: &str) -> Client {
    let settings = RestSettings {
        auth_url: stand_in.running.url(),
        client_id: "integration".to_owned(),
        user_id: user_id.to_owned(),
        private_key: Some(SecretString::from(fixture("test-key.pem"))),
        ..RestSettings::default()
    };
    let clock = Arc::clone(&stand_in.clock) as Arc<_>;
    Client::new(settings, clock, Dice::seeded(1), Metrics::default()).unwrap()
}

#[tokio::test]
async fn the_products_client_gets_a_token_by_jwt_grant_and_fetches_an_envelope() {
    let stand_in = StandIn::start(Settings { public_key: Some(key()), ..Settings::default() });
    let steps = steps(Kind::Sequential, 1);
    let last = steps.last().unwrap();
    stand_in.docusign.apply(last);
    let envelope = last.subject.envelope().unwrap();
    let user_id = envelope.account.sender.user_id.to_string();
    let client = client(&stand_in, &user_id);
    let account = AccountId::new(&envelope.account.id.to_string());
    let id = envelope.id.to_string();
    let fetched = client.envelope(&account, &id, &Include::ALL).await.unwrap();
    let told: Value = serde_json::from_str(fetched.json.get()).unwrap();
    assert_eq!(told["status"], "completed");
    assert_eq!(told["recipients"]["recipientCount"], envelope.recipients.len().to_string());
    assert!(fetched.trace_token.is_some());
    assert_eq!(client.accounts().await.unwrap(), [account]);
    assert_eq!(stand_in.docusign.calls("POST /oauth/token"), 1);
    assert_eq!(stand_in.docusign.calls("GET /envelopes/{envelope}"), 1);
}

#[tokio::test]
async fn an_assertion_by_another_key_is_refused_and_so_is_one_without_consent() {
    let other = PublicKey::from_pem(&fixture("other-key-public.pem")).unwrap();
    let stand_in = StandIn::start(Settings { public_key: Some(other), ..Settings::default() });
    let user_id = setting().account.sender.user_id.to_string();
    let refused = client(&stand_in, &user_id).accounts().await.unwrap_err();
    assert!(refused.to_string().contains("invalid_grant"), "{refused}");

    let stand_in = StandIn::start(Settings { public_key: Some(key()), ..Settings::default() });
    stand_in.docusign.set_consent(false);
    let refused = client(&stand_in, &user_id).accounts().await.unwrap_err();
    assert!(matches!(refused, Error::ConsentRequired { .. }), "{refused:?}");
    stand_in.docusign.set_consent(true);
    client(&stand_in, &user_id).accounts().await.unwrap();
}

#[tokio::test]
async fn a_code_is_good_once_and_a_refresh_gives_a_new_pair() {
    let stand_in = StandIn::start(Settings::default());
    let asked =
        "/oauth/auth?response_type=code&client_id=x&redirect_uri=https%3A%2F%2Fhost.example%2Fback&state=s1";
    let answer = stand_in.http.get(stand_in.url(asked)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    let location = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let given: std::collections::HashMap<_, _> = location.query_pairs().into_owned().collect();
    assert_eq!((location.host_str(), given["state"].as_str()), (Some("host.example"), "s1"));

    let grant = [("grant_type", "authorization_code"), ("code", given["code"].as_str())];
    let (status, pair) = stand_in.token(&grant).await;
    assert_eq!((status, pair["expires_in"].as_u64()), (StatusCode::OK, Some(28_800)));
    let (status, again) = stand_in.token(&grant).await;
    assert_eq!((status, again["error"].as_str()), (StatusCode::BAD_REQUEST, Some("invalid_grant")));

    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", pair["refresh_token"].as_str().unwrap())];
    let (status, renewed) = stand_in.token(&refresh).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(renewed["refresh_token"], pair["refresh_token"]);
    let (status, _) = stand_in.token(&refresh).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "the old one is used up");
}

#[tokio::test]
async fn a_confidential_client_must_name_its_secret() {
    let stand_in = StandIn::start(Settings {
        client_id: Some("integration".to_owned()),
        client_secret: Some(SecretString::from("secret")),
        ..Settings::default()
    });
    let ask = async |user: &str, password: &str| {
        let request = stand_in.http.post(stand_in.url("/oauth/token")).basic_auth(user, Some(password));
        let answer = request.form(&[("grant_type", "refresh_token"), ("refresh_token", "x")]).send().await;
        answer.unwrap().json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask("integration", "wrong").await, "invalid_client");
    assert_eq!(ask("other", "secret").await, "invalid_client");
    assert_eq!(ask("integration", "secret").await, "invalid_grant");
}

#[tokio::test]
async fn userinfo_tells_the_accounts_and_where_they_are() {
    let stand_in = StandIn::start(Settings::default());
    let token = stand_in.docusign.issue_token();
    let ask = || stand_in.http.get(stand_in.url("/oauth/userinfo"));
    let told: Value = ask().bearer_auth(token.expose_secret()).send().await.unwrap().json().await.unwrap();
    let account = &told["accounts"][0];
    assert_eq!(account["is_default"], true);
    assert_eq!(account["account_id"], setting().account.id.to_string());
    assert_eq!(account["base_uri"], stand_in.running.url());
    assert_eq!(told["sub"], setting().account.sender.user_id.to_string());
    assert_eq!(ask().send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tokens_die_by_the_clock_and_on_demand() {
    let stand_in = StandIn::start(Settings::default());
    let path = "/envelopes?from_date=2026-01-01T00:00:00Z";
    let token = stand_in.docusign.issue_token();
    let ask = async || {
        let request = stand_in.http.get(stand_in.rest(path)).bearer_auth(token.expose_secret());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(ask().await.0, 200);
    stand_in.clock.advance(SignedDuration::from_hours(9));
    let (status, told) = ask().await;
    assert_eq!((status, told["errorCode"].as_str()), (401, Some("AUTHORIZATION_INVALID_TOKEN")));
    assert_eq!(stand_in.get(path).send().await.unwrap().status(), 200);
    let alive = stand_in.get(path);
    stand_in.docusign.revoke_tokens();
    assert_eq!(alive.send().await.unwrap().status(), 401);
}

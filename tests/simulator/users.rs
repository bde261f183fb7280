//! The stand-in's users: what they are asked, what they allow and take back, and what tokens in their names are good for.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::base::Dice;
use countersign::base::clock::ManualClock;
use countersign::simulator::docusign::{Docusign, Running, Settings, User};
use countersign::simulator::life::{Account, Person};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::oauth::NOW;

const BACK: &str = "https://host.example/back";

struct World {
    docusign: Docusign,
    running: Running,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
    users: Vec<User>,
}

/// Two users: the first has two accounts, the second of which is the default; the second has a third one.
fn world(change: impl FnOnce(&mut Settings)) -> World {
    let dice = Dice::seeded(9);
    let accounts: Vec<_> = (0..3).map(|_| Arc::new(Account::invented(&dice))).collect();
    let user = |accounts: Vec<uuid::Uuid>| User {
        person: Person::invented(&dice),
        default: *accounts.last().unwrap(),
        accounts,
    };
    let users = vec![user(vec![accounts[0].id, accounts[1].id]), user(vec![accounts[2].id])];
    let mut settings = Settings {
        accounts,
        users: users.clone(),
        redirect_uris: vec![BACK.to_owned()],
        client_id: Some("integration".to_owned()),
        client_secret: Some(SecretString::from("secret")),
        ..Settings::default()
    };
    change(&mut settings);
    let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
    let docusign = Docusign::new(settings, Arc::clone(&clock) as Arc<_>, dice);
    let running = docusign.start("127.0.0.1:0").unwrap();
    countersign::rest::install_tls();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    World { docusign, running, clock, http, users }
}

type Pairs<'a> = Vec<(&'a str, String)>;

fn asked<'a>(verifier: Option<&str>, scope: &str) -> Pairs<'a> {
    let mut asked: Pairs<'_> = vec![
        ("response_type", "code".to_owned()),
        ("scope", scope.to_owned()),
        ("client_id", "integration".to_owned()),
        ("redirect_uri", BACK.to_owned()),
        ("state", "s 1".to_owned()),
    ];
    if let Some(verifier) = verifier {
        asked.push(("code_challenge", URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))));
        asked.push(("code_challenge_method", "S256".to_owned()));
    }
    asked
}

impl World {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url())
    }

    async fn authorize(&self, query: &Pairs<'_>) -> reqwest::Response {
        self.http.get(self.url("/oauth/auth")).query(query).send().await.unwrap()
    }

    /// What the user's form sends, and where the user is sent.
    async fn decide(&self, asked: &Pairs<'_>, user: &User, decision: &str) -> HashMap<String, String> {
        let mut form = asked.clone();
        form.extend([("user", user.person.email.clone()), ("decision", decision.to_owned())]);
        let answer = self.http.post(self.url("/oauth/auth")).form(&form).send().await.unwrap();
        sent_back(&answer)
    }

    async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let request = self.http.post(self.url("/oauth/token")).basic_auth("integration", Some("secret"));
        let answer = request.form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn pair(&self, user: &User, scope: &str) -> Value {
        let code = self.decide(&asked(None, scope), user, "allow").await["code"].clone();
        let (status, pair) = self.token(&[("grant_type", "authorization_code"), ("code", &code)]).await;
        assert_eq!(status, 200, "{pair}");
        pair
    }

    async fn refresh(&self, pair: &Value) -> (u16, Value) {
        let token = pair["refresh_token"].as_str().unwrap();
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn get(&self, path: &str, pair: &Value) -> (u16, Value) {
        let token = pair["access_token"].as_str().unwrap();
        let answer = self.http.get(self.url(path)).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn sent_back(answer: &reqwest::Response) -> HashMap<String, String> {
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(BACK), "{location}");
    url::Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn a_user_is_asked_and_what_they_say_goes_back_with_the_state() {
    let world = world(|settings| settings.asks_users = true);
    let mut asked = asked(None, "signature");
    asked.push(("login_hint", world.users[1].person.email.clone()));
    let answer = world.authorize(&asked).await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.unwrap();
    let second = format!("value=\"{}\" checked", world.users[1].person.email);
    assert!(page.contains(&second) && page.contains("value=\"s 1\""), "{page}");
    let denied = world.decide(&asked, &world.users[0], "deny").await;
    assert_eq!((denied["error"].as_str(), denied["state"].as_str()), ("access_denied", "s 1"));
    assert!(!denied["error_description"].is_empty() && !denied.contains_key("code"));
    let allowed = world.decide(&asked, &world.users[0], "allow").await;
    assert_eq!(allowed["state"], "s 1");
    assert!(!allowed["code"].is_empty());
}

#[tokio::test]
async fn who_consented_before_is_sent_back_at_once_unless_a_login_is_asked_for() {
    let world = world(|_| ());
    assert!(sent_back(&world.authorize(&asked(None, "signature")).await).contains_key("code"));
    let with = |name, value: &str| {
        let mut asked = asked(None, "signature");
        asked.push((name, value.to_owned()));
        asked
    };
    assert_eq!(world.authorize(&with("prompt", "login")).await.status(), 200);
    world.docusign.revoke_consent(world.users[0].person.user_id);
    assert_eq!(world.authorize(&asked(None, "signature")).await.status(), 200);
    let silent = sent_back(&world.authorize(&with("prompt", "none")).await);
    assert_eq!(silent["error"], "consent_required");
}

#[tokio::test]
async fn an_address_that_is_not_registered_exactly_is_never_gone_to() {
    let world = world(|_| ());
    for other in ["https://host.example/back/", "https://host.example/back?x=1", "https://evil.example", ""] {
        let mut asked = asked(None, "signature");
        asked[3].1 = other.to_owned();
        let answer = world.authorize(&asked).await;
        assert_eq!(answer.status(), 400, "{other}");
        assert!(answer.text().await.unwrap().contains("not registered"), "{other}");
    }
}

#[tokio::test]
async fn a_code_is_exchanged_by_who_can_prove_that_they_asked_for_it_and_once() {
    let world = world(|_| ());
    let (verifier, other) = ("v".repeat(43), "w".repeat(43));
    let code = || async {
        let asked = asked(Some(&verifier), "signature");
        world.decide(&asked, &world.users[0], "allow").await["code"].clone()
    };
    let exchange = async |code: &str, verifier: &str, back: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", back),
        ];
        world.token(&form).await.0
    };
    assert_eq!(exchange(&code().await, &other, BACK).await, 400, "another verifier");
    assert_eq!(exchange(&code().await, "", BACK).await, 400, "no verifier");
    assert_eq!(exchange(&code().await, &verifier, "https://host.example/").await, 400, "another address");
    let good = code().await;
    assert_eq!(exchange(&good, &verifier, BACK).await, 200);
    assert_eq!(exchange(&good, &verifier, BACK).await, 400, "twice");
    let late = code().await;
    world.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(exchange(&late, &verifier, BACK).await, 400, "late");
    let mut plain = asked(Some(&verifier), "signature");
    plain[6].1 = "plain".to_owned();
    assert_eq!(world.decide(&plain, &world.users[0], "allow").await["error"], "invalid_request");
}

#[tokio::test]
async fn a_token_is_good_for_its_users_accounts_alone() {
    let world = world(|_| ());
    let pair = world.pair(&world.users[0], "signature extended").await;
    let (_, info) = world.get("/oauth/userinfo", &pair).await;
    let told: Vec<_> = info["accounts"].as_array().unwrap().iter().map(|a| &a["is_default"]).collect();
    assert_eq!(told, [&json!(false), &json!(true)]);
    assert_eq!(info["email"], world.users[0].person.email);
    let list = |account: uuid::Uuid| {
        format!("/restapi/v2.1/accounts/{account}/envelopes?from_date=2026-01-01T00:00:00Z")
    };
    for account in &world.users[0].accounts {
        assert_eq!(world.get(&list(*account), &pair).await.0, 200);
    }
    let (status, refused) = world.get(&list(world.users[1].accounts[0]), &pair).await;
    assert_eq!(
        (status, refused["errorCode"].as_str()),
        (400, Some("USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT"))
    );
}

#[tokio::test]
async fn refresh_tokens_live_anew_with_extended_and_else_as_long_as_the_first() {
    let world = world(|_| ());
    let (mut extended, mut plain) = (
        world.pair(&world.users[0], "signature extended").await,
        world.pair(&world.users[0], "signature").await,
    );
    world.clock.advance(SignedDuration::from_hours(29 * 24));
    for pair in [&mut extended, &mut plain] {
        let (status, next) = world.refresh(pair).await;
        assert_eq!(status, 200);
        *pair = next;
    }
    world.clock.advance(SignedDuration::from_hours(2 * 24));
    assert_eq!(world.refresh(&plain).await.0, 400);
    assert_eq!(world.refresh(&extended).await.0, 200);
}

#[tokio::test]
async fn an_exchanged_refresh_token_dies_at_once_or_after_a_while_as_set() {
    for (overlap, again) in [(0, 400), (60, 200)] {
        let world = world(|settings| settings.refresh_overlap = SignedDuration::from_secs(overlap));
        let pair = world.pair(&world.users[0], "signature extended").await;
        assert_eq!(world.refresh(&pair).await.0, 200);
        assert_eq!(world.refresh(&pair).await.0, again, "{overlap}");
        world.clock.advance(SignedDuration::from_secs(61));
        assert_eq!(world.refresh(&pair).await.0, 400);
    }
}

#[tokio::test]
async fn what_a_user_takes_back_ends_refreshing_at_once_and_calls_by_and_by() {
    let world = world(|_| ());
    let (one, other) = (
        world.pair(&world.users[0], "signature extended").await,
        world.pair(&world.users[1], "signature extended").await,
    );
    let users: Value =
        world.http.get(world.url("/simulator/users")).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&users[0]["user_id"], &users[0]["consented"]),
        (&json!(world.users[0].person.user_id), &json!(true))
    );
    let taken = json!({"user_id": users[0]["user_id"], "consented": false});
    let answer = world.http.post(world.url("/simulator/consent")).json(&taken).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(world.get("/oauth/userinfo", &one).await.0, 200, "a live access token lives on");
    assert_eq!(world.refresh(&one).await.0, 400);
    assert_eq!(world.refresh(&other).await.0, 200, "another user's");

    let end = world.http.delete(world.url("/simulator/tokens?kind=access")).send().await.unwrap();
    assert_eq!(end.json::<Value>().await.unwrap(), json!({"ended": 3}));
    assert_eq!(world.get("/oauth/userinfo", &one).await.0, 401);
    let wrong = world.http.delete(world.url("/simulator/tokens?kind=x")).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
}

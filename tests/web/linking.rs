//! Linking accounts, from the link to the linked account and every way in which that ends otherwise, beside a stand-in
//! for DocuSign and with time in hand.

use std::sync::Arc;

use actix_web::test::TestRequest;
use countersign::base::{Dice, limits};
use countersign::rest::Settings as RestSettings;
use countersign::simulator::docusign::{Docusign, Fault, FaultKind, Running, Settings, User};
use countersign::simulator::life::{Account, Person};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::support::{Answer, Bench};

const CALLBACK: &str = "https://sign.example.com/base/oauth/callback";

struct Place {
    bench: Bench,
    docusign: Docusign,
    _running: Running,
    users: Vec<User>,
    http: reqwest::Client,
}

/// The first user has one account, the second three, of which the last is the default.
async fn place() -> Place {
    let dice = Dice::seeded(31);
    let accounts: Vec<_> = (0..4).map(|_| Arc::new(Account::invented(&dice))).collect();
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let user = |accounts: &[uuid::Uuid], default| User {
        person: Person::invented(&dice),
        accounts: accounts.to_vec(),
        default,
    };
    let users = vec![user(&ids[..1], ids[0]), user(&ids[1..], ids[3])];
    let settings = Settings {
        accounts,
        users: users.clone(),
        redirect_uris: vec![CALLBACK.to_owned()],
        asks_users: true,
        client_id: Some("integration".to_owned()),
        client_secret: Some(SecretString::from("client-secret")),
        ..Settings::default()
    };
    let clock = Arc::new(countersign::base::clock::ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()));
    let docusign = Docusign::new(settings, clock, dice);
    let running = docusign.start("127.0.0.1:0").unwrap();
    let bench = Bench::with(
        None,
        &RestSettings {
            auth_url: running.url(),
            client_id: "integration".to_owned(),
            client_secret: Some(SecretString::from("client-secret")),
            redirect_url: Some(CALLBACK.to_owned()),
            private_key: Some(SecretString::from(key())),
            ..RestSettings::default()
        },
    );
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Place { bench, docusign, _running: running, users, http }
}

fn key() -> String {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/docusign/test-key.pem");
    std::fs::read_to_string(path).unwrap()
}

/// A browser: what it shows with each request.
#[derive(Debug, Clone, Default)]
struct Browser(Option<String>);

impl Browser {
    fn take(&mut self, answer: &Answer) {
        if let Some(cookie) = answer.header("set-cookie") {
            for word in ["__Host-", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/;"] {
                assert!(cookie.contains(word), "{cookie}");
            }
            self.0 = cookie.split(';').next().map(str::to_owned);
        }
    }

    fn with(&self, request: TestRequest) -> TestRequest {
        match &self.0 {
            Some(cookie) => request.insert_header(("cookie", format!("other=1; {cookie}"))),
            None => request,
        }
    }
}

impl Place {
    async fn link(&self, wanted: Value) -> Value {
        let answer = self.bench.post("/link-token", Some(wanted)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The path of a link's page.
    fn page_of(link: &Value) -> String {
        let url = link["url"].as_str().unwrap();
        url.strip_prefix("https://sign.example.com/base").expect("our own address").to_owned()
    }

    async fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        let answer = self.bench.ask(browser.with(TestRequest::get().uri(path))).await;
        browser.take(&answer);
        answer
    }

    async fn post(&self, browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = browser.with(TestRequest::post().uri(path)).set_form(form);
        let answer = self.bench.ask(request).await;
        browser.take(&answer);
        answer
    }

    /// Opens a link and presses its button: where DocuSign is asked.
    async fn depart(&self, browser: &mut Browser, link: &Value) -> Url {
        let page = self.get(browser, &Self::page_of(link)).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let token = page.hidden("link_token");
        let answer = self.post(browser, "/connect-account", &[("link_token", &token)]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        Url::parse(answer.header("location").unwrap()).unwrap()
    }

    /// What the user does at DocuSign: the path to which they are sent back.
    async fn at_docusign(&self, asked: &Url, user: &User, decision: &str) -> String {
        let mut form: Vec<_> = asked.query_pairs().into_owned().collect();
        form.push(("user".to_owned(), user.person.email.clone()));
        form.push(("decision".to_owned(), decision.to_owned()));
        let mut url = asked.clone();
        url.set_query(None);
        let answer = self.http.post(url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let back = answer.headers()["location"].to_str().unwrap();
        back.strip_prefix("https://sign.example.com/base").expect("the registered address").to_owned()
    }

    /// All of it up to the answer of the callback.
    async fn go(&self, browser: &mut Browser, link: &Value, user: &User, decision: &str) -> Answer {
        let asked = self.depart(browser, link).await;
        let back = self.at_docusign(&asked, user, decision).await;
        self.get(browser, &back).await
    }

    async fn accounts(&self) -> Vec<Value> {
        self.bench.get("/integrated-account").await.json()["result"].as_array().unwrap().clone()
    }

    async fn published(&self) -> Vec<String> {
        let feed = self.bench.get("/v1/changes").await.json();
        let rows = feed["result"].as_array().unwrap().iter();
        rows.map(|row| row["routing_key"].as_str().unwrap().to_owned()).collect()
    }

    /// Nothing came of it: no account, no change, and the link is still good.
    async fn assert_untouched(&self, link: &Value) {
        assert_eq!((self.accounts().await, self.published().await), (vec![], vec![]));
        assert_eq!(self.get(&mut Browser::default(), &Self::page_of(link)).await.status, 200);
    }
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The value of a hidden field.
    fn hidden(&self, name: &str) -> String {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
        rest.split('"').next().unwrap().to_owned()
    }

    #[track_caller]
    fn assert_page(&self, status: u16, says: &str) {
        let text = self.text();
        assert_eq!(self.status, status, "{text}");
        assert!(text.contains(says), "{text}");
        assert!(self.header("content-type").unwrap().starts_with("text/html"));
        let policy = self.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(self.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        for part in ["<html lang=\"en\">", "<main", "<h1>", "width=device-width", "<title>"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        for inline in ["<script", "<style", " style=", " on"] {
            let inside_a_tag = text
                .split('<')
                .any(|tag| tag.split('>').next().is_some_and(|tag| format!("<{tag}").contains(inline)));
            assert!(!inside_a_tag, "{inline} in {text}");
        }
    }
}

#[actix_web::test]
async fn a_user_links_an_account_and_its_states_are_published() {
    let place = place().await;
    let link = place.link(json!({"tenant_id": "acme"})).await;
    let mut browser = Browser::default();
    let page = place.get(&mut browser, &Place::page_of(&link)).await;
    page.assert_page(200, "Continue to DocuSign");
    assert!(page.text().contains("until 2026-11-23 11:00 UTC"));
    let asked = place.depart(&mut browser, &link).await;
    for (name, value) in
        [("scope", "signature extended"), ("code_challenge_method", "S256"), ("redirect_uri", CALLBACK)]
    {
        assert!(asked.query_pairs().any(|(key, told)| key == name && told == value), "{asked}");
    }
    let back = place.at_docusign(&asked, &place.users[0], "allow").await;
    place.get(&mut browser, &back).await.assert_page(200, "Your account is connected");
    let account = &place.accounts().await[0];
    assert_eq!(
        [
            &account["state"],
            &account["tenant_id"],
            &account["account_id"],
            &account["user_id"],
            &account["grant"]
        ],
        [
            &json!("active"),
            &json!("acme"),
            &json!(place.users[0].default),
            &json!(place.users[0].person.user_id),
            &json!("code")
        ]
    );
    let id = place.users[0].default;
    assert_eq!(place.published().await, [format!("account.connecting.{id}"), format!("account.active.{id}")]);
    // The link is used, and so is the state.
    place.get(&mut browser, &Place::page_of(&link)).await.assert_page(410, "used already");
    let token = link["link_token"].as_str().unwrap();
    place
        .post(&mut browser, "/connect-account", &[("link_token", token)])
        .await
        .assert_page(410, "used already");
    place.get(&mut browser, &back).await.assert_page(400, "Please begin again");
}

#[actix_web::test]
async fn a_user_with_several_accounts_chooses_one() {
    let place = place().await;
    let link = place.link(json!({"redirect_uri": "https://app.example.com/done?x=1"})).await;
    let (mut browser, user) = (Browser::default(), &place.users[1]);
    let page = place.go(&mut browser, &link, user, "allow").await;
    page.assert_page(200, "Which of your accounts");
    let text = page.text();
    assert_eq!(text.matches("type=\"radio\"").count(), 3);
    assert_eq!(text.matches(" checked").count(), 1);
    assert!(text.contains(&format!("value=\"{}\" checked", user.default)), "{text}");
    assert!(place.accounts().await.is_empty(), "nothing is linked yet");
    let ticket = page.hidden("ticket");
    let chosen = user.accounts[0].to_string();
    let form = [("ticket", ticket.as_str()), ("account", chosen.as_str())];
    place
        .post(&mut Browser::default(), "/connect-account/choose", &form)
        .await
        .assert_page(403, "another browser");
    let answer = place.post(&mut browser, "/connect-account/choose", &form).await;
    let account = &place.accounts().await[0];
    assert_eq!((answer.status, &account["account_id"]), (303, &json!(chosen)));
    let wanted = format!(
        "https://app.example.com/done?x=1&status=connected&integrated_account_id={}",
        account["id"].as_str().unwrap()
    );
    assert_eq!(answer.header("location"), Some(wanted.as_str()));
    place.post(&mut browser, "/connect-account/choose", &form).await.assert_page(400, "Please begin again");
}

#[actix_web::test]
async fn an_account_that_was_not_offered_cannot_be_chosen() {
    let place = place().await;
    let link = place.link(json!({})).await;
    let mut browser = Browser::default();
    let page = place.go(&mut browser, &link, &place.users[1], "allow").await;
    let (ticket, other) = (page.hidden("ticket"), place.users[0].default.to_string());
    let form = [("ticket", ticket.as_str()), ("account", other.as_str())];
    place.post(&mut browser, "/connect-account/choose", &form).await.assert_page(403, &other);
    place.assert_untouched(&link).await;
}

#[actix_web::test]
async fn a_link_for_one_account_takes_that_account_and_no_other() {
    let place = place().await;
    let wanted = place.users[1].accounts[1];
    let link = place.link(json!({"account_id": wanted})).await;
    let mut browser = Browser::default();
    let foreign = place.go(&mut browser, &link, &place.users[0], "allow").await;
    foreign.assert_page(403, &format!("for the account {wanted}"));
    place.assert_untouched(&link).await;
    place.go(&mut browser, &link, &place.users[1], "allow").await.assert_page(200, "is connected");
    assert_eq!(place.accounts().await[0]["account_id"], json!(wanted));
}

#[actix_web::test]
async fn a_user_who_does_not_allow_it_is_told_so_and_can_try_again() {
    let place = place().await;
    let link = place.link(json!({"redirect_uri": "https://app.example.com/done"})).await;
    let mut browser = Browser::default();
    let page = place.go(&mut browser, &link, &place.users[0], "deny").await;
    page.assert_page(403, "You did not allow it");
    assert!(page.text().contains("https://app.example.com/done?status=cancelled"));
    place.assert_untouched(&link).await;
    let token = page.hidden("link_token");
    let again = place.post(&mut browser, "/connect-account", &[("link_token", &token)]).await;
    let asked = Url::parse(again.header("location").unwrap()).unwrap();
    let back = place.at_docusign(&asked, &place.users[0], "allow").await;
    assert_eq!(place.get(&mut browser, &back).await.status, 303);
    assert_eq!(place.accounts().await.len(), 1);
}

#[actix_web::test]
async fn a_link_that_is_over_or_was_never_made_is_said_to_be_so() {
    let place = place().await;
    let link = place.link(json!({"expires_in": 60})).await;
    let mut browser = Browser::default();
    let asked = place.depart(&mut browser, &link).await;
    place.bench.clock.advance(SignedDuration::from_secs(61));
    place.get(&mut browser, &Place::page_of(&link)).await.assert_page(410, "no longer good");
    let token = link["link_token"].as_str().unwrap();
    place
        .post(&mut browser, "/connect-account", &[("link_token", token)])
        .await
        .assert_page(410, "no longer good");
    // Nor does it help to have been on the way.
    let back = place.at_docusign(&asked, &place.users[0], "allow").await;
    place.get(&mut browser, &back).await.assert_page(410, "no longer good");
    place.get(&mut browser, "/connect-account?link_token=made-up").await.assert_page(404, "not known");
    place.get(&mut browser, "/connect-account").await.assert_page(400, "not whole");
    place.post(&mut browser, "/connect-account", &[]).await.assert_page(400, "not whole");
    assert!(place.accounts().await.is_empty());
}

#[actix_web::test]
async fn a_state_that_is_made_up_late_or_another_browsers_leads_nowhere() {
    let place = place().await;
    let link = place.link(json!({})).await;
    let mut browser = Browser::default();
    let asked = place.depart(&mut browser, &link).await;
    let back = place.at_docusign(&asked, &place.users[0], "allow").await;
    for path in ["/oauth/callback?code=abc&state=made-up", "/oauth/callback?code=abc", "/oauth/callback"] {
        place.get(&mut browser, path).await.assert_page(400, "Please begin again");
    }
    let mut other = Browser::default();
    place.get(&mut other, &Place::page_of(&link)).await.assert_page(200, "Continue");
    place.get(&mut other, &back).await.assert_page(403, "another browser");
    place.get(&mut Browser::default(), &back).await.assert_page(403, "another browser");
    place.assert_untouched(&link).await;
    assert_eq!(place.docusign.calls("POST /oauth/token"), 0, "no code was exchanged");
    // Whose it is can still go on, but not for ever.
    place.bench.clock.advance(SignedDuration::try_from(limits::AUTHORIZATION_LIFE).unwrap());
    place.get(&mut browser, &back).await.assert_page(400, "Please begin again");
    place.assert_untouched(&link).await;
}

#[actix_web::test]
async fn a_form_of_another_site_sends_nobody_to_docusign() {
    let place = place().await;
    let link = place.link(json!({})).await;
    let token = link["link_token"].as_str().unwrap();
    let form = [("link_token", token)];
    place.post(&mut Browser::default(), "/connect-account", &form).await.assert_page(403, "cookies");
    let mut browser = Browser::default();
    place.get(&mut browser, &Place::page_of(&link)).await;
    let foreign = browser.with(TestRequest::post().uri("/connect-account")).set_form(form);
    let answer = place.bench.ask(foreign.insert_header(("sec-fetch-site", "cross-site"))).await;
    answer.assert_page(403, "another site");
}

#[actix_web::test]
async fn docusign_that_refuses_the_code_or_is_away_leaves_nothing_behind() {
    let place = place().await;
    let link = place.link(json!({})).await;
    let mut browser = Browser::default();
    for (call, kind, says) in [
        ("POST /oauth/token", FaultKind::Status { status: 503, retry_after: None }, "does not answer"),
        ("POST /oauth/token", FaultKind::Status { status: 400, retry_after: None }, "did not confirm"),
        ("GET /oauth/userinfo", FaultKind::Reset, "does not answer"),
    ] {
        assert!(place.docusign.add_fault(Fault::next(1, kind).of(call)));
        let page = place.go(&mut browser, &link, &place.users[0], "allow").await;
        page.assert_page(502, says);
        assert!(!page.hidden("link_token").is_empty());
        place.assert_untouched(&link).await;
    }
    let asked = place.depart(&mut browser, &link).await;
    let state = asked.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let state: String = form_urlencoded::byte_serialize(state.as_bytes()).collect();
    let other = format!("/oauth/callback?error=server_error&state={state}");
    place.get(&mut browser, &other).await.assert_page(502, "server_error");
    place.assert_untouched(&link).await;
}

#[actix_web::test]
async fn an_account_that_docusign_keeps_closed_says_why_and_heals_once_it_opens() {
    let place = place().await;
    let link = place.link(json!({"redirect_uri": "http://localhost:3000/"})).await;
    let closed = FaultKind::Status { status: 403, retry_after: None };
    assert!(place.docusign.add_fault(Fault::next(1, closed).of("GET /envelopes")));
    let answer = place.go(&mut Browser::default(), &link, &place.users[0], "allow").await;
    let to = answer.header("location").unwrap().to_owned();
    assert!(to.starts_with("http://localhost:3000/?status=validation_error&"), "{to}");
    assert!(to.ends_with("&reason=UNSPECIFIED_ERROR"), "{to}");
    let account = place.accounts().await.remove(0);
    assert_eq!(
        (&account["state"], &account["reason"]),
        (&json!("validation_error"), &json!("UNSPECIFIED_ERROR"))
    );
    let body = json!({"integrated_account_id": account["id"]});
    let healed = place.bench.post("/integrated-account/refresh-credentials", Some(body)).await.json();
    assert_eq!((&healed["state"], &healed["reason"]), (&json!("active"), &Value::Null));
    let id = place.users[0].default;
    let states = ["connecting", "validation_error", "active"].map(|state| format!("account.{state}.{id}"));
    assert_eq!(place.published().await, states);
}

#[actix_web::test]
async fn linking_again_heals_an_account_and_keeps_its_id() {
    let place = place().await;
    let user = &place.users[0];
    let first = place.link(json!({"tenant_id": "acme"})).await;
    place.go(&mut Browser::default(), &first, user, "allow").await.assert_page(200, "is connected");
    let account = place.accounts().await.remove(0);
    place.docusign.revoke_consent(user.person.user_id);
    place.docusign.revoke_access_tokens();
    let body = json!({"integrated_account_id": account["id"]});
    let dead = place.bench.post("/integrated-account/refresh-credentials", Some(body.clone())).await;
    assert_eq!((dead.status, &dead.json()["state"]), (200, &json!("needs_reauth")), "{}", dead.text());
    let again = place.link(body).await;
    let page = place.get(&mut Browser::default(), &Place::page_of(&again)).await;
    page.assert_page(200, "account again");
    // Another user's account does not do.
    let foreign = place.go(&mut Browser::default(), &again, &place.users[1], "allow").await;
    foreign.assert_page(403, account["account_id"].as_str().unwrap());
    place.go(&mut Browser::default(), &again, user, "allow").await.assert_page(200, "is connected");
    let healed = place.accounts().await.remove(0);
    assert_eq!((&healed["id"], &healed["state"]), (&account["id"], &json!("active")));
    let states = place.published().await;
    let states: Vec<_> = states.iter().map(|key| key.split('.').nth(1).unwrap()).collect();
    assert_eq!(states, ["connecting", "active", "needs_reauth", "active"]);
}

#[actix_web::test]
async fn an_account_of_one_tenant_is_not_taken_by_another() {
    let place = place().await;
    let user = &place.users[0];
    let link = place.link(json!({"tenant_id": "one"})).await;
    place.go(&mut Browser::default(), &link, user, "allow").await.assert_page(200, "is connected");
    let link = place.link(json!({"tenant_id": "two"})).await;
    place.go(&mut Browser::default(), &link, user, "allow").await.assert_page(409, "connected already");
    let body = json!({"grant": "jwt", "user_id": user.person.user_id, "tenant_id": "two"});
    assert_eq!(place.bench.post("/integrated-account", Some(body)).await.status, 409);
    assert_eq!(place.accounts().await[0]["tenant_id"], "one");
}

#[actix_web::test]
async fn an_account_is_linked_by_our_key_once_its_user_has_consented() {
    let place = place().await;
    let user = &place.users[1];
    place.docusign.set_consent(false);
    let body = json!({"grant": "jwt", "user_id": user.person.user_id, "tenant_id": "acme"});
    let answer = place.bench.post("/integrated-account", Some(body.clone())).await;
    assert_eq!(answer.status, 409);
    let url = answer.json()["details"][0].as_str().unwrap().to_owned();
    assert!(url.contains("/oauth/auth?") && url.contains("scope=signature+impersonation"), "{url}");
    assert!(place.accounts().await.is_empty());
    place.docusign.set_consent(true);
    let account = place.bench.post("/integrated-account", Some(body)).await.json();
    assert_eq!(
        [&account["state"], &account["grant"], &account["account_id"], &account["user_id"]],
        [&json!("active"), &json!("jwt"), &json!(user.default), &json!(user.person.user_id)]
    );
    let foreign =
        json!({"grant": "jwt", "user_id": user.person.user_id, "account_id": place.users[0].default});
    assert_eq!(place.bench.post("/integrated-account", Some(foreign)).await.status, 422);
    let nobody = json!({"grant": "jwt", "user_id": "0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44"});
    let nobody = place.bench.post("/integrated-account", Some(nobody)).await;
    assert_eq!(nobody.status, 422);
    assert!(nobody.message().contains("invalid_grant"), "{}", nobody.message());
    // What the user takes back is found out, and mended by consenting again.
    place.docusign.revoke_consent(user.person.user_id);
    let body = json!({"integrated_account_id": account["id"]});
    let refresh = || place.bench.post("/integrated-account/refresh-credentials", Some(body.clone()));
    assert_eq!(refresh().await.status, 409);
    assert_eq!(place.accounts().await[0]["state"], "needs_reauth");
    place.docusign.set_consent(true);
    assert_eq!(refresh().await.json()["state"], "active");
}

#[actix_web::test]
async fn accounts_are_listed_page_by_page_shown_and_removed() {
    let place = place().await;
    let user = &place.users[1];
    for account in &user.accounts {
        let body = json!({"grant": "jwt", "user_id": user.person.user_id, "account_id": account});
        assert_eq!(place.bench.post("/integrated-account", Some(body)).await.status, 200);
        place.bench.clock.advance(SignedDuration::from_secs(1));
    }
    let page = place.bench.get("/integrated-account?limit=2").await.json();
    let next = page["next_cursor"].as_str().unwrap();
    let rest = place.bench.get(&format!("/integrated-account?limit=2&after={next}")).await.json();
    assert_eq!(rest["next_cursor"], Value::Null);
    let all: Vec<_> =
        [&page, &rest].iter().flat_map(|page| page["result"].as_array().unwrap().clone()).collect();
    let told: Vec<_> = all.iter().map(|account| account["account_id"].clone()).collect();
    assert_eq!(told, user.accounts.iter().map(|id| json!(id)).collect::<Vec<_>>());
    let needing = place.bench.get("/integrated-account?state=needs_reauth").await.json();
    assert_eq!(needing["result"], json!([]));
    let path = format!("/integrated-account/{}", all[1]["id"].as_str().unwrap());
    assert_eq!(place.bench.get(&path).await.json(), all[1]);
    let gone = place.bench.ask(TestRequest::delete().uri(&path)).await;
    assert_eq!((gone.status, &gone.json()["id"]), (200, &all[1]["id"]));
    assert_eq!(place.bench.get(&path).await.status, 404);
    assert_eq!(place.bench.ask(TestRequest::delete().uri(&path)).await.status, 404);
    assert_eq!(place.published().await.last().unwrap(), &format!("account.removed.{}", user.accounts[1]));
    let body = json!({"integrated_account_id": all[1]["id"]});
    assert_eq!(place.bench.post("/link-token", Some(body)).await.status, 404);
}

#[actix_web::test]
async fn what_a_link_cannot_be_for_is_refused_by_name() {
    let place = place().await;
    for (body, name) in [
        (json!({"redirect_uri": "javascript:alert(1)"}), "redirect_uri"),
        (json!({"redirect_uri": "/done"}), "redirect_uri"),
        (json!({"redirect_uri": "https://u:p@app.example.com/"}), "redirect_uri"),
        (json!({"redirect_uri": format!("https://app.example.com/{}", "x".repeat(3_000))}), "redirect_uri"),
        (json!({"expires_in": 59}), "expires_in"),
        (json!({"expires_in": 604_801}), "expires_in"),
        (json!({"account_id": "a/b"}), "account_id"),
        (json!({"tenant_id": "x".repeat(300)}), "tenant_id"),
        (json!({"tenant": "x"}), "tenant"),
    ] {
        let answer = place.bench.post("/link-token", Some(body.clone())).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().contains(name), "{body}: {}", answer.message());
    }
    let nobody = Bench::new().post("/link-token", Some(json!({}))).await;
    assert_eq!((nobody.status, nobody.message().contains("docusign.client_id")), (409, true));
}

#[actix_web::test]
async fn what_users_and_docusign_name_is_shown_as_text() {
    let place = place().await;
    let link =
        place.link(json!({"redirect_uri": "https://app.example.com/\"><script>alert(1)</script>"})).await;
    let mut browser = Browser::default();
    let path = format!("{}%22%3E%3Cscript%3E", Place::page_of(&link));
    place.get(&mut browser, &path).await.assert_page(404, "not known");
    let page = place.go(&mut browser, &link, &place.users[0], "deny").await;
    page.assert_page(403, "did not allow");
}

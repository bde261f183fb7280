//! Accounts linked by a real browser and by the command line, with the real program beside a stand-in for DocuSign; and
//! what was secret on the way is nowhere to be read afterwards.

use std::sync::Arc;

use countersign::base::{Dice, SystemClock};
use countersign::simulator::docusign::{Docusign, Running, Settings as Traits, User};
use countersign::simulator::life::{Account, Person};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::browser::Browser;
use crate::support::postgres::Postgres;
use crate::support::rabbit::free_ports;
use crate::support::server::{Lines, Server, Settings};
use crate::support::{PATIENCE, eventually, http};

const TOKEN: &str = "api-token-of-the-linking-tests";
const CLIENT_SECRET: &str = "client-secret-of-the-linking-tests";

struct World {
    docusign: Docusign,
    running: Running,
    server: Server,
    users: Vec<User>,
}

/// A stand-in with two users, of whom the first has one account and the second three, the last the default; and
/// settings of a server that its users come back to at a port of its own.
fn set_up() -> (Docusign, Running, Vec<User>, Settings) {
    let dice = Dice::seeded(41);
    let accounts: Vec<_> = (0..4).map(|_| Arc::new(Account::invented(&dice))).collect();
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let user = |accounts: &[Uuid], default| User {
        person: Person::invented(&dice),
        accounts: accounts.to_vec(),
        default,
    };
    let users = vec![user(&ids[..1], ids[0]), user(&ids[1..], ids[3])];
    // DocuSign must know our address before we start.
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let callback = format!("http://{address}/oauth/callback");
    let traits = Traits {
        accounts,
        users: users.clone(),
        redirect_uris: vec![callback.clone()],
        asks_users: true,
        client_id: Some("integration".to_owned()),
        client_secret: Some(SecretString::from(CLIENT_SECRET)),
        ..Traits::default()
    };
    let docusign = Docusign::new(traits, Arc::new(SystemClock), dice);
    let running = docusign.start("127.0.0.1:0").expect("a free port");
    let settings = Settings::new()
        .with("COUNTERSIGN_LISTEN", &address)
        .with("COUNTERSIGN_API_TOKEN", TOKEN)
        .with("COUNTERSIGN_LOG__LEVEL", "debug")
        .with("COUNTERSIGN_DOCUSIGN__AUTH_URL", &running.url())
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_ID", "integration")
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_SECRET", CLIENT_SECRET)
        .with("COUNTERSIGN_DOCUSIGN__REDIRECT_URL", &callback);
    (docusign, running, users, settings)
}

async fn world() -> World {
    let (docusign, running, users, settings) = set_up();
    World { docusign, running, server: Server::start(settings).await, users }
}

/// Opens the page of a link, and presses its button at the server `at`, with an HTTP client that keeps one cookie: that
/// cookie, and where DocuSign is asked.
async fn depart(page: &str, at: &Server) -> (String, url::Url) {
    let token = parameter(page, "link_token").expect("a token");
    let page = http().get(page).send().await.expect("an answer");
    let cookie = page.headers()["set-cookie"].to_str().expect("a cookie");
    let cookie = cookie.split(';').next().expect("its pair").to_owned();
    let request = http().post(at.url("/connect-account")).header("cookie", &cookie);
    let sent = request.form(&[("link_token", &token)]).send().await.expect("an answer");
    assert_eq!(sent.status(), 303);
    (cookie, url::Url::parse(sent.headers()["location"].to_str().expect("an address")).expect("an address"))
}

/// What a user allows at DocuSign: the address to which they are sent back.
async fn allow(asked: &url::Url, user: &User) -> String {
    let mut form: Vec<_> = asked.query_pairs().into_owned().collect();
    form.extend([("user".into(), user.person.email.clone()), ("decision".into(), "allow".into())]);
    let mut there = asked.clone();
    there.set_query(None);
    let back = http().post(there).form(&form).send().await.expect("an answer");
    back.headers()["location"].to_str().expect("an address").to_owned()
}

impl World {
    async fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request.bearer_auth(TOKEN).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    }

    async fn link(&self, wanted: Value) -> Value {
        self.ask(http().post(self.server.url("/link-token")).json(&wanted)).await
    }

    async fn accounts(&self) -> Vec<Value> {
        let page = self.ask(http().get(self.server.url("/integrated-account"))).await;
        page["result"].as_array().expect("a page").clone()
    }

    /// Fails where a token, a code, or a secret of ours is in the logs or in any file of the server's, in any of the
    /// ways in which it may have been written; the key that seals lies apart.
    async fn assert_kept_secret(&mut self, mut secrets: Vec<String>) {
        secrets.extend(self.docusign.all_tokens());
        secrets.extend([CLIENT_SECRET.to_owned(), TOKEN.to_owned()]);
        assert!(secrets.len() > 6);
        let (logs, data) = (self.server.lines().all().join("\n"), self.server.folder().join("data"));
        assert_eq!(self.server.terminate().await, 0);
        let mut read = 0;
        for file in std::fs::read_dir(data).expect("the folder") {
            let file = file.expect("a file");
            if !file.file_type().expect("its kind").is_file() {
                continue;
            }
            let bytes = std::fs::read(file.path()).expect("its bytes");
            read += bytes.len();
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} tells {secret}", file.path().display());
            }
        }
        assert!(read > 10_000, "the database was read");
        for secret in &secrets {
            assert!(!logs.contains(secret.as_str()), "the log tells {secret}");
        }
        // The verifier and the state are known to nobody: nothing of their length is logged at all.
        let ours = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let long = logs.split(|c| !ours(c)).find(|word| word.len() == 43);
        assert_eq!(long, None, "the log tells 256 bits of something");
    }
}

/// The value of a parameter in a query.
fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).expect("an address");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_link_their_accounts_in_a_browser() {
    let mut world = world().await;
    let mut secrets = Vec::new();
    let browser = Browser::start().await;

    // The first has one account, and it is done when they have allowed it.
    let link = world.link(json!({"tenant_id": "one"})).await;
    let url = link["url"].as_str().expect("an address").to_owned();
    secrets.push(link["link_token"].as_str().expect("a token").to_owned());
    browser.open(&url).await;
    browser.sees("Connect your DocuSign account").await;
    let fits = browser.run("return document.documentElement.scrollWidth <= window.innerWidth").await;
    assert_eq!(fits, true, "the page is wider than a phone");
    let tall = browser.run("return document.querySelector('button').getBoundingClientRect().height").await;
    assert!(tall.as_f64().is_some_and(|tall| tall >= 44.0), "the button is too small for a finger: {tall}");
    browser.click("button").await;
    browser.sees("Simulated DocuSign: log in").await;
    browser.click(&format!("input[value='{}']", world.users[0].person.email)).await;
    browser.click("#allow").await;
    browser.sees("Your account is connected").await;
    let cookies = browser.cookies().await;
    assert!(
        cookies.iter().all(|cookie| cookie["httpOnly"] == true && cookie["sameSite"] == "Lax"),
        "{cookies:?}"
    );
    secrets.extend(cookies.iter().filter_map(|cookie| cookie["value"].as_str().map(str::to_owned)));
    browser.open(&url).await;
    browser.sees("This link was used already").await;

    // The second declines, tries again, chooses, and goes on to where the link says.
    let done = world.server.url("/livez");
    let link = world.link(json!({"tenant_id": "two", "redirect_uri": done})).await;
    secrets.push(link["link_token"].as_str().expect("a token").to_owned());
    browser.open(link["url"].as_str().expect("an address")).await;
    browser.click("button").await;
    browser.sees("Simulated DocuSign: log in").await;
    browser.click("#deny").await;
    browser.sees("You did not allow it").await;
    browser.click("button").await;
    browser.sees("Simulated DocuSign: log in").await;
    browser.click(&format!("input[value='{}']", world.users[1].person.email)).await;
    browser.click("#allow").await;
    browser.sees("Choose an account").await;
    let chosen = world.users[1].accounts[1];
    let labelled =
        "return [...document.querySelectorAll('input[type=radio]')].every(radio => radio.labels.length == 1)";
    assert_eq!(browser.run(labelled).await, true);
    let preset = browser.run("return document.querySelector('input:checked').value").await;
    assert_eq!(preset, json!(world.users[1].default), "the default is chosen until the user chooses");
    browser.click(&format!("input[value='{chosen}']")).await;
    browser.click("button").await;
    let back = eventually("the browser is where the link says", PATIENCE, async || {
        Some(browser.url().await).filter(|url| url.starts_with(&done))
    })
    .await;
    assert_eq!(parameter(&back, "status").as_deref(), Some("connected"), "{back}");
    // No page broke its own policy, or lacked something that it loads.
    let complaints = browser.complaints().await;
    let own = |one: &&Value| !one["message"].as_str().is_some_and(|text| text.contains("status of 4"));
    assert!(complaints.iter().find(own).is_none(), "{complaints:?}");
    browser.close().await;

    let accounts = world.accounts().await;
    let told: Vec<_> =
        accounts.iter().map(|row| (&row["tenant_id"], &row["account_id"], &row["state"])).collect();
    let active = json!("active");
    assert_eq!(
        told,
        [(&json!("one"), &json!(world.users[0].default), &active), (&json!("two"), &json!(chosen), &active)]
    );
    assert_eq!(parameter(&back, "integrated_account_id").as_deref(), accounts[1]["id"].as_str());
    let feed = world.ask(http().get(world.server.url("/v1/changes"))).await;
    let keys: Vec<_> =
        feed["result"].as_array().expect("rows").iter().map(|row| row["routing_key"].clone()).collect();
    let key = |state: &str, account: Uuid| json!(format!("account.{state}.{account}"));
    let (one, two) = (world.users[0].default, chosen);
    assert_eq!(
        keys,
        [key("connecting", one), key("active", one), key("connecting", two), key("active", two)]
    );
    world.assert_kept_secret(secrets).await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_waits_for_a_user_and_shows_and_removes_the_account() {
    let mut world = world().await;
    let mut waiting =
        world.server.command(&["accounts", "link", "--tenant", "acme"]).spawn().expect("it starts");
    let lines = Lines::default();
    lines.follow(waiting.stdout.take().expect("a pipe"));
    let url = eventually("the link is printed", PATIENCE, async || lines.all().first().cloned()).await;

    let (cookie, asked) = depart(&url, &world.server).await;
    let back = allow(&asked, &world.users[0]).await;
    let done = http().get(&back).header("cookie", &cookie).send().await.expect("an answer");
    assert_eq!(done.status(), 200, "{}", done.text().await.unwrap_or_default());

    let ended = eventually("the command ends", PATIENCE, async || waiting.try_wait().expect("a child")).await;
    assert!(ended.success(), "{ended}");
    let account = world.accounts().await.remove(0);
    let id = account["id"].as_str().expect("an id").to_owned();
    let told = eventually("the account is printed", PATIENCE, async || lines.all().get(1).cloned()).await;
    assert!(told.starts_with(&id) && told.contains("active"), "{told}");
    let ran = world.server.command(&["accounts", "list"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&ran.stdout).contains(&id));
    let ran = world.server.command(&["accounts", "remove", &id]).output().expect("it runs");
    assert!(ran.status.success());
    assert_eq!(world.accounts().await, Vec::<Value>::new());
    let query = |name: &str| parameter(&back, name).expect("a parameter");
    let token = parameter(&url, "link_token").expect("a token");
    let (_, cookie) = cookie.split_once('=').expect("a pair");
    world.assert_kept_secret(vec![token, cookie.to_owned(), query("code"), query("state")]).await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_meets_another_node_at_each_step_is_linked_once() {
    let (docusign, running, users, settings) = set_up();
    let settings = settings
        .with("COUNTERSIGN_STORE", &Postgres::shared().await.database().await)
        .with("COUNTERSIGN_VAULT_KEY", "the-key-that-both-nodes-share");
    let one = Server::start(settings.clone()).await;
    let other = Server::start(settings.with("COUNTERSIGN_LISTEN", "127.0.0.1:0")).await;
    let world = World { docusign, running, server: one, users };
    let link = world.link(json!({"tenant_id": "acme"})).await;
    let (cookie, asked) = depart(link["url"].as_str().expect("an address"), &other).await;
    let back = allow(&asked, &world.users[0]).await;
    let (_, query) = back.split_once("/oauth").expect("our path");
    let arrive = |at: &Server| {
        let request = http().get(at.url(&format!("/oauth{query}"))).header("cookie", &cookie);
        async { request.send().await.expect("an answer").status().as_u16() }
    };
    // Both nodes are asked at once, as by an impatient user: one of them has it done.
    let (a, b, c) = tokio::join!(arrive(&world.server), arrive(&other), arrive(&other));
    let mut statuses = [a, b, c];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
    assert_eq!(world.docusign.calls("POST /oauth/token"), 1, "the code was exchanged once");
    let accounts = world.accounts().await;
    assert_eq!((accounts.len(), &accounts[0]["state"]), (1, &json!("active")));
    let there = world.ask(http().get(other.url("/integrated-account"))).await;
    assert_eq!(there["result"], json!(accounts));
    // The other node calls with it as well.
    let body = json!({"integrated_account_id": accounts[0]["id"]});
    let refreshed =
        world.ask(http().post(other.url("/integrated-account/refresh-credentials")).json(&body)).await;
    assert_eq!(refreshed["state"], "active");
    world.running.stop().await;
}

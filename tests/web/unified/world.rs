//! The simulated DocuSign and the faces over it, with requests that name its first account.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use countersign::base::Dice;
use countersign::base::clock::ManualClock;
use countersign::rest::{Client, Forwarder, Settings, Waits, install_tls};
use countersign::simulator::docusign::{Docusign, Running, Settings as Traits};
use countersign::simulator::estate::{Estate, Growth};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::reference::{strict, validator};
use super::super::support::{Answer, Bench};

/// The faces over a server at `url` that stands in DocuSign's place.
pub(crate) fn over(url: &str) -> Bench {
    install_tls();
    // For answers that never come; short, for it is waited for.
    let soon = Duration::from_millis(300);
    bench(url, "token".to_owned().into(), Waits { head: soon, quiet: soon })
}

fn bench(url: &str, token: SecretString, waits: Waits) -> Bench {
    let settings = Settings {
        auth_url: url.to_owned(),
        base_uri: Some(url.to_owned()),
        access_token: Some(token),
        ..Settings::default()
    };
    Bench::calling(None, |clock, metrics| {
        let client = Client::new(settings, clock, Dice::seeded(5), metrics).unwrap();
        Some((client.clone(), Forwarder::waiting(client, "countersign-test", waits).unwrap()))
    })
}

pub(crate) struct World {
    pub(crate) bench: Bench,
    pub(crate) docusign: Docusign,
    running: Running,
    pub(crate) account: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// One in which DocuSign has other traits.
    pub(crate) fn with(traits: impl FnOnce(&mut Traits)) -> Self {
        install_tls();
        let mut settings = Traits { token_life: SignedDuration::from_hours(24 * 3650), ..Traits::default() };
        traits(&mut settings);
        // The same moment as on the faces' own clock.
        let clock = Arc::new(ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()));
        let docusign = Docusign::new(settings, clock, Dice::seeded(9));
        let running = docusign.start("127.0.0.1:0").unwrap();
        let account = docusign.accounts()[0].id.to_string();
        let bench = bench(&running.url(), docusign.issue_token(), Waits::default());
        Self { bench, docusign, running, account }
    }

    /// The same in the name of one user, who may not do everything.
    pub(crate) fn act_as(&mut self, user: Uuid) {
        self.bench = bench(&self.running.url(), self.docusign.issue_token_to(user), Waits::default());
    }

    /// Asks at `/unified/{path}` about the account.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let sign = if path.contains('?') { '&' } else { '?' };
        let uri = format!("/unified/{path}{sign}integrated_account_id={}", self.account);
        let request = TestRequest::default().method(method).uri(&uri);
        self.bench
            .ask(match body {
                Some(body) => request.set_json(body),
                None => request,
            })
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// The answer of status 200, as JSON.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.bytes));
        answer.json()
    }

    /// Checks an object against its schema in the reference, in which nothing but `remote_data` may stand beside it.
    pub(crate) async fn check(&self, schema: &str, mut object: Value) {
        let openapi = strict(self.bench.get("/openapi.json").await.json());
        object.as_object_mut().unwrap().remove("remote_data");
        let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
        let found: Vec<_> =
            validator(&openapi, &reference).iter_errors(&object).map(|fault| fault.to_string()).collect();
        assert!(found.is_empty(), "{schema}: {found:#?} in {object:#}");
    }

    /// The path of a call of DocuSign's own, below the account.
    pub(crate) fn at_docusign(&self, path: &str) -> String {
        format!("/proxy/restapi/v2.1/accounts/{}{path}", self.account)
    }

    /// Sends a signing request as a program of the sender's does, with two documents, a signer who has a field of each
    /// sort, another, and one who gets a copy; its id.
    pub(crate) async fn sent(&self) -> String {
        let document =
            |id: &str, name: &str| json!({"documentId": id, "name": name, "documentBase64": "JVBERi0="});
        let own = |label: &str, document: &str| json!({"tabLabel": label, "documentId": document, "pageNumber": "1", "xPosition": "72", "yPosition": "540"});
        let mut optional = own("Sign later", "2");
        optional["optional"] = json!("true");
        let mut text = own("Rent", "1");
        text["required"] = json!("true");
        text["locked"] = json!("false");
        text["value"] = json!("entered");
        let radio = json!({"groupName": "Pets", "documentId": "1", "radios": [
            {"value": "yes", "pageNumber": "2", "xPosition": "10", "yPosition": "20", "required": "true"},
        ]});
        let tabs = json!({
            "signHereTabs": [own("Sign", "1"), optional], "textTabs": [text], "dateSignedTabs": [own("Date", "1")],
            "radioGroupTabs": [radio], "zipTabs": [own("Postcode", "2")],
        });
        let sent = json!({
            "emailSubject": "Lease 14", "emailBlurb": "Please sign", "status": "sent",
            "documents": [document("1", "Lease 14.pdf"), document("2", "House rules.pdf")],
            "recipients": {
                "signers": [
                    {"recipientId": "1", "name": "Ada Okafor", "email": "ada@example.com", "tabs": tabs},
                    {"recipientId": "2", "name": "Bo", "email": "bo@example.com", "routingOrder": "2",
                     "tabs": {"initialHereTabs": [own("Initials", "2")]}},
                ],
                "carbonCopies": [{"recipientId": "3", "name": "Cy", "email": "cy@example.com", "routingOrder": "3"}],
            },
        });
        let answer = self.bench.post(&self.at_docusign("/envelopes"), Some(sent)).await;
        assert_eq!(answer.status, 201, "{:?}", answer.bytes);
        answer.json()["envelopeId"].as_str().unwrap().to_owned()
    }

    /// Lets the account grow by invented things before those that it has.
    pub(crate) fn grow(&self, by: Growth) {
        assert!(self.docusign.grow(self.docusign.accounts()[0].id, Growth { first: true, ..by }));
    }

    /// Looks at what the account has.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Estate) -> T) -> T {
        self.docusign.look(self.docusign.accounts()[0].id, look).unwrap()
    }

    /// Walks a list by pages of `limit` while others come before those that it has: each of those comes once, in its
    /// order, and none twice.
    pub(crate) async fn walk_against(&self, path: &str, limit: usize, field: &str, by: Growth) {
        let before = self.walk(path, 1_000, field).await;
        assert!(before.len() > limit, "{path} is a page and no more");
        let mut seen = self.walk_while(path, limit, field, || self.grow(by)).await;
        let kept: Vec<_> = seen.iter().filter(|id| before.contains(*id)).collect();
        assert_eq!(kept, before.iter().collect::<Vec<_>>(), "{path}");
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "{path}: none comes twice");
    }

    /// The texts of a field of all objects of a list, read by pages of `limit` to its end.
    pub(crate) async fn walk(&self, path: &str, limit: usize, field: &str) -> Vec<String> {
        self.walk_while(path, limit, field, || {}).await
    }

    /// The same, with something done after each page.
    pub(crate) async fn walk_while(
        &self,
        path: &str,
        limit: usize,
        field: &str,
        mut between: impl FnMut(),
    ) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = self.json(&format!("{path}{sign}limit={limit}&next_cursor={cursor}")).await;
            let objects = page["result"].as_array().unwrap();
            assert!(objects.len() <= limit && page["result_count"] == objects.len());
            all.extend(objects.iter().map(|object| object[field].as_str().unwrap().to_owned()));
            between();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return all,
            }
        }
    }
}

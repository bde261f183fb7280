//! A small stand-in for DocuSign's OAuth and REST: answers as it is told to, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, Clock, Dice};
use countersign::rest::{Client, Settings, http_client};
use countersign::telemetry::Metrics;
use secrecy::SecretString;
use tokio::sync::watch;

pub(crate) const ACCOUNT: &str = "8b411bfe-54f5-47fc-bbf2-55d9a71a200f";
pub(crate) const ENVELOPE: &str = "71799c95-8417-4b16-90d5-86ff24a91d09";
pub(crate) const NOW: &str = "2026-11-23T10:20:00Z";
/// For clients of a wire that never answers; short, for it is waited for.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_millis(300);

/// An answer: status, headers, body.
#[derive(Debug, Clone)]
pub(crate) struct Answer(pub(crate) u16, pub(crate) Vec<(&'static str, String)>, pub(crate) String);

impl Answer {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self(status, Vec::new(), body.to_owned())
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.1.push((name, value.to_owned()));
        self
    }

    fn response(self) -> HttpResponse {
        let mut response = HttpResponse::build(StatusCode::from_u16(self.0).unwrap());
        self.1.into_iter().for_each(|header| {
            response.insert_header(header);
        });
        response.content_type("application/json").body(self.2)
    }
}

/// What a stand-in was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

#[derive(Default)]
struct Script {
    tokens: VecDeque<Answer>,
    userinfo: VecDeque<Answer>,
    calls: VecDeque<Answer>,
    asked: Vec<Asked>,
    tokens_made: usize,
}

pub(crate) struct StandIn {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    /// While false, token requests wait for their answer.
    gate: watch::Sender<bool>,
    server: actix_web::dev::ServerHandle,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Not awaited: the request to stop is sent as this is called.
        drop(self.server.stop(false));
    }
}

async fn answer(
    request: HttpRequest,
    body: String,
    script: web::Data<Mutex<Script>>,
    gate: web::Data<watch::Receiver<bool>>,
) -> HttpResponse {
    let header = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let path = request.uri().to_string();
    script.lock().unwrap().asked.push(Asked { path: path.clone(), authorization: header, body });
    if path == "/oauth/token" {
        let mut gate = watch::Receiver::clone(&gate);
        gate.wait_for(|open| *open).await.unwrap();
    }
    let mut script = script.lock().unwrap();
    let told = match path.as_str() {
        "/oauth/token" => script.tokens.pop_front(),
        "/oauth/userinfo" => script.userinfo.pop_front(),
        _ => script.calls.pop_front(),
    };
    let own = |script: &mut Script| match path.as_str() {
        "/oauth/token" => {
            script.tokens_made += 1;
            let made = script.tokens_made;
            format!(r#"{{"access_token":"token-{made}","token_type":"Bearer","expires_in":3600}}"#)
        }
        "/oauth/userinfo" => {
            let base = format!("http://{}", request.connection_info().host());
            format!(r#"{{"accounts":[{{"account_id":"{ACCOUNT}","is_default":true,"base_uri":"{base}"}}]}}"#)
        }
        _ => envelope("sent"),
    };
    told.unwrap_or_else(|| Answer::new(200, &own(&mut script))).response()
}

pub(crate) fn envelope(status: &str) -> String {
    format!(
        r#"{{"envelopeId":"{ENVELOPE}","status":"{status}","emailSubject":"Offer","statusChangedDateTime":"2026-11-23T10:19:58.5000000Z","recipients":{{"signers":[{{"recipientId":"1","name":"Ada First","email":"ada.first@example.com","routingOrder":"1","status":"sent"}}]}}}}"#
    )
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let script = web::Data::new(Mutex::new(Script::default()));
        let (gate, receiver) = watch::channel(true);
        let (for_app, gate_for_app) = (script.clone(), web::Data::new(receiver));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(for_app.clone())
                .app_data(gate_for_app.clone())
                .default_service(web::to(answer))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, script: script.into_inner(), gate, server: handle }
    }

    /// Lets token requests be answered, or wait.
    pub(crate) fn gate(&self, open: bool) {
        self.gate.send_replace(open);
    }

    pub(crate) fn next_token(&self, answer: Answer) {
        self.script.lock().unwrap().tokens.push_back(answer);
    }

    pub(crate) fn next_userinfo(&self, answer: Answer) {
        self.script.lock().unwrap().userinfo.push_back(answer);
    }

    pub(crate) fn next_call(&self, answer: Answer) {
        self.script.lock().unwrap().calls.push_back(answer);
    }

    /// What was asked under a path that begins so.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let script = self.script.lock().unwrap();
        script.asked.iter().filter(|asked| asked.path.starts_with(path)).cloned().collect()
    }

    pub(crate) fn settings(&self) -> Settings {
        let key = include_str!("../../fixtures/docusign/test-key.pem");
        Settings {
            auth_url: self.url.clone(),
            client_id: "integration-key".to_owned(),
            user_id: "user-guid".to_owned(),
            private_key: Some(SecretString::from(key)),
            ..Settings::default()
        }
    }
}

/// A client with a clock in the test's hand.
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) metrics: Metrics,
}

impl Place {
    pub(crate) fn new(settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let metrics = Metrics::default();
        let http = http_client(&settings.user_agent, PATIENCE * 30).unwrap();
        let shared: Arc<dyn Clock> = clock.clone();
        let client = Client::with_http(http, settings, shared, Dice::seeded(7), metrics.clone()).unwrap();
        Self { client, clock, metrics }
    }

    pub(crate) async fn envelope(&self) -> Result<countersign::rest::Fetched, countersign::rest::Error> {
        self.client.envelope(&AccountId::new(ACCOUNT), ENVELOPE, &countersign::rest::Include::ALL).await
    }
}

//! A receiver of Connect messages that checks signatures on its own and otherwise answers by script.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign::simulator::connect::{Configuration, Format};
use countersign::simulator::sender::Target;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::Notify;

pub(crate) const KEY: &str = "9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=";

/// One POST as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) signed: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// How many came in before it.
    pub(crate) place: usize,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.json().pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// What a script answers: a status, an outcome, and `Retry-After` in seconds.
pub(crate) type Scripted = (u16, &'static str, Option<u64>);

type Script = Box<dyn Fn(&Received, &[Received]) -> Scripted + Send + Sync>;

struct Shared {
    script: Script,
    received: Mutex<Vec<Received>>,
    came: Notify,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    handle: ServerHandle,
}

async fn receive(request: HttpRequest, body: Bytes, shared: web::Data<Arc<Shared>>) -> HttpResponse {
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(&body);
    let wanted = STANDARD.encode(mac.finalize().into_bytes());
    let signed =
        headers.iter().any(|(name, value)| name.starts_with("x-docusign-signature-") && *value == wanted);
    let (status, outcome, retry_after) = {
        let mut received = shared.received.lock().unwrap();
        let delivery = Received { signed, headers, body, place: received.len() };
        let answer = (shared.script)(&delivery, &received);
        received.push(delivery);
        answer
    };
    shared.came.notify_waiters();
    let mut answer = HttpResponse::build(StatusCode::from_u16(status).unwrap());
    if let Some(seconds) = retry_after {
        answer.insert_header(("Retry-After", seconds.to_string()));
    }
    answer.json(serde_json::json!({"outcome": outcome, "delivery_id": "x"}))
}

impl Receiver {
    pub(crate) fn start(script: impl Fn(&Received, &[Received]) -> Scripted + Send + Sync + 'static) -> Self {
        let shared =
            Arc::new(Shared { script: Box::new(script), received: Mutex::default(), came: Notify::new() });
        let data = web::Data::new(Arc::clone(&shared));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(8 << 20))
                .route("/connect", web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, shared, handle }
    }

    /// Takes what is rightly signed, and knows again what it took.
    pub(crate) fn honest() -> Self {
        let known = Mutex::new(HashSet::new());
        Self::start(move |delivery, _| {
            if !delivery.signed {
                (401, "refused", None)
            } else if known.lock().unwrap().insert(said(delivery)) {
                (200, "accepted", None)
            } else {
                (200, "duplicate", None)
            }
        })
    }

    pub(crate) fn target(&self, format: Format) -> Target {
        Target {
            url: format!("http://{}/connect", self.address),
            keys: vec![SecretString::from("an older key="), SecretString::from(KEY)],
            configuration: Configuration::new(format),
        }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Waits until what came in satisfies `wanted`.
    pub(crate) async fn until(&self, wanted: impl Fn(&[Received]) -> bool) {
        let waiting = async {
            loop {
                let came = self.shared.came.notified();
                if wanted(&self.shared.received.lock().unwrap()) {
                    return;
                }
                came.await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("it comes in time");
    }
}

/// What a message says, retries and second configurations aside.
fn said(received: &Received) -> Vec<u8> {
    let mut json = received.json();
    match json.as_object_mut() {
        Some(fields) => {
            fields.remove("retryCount");
            fields.remove("configurationId");
            json.to_string().into_bytes()
        }
        None => received.body.to_vec(),
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

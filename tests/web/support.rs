//! A store, a receiver and the faces on top of them, in a folder that lives as long as the test.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::App;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{Bytes, Data};
use countersign::base::clock::ManualClock;
use countersign::base::{Clock, DeliveryId, Dice, SourceName};
use countersign::connect::signature::sign;
use countersign::evidence::PublicKey;
use countersign::link::{Linked, Tools};
use countersign::receive::{self, Receiver, Release, Request, Source, Sources};
use countersign::rest::{Authority, Client, Forwarder, Settings as RestSettings, http_client};
use countersign::store::{Settings, Store};
use countersign::telemetry::Metrics;
use countersign::vault::Vault;
use countersign::web::{self, Api, BrokerView, KeysView, Parts, ReleaseError, Version};
use futures_util::stream;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::docusign::{Flow, side};

pub(crate) const KEY: &str = "web-test-key";
pub(crate) const ACCOUNT: &str = "8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11";
pub(crate) const RATE: u32 = 40;
pub(crate) const HERE: &str = "127.0.0.1:50000";

/// Everything under test, with the handles that tests turn.
pub(crate) struct Bench {
    pub(crate) receiver: Receiver,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) broker: Arc<Mutex<BrokerView>>,
    pub(crate) keys: Arc<Mutex<KeysView>>,
    pub(crate) flow: Flow,
    pub(crate) stopping: CancellationToken,
    pub(crate) api: Data<Api>,
    pub(crate) folder: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_token(None)
    }

    pub(crate) fn with_token(token: Option<&str>) -> Self {
        Self::calling(token, |_, _| None)
    }

    /// The same with DocuSign to be called.
    pub(crate) fn calling(
        token: Option<&str>,
        docusign: impl FnOnce(Arc<ManualClock>, Metrics) -> Option<(Client, Forwarder)>,
    ) -> Self {
        Self::linking(token, &RestSettings::default(), docusign)
    }

    /// One to which users can link accounts, with these settings.
    pub(crate) fn with(token: Option<&str>, settings: &RestSettings) -> Self {
        Self::linking(token, settings, |_, _| None)
    }

    fn linking(
        token: Option<&str>,
        settings_of_docusign: &RestSettings,
        docusign: impl FnOnce(Arc<ManualClock>, Metrics) -> Option<(Client, Forwarder)>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()));
        let settings = Settings::sqlite(folder.path().join("countersign.sqlite"), true);
        let store = Store::open_by(&settings, clock.clone()).unwrap();
        let dice = Dice::seeded(11);
        let metrics = Metrics::default();
        let source = Source::new(SourceName::default(), vec![SecretString::from(KEY)]);
        let receiver = Receiver {
            sources: Sources::new(vec![source]),
            store: store.clone(),
            spool: Arc::new(folder.path().join("spool")),
            body_bytes_max: 32 * 1024 * 1024,
            clock: clock.clone(),
            dice: dice.clone(),
            metrics: metrics.clone(),
            room: receive::Room::shared(32 * 1024 * 1024),
            explaining: receive::Turns::default(),
            crowded: receive::Turns::default(),
        };
        receiver.prepare().unwrap();
        let broker = Arc::new(Mutex::new(BrokerView::default()));
        let keys = Arc::new(Mutex::new(KeysView { sources: 1, ..KeysView::default() }));
        let stopping = CancellationToken::new();
        let (asked_broker, asked_keys) = (broker.clone(), keys.clone());
        let (flow, face) = side(&store, &clock);
        let docusign = docusign(clock.clone(), metrics.clone());
        let (releaser, replayer) = (receiver.clone(), receiver.clone());
        let http = http_client("test", std::time::Duration::from_secs(5)).unwrap();
        let by: Arc<dyn Clock> = clock.clone();
        let authority = Authority::new(http.clone(), settings_of_docusign, by.clone()).unwrap();
        let vault = Arc::new(Vault::new(&SecretString::from("key"), None, dice.clone()));
        let tools = Tools {
            store: store.clone(),
            vault,
            authority,
            node: "node".into(),
            clock: by.clone(),
            dice: dice.clone(),
        };
        let linked = Linked::new(tools, None);
        let (client, forwarder) = docusign.unwrap_or_else(|| {
            let client = Client::over(Arc::new(linked.clone()), http, by, metrics.clone());
            (client.clone(), Forwarder::new(client, "test").unwrap())
        });
        let api = Api::new(Parts {
            store: store.clone(),
            metrics,
            clock: clock.clone(),
            dice,
            broker: Arc::new(move || asked_broker.lock().unwrap().clone()),
            keys: Arc::new(move || asked_keys.lock().unwrap().clone()),
            release: Arc::new(move |id| {
                let receiver = releaser.clone();
                Box::pin(async move { released(receive::release(&receiver, id).await) })
            }),
            replay: Arc::new(move |wanted| {
                let receiver = replayer.clone();
                Box::pin(async move { receive::replay::replay(&receiver, &wanted).await })
            }),
            forwarder,
            linked,
            client,
            docusign: Some(face),
            api_rate: RATE,
            api_token: countersign::web::TokenInForce::new(token.map(SecretString::from).as_ref()),
            audit_key: PublicKey([7; 32]),
            version: Version {
                version: "1.2.3".into(),
                commit: None,
                started_at: "2026-11-23T09:00:00Z".parse().unwrap(),
            },
            stopping: stopping.clone(),
        });
        Self { receiver, store, clock, broker, keys, flow, stopping, api: Data::new(api), folder }
    }

    /// Takes in a signed body; its outcome's word and its id.
    pub(crate) async fn receive(&self, body: &[u8]) -> (&'static str, DeliveryId) {
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-docusign-signature-1".to_owned(), sign(KEY, body)),
        ];
        let request = Request { source: SourceName::default(), headers };
        // In several chunks, as large ones come.
        let chunks: Vec<_> =
            body.chunks(64 * 1024).map(|c| Ok::<_, Infallible>(Bytes::copy_from_slice(c))).collect();
        let fate = Arc::new(self.receiver.clone()).receive(request, stream::iter(chunks)).await;
        (fate.outcome.word(), fate.delivery_id)
    }

    /// Takes in an event of an envelope, a moment after the last one.
    pub(crate) async fn tell(&self, event: &str, envelope: &str) -> DeliveryId {
        self.clock.advance(jiff::SignedDuration::from_millis(1_500));
        let (outcome, id) = self.receive(&message(event, envelope, self.clock.now())).await;
        assert_eq!(outcome, "accepted", "{event} {envelope}");
        id
    }

    /// Asks from this machine, with the token where one is given.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(TestRequest::get().uri(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Option<Value>) -> Answer {
        let request = TestRequest::post().uri(path);
        self.ask(match body {
            Some(body) => request.set_json(body),
            None => request,
        })
        .await
    }

    /// Asks from this machine.
    pub(crate) async fn ask(&self, request: TestRequest) -> Answer {
        self.ask_from(HERE, request).await
    }

    /// Asks from elsewhere with a token.
    pub(crate) async fn ask_as(&self, token: &str, request: TestRequest) -> Answer {
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        self.ask_from("203.0.113.9:40000", request).await
    }

    /// Has a token made with the configured one: its id and its text.
    pub(crate) async fn token(&self, configured: &str, wanted: Value) -> (String, String) {
        let request = TestRequest::post().uri("/v1/tokens").set_json(wanted);
        let made = self.ask_as(configured, request).await;
        assert_eq!(made.status, 200, "{}", made.message());
        let text = |field: &str| made.json()[field].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    pub(crate) async fn ask_from(&self, peer: &str, request: TestRequest) -> Answer {
        let answer = self.open(peer, request).await;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = to_bytes(answer.into_body()).await.ok().expect("a whole body");
        Answer { status, headers, bytes }
    }

    /// Asks, and leaves the body of the answer to be read.
    pub(crate) async fn open(
        &self,
        peer: &str,
        request: TestRequest,
    ) -> ServiceResponse<impl MessageBody + use<>> {
        let (api, receiver) = (self.api.clone(), Data::new(self.receiver.clone()));
        let app = App::new()
            .wrap(from_fn(web::stamp))
            .configure(|config| web::connect::configure(config, receiver))
            .configure(|config| web::configure(config, api));
        let service = init_service(app).await;
        let peer: SocketAddr = peer.parse().unwrap();
        call_service(&service, request.peer_addr(peer).to_request()).await
    }
}

fn released(
    result: Result<Release, receive::ReleaseError>,
) -> Result<countersign::store::Appended, ReleaseError> {
    match result {
        Ok(Release::Released(appended)) => Ok(appended),
        Ok(Release::StillUnreadable(why)) => Err(ReleaseError::Unreadable(why)),
        Ok(Release::Unknown) => Err(ReleaseError::Unknown),
        Err(receive::ReleaseError::Store(error)) => Err(ReleaseError::Store(error)),
        Err(receive::ReleaseError::File(_)) => Err(ReleaseError::Pruned),
    }
}

/// A JSON message about an envelope, generated at a moment.
pub(crate) fn message(event: &str, envelope: &str, at: jiff::Timestamp) -> Vec<u8> {
    let mut data = json!({ "accountId": ACCOUNT, "envelopeId": envelope });
    if event.starts_with("recipient-") {
        data["recipientId"] = json!("1");
    }
    json!({
        "event": event, "apiVersion": "v2.1", "retryCount": 0, "configurationId": 1, "generatedDateTime": at.to_string(),
        "uri": format!("/restapi/v2.1/accounts/{ACCOUNT}/envelopes/{envelope}"), "data": data,
    })
    .to_string()
    .into_bytes()
}

//! A store with changes in it, and the state of the faces on top: for the faces' own tests.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::base::clock::ManualClock;
use crate::base::{
    AccountId, ChangeId, Clock, DeliveryId, Dice, Position, SigningRequestId, SourceName, Subject,
};
use crate::connect::signature::{Keys, sign, verify};
use crate::connect::{Body, Delivery, Format};
use crate::evidence::PublicKey;
use crate::link::{Linked, Tools};
use crate::receive::replay::Page;
use crate::rest::{Authority, Client, Forwarder, Settings as RestSettings, http_client};
use crate::signing::{Entry, Mark, Observation, Receipt, SigningRequestStatus};
use crate::store::{Arrival, FeedRow, Reading, Settings, Store};
use crate::telemetry::Metrics;
use crate::vault::Vault;

use super::{Api, BrokerView, KeysView, Parts, ReleaseError, Version};

const KEY: &str = "web-bench-key";
pub(super) const ACCOUNT: &str = "8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11";

pub(super) struct Bench {
    pub(super) store: Store,
    dice: Dice,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("countersign.sqlite");
        let store =
            Store::open_by(&Settings::sqlite(path, false), Arc::new(ManualClock::new(now()))).unwrap();
        Self { store, dice: Dice::seeded(5), _folder: folder }
    }

    /// Stores that a signing request was sent: one change.
    pub(super) async fn sent(&self, number: u32) {
        let received_at = now();
        let body = b"{}";
        let delivery = Delivery {
            id: DeliveryId(self.dice.uuid_at(received_at)),
            source: SourceName::default(),
            received_at,
            headers: vec![("x-docusign-signature-1".into(), sign(KEY, body))],
            body: Body::Inline(Bytes::from_static(body)),
            traceparent: String::new(),
        };
        let delivery = verify(delivery, &Keys::new(&[SecretString::from(KEY)]).digests(body)).unwrap();
        let seen = Observation {
            account: AccountId::new(ACCOUNT),
            subject: subject(number),
            event: "envelope-sent".into(),
            format: Format::Json,
            generated_at: None,
            name: Some("x".repeat(100)),
            cancellation_reason: None,
            marks: vec![Mark::SigningRequest { status: SigningRequestStatus::Sent, at: None }],
            activity: None,
        };
        let arrival = Arrival { delivery, reading: Reading::Understood(Box::new(seen)) };
        self.store.append(arrival).await.unwrap();
    }

    /// Marks changes as the broker's.
    pub(super) async fn settle(&self, positions: impl IntoIterator<Item = u64>) {
        let receipts = positions.into_iter().map(|position| Receipt::confirmed(Position(position)));
        self.store.settle(receipts.collect()).await.unwrap();
    }

    pub(super) fn api(&self) -> Api {
        self.api_with(None)
    }

    /// The same with a configured token.
    pub(super) fn api_with(&self, token: Option<&str>) -> Api {
        let (linked, client) = self.nobody();
        Api::new(Parts {
            store: self.store.clone(),
            metrics: Metrics::default(),
            clock: Arc::new(ManualClock::new(now())) as Arc<dyn Clock>,
            dice: self.dice.clone(),
            broker: Arc::new(BrokerView::default),
            keys: Arc::new(KeysView::default),
            release: Arc::new(|_| Box::pin(async { Err(ReleaseError::Unknown) })),
            replay: Arc::new(|_| Box::pin(async { Ok(Page::default()) })),
            forwarder: Forwarder::new(client.clone(), "test").unwrap(),
            linked,
            client,
            docusign: None,
            api_token: crate::web::TokenInForce::new(token.map(SecretString::from).as_ref()),
            api_rate: 0,
            audit_key: PublicKey([7; 32]),
            version: Version { version: "1.2.3".into(), commit: None, started_at: now() },
            stopping: CancellationToken::new(),
        })
    }

    /// A keyring without accounts, and a client for them.
    fn nobody(&self) -> (Linked, Client) {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now()));
        let http = http_client("test", std::time::Duration::from_secs(1)).unwrap();
        let authority = Authority::new(http.clone(), &RestSettings::default(), clock.clone()).unwrap();
        let vault = Arc::new(Vault::new(&SecretString::from("key"), None, self.dice.clone()));
        let (store, dice, node) = (self.store.clone(), self.dice.clone(), "node".to_owned());
        let linked = Linked::new(Tools { store, vault, authority, node, clock: clock.clone(), dice }, None);
        (linked.clone(), Client::over(Arc::new(linked), http, clock, Metrics::default()))
    }

    /// A row that no store holds.
    pub(super) fn row(position: u64) -> FeedRow {
        FeedRow {
            entry: Entry {
                position: Position(position),
                subject_ref: 1,
                id: ChangeId(Dice::seeded(position).uuid()),
                account: AccountId::new(ACCOUNT),
                subject: subject(1),
                sequence: position,
                routing_key: format!("signing_request.sent.{ACCOUNT}"),
                event_type: "countersign.signing_request.status_changed.v1".into(),
                occurred_at: now(),
                traceparent: String::new(),
                body: "{}".into(),
            },
            published: false,
            published_at: None,
        }
    }
}

pub(super) fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn subject(number: u32) -> Subject {
    Subject::SigningRequest(SigningRequestId::new(&format!("request-{number}")))
}

//! Deliveries and observations made by hand, and a store in a folder of its own.

use std::path::Path;

use bytes::Bytes;
use countersign::base::{
    AccountId, DeliveryId, Dice, Moment, ParticipantId, SigningRequestId, SourceName, Subject,
};
use countersign::connect::signature::{Keys, sign, verify};
use countersign::connect::{Body, Delivery, Format, VerifiedDelivery};
use countersign::signing::{Activity, Mark, Observation, ParticipantStatus, Person, SigningRequestStatus};
use countersign::store::{Appended, Arrival, Parts, Reading, Settings, Store, Work};
use jiff::Timestamp;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

pub(crate) const KEY: &str = "store-test-key";

/// A store in a folder, or on a server, that lives as long as the test.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) dice: Dice,
    pub(crate) now: Timestamp,
    /// A database on a server; without one, a file in the folder.
    url: Option<String>,
}

impl Place {
    pub(crate) fn new(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, dice: Dice::seeded(7), now: "2026-11-23T10:00:00Z".parse().unwrap(), url }
    }

    /// Each time another node, where nodes share a store.
    pub(crate) fn settings(&self, enrich: bool) -> Settings {
        let Some(url) = &self.url else {
            return Settings::sqlite(self.folder.path().join("countersign.sqlite"), enrich);
        };
        let node = self.dice.uuid().to_string();
        let (url, folder) = (SecretString::from(url.as_str()), self.folder.path().join(&node));
        Settings { place: countersign::store::Place::Postgres { url, folder, node }, enrich }
    }

    /// Opens it, and has all of the work there is.
    pub(crate) async fn open(&self) -> Store {
        let store = Store::open(&self.settings(true)).unwrap();
        whole(&store, Work::Enrich).await;
        store
    }

    /// The name of its database.
    pub(crate) fn database(&self) -> String {
        self.url.as_deref().and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned()
    }

    /// Opens it as one more node, which takes what share of the work it gets.
    pub(crate) fn open_node(&self) -> Store {
        Store::open(&self.settings(true)).unwrap()
    }

    pub(crate) async fn open_without_enrichment(&self) -> Store {
        let store = Store::open(&self.settings(false)).unwrap();
        whole(&store, Work::Enrich).await;
        store
    }

    pub(crate) fn delivery(&self, body: &[u8]) -> VerifiedDelivery {
        self.signed(Body::Inline(Bytes::copy_from_slice(body)), body)
    }

    pub(crate) fn large(&self, body: &[u8], spool: &Path) -> VerifiedDelivery {
        let path = spool.join("large");
        std::fs::write(&path, body).unwrap();
        self.signed(
            Body::Spooled {
                path,
                length: body.len() as u64,
                sha256: Sha256::digest(body).into(),
                skeleton: None,
            },
            body,
        )
    }

    fn signed(&self, kept: Body, body: &[u8]) -> VerifiedDelivery {
        let keys = Keys::new(&[SecretString::from(KEY)]);
        let delivery = Delivery {
            id: DeliveryId(self.dice.uuid_at(self.now)),
            source: SourceName::default(),
            received_at: self.now,
            headers: vec![("x-docusign-signature-1".into(), sign(KEY, body))],
            body: kept,
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        };
        verify(delivery, &keys.digests(body)).unwrap()
    }

    pub(crate) async fn tell(&self, store: &Store, seen: Observation) -> Appended {
        let delivery = self.delivery(format!("{seen:?}").as_bytes());
        store.append(Arrival { delivery, reading: Reading::Understood(Box::new(seen)) }).await.unwrap()
    }
}

/// Waits until a store has all of some work: the leases of one that was dropped must end first.
pub(crate) async fn whole(store: &Store, work: Work) {
    let all = async { store.take_part(work).wait_for(|parts| *parts == Parts::ALL).await.map(drop) };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.expect("leases move").unwrap();
}

pub(crate) fn account() -> AccountId {
    AccountId::new("8b411bfe-54f5-47fc-bbf2-55d9a71a200f")
}

pub(crate) fn signing_request(number: u32) -> SigningRequestId {
    SigningRequestId::new(&format!("00000000-0000-4000-8000-{number:012}"))
}

fn blank(number: u32, event: &str) -> Observation {
    Observation {
        account: account(),
        subject: Subject::SigningRequest(signing_request(number)),
        event: event.into(),
        format: Format::Json,
        generated_at: Some(Moment::certain("2026-11-23T09:59:59.5Z".parse().unwrap())),
        name: Some("Please sign".into()),
        cancellation_reason: None,
        marks: Vec::new(),
        activity: None,
    }
}

pub(crate) fn status(number: u32, status: SigningRequestStatus) -> Observation {
    let mut seen = blank(number, &format!("envelope-{}", status.id()));
    seen.marks.push(Mark::SigningRequest { status, at: None });
    seen
}

pub(crate) fn participant(number: u32, id: &str, status: ParticipantStatus) -> Observation {
    let mut seen = blank(number, &format!("recipient-{}", status.id()));
    let person =
        Person { id: ParticipantId::new(id), name: None, email: None, reason: None, routing_order: None };
    seen.marks.push(Mark::Participant { person, status, at: None });
    seen
}

pub(crate) fn activity(number: u32, event: &str, discriminator: &[u8]) -> Observation {
    let mut seen = blank(number, event);
    let discriminator = discriminator.to_vec();
    seen.activity = Some(Activity { person: None, reassigned_to: None, at: None, discriminator });
    seen
}

//! A store and a receiver in a folder of their own, and hands that spoil what lies in them.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, ChangeId, Clock, DeliveryId, Dice, SourceName};
use countersign::connect::signature::{Keys, sign, verify};
use countersign::connect::{Body, Delivery, parse_bytes};
use countersign::receive::replay::{Choice, Finding, Note, Tally, Verdict, Wanted, replay};
use countersign::receive::{Receiver, Request, Room, Source, Sources, Turns};
use countersign::signing::{Observation, map};
use countersign::store::{Arrival, EnrichedChange, FeedQuery, FeedRow, Place, Reading, Settings, Store};
use countersign::telemetry::Metrics;
use futures_util::stream;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};

pub(crate) const KEY: &str = "replay-test-key";
pub(crate) const ACCOUNT: &str = "8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11";

pub(crate) struct Bench {
    pub(crate) receiver: Receiver,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
}

/// All pages of a replay together.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    pub(crate) findings: Vec<Finding>,
    pub(crate) notes: Vec<Note>,
    pub(crate) tally: Tally,
    pub(crate) pages: usize,
}

impl Replayed {
    /// What was found, by kind and id.
    pub(crate) fn found(&self) -> Vec<(&'static str, ChangeId)> {
        let kind = |finding: &Finding| match finding.verdict {
            Verdict::Missing => "missing",
            Verdict::Extra => "extra",
            Verdict::Different(_) => "different",
        };
        self.findings.iter().map(|finding| (kind(finding), finding.id)).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.notes.iter().map(|note| note.kind).collect()
    }
}

pub(crate) fn source() -> Source {
    Source::new(SourceName::default(), vec![SecretString::from(KEY)])
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::sqlite(folder.path().join("countersign.sqlite"), true);
        Self::on(&settings, folder)
    }

    /// On a database of a server.
    pub(crate) fn on_server(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (own, node) = (folder.path().to_owned(), "node-1".to_owned());
        let place = Place::Postgres { url: SecretString::from(url), folder: own, node };
        Self::on(&Settings { place, enrich: true }, folder)
    }

    fn on(settings: &Settings, folder: tempfile::TempDir) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()));
        let store = Store::open_by(settings, clock.clone()).unwrap();
        let receiver = Receiver {
            sources: Sources::new(vec![source()]),
            store: store.clone(),
            spool: Arc::new(folder.path().join("spool")),
            body_bytes_max: 32 * 1024 * 1024,
            clock: clock.clone(),
            dice: Dice::seeded(3),
            metrics: Metrics::default(),
            room: Room::shared(32 * 1024 * 1024),
            explaining: Turns::default(),
            crowded: Turns::default(),
        };
        receiver.prepare().unwrap();
        Self { receiver, store, clock, folder }
    }

    /// Takes in a signed body a moment after the last one; its outcome's word and its id.
    pub(crate) async fn receive(&self, body: &[u8]) -> (&'static str, DeliveryId) {
        self.clock.advance(SignedDuration::from_millis(1_500));
        let headers = vec![("x-docusign-signature-1".to_owned(), sign(KEY, body))];
        let request = Request { source: SourceName::default(), headers };
        let chunks: Vec<_> =
            body.chunks(64 * 1024).map(|c| Ok::<_, Infallible>(Bytes::copy_from_slice(c))).collect();
        let fate = Arc::new(self.receiver.clone()).receive(request, stream::iter(chunks)).await;
        (fate.outcome.word(), fate.delivery_id)
    }

    /// Stores a body as an older version would have that read it in another way.
    pub(crate) async fn receive_as(&self, body: &[u8], misread: impl FnOnce(&mut Observation)) {
        self.clock.advance(SignedDuration::from_millis(1_500));
        let received_at = self.clock.now();
        let delivery = Delivery {
            id: DeliveryId(self.receiver.dice.uuid_at(received_at)),
            source: SourceName::default(),
            received_at,
            headers: vec![("x-docusign-signature-1".into(), sign(KEY, body))],
            body: Body::Inline(Bytes::copy_from_slice(body)),
            traceparent: String::new(),
        };
        let keys = Keys::new(&[SecretString::from(KEY)]);
        let delivery = verify(delivery, &keys.digests(body)).unwrap();
        let mut seen = map::observe(&parse_bytes(body, None).unwrap(), AccountId::new(ACCOUNT));
        misread(&mut seen);
        let arrival = Arrival { delivery, reading: Reading::Understood(Box::new(seen)) };
        self.store.append(arrival).await.unwrap();
    }

    /// Completes all fetches that are due, so that enriched changes stand among the others.
    pub(crate) async fn enrich(&self) {
        self.clock.advance(SignedDuration::from_secs(1));
        let at = self.clock.now();
        for claim in self.store.claim_enrichments(at, 10).await.unwrap() {
            let id = u128::from(claim.covers.last().unwrap().sequence) << 32 | claim.subject_ref as u128;
            let enriched = EnrichedChange {
                id: ChangeId(uuid::Uuid::from_u128(id)),
                routing_key: format!("enriched.sent.{ACCOUNT}"),
                occurred_at: at,
                received_at: at,
                body: Box::new(move |sequence| format!("{{\"sequence\":{sequence}}}")),
            };
            self.store.complete_enrichment(claim, enriched).await.unwrap();
        }
    }

    /// Replays page by page.
    pub(crate) async fn replay(&self, wanted: Wanted) -> Replayed {
        let mut all = Replayed::default();
        let mut wanted = wanted;
        loop {
            let page = replay(&self.receiver, &wanted).await.unwrap();
            all.pages += 1;
            all.findings.extend(page.findings);
            all.notes.extend(page.notes);
            let (sum, one) = (&mut all.tally, page.tally);
            sum.deliveries += one.deliveries;
            sum.unapplied += one.unapplied;
            sum.subjects += one.subjects;
            sum.same += one.same;
            sum.missing += one.missing;
            sum.extra += one.extra;
            sum.different += one.different;
            sum.published += one.published;
            match page.next {
                Some(next) => {
                    assert!(next > wanted.after, "a page that does not move on");
                    wanted.after = next;
                }
                None => return all,
            }
        }
    }

    pub(crate) async fn dry(&self) -> Replayed {
        self.replay(Wanted::default()).await
    }

    pub(crate) async fn publish(&self, publish: Choice) -> Replayed {
        self.replay(Wanted { publish, ..Wanted::default() }).await
    }

    pub(crate) async fn feed(&self) -> Vec<FeedRow> {
        self.store.feed(FeedQuery { limit: 100_000, ..FeedQuery::default() }).await.unwrap()
    }

    /// The database as somebody else may open it.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("countersign.sqlite")).unwrap()
    }

    /// Loses a change, as a version that did not make it would have.
    pub(crate) fn lose(&self, position: u64) {
        let position = i64::try_from(position).unwrap();
        let database = self.database();
        let lost = database.execute("DELETE FROM changes WHERE position = ?1", [position]).unwrap();
        database.execute("DELETE FROM outbox WHERE position = ?1", [position]).unwrap();
        assert_eq!(lost, 1);
    }
}

/// What a change says.
pub(crate) fn said(row: &FeedRow) -> Value {
    serde_json::from_str(&row.entry.body).unwrap()
}

/// A JSON message about an envelope.
pub(crate) fn message(event: &str, envelope: &str, second: u32) -> Vec<u8> {
    let mut data = json!({ "accountId": ACCOUNT, "envelopeId": envelope });
    if event.starts_with("recipient-") {
        data["recipientId"] = json!("1");
    }
    let at = format!("2026-11-23T09:{:02}:{:02}Z", second / 60, second % 60);
    json!({ "event": event, "generatedDateTime": at, "data": data }).to_string().into_bytes()
}

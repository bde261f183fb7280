//! The store itself, driven by the same operations.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::runtime::Runtime;

use crate::base::{
    AccountId, ChangeId, DeliveryId, Dice, Moment, ParticipantId, Position, SigningRequestId, SourceName,
    Subject,
};
use crate::connect::signature::{Keys, sign, verify};
use crate::connect::{Body, Delivery, Format, VerifiedDelivery};
use crate::evidence::{Known, Report, Verifier};
use crate::signing::{Activity, Mark, Observation, Person, Receipt};
use crate::store::ledger::Ledger;
use crate::store::{
    Appended, Arrival, DeliveryQuery, EnrichedChange, Enrichment, FeedQuery, FeedRow, Parts, Reading,
    Resolution, Store, Work,
};

use super::Open;
use super::model::{Model, picked};
use super::operation::{ACTIVITY, Answer, Books, FETCHED, Fact, Operation, Row, SUBJECTS, Telling};

const KEY: &str = "model-key";
const BEGINNING: &str = "2026-01-01T00:00:00Z";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const PATIENCE: Duration = Duration::from_secs(60);
/// More rows than any life has.
const ALL: usize = 100_000;

pub(super) struct Real {
    open: Open,
    runtime: Runtime,
    dice: Dice,
    store: Option<Store>,
    now: u64,
    ids: Vec<DeliveryId>,
    claims: BTreeMap<u8, Enrichment>,
}

/// Opens the store, and waits until all fetches are this node's: one that ended before may have to be outlived.
fn opened(open: &Open, runtime: &Runtime) -> Store {
    let store = open();
    let mut share = store.take_part(Work::Enrich);
    let whole = async { share.wait_for(|parts| *parts == Parts::ALL).await.map(drop) };
    let whole = async { tokio::time::timeout(PATIENCE, whole).await };
    runtime.block_on(whole).expect("leases move").unwrap();
    store
}

fn moment(seconds: u64) -> Timestamp {
    BEGINNING.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds as i64)
}

fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.duration_since(moment(0)).as_millis()).unwrap()
}

fn account(subject: u8) -> AccountId {
    AccountId::new(if subject.is_multiple_of(2) { "even" } else { "odd" })
}

fn signing_request(subject: u8) -> SigningRequestId {
    SigningRequestId::new(&format!("request-{subject}"))
}

fn number_of(id: &str) -> u8 {
    id.strip_prefix("request-").unwrap().parse().unwrap()
}

/// The id of the delivery of that number: made of it, so that another process knows it too.
fn delivery_id(number: usize, received_at: u64) -> DeliveryId {
    let mut id = *Dice::seeded(number as u64).uuid_at(moment(received_at)).as_bytes();
    // Two of one millisecond are in the order of their numbers.
    id[6..8].copy_from_slice(&[0x70, 0]);
    id[8..].copy_from_slice(&(number as u64).to_be_bytes());
    DeliveryId(uuid::Uuid::from_bytes(id))
}

fn observation(telling: &Telling) -> Observation {
    let mut seen = Observation {
        account: account(telling.subject),
        subject: Subject::SigningRequest(signing_request(telling.subject)),
        event: ACTIVITY.into(),
        format: Format::Json,
        generated_at: Some(Moment::certain(moment(0))),
        name: None,
        cancellation_reason: None,
        marks: Vec::new(),
        activity: None,
    };
    for fact in &telling.facts {
        match *fact {
            Fact::Request(status) => seen.marks.push(Mark::SigningRequest { status, at: None }),
            Fact::Participant(who, status) => {
                let id = ParticipantId::new(&who.to_string());
                let person = Person { id, name: None, email: None, reason: None, routing_order: None };
                seen.marks.push(Mark::Participant { person, status, at: None });
            }
            Fact::Activity(which) => {
                let discriminator = vec![which];
                seen.activity = Some(Activity { person: None, reassigned_to: None, at: None, discriminator });
            }
        }
    }
    seen
}

fn word(appended: &Appended) -> (&'static str, usize) {
    (appended.outcome.word(), appended.changes.len())
}

impl Real {
    pub(super) fn new(open: Open) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Some(opened(&open, &runtime));
        Self { open, runtime, dice: Dice::seeded(5), store, now: 0, ids: Vec::new(), claims: BTreeMap::new() }
    }

    /// Learns the deliveries that another process made, as the model of them has them.
    pub(super) fn knows(&mut self, model: &Model) {
        for (number, received_at) in model.received() {
            self.ids.resize(self.ids.len().max(number + 1), DeliveryId(uuid::Uuid::nil()));
            self.ids[number] = delivery_id(number, received_at);
        }
    }

    fn store(&self) -> Store {
        self.store.clone().unwrap()
    }

    fn delivery(&mut self) -> VerifiedDelivery {
        let id = delivery_id(self.ids.len(), self.now);
        self.ids.push(id);
        let body = Bytes::from(id.to_string());
        let delivery = Delivery {
            id,
            source: SourceName::default(),
            received_at: moment(self.now),
            headers: vec![("x-docusign-signature-1".into(), sign(KEY, &body))],
            body: Body::Inline(body.clone()),
            traceparent: TRACE.into(),
        };
        verify(delivery, &Keys::new(&[SecretString::from(KEY)]).digests(&body)).unwrap()
    }

    fn append(&mut self, readings: Vec<Reading>) -> Answer {
        let store = self.store();
        let arrivals: Vec<_> =
            readings.into_iter().map(|reading| Arrival { delivery: self.delivery(), reading }).collect();
        // Polled in their order, and so queued in it.
        let appended =
            self.runtime.block_on(join_all(arrivals.into_iter().map(|arrival| store.append(arrival))));
        Answer::Told(appended.into_iter().map(|appended| word(&appended.unwrap())).collect())
    }

    pub(super) fn perform(&mut self, operation: &Operation) -> Answer {
        let understood = |telling: &Telling| Reading::Understood(Box::new(observation(telling)));
        let store = self.store();
        match operation {
            Operation::Tell(telling) => self.append(vec![understood(telling)]),
            Operation::TellTogether(tellings) => self.append(tellings.iter().map(understood).collect()),
            Operation::Quarantine => self.append(vec![Reading::Unreadable("broken".into())]),
            Operation::Release(which, telling) => {
                let (observation, traceparent) = (Box::new(observation(telling)), TRACE.into());
                self.resolve(*which, Resolution::Released { observation, traceparent })
            }
            Operation::Drop(which) => self.resolve(*which, Resolution::Dropped),
            Operation::Settle(bits) => {
                let oldest = self.runtime.block_on(store.unsettled(Parts::ALL, Position(0), 16)).unwrap();
                let settled = oldest.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
                let mut receipts: Vec<_> =
                    settled.map(|(_, entry)| Receipt::confirmed(entry.position)).collect();
                let count = receipts.len();
                // A confirm may come twice, after a connection was lost.
                receipts.extend(receipts.first().copied());
                self.runtime.block_on(store.settle(receipts)).unwrap();
                Answer::Count(count)
            }
            Operation::Republish(positions) => {
                let positions = positions.iter().copied().map(Position).collect();
                Answer::Count(self.runtime.block_on(store.republish(positions)).unwrap())
            }
            Operation::Prune(days) => {
                let before = self.now.saturating_sub(u64::from(*days) * 24 * 3600);
                let mut count = 0;
                loop {
                    let pruned = self.runtime.block_on(store.prune(moment(before))).unwrap();
                    count += pruned.deliveries;
                    if pruned.rows() == 0 {
                        return Answer::Count(count);
                    }
                }
            }
            Operation::Claim(most) => self.claim(*most),
            Operation::Complete(which) => self.complete(*which),
            Operation::Defer(which, seconds) => {
                let Some(subject) = picked(&self.claims, *which) else { return Answer::Done };
                let claim = self.claims.remove(&subject).unwrap();
                let (until, attempts) = (moment(self.now + u64::from(*seconds)), claim.attempts + 1);
                let deferred = store.defer_enrichment(claim, until, attempts, "away".into());
                self.runtime.block_on(deferred).unwrap();
                Answer::Done
            }
            Operation::Wait(seconds) => {
                self.now += u64::from(*seconds);
                Answer::Done
            }
            Operation::BringIn => {
                let write = store.writer().unwrap();
                self.runtime.block_on(write.write(Ledger::bring_in)).unwrap();
                Answer::Done
            }
            Operation::Reopen => {
                self.runtime.block_on(store.close());
                self.again(store)
            }
            Operation::Crash => self.again(store),
        }
    }

    fn again(&mut self, store: Store) -> Answer {
        self.store = None;
        drop(store);
        self.claims.clear();
        self.store = Some(opened(&self.open, &self.runtime));
        Answer::Done
    }

    /// Examines the chain of evidence.
    pub(super) fn examined(&self) -> Report {
        let mut verifier = Verifier::new(Known::default());
        for row in self.runtime.block_on(self.store().evidence(0, ALL)).unwrap() {
            verifier.take(row.number, &row.record, row.link);
        }
        verifier.finish()
    }

    fn resolve(&mut self, which: u8, how: Resolution) -> Answer {
        let Some(number) = usize::from(which).checked_rem(self.ids.len()) else {
            return Answer::Resolved(None);
        };
        let resolved = self
            .runtime
            .block_on(self.store().resolve_quarantine(self.ids[number], how, moment(self.now)))
            .unwrap();
        Answer::Resolved(resolved.as_ref().map(word))
    }

    fn claim(&mut self, most: usize) -> Answer {
        let claimed = self.runtime.block_on(self.store().claim_enrichments(moment(self.now), most)).unwrap();
        let mut told = Vec::new();
        for claim in claimed {
            let subject = number_of(claim.signing_request.as_str());
            assert_eq!(claim.account, account(subject));
            told.push((
                subject,
                claim.attempts,
                claim.covers.iter().map(|covered| covered.sequence).collect(),
            ));
            assert!(self.claims.insert(subject, claim).is_none(), "claimed twice");
        }
        told.sort_unstable();
        Answer::Claimed(told)
    }

    fn complete(&mut self, which: u8) -> Answer {
        let Some(subject) = picked(&self.claims, which) else { return Answer::Done };
        let claim = self.claims.remove(&subject).unwrap();
        let enriched = EnrichedChange {
            id: ChangeId(self.dice.uuid()),
            routing_key: format!("enriched.{FETCHED}.{}", claim.account),
            occurred_at: moment(self.now),
            received_at: moment(self.now),
            body: Box::new(|sequence| format!("{{\"sequence\":{sequence}}}")),
        };
        self.runtime.block_on(self.store().complete_enrichment(claim, enriched)).unwrap();
        Answer::Done
    }

    pub(super) fn books(&self) -> Books {
        let store = self.store();
        self.runtime.block_on(async {
            let feed = store.feed(FeedQuery { limit: ALL, ..FeedQuery::default() }).await.unwrap();
            let deliveries = store.deliveries(DeliveryQuery { limit: ALL, ..DeliveryQuery::default() });
            let number = |id| self.ids.iter().position(|known| *known == id).unwrap();
            let backlog = store.backlog().await.unwrap();
            let totals = store.totals().await.unwrap();
            let mut fetches = Vec::new();
            for subject in 0..SUBJECTS {
                for timeline in store.timelines(signing_request(subject).as_str()).await.unwrap() {
                    assert_eq!(timeline.account, account(subject));
                    fetches.extend(
                        timeline.enrichment.map(|(at, attempts, _)| (subject, milliseconds(at), attempts)),
                    );
                }
            }
            let seconds = |at| milliseconds(at) / 1_000;
            Books {
                feed: feed.iter().map(row).collect(),
                unsettled: {
                    let unsettled = store.unsettled(Parts::ALL, Position(0), ALL).await.unwrap();
                    unsettled.iter().map(|entry| entry.position.0).collect()
                },
                backlog: (backlog.changes, backlog.oldest_at.map(seconds)),
                deliveries: deliveries
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|row| (number(row.id), row.outcome, row.changes))
                    .collect(),
                totals: [
                    totals.accepted,
                    totals.duplicates,
                    totals.quarantined,
                    totals.changes,
                    totals.signing_requests,
                    totals.enrichments,
                ],
                fetches,
                next_fetch: store.next_enrichment_at().await.unwrap().map(milliseconds),
                last_position: store.last_position().borrow().0,
            }
        })
    }
}

fn row(row: &FeedRow) -> Row {
    let entry = &row.entry;
    // Every body says which change it is.
    let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
    assert_eq!(body["sequence"], entry.sequence);
    Row {
        position: entry.position.0,
        subject: number_of(entry.subject.id()),
        sequence: entry.sequence,
        what: entry.routing_key.split('.').nth(1).unwrap().to_owned(),
        published: row.published,
    }
}

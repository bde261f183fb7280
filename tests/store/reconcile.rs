//! What was found over REST is written once, as a delivery that nobody signed, and how far an account has been
//! reconciled only grows.

use bytes::Bytes;
use countersign::base::{DeliveryId, Outcome, SourceName};
use countersign::connect::signature::SignedBy;
use countersign::connect::{Answered, Body, Delivery, Format};
use countersign::evidence::Record;
use countersign::signing::{Observation, SigningRequestStatus};
use countersign::store::{DeliveryQuery, FeedQuery, Found, ReconcileRun, RunState};
use jiff::{SignedDuration, Timestamp};

use super::place;
use crate::support::{Place, account, status};

fn found(place: &Place, number: u32, told: &[SigningRequestStatus]) -> Found {
    let mut seen: Observation = status(number, told[0]);
    for more in &told[1..] {
        seen.marks.extend(status(number, *more).marks);
    }
    (seen.event, seen.format) = ("reconcile".into(), Format::Rest);
    let answer = Answered::new(Delivery {
        id: DeliveryId(place.dice.uuid_at(place.now)),
        source: SourceName::new("reconcile"),
        received_at: place.now,
        headers: vec![("x-docusign-accountid".into(), account().as_str().to_owned())],
        body: Body::Inline(Bytes::from_static(b"{}")),
        traceparent: String::new(),
    });
    Found { answer, seen: Box::new(seen) }
}

fn run(place: &Place, at: Timestamp) -> ReconcileRun {
    ReconcileRun {
        id: place.dice.uuid_at(at),
        account: account(),
        asked: false,
        dry_run: false,
        ask_connect: false,
        from: at,
        to: at,
        started_at: at,
        ended_at: Some(at),
        state: RunState::Done,
        waits_until: None,
        why: None,
        total: 1,
        looked: 1,
        unreadable: 0,
        missed: 0,
        missed_since: None,
        concerned: 0,
        signing_requests: Vec::new(),
        calls: 1,
    }
}

#[tokio::test]
async fn what_is_found_is_written_where_it_changes_something_and_else_not_at_all() {
    use SigningRequestStatus as S;
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, S::Created)).await;
    place.tell(&store, status(1, S::Delivered)).await;
    let first = store.append_found(found(&place, 1, &[S::Created, S::Sent, S::Delivered])).await.unwrap();
    assert_eq!((first.outcome, first.changes), (Outcome::Accepted, vec!["late"]));
    let before = (store.totals().await.unwrap(), *store.evidence_head().borrow());
    let second = store.append_found(found(&place, 1, &[S::Created, S::Sent, S::Delivered])).await.unwrap();
    assert_eq!((second.outcome, second.changes), (Outcome::Duplicate, Vec::new()));
    assert_eq!((store.totals().await.unwrap(), *store.evidence_head().borrow()), before);
    // Of something that was never heard of, too.
    let other = store.append_found(found(&place, 2, &[S::Sent, S::Completed])).await.unwrap();
    assert_eq!(other.changes, ["signing_request", "signing_request"]);
    let feed = store.feed(FeedQuery { limit: 100, ..FeedQuery::default() }).await.unwrap();
    let bodies: Vec<_> = feed.iter().map(|row| row.entry.body.as_str()).collect();
    assert_eq!(bodies.iter().filter(|body| body.contains(r#""origin":"reconcile""#)).count(), 3);
    let rows = store.deliveries(DeliveryQuery { limit: 10, ..DeliveryQuery::default() }).await.unwrap();
    let ours = rows.iter().filter(|row| row.source == "reconcile" && row.format == Some(Format::Rest));
    assert_eq!((rows.len(), ours.count()), (4, 2));
    let (counts, by_hand) = store.books_by_hand().await.unwrap();
    let mut all = countersign::base::books::equations(&counts);
    all.extend(countersign::base::books::row_equations(&counts, &by_hand));
    assert_eq!(countersign::base::books::imbalances(&all).count(), 0, "{counts:?} {by_hand:?}");
}

#[tokio::test]
async fn the_chain_says_that_nobody_signed_what_was_found() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Created)).await;
    store.append_found(found(&place, 1, &[SigningRequestStatus::Sent])).await.unwrap();
    let records = store.evidence(0, 10).await.unwrap();
    let read = |at: usize| Record::decode(&records[at].record).unwrap();
    let (Record::Delivery(signed), Record::Delivery(unsigned)) = (read(0), read(1)) else {
        panic!("two deliveries");
    };
    assert_ne!(signed.signed_by, SignedBy::NOBODY);
    assert_eq!((unsigned.signed_by, unsigned.source.as_str()), (SignedBy::NOBODY, "reconcile"));
    let words = Record::Delivery(unsigned).reads();
    assert!(words["signature_header"].is_null() && words["connect_key"].is_null(), "{words}");
}

#[tokio::test]
async fn a_look_at_what_would_change_changes_nothing() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let seen = vec![
        status(1, SigningRequestStatus::Sent),
        status(1, SigningRequestStatus::Completed),
        status(9, SigningRequestStatus::Sent),
    ];
    for _ in 0..2 {
        let would = store.would_change(seen.clone().into(), place.now).await.unwrap();
        assert_eq!(would.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 1]);
    }
    assert_eq!(store.totals().await.unwrap().changes, 1);
}

#[tokio::test]
async fn how_far_an_account_has_been_reconciled_only_grows_and_outlives_the_process() {
    let place = place().await;
    let store = place.open().await;
    let later = |minutes: i64| place.now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
    let first = store.reconciled(account(), place.now).await.unwrap();
    assert_eq!((first.since, first.reached), (place.now, place.now));
    assert_eq!(store.reconciled(account(), later(9)).await.unwrap(), first, "it is known since then");
    store.keep_run(run(&place, later(1)), Some(later(60))).await.unwrap();
    store.keep_run(run(&place, later(2)), Some(later(30))).await.unwrap();
    store.keep_run(run(&place, later(3)), None).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.reconciled(account(), later(9)).await.unwrap().reached, later(60));
    let kept = store.reconcile_runs(2).await.unwrap();
    assert_eq!(kept.iter().map(|run| run.started_at).collect::<Vec<_>>(), [later(3), later(2)]);
}

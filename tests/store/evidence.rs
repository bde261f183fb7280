//! Everything that comes in is chained, and the chain holds through restarts and prunings.

use std::sync::Arc;

use countersign::base::{SigningRequestId, limits};
use countersign::connect::signature::Keys;
use countersign::evidence::file::{Document, FORMAT, examine};
use countersign::evidence::{Fault, Known, Report, Signer};
use countersign::signing::SigningRequestStatus;
use countersign::store::{Arrival, Audit, Error, Reading, Resolution, Store};
use futures_util::{StreamExt as _, TryStreamExt as _};
use secrecy::SecretString;

use super::place;
use crate::support::{KEY, Place, signing_request, status};

pub(crate) fn signer() -> Arc<Signer> {
    Arc::new(Signer::from_pem(&Signer::pem(&[1; 32])).unwrap())
}

pub(crate) fn known() -> Known {
    Known { keys: vec![signer().public_key()], ..Known::default() }
}

/// Examines a store beside whoever has it open, in a thread where it may wait.
async fn audited<T: Send + 'static>(place: &Place, ask: impl FnOnce(Audit) -> T + Send + 'static) -> T {
    let settings = place.settings(true);
    tokio::task::spawn_blocking(move || ask(Audit::open(&settings).unwrap())).await.unwrap()
}

async fn verified(place: &Place) -> Report {
    audited(place, |audit| audit.verify(known(), |_| ()).unwrap()).await
}

async fn exported(place: &Place, number: u32) -> Document {
    let id = signing_request(number);
    audited(place, move |audit| {
        let mut segments = Vec::new();
        let each = |segment| {
            segments.push(segment);
            Ok::<_, Error>(())
        };
        audit.export(&SigningRequestId::new(&id.as_str().to_uppercase()), each, |_| ()).unwrap();
        Document {
            format: FORMAT.into(),
            made_at: "2026-11-23T10:00:00Z".parse().unwrap(),
            signing_request: id.as_str().into(),
            segments,
        }
    })
    .await
}

async fn sign(place: &Place, store: &Store) {
    store.checkpoint(signer(), place.now).await.unwrap();
}

async fn quarantine(place: &Place, store: &Store, body: &[u8]) -> countersign::base::DeliveryId {
    let delivery = place.delivery(body);
    let id = delivery.delivery().id;
    store.append(Arrival { delivery, reading: Reading::Unreadable("broken".into()) }).await.unwrap();
    id
}

/// Two signing requests, a duplicate, a large delivery, a quarantine that was released and one that was dropped.
pub(crate) async fn filled(place: &Place) -> Store {
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    place.tell(&store, status(2, SigningRequestStatus::Sent)).await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let (released, dropped) = (quarantine(place, &store, b"{").await, quarantine(place, &store, b"[").await);
    sign(place, &store).await;
    let spool = place.folder.path().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    let delivery = place.large(&b"<large/>".repeat(100_000), &spool);
    let seen = status(1, SigningRequestStatus::Completed);
    store.append(Arrival { delivery, reading: Reading::Understood(Box::new(seen)) }).await.unwrap();
    let how = Resolution::Released {
        observation: Box::new(status(1, SigningRequestStatus::Delivered)),
        traceparent: String::new(),
    };
    store.resolve_quarantine(released, how, place.now).await.unwrap().unwrap();
    store.resolve_quarantine(dropped, Resolution::Dropped, place.now).await.unwrap().unwrap();
    sign(place, &store).await;
    store
}

#[tokio::test]
async fn every_delivery_and_every_end_of_a_quarantine_is_chained_and_signed_for() {
    let place = place().await;
    let store = filled(&place).await;
    let report = verified(&place).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.records, report.deliveries, report.bodies), (10, 6, 6));
    assert_eq!((report.signed_through, report.unsigned, report.unchained), (9, 0, 0));
    let head = *store.evidence_head().borrow();
    assert_eq!((head.number, head.signed), (10, 10));
    assert_eq!(store.last_checkpoint().await.unwrap().map(|c| c.covers()), Some(9));
    assert_eq!(store.evidence(8, 10).await.unwrap().len(), 2);
    assert!(
        store.checkpoint(signer(), place.now).await.unwrap().is_none(),
        "there is nothing new to sign for"
    );
    store.close().await;
}

#[tokio::test]
async fn a_file_about_one_signing_request_has_all_its_deliveries_and_nothing_of_others() {
    let place = place().await;
    let store = filled(&place).await;
    let document = exported(&place, 1).await;
    let keys = Keys::new(&[SecretString::from(KEY)]);
    let report = examine(&document, &known(), Some(&keys));
    assert_eq!(report.findings, []);
    // Sent, sent again, the quarantine that turned out to be about it, and the large one.
    assert_eq!((report.deliveries, report.bodies, report.hmacs), (4, 4, 4));
    let text = serde_json::to_string(&document).unwrap();
    assert!(text.contains(signing_request(1).as_str()) && !text.contains(signing_request(2).as_str()));
    assert_eq!(exported(&place, 3).await.segments, []);
    let wrong = Keys::new(&[SecretString::from("another key")]);
    let report = examine(&document, &known(), Some(&wrong));
    assert!(report.findings.iter().all(|f| f.fault == Fault::HmacWrong) && report.faults == 4);
    store.close().await;
}

#[tokio::test]
async fn what_was_chained_but_not_signed_before_a_restart_is_signed_after_it() {
    let place = place().await;
    let store = filled(&place).await;
    place.tell(&store, status(7, SigningRequestStatus::Sent)).await;
    let before = *store.evidence_head().borrow();
    store.close().await;
    assert_eq!(verified(&place).await.unsigned, 1);
    let document = exported(&place, 7).await;
    let report = examine(&document, &known(), None);
    assert_eq!(report.findings.first().map(|f| (f.fault, f.first)), Some((Fault::Unsigned, 11)));
    let store = place.open().await;
    assert_eq!(*store.evidence_head().borrow(), before);
    place.tell(&store, status(8, SigningRequestStatus::Sent)).await;
    sign(&place, &store).await;
    let report = verified(&place).await;
    assert_eq!((report.faults, report.records, report.signed_through), (0, 13, 12));
    store.close().await;
}

#[tokio::test]
async fn a_pruned_store_still_verifies_and_so_does_one_whose_records_were_pruned() {
    let mut place = place().await;
    let store = filled(&place).await;
    place.now = "2027-01-23T10:00:00Z".parse().unwrap();
    let open = quarantine(&place, &store, b"kept").await;
    place.tell(&store, status(3, SigningRequestStatus::Sent)).await;
    sign(&place, &store).await;
    let cut = "2026-12-23T10:00:00Z".parse().unwrap();
    assert_eq!(store.prune(cut).await.unwrap().deliveries, 6);
    let report = verified(&place).await;
    assert_eq!((report.findings, report.pruned, report.bodies), (vec![], 6, 2));
    let document = exported(&place, 1).await;
    let report = examine(&document, &known(), Some(&Keys::new(&[SecretString::from(KEY)])));
    // The notice itself is not signed for yet.
    assert_eq!(report.findings.iter().map(|f| f.fault).collect::<Vec<_>>(), [Fault::Unsigned]);
    sign(&place, &store).await;
    let document = exported(&place, 1).await;
    let report = examine(&document, &known(), None);
    assert_eq!((report.findings, report.deliveries, report.pruned), (vec![], 4, 4));
    assert_eq!(store.prune_evidence(cut).await.unwrap(), 9);
    assert_eq!(store.prune_evidence(cut).await.unwrap(), 0, "the anchor stays");
    let report = verified(&place).await;
    assert_eq!((report.findings, report.first, report.unsigned), (vec![], 10, 1));
    assert!(store.delivery(open).await.unwrap().is_some());
    store.close().await;
    // The chain goes on where it stopped.
    let store = place.open().await;
    place.tell(&store, status(4, SigningRequestStatus::Sent)).await;
    sign(&place, &store).await;
    assert_eq!(verified(&place).await.findings, []);
    store.close().await;
}

#[tokio::test]
async fn records_are_pruned_however_many_came_before_the_first_checkpoint() {
    let mut place = place().await;
    let store = place.open().await;
    let many = u32::try_from(limits::EVIDENCE_PRUNE_ROWS).unwrap() + 100;
    let told = (0..many).map(|number| {
        let (delivery, seen) = (place.delivery(b"told"), status(number % 50, SigningRequestStatus::Sent));
        store.append(Arrival { delivery, reading: Reading::Understood(Box::new(seen)) })
    });
    futures_util::stream::iter(told).buffered(100).try_collect::<Vec<_>>().await.unwrap();
    sign(&place, &store).await;
    place.now = "2027-01-23T10:00:00Z".parse().unwrap();
    place.tell(&store, status(3, SigningRequestStatus::Completed)).await;
    sign(&place, &store).await;
    let cut = "2026-12-23T10:00:00Z".parse().unwrap();
    while store.prune(cut).await.unwrap().rows() > 0 {}
    assert_eq!(store.prune_evidence(cut).await.unwrap(), u64::from(many));
    assert_eq!(store.prune_evidence(cut).await.unwrap(), 0, "the anchor stays");
    sign(&place, &store).await;
    assert_eq!(verified(&place).await.findings, []);
    store.close().await;
}

#[tokio::test]
async fn who_signs_is_woken_by_the_first_record_that_waits_and_not_by_each_that_follows() {
    let place = place().await;
    let store = place.open().await;
    let mut head = store.evidence_head();
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    assert!(head.has_changed().unwrap(), "the first waits for a checkpoint");
    assert_eq!(head.borrow_and_update().unsigned(), 1);
    place.tell(&store, status(2, SigningRequestStatus::Sent)).await;
    assert!(!head.has_changed().unwrap(), "whoever signs knows that some wait");
    assert_eq!(head.borrow().unsigned(), 2);
    sign(&place, &store).await;
    assert!(!head.has_changed().unwrap(), "nothing waits any more");
    place.tell(&store, status(3, SigningRequestStatus::Sent)).await;
    assert!(head.has_changed().unwrap(), "the first waits again");
    store.close().await;
}

//! What was told of a signing request since it was last told whole: all of it, or nothing at all.

use std::path::PathBuf;

use bytes::Bytes;
use countersign::base::{ChangeId, DeliveryId, SourceName, limits};
use countersign::connect::{Answered, Body, Delivery, Format, VerifiedDelivery};
use countersign::signing::change::routing_key;
use countersign::signing::{Observation, ParticipantStatus, SigningRequestStatus, Told};
use countersign::store::{Arrival, EnrichedChange, Found, Reading, Resolution, Store};
use jiff::SignedDuration;

use super::place;
use crate::support::{Place, account, participant, signing_request, status};

/// What is told to a claim that is due now; the claim is then completed with `body`.
async fn told(place: &mut Place, store: &Store, body: &'static str) -> Option<Told> {
    place.now = place.now.checked_add(SignedDuration::try_from(limits::ENRICH_COALESCE).unwrap()).unwrap();
    let claim = store.claim_enrichments(place.now, 1).await.unwrap().remove(0);
    let told = store.told_since(&claim).await.unwrap();
    let enriched = EnrichedChange {
        id: ChangeId(place.dice.uuid()),
        routing_key: routing_key("enriched", "sent", &account()),
        occurred_at: place.now,
        received_at: place.now,
        body: Box::new(move |_| body.to_owned()),
    };
    store.complete_enrichment(claim, enriched).await.unwrap();
    told
}

async fn deliver(store: &Store, delivery: VerifiedDelivery, seen: Observation) -> DeliveryId {
    let id = delivery.delivery().id;
    store.append(Arrival { delivery, reading: Reading::Understood(Box::new(seen)) }).await.unwrap();
    id
}

fn bodies(told: &Told) -> Vec<&[u8]> {
    told.messages.iter().map(|(_, body)| body.as_ref()).collect()
}

fn spool(place: &Place) -> PathBuf {
    let spool = place.folder.path().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    spool
}

#[tokio::test]
async fn all_messages_since_the_last_enriched_change_are_told_with_the_state_as_they_left_it() {
    let (mut place, sent) = (place().await, SigningRequestStatus::Sent);
    let store = place.open().await;
    deliver(&store, place.delivery(b"1"), status(1, sent)).await;
    deliver(&store, place.delivery(b"other"), status(2, sent)).await;
    let repetitive = b"<a/>".repeat(1_000);
    let second =
        deliver(&store, place.delivery(&repetitive), participant(1, "1", ParticipantStatus::Sent)).await;
    let first = told(&mut place, &store, "{\"n\":1}").await.unwrap();
    assert_eq!(bodies(&first), [&repetitive[..], b"1"]);
    assert_eq!(first.messages[0].0, second);
    assert_eq!((first.account.clone(), first.signing_request.clone()), (account(), signing_request(1)));
    assert_eq!((first.state.status(), first.state.participant_count()), (Some(sent), 1));
    assert_eq!(first.before, None);
    assert_eq!(bodies(&told(&mut place, &store, "{}").await.unwrap()), [b"other"]);
    // A duplicate that comes after what is answered is told; one that came before it is not.
    deliver(&store, place.delivery(b"before"), status(1, sent)).await;
    deliver(&store, place.delivery(b"3"), participant(1, "1", ParticipantStatus::Delivered)).await;
    deliver(&store, place.delivery(b"after"), status(1, sent)).await;
    let second = told(&mut place, &store, "{}").await.unwrap();
    assert_eq!(bodies(&second), [&b"after"[..], b"3"]);
    assert_eq!(second.before.as_deref(), Some("{\"n\":1}"));
    store.close().await;
}

#[tokio::test]
async fn what_came_in_another_way_than_as_a_message_is_a_doubt() {
    let mut place = place().await;
    let store = place.open().await;
    let sent = || status(1, SigningRequestStatus::Sent);
    let changed = |number: u32| participant(1, &number.to_string(), ParticipantStatus::Sent);
    // Large bodies are not in the database, or in many pieces.
    deliver(&store, place.large(b"{}", &spool(&place)), sent()).await;
    assert!(told(&mut place, &store, "{}").await.is_none(), "spooled");
    deliver(&store, place.delivery(b"1"), changed(1)).await;
    assert!(told(&mut place, &store, "{}").await.is_some());
    deliver(&store, place.delivery(b"2"), changed(2)).await;
    deliver(&store, place.large(b"{}", &spool(&place)), sent()).await;
    assert!(told(&mut place, &store, "{}").await.is_none(), "a spooled duplicate");
    deliver(&store, place.delivery(b"3"), changed(3)).await;
    deliver(&store, place.delivery(b"<a/>"), Observation { format: Format::Xml, ..sent() }).await;
    assert!(told(&mut place, &store, "{}").await.is_none(), "XML");
    deliver(&store, place.delivery(b"<a/>"), Observation { format: Format::Xml, ..changed(4) }).await;
    deliver(&store, place.delivery(b"4"), sent()).await;
    assert!(told(&mut place, &store, "{}").await.is_none(), "a change that XML made");

    let delivery = Delivery {
        id: DeliveryId(place.dice.uuid_at(place.now)),
        source: SourceName::new("reconcile"),
        received_at: place.now,
        headers: Vec::new(),
        body: Body::Inline(Bytes::from_static(b"{}")),
        traceparent: String::new(),
    };
    let seen = Box::new(Observation { format: Format::Rest, event: "reconcile".into(), ..changed(5) });
    store.append_found(Found { answer: Answered::new(delivery), seen }).await.unwrap();
    assert!(told(&mut place, &store, "{}").await.is_none(), "found over REST");

    let quarantined = place.delivery(b"{");
    let id = quarantined.delivery().id;
    let reading = Reading::Unreadable("broken".into());
    store.append(Arrival { delivery: quarantined, reading }).await.unwrap();
    deliver(&store, place.delivery(b"6"), changed(6)).await;
    assert!(told(&mut place, &store, "{}").await.is_some(), "whose it is, nobody knows yet");
    let how = Resolution::Released { observation: Box::new(changed(7)), traceparent: String::new() };
    store.resolve_quarantine(id, how, place.now).await.unwrap();
    assert!(told(&mut place, &store, "{}").await.is_none(), "released, in the place where it came");
    store.close().await;
}

#[tokio::test]
async fn more_than_is_looked_at_is_a_doubt() {
    let mut place = place().await;
    let store = place.open().await;
    let many = u32::try_from(limits::CARRIED_LOOK_MAX).unwrap();
    for (count, enough) in [(many, true), (many + 1, false)] {
        for number in 0..count {
            let seen = participant(count, &number.to_string(), ParticipantStatus::Sent);
            deliver(&store, place.delivery(b"{}"), seen).await;
        }
        assert_eq!(told(&mut place, &store, "{}").await.is_some(), enough, "changes");
    }
    deliver(&store, place.delivery(b"{}"), status(1, SigningRequestStatus::Sent)).await;
    for _ in 0..limits::CARRIED_LOOK_MAX {
        deliver(&store, place.delivery(b"{}"), status(1, SigningRequestStatus::Sent)).await;
    }
    assert!(told(&mut place, &store, "{}").await.is_none(), "deliveries");
    let large = vec![b' '; usize::try_from(limits::CARRIED_BYTES_MAX / 4).unwrap()];
    for (count, enough) in [(4, true), (5, false)] {
        for number in 0..count {
            let seen = participant(count, &number.to_string(), ParticipantStatus::Sent);
            deliver(&store, place.delivery(&large), seen).await;
        }
        assert_eq!(told(&mut place, &store, "{}").await.is_some(), enough, "bytes");
    }
    store.close().await;
}

#[tokio::test]
async fn what_was_pruned_meanwhile_is_a_doubt() {
    let mut place = place().await;
    let store = place.open().await;
    deliver(&store, place.delivery(b"1"), status(1, SigningRequestStatus::Sent)).await;
    deliver(&store, place.delivery(b"2"), status(2, SigningRequestStatus::Sent)).await;
    // The newest of all is never pruned.
    assert_eq!(
        store.prune(place.now.checked_add(SignedDuration::from_hours(1)).unwrap()).await.unwrap().deliveries,
        1
    );
    assert!(told(&mut place, &store, "{}").await.is_none());
    assert!(told(&mut place, &store, "{}").await.is_some());
    store.close().await;
}

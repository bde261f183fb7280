//! Claims for the enricher: one for a burst, never two at a time, and none forgotten.

use countersign::base::{ChangeId, Position, limits};
use countersign::signing::change::routing_key;
use countersign::signing::{ParticipantStatus, SigningRequestStatus};
use countersign::store::{EnrichedChange, Enrichment, MAKES_WAY, Parts, Store};
use jiff::Timestamp;

use super::place;
use crate::support::{Place, account, participant, status};

fn due(place: &Place) -> Timestamp {
    place.now.checked_add(limits::ENRICH_COALESCE).unwrap()
}

fn enriched(claim: &Enrichment, at: Timestamp) -> EnrichedChange {
    EnrichedChange {
        id: ChangeId(uuid::Uuid::from_u128(u128::from(claim.covers.last().unwrap().sequence))),
        routing_key: routing_key("enriched", "sent", &account()),
        occurred_at: at,
        received_at: at,
        body: Box::new(|sequence| format!("{{\"sequence\":{sequence}}}")),
    }
}

async fn claim(store: &Store, at: Timestamp) -> Vec<Enrichment> {
    store.claim_enrichments(at, 10).await.unwrap()
}

#[tokio::test]
async fn a_burst_leaves_one_claim_which_is_due_after_a_moment() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    place.tell(&store, participant(1, "1", ParticipantStatus::Sent)).await;
    place.tell(&store, participant(1, "2", ParticipantStatus::Sent)).await;
    assert!(claim(&store, place.now).await.is_empty(), "it waits for the burst to end");
    assert_eq!(store.next_enrichment_at().await.unwrap(), Some(due(&place)));
    let claims = claim(&store, due(&place)).await;
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].covers.iter().map(|c| c.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(claims[0].status, Some(SigningRequestStatus::Sent));
    assert!(claim(&store, due(&place)).await.is_empty(), "nobody else gets it meanwhile");
    assert_eq!(store.next_enrichment_at().await.unwrap(), None);
}

#[tokio::test]
async fn the_enriched_change_takes_the_next_sequence_and_ends_the_claim() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let one = claim(&store, due(&place)).await.remove(0);
    store.complete_enrichment(one.clone(), enriched(&one, due(&place))).await.unwrap();
    let waiting = store.unsettled(Parts::ALL, Position(0), 10).await.unwrap();
    assert_eq!((waiting[1].sequence, waiting[1].body.as_str()), (2, "{\"sequence\":2}"));
    assert!(waiting[1].routing_key.starts_with("enriched.sent."));
    assert_eq!(store.next_enrichment_at().await.unwrap(), None);
}

#[tokio::test]
async fn what_comes_in_during_the_fetch_is_answered_by_another() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let one = claim(&store, due(&place)).await.remove(0);
    place.tell(&store, status(1, SigningRequestStatus::Completed)).await;
    store.complete_enrichment(one.clone(), enriched(&one, due(&place))).await.unwrap();
    let later = due(&place).checked_add(limits::ENRICH_COALESCE).unwrap();
    let two = claim(&store, later).await.remove(0);
    assert_eq!(two.covers.iter().map(|c| c.sequence).collect::<Vec<_>>(), [2]);
    assert_eq!(two.status, Some(SigningRequestStatus::Completed));
    store.complete_enrichment(two.clone(), enriched(&two, later)).await.unwrap();
    assert_eq!(store.next_enrichment_at().await.unwrap(), None);
}

#[tokio::test]
async fn a_deferred_claim_comes_back_when_due_with_its_attempts_and_its_reason() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let one = claim(&store, due(&place)).await.remove(0);
    let until = due(&place).checked_add(jiff::SignedDuration::from_secs(60)).unwrap();
    let id = one.signing_request.clone();
    store.defer_enrichment(one, until, 1, "503".into()).await.unwrap();
    assert!(claim(&store, due(&place)).await.is_empty());
    // A change meanwhile must not make it due sooner: the limit that deferred it still holds.
    place.tell(&store, status(1, SigningRequestStatus::Delivered)).await;
    assert_eq!(store.next_enrichment_at().await.unwrap(), Some(until));
    let timeline = store.timelines(id.as_str()).await.unwrap().remove(0);
    assert_eq!(timeline.enrichment, Some((until, 1, Some("503".into()))));
    let again = claim(&store, until).await.remove(0);
    assert_eq!((again.attempts, again.covers.len()), (1, 2));
}

#[tokio::test]
async fn claims_survive_the_process_but_not_its_hold_on_them() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    assert_eq!(claim(&store, due(&place)).await.len(), 1);
    store.close().await;
    let store = place.open().await;
    assert_eq!(claim(&store, due(&place)).await.len(), 1);
}

#[tokio::test]
async fn without_enrichment_no_claim_is_left() {
    let place = place().await;
    let store = place.open_without_enrichment().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    assert_eq!(store.next_enrichment_at().await.unwrap(), None);
}

#[tokio::test]
async fn what_makes_way_is_due_as_soon_as_it_comes_to_its_end_and_not_before() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let one = claim(&store, due(&place)).await.remove(0);
    let (account, id) = (one.account.clone(), one.signing_request.clone());
    let until = due(&place).checked_add(jiff::SignedDuration::from_mins(15)).unwrap();
    store.defer_enrichment(one, until, 0, format!("{MAKES_WAY}another")).await.unwrap();
    place.tell(&store, status(1, SigningRequestStatus::Delivered)).await;
    assert!(claim(&store, due(&place)).await.is_empty());
    assert_eq!(store.enrichments_waiting(&account).await.unwrap(), 1);
    place.tell(&store, status(1, SigningRequestStatus::Completed)).await;
    let ended = claim(&store, due(&place)).await.remove(0);
    assert_eq!((ended.signing_request.clone(), ended.fetched_at), (id, None));
    // Put off for another reason, it keeps its time.
    store.defer_enrichment(ended, until, 0, "no call left".into()).await.unwrap();
    assert!(claim(&store, due(&place)).await.is_empty());
    let ended = claim(&store, until).await.remove(0);
    store.complete_enrichment(ended.clone(), enriched(&ended, until)).await.unwrap();
    place.tell(&store, status(1, SigningRequestStatus::Deleted)).await;
    let again = claim(&store, until.checked_add(limits::ENRICH_COALESCE).unwrap()).await.remove(0);
    assert_eq!(again.fetched_at, Some(until), "when it was fetched last");
    assert_eq!(store.enrichments_waiting(&account).await.unwrap(), 1);
}

#[tokio::test]
async fn those_at_their_end_are_claimed_first_and_then_those_that_wait_longest() {
    let place = place().await;
    let store = place.open().await;
    for (number, at) in [
        (1, SigningRequestStatus::Sent),
        (2, SigningRequestStatus::Completed),
        (3, SigningRequestStatus::Sent),
        (4, SigningRequestStatus::Voided),
    ] {
        place.tell(&store, status(number, at)).await;
    }
    let mut ended = Vec::new();
    for _ in 0..4 {
        let one = store.claim_enrichments(due(&place), 1).await.unwrap().remove(0);
        ended.push(one.status.is_some_and(|status| status.is_final()));
    }
    assert_eq!(ended, [true, true, false, false]);
}

//! What is known of signing requests without asking: each one's newest whole object and where it was told to stand since,
//! in the order in which they were first heard of.

use countersign::base::{AccountId, ChangeId, limits};
use countersign::signing::change::routing_key;
use countersign::signing::{ParticipantStatus, SigningRequestStatus};
use countersign::store::{EnrichedChange, Known, KnownQuery, Store};
use jiff::{SignedDuration, Timestamp};

use super::place;
use crate::support::{Place, account, participant, signing_request, status};

/// Fetches whatever waits; `error` is what the messages tell of why they could not be.
async fn enrich(place: &Place, store: &Store, at: Timestamp, error: &'static str) {
    let due = at.checked_add(limits::ENRICH_COALESCE).unwrap();
    for claim in store.claim_enrichments(due, 100).await.unwrap() {
        let name = format!("{} \\\"error\\\":null", claim.signing_request.as_str());
        let change = EnrichedChange {
            id: ChangeId(place.dice.uuid()),
            routing_key: routing_key("enriched", "sent", &account()),
            occurred_at: at,
            received_at: at,
            body: Box::new(move |sequence| {
                format!(
                    "{{\"sequence\":{sequence},\"signing_request\":{{\"name\":\"{name}\"}},\"error\":{error}}}"
                )
            }),
        };
        store.complete_enrichment(claim, change).await.unwrap();
    }
}

async fn one(store: &Store, number: u32) -> Known {
    store.known_one(&account(), &signing_request(number)).await.unwrap().expect("it is known")
}

async fn read(store: &Store, from: u64, back: bool, limit: usize) -> Vec<Known> {
    store.known(KnownQuery { account: account(), from, back, limit }).await.unwrap()
}

#[tokio::test]
async fn the_newest_whole_object_is_known_with_what_was_told_after_it() {
    use SigningRequestStatus as S;
    let mut place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, S::Sent)).await;
    let known = one(&store, 1).await;
    assert!(known.whole.is_none());
    assert_eq!((known.state.status(), known.told_at), (Some(S::Sent), place.now));
    let first = place.now + SignedDuration::from_secs(5);
    enrich(&place, &store, first, "null").await;
    let whole = one(&store, 1).await.whole.unwrap();
    assert_eq!((whole.sequence, whole.read_at, whole.moved), (2, first, None));
    // A fetch that failed hides no object, whatever its name is.
    place.now = first + SignedDuration::from_secs(5);
    place.tell(&store, participant(1, "1", ParticipantStatus::Delivered)).await;
    enrich(&place, &store, place.now, "{\"code\":\"GONE\"}").await;
    let whole = one(&store, 1).await.whole.unwrap();
    assert_eq!((whole.sequence, whole.read_at, whole.moved), (2, first, None));
    assert!(whole.body.contains("\"sequence\":2"));
    // A status is told since, and then one from before it, which is late.
    place.now += SignedDuration::from_secs(5);
    place.tell(&store, status(1, S::Completed)).await;
    let told_at = place.now;
    place.now += SignedDuration::from_secs(5);
    place.tell(&store, status(1, S::Delivered)).await;
    let known = one(&store, 1).await;
    assert_eq!((known.state.status(), known.told_at), (Some(S::Completed), place.now));
    assert_eq!(known.whole.unwrap().moved.map(|(_, told)| told), Some(told_at));
    // The next whole object knows that.
    enrich(&place, &store, place.now, "null").await;
    let whole = one(&store, 1).await.whole.unwrap();
    assert_eq!((whole.sequence, whole.moved), (7, None));
    assert!(store.known_one(&account(), &signing_request(2)).await.unwrap().is_none());
    assert!(store.known_one(&AccountId::new("other"), &signing_request(1)).await.unwrap().is_none());
    store.close().await;
}

#[tokio::test]
async fn an_accounts_signing_requests_are_read_by_places_that_never_change_either_way() {
    use SigningRequestStatus as S;
    let place = place().await;
    let store = place.open().await;
    let mut elsewhere = status(500, S::Sent);
    elsewhere.account = AccountId::new("other");
    for number in (0..20).rev() {
        place.tell(&store, status(number, S::Created)).await;
        if number == 10 {
            place.tell(&store, elsewhere.clone()).await;
        }
    }
    let ids = |rows: &[Known]| rows.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    let (mut seen, mut from) = (Vec::new(), 0);
    for number in 0.. {
        let rows = read(&store, from, false, 6).await;
        // What is told of those that are known moves none, and one that is new comes last.
        place.tell(&store, status(number, S::Sent)).await;
        if number == 0 {
            place.tell(&store, status(99, S::Sent)).await;
        }
        let Some(last) = rows.last() else { break };
        from = last.place;
        seen.extend(ids(&rows));
    }
    let mut want: Vec<_> = (0..20).rev().map(signing_request).collect();
    want.push(signing_request(99));
    assert_eq!(seen, want);
    let back = read(&store, from, true, 4).await;
    assert_eq!(ids(&back), [0, 1, 2, 3].map(signing_request));
    assert_eq!(back[0].state.status(), Some(S::Sent), "states that are late are known");
    store.close().await;
}

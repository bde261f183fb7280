//! Keys of requests: claimed by one at a time, answered for once, taken over when their time is over, and forgotten.

use countersign::base::limits;
use countersign::store::{KeptAnswer, Keyed, Store, Turn};
use jiff::{SignedDuration, Timestamp};

use super::place;
use crate::support::Place;

fn keyed(place: &Place, id: u8, digest: u8, at: Timestamp) -> Keyed {
    let until = at.checked_add(limits::IDEMPOTENCY_CLAIM).unwrap();
    Keyed { id: [id; 32], digest: [digest; 32], claim: place.dice.uuid(), at, until }
}

fn answer(body: Option<&str>) -> KeptAnswer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    KeptAnswer { status: 201, headers, body: body.map(|body| body.as_bytes().to_vec()) }
}

async fn begin(store: &Store, keyed: &Keyed) -> Turn {
    store.begin_keyed(keyed.clone()).await.unwrap()
}

#[tokio::test]
async fn the_first_answer_is_kept_for_a_day_and_for_its_own_request() {
    let place = place().await;
    let store = place.open().await;
    let first = keyed(&place, 1, 1, place.now);
    assert_eq!(begin(&store, &first).await, Turn::Yours);
    let second = keyed(&place, 1, 1, place.now + SignedDuration::from_secs(1));
    assert_eq!(begin(&store, &second).await, Turn::UnderWay(first.until));
    assert_eq!(begin(&store, &keyed(&place, 1, 2, place.now)).await, Turn::Other);
    assert_eq!(begin(&store, &keyed(&place, 2, 2, place.now)).await, Turn::Yours, "another key");
    store.keep_answer(first, answer(Some("{}"))).await.unwrap();
    assert_eq!(begin(&store, &second).await, Turn::Kept(answer(Some("{}"))));
    // One that was too large.
    let large = keyed(&place, 3, 1, place.now);
    assert_eq!(begin(&store, &large).await, Turn::Yours);
    store.keep_answer(large.clone(), answer(None)).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert_eq!(begin(&store, &large).await, Turn::Kept(answer(None)));
    let late = place.now.checked_add(limits::IDEMPOTENCY_KEPT).unwrap();
    assert_eq!(begin(&store, &keyed(&place, 1, 1, late)).await, Turn::Kept(answer(Some("{}"))));
    assert_eq!(begin(&store, &keyed(&place, 1, 2, late)).await, Turn::Other);
    let later = late + SignedDuration::from_secs(1);
    assert_eq!(begin(&store, &keyed(&place, 1, 2, later)).await, Turn::Yours, "another day, another request");
    store.close().await;
}

#[tokio::test]
async fn a_claim_is_taken_over_when_its_time_is_over_and_whoever_had_it_keeps_nothing() {
    let place = place().await;
    let store = place.open().await;
    let first = keyed(&place, 1, 1, place.now);
    assert_eq!(begin(&store, &first).await, Turn::Yours);
    let second = keyed(&place, 1, 1, first.until);
    assert_eq!(begin(&store, &second).await, Turn::Yours);
    assert_eq!(begin(&store, &keyed(&place, 1, 1, first.until)).await, Turn::UnderWay(second.until));
    store.keep_answer(first.clone(), answer(Some("first"))).await.unwrap();
    store.let_go_keyed(first).await.unwrap();
    assert_eq!(begin(&store, &keyed(&place, 1, 1, second.at)).await, Turn::UnderWay(second.until));
    // Let go it is free at once, and still no key of another request.
    store.let_go_keyed(second.clone()).await.unwrap();
    assert_eq!(begin(&store, &keyed(&place, 1, 2, second.at)).await, Turn::Other);
    let third = keyed(&place, 1, 1, second.at);
    assert_eq!(begin(&store, &third).await, Turn::Yours);
    store.keep_answer(third, answer(Some("third"))).await.unwrap();
    assert_eq!(begin(&store, &second).await, Turn::Kept(answer(Some("third"))));
    store.close().await;
}

#[tokio::test]
async fn of_many_who_send_a_key_at_once_one_carries_it_out() {
    let place = place().await;
    let store = place.open().await;
    let turns = (0..32).map(|_| {
        let (store, keyed) = (store.clone(), keyed(&place, 1, 1, place.now));
        tokio::spawn(async move { begin(&store, &keyed).await })
    });
    let mut ours = 0;
    for turn in turns.collect::<Vec<_>>() {
        match turn.await.unwrap() {
            Turn::Yours => ours += 1,
            turn => assert!(matches!(turn, Turn::UnderWay(_)), "{turn:?}"),
        }
    }
    assert_eq!(ours, 1);
    store.close().await;
}

#[tokio::test]
async fn keys_are_forgotten_after_a_day_and_not_before() {
    let place = place().await;
    let store = place.open().await;
    for id in 0..5 {
        let old = keyed(&place, id, 1, place.now + SignedDuration::from_secs(i64::from(id)));
        assert_eq!(begin(&store, &old).await, Turn::Yours);
        store.keep_answer(old, answer(Some("{}"))).await.unwrap();
    }
    let day = place.now.checked_add(limits::IDEMPOTENCY_KEPT).unwrap();
    assert_eq!(store.prune_keyed(day).await.unwrap(), 0);
    assert_eq!(store.prune_keyed(day + SignedDuration::from_secs(2)).await.unwrap(), 2);
    assert_eq!(store.prune_keyed(day + SignedDuration::from_secs(2)).await.unwrap(), 0);
    let again = keyed(&place, 4, 1, place.now + SignedDuration::from_secs(9));
    assert_eq!(begin(&store, &again).await, Turn::Kept(answer(Some("{}"))));
    store.close().await;
}

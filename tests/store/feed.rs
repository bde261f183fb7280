//! The feed in both directions, with its filters.

use countersign::base::{AccountId, Position};
use countersign::signing::{ParticipantStatus, SigningRequestStatus};
use countersign::store::{FeedQuery, FeedRow, Store};

use super::place;
use crate::support::{Place, account, participant, signing_request, status};

async fn filled(place: &Place) -> Store {
    let store = place.open().await;
    for number in 0..10 {
        place.tell(&store, status(number, SigningRequestStatus::Sent)).await;
        place.tell(&store, participant(number, "1", ParticipantStatus::Completed)).await;
        let mut other = status(number, SigningRequestStatus::Completed);
        other.account = AccountId::new("other");
        place.tell(&store, other).await;
    }
    store
}

fn positions(rows: &[FeedRow]) -> Vec<u64> {
    rows.iter().map(|row| row.entry.position.0).collect()
}

#[tokio::test]
async fn pages_follow_one_another_in_both_directions_without_gap_or_repetition() {
    let place = place().await;
    let store = filled(&place).await;
    for newest_first in [false, true] {
        let mut walked = Vec::new();
        let mut after = Position(0);
        loop {
            let query = FeedQuery { after, limit: 7, newest_first, ..FeedQuery::default() };
            let page = store.feed(query).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.entry.position;
            walked.extend(positions(&page));
        }
        if newest_first {
            walked.reverse();
        }
        assert_eq!(walked, (1..=30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn filters_narrow_the_feed_alone_and_together() {
    let place = place().await;
    let store = filled(&place).await;
    let all = FeedQuery { limit: 100, ..FeedQuery::default() };
    let count = async |query: FeedQuery| store.feed(query).await.unwrap().len();
    assert_eq!(count(all.clone()).await, 30);
    let completed = FeedQuery { status: Some("completed".into()), ..all.clone() };
    assert_eq!(count(completed.clone()).await, 20);
    let mine = FeedQuery { account: Some(account()), ..completed };
    assert_eq!(count(mine.clone()).await, 10);
    let one = FeedQuery { signing_request: Some(signing_request(4)), ..mine };
    assert_eq!(count(one.clone()).await, 1);
    let newest = FeedQuery { signing_request: Some(signing_request(4)), newest_first: true, ..all };
    assert_eq!(positions(&store.feed(newest.clone()).await.unwrap()), [15, 14, 13]);
    let rest = FeedQuery { after: Position(15), ..newest };
    assert_eq!(positions(&store.feed(rest).await.unwrap()), [14, 13]);
}

#[tokio::test]
async fn a_change_is_found_by_its_id_and_a_timeline_by_its_signing_request() {
    let place = place().await;
    let store = filled(&place).await;
    let row = store.feed(FeedQuery { limit: 1, ..FeedQuery::default() }).await.unwrap().remove(0);
    assert_eq!(store.change(row.entry.id).await.unwrap(), Some(row));
    let timelines = store.timelines(signing_request(4).as_str()).await.unwrap();
    assert_eq!(timelines.len(), 2, "one for each account that has it");
    let mine = timelines.iter().find(|t| t.account == account()).unwrap();
    assert_eq!((mine.deliveries.len(), mine.changes.len()), (2, 2));
    assert_eq!(mine.state.status(), Some(SigningRequestStatus::Sent));
    assert_eq!(mine.changes[1].entry.sequence, 2);
    assert!(store.timelines("no such").await.unwrap().is_empty());
}

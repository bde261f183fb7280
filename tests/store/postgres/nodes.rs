//! Several nodes on one database: each may write at any time, what they write is one history, and they share the work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign::base::{Outcome, Position};
use countersign::signing::SigningRequestStatus;
use countersign::store::{FeedQuery, FeedRow, PARTS, Parts, Store, Work};
use jiff::Timestamp;

use super::place;
use crate::cluster::Postgres;
use crate::eventually;
use crate::support::{Place, activity, status, whole};

const PATIENCE: Duration = Duration::from_secs(60);

async fn feed(store: &Store) -> Vec<FeedRow> {
    store.feed(FeedQuery { limit: 100_000, ..FeedQuery::default() }).await.unwrap()
}

fn parts(store: &Store) -> BTreeSet<i64> {
    let held = *store.take_part(Work::Relay).borrow();
    (0..i64::from(PARTS)).filter(|part| held.hold(*part)).collect()
}

/// Tells the same of each signing request to one node after another, all at once.
async fn tell_all(place: &Place, nodes: &[Store]) -> usize {
    let mut accepted = 0;
    for number in 0..40 {
        let tellings = nodes.iter().flat_map(|node| {
            [SigningRequestStatus::Sent, SigningRequestStatus::Completed]
                .map(|status_told| place.tell(node, status(number, status_told)))
        });
        let outcomes = futures_util::future::join_all(tellings).await;
        accepted += outcomes.iter().filter(|told| told.outcome == Outcome::Accepted).count();
    }
    accepted
}

#[tokio::test]
async fn what_several_nodes_write_at_once_is_one_history() {
    let place = place().await;
    let nodes = [place.open_node(), place.open_node(), place.open_node()];
    // Each status is told three times, and is new once.
    assert_eq!(tell_all(&place, &nodes).await, 80);
    let rows = feed(&nodes[0]).await;
    let positions: Vec<u64> = rows.iter().map(|row| row.entry.position.0).collect();
    assert_eq!(positions, (1..=80).collect::<Vec<_>>(), "positions have no gap and no double");
    let mut sequences: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for row in &rows {
        sequences.entry(row.entry.subject_ref).or_default().push(row.entry.sequence);
    }
    assert!(sequences.values().all(|all| *all == [1, 2]), "{sequences:?}");
    let totals = nodes[1].totals().await.unwrap();
    assert_eq!(
        (totals.accepted, totals.duplicates, totals.changes, totals.signing_requests),
        (80, 160, 80, 40)
    );
}

#[tokio::test]
async fn an_activity_told_to_two_nodes_is_published_once() {
    let place = place().await;
    let nodes = [place.open_node(), place.open_node()];
    let outcomes = [
        place.tell(&nodes[0], activity(1, "envelope-resent", b"one")).await.outcome,
        place.tell(&nodes[1], activity(1, "envelope-resent", b"one")).await.outcome,
        place.tell(&nodes[1], activity(1, "envelope-resent", b"two")).await.outcome,
        place.tell(&nodes[0], activity(1, "envelope-resent", b"two")).await.outcome,
    ];
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Duplicate, Outcome::Accepted, Outcome::Duplicate]);
}

#[tokio::test]
async fn a_node_hears_of_what_another_appends() {
    let place = place().await;
    let nodes = [place.open_node(), place.open_node()];
    let mut last = nodes[1].last_position();
    place.tell(&nodes[0], status(1, SigningRequestStatus::Sent)).await;
    let heard = last.wait_for(|position| *position == Position(1));
    tokio::time::timeout(PATIENCE, heard).await.expect("it is heard").unwrap();
}

#[tokio::test]
async fn a_reader_never_sees_a_position_before_a_smaller_one() {
    let place = place().await;
    let nodes = [place.open_node(), place.open_node()];
    let reader = nodes[0].clone();
    let reading = tokio::spawn(async move {
        let (mut after, mut seen) = (Position(0), Vec::new());
        while seen.len() < 80 {
            let query = FeedQuery { after, limit: 10, ..FeedQuery::default() };
            for row in reader.feed(query).await.unwrap() {
                after = row.entry.position;
                seen.push(after.0);
            }
        }
        seen
    });
    tell_all(&place, &nodes).await;
    let seen = tokio::time::timeout(PATIENCE, reading).await.expect("it sees all").unwrap();
    assert_eq!(seen, (1..=80).collect::<Vec<_>>());
}

#[tokio::test]
async fn work_is_shared_evenly_and_moves_when_a_node_leaves() {
    let place = place().await;
    let first = place.open_node();
    whole(&first, Work::Relay).await;
    let second = place.open_node();
    let half = usize::try_from(PARTS / 2).unwrap();
    let shared = eventually("each has half", PATIENCE, async || {
        let (a, b) = (parts(&first), parts(&second));
        (a.len() == half && b.len() == half).then_some((a, b))
    });
    let (a, b) = shared.await;
    assert!(a.is_disjoint(&b), "no part has two holders: {a:?} {b:?}");
    second.close().await;
    whole(&first, Work::Relay).await;
}

#[tokio::test]
async fn the_parts_of_a_node_that_died_go_to_another() {
    let place = place().await;
    let node = place.open_node();
    whole(&node, Work::Relay).await;
    // What a node leaves that was killed: its share, until its leases end.
    let dead = "UPDATE leases SET holder = 'dead', until = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 3000 \
                WHERE work = 'relay' AND part >= 8";
    Postgres::shared().await.sql(&place.database(), dead).await;
    eventually("it sees what it has lost", PATIENCE, async || (parts(&node).len() == 8).then_some(())).await;
    whole(&node, Work::Relay).await;
}

#[tokio::test]
async fn one_node_at_a_time_keeps_house() {
    let place = place().await;
    let nodes = [place.open_node(), place.open_node()];
    let shares = [nodes[0].take_part(Work::Keep), nodes[1].take_part(Work::Keep)];
    let count = || shares.iter().filter(|share| !share.borrow().is_empty()).count();
    eventually("one does", PATIENCE, async || (count() == 1).then_some(())).await;
    let keeper = usize::from(shares[0].borrow().is_empty());
    nodes[keeper].close().await;
    let other = shares[1 - keeper].clone().wait_for(|parts| *parts == Parts::ALL).await.map(|parts| *parts);
    assert_eq!(other.unwrap(), Parts::ALL);
}

#[tokio::test]
async fn a_fetch_that_two_nodes_made_is_published_once() {
    let place = place().await;
    let first = place.open().await;
    place.tell(&first, status(1, SigningRequestStatus::Sent)).await;
    let due: Timestamp = "2026-11-23T11:00:00Z".parse().unwrap();
    let claims = first.claim_enrichments(due, 10).await.unwrap();
    // The first is slow, its lease ends, and a second one fetches the same.
    let second = place.open_node();
    let answer = || countersign::store::EnrichedChange {
        id: countersign::base::ChangeId(uuid::Uuid::from_u128(1)),
        routing_key: "enriched.sent.a".into(),
        occurred_at: due,
        received_at: due,
        body: Box::new(|sequence| format!("{{\"sequence\":{sequence}}}")),
    };
    second.complete_enrichment(claims[0].clone(), answer()).await.unwrap();
    first.complete_enrichment(claims[0].clone(), answer()).await.unwrap();
    let sequences: Vec<u64> = feed(&first).await.iter().map(|row| row.entry.sequence).collect();
    assert_eq!(sequences, [1, 2]);
}

#[tokio::test]
async fn a_large_body_is_read_on_any_node() {
    let place = place().await;
    let nodes = [place.open_node(), place.open_node()];
    let spool = place.folder.path().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    let body: Vec<u8> = (0..1_000_003_u32).map(|n| n.to_le_bytes()[1]).collect();
    let delivery = place.large(&body, &spool);
    let id = delivery.delivery().id;
    let reading = countersign::store::Reading::Unreadable("test".into());
    nodes[0].append(countersign::store::Arrival { delivery, reading }).await.unwrap();
    assert!(std::fs::read_dir(&spool).unwrap().next().is_none(), "the spool is empty again");
    for node in &nodes {
        let kept = node.delivery(id).await.unwrap().unwrap().body.unwrap();
        let countersign::store::StoredBody::File(path) = kept else { panic!("a large body is no file") };
        assert_eq!(std::fs::read(path).unwrap(), body);
    }
}

#[tokio::test]
async fn pieces_of_bodies_that_no_delivery_owns_go_with_time_and_no_others() {
    let place = place().await;
    let node = place.open_node();
    let spool = place.folder.path().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    let delivery = place.large(b"a large body", &spool);
    let id = delivery.delivery().id;
    let reading = countersign::store::Reading::Unreadable("kept as long as it is in quarantine".into());
    node.append(countersign::store::Arrival { delivery, reading }).await.unwrap();
    // As a node leaves them that dies between bringing the bytes and writing the row.
    let cluster = Postgres::shared().await;
    for orphan in ["0190", "fff0"] {
        let sql =
            format!("INSERT INTO body_pieces VALUES ('\\x{orphan}0000000070008000000000000001', 0, 'x')");
        cluster.sql(&place.database(), &sql).await;
    }
    node.prune(place.now.checked_add(jiff::SignedDuration::from_hours(1)).unwrap()).await.unwrap();
    let left = cluster.sql(&place.database(), "SELECT encode(id, 'hex') FROM body_pieces ORDER BY id").await;
    let kept = id.0.simple().to_string();
    assert_eq!(left.lines().collect::<Vec<_>>(), [kept.as_str(), "fff00000000070008000000000000001"]);
}

#[tokio::test]
async fn texts_that_postgresql_cannot_hold_are_kept_all_the_same() {
    let place = place().await;
    let node = place.open_node();
    let mut seen = status(1, SigningRequestStatus::Sent);
    seen.event = "envelope\0sent".into();
    seen.name = Some("a\0b".into());
    assert_eq!(place.tell(&node, seen.clone()).await.outcome, Outcome::Accepted);
    assert_eq!(place.tell(&node, seen).await.outcome, Outcome::Duplicate);
}

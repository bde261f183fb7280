//! Books that somebody else has spoilt, and books that an older version left.

use countersign::signing::SigningRequestStatus;
use countersign::store::{FeedQuery, Store};

use super::books::{audited, busy};
use super::place;
use crate::support::{Place, signing_request, status};

/// Takes back what came after the step that lines deliveries up: states that are late come to their rows.
const WITHOUT_LATER: &str = "
    UPDATE subjects SET state = v.state, last_delivery = v.last_delivery FROM standing v WHERE v.ref = subjects.ref;
    DROP VIEW standing; DROP TABLE late;
    DROP TABLE accounts; DROP TABLE links; DROP TABLE authorizations;
    DROP TABLE reconciled; DROP TABLE reconcile_runs;
    DROP TABLE tokens; DROP TABLE token_list;
    DROP TABLE idempotency; DROP INDEX subjects_by_account;
    ALTER TABLE books DROP COLUMN noted;
    DELETE FROM migrations WHERE step > 5;";

/// Takes back the step that lines deliveries up by their subjects.
const WITHOUT_LINES: &str = "
    CREATE INDEX deliveries_by_subject ON deliveries (subject_ref, seq) WHERE subject_ref IS NOT NULL;
    ALTER TABLE deliveries DROP COLUMN previous;
    ALTER TABLE subjects DROP COLUMN last_delivery;
    DELETE FROM migrations WHERE step = 5;";

fn database(place: &Place) -> rusqlite::Connection {
    rusqlite::Connection::open(place.folder.path().join("countersign.sqlite")).unwrap()
}

#[tokio::test]
async fn each_kind_of_loss_is_seen_and_named() {
    for (spoil, seen) in [
        ("DELETE FROM outbox WHERE position = 3", &["outbox", "stranded"][..]),
        ("DELETE FROM deliveries WHERE seq = 2", &["delivery_rows", "told_rows"]),
        ("DELETE FROM enrichments WHERE subject_ref = 4", &["fetches"]),
        ("UPDATE deliveries SET outcome = 'gone' WHERE outcome = 'quarantined'", &["quarantine"]),
        ("UPDATE totals SET settled = settled + 1", &["outbox", "published"]),
        ("UPDATE totals SET duplicates = duplicates - 1", &["deliveries"]),
        ("DELETE FROM changes WHERE subject_ref = 3 AND sequence = 2", &["change_rows", "orphans", "gaps"]),
        ("DELETE FROM changes WHERE subject_ref = 3 AND sequence = 1", &["change_rows", "orphans", "gaps"]),
        ("DELETE FROM changes WHERE subject_ref = 3 AND sequence = 3", &["change_rows", "orphans", "heads"]),
    ] {
        let place = place().await;
        let store = busy(&place).await;
        assert_eq!(database(&place).execute(spoil, []).unwrap(), 1, "{spoil}");
        let (wrong, _, rows) = audited(&store).await;
        assert_eq!(wrong, seen, "{spoil}");
        let place_told = seen.contains(&"gaps") || seen.contains(&"heads");
        assert_eq!(rows.places.len(), usize::from(place_told), "{spoil}: {:?}", rows.places);
    }
}

#[tokio::test]
async fn a_store_of_before_the_books_begins_balanced() {
    let place = place().await;
    let store = busy(&place).await;
    store.close().await;
    let old = database(&place);
    old.execute_batch(&[WITHOUT_LATER, WITHOUT_LINES].concat()).unwrap();
    old.execute_batch(
        "DROP TABLE books; DROP TABLE publications; ALTER TABLE deliveries DROP COLUMN stored_at;",
    )
    .unwrap();
    old.execute("DELETE FROM migrations WHERE step >= 4", []).unwrap();
    old.execute("DELETE FROM deliveries WHERE seq < 4", []).unwrap();
    drop(old);
    let store = place.open().await;
    place.tell(&store, status(7, SigningRequestStatus::Sent)).await;
    let (wrong, counts, rows) = audited(&store).await;
    assert_eq!(wrong, [""; 0], "{counts:?} {rows:?}");
    assert_eq!(store.backlog().await.unwrap().changes, counts.outbox);
}

#[tokio::test]
async fn a_store_of_before_the_lines_tells_the_same_timelines_with_them() {
    let place = place().await;
    let store = busy(&place).await;
    let told = timelines(&store).await;
    assert!(told.len() > 1_000, "{told}");
    store.close().await;
    database(&place).execute_batch(&[WITHOUT_LATER, WITHOUT_LINES].concat()).unwrap();
    let store = place.open().await;
    assert_eq!(timelines(&store).await, told);
    place.tell(&store, status(1, SigningRequestStatus::Completed)).await;
    let (wrong, counts, rows) = audited(&store).await;
    assert_eq!(wrong, [""; 0], "{counts:?} {rows:?}");
}

async fn timelines(store: &Store) -> String {
    let mut told = String::new();
    for number in 0..10 {
        let id = signing_request(number);
        told += &format!("{:#?}", store.timelines(id.as_str()).await.unwrap());
        let feed = FeedQuery { limit: 100, signing_request: Some(id), ..FeedQuery::default() };
        told += &format!("{:#?}", store.feed(feed).await.unwrap());
    }
    told
}

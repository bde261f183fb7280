//! States that are late are found wherever they are, and are never more than they may be.

use countersign::base::{Outcome, Position, limits};
use countersign::signing::{ParticipantStatus, SigningRequestStatus};
use countersign::store::{Arrival, Error, Parts, Reading, Store};

use super::books::audited;
use super::place;
use crate::support::{Place, participant, signing_request, status};

/// Signing requests, and the deliveries that each one's state is changed by: more together than may be late.
const SUBJECTS: u32 = 600;
const TELLINGS: u32 = 6;

fn count(place: &Place, sql: &str) -> i64 {
    let database = rusqlite::Connection::open(place.folder.path().join("countersign.sqlite")).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Tells everything about every signing request at once; how many deliveries were duplicates.
async fn tell_all(place: &Place, store: &Store) -> usize {
    let every = (0..TELLINGS).flat_map(|who| (0..SUBJECTS).map(move |number| (number, who)));
    let tasks: Vec<_> = every
        .map(|(number, who)| {
            let delivery = place.delivery(format!("{number} {who}").as_bytes());
            let reading = participant(number, &who.to_string(), ParticipantStatus::Sent);
            let (store, reading) = (store.clone(), Reading::Understood(Box::new(reading)));
            tokio::spawn(async move { store.append(Arrival { delivery, reading }).await.unwrap().outcome })
        })
        .collect();
    let mut duplicates = 0;
    for task in tasks {
        duplicates += usize::from(task.await.unwrap() == Outcome::Duplicate);
    }
    duplicates
}

#[tokio::test]
async fn states_are_late_within_bounds_and_all_are_known_after_the_process_has_ended() {
    let place = place().await;
    let store = place.open().await;
    for number in 0..SUBJECTS {
        place.tell(&store, status(number, SigningRequestStatus::Sent)).await;
    }
    assert_eq!(tell_all(&place, &store).await, 0);
    assert!(count(&place, "SELECT count(*) FROM late") < limits::STORE_LATE_MAX as i64);
    let brought = "SELECT count(*) FROM subjects WHERE last_delivery > 600";
    assert!(count(&place, brought) > 500, "rows were written again");
    // The first of them alone may bring in all that waited.
    for number in [7, 8] {
        place.tell(&store, participant(number, "late", ParticipantStatus::Sent)).await;
    }
    let late = "SELECT count(*) FROM subjects s JOIN standing v ON v.ref = s.ref WHERE v.state <> s.state";
    assert!(count(&place, late) > 0, "something is late when the process ends");
    drop(store);
    let store = place.open().await;
    assert_eq!(tell_all(&place, &store).await, (SUBJECTS * TELLINGS) as usize);
    let (wrong, counts, rows) = audited(&store).await;
    assert_eq!((wrong, rows.places.len()), (vec![], 0), "{counts:?} {rows:?}");
}

#[tokio::test]
async fn states_that_change_one_by_one_are_brought_to_their_rows_sooner() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    let mut most = 0;
    // A signing request's first state is never late.
    for who in 0..limits::STORE_LATE_FEW_MAX + 250 {
        let number = 2 + (who as u32 % 200);
        place.tell(&store, participant(number, &who.to_string(), ParticipantStatus::Sent)).await;
        if who % 20 == 0 {
            most = most.max(count(&place, "SELECT count(*) FROM late"));
        }
    }
    assert!((100..limits::STORE_LATE_FEW_MAX as i64).contains(&most), "{most}");
    assert!(count(&place, "SELECT count(*) FROM late") < 100);
    assert_eq!(audited(&store).await.0, [""; 0]);
}

#[tokio::test]
async fn a_failed_write_forgets_no_state_that_is_late() {
    let place = place().await;
    let store = place.open().await;
    place.tell(&store, status(1, SigningRequestStatus::Sent)).await;
    place.tell(&store, status(1, SigningRequestStatus::Completed)).await;
    assert_eq!(count(&place, "SELECT count(*) FROM late"), 1);
    // The same dice give the same id again: it is taken, and the writer forgets what it has in memory.
    let again = Place::new(None).delivery(b"again");
    let again = Arrival { delivery: again, reading: Reading::Unreadable("again".into()) };
    assert!(matches!(store.append(again).await, Err(Error::Rejected(_))));
    let told = &store.timelines(signing_request(1).as_str()).await.unwrap()[0];
    assert_eq!((told.state.status(), told.deliveries.len()), (Some(SigningRequestStatus::Completed), 2));
    let repeated = place.tell(&store, status(1, SigningRequestStatus::Completed)).await;
    assert_eq!(repeated.outcome, Outcome::Duplicate);
    place.tell(&store, status(1, SigningRequestStatus::Declined)).await;
    let last = store.unsettled(Parts::ALL, Position(2), 10).await.unwrap();
    assert_eq!(last.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [3]);
    assert_eq!(audited(&store).await.0, [""; 0]);
}

//! Whatever is changed in the database's file or beside it is found, and named.

use std::path::{Path, PathBuf};

use countersign::evidence::{Fault, Known, Link, Report};
use countersign::signing::SigningRequestStatus;
use countersign::store::{Arrival, Audit, Error, Reading, Settings};
use rusqlite::Connection;

use super::evidence::{filled, known};
use crate::support::{Place, status};

/// A fault, and the first and last record concerned.
type Named = (Fault, u64, u64);

/// The file of a filled store, which nobody has open.
async fn file() -> (Place, PathBuf) {
    let place = super::place().await;
    let store = filled(&place).await;
    store.close().await;
    let path = place.folder.path().join("countersign.sqlite");
    (place, path)
}

fn verified(path: &Path, known: Known) -> Report {
    Audit::open(&Settings::sqlite(path, true)).unwrap().verify(known, |_| ()).unwrap()
}

fn faults(report: &Report) -> Vec<Named> {
    report.findings.iter().map(|finding| (finding.fault, finding.first, finding.last)).collect()
}

/// What is found after some SQL on a copy.
fn after(path: &Path, sql: &str) -> Vec<Named> {
    let copy = path.with_file_name("copy.sqlite");
    std::fs::copy(path, &copy).unwrap();
    Connection::open(&copy).unwrap().execute_batch(sql).unwrap();
    faults(&verified(&copy, known()))
}

#[tokio::test]
async fn whatever_is_changed_with_sql_is_named() {
    // Records: 1 to 5 deliveries, 6 a checkpoint, 7 the large delivery, 8 and 9 ends of quarantines, 10 a checkpoint.
    let (_place, path) = file().await;
    let cases: &[(&str, &[Named])] = &[
        ("SELECT 1", &[]),
        ("UPDATE deliveries SET outcome = 'accepted' WHERE seq = 3", &[(Fault::RowChanged, 3, 3)]),
        ("UPDATE deliveries SET received_at = received_at + 1 WHERE seq = 1", &[(Fault::RowChanged, 1, 1)]),
        ("UPDATE deliveries SET subject_ref = 2 WHERE seq = 1", &[(Fault::RowChanged, 1, 1)]),
        ("UPDATE deliveries SET reason = 'other' WHERE seq = 5", &[(Fault::RowChanged, 5, 5)]),
        ("UPDATE deliveries SET outcome = 'dropped' WHERE seq = 4", &[(Fault::RowChanged, 8, 8)]),
        (
            "UPDATE deliveries SET outcome = 'quarantined' WHERE seq = 4",
            &[(Fault::RowChanged, 4, 4), (Fault::RowChanged, 8, 8)],
        ),
        ("UPDATE bodies SET body = x'00', encoding = 0 WHERE seq = 2", &[(Fault::BodyChanged, 2, 2)]),
        ("UPDATE bodies SET body = x'ffffffff00', encoding = 1 WHERE seq = 2", &[(Fault::BodyChanged, 2, 2)]),
        ("UPDATE bodies SET encoding = 2 WHERE seq = 2", &[(Fault::BodyChanged, 2, 2)]),
        ("UPDATE bodies SET headers = '[]' WHERE seq = 2", &[(Fault::HeadersChanged, 2, 2)]),
        ("UPDATE bodies SET headers = 'x' WHERE seq = 2", &[(Fault::HeadersChanged, 2, 2)]),
        ("DELETE FROM bodies WHERE seq = 2", &[(Fault::BodyRemoved, 2, 2)]),
        (
            "DELETE FROM bodies; DELETE FROM deliveries",
            &[(Fault::BodyRemoved, 1, 5), (Fault::BodyRemoved, 7, 7)],
        ),
        ("DELETE FROM evidence WHERE number = 3", &[(Fault::Removed, 3, 3), (Fault::RowAdded, 0, 0)]),
        ("DELETE FROM evidence WHERE number = 8", &[(Fault::Removed, 8, 8), (Fault::RowChanged, 4, 4)]),
        ("UPDATE evidence SET link = zeroblob(32) WHERE number = 2", &[(Fault::Changed, 2, 2)]),
        (
            "UPDATE evidence SET record = (SELECT record FROM evidence WHERE number = 8) WHERE number = 9",
            &[(Fault::Reordered, 9, 9), (Fault::RowChanged, 5, 5)],
        ),
        (
            "INSERT INTO deliveries (seq, id, source, received_at, format, event, subject_ref, outcome, reason, body_bytes, \
             changes, evidence) SELECT 99, zeroblob(16), source, received_at, format, event, subject_ref, outcome, \
             reason, body_bytes, changes, 0 FROM deliveries WHERE seq = 1",
            &[(Fault::RowAdded, 0, 0)],
        ),
        (
            "INSERT INTO deliveries (seq, id, source, received_at, format, event, subject_ref, outcome, reason, body_bytes, \
             changes, evidence) SELECT 99, zeroblob(16), source, received_at, format, event, subject_ref, outcome, \
             reason, body_bytes, changes, evidence FROM deliveries WHERE seq = 1",
            &[(Fault::RowAdded, 0, 0)],
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(after(&path, sql), *expected, "{sql}");
    }
}

#[tokio::test]
async fn a_large_body_that_is_changed_or_taken_away_is_named() {
    let (place, path) = file().await;
    let folder = place.folder.path().join("bodies");
    let large = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&large).unwrap();
    bytes[500_000] ^= 1;
    std::fs::write(&large, &bytes).unwrap();
    assert_eq!(faults(&verified(&path, known())), [(Fault::BodyChanged, 7, 7)]);
    std::fs::remove_file(&large).unwrap();
    let report = verified(&path, known());
    assert_eq!(faults(&report), [(Fault::BodyChanged, 7, 7)]);
    assert!(report.findings[0].what.contains("cannot be read"), "{}", report.findings[0]);
}

#[tokio::test]
async fn a_tail_that_is_cut_off_is_found_by_who_noted_a_link_down() {
    let (_place, path) = file().await;
    let report = verified(&path, known());
    assert_eq!((report.last, report.faults), (10, 0));
    let link: Vec<u8> = {
        let connection = Connection::open(&path).unwrap();
        connection.query_row("SELECT link FROM evidence WHERE number = 9", [], |row| row.get(0)).unwrap()
    };
    let cut = "DELETE FROM evidence WHERE number > 6; DELETE FROM bodies WHERE seq > 5; \
               DELETE FROM deliveries WHERE seq > 5; UPDATE deliveries SET outcome = 'quarantined', subject_ref = NULL, \
               format = NULL, event = NULL, changes = 0 WHERE seq > 3";
    Connection::open(&path).unwrap().execute_batch(cut).unwrap();
    assert_eq!(faults(&verified(&path, known())), [], "what is signed ends there, and nothing else tells");
    let noted = [(9, Link(link.try_into().unwrap()))].into();
    let report = verified(&path, Known { links: noted, ..known() });
    assert_eq!(faults(&report), [(Fault::Truncated, 7, 9)]);
}

#[tokio::test]
async fn a_chain_is_examined_beside_the_server_that_writes_it() {
    let place = super::place().await;
    let store = filled(&place).await;
    let path = place.folder.path().join("countersign.sqlite");
    let writing = async {
        for number in 10..200 {
            place.tell(&store, status(number, SigningRequestStatus::Sent)).await;
        }
    };
    let examining = tokio::task::spawn_blocking(move || {
        let mut reports = Vec::new();
        while reports.last().is_none_or(|report: &Report| report.records < 200) {
            reports.push(verified(&path, known()));
        }
        reports
    });
    let (reports, ()) = tokio::join!(examining, writing);
    let reports = reports.unwrap();
    assert!(reports.iter().all(|report| report.findings.is_empty()), "{reports:#?}");
    store.close().await;
}

#[tokio::test]
async fn a_failed_write_leaves_no_trace_in_the_chain() {
    let place = super::place().await;
    let store = filled(&place).await;
    let path = place.folder.path().join("countersign.sqlite");
    // The same dice give the same id again: it is taken, and nothing of the second delivery is written.
    let delivery = Place::new(None).delivery(b"again");
    let again = Arrival { delivery, reading: Reading::Unreadable("again".into()) };
    assert!(matches!(store.append(again).await, Err(Error::Rejected(_))));
    assert_eq!(verified(&path, known()).records, 10);
    place.tell(&store, status(5, SigningRequestStatus::Sent)).await;
    assert_eq!(faults(&verified(&path, known())), []);
    store.close().await;
}

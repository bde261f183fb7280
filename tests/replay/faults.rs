//! What can be wrong between then and now, and what a replay does about each.

use std::collections::BTreeSet;

use countersign::base::books::{equations, imbalances, row_equations};
use countersign::base::{AccountId, Clock};
use countersign::receive::replay::{Bound, Choice, Verdict, Wanted};
use countersign::receive::{Release, release};
use countersign::signing::Activity;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{ACCOUNT, Bench, message, said, source};

fn unlike(chosen: &str) -> Choice {
    Choice { missing: chosen != "different", different: chosen != "missing", ids: BTreeSet::new() }
}

/// An older version took this event for one that moves no status.
async fn misread_as_activity(bench: &Bench, body: &[u8]) {
    let as_activity = |seen: &mut countersign::signing::Observation| {
        seen.marks.clear();
        seen.activity =
            Some(Activity { person: None, reassigned_to: None, at: None, discriminator: b"old".to_vec() });
    };
    bench.receive_as(body, as_activity).await;
}

#[tokio::test]
async fn what_an_older_version_did_not_understand_is_published_late_with_what_depends_on_it() {
    let bench = Bench::new();
    bench.receive(&message("envelope-sent", "env-a", 1)).await;
    misread_as_activity(&bench, &message("envelope-delivered", "env-a", 2)).await;
    bench.receive(&message("envelope-completed", "env-a", 3)).await;
    let replayed = bench.dry().await;
    let kinds: Vec<_> = replayed.found().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["extra", "different", "missing"]);
    let Verdict::Different(fields) = &replayed.findings[1].verdict else { panic!("{replayed:#?}") };
    let field = fields.iter().find(|field| field.field == "signing_request.previous_status.id").unwrap();
    assert_eq!((&field.published, &field.today), (&json!("sent"), &json!("delivered")));

    let replayed = bench.publish(unlike("missing")).await;
    assert_eq!(replayed.tally.published, 1);
    let feed = bench.feed().await;
    let newest = said(feed.last().unwrap());
    assert_eq!((&newest["verdict"], &newest["origin"]), (&json!("late"), &json!("replay")));
    assert_eq!(
        newest["signing_request"]["previous_status"]["id"], "completed",
        "where it stood when it came"
    );
    assert!(feed.last().unwrap().entry.routing_key.starts_with("late.delivered."));
    // From now on it is known: neither its own retry nor another replay makes it again.
    assert_eq!(bench.receive(&message("envelope-delivered", "env-a", 2)).await.0, "duplicate");
    let kinds: Vec<_> = bench.dry().await.found().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["extra", "different"]);
}

#[tokio::test]
async fn a_change_that_says_something_else_today_is_written_anew_in_its_place_and_published_again() {
    let bench = Bench::new();
    bench.receive_as(&message("envelope-sent", "env-a", 1), |seen| seen.name = Some("Wrong".into())).await;
    bench.receive(&message("envelope-completed", "env-b", 2)).await;
    let before = bench.feed().await;
    // A broker has taken both.
    bench.database().execute("DELETE FROM outbox", []).unwrap();
    let replayed = bench.publish(unlike("different")).await;
    assert_eq!(replayed.found(), [("different", before[0].entry.id)]);
    assert_eq!((replayed.tally.published, replayed.findings[0].published), (1, true));
    let after = bench.feed().await;
    assert_eq!(after[1], {
        let mut row = before[1].clone();
        row.published = true;
        row
    });
    let (old, new) = (&before[0].entry, &after[0].entry);
    assert_eq!((new.id, new.position, new.sequence), (old.id, old.position, old.sequence));
    assert_eq!(
        (said(&after[0])["signing_request"]["name"].clone(), after[0].published),
        (Value::Null, false)
    );
    assert_eq!(bench.dry().await.found(), []);
}

#[tokio::test]
async fn only_what_is_chosen_by_id_is_published_and_the_same_may_be() {
    let bench = Bench::new();
    for (number, event) in ["envelope-sent", "envelope-delivered", "envelope-completed"].iter().enumerate() {
        bench.receive(&message(event, "env-a", number as u32)).await;
    }
    bench.receive(&message("envelope-sent", "env-b", 9)).await;
    let feed = bench.feed().await;
    bench.database().execute("DELETE FROM outbox WHERE position = 1", []).unwrap();
    bench.lose(2);
    bench.lose(3);
    let ids = BTreeSet::from([feed[0].entry.id, feed[2].entry.id]);
    let replayed = bench.publish(Choice { ids, ..Choice::default() }).await;
    let published: Vec<_> = replayed.findings.iter().map(|finding| (finding.id, finding.published)).collect();
    assert_eq!(published, [(feed[1].entry.id, false), (feed[2].entry.id, true)]);
    assert_eq!(replayed.tally.published, 2, "one was the same, and is published again");
    assert_eq!(bench.feed().await.iter().filter(|row| !row.published).count(), 3);
}

#[tokio::test]
async fn a_delivery_that_lay_in_quarantine_is_replayed_in_the_place_where_it_was_applied() {
    let bench = Bench::new();
    let mut strict = source();
    strict.accounts = vec![AccountId::new("somebody-else")];
    bench.receiver.sources.replace(vec![strict]);
    let (outcome, quarantined) = bench.receive(&message("envelope-completed", "env-a", 3)).await;
    assert_eq!(outcome, "quarantined");
    let (_, kept) = bench.receive(&message("envelope-voided", "env-a", 4)).await;
    bench.receiver.sources.replace(vec![source()]);
    bench.receive(&message("envelope-sent", "env-a", 1)).await;
    let released = release(&bench.receiver, quarantined).await.unwrap();
    assert!(matches!(released, Release::Released(_)), "{released:?}");
    bench.receive(&message("envelope-delivered", "env-a", 2)).await;
    let replayed = bench.dry().await;
    assert_eq!((replayed.found(), replayed.tally.same), (vec![], 3), "{:#?}", replayed.findings);
    assert_eq!(replayed.tally.unapplied, 1, "{kept} is still in quarantine");
}

#[tokio::test]
async fn a_life_whose_beginning_was_pruned_is_named_and_never_taken_for_missing() {
    let bench = Bench::new();
    bench.receive(&message("envelope-sent", "env-old", 1)).await;
    bench.clock.advance(SignedDuration::from_hours(24 * 40));
    let cut = bench.clock.now();
    bench.receive(&message("envelope-sent", "env-old", 1)).await;
    bench.receive(&message("envelope-completed", "env-old", 2)).await;
    bench.receive(&message("envelope-sent", "env-new", 3)).await;
    bench.database().execute("DELETE FROM outbox", []).unwrap();
    assert_eq!(bench.store.prune(cut).await.unwrap().deliveries, 1);
    let replayed = bench.publish(unlike("all")).await;
    assert_eq!((replayed.found(), replayed.tally.published), (vec![], 0));
    assert_eq!(replayed.kinds(), ["pruned", "pruned"], "the range, and the life");
    assert_eq!(replayed.notes[0].subject, None);
    assert_eq!(replayed.notes[1].subject.as_ref().unwrap().1.id(), "env-old");
    assert_eq!((replayed.tally.subjects, replayed.tally.same), (1, 1));
    let later = Wanted { from: Some(Bound::Time(bench.clock.now())), ..Wanted::default() };
    assert_eq!(bench.replay(later).await.kinds(), [""; 0], "a range of today is not cut");
}

#[tokio::test]
async fn a_delivery_that_cannot_be_read_today_or_is_of_another_account_is_named() {
    let bench = Bench::new();
    let (_, id) = bench.receive(&message("envelope-sent", "env-a", 1)).await;
    let moved = |seen: &mut countersign::signing::Observation| seen.account = AccountId::new("before");
    bench.receive_as(&message("envelope-sent", "env-b", 1), moved).await;
    let mut strict = source();
    strict.accounts = vec![AccountId::new(ACCOUNT)];
    bench.receiver.sources.replace(vec![strict]);
    let replayed = bench.dry().await;
    assert_eq!(replayed.kinds(), ["moved"]);
    assert_eq!(replayed.tally.extra, 1);
    let mut strict = source();
    strict.accounts = vec![AccountId::new("somebody-else")];
    bench.receiver.sources.replace(vec![strict]);
    let replayed = bench.dry().await;
    assert_eq!((replayed.kinds(), replayed.tally.extra), (vec!["unreadable", "unreadable"], 2));
    assert_eq!(replayed.notes[0].delivery_id, Some(id));
}

#[tokio::test]
async fn a_range_reports_what_its_deliveries_tell_and_reads_whole_lives_for_it() {
    let bench = Bench::new();
    let mut ids = Vec::new();
    let mut times = Vec::new();
    for (number, event) in ["envelope-sent", "envelope-delivered", "envelope-completed"].iter().enumerate() {
        ids.push(bench.receive(&message(event, "env-a", number as u32)).await.1);
        times.push(bench.clock.now());
    }
    bench.receive(&message("envelope-sent", "env-z", 9)).await;
    for position in 1..=3 {
        bench.lose(position);
    }
    let missing = async |from, to| {
        let wanted = Wanted { from: Some(from), to: Some(to), ..Wanted::default() };
        let replayed = bench.replay(wanted).await;
        replayed
            .findings
            .iter()
            .map(|f| f.routing_key.split('.').nth(1).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (second, third) = (Bound::Delivery(ids[1]), Bound::Delivery(ids[2]));
    assert_eq!(missing(second, second).await, ["delivered"]);
    assert_eq!(missing(second, third).await, ["delivered", "completed"]);
    assert_eq!(missing(Bound::Time(times[0]), Bound::Time(times[2])).await, ["sent", "delivered"]);
    assert_eq!(
        missing(Bound::Time(times[2]), Bound::Time(times[0])).await,
        [""; 0],
        "nothing lies in between"
    );
}

#[tokio::test]
async fn a_long_range_is_walked_page_by_page_and_each_life_once() {
    let bench = Bench::new();
    for round in ["envelope-sent", "envelope-delivered", "envelope-completed"] {
        for number in 0..110 {
            bench.receive(&message(round, &format!("env-{number}"), number)).await;
        }
    }
    bench.lose(200);
    let replayed = bench.publish(unlike("all")).await;
    assert_eq!((replayed.pages, replayed.tally.deliveries, replayed.tally.subjects), (2, 330, 110));
    assert_eq!((replayed.tally.same, replayed.tally.missing, replayed.tally.published), (329, 1, 1));
}

#[tokio::test]
async fn a_life_too_long_to_be_replayed_in_memory_is_named_and_left_out() {
    let bench = Bench::new();
    let (_, first) = bench.receive(&message("envelope-sent", "env-a", 1)).await;
    bench.receive(&message("envelope-sent", "env-b", 1)).await;
    let copy = "INSERT INTO deliveries (seq, id, source, received_at, subject_ref, outcome, body_bytes, changes, \
                previous) SELECT ?1, ?2, source, received_at, 1, 'duplicate', 0, 0, last_delivery \
                FROM deliveries JOIN subjects ON ref = 1 WHERE seq = 1";
    let database = bench.database();
    let transaction = database.unchecked_transaction().unwrap();
    for number in 3..=2_002u32 {
        let id = uuid::Uuid::from_u128(first.0.as_u128() + u128::from(number));
        transaction.execute(copy, rusqlite::params![number, id.as_bytes().as_slice()]).unwrap();
        transaction.execute("UPDATE subjects SET last_delivery = ?1 WHERE ref = 1", [number]).unwrap();
    }
    transaction.commit().unwrap();
    let replayed = bench.dry().await;
    assert_eq!((replayed.kinds(), replayed.tally.subjects), (vec!["too_long"], 1));
    assert_eq!(replayed.tally.deliveries, 2_002);
}

#[tokio::test]
async fn a_store_on_a_server_is_replayed_alike() {
    let bench = Bench::on_server(&crate::cluster::Postgres::shared().await.database().await);
    bench.receive(&message("envelope-sent", "env-a", 1)).await;
    misread_as_activity(&bench, &message("envelope-delivered", "env-a", 2)).await;
    bench.receive(&message("envelope-completed", "env-a", 3)).await;
    bench.receive(&message("envelope-sent", "env-b", 4)).await;
    bench.receive(&message("recipient-completed", "env-b", 5)).await;
    let kinds = async |choice| {
        let replayed = bench.publish(choice).await;
        let kinds: Vec<_> = replayed.found().iter().map(|(kind, _)| *kind).collect();
        (kinds, replayed.tally.same, replayed.tally.published)
    };
    let all = vec!["extra", "different", "missing"];
    assert_eq!(kinds(Choice::default()).await, (all.clone(), 3, 0));
    // The different one waits to be published anyway.
    assert_eq!(kinds(unlike("all")).await, (all, 3, 1));
    assert_eq!(kinds(Choice::default()).await, (vec!["extra"], 5, 0));
    let (counts, rows) = bench.store.books_by_hand().await.unwrap();
    let books: Vec<_> = equations(&counts).into_iter().chain(row_equations(&counts, &rows)).collect();
    assert_eq!(imbalances(&books).next(), None, "{counts:?} {rows:?}");
    assert_eq!(counts.replayed, 1);
    let last = Wanted { from: Some(Bound::Time(bench.clock.now())), ..Wanted::default() };
    assert_eq!(bench.replay(last).await.tally.deliveries, 1);
    bench.store.close().await;
}

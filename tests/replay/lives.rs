//! Whole lives, told in any order and with repetitions: a replay finds what was lost, and else nothing.

use countersign::receive::replay::Choice;
use countersign::signing::change::ENRICHED_TYPE;
use countersign::store::FeedRow;
use proptest::prelude::*;
use proptest::sample::Index;

use super::bench::{Bench, said};
use super::life::{Plan, live, plans};

/// How a life is told.
#[derive(Debug, Clone, Copy)]
enum Telling {
    Events,
    Summaries,
    Aggregates,
    Both,
    Xml,
}

fn tellings() -> impl Strategy<Value = Telling> {
    prop::sample::select(vec![
        Telling::Events,
        Telling::Summaries,
        Telling::Aggregates,
        Telling::Both,
        Telling::Xml,
    ])
}

/// All messages of several lives, some of them twice, in any order.
fn messages(lives: &[(Plan, Telling)], again: &[(Index, u64)], order: &[Index]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for (number, (plan, telling)) in lives.iter().enumerate() {
        let mut told = Vec::new();
        for step in live(plan) {
            match telling {
                Telling::Events => told.extend(step.single(false, 0)),
                Telling::Summaries => told.extend(step.single(true, 0)),
                Telling::Aggregates => told.push(step.aggregate()),
                Telling::Both => told.extend(step.single(true, 0).into_iter().chain([step.aggregate()])),
                Telling::Xml => told.push(step.xml(3)),
            }
        }
        let own = |body: Vec<u8>| {
            let text = String::from_utf8(body).unwrap();
            text.replace("-000000000002", &format!("-00000000001{number}")).into_bytes()
        };
        all.extend(told.into_iter().map(own));
    }
    for (at, _) in again {
        all.push(all[at.index(all.len())].clone());
    }
    for at in (1..all.len()).rev() {
        all.swap(at, order[at % order.len()].index(at + 1));
    }
    all
}

fn told(feed: &[FeedRow]) -> Vec<&FeedRow> {
    feed.iter().filter(|row| row.entry.event_type != ENRICHED_TYPE).collect()
}

async fn a_life_is_lost_and_found(messages: Vec<Vec<u8>>, fetch_every: usize, lost: Index) {
    let bench = Bench::new();
    for (at, body) in messages.iter().enumerate() {
        bench.receive(body).await;
        if at % fetch_every == 0 {
            bench.enrich().await;
        }
    }
    let feed = bench.feed().await;
    let same = told(&feed).len() as u64;
    let replayed = bench.dry().await;
    assert_eq!((replayed.found(), replayed.kinds()), (vec![], vec![]), "{:#?}", replayed.findings);
    assert_eq!((replayed.tally.same, replayed.tally.deliveries), (same, messages.len() as u64));

    let victim = told(&feed)[lost.index(told(&feed).len())].clone();
    // A change at the very end of the feed is what the next position is counted from.
    bench.receive(&super::bench::message("envelope-sent", "the-last", 1)).await;
    bench.lose(victim.entry.position.0);
    let replayed = bench.dry().await;
    assert_eq!(replayed.found(), [("missing", victim.entry.id)], "{:#?}", replayed.findings);
    assert_eq!((replayed.tally.same, replayed.tally.published), (same, 0));
    assert!(
        !bench.feed().await.iter().any(|row| row.entry.id == victim.entry.id),
        "a dry run publishes nothing"
    );

    let missing = Choice { missing: true, ..Choice::default() };
    let replayed = bench.publish(missing.clone()).await;
    assert_eq!((replayed.found(), replayed.tally.published), (vec![("missing", victim.entry.id)], 1));
    let feed = bench.feed().await;
    let newest = feed.last().unwrap();
    assert_eq!((newest.entry.id, newest.published), (victim.entry.id, false));
    let before = feed.iter().rev().skip(1).find(|row| row.entry.subject_ref == newest.entry.subject_ref);
    let last = before.map_or(victim.entry.sequence, |row| row.entry.sequence.max(victim.entry.sequence));
    assert_eq!(newest.entry.sequence, last + 1, "the next sequence");
    assert_eq!(said(newest)["origin"], "replay");
    assert_eq!(said(newest)["cause"], said(&victim)["cause"]);

    let replayed = bench.publish(missing).await;
    assert_eq!((replayed.found(), replayed.tally.published), (vec![], 0), "{:#?}", replayed.findings);
    assert_eq!(bench.feed().await.len(), feed.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn replaying_any_lives_finds_no_difference_and_then_exactly_what_was_lost(
        lives in prop::collection::vec((plans(), tellings()), 1..4),
        order in prop::collection::vec(any::<Index>(), 120),
        again in prop::collection::vec((any::<Index>(), 1u64..9), 0..20),
        fetch_every in 2usize..30,
        lost in any::<Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(a_life_is_lost_and_found(messages(&lives, &again, &order), fetch_every, lost));
    }
}

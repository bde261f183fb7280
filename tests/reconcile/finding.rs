//! What is found: all that was dropped, under the ids that Connect would have given, and nothing that was not.

use std::collections::BTreeSet;

use countersign::base::ChangeId;
use countersign::reconcile::Order;
use countersign::simulator::connect::Format;
use countersign::simulator::life::Kind;
use countersign::store::RunState;
use countersign::telemetry::Metric;
use jiff::SignedDuration;

use super::world::World;

/// Kinds of lives of which REST tells everything afterwards: nobody was replaced, and no mail came back.
const TELLING: [Kind; 8] = [
    Kind::Sequential,
    Kind::Parallel,
    Kind::CarbonCopies,
    Kind::Declined,
    Kind::Voided,
    Kind::Expired,
    Kind::FinishedLater,
    Kind::Purged,
];

/// What comes of lives of which every message arrives.
async fn whole(kinds: &[Kind]) -> BTreeSet<ChangeId> {
    let world = World::new().await;
    for (seed, kind) in kinds.iter().enumerate() {
        world.happen(&world.life(*kind, seed as u64), |_, _| true).await;
    }
    world.statuses().await
}

#[tokio::test]
async fn every_status_that_was_dropped_is_found_under_the_id_that_connect_would_have_given() {
    let expected = whole(&TELLING).await;
    // Every message in turn, two of three, and none at all.
    for (part, drops) in [(3, 0), (3, 1), (2, 1), (1, 0)] {
        let world = World::new().await;
        for (seed, kind) in TELLING.iter().enumerate() {
            world.happen(&world.life(*kind, seed as u64), |at, _| at % part != drops).await;
        }
        let before = world.statuses().await;
        let run = world.look().await;
        assert_eq!((run.state, run.why.as_deref()), (RunState::Done, None));
        let after = world.statuses().await;
        assert_eq!(after, expected, "with one of {part} dropped");
        assert_eq!(run.missed, (after.len() - before.len()) as u64);
        assert_eq!(world.metrics.counted(Metric::ReconcileMissed, ""), run.missed);
        let found: Vec<_> = world
            .feed()
            .await
            .into_iter()
            .filter(|entry| entry.body.contains(r#""origin":"reconcile""#))
            .collect();
        assert_eq!(found.len() as u64, run.missed);
        assert_eq!(run.missed_since, found.iter().map(|entry| entry.occurred_at).min());
        assert_eq!(run.concerned, run.signing_requests.len() as u64);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn lives_of_which_rest_does_not_tell_everything_get_nothing_that_connect_would_not_have_told() {
    let expected = whole(Kind::ALL).await;
    let world = World::new().await;
    for (seed, kind) in Kind::ALL.iter().enumerate() {
        world.happen(&world.life(*kind, seed as u64), |_, _| false).await;
    }
    world.look().await;
    let found = world.statuses().await;
    assert!(found.is_subset(&expected), "made up: {:?}", found.difference(&expected));
    // Only what was overwritten at DocuSign itself is lost.
    assert!(expected.len() - found.len() <= 8, "{} of {}", found.len(), expected.len());
    world.assert_sound().await;
}

#[tokio::test]
async fn what_comes_late_over_connect_is_a_duplicate_of_what_was_found() {
    let world = World::new().await;
    let life = world.life(Kind::Sequential, 1);
    world.happen(&life, |at, _| at < 2).await;
    assert!(world.look().await.missed > 0);
    let before = world.statuses().await;
    for step in &life {
        assert_eq!(world.deliver(step).await, "duplicate", "{}", step.event);
    }
    assert_eq!(world.statuses().await, before);
    world.assert_sound().await;
}

#[tokio::test]
async fn where_nothing_is_missing_nothing_is_written() {
    let world = World::new().await;
    for (seed, kind) in Kind::ALL.iter().enumerate() {
        world.happen(&world.life(*kind, seed as u64), |_, _| true).await;
    }
    let before = (world.store.totals().await.unwrap(), *world.store.evidence_head().borrow());
    let run = world.look().await;
    assert_eq!((run.state, run.missed), (RunState::Done, 0));
    assert!(run.looked as usize >= Kind::ALL.len() - 1, "all were looked at: {run:?}");
    let after = (world.store.totals().await.unwrap(), *world.store.evidence_head().borrow());
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_dry_run_tells_what_is_missing_and_writes_nothing() {
    let world = World::new().await;
    world.happen(&world.life(Kind::Parallel, 1), |at, _| at % 2 == 0).await;
    let before = (world.feed().await, *world.store.evidence_head().borrow());
    let dry = world.asked(Order { dry_run: true, ..Order::default() }).await;
    assert!(dry.missed > 0 && dry.dry_run && dry.asked);
    assert_eq!((world.feed().await, *world.store.evidence_head().borrow()), before);
    assert_eq!(world.metrics.counted(Metric::ReconcileMissed, ""), 0);
    let wet = world.asked(Order::default()).await;
    assert_eq!((wet.missed, wet.missed_since), (dry.missed, dry.missed_since));
    assert_eq!(world.asked(Order::default()).await.missed, 0);
}

#[tokio::test]
async fn a_recipient_who_acts_while_the_envelope_stays_where_it_is_is_found_too() {
    let world = World::new().await;
    let life = world.life(Kind::Sequential, 1);
    let first = life.iter().position(|step| step.event == "recipient-completed").unwrap();
    world.happen(&life[..first], |_, _| true).await;
    // So much later that no window of status changes reaches back to the sending.
    for _ in 0..5 {
        assert_eq!(world.look().await.missed, 0);
    }
    let mut late = life[first].clone();
    let mut envelope = late.subject.envelope().unwrap().as_ref().clone();
    envelope.modified_at = countersign::base::Clock::now(world.clock.as_ref());
    late.subject = countersign::simulator::life::Subject::Envelope(envelope.into());
    world.happen(&[late], |_, _| false).await;
    let run = world.look().await;
    assert_eq!(run.missed, 1, "{run:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn what_happens_just_now_is_left_to_its_delivery() {
    let world = World::new().await;
    world.pass(SignedDuration::from_mins(60));
    let life = world.life(Kind::Parallel, 1);
    world.docusign.apply(&life[1]);
    world.turn().await;
    assert!(world.feed().await.is_empty(), "its delivery is on its way");
    assert!(world.look().await.missed > 0, "it never came");
}

#[tokio::test]
async fn an_account_that_is_new_brings_none_of_its_past_along() {
    let world = World::new().await;
    let known_since = world.store.reconciled(world.account(), "2030-01-01T00:00:00Z".parse().unwrap()).await;
    let known_since = known_since.unwrap().since;
    let run = world.look().await;
    assert_eq!(run.from, known_since, "a window never begins before the account was known");
}

#[tokio::test]
async fn connect_is_asked_to_publish_again_and_nothing_is_taken_over() {
    let world = World::new().await;
    world.happen(&world.life(Kind::Voided, 1), |at, _| at == 0).await;
    let before = world.feed().await;
    let run = world.asked(Order { ask_connect: true, ..Order::default() }).await;
    assert!(run.missed > 0 && run.ask_connect, "{run:?}");
    assert_eq!(world.docusign.calls("PUT /connect/envelopes/retry_queue"), 1);
    assert_eq!(world.feed().await, before);
}

#[tokio::test]
async fn where_connect_delivers_xml_nothing_is_told_once_more_under_other_ids() {
    let world = World::new().await;
    let life = world.life(Kind::Sequential, 1);
    for step in life.iter().filter(|step| step.settled) {
        world.docusign.apply(step);
        world.deliver_as(Format::Xml, step).await;
    }
    let before = world.feed().await;
    world.pass(SignedDuration::from_mins(61));
    world.turn().await;
    assert_eq!(world.feed().await, before);
    assert_eq!(world.docusign.calls("GET /envelopes"), 0);
}

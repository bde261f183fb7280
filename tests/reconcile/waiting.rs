//! Limits, refusals and failures: a run waits, goes on where it was, or is made again; nothing is passed over.

use countersign::base::Clock;
use countersign::simulator::docusign::{Fault, FaultKind, Limits};
use countersign::simulator::life::Kind;
use countersign::store::RunState;
use countersign::telemetry::Metric;
use jiff::SignedDuration;

use super::world::World;

const LIST: &str = "GET /envelopes";

async fn with_missing(page: u32, lives: u64) -> World {
    let world = World::with_pages_of(page).await;
    for seed in 0..lives {
        world.happen(&world.life(Kind::Voided, seed), |_, _| false).await;
    }
    world
}

#[tokio::test]
async fn a_throttle_in_the_middle_is_waited_for_and_the_run_goes_on_where_it_was() {
    let world = with_missing(2, 6).await;
    world.pass(SignedDuration::from_mins(61));
    // The look becomes due, and one page is read.
    world.reconciler.step().await;
    world.reconciler.step().await;
    world.docusign.add_fault(Fault::next(1, FaultKind::Throttle).of(LIST));
    let until = world.turn().await;
    let open = world.reconciler.desk().runs();
    assert_eq!((open.len(), open[0].state, open[0].waits_until), (1, RunState::Waiting, Some(until)));
    let calls = world.docusign.calls(LIST);
    world.turn().await;
    assert_eq!(world.docusign.calls(LIST), calls, "no call before the limit resets");
    world.pass(until.duration_since(world.clock.now()) + SignedDuration::from_secs(1));
    world.turn().await;
    let run = world.newest().await;
    assert_eq!((run.state, run.concerned), (RunState::Done, 6), "{run:?}");
    world.assert_sound().await;
}

#[tokio::test]
async fn a_fifth_of_the_hours_calls_is_left_to_others() {
    let world = with_missing(1, 12).await;
    world.docusign.set_limits(Limits { hourly: 20, ..Limits::default() });
    world.pass(SignedDuration::from_mins(61));
    let mut waits = 0;
    loop {
        world.turn().await;
        let open = world.reconciler.desk().runs();
        let Some(run) = open.first() else { break };
        assert_eq!(run.state, RunState::Waiting);
        let until = run.waits_until.unwrap();
        waits += 1;
        world.pass(until.duration_since(world.clock.now()) + SignedDuration::from_secs(1));
    }
    // Others fell due meanwhile.
    let run = world.store.reconcile_runs(100).await.unwrap().pop().unwrap();
    assert!(waits >= 1 && run.state == RunState::Done && run.concerned == 12, "{waits} {run:?}");
    assert_eq!(world.metrics.counted(Metric::Fetches, "throttled"), 0, "no call was made in vain");
}

#[tokio::test]
async fn a_run_that_fails_is_made_again_from_where_it_began() {
    let world = with_missing(2, 6).await;
    let before = world.store.reconciled(world.account(), world.clock.now()).await.unwrap();
    world.pass(SignedDuration::from_mins(61));
    world.reconciler.step().await;
    world.reconciler.step().await;
    let found = world.statuses().await.len();
    assert!(found > 0, "the first page was written");
    world.docusign.add_fault(Fault::always(FaultKind::Status { status: 400, retry_after: None }).of(LIST));
    world.turn().await;
    let failed = world.newest().await;
    assert!(failed.state == RunState::Failed && failed.why.is_some(), "{failed:?}");
    assert_eq!(world.store.reconciled(world.account(), world.clock.now()).await.unwrap(), before);
    world.docusign.clear_faults();
    let run = world.look().await;
    assert_eq!((run.state, run.from), (RunState::Done, before.since));
    assert_eq!(failed.concerned + run.concerned, 6, "what the first one found is not found again");
    assert!(
        world.store.reconciled(world.account(), world.clock.now()).await.unwrap().reached > before.reached
    );
    world.assert_sound().await;
}

#[tokio::test]
async fn docusign_that_stumbles_is_asked_again() {
    let world = with_missing(2, 4).await;
    world.docusign.add_fault(Fault::next(1, FaultKind::Truncate).of(LIST));
    world.docusign.add_fault(Fault::next(1, FaultKind::Reset).of(LIST));
    world.docusign.add_fault(Fault::next(1, FaultKind::Status { status: 503, retry_after: None }).of(LIST));
    world.pass(SignedDuration::from_mins(61));
    for _ in 0..20 {
        world.turn().await;
        world.pass(SignedDuration::from_mins(3));
        if world.reconciler.desk().runs().is_empty() {
            break;
        }
    }
    let run = world.newest().await;
    assert_eq!((run.state, run.concerned), (RunState::Done, 4), "{run:?}");
}

#[tokio::test]
async fn after_days_of_downtime_the_window_reaches_back_to_the_last_look() {
    let world = with_missing(200, 2).await;
    let first = world.look().await;
    world.happen(&world.life(Kind::Declined, 9), |_, _| false).await;
    world.pass(SignedDuration::from_hours(24 * 9));
    world.turn().await;
    let run = world.newest().await;
    assert!(run.from < first.to && run.concerned == 1, "{run:?}");
}

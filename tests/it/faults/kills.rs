//! `kill -9` at every step of the line: the process dies there, is started again, and nothing is missing in the end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::failpoint::Step;
use countersign::simulator::docusign::{Fault, FaultKind, Play};

use super::{assert_large_one_whole, large};
use crate::enriched::{assert_all_covered, docusign, lives, target};
use crate::support::checker::Checker;
use crate::support::postgres::Postgres;
use crate::support::rabbit::Rabbit;
use crate::support::server::{Server, Settings};
use crate::support::subscriber::Subscriber;
use crate::support::traffic::{Traffic, assert_feed_tells, feed, settled};

/// Where to die on the way from the delivery to the settled change, and at which passings: the first one, and some in the middle of
/// the load.
const ON_THE_LINE: &[(Step, &[u32])] = &[
    (Step::Migrated, &[1]),
    (Step::Verified, &[1, 30]),
    (Step::BodyMoved, &[1]),
    (Step::BeforeCommit, &[1, 2, 12]),
    (Step::AfterCommit, &[1, 2, 12]),
    (Step::BeforeAnswer, &[1, 30]),
    (Step::Declared, &[1]),
    (Step::OutboxRead, &[1, 5]),
    (Step::Published, &[1, 5]),
    (Step::Confirmed, &[1, 5]),
    (Step::Settled, &[1, 3]),
    (Step::Stopping, &[1]),
];

/// What only the one store passes, and what only the other.
const ON_SQLITE: &[(Step, &[u32])] = &[(Step::Checkpointed, &[1, 3])];
const ON_POSTGRES: &[(Step, &[u32])] = &[(Step::LeasesRenewed, &[1, 2])];

/// Where to die on the way from a claim to the enriched change.
const OF_A_FETCH: &[(Step, &[u32])] = &[
    (Step::Claimed, &[1, 6]),
    (Step::Fetched, &[1, 6]),
    (Step::Completed, &[1, 6]),
    (Step::PutOff, &[1, 3]),
];

fn all(table: &[(Step, &'static [u32])]) -> impl Iterator<Item = (Step, u32)> {
    table.iter().flat_map(|(step, passings)| passings.iter().map(|passing| (*step, *passing)))
}

#[test]
fn every_step_is_died_at() {
    let tables = [ON_THE_LINE, ON_SQLITE, ON_POSTGRES, OF_A_FETCH];
    let tried: BTreeSet<_> = tables.into_iter().flat_map(all).map(|(step, _)| step.word()).collect();
    let steps: BTreeSet<_> = Step::ALL.into_iter().map(Step::word).collect();
    assert_eq!(tried, steps);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_from_the_delivery_to_the_settled_change_loses_nothing() {
    killed_on_the_line(Settings::new(), ON_SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_over_a_store_on_a_server_loses_nothing() {
    let database = Postgres::shared().await.database().await;
    killed_on_the_line(Settings::new().with("COUNTERSIGN_STORE", &database), ON_POSTGRES).await;
}

async fn killed_on_the_line(settings: Settings, more: &[(Step, &'static [u32])]) {
    let broker = Rabbit::shared().await.vhost();
    let mut server = Server::start(settings.broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    let (checker, url) = (Checker::default(), [server.url("/connect")]);
    let mut steps = BTreeSet::new();
    for (number, (step, passing)) in all(ON_THE_LINE).chain(all(more)).enumerate() {
        let mut traffic = Traffic::new(5, 100 + number as u64);
        if step == Step::BodyMoved {
            let (body, told) = large();
            traffic.bodies.push(body);
            traffic.steps.insert(told);
        }
        server.launch_dying(step, passing);
        let dead = AtomicBool::new(false);
        let sending = async {
            checker.send(&traffic, &url).await;
            // It comes only with time, and only while something is written.
            let mut seed = 10_000 * (1 + number as u64);
            while step == Step::Checkpointed && !dead.load(Ordering::SeqCst) {
                let mut more = Traffic::new(1, seed);
                checker.send(&more, &url).await;
                traffic.steps.append(&mut more.steps);
                seed += 1;
            }
        };
        let death = async {
            if step == Step::Stopping {
                server.listens().await;
                server.signal("TERM");
            }
            server.dies(step).await;
            dead.store(true, Ordering::SeqCst);
            server.restart().await;
        };
        tokio::join!(sending, death);
        let forgotten = checker.forgotten(&server).await;
        assert!(forgotten.is_empty(), "{}:{passing}: answered 200 and forgotten: {forgotten:?}", step.word());
        steps.append(&mut traffic.steps);
    }
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    checker.close(&server, &seen).await.assert_nothing_lost();
    assert_feed_tells(&feed(&server).await, &steps);
    assert_large_one_whole(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_of_a_fetch_loses_nothing() {
    let broker = Rabbit::shared().await.vhost();
    let (docusign, running, settings) = docusign();
    let mut server = Server::start(settings.broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    for (number, (step, passing)) in all(OF_A_FETCH).enumerate() {
        if step == Step::PutOff {
            docusign.add_fault(Fault::always(FaultKind::Reset).of("GET /envelopes/{envelope}"));
        }
        let play = Play { speed: 5_000_000.0, ..Play::to(target(&server)) };
        let told = docusign.play(lives(&server, &docusign, 8, 200 + number as u64).into_iter(), play);
        server.launch_dying(step, passing);
        let death = async {
            server.dies(step).await;
            docusign.clear_faults();
            server.restart().await;
        };
        let (told, ()) = tokio::join!(told, death);
        let told = told.expect("traffic");
        assert!(told.balances() && told.failed == 0, "{told:?}");
    }
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    Checker::default().close(&server, &seen).await.assert_nothing_lost();
    assert_all_covered(&feed(&server).await);
    running.stop().await;
}

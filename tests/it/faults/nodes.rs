//! PostgreSQL and several nodes: the store restarted, slow or out of reach, and nodes killed, frozen and cut off.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use countersign::base::limits;
use tokio_util::sync::CancellationToken;

use crate::support::checker::Checker;
use crate::support::node::Node;
use crate::support::postgres::{Postgres, Stop};
use crate::support::rabbit::Rabbit;
use crate::support::server::Settings;
use crate::support::subscriber::Subscriber;
use crate::support::traffic::{Traffic, assert_feed_tells, feed, settled};
use crate::support::{PATIENCE, eventually, pause};

async fn nodes(count: usize, postgres: &Postgres) -> (Vec<Node>, Subscriber) {
    let rabbit = Rabbit::shared().await;
    let (broker, store) = (rabbit.vhost(), postgres.database().await);
    let mut nodes = Vec::new();
    for _ in 0..count {
        let places = ((broker.as_str(), rabbit.port()), (store.as_str(), postgres.port()));
        nodes.push(Node::start(Settings::new(), places.0, Some(places.1)).await);
    }
    let subscriber = Subscriber::start(&broker, &nodes[0].server, &[]).await;
    (nodes, subscriber)
}

fn urls(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.server.url("/connect")).collect()
}

/// Waits until so many of the deliveries under way are answered.
async fn answered(checker: &Checker, count: u64) {
    let enough = async || (checker.answered() >= count).then_some(());
    eventually(&format!("{count} deliveries are answered"), PATIENCE * 2, enough).await;
}

/// Closes the books.
async fn assert_whole(
    checker: &Checker,
    nodes: &[Node],
    subscriber: Subscriber,
    steps: &BTreeSet<crate::support::traffic::Step>,
) {
    for node in nodes {
        settled(&node.server).await;
    }
    let seen = subscriber.finish().await;
    seen.assert_sound();
    checker.close(&nodes[0].server, &seen).await.assert_nothing_lost();
    assert_feed_tells(&feed(&nodes[0].server).await, steps);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_restarted_or_killed_under_load_loses_nothing() {
    let mut postgres = Postgres::start().await;
    let (nodes, subscriber) = nodes(2, &postgres).await;
    let (checker, traffic) = (Checker::default(), Traffic::new(60, 501));
    let third = traffic.bodies.len() as u64 / 3;
    let trouble = async {
        for (round, how) in [(1, Stop::Fast), (2, Stop::Immediate)] {
            answered(&checker, round * third).await;
            postgres.stop(how).await;
            let server = &nodes[0].server;
            eventually("it says that it takes nothing", PATIENCE, async || {
                (server.get("/readyz").await.0 == 503).then_some(())
            })
            .await;
            assert_eq!(server.get("/livez").await.0, 200, "it lives on");
            postgres.restart().await;
        }
    };
    let urls = urls(&nodes);
    tokio::join!(checker.send(&traffic, &urls), trouble);
    assert_whole(&checker, &nodes, subscriber, &traffic.steps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_costs_time_and_nothing_else() {
    let (nodes, subscriber) = nodes(1, Postgres::shared().await).await;
    let (checker, traffic) = (Checker::default(), Traffic::new(15, 502));
    nodes[0].wire_to_store().slow(Duration::from_millis(40));
    let begin = Instant::now();
    checker.send(&traffic, &urls(&nodes)).await;
    let each = begin.elapsed() * 8 / u32::try_from(traffic.bodies.len()).expect("a few");
    assert!(each > Duration::from_millis(80), "the store was slow: {each:?} for each of eight at a time");
    nodes[0].wire_to_store().restore();
    assert_whole(&checker, &nodes, subscriber, &traffic.steps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cut_off_from_its_store_takes_nothing_until_it_is_back_and_loses_nothing() {
    let (nodes, subscriber) = nodes(1, Postgres::shared().await).await;
    let (checker, traffic) = (Checker::default(), Traffic::new(60, 503));
    let quarter = traffic.bodies.len() as u64 / 4;
    let (server, wire) = (&nodes[0].server, nodes[0].wire_to_store());
    let unready = async || {
        eventually("it says that it takes nothing", PATIENCE, async || {
            (server.get("/readyz").await.0 == 503).then_some(())
        })
        .await;
    };
    let trouble = async {
        answered(&checker, quarter).await;
        wire.reset();
        answered(&checker, 2 * quarter).await;
        wire.cut();
        unready().await;
        wire.restore();
        answered(&checker, 3 * quarter).await;
        wire.stall();
        unready().await;
        wire.restore();
    };
    let urls = urls(&nodes);
    tokio::join!(checker.send(&traffic, &urls), trouble);
    assert_whole(&checker, &nodes, subscriber, &traffic.steps).await;
}

/// What happens to one node of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Killed,
    Frozen,
    CutFromStore,
    CutFromBroker,
}

impl Trouble {
    fn begin(self, node: &mut Node) {
        match self {
            Self::Killed => node.server.kill(),
            Self::Frozen => node.server.signal("STOP"),
            Self::CutFromStore => node.wire_to_store().stall(),
            Self::CutFromBroker => node.to_broker.stall(),
        }
    }

    async fn end(self, node: &mut Node) {
        match self {
            Self::Killed => node.server.restart().await,
            Self::Frozen => node.server.signal("CONT"),
            Self::CutFromStore => node.wire_to_store().restore(),
            Self::CutFromBroker => node.to_broker.restore(),
        }
    }
}

/// Looks at the age of the oldest unpublished change until `done`; the greatest, in seconds.
async fn oldest(node: &Node, done: &CancellationToken) -> f64 {
    let mut oldest = 0.0_f64;
    while !done.is_cancelled() {
        oldest = oldest.max(node.server.metric("countersign_backlog_age_seconds").await);
        pause(Duration::from_millis(200)).await;
    }
    oldest
}

/// The others go on receiving, and publish the part of the one in trouble once its lease has ended.
async fn one_of_three(trouble: Trouble, seed: u64) {
    let (mut nodes, subscriber) = nodes(3, Postgres::shared().await).await;
    let (checker, urls) = (Checker::default(), urls(&nodes));
    let mut before = Traffic::new(30, seed);
    let half = before.bodies.len() as u64 / 2;
    let [first, others @ ..] = nodes.as_mut_slice() else { unreachable!("three nodes") };
    let done = CancellationToken::new();
    let strike = async {
        answered(&checker, half).await;
        trouble.begin(first);
    };
    let whole = async {
        tokio::join!(checker.send(&before, &urls), strike);
        eventually("the others publish everything", PATIENCE, async || {
            (others[0].server.metric("countersign_backlog").await == 0.0).then_some(())
        })
        .await;
        done.cancel();
    };
    let ((), oldest) = tokio::join!(whole, oldest(&others[0], &done));
    println!("{trouble:?}: the oldest change waited for {oldest:.1} s");
    // Over the lease itself: the turns in which it is taken, and an errand to the store that was under way.
    let mut most = limits::LEASE + limits::STORE_ANSWER_TIMEOUT + Duration::from_secs(5);
    if trouble == Trouble::CutFromBroker {
        // First it must notice, and then find no other way.
        most += limits::CONFIRM_TIMEOUT + limits::LEASE;
    }
    assert!(oldest < most.as_secs_f64(), "{trouble:?}: a change waited for {oldest} s");
    trouble.end(first).await;
    let mut after = Traffic::new(10, seed + 1);
    checker.send(&after, &urls).await;
    before.steps.append(&mut after.steps);
    assert_whole(&checker, &nodes, subscriber, &before.steps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_one_is_killed_and_the_others_do_its_part() {
    one_of_three(Trouble::Killed, 510).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_one_is_frozen_and_the_others_do_its_part() {
    one_of_three(Trouble::Frozen, 520).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_one_is_cut_off_from_the_store_and_the_others_do_its_part() {
    one_of_three(Trouble::CutFromStore, 530).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_one_is_cut_off_from_the_broker_and_the_others_do_its_part() {
    one_of_three(Trouble::CutFromBroker, 540).await;
}

//! Stops under load, again and again: each exits 0, and in the end everything was published.

use std::collections::BTreeSet;

use crate::support::checker::Checker;
use crate::support::rabbit::Rabbit;
use crate::support::server::{Server, Settings};
use crate::support::subscriber::Subscriber;
use crate::support::traffic::{Traffic, assert_feed_tells, feed, settled};
use crate::support::{PATIENCE, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn stops_under_load_exit_0_and_lose_nothing_on_the_whole_line() {
    let broker = Rabbit::shared().await.vhost();
    let mut server = Server::start(Settings::new().broker(&broker)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    let (checker, url) = (Checker::default(), [server.url("/connect")]);
    let mut steps = BTreeSet::new();
    for round in 0..4 {
        let mut traffic = Traffic::new(25, 400 + round);
        let half = checker.answered() + traffic.bodies.len() as u64 / 2;
        let stop = async {
            eventually("half of it is answered", PATIENCE, async || {
                (checker.answered() >= half).then_some(())
            })
            .await;
            assert_eq!(server.terminate().await, 0, "{}", server.lines().tail());
            server.restart().await;
        };
        tokio::join!(checker.send(&traffic, &url), stop);
        steps.append(&mut traffic.steps);
    }
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    checker.close(&server, &seen).await.assert_nothing_lost();
    assert_eq!(seen.duplicates, 0, "a stop settles what it published");
    assert_feed_tells(&feed(&server).await, &steps);
}

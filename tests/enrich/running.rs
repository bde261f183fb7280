//! The loop: that it wakes when it must, works side by side, rests after faults, and stops.

use std::time::Duration;

use countersign::base::{Clock, SigningRequestId, SystemClock, limits};
use countersign::store::Enrichment;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::hands::{Docusign, World, claim, now};

/// Runs the enricher of `world` until `done` holds, at most for a while; `beside` goes on meanwhile.
async fn until(world: &World, done: impl Fn(&World) -> bool, beside: impl Future<Output = ()>) {
    let stop = CancellationToken::new();
    let watched = async {
        beside.await;
        while !done(world) {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let both = async { tokio::join!(world.enricher.run(stop.clone()), watched) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("it was not done in time");
}

fn completed(count: usize) -> impl Fn(&World) -> bool {
    move |world| world.store.told().completed.len() == count
}

fn another(n: usize) -> Enrichment {
    Enrichment { signing_request: SigningRequestId::new(&format!("request-{n}")), ..claim() }
}

#[tokio::test]
async fn a_commit_wakes_it_and_what_falls_due_later_does_too() {
    let world = World::in_real_time();
    let beside = async {
        // It has looked in vain and waits now.
        while world.store.told().looks == 0 {
            tokio::task::yield_now().await;
        }
        let now = SystemClock.now();
        world.store.claim(now.checked_add(limits::ENRICH_COALESCE).unwrap(), another(1));
        world.store.claim(now.checked_add(limits::ENRICH_COALESCE * 2).unwrap(), another(2));
    };
    until(&world, completed(2), beside).await;
    let looks = world.store.told().looks;
    assert!(looks < 12, "{looks} looks are more than what fell due");
}

#[tokio::test]
async fn an_idle_store_is_looked_at_once() {
    let world = World::new();
    until(&world, |world| world.store.told().looks > 0, async {}).await;
    let looks = async {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    };
    until(&world, |_| true, looks).await;
    assert_eq!(world.store.told().looks, 2, "once in each run");
}

#[tokio::test]
async fn so_many_are_fetched_side_by_side_and_no_more() {
    let (open, gate) = watch::channel(false);
    let docusign = Docusign::behind(gate);
    let world = World::with(docusign);
    for n in 0..limits::ENRICH_WORKERS * 2 + 1 {
        world.store.claim(now(), another(n));
    }
    let beside = async {
        while world.docusign.calls() < limits::ENRICH_WORKERS {
            tokio::task::yield_now().await;
        }
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.docusign.calls(), limits::ENRICH_WORKERS);
        open.send_replace(true);
    };
    until(&world, completed(limits::ENRICH_WORKERS * 2 + 1), beside).await;
}

#[tokio::test]
async fn a_slow_fetch_holds_up_no_other() {
    let (_open, gate) = watch::channel(false);
    let slow = Docusign::behind(gate);
    let world = World::with(slow);
    world.store.claim(now(), another(0));
    let second = async {
        while world.docusign.calls() < 1 {
            tokio::task::yield_now().await;
        }
        world.store.claim(now(), another(1));
    };
    let done = |world: &World| {
        world.clock.advance(jiff::SignedDuration::from_secs(1));
        world.docusign.calls() == 2
    };
    until(&world, done, second).await;
}

#[tokio::test]
async fn a_stop_breaks_off_the_fetch_and_gives_the_claim_back_as_it_was() {
    let (_open, gate) = watch::channel(false);
    let docusign = Docusign::behind(gate);
    let world = World::with(docusign);
    world.store.claim(now(), Enrichment { attempts: 3, ..claim() });
    until(&world, |world| world.docusign.calls() == 1, async {}).await;
    let deferred = world.last_deferred();
    assert_eq!((deferred.until, deferred.attempts), (now(), 3));
    assert!(world.store.told().completed.is_empty());
}

#[tokio::test]
async fn after_a_fault_of_the_store_no_call_is_made_until_it_has_rested() {
    let world = World::new();
    world.store.told().faults = 1;
    world.store.claim(now(), claim());
    let beside = async {
        while world.store.told().faults > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.docusign.calls(), 1, "the claim is due, and waits all the same");
        world.clock.advance(jiff::SignedDuration::from_secs(10));
        world.store.claim(now(), another(1));
    };
    until(&world, completed(2), beside).await;
}

#[tokio::test]
async fn a_store_that_is_closed_ends_the_run() {
    let world = World::new();
    let closed = async {
        tokio::task::yield_now().await;
        world.store.close();
    };
    let both = async { tokio::join!(world.enricher.run(CancellationToken::new()), closed) };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("it goes on");
}

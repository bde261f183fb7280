//! Wires that break and brokers that die: what was not confirmed is published again, and nothing else is lost.

use std::time::Duration;

use countersign::base::limits;
use countersign::broker::{QueueKind, UNROUTED};

use crate::support::rabbit::Rabbit;
use crate::support::wire::Wire;
use crate::support::{PATIENCE, eventually};

use super::kit::{HEARD, Running, hear, hear_what_is_there, settings, vhost_of};

#[tokio::test]
async fn resets_in_the_middle_of_batches_lose_nothing() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wire = Wire::to(rabbit.port()).await;
    let mut relay = Running::start(settings(&wire.instead_of(&url, rabbit.port())));
    relay.append_many(12_000, 400);
    // A reset comes after every few hundred changes, which is in the middle of batches of a thousand.
    for round in 1..=15 {
        relay.settles(round * 400).await;
        wire.reset();
    }
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_wire_that_is_cut_and_restored_costs_only_time() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wire = Wire::to(rabbit.port()).await;
    let mut relay = Running::start(settings(&wire.instead_of(&url, rabbit.port())));
    relay.append_many(2_000, 100);
    relay.settles(300).await;
    wire.cut();
    relay.stands("the loss is noticed", |view| !view.connected && view.error.is_some()).await;
    relay.append_many(500, 100);
    wire.restore();
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_half_open_link_is_given_up_and_made_anew() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wire = Wire::to(rabbit.port()).await;
    let mut relay = Running::start(settings(&wire.instead_of(&url, rabbit.port())));
    relay.append_many(3_000, 100);
    relay.settles(300).await;
    wire.stall();
    relay.stands("silence is noticed", |view| !view.connected).await;
    assert!(relay.shelf.waiting() > 0);
    wire.restore();
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_link_that_falls_silent_while_nothing_waits_is_noticed_by_its_heartbeats() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wire = Wire::to(rabbit.port()).await;
    let through = format!("{}?heartbeat=2", wire.instead_of(&url, rabbit.port()));
    let mut relay = Running::start(settings(&through));
    relay.append_many(300, 100);
    relay.settles_all().await;
    wire.stall();
    relay.stands("silence is noticed", |view| !view.connected).await;
    wire.restore();
    relay.append_many(300, 100);
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_broker_that_is_killed_or_stopped_in_the_middle_loses_nothing_confirmed() {
    let mut rabbit = Rabbit::start().await;
    let url = rabbit.url();
    let mut relay = Running::start(settings(&url));
    relay.append_many(500, 50);
    relay.settles_all().await;
    rabbit.outlives_its_youth().await;

    relay.append_many(8_000, 300);
    relay.settles(1_000).await;
    rabbit.kill();
    relay.stands("the loss is noticed", |view| !view.connected).await;
    relay.append_many(500, 300);
    rabbit.restart().await;
    relay.settles_all().await;

    relay.append_many(4_000, 300);
    relay.settles(relay.given() - 3_500).await;
    rabbit.stop_app().await;
    relay.stands("the loss is noticed", |view| !view.connected).await;
    rabbit.start_app().await;
    relay.settles_all().await;

    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_frozen_broker_and_a_blocked_one_hold_changes_back_and_lose_none() {
    let rabbit = Rabbit::start().await;
    let url = rabbit.url();
    let mut relay = Running::start(settings(&url));
    relay.append_many(500, 50);
    relay.settles_all().await;

    rabbit.set_memory_alarm(true).await;
    relay.append_many(1_000, 300);
    relay.stands("the block is told", |view| view.connected && view.blocked).await;
    let settled = relay.shelf.settled();
    relay.append_many(1_000, 300);
    rabbit.alarm_goes_on(limits::CONFIRM_TIMEOUT + Duration::from_secs(2)).await;
    assert_eq!(relay.shelf.settled(), settled, "nothing is settled while the broker blocks");
    assert!(relay.status.view().connected, "a block is no loss");
    rabbit.set_memory_alarm(false).await;
    relay.settles_all().await;
    assert!(!relay.status.view().blocked);
    assert_eq!(relay.retries("connection") + relay.retries("timeout"), 0, "a block costs no connection");

    relay.append_many(6_000, 300);
    relay.settles(2_500).await;
    rabbit.freeze();
    relay.stands("silence is noticed", |view| !view.connected).await;
    rabbit.thaw();
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn an_exchange_that_is_deleted_is_made_again_with_its_queues_bound() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let mut wanted = settings(&url);
    wanted.queues[0].kind = QueueKind::Classic;
    let mut relay = Running::start(wanted);
    relay.append_many(2_000, 100);
    relay.settles(200).await;
    let (_connection, channel) = super::kit::channel(&url).await;
    channel.exchange_delete("countersign".into(), Default::default()).await.unwrap();
    relay.append_many(500, 100);
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn confirms_that_never_arrive_settle_nothing_and_what_they_were_for_is_published_again() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wire = Wire::to(rabbit.port()).await;
    let mut relay = Running::start(settings(&wire.instead_of(&url, rabbit.port())));
    relay.append_many(300, 50);
    relay.settles_all().await;
    // The broker takes them and says so, and we do not hear it.
    wire.deafen();
    relay.append_many(200, 200);
    let taken = async || (rabbit.list_queues(vhost_of(&url)).await[HEARD] >= 500).then_some(());
    eventually("the broker has them", PATIENCE, taken).await;
    relay.stands("silence is noticed", |view| !view.connected).await;
    assert_eq!(relay.shelf.waiting(), 200, "what is not confirmed is not settled");
    wire.restore();
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    assert_eq!(relay.assert_sound(&heard), 200, "each of them came twice");
}

#[tokio::test]
async fn what_comes_while_a_queue_is_deleted_is_kept_among_the_unrouted() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wire = Wire::to(rabbit.port()).await;
    let mut relay = Running::start(settings(&wire.instead_of(&url, rabbit.port())));
    relay.append_many(200, 200);
    relay.settles_all().await;
    let mut heard = hear_what_is_there(&url, HEARD).await;
    rabbit.delete_queue(vhost_of(&url), HEARD).await;
    relay.append_many(200, 200);
    relay.settles_all().await;
    // Every connection declares the topology anew; without one that happens every minute.
    wire.reset();
    let back = async || rabbit.list_queues(vhost_of(&url)).await.contains_key(HEARD).then_some(());
    eventually("the queue is there again", PATIENCE, back).await;
    relay.append_many(200, 200);
    relay.settles_all().await;
    relay.stop().await;
    heard.extend(hear_what_is_there(&url, UNROUTED).await);
    assert_eq!(heard.len(), 400, "what came meanwhile is among the unrouted");
    heard.extend(hear_what_is_there(&url, HEARD).await);
    relay.assert_sound(&heard);
}

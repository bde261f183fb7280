//! Several addresses: the next one is tried where one does not answer, and each is visited for as long as it takes.

use countersign::broker::Settings;
use secrecy::SecretString;

use crate::support::rabbit::Rabbit;
use crate::support::wire::Wire;
use crate::support::{PATIENCE, eventually};

use super::kit::{HEARD, Running, hear, settings};

fn with_addresses(addresses: &[&str]) -> Settings {
    let urls = addresses.iter().map(|address| SecretString::from(*address)).collect();
    Settings { urls, ..settings(addresses[0]) }
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_does_not_answer() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let wire = Wire::to(rabbit.port()).await;
    wire.cut();
    let through = wire.instead_of(&url, rabbit.port());
    let mut relay = Running::start(with_addresses(&[
        "amqp://guest:guest@127.0.0.1:9/%2f",
        through.as_str(),
        url.as_str(),
    ]));
    relay.append(["request-1"]);
    relay.settles_all().await;
    relay.stop().await;
    assert_eq!(hear(&url, HEARD, 1).await.len(), 1);
}

#[tokio::test]
async fn the_second_broker_takes_over_where_the_first_one_is_killed() {
    let (mut first, second) = (Rabbit::start().await, Rabbit::shared().await);
    let (here, there) = (first.url(), second.vhost());
    let mut relay = Running::start(with_addresses(&[&here, &there]));
    relay.append_many(500, 100);
    relay.settles_all().await;
    first.outlives_its_youth().await;
    relay.append_many(6_000, 300);
    relay.settles(1_500).await;
    first.kill();
    relay.settles_all().await;
    let address = relay.status.view().address.unwrap_or_default();
    assert!(address.contains(&format!(":{}/", second.port())), "{address}");
    relay.append_many(500, 300);
    relay.settles_all().await;
    relay.stop().await;
    // What the first one had confirmed it still has; the second one has all the rest.
    first.restart().await;
    let mut heard = super::kit::hear_what_is_there(&here, HEARD).await;
    assert!(heard.len() >= 1_500, "{} at the first", heard.len());
    heard.extend(super::kit::hear_what_is_there(&there, HEARD).await);
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn waiting_for_a_broker_visits_every_address_and_takes_whichever_is_back_first() {
    let rabbit = Rabbit::shared().await;
    let url = rabbit.vhost();
    let (one, two) = (Wire::to(rabbit.port()).await, Wire::to(rabbit.port()).await);
    let through = [&one, &two].map(|wire| wire.instead_of(&url, rabbit.port()));
    for wire in [&one, &two] {
        wire.cut();
    }
    let mut relay = Running::start(with_addresses(&[&through[0], &through[1]]));
    relay.append_many(100, 10);
    for back in [&two, &one] {
        let before = [one.visits(), two.visits()];
        let visited = async || (one.visits() >= before[0] + 3 && two.visits() >= before[1] + 3).then_some(());
        eventually("each address is visited again and again", PATIENCE, visited).await;
        back.restore();
        relay.settles_all().await;
        back.cut();
        relay.stands("the loss is noticed", |view| !view.connected).await;
        relay.append_many(100, 10);
    }
    two.restore();
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&url, HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

#[tokio::test]
async fn a_cluster_goes_on_while_it_has_a_majority_and_nothing_is_settled_while_it_has_none() {
    let first = Rabbit::start().await;
    let (second, third) = (first.ally().await, first.ally().await);
    let mut nodes = [first, second, third];
    let urls = nodes.each_ref().map(Rabbit::url);
    let mut relay = Running::start(with_addresses(&urls.each_ref().map(String::as_str)));
    relay.append_many(500, 100);
    relay.settles_all().await;
    nodes[2].outlives_its_youth().await;

    relay.append_many(5_000, 300);
    relay.settles(1_500).await;
    nodes[0].kill();
    relay.settles_all().await;
    let address = relay.status.view().address.unwrap_or_default();
    assert!(!address.contains(&format!(":{}/", nodes[0].port())), "{address}");

    nodes[1].kill();
    let tried = |relay: &Running| relay.retries("timeout") + relay.retries("nack");
    let before = tried(&relay);
    relay
        .stands("the last node is reached", |view| {
            view.connected
                && view.address.as_ref().is_some_and(|at| at.contains(&format!(":{}/", nodes[2].port())))
        })
        .await;
    relay.append_many(100, 100);
    let unanswered = async || (tried(&relay) >= before + 100).then_some(());
    eventually("one of three takes nothing", PATIENCE, unanswered).await;
    assert_eq!(relay.shelf.waiting(), 100, "{:?}", relay.status.view());
    nodes[1].restart().await;
    relay.settles_all().await;
    relay.stop().await;
    let heard = hear(&urls[2], HEARD, relay.given()).await;
    relay.assert_sound(&heard);
}

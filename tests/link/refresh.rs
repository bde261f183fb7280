//! Tokens end, are refused and revoked, and whoever calls does not notice where that can be helped.

use countersign::base::AccountState;
use countersign::rest::Error;
use jiff::SignedDuration;

use super::place::Place;

const HOURS_9: SignedDuration = SignedDuration::from_hours(9);

#[tokio::test]
async fn however_many_call_at_once_an_ended_token_is_exchanged_once() {
    let place = Place::new();
    let node = place.node("a");
    place.link(&node).await;
    assert_eq!(place.exchanges(), 1);
    for turn in 2..5 {
        place.clock.advance(HOURS_9);
        let calls = (0..50).map(|_| node.call(&place.account));
        for result in futures_util::future::join_all(calls).await {
            result.unwrap();
        }
        assert_eq!(place.exchanges(), turn);
    }
    assert_eq!(place.row().await.version, 4);
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end() {
    let place = Place::new();
    let node = place.node("a");
    place.link(&node).await;
    place.clock.advance(SignedDuration::from_mins(8 * 60 - 5));
    node.call(&place.account).await.unwrap();
    assert_eq!(place.exchanges(), 2);
}

#[tokio::test]
async fn nodes_that_share_a_store_exchange_once_and_no_call_fails() {
    let place = Place::new();
    let nodes = [place.node("a"), place.node("b"), place.node("c")];
    place.link(&nodes[0]).await;
    for turn in 2..6 {
        place.clock.advance(HOURS_9);
        // The stand-in takes each refresh token once: a second exchange of one would be refused.
        let calls = (0..30).map(|n| nodes[n % 3].call(&place.account));
        for result in futures_util::future::join_all(calls).await {
            result.unwrap();
        }
        assert_eq!(place.exchanges(), turn);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_before_its_end_is_exchanged_and_the_call_repeated() {
    let place = Place::new();
    let nodes = [place.node("a"), place.node("b")];
    place.link(&nodes[0]).await;
    nodes[0].call(&place.account).await.unwrap();
    nodes[1].call(&place.account).await.unwrap();
    place.docusign.revoke_access_tokens();
    nodes[0].call(&place.account).await.unwrap();
    assert_eq!(place.exchanges(), 2);
    // The other node finds the new pair in the store, and leaves the refresh token alone.
    nodes[1].call(&place.account).await.unwrap();
    assert_eq!(place.exchanges(), 2);
}

#[tokio::test]
async fn consent_that_was_taken_back_makes_the_account_need_its_user_and_says_so_once() {
    let place = Place::new();
    let node = place.node("a");
    place.link(&node).await;
    place.docusign.revoke_tokens();
    for _ in 0..3 {
        let refused = node.call(&place.account).await.unwrap_err();
        assert!(matches!(refused, Error::Unauthorized(_)), "{refused}");
    }
    // The link, and one refused exchange.
    assert_eq!(place.exchanges(), 2);
    let row = place.row().await;
    assert_eq!((row.state, row.reason.as_deref()), (AccountState::NeedsReauth, Some("invalid_grant")));
    let keys: Vec<_> = place.published().await.into_iter().map(|entry| entry.routing_key).collect();
    let account = &place.account;
    assert_eq!(keys, [format!("account.active.{account}"), format!("account.needs_reauth.{account}")]);
}

#[tokio::test]
async fn a_pair_that_another_node_was_given_meanwhile_is_used_in_place_of_giving_up() {
    let place = Place::new();
    let (slow, fast) = (place.node("slow"), place.node("fast"));
    place.link(&slow).await;
    slow.call(&place.account).await.unwrap();
    place.clock.advance(HOURS_9);
    fast.call(&place.account).await.unwrap();
    place.clock.advance(HOURS_9);
    fast.call(&place.account).await.unwrap();
    slow.call(&place.account).await.unwrap();
    assert_eq!(place.exchanges(), 3);
    assert_eq!(place.row().await.state, AccountState::Active);
}

#[tokio::test]
async fn an_account_that_nobody_linked_is_not_known() {
    let place = Place::new();
    let refused = place.node("a").call(&place.account).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound(_)), "{refused}");
}

#[tokio::test]
async fn an_account_that_was_removed_is_not_called_any_more() {
    let place = Place::new();
    let (node, other) = (place.node("a"), place.node("b"));
    let row = place.link(&node).await;
    node.call(&place.account).await.unwrap();
    other.call(&place.account).await.unwrap();
    place.store.remove_account(&row.id, row.updated_at).await.unwrap().unwrap();
    node.linked.forget(&place.account);
    assert!(node.call(&place.account).await.is_err());
    // The other node looks again after a while.
    place.clock.advance(SignedDuration::from_secs(61));
    assert!(other.call(&place.account).await.is_err());
    let keys: Vec<_> = place.published().await.into_iter().map(|entry| entry.routing_key).collect();
    assert!(keys[1].starts_with("account.removed."), "{keys:?}");
}

#[tokio::test]
async fn a_refresh_token_that_nobody_uses_is_exchanged_before_it_ends() {
    let place = Place::new();
    let node = place.node("a");
    place.link(&node).await;
    for _ in 0..10 {
        place.clock.advance(SignedDuration::from_hours(5 * 24));
        node.linked.keep_alive().await.unwrap();
    }
    // 50 days later: more than a refresh token lives.
    node.call(&place.account).await.unwrap();
    assert_eq!(place.row().await.state, AccountState::Active);
}

#[tokio::test]
async fn a_pair_is_not_used_before_it_is_written_down() {
    let place = Place::new();
    let node = place.node("a");
    place.link(&node).await;
    place.clock.advance(HOURS_9);
    place.store.close().await;
    assert!(node.call(&place.account).await.is_err());
    assert_eq!(place.docusign.calls("GET /envelopes"), 0);
}

#[tokio::test]
async fn linked_accounts_are_there_though_the_configured_users_cannot_be_asked_for() {
    let place = Place::new();
    let node = place.node_of_a_stranger();
    assert!(node.client.accounts().await.is_err(), "nothing is linked yet");
    place.link(&node).await;
    assert_eq!(node.client.accounts().await.unwrap(), std::slice::from_ref(&place.account));
}

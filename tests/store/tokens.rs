//! Tokens of the API: kept whole, revoked once, known by a version; and lists that are narrowed to some accounts.

use countersign::base::{AccountId, AccountState, Grant, Position, Scope, limits};
use countersign::signing::SigningRequestStatus;
use countersign::store::{
    AccountQuery, ApiToken, Credentials, DeliveryQuery, FeedQuery, IntegratedAccount, Store,
};
use jiff::SignedDuration;
use uuid::Uuid;

use super::place;
use crate::support::{Place, account, signing_request, status};

fn token(place: &Place, name: &str) -> ApiToken {
    ApiToken {
        id: place.dice.uuid_at(place.now),
        name: name.to_owned(),
        digest: vec![7; 32],
        scope: Scope::Write,
        accounts: vec![account(), AccountId::new("1234567")],
        made_by: Some(place.dice.uuid()),
        created_at: place.now,
        expires_at: Some(place.now + SignedDuration::from_hours(1)),
        revoked_at: None,
        last_used_at: None,
    }
}

async fn names(store: &Store) -> Vec<String> {
    store.tokens().await.unwrap().tokens.into_iter().map(|token| token.name).collect()
}

#[tokio::test]
async fn a_token_is_kept_whole_and_its_list_has_a_version() {
    let place = place().await;
    let store = place.open().await;
    let begun = store.tokens_at_start();
    assert!(begun.tokens.is_empty());
    assert!(store.tokens_since(begun.version).await.unwrap().is_none());
    let (one, mut all) = (token(&place, "Müller's billing"), token(&place, "of all"));
    (all.accounts, all.made_by, all.expires_at, all.scope) = (Vec::new(), None, None, Scope::Admin);
    let mut known = begun.version;
    for made in [&one, &all] {
        assert!(store.add_token(made.clone()).await.unwrap());
        let read = store.tokens_since(known).await.unwrap().expect("another version");
        assert!(read.version > known);
        known = read.version;
    }
    let mut kept = store.tokens().await.unwrap().tokens;
    kept.sort_by_key(|token| token.id != one.id);
    assert_eq!(kept, [one, all]);
    let at = place.now + SignedDuration::from_secs(5);
    store.note_token_use(kept[0].id, at).await.unwrap();
    store.note_token_use(kept[0].id, place.now).await.unwrap();
    assert!(store.tokens_since(known).await.unwrap().is_none(), "a use is no change of the list");
    let used = store.tokens().await.unwrap().tokens.into_iter().find(|token| token.id == kept[0].id);
    assert_eq!(used.unwrap().last_used_at, Some(at), "nor does it ever go back");
    store.close().await;
    let again = place.open().await;
    assert_eq!((again.tokens_at_start().version, again.tokens_at_start().tokens.len()), (known, 2));
}

#[tokio::test]
async fn a_token_is_revoked_once_and_told_apart_from_none_for_a_month() {
    let place = place().await;
    let store = place.open().await;
    let (one, two) = (token(&place, "one"), token(&place, "two"));
    for made in [&one, &two] {
        store.add_token(made.clone()).await.unwrap();
    }
    let known = store.tokens().await.unwrap().version;
    assert!(store.revoke_token(one.id, place.now).await.unwrap());
    let read = store.tokens_since(known).await.unwrap().expect("another version");
    let revoked: Vec<_> = read.tokens.iter().filter(|token| token.revoked_at == Some(place.now)).collect();
    assert_eq!(revoked.iter().map(|token| token.id).collect::<Vec<_>>(), [one.id]);
    assert!(!store.revoke_token(one.id, place.now).await.unwrap());
    assert!(!store.revoke_token(Uuid::nil(), place.now).await.unwrap());
    assert!(store.tokens_since(read.version).await.unwrap().is_none(), "nothing changed by that");
    // Both have ended by then, one revoked and one of itself.
    let kept = SignedDuration::try_from(limits::TOKENS_ENDED_KEPT).unwrap();
    for (hours, left) in [(0, vec!["late", "one", "two"]), (2, vec!["late", "late"])] {
        let mut late = token(&place, "late");
        late.created_at = place.now + kept + SignedDuration::from_hours(hours);
        late.expires_at = None;
        store.add_token(late).await.unwrap();
        let mut names = names(&store).await;
        names.sort();
        assert_eq!(names, left);
    }
}

#[tokio::test]
async fn lists_are_narrowed_to_accounts_and_to_nothing_that_only_looks_like_one() {
    let place = place().await;
    let store = place.open().await;
    let mine = [account().as_str().to_owned(), "second".to_owned()];
    let odd = ["third", "a|b", "|", "secon", "second|third", "%", "second_"].map(str::to_owned);
    for (number, id) in (0..).zip(mine.iter().chain(&odd)) {
        let mut seen = status(number, SigningRequestStatus::Sent);
        seen.account = AccountId::new(id);
        place.tell(&store, seen).await;
    }
    let among = |ids: &[&str]| Some(ids.iter().map(|id| AccountId::new(id)).collect::<Vec<_>>());
    let both: Vec<&str> = mine.iter().map(String::as_str).collect();
    for newest_first in [false, true] {
        let feed = async |ids: &[&str], signing_request| {
            let query = FeedQuery {
                limit: 100,
                among: among(ids),
                newest_first,
                signing_request,
                ..Default::default()
            };
            let rows = store.feed(query).await.unwrap();
            let mut ids: Vec<_> = rows.into_iter().map(|row| row.entry.account.as_str().to_owned()).collect();
            ids.sort();
            ids
        };
        let mut want = mine.to_vec();
        want.sort();
        assert_eq!(feed(&both, None).await, want);
        assert_eq!(feed(&["second"], None).await, ["second"]);
        assert_eq!(feed(&[], None).await, [""; 0], "no account is not all");
        assert_eq!(feed(&["_econd", "%", "a|b", "a", "b"], None).await, ["%"], "no pattern, no separator");
        assert_eq!(feed(&both, Some(signing_request(1))).await, ["second"]);
        assert_eq!(feed(&both, Some(signing_request(2))).await, [""; 0]);
    }
    let query = DeliveryQuery { limit: 100, among: among(&both), ..DeliveryQuery::default() };
    assert_eq!(store.deliveries(query).await.unwrap().len(), 2);
    let foreign = vec![Position(1), Position(2), Position(3)];
    assert_eq!(store.republish_among(foreign, among(&["third"])).await.unwrap(), 0, "all of them wait");
}

#[tokio::test]
async fn linked_accounts_are_narrowed_alike() {
    let place = place().await;
    let store = place.open().await;
    for (id, account) in [("i-1", Some("a-1")), ("i-2", Some("a-2")), ("i-3", None)] {
        let row = IntegratedAccount {
            id: id.to_owned(),
            account: account.map(AccountId::new),
            name: None,
            tenant: "acme".to_owned(),
            user_id: None,
            base_uri: None,
            grant: Grant::Code,
            state: AccountState::Active,
            reason: None,
            refreshed_at: None,
            version: 0,
            created_at: place.now,
            updated_at: place.now,
        };
        store.put_account(row, Credentials::Drop).await.unwrap();
    }
    let list = async |among| {
        let query = AccountQuery { limit: 10, among, ..AccountQuery::default() };
        store.accounts(query).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None).await, ["i-1", "i-2", "i-3"]);
    assert_eq!(list(Some(vec![AccountId::new("a-2")])).await, ["i-2"]);
    assert_eq!(list(Some(Vec::new())).await, [""; 0]);
}

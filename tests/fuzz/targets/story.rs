//! What must hold for every body of a delivery, in whichever format: from its bytes to the changes that it makes.

use std::collections::BTreeSet;

use countersign::base::limits::{RECIPIENTS_MAX, WORD_BYTES_MAX};
use countersign::base::{AccountId, DeliveryId};
use countersign::connect::{ConnectEvent, parse_bytes};
use countersign::signing::map::observe;
use countersign::signing::state::Cause;
use countersign::signing::{Change, Observation, Origin, State};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What stands before a body may be there or not.
const BEFORE: &[u8] = b"\xef\xbb\xbf \r\n\t";

/// The cause of the delivery that was received `second` seconds after the first.
pub(crate) fn cause(second: usize) -> Cause {
    let first: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    let received_at = first + SignedDuration::from_secs(second as i64);
    Cause { origin: Origin::Connect, received_at, delivery_id: Some(DeliveryId(uuid::Uuid::nil())) }
}

/// What a message is seen to say.
pub(crate) fn seen(event: &ConnectEvent<'_>) -> Observation {
    let account = event.account_id.as_deref().map_or_else(AccountId::unknown, AccountId::new);
    observe(event, account)
}

/// Reads a body and tells it to a new state, twice.
pub(crate) fn tell(body: &[u8], zone: Option<&TimeZone>) {
    let event = match parse_bytes(body, zone) {
        Ok(event) => event,
        Err(why) => {
            assert!(!why.word().is_empty() && why.to_string().len() < 200, "{why}");
            return;
        }
    };
    if !body.starts_with(&BEFORE[..3]) {
        let padded = [BEFORE, body].concat();
        assert_eq!(
            parse_bytes(&padded, zone).as_ref(),
            Ok(&event),
            "what stands before it changes what it says"
        );
    }
    let seen = seen(&event);
    let mut state = State::default();
    let changes = state.apply(&seen, cause(0), |_| false);
    assert!(!changes.is_empty(), "a new delivery must appear");
    assert!(changes.len() <= RECIPIENTS_MAX + 2);
    let ids: BTreeSet<_> = changes.iter().map(|change| change.id).collect();
    assert_eq!(ids.len(), changes.len(), "an id was given twice");
    for (at, change) in changes.iter().enumerate() {
        assert_eq!(change.sequence, at as u64 + 1, "a gap in the sequence");
        sound(change);
    }
    assert_eq!(state.sequence, changes.len() as u64);

    let stored = serde_json::to_string(&state).unwrap();
    assert_eq!(
        serde_json::from_str::<State>(&stored).unwrap(),
        state,
        "stored and read, it is another state"
    );
    let before = state.clone();
    assert_eq!(state.apply(&seen, cause(0), |id| ids.contains(&id)), [], "told twice, it is told once");
    assert_eq!(state, before);
}

/// What every subscriber and the broker rely on.
fn sound(change: &Change) {
    let key = change.routing_key();
    assert!(key.len() <= 255, "{key}");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let words: Vec<_> = key.split('.').collect();
    assert!(
        words.len() == 3 && words.iter().all(|word| !word.is_empty() && word.bytes().all(plain)),
        "{key}"
    );
    assert_eq!(words[0], change.kind_word());
    assert!(change.subject.id().len() <= 3 * WORD_BYTES_MAX);
    let body: Value = serde_json::from_str(&change.body(None)).unwrap();
    assert_eq!(body["id"], change.id.to_string());
    assert_eq!(body["sequence"], change.sequence);
    assert_eq!(body["verdict"], change.verdict.word());
    assert_eq!(body["cause"]["format"], change.format.word());
}

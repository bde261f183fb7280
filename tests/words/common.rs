//! What the tests of the words share: deliveries, and the way from bytes to changes.

use std::path::PathBuf;

use countersign::base::{AccountId, DeliveryId, SourceName};
use countersign::connect::{Body, ConnectEvent, Delivery};
use countersign::signing::map::observe;
use countersign::signing::state::{Cause, State};
use countersign::signing::{Change, Origin};
use jiff::Timestamp;
use uuid::Uuid;

/// When everything in these tests is received.
pub(crate) const RECEIVED_AT: &str = "2026-11-23T10:00:00Z";

/// A delivery of `body`, received at [`RECEIVED_AT`], with the nil id.
pub(crate) fn delivery(headers: Vec<(String, String)>, body: Vec<u8>) -> Delivery {
    Delivery {
        id: DeliveryId(Uuid::nil()),
        source: SourceName::default(),
        received_at: RECEIVED_AT.parse().unwrap(),
        headers,
        body: Body::Inline(body.into()),
        traceparent: String::new(),
    }
}

/// What `event` changes in an empty state; its account is its own, else `fallback`.
pub(crate) fn changes(event: &ConnectEvent<'_>, fallback: Option<&str>) -> Vec<Change> {
    let account = event.account_id.as_deref().or(fallback).map_or_else(AccountId::unknown, AccountId::new);
    State::default().apply(&observe(event, account), cause(RECEIVED_AT.parse().unwrap()), |_| false)
}

/// The cause of a delivery received at `at`.
pub(crate) fn cause(at: Timestamp) -> Cause {
    Cause { origin: Origin::Connect, received_at: at, delivery_id: Some(DeliveryId(Uuid::nil())) }
}

/// A path inside the repository.
pub(crate) fn path(inside: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(inside)
}

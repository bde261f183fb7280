//! The milestones of deliveries and changes, in the order of time: received, verified, stored, published, enriched.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::base::DeliveryId;
use crate::signing::change::ENRICHED_TYPE;
use crate::store::{self, FeedRow};
use crate::web::deliveries::DeliveryRow;

use super::Told;

/// A step of a delivery or of a change. Each `took_ms` is the time since the milestone before it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "milestone", rename_all = "lowercase")]
pub(super) enum Milestone {
    /// A delivery began to arrive.
    Received {
        /// When.
        at: Timestamp,
        /// The delivery.
        delivery: DeliveryRow,
    },
    /// Its last byte was there, and its signature matched.
    Verified {
        /// When.
        at: Timestamp,
        /// The delivery.
        delivery_id: Uuid,
        /// Milliseconds since it began to arrive.
        took_ms: u64,
    },
    /// A change was stored, in the transaction of its delivery.
    Stored {
        /// When.
        at: Timestamp,
        /// The change.
        change: ChangeStep,
        /// Milliseconds since its delivery was verified.
        took_ms: u64,
    },
    /// The signing request was fetched, or the fetch given up.
    Enriched {
        /// When.
        at: Timestamp,
        /// The enriched change.
        change: ChangeStep,
        /// Sequences of the changes that it answers.
        covers: Vec<u64>,
        /// Milliseconds since the oldest of these was stored; null where that is no longer known.
        #[schema(required = true)]
        took_ms: Option<u64>,
    },
    /// The broker confirmed a change, for the first time.
    Published {
        /// When; null where it was published by a version that did not keep it.
        #[schema(required = true)]
        at: Option<Timestamp>,
        /// The change's position in the feed.
        position: u64,
        /// The change's sequence.
        sequence: u64,
        /// Milliseconds since it was stored.
        #[schema(required = true)]
        took_ms: Option<u64>,
    },
}

/// A change within a timeline; `/v1/changes/{position}` has it whole.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeStep {
    /// Its position in the feed.
    position: u64,
    /// Message id.
    id: Uuid,
    /// Gap-free per account and signing request, from 1.
    sequence: u64,
    /// `<kind>.<what>.<account id>`.
    routing_key: String,
    /// When it happened.
    occurred_at: Timestamp,
    /// `advance`, `repeat`, `late` or `conflict`; null for an enriched one.
    #[schema(required = true)]
    verdict: Option<String>,
    /// The delivery that told it.
    #[schema(required = true)]
    delivery_id: Option<Uuid>,
    /// The participant concerned.
    #[schema(required = true)]
    participant_id: Option<String>,
    /// True once the broker has confirmed it.
    published: bool,
}

/// When each change was stored, by its sequence: with its delivery, where that is still known. A change made by
/// replay was stored later than its delivery, when nobody wrote down; the delivery's time stands in.
pub(super) fn stored(
    deliveries: &[store::DeliveryRow],
    changes: &[(FeedRow, Told)],
) -> BTreeMap<u64, Timestamp> {
    let by_delivery: BTreeMap<DeliveryId, Timestamp> =
        deliveries.iter().filter_map(|row| Some((row.id, row.stored_at?))).collect();
    let stored = changes.iter().map(|(row, told)| {
        let delivery = told.cause.delivery_id.and_then(|id| by_delivery.get(&DeliveryId(id)).copied());
        (row.entry.sequence, delivery.or(told.received_at).unwrap_or(row.entry.occurred_at))
    });
    stored.collect()
}

/// All steps in the order of time; at one moment a delivery comes before its changes, and those by position.
pub(super) fn milestones(
    deliveries: Vec<store::DeliveryRow>,
    changes: Vec<(FeedRow, Told)>,
    stored: &BTreeMap<u64, Timestamp>,
) -> Vec<Milestone> {
    let mut steps: Vec<((Timestamp, u8, u64), Milestone)> = Vec::new();
    for row in deliveries {
        let (began, whole, delivery_id) = (began(&row), row.received_at, row.id.0);
        let took_ms = between(began, whole);
        steps.push(((began, 0, 0), Milestone::Received { at: began, delivery: row.into() }));
        steps.push(((whole, 1, 0), Milestone::Verified { at: whole, delivery_id, took_ms }));
    }
    for (FeedRow { entry, published, published_at }, told) in changes {
        let (position, sequence) = (entry.position.0, entry.sequence);
        let at = stored.get(&sequence).copied().unwrap_or(entry.occurred_at);
        let enriched = entry.event_type == ENRICHED_TYPE;
        let change = ChangeStep {
            position,
            id: entry.id.0,
            sequence,
            routing_key: entry.routing_key,
            occurred_at: entry.occurred_at,
            verdict: told.verdict,
            delivery_id: told.cause.delivery_id,
            participant_id: told.participant.and_then(|person| person.id),
            published,
        };
        let step = if enriched {
            let covers: Vec<u64> = told.covers.into_iter().map(|cover| cover.sequence).collect();
            let since = covers.iter().filter_map(|sequence| stored.get(sequence)).min();
            let took_ms = since.map(|since| between(*since, at));
            Milestone::Enriched { at, change, covers, took_ms }
        } else {
            Milestone::Stored { at, change, took_ms: told.received_at.map_or(0, |whole| between(whole, at)) }
        };
        steps.push(((at, 2, position), step));
        if published {
            let took_ms = published_at.map(|published_at| between(at, published_at));
            let step = Milestone::Published { at: published_at, position, sequence, took_ms };
            steps.push(((published_at.unwrap_or(at), 3, position), step));
        }
    }
    steps.sort_by_key(|(key, _)| *key);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// When a delivery began to arrive: its id was made then, and tells so.
fn began(row: &store::DeliveryRow) -> Timestamp {
    let told = row.id.0.get_timestamp().and_then(|at| {
        let (seconds, nanoseconds) = at.to_unix();
        Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
    });
    told.unwrap_or(row.received_at).min(row.received_at)
}

/// Whole milliseconds; 0 where a clock went backwards.
fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

//! Today's mapping over a life that was told before: what comes out now, compared with what was published then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::base::{ChangeId, DeliveryId};

use super::Observation;
use super::change::{Change, ChangeKind, Entry, Origin};
use super::state::{Cause, State};

/// A life told anew, from a fresh state.
#[derive(Debug, Default)]
pub struct Retold {
    state: State,
    activities: BTreeSet<ChangeId>,
    /// What it makes, in order.
    pub changes: Vec<Change>,
}

impl Retold {
    /// Takes in the next message.
    pub fn take(&mut self, seen: &Observation, cause: Cause) {
        let made = self.state.apply(seen, cause, |id| self.activities.contains(&id));
        self.activities
            .extend(made.iter().filter(|change| change.kind == ChangeKind::Activity).map(|c| c.id));
        self.changes.extend(made);
    }
}

/// What was published, as far as comparing needs to know it.
#[derive(Debug)]
pub struct Published {
    /// The change.
    pub entry: Entry,
    /// Where it came from.
    pub origin: Origin,
    /// The delivery that told it; none of what was made of a fetch.
    pub told_by: Option<DeliveryId>,
    body: Value,
}

impl Published {
    /// Reads back what a change says. One that cannot be read tells nothing, and so differs in everything.
    pub fn read(entry: Entry) -> Self {
        let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
        let origin = match body["origin"].as_str() {
            Some("replay") => Origin::Replay,
            Some("reconcile") => Origin::Reconcile,
            _ => Origin::Connect,
        };
        let told_by = body["cause"]["delivery_id"].as_str().and_then(|id| id.parse().ok()).map(DeliveryId);
        Self { entry, origin, told_by, body }
    }

    /// In what today's change differs from it; nothing where it is the same. The sequence is not compared, since
    /// fetches have their own between; nor is the origin. `in_place` is false where it was published later than its
    /// message came: then what depends on the order is not compared either.
    pub fn differences(&self, today: &Change, in_place: bool) -> Vec<Difference> {
        let mut differences = Vec::new();
        let (then, now) = (self.entry.routing_key.as_str(), today.routing_key());
        // Its first word tells the verdict.
        let tail = |key: &str| key.split_once('.').map_or_else(String::new, |(_, tail)| tail.to_owned());
        if then != now && (in_place || tail(then) != tail(&now)) {
            differences.push(Difference::new("routing_key", then.into(), now.into()));
        }
        if self.entry.event_type != today.kind.event_type() {
            let (then, now) = (self.entry.event_type.as_str(), today.kind.event_type());
            differences.push(Difference::new("type", then.into(), now.into()));
        }
        let today = serde_json::from_str(&today.body(None)).unwrap_or_default();
        let (mut then, mut now) = (BTreeMap::new(), BTreeMap::new());
        leaves("", &self.body, &mut then);
        leaves("", &today, &mut now);
        let fields: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        for field in fields {
            let skipped = NEVER.contains(&field.as_str())
                || (!in_place && BY_ORDER.iter().any(|f| field.starts_with(f)));
            let (then, now) = (then.get(field).copied(), now.get(field).copied());
            if !skipped && then != now {
                let value = |value: Option<&Value>| value.cloned().unwrap_or_default();
                differences.push(Difference::new(field, value(then), value(now)));
            }
        }
        differences
    }
}

/// Fields that may differ: an account may have been linked since.
const NEVER: [&str; 3] = ["sequence", "origin", "account.integrated_account_id"];
/// Fields that depend on what was told before.
const BY_ORDER: [&str; 6] = [
    "verdict",
    "signing_request.name",
    "signing_request.status",
    "signing_request.previous_status",
    "participant.status",
    "participant.previous_status",
];

/// A field that says something else today.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// `signing_request.status.id`.
    pub field: String,
    /// What was published; null where it was absent.
    pub published: Value,
    /// What would be published today.
    pub today: Value,
}

impl Difference {
    fn new(field: &str, published: Value, today: Value) -> Self {
        Self { field: field.to_owned(), published, today }
    }
}

/// The values of a document that hold no others, by their paths.
fn leaves<'a>(path: &str, value: &'a Value, found: &mut BTreeMap<String, &'a Value>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| leaves(&below(name), value, found));
        }
        Value::Array(items) if !items.is_empty() => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| leaves(&below(&index.to_string()), value, found));
        }
        // Nothing told is nothing told, whether as null or as an empty list.
        Value::Null => {}
        value => {
            found.insert(path.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::base::{AccountId, Moment, Position, SigningRequestId, Subject};
    use crate::connect::Format;
    use crate::signing::{Mark, SigningRequestStatus};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn retold(statuses: &[SigningRequestStatus]) -> Vec<Change> {
        let mut life = Retold::default();
        for status in statuses {
            let seen = Observation {
                account: AccountId::new("a"),
                subject: Subject::SigningRequest(SigningRequestId::new("r")),
                event: format!("envelope-{}", status.id()),
                format: Format::Json,
                generated_at: Some(Moment::certain(at("2026-01-01T08:00:00Z"))),
                name: None,
                cancellation_reason: None,
                marks: vec![Mark::SigningRequest { status: *status, at: None }],
                activity: None,
            };
            let received_at = at("2026-01-01T09:00:00Z");
            life.take(&seen, Cause { origin: Origin::Connect, received_at, delivery_id: None });
        }
        life.changes
    }

    fn published(change: &Change) -> Published {
        Published::read(Entry {
            position: Position(1),
            subject_ref: 1,
            id: change.id,
            account: change.account.clone(),
            subject: change.subject.clone(),
            sequence: change.sequence,
            routing_key: change.routing_key(),
            event_type: change.kind.event_type().into(),
            occurred_at: change.occurred_at.at,
            traceparent: String::new(),
            body: change.body(None),
        })
    }

    #[test]
    fn the_same_change_has_no_differences_whatever_its_sequence_and_origin() {
        let change = retold(&[SigningRequestStatus::Sent]).remove(0);
        let mut later = change.clone();
        (later.sequence, later.origin) = (7, Origin::Replay);
        assert_eq!(published(&later).differences(&change, true), []);
        assert_eq!(published(&later).origin, Origin::Replay);
    }

    #[test]
    fn an_account_that_was_linked_since_makes_no_difference() {
        let change = retold(&[SigningRequestStatus::Sent]).remove(0);
        let mut then = published(&change);
        then.body = serde_json::from_str(&change.body(Some("0199f1f0"))).unwrap();
        assert_eq!(then.body["account"]["integrated_account_id"], "0199f1f0");
        assert_eq!(then.differences(&change, true), []);
    }

    #[test]
    fn each_field_that_differs_is_named_with_both_values() {
        let change = retold(&[SigningRequestStatus::Sent]).remove(0);
        let mut today = change.clone();
        today.name = Some("Lease 14".into());
        today.occurred_at = Moment::certain(at("2026-01-01T07:00:00Z"));
        let found = published(&change).differences(&today, true);
        let told: Vec<_> = found.iter().map(|d| (d.field.as_str(), &d.published, &d.today)).collect();
        let (then, now) = ("2026-01-01T08:00:00Z".into(), "2026-01-01T07:00:00Z".into());
        assert_eq!(
            told,
            [("occurred_at", &then, &now), ("signing_request.name", &Value::Null, &"Lease 14".into())]
        );
    }

    #[test]
    fn out_of_its_place_a_change_is_not_compared_in_what_order_decides() {
        use SigningRequestStatus::{Completed, Sent};
        let straight = retold(&[Sent, Completed]);
        let late = retold(&[Completed, Sent]).remove(1);
        assert_eq!(late.routing_key(), "late.sent.a");
        assert_eq!(published(&late).differences(&straight[0], false), []);
        let fields = published(&late).differences(&straight[0], true);
        let fields: Vec<_> = fields.iter().map(|difference| difference.field.as_str()).collect();
        assert!(fields.contains(&"routing_key") && fields.contains(&"verdict"), "{fields:?}");
    }
}

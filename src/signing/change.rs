//! The published contract: one change, its id, its routing key, its CloudEvents type and its JSON body.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::digest::uuid_of;
use crate::base::json::Object;
use crate::base::{AccountId, ChangeId, DeliveryId, Moment, ParticipantId, Position, Subject};
use crate::connect::Format;

use super::{ParticipantStatus, Person, SigningRequestStatus};

/// What a change does to what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A step forward.
    Advance,
    /// Moves nothing: resent, corrected, reassigned, templates, unknown events.
    Repeat,
    /// Older than what is known.
    Late,
    /// Impossible from what is known, such as voided after completed.
    Conflict,
}

impl Verdict {
    /// The verdict's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::Repeat => "repeat",
            Self::Late => "late",
            Self::Conflict => "conflict",
        }
    }
}

/// Where a change came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A Connect delivery.
    Connect,
    /// Found over REST because Connect never delivered it.
    Reconcile,
    /// Published again, or mapped anew from stored bytes.
    Replay,
}

impl Origin {
    /// The origin's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reconcile => "reconcile",
            Self::Replay => "replay",
        }
    }
}

/// What kind of change it is; with the verdict it makes the routing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// A signing request came to a status.
    SigningRequest(SigningRequestStatus),
    /// A participant came to a status.
    Participant(ParticipantStatus),
    /// Something happened that moved no status; the event is the change's cause.
    Activity,
}

impl ChangeKind {
    /// The CloudEvents `type`.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::SigningRequest(_) => "countersign.signing_request.status_changed.v1",
            Self::Participant(_) => "countersign.participant.status_changed.v1",
            Self::Activity => "countersign.activity.v1",
        }
    }
}

/// The CloudEvents `type` of an enriched signing request.
pub const ENRICHED_TYPE: &str = "countersign.signing_request.enriched.v1";

/// One change, before it is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Made of what it says; see [`change_id`].
    pub id: ChangeId,
    /// The account.
    pub account: AccountId,
    /// What it is about.
    pub subject: Subject,
    /// Gap-free per account and subject, from 1, all kinds counted together.
    pub sequence: u64,
    /// What kind of change.
    pub kind: ChangeKind,
    /// What it does to what was known.
    pub verdict: Verdict,
    /// Where it came from.
    pub origin: Origin,
    /// When it happened.
    pub occurred_at: Moment,
    /// When we learned of it.
    pub received_at: Timestamp,
    /// Name of the signing request or template, where known.
    pub name: Option<String>,
    /// Where the signing request stands by this change; for participants and activities, where it is known to stand.
    pub status: Option<SigningRequestStatus>,
    /// Where the signing request stood before; only for signing request changes.
    pub previous_status: Option<SigningRequestStatus>,
    /// Why it was voided.
    pub cancellation_reason: Option<String>,
    /// The participant concerned.
    pub participant: Option<ParticipantChange>,
    /// The event as on the wire, or `snapshot`.
    pub event: String,
    /// The delivery that told it; none when it was found by reconciling.
    pub delivery_id: Option<DeliveryId>,
    /// The format of that delivery.
    pub format: Format,
}

/// The participant's part of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantChange {
    /// Who.
    pub person: Person,
    /// Where the participant stands by this change.
    pub status: Option<ParticipantStatus>,
    /// Where the participant stood before.
    pub previous_status: Option<ParticipantStatus>,
    /// Who took over, after a reassignment.
    pub reassigned_to: Option<ParticipantId>,
}

impl Change {
    /// `<kind>.<what>.<account id>`: see [`routing_key`].
    pub fn routing_key(&self) -> String {
        let what = match self.kind {
            ChangeKind::SigningRequest(status) => status.id(),
            ChangeKind::Participant(status) => status.id(),
            ChangeKind::Activity => &self.event,
        };
        routing_key(self.kind_word(), what, &self.account)
    }

    /// The first word of its routing key, which is also how changes are counted.
    pub fn kind_word(&self) -> &'static str {
        match (self.verdict, self.kind) {
            (_, ChangeKind::Activity) => "activity",
            (Verdict::Late, _) => "late",
            (Verdict::Conflict, _) => "conflict",
            (_, ChangeKind::SigningRequest(_)) => "signing_request",
            (_, ChangeKind::Participant(_)) => "participant",
        }
    }

    /// The JSON body: a stable shape, documented in `/asyncapi.yaml`. `linked` is our id of the account, where it is linked:
    /// whoever stores the change knows it.
    pub fn body(&self, linked: Option<&str>) -> String {
        let mut body = String::with_capacity(1024);
        Object::write(&mut body, |body| {
            body.text("id", &*self.id.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
                .bare("sequence", Some(self.sequence));
            body.text("verdict", self.verdict.word()).text("origin", self.origin.word());
            body.shown("occurred_at", Some(self.occurred_at.at));
            if !self.occurred_at.certain {
                body.bare("occurred_at_uncertain", Some(true));
            }
            body.shown("received_at", Some(self.received_at));
            body.object("account", |account| {
                account.text("id", self.account.as_str()).text("integrated_account_id", linked);
            });
            if self.subject.signing_request().is_none() {
                body.object("subject", |subject| {
                    subject.text("type", self.subject.kind()).text("id", self.subject.id());
                    subject.text("name", self.name.as_deref());
                });
            }
            body.maybe("signing_request", self.subject.signing_request(), |request, id| {
                request.text("id", id.as_str()).text("name", self.name.as_deref());
                status(request, "status", self.status.map(|status| (status.id(), status.name())));
                status(
                    request,
                    "previous_status",
                    self.previous_status.map(|status| (status.id(), status.name())),
                );
                request.text("cancellation_reason", self.cancellation_reason.as_deref());
            });
            body.maybe("participant", self.participant.as_ref(), |body, participant| participant.write(body));
            body.object("cause", |cause| {
                let mut id = Uuid::encode_buffer();
                let delivery =
                    self.delivery_id.map(|delivery| &*delivery.0.hyphenated().encode_lower(&mut id));
                cause.text("event", self.event.as_str()).text("delivery_id", delivery);
                cause.text("format", self.format.word());
            });
        });
        body
    }
}

impl ParticipantChange {
    fn write(&self, body: &mut Object<'_>) {
        let person = &self.person;
        body.text("id", person.id.as_str()).text("name", person.name.as_deref());
        body.list("emails", person.email.as_deref(), |entry, email| {
            entry.text("email", email);
        });
        body.bare("routing_order", person.routing_order);
        status(body, "status", self.status.map(|status| (status.id(), status.name())));
        status(body, "previous_status", self.previous_status.map(|status| (status.id(), status.name())));
        body.text("reason", person.reason.as_deref());
        if let Some(other) = &self.reassigned_to {
            body.text("reassigned_to", other.as_str());
        }
    }
}

/// The delivery that told a change, by the change's body, where Connect itself told it in JSON: nobody looked over REST, and
/// nothing was replayed.
pub fn told_in_json_by(body: &str) -> Option<DeliveryId> {
    #[derive(Deserialize)]
    struct Body {
        origin: String,
        cause: Cause,
    }
    #[derive(Deserialize)]
    struct Cause {
        delivery_id: Option<DeliveryId>,
        format: String,
    }
    let Body { origin, cause } = serde_json::from_str(body).ok()?;
    let plain = origin == Origin::Connect.word() && cause.format == Format::Json.word();
    cause.delivery_id.filter(|_| plain)
}

/// A status as the unified models show it: its word, and its name for people.
fn status(body: &mut Object<'_>, key: &str, status: Option<(&str, &str)>) {
    body.maybe(key, status, |body, (id, name)| {
        body.text("id", id).text("name", name);
    });
}

/// A change as the feed keeps it: written once, published and read as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands in the feed.
    pub position: Position,
    /// The store's own short number for its account and subject: equal exactly when both are equal.
    pub subject_ref: i64,
    /// Message id.
    pub id: ChangeId,
    /// The account.
    pub account: AccountId,
    /// What it is about.
    pub subject: Subject,
    /// Gap-free per account and subject, from 1.
    pub sequence: u64,
    /// Where it goes.
    pub routing_key: String,
    /// CloudEvents `type`.
    pub event_type: String,
    /// CloudEvents `time`.
    pub occurred_at: Timestamp,
    /// W3C trace context of the delivery that told it.
    pub traceparent: String,
    /// The JSON body.
    pub body: String,
}

/// `<kind>.<what>.<account id>`; each word in lower case, `[a-z0-9_-]`, anything else becomes `_`, so that a
/// hostile event name can make neither a further word nor a wildcard. A key ends at RabbitMQ's 255 bytes.
pub fn routing_key(kind: &str, what: &str, account: &AccountId) -> String {
    let mut key = String::with_capacity(kind.len() + what.len() + account.as_str().len() + 2);
    for (word, most) in [(kind, 64), (what, 100), (account.as_str(), 89)] {
        if !key.is_empty() {
            key.push('.');
        }
        let before = key.len();
        let stays = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if word.len() <= most && word.as_bytes().iter().all(stays) {
            key.push_str(word);
        } else {
            let kept =
                |c: char| u8::try_from(c.to_ascii_lowercase()).ok().filter(stays).map_or('_', char::from);
            key.extend(word.chars().take(most).map(kept));
        }
        if key.len() == before {
            key.push('_');
        }
    }
    key
}

/// The id of a change: the first half of a SHA-256 over what the change says, as a UUID of version 8.
///
/// `what` is the status or the event, `discriminator` what makes two of one kind different (empty for statuses,
/// to which a life comes once). Time received, retry count, configuration, format and verdict stay out, so the id
/// is the same from every store, retry, order and configuration.
pub fn change_id(
    account: &AccountId,
    subject: &Subject,
    participant: Option<&ParticipantId>,
    kind: &str,
    what: &str,
    discriminator: &[u8],
) -> ChangeId {
    let participant = participant.map_or("", ParticipantId::as_str);
    let texts =
        ["countersign.change.v1", account.as_str(), subject.kind(), subject.id(), participant, kind, what];
    ChangeId(uuid_of(texts.iter().map(|text| text.as_bytes()).chain([discriminator])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routing_key_has_three_words_whatever_the_event_is_called() {
        let account = AccountId::new("8B411BFE-54F5");
        assert_eq!(
            routing_key("signing_request", "completed", &account),
            "signing_request.completed.8b411bfe-54f5"
        );
        assert_eq!(
            routing_key("activity", "Evil.#.* event\u{e9}", &account),
            "activity.evil_____event_.8b411bfe-54f5"
        );
        assert_eq!(routing_key("activity", "", &account), "activity._.8b411bfe-54f5");
        let long = routing_key("activity", &"x".repeat(10_000), &AccountId::new(&"y".repeat(10_000)));
        assert!(long.len() <= 255, "{}", long.len());
    }

    #[test]
    fn parts_of_an_id_cannot_run_together() {
        let account = AccountId::new("a");
        let subject = Subject::Account;
        let id = |kind, what| change_id(&account, &subject, None, kind, what, b"");
        assert_ne!(id("ab", "c"), id("a", "bc"));
        assert_eq!(id("ab", "c"), id("ab", "c"));
    }
}

//! An envelope as DocuSign keeps it: what the wire and REST tell of it is written out of this.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::base::Dice;

use super::people;
use super::recipient::{Recipient, RecipientStatus};

/// How long an envelope may wait for its signatures: DocuSign's default of 120 days.
const EXPIRES_AFTER_DAYS: i64 = 120;

/// A user's or recipient's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user's GUID.
    pub user_id: Uuid,
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

impl Person {
    /// Somebody invented.
    pub fn invented(dice: &Dice) -> Self {
        people::person(dice)
    }
}

/// An account, and the one user of it who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The GUID that JSON and REST name.
    pub id: Uuid,
    /// The integer id that legacy XML names.
    pub number: u64,
    /// Name.
    pub name: String,
    /// The user who owns it and sends from it.
    pub sender: Person,
    /// Where the sender sends from.
    pub sender_ip: String,
}

impl Account {
    /// An account invented from `dice`: the same dice, the same account.
    pub fn invented(dice: &Dice) -> Self {
        people::account(dice)
    }
}

/// Where an envelope stands (connect.md §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvelopeStatus {
    /// A draft.
    Created,
    /// Sent.
    Sent,
    /// All signers opened it.
    Delivered,
    /// Finished.
    Completed,
    /// A signer declined.
    Declined,
    /// Voided or expired.
    Voided,
    /// Deleted or discarded.
    Deleted,
}

impl EnvelopeStatus {
    /// As REST and JSON write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Voided => "voided",
            Self::Deleted => "deleted",
        }
    }

    /// True for sent and delivered: the only ones that may be voided.
    pub fn in_flight(self) -> bool {
        matches!(self, Self::Sent | Self::Delivered)
    }
}

/// A document of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// "1", "2", …
    pub id: String,
    /// DocuSign's own id.
    pub guid: Uuid,
    /// The file's name.
    pub name: String,
}

/// A text custom field of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomField {
    /// A number.
    pub id: String,
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A list custom field of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListField {
    /// A number.
    pub id: String,
    /// Name.
    pub name: String,
    /// What was chosen.
    pub value: String,
    /// What can be chosen.
    pub items: Vec<String>,
}

/// A folder that somebody moved an envelope to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// The folder's GUID.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// How an envelope's recipients are reminded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminders {
    /// Days before the first one.
    pub delay: u32,
    /// Days between two.
    pub frequency: u32,
}

/// One line of an envelope's audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// When.
    pub at: Timestamp,
    /// The event's name on the wire.
    pub event: &'static str,
    /// Which recipient, by place.
    pub recipient: Option<usize>,
    /// Where the envelope stood then.
    pub status: EnvelopeStatus,
}

/// An envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Whose.
    pub account: Arc<Account>,
    /// Its GUID.
    pub id: Uuid,
    /// Subject of its mails, and its name.
    pub subject: String,
    /// Text of its mails.
    pub blurb: String,
    /// Where it stands.
    pub status: EnvelopeStatus,
    /// When the draft was made.
    pub created_at: Timestamp,
    /// When it was sent first.
    pub initial_sent_at: Option<Timestamp>,
    /// When it was sent last: rewritten as routing advances.
    pub sent_at: Option<Timestamp>,
    /// When all signers had opened it.
    pub delivered_at: Option<Timestamp>,
    /// When it was finished.
    pub completed_at: Option<Timestamp>,
    /// When it was declined.
    pub declined_at: Option<Timestamp>,
    /// When it was voided.
    pub voided_at: Option<Timestamp>,
    /// Why it was voided.
    pub voided_reason: Option<String>,
    /// True where its time ran out.
    pub expired: bool,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When its status changed last.
    pub status_changed_at: Timestamp,
    /// When anything of it changed last.
    pub modified_at: Timestamp,
    /// When its time runs out.
    pub expires_at: Timestamp,
    /// The days after which its time runs out, counted from its making.
    pub expire_after: i64,
    /// Days before that at which its recipients are warned; 0 for no warning.
    pub expire_warn: i64,
    /// How its recipients are reminded; not where absent.
    pub reminders: Option<Reminders>,
    /// The folder that it was moved to; it lies where its status puts it where absent.
    pub filed: Option<Filed>,
    /// True once its documents wait to be purged.
    pub purge_queued: bool,
    /// Its recipients.
    pub recipients: Vec<Recipient>,
    /// Its documents.
    pub documents: Vec<Document>,
    /// Its custom fields.
    pub custom_fields: Vec<CustomField>,
    /// Its list custom fields.
    pub list_fields: Vec<ListField>,
    /// What happened to it so far.
    pub history: Vec<Occurrence>,
}

impl Envelope {
    /// A draft without recipients and documents.
    pub fn draft(account: Arc<Account>, subject: String, at: Timestamp, dice: &Dice) -> Self {
        let expires = SignedDuration::from_hours(24 * EXPIRES_AFTER_DAYS);
        Self {
            account,
            id: people::guid(dice),
            subject,
            blurb: String::new(),
            status: EnvelopeStatus::Created,
            created_at: at,
            initial_sent_at: None,
            sent_at: None,
            delivered_at: None,
            completed_at: None,
            declined_at: None,
            voided_at: None,
            voided_reason: None,
            expired: false,
            deleted_at: None,
            status_changed_at: at,
            modified_at: at,
            expires_at: at.checked_add(expires).unwrap_or(Timestamp::MAX),
            expire_after: EXPIRES_AFTER_DAYS,
            expire_warn: 0,
            reminders: None,
            filed: None,
            purge_queued: false,
            recipients: Vec::new(),
            documents: Vec::new(),
            custom_fields: Vec::new(),
            list_fields: Vec::new(),
            history: Vec::new(),
        }
    }

    /// True once nothing more can be done to it than to purge or to delete it.
    pub fn is_over(&self) -> bool {
        !(self.status == EnvelopeStatus::Created || self.status.in_flight())
    }

    /// Sets the days after which its time runs out.
    pub fn expire_after(&mut self, days: i64) {
        self.expire_after = days;
        let life = SignedDuration::from_hours(days.saturating_mul(24));
        self.expires_at = self.created_at.checked_add(life).unwrap_or(Timestamp::MAX);
    }

    /// Adds a document.
    pub fn add_document(&mut self, name: String, dice: &Dice) {
        let id = (self.documents.len() + 1).to_string();
        self.documents.push(Document { id, guid: people::guid(dice), name });
    }

    /// Adds a text custom field.
    pub fn add_custom_field(&mut self, name: &str, value: String, dice: &Dice) {
        let id = (10_000_000 + dice.below(90_000_000)).to_string();
        self.custom_fields.push(CustomField { id, name: name.to_owned(), value });
    }

    /// Adds a list custom field.
    pub fn add_list_field(&mut self, name: &str, value: String, items: Vec<String>, dice: &Dice) {
        let id = (10_000_000 + dice.below(90_000_000)).to_string();
        self.list_fields.push(ListField { id, name: name.to_owned(), value, items });
    }

    /// The routing order whose turn it is: that of the first recipient who is not done.
    pub fn current_routing_order(&self) -> u32 {
        let open = self.recipients.iter().filter(|r| r.status != RecipientStatus::Completed);
        let last = self.recipients.iter().map(|r| r.routing_order).max().unwrap_or(1);
        open.map(|r| r.routing_order).min().unwrap_or(last)
    }
}

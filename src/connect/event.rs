//! What a Connect message says, in DocuSign's own words, whichever of the three formats it came in.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::base::Moment;

/// The format of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One event per message (`deliveryMode: SIM`, `restv2.1`), or a JSON aggregate: see [`ConnectEvent::event`].
    Json,
    /// Legacy `DocuSignEnvelopeInformation`.
    Xml,
    /// No message at all: an envelope as REST told it, asked for because Connect may not have delivered.
    Rest,
}

impl Format {
    /// The format's word in bodies and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Rest => "rest",
        }
    }

    /// The format of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Json, Self::Xml, Self::Rest].into_iter().find(|format| format.word() == word)
    }
}

/// One Connect message, borrowed from its bytes where it can be.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectEvent<'a> {
    /// The format that it came in.
    pub format: Format,
    /// The event as on the wire (`recipient-completed`); `None` for aggregate and XML messages, which tell the
    /// state of an envelope and not what changed.
    pub event: Option<Cow<'a, str>>,
    /// The account inside the signed body: a GUID in JSON, an integer in XML's `AccountId` custom field.
    pub account_id: Option<Cow<'a, str>>,
    /// What the event is about.
    pub object: Object<'a>,
    /// `generatedDateTime` or `TimeGenerated`; for a JSON aggregate, which has neither, the envelope's
    /// `lastModifiedDateTime`.
    pub generated_at: Option<Moment>,
    /// The recipient that a `recipient-*` event names.
    pub recipient_id: Option<Cow<'a, str>>,
    /// The recipient that took over, in `recipient-reassign`.
    pub reassigned_recipient_id: Option<Cow<'a, str>>,
    /// The envelope as it stood, where the message carries it.
    pub envelope: Option<Envelope<'a>>,
    /// Only where `generated_at` is absent, what tells two such messages apart: a digest of `data` (which is
    /// without `retryCount` and `configurationId`), or of the whole body where there is no `data`.
    pub content_digest: Option<[u8; 32]>,
}

/// The object that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object<'a> {
    /// An envelope's GUID.
    Envelope(Cow<'a, str>),
    /// A template: its GUID and, where told, its name.
    Template(Cow<'a, str>, Option<Cow<'a, str>>),
    /// A clickwrap agreement's id.
    Agreement(Cow<'a, str>),
    /// The message names none (workflows, extensions, unknown shapes).
    None,
}

/// An envelope as a message tells it; every field may be absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Envelope<'a> {
    /// As on the wire: lower case in JSON, CamelCase in XML.
    pub status: Option<Cow<'a, str>>,
    /// `emailSubject` or `Subject`.
    pub subject: Option<Cow<'a, str>>,
    /// `voidedReason` or `VoidReason`.
    pub voided_reason: Option<Cow<'a, str>>,
    /// Creation: the one envelope time that is never rewritten.
    pub created_at: Option<Moment>,
    /// The first send (`initialSentDateTime`), else the latest (`sentDateTime`, rewritten as routing advances).
    pub sent_at: Option<Moment>,
    /// When all had opened it.
    pub delivered_at: Option<Moment>,
    /// When all had signed (XML only).
    pub signed_at: Option<Moment>,
    /// When it was completed.
    pub completed_at: Option<Moment>,
    /// When it was declined.
    pub declined_at: Option<Moment>,
    /// When it was voided; for XML `TimedOut`, when it expired.
    pub voided_at: Option<Moment>,
    /// When it was deleted.
    pub deleted_at: Option<Moment>,
    /// `statusChangedDateTime`.
    pub status_changed_at: Option<Moment>,
    /// All recipients, in the order of the message.
    pub recipients: Vec<Recipient<'a>>,
    /// Envelope custom fields: name and value.
    pub custom_fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// A recipient as a message tells it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recipient<'a> {
    /// `recipientId` in JSON ("1"), the GUID in XML.
    pub id: Cow<'a, str>,
    /// The kind as in the JSON list's name (`signers`, `carbonCopies`) or XML's `Type` (`Signer`).
    pub kind: Cow<'a, str>,
    /// Name.
    pub name: Option<Cow<'a, str>>,
    /// E-mail address.
    pub email: Option<Cow<'a, str>>,
    /// Routing order, from 1.
    pub routing_order: Option<u32>,
    /// As on the wire.
    pub status: Option<Cow<'a, str>>,
    /// When it was sent to this recipient.
    pub sent_at: Option<Moment>,
    /// When this recipient opened it.
    pub delivered_at: Option<Moment>,
    /// When this recipient signed.
    pub signed_at: Option<Moment>,
    /// When this recipient declined.
    pub declined_at: Option<Moment>,
    /// Why this recipient declined.
    pub declined_reason: Option<Cow<'a, str>>,
    /// Why the message bounced.
    pub autoresponded_reason: Option<Cow<'a, str>>,
}

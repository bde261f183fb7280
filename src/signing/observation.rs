//! What one message tells about a signing request, in unified words: the input of the state machine.

use crate::base::{AccountId, Moment, ParticipantId, Subject};
use crate::connect::Format;

use super::{ParticipantStatus, SigningRequestStatus};

/// What one message (or one look over REST) tells about one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The account that it was told for.
    pub account: AccountId,
    /// What it is about.
    pub subject: Subject,
    /// The event as on the wire in lower case, or `snapshot` where the message names none.
    pub event: String,
    /// The format of the message.
    pub format: Format,
    /// When the message was generated, where it says so.
    pub generated_at: Option<Moment>,
    /// The name of the signing request (the e-mail's subject) or template, where told.
    pub name: Option<String>,
    /// Why it was voided, where told.
    pub cancellation_reason: Option<String>,
    /// Statuses that it tells, in the order in which they should be published.
    pub marks: Vec<Mark>,
    /// What to publish where the event is one that moves no status.
    pub activity: Option<Activity>,
}

/// One status that a message tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// The signing request stands at `status`.
    SigningRequest {
        /// The status told.
        status: SigningRequestStatus,
        /// When it came to stand there, where told.
        at: Option<Moment>,
    },
    /// A participant stands at `status`.
    Participant {
        /// Who.
        person: Person,
        /// The status told.
        status: ParticipantStatus,
        /// When it came to stand there, where told.
        at: Option<Moment>,
    },
}

/// A participant as a message tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique within the signing request.
    pub id: ParticipantId,
    /// Name, where told.
    pub name: Option<String>,
    /// E-mail address, where told.
    pub email: Option<String>,
    /// Why this participant declined, or why the notification bounced.
    pub reason: Option<String>,
    /// Routing order, where told.
    pub routing_order: Option<u32>,
}

/// Something that happened without moving a status.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The participant concerned, where there is one.
    pub person: Option<Person>,
    /// The participant that took over, after a reassignment.
    pub reassigned_to: Option<ParticipantId>,
    /// When it happened, where told.
    pub at: Option<Moment>,
    /// What makes two of its kind different: the time where told, else a digest of the content.
    pub discriminator: Vec<u8>,
}

//! The unified signing request: the whole object that enriched messages carry.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::document::{Document, DocumentField};
use super::known::Source;
use super::participant::Participant;
use super::{ParticipantStatus, SigningRequestStatus};

/// A signing request with all that belongs to it.
///
/// Dates that were not told are null, lists that were not told are empty.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = UnifiedSigningRequest)]
pub struct SigningRequest {
    /// Its id.
    pub id: String,
    /// Its name: the subject of its e-mail.
    pub name: Option<String>,
    /// The text of its e-mail.
    pub description: Option<String>,
    /// DocuSign tells none: always null.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Where it stands.
    pub status: Option<Status>,
    /// Why it was voided, where it was.
    pub cancellation_reason: Option<String>,
    /// The folders in which it lies.
    pub collections: Vec<Collection>,
    /// The groups that take part.
    pub groups: Vec<Group>,
    /// All who take part, by routing order and then as told.
    pub participants: Vec<Participant>,
    /// Its documents.
    pub documents: Vec<Document>,
    /// The places in its documents that participants fill in or sign; never what they entered.
    pub document_fields: Vec<DocumentField>,
    /// Its custom fields.
    pub custom_fields: Vec<CustomField>,
    /// Where it can be seen.
    pub urls: Vec<Url>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When anything about it changed last.
    pub updated_at: Option<Timestamp>,
    /// When its status changed last.
    pub last_activity_at: Option<Timestamp>,
    /// When it will expire or did.
    pub expires_at: Option<Timestamp>,
    /// True where a list reached its bound (see [`crate::base::limits`]) and was cut; else not written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_partial_response: bool,
    /// Where it comes from and how old it is, only where it was asked for from the store; else not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub source: Option<Source>,
    /// The answer as DocuSign gave it, only where a caller asks for it. Messages leave it out: with tabs it is
    /// many times larger than what is mapped, and it carries what participants entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub remote_data: Option<Box<RawValue>>,
}

/// A status: one of ours, or the word as it was told where we know no better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedStatus)]
pub struct Status {
    /// The word.
    #[schema(value_type = String)]
    pub id: Cow<'static, str>,
    /// The name for people.
    #[schema(value_type = String)]
    pub name: Cow<'static, str>,
}

impl Status {
    /// A signing request's status from the word told.
    pub fn of_signing_request(word: &str) -> Self {
        SigningRequestStatus::from_id(word).map_or_else(|| Self::raw(word), Self::from)
    }

    /// A participant's status from the word told.
    pub fn of_participant(word: &str) -> Self {
        ParticipantStatus::from_id(word).map_or_else(|| Self::raw(word), Self::from)
    }

    fn raw(word: &str) -> Self {
        Self { id: word.to_owned().into(), name: word.to_owned().into() }
    }
}

impl From<SigningRequestStatus> for Status {
    fn from(status: SigningRequestStatus) -> Self {
        Self { id: status.id().into(), name: status.name().into() }
    }
}

impl From<ParticipantStatus> for Status {
    fn from(status: ParticipantStatus) -> Self {
        Self { id: status.id().into(), name: status.name().into() }
    }
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedCollectionReference)]
pub struct Collection {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// A group that takes part: any of its members may act for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedGroupReference)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Always `signing_group`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A custom field of a signing request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedCustomField)]
pub struct CustomField {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What was entered or chosen.
    pub value: Option<String>,
    /// `text`, or `list` where the value is one of a list.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether the sender must give a value.
    pub is_required: Option<bool>,
}

/// An address at which something can be had over DocuSign's REST API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedUrl)]
pub struct Url {
    /// The address.
    pub url: String,
    /// `view`; `public_view` for one that lets whoever has it in.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

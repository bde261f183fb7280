//! Those who take part in a signing request.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::request::{Group, Status};

/// One who takes part in a signing request: signs, receives a copy, acts for another.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = UnifiedParticipant)]
pub struct Participant {
    /// Unique within the signing request.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Addresses; none for a group.
    pub emails: Vec<Email>,
    /// How this one takes part: `signer`, `in_person_signer`, `carbon_copy`, …, or DocuSign's own word for a kind
    /// that we do not know.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    /// Whether this one signs (`signer` and `in_person_signer`).
    pub is_signer: bool,
    /// Routing order, from 1; equal ones act side by side.
    pub routing_order: Option<u32>,
    /// The role in the template that it came from.
    pub role: Option<String>,
    /// Where this one stands.
    pub status: Option<Status>,
    /// Why this one declined, or why the notification bounced.
    pub reason: Option<String>,
    /// The group that acts here.
    pub group: Option<Group>,
    /// Who hosts an in-person signing.
    pub host: Option<Contact>,
    /// When it was sent to this one.
    pub sent_at: Option<Timestamp>,
    /// When this one opened it.
    pub delivered_at: Option<Timestamp>,
    /// When this one signed.
    pub signed_at: Option<Timestamp>,
    /// When this one declined.
    pub declined_at: Option<Timestamp>,
}

/// A person by name and addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedPerson)]
pub struct Contact {
    /// Id, where the person is a user of the account.
    pub id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Addresses.
    pub emails: Vec<Email>,
}

/// An e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedEmail)]
pub struct Email {
    /// The address.
    pub email: String,
}

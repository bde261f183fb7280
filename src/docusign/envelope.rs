//! The envelope as `GET /envelopes/{id}?include=…` tells it.

use serde::Deserialize;

use super::recipient::Recipient;
use super::tolerant::{List, Lists, Object, Scalar};

/// An envelope.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Envelope {
    /// GUID.
    pub envelope_id: Scalar,
    /// Where it stands, in lower case.
    pub status: Scalar,
    /// The subject of its e-mail: the envelope's name.
    pub email_subject: Scalar,
    /// The text of its e-mail.
    pub email_blurb: Scalar,
    /// When it was made.
    pub created_date_time: Scalar,
    /// When anything about it changed last.
    pub last_modified_date_time: Scalar,
    /// When its status changed last.
    pub status_changed_date_time: Scalar,
    /// When it will expire or did.
    pub expire_date_time: Scalar,
    /// Why it was voided; says so where it expired.
    pub voided_reason: Scalar,
    /// Relative to the account: `/envelopes/{id}`.
    pub envelope_uri: Scalar,
    /// Who sent it.
    pub sender: Object<UserInfo>,
    /// With `include=recipients`: by the names of their lists (`signers`, `carbonCopies`, …).
    pub recipients: Lists<Recipient>,
    /// With `include=documents`.
    pub envelope_documents: List<EnvelopeDocument>,
    /// With `include=custom_fields`.
    pub custom_fields: Object<CustomFields>,
    /// With `include=folders`.
    pub folders: List<Folder>,
}

/// A document of an envelope.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvelopeDocument {
    /// "1", a GUID, or `certificate`.
    pub document_id: Scalar,
    /// File name.
    pub name: Scalar,
    /// `content` or `summary` (the certificate).
    #[serde(rename = "type")]
    pub kind: Scalar,
    /// Relative to the account: `/envelopes/{id}/documents/{id}`.
    pub uri: Scalar,
}

/// Both lists of an envelope's custom fields.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CustomFields {
    /// Free text.
    pub text_custom_fields: List<CustomField>,
    /// One of a list.
    pub list_custom_fields: List<CustomField>,
}

/// A custom field of either list.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CustomField {
    /// Numeric text.
    pub field_id: Scalar,
    /// Name.
    pub name: Scalar,
    /// What was entered or chosen.
    pub value: Scalar,
    /// Whether the sender must fill it in.
    pub required: Scalar,
}

/// A folder, as an envelope names it or as the account lists it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Folder {
    /// GUID.
    pub folder_id: Scalar,
    /// Name.
    pub name: Scalar,
    /// `draft`, `inbox`, `sentitems`, `recyclebin`, `normal`, `custom`, `templates`, …
    #[serde(rename = "type")]
    pub kind: Scalar,
    /// The folder that it lies in; `root` for none.
    pub parent_folder_id: Scalar,
    /// Relative to the account: `/folders/{id}`.
    pub uri: Scalar,
}

/// A user as other objects name one.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UserInfo {
    /// GUID.
    pub user_id: Scalar,
    /// Name.
    pub user_name: Scalar,
    /// E-mail address.
    pub email: Scalar,
    /// Where the user stands: `Active`, `ActivationSent`, …, in any case.
    pub user_status: Scalar,
}

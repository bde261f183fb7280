//! What callers tell of a signing request that they want made or changed. What is wrong with it is told by
//! [`super::map_draft`].

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A signing request to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedSigningRequestCreate)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its name: the subject of its e-mail.
    #[schema(required)]
    pub name: Option<String>,
    /// The text of its e-mail.
    #[schema(required)]
    pub description: Option<String>,
    /// `created` for a draft, which is the default, or `sent`.
    pub status: Option<Word>,
    /// All who take part.
    #[serde(default)]
    pub participants: Vec<NewParticipant>,
    /// Its documents. Large ones are better put into a draft one by one, as bytes.
    #[serde(default)]
    pub documents: Vec<NewDocument>,
    /// The template that it is made from.
    pub template: Option<Named>,
    /// What is filled into the template's fields, by label; or, with a `type`, new places in its documents.
    #[serde(default)]
    pub document_fields: Vec<NewField>,
    /// When it expires. DocuSign counts whole days: it expires within the day after this time.
    pub expires_at: Option<Timestamp>,
    /// When those whose turn it is are reminded.
    pub reminders: Option<Reminders>,
    /// Custom fields, such as the id of the caller's own record: they come back with it, and with each of its changes.
    #[serde(default)]
    pub custom_fields: Vec<NewCustomField>,
    /// Anything else, in DocuSign's words: merged as it is into what DocuSign is sent.
    #[serde(default)]
    pub remote_data: Map<String, Value>,
}

/// Changes of a signing request.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedSigningRequestUpdate)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Why it is voided; it is, where this is told.
    pub cancellation_reason: Option<String>,
    /// `sent` sends a draft; `voided` voids one that was sent.
    pub status: Option<Word>,
    /// Its new name.
    pub name: Option<String>,
    /// The new text of its e-mail.
    pub description: Option<String>,
    /// Anything else, in DocuSign's words: merged as it is into what DocuSign is sent.
    #[serde(default)]
    pub remote_data: Map<String, Value>,
}

/// One who is to take part.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewParticipant)]
#[serde(deny_unknown_fields)]
pub struct NewParticipant {
    /// Unique within the signing request; given by us where it is not told.
    pub id: Option<Plain>,
    /// Name; not for a group.
    pub name: Option<String>,
    /// The address, of which DocuSign takes one; not for a group.
    #[serde(default)]
    pub emails: Vec<NewEmail>,
    /// How this one takes part: `signer`, which is the default, `in_person_signer`, `carbon_copy`,
    /// `certified_delivery`, `agent`, `editor`, `intermediary`, …
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Routing order, from 1; equal ones act side by side. The template's, or 1, where it is not told.
    pub routing_order: Option<i64>,
    /// The role of the template that this one takes.
    pub role: Option<String>,
    /// The signing group that takes part.
    pub group: Option<Named>,
    /// Who hosts an in-person signing.
    pub host: Option<NewPerson>,
    /// The caller's own id of one who signs inside the caller's site: no e-mail is sent, and `get_embed_url` gives the
    /// address.
    pub client_user_id: Option<Plain>,
    /// What this one must enter to see it.
    #[schema(value_type = Option<String>)]
    pub access_code: Option<SecretString>,
}

/// A person by name and address.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewPerson)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Name.
    pub name: Option<String>,
    /// The address.
    #[serde(default)]
    pub emails: Vec<NewEmail>,
}

/// An e-mail address.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewEmail)]
#[serde(deny_unknown_fields)]
pub struct NewEmail {
    /// The address.
    pub email: String,
}

/// A document with its bytes.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewDocument)]
#[serde(deny_unknown_fields)]
pub struct NewDocument {
    /// Unique within the signing request; its place in the list, from 1, where it is not told.
    pub id: Option<Plain>,
    /// File name with its extension.
    #[schema(required)]
    pub name: Option<String>,
    /// Its bytes, in base64.
    #[schema(required)]
    pub content: Option<String>,
}

impl std::fmt::Debug for NewDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewDocument").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is filled into a field of the template; or a new field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewDocumentField)]
#[serde(deny_unknown_fields)]
pub struct NewField {
    /// Its label: that of a field of the template, where no `type` is told.
    pub label: Option<String>,
    /// What is filled in: text, a number, or true and false for a box to tick; for a choice, one of its values.
    pub value: Option<Plain>,
    /// Whose it is. It may be left out where one takes part alone; and of a template's field, which is then filled in for
    /// all who have one of that label.
    pub participant: Option<Whose>,
    /// Makes a new field: `signature`, `initials`, `full_name`, `signing_date`, `company_name`, `title`, `text`, `email`, or
    /// DocuSign's own word (`checkbox`, `date`, `number`, …).
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether the participant cannot change it.
    pub is_read_only: Option<bool>,
    /// Whether it must be filled in.
    pub is_required: Option<bool>,
    /// The document, and where in it, for a new field.
    pub document: Option<NewPlace>,
}

/// Whose a field is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedWhose)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    /// The participant's id.
    pub id: Option<Plain>,
    /// Or the role of the template.
    pub role: Option<String>,
}

/// A place in a document.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewPlace)]
#[serde(deny_unknown_fields)]
pub struct NewPlace {
    /// The document's id; 1 where it is not told.
    pub id: Option<Plain>,
    /// Page, from 1; the first where it is not told.
    pub page_number: Option<Plain>,
    /// Where on the page.
    pub position: Option<NewPosition>,
}

/// Where on a page, from its upper left corner, in DocuSign's units (72 to the inch).
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewPosition)]
#[serde(deny_unknown_fields)]
pub struct NewPosition {
    /// To the right.
    pub x: Option<Plain>,
    /// Downwards.
    pub y: Option<Plain>,
}

/// A custom field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedNewCustomField)]
#[serde(deny_unknown_fields)]
pub struct NewCustomField {
    /// Its name.
    #[schema(required)]
    pub name: Option<String>,
    /// Its value.
    #[schema(required)]
    pub value: Option<Plain>,
}

/// When those whose turn it is are reminded.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedReminders)]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    /// The first time after so many days.
    #[schema(required)]
    pub first_after_days: Option<u32>,
    /// Then each time after so many days; not again where it is not told.
    pub then_every_days: Option<u32>,
}

/// Another object by its id.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UnifiedNamed)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The id.
    pub id: Plain,
}

/// A scalar. Ids and values are told as text or as numbers.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[schema(as = UnifiedScalar)]
#[serde(untagged, expecting = "text, a number, true or false")]
pub enum Plain {
    /// Text.
    Text(String),
    /// A number.
    #[schema(value_type = f64)]
    Number(serde_json::Number),
    /// True or false.
    Flag(bool),
}

impl Plain {
    /// As text, without white space around it.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

/// A status by its word, or as objects tell it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = UnifiedStatusWord)]
#[serde(untagged, expecting = "a status such as \"sent\", or an object with its id")]
pub enum Word {
    /// The word.
    Text(String),
    /// An object that has it as its id.
    Object {
        /// The word.
        id: String,
    },
}

impl Word {
    /// The word in small letters.
    pub fn text(&self) -> String {
        let (Self::Text(word) | Self::Object { id: word }) = self;
        word.trim().to_ascii_lowercase()
    }
}

/// All that is wrong with what was told, each by its path (`participants[0].type`).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Faults {
    /// What must be told and was not.
    pub missing: Vec<String>,
    /// What cannot be, and what it must be.
    pub wrong: Vec<(String, String)>,
}

impl Faults {
    /// Something that must be told.
    pub fn miss(&mut self, path: impl Into<String>) {
        self.missing.push(path.into());
    }

    /// Something that cannot be.
    pub fn wrong(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.wrong.push((path.into(), why.into()));
    }

    /// `made` where nothing is wrong.
    ///
    /// # Errors
    /// The faults.
    pub fn or<T>(self, made: T) -> Result<T, Self> {
        if self.missing.is_empty() && self.wrong.is_empty() { Ok(made) } else { Err(self) }
    }
}

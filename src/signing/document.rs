//! The documents of a signing request, and the fields in them.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::participant::Contact;
use super::request::Url;

/// A document of a signing request. The unified model's status and times are not written: DocuSign tells none.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = UnifiedDocument)]
pub struct Document {
    /// Unique within the signing request.
    pub id: Option<String>,
    /// File name.
    pub name: Option<String>,
    /// The signing request.
    pub signing_request: Reference,
    /// Where its bytes can be had.
    pub urls: Vec<Url>,
    /// The sender.
    pub created_by: Option<Contact>,
    /// `content`, or `summary` for the certificate.
    pub scope: Option<String>,
}

/// A place in a document that a participant fills in or signs. What was entered is never part of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = UnifiedDocumentField)]
pub struct DocumentField {
    /// Its id; groups of radio buttons have none.
    pub id: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// `signature`, `initials`, `full_name`, `signing_date`, `company_name`, `title`, `text`, `email`, or
    /// DocuSign's own word for any other.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    /// Whether the participant cannot change it.
    pub is_read_only: Option<bool>,
    /// Whether it must be filled in.
    pub is_required: Option<bool>,
    /// The document, and where in it.
    pub document: Place,
    /// The signing request.
    pub signing_request: Reference,
    /// The participant whose it is.
    pub participant: Reference,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedPlace)]
pub struct Place {
    /// The document's id.
    pub id: Option<String>,
    /// Page, from 1, as text.
    pub page_number: Option<String>,
    /// Where on the page, in DocuSign's units (72 to the inch), as text.
    pub position: Position,
}

/// Where on a page, from its upper left corner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedPosition)]
pub struct Position {
    /// To the right.
    pub x: Option<String>,
    /// Downwards.
    pub y: Option<String>,
}

/// Another object by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedReference)]
pub struct Reference {
    /// The id.
    pub id: Option<String>,
}

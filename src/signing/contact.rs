//! The address book.

use serde::Serialize;
use utoipa::ToSchema;

use super::participant::Email;

/// A contact. The unified model's title, addresses, tags and times are not written: DocuSign tells none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedContact)]
pub struct Contact {
    /// Its id.
    pub id: Option<String>,
    /// The name but for its last word: DocuSign tells the whole one alone.
    pub first_name: Option<String>,
    /// The last word of a name of several.
    pub last_name: Option<String>,
    /// The whole name.
    pub name: Option<String>,
    /// For whom the contact works.
    pub account: Option<Organization>,
    /// E-mail addresses.
    pub email_addresses: Vec<Email>,
    /// Telephones.
    pub phone_numbers: Vec<Phone>,
}

/// For whom a contact works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedContactAccount)]
pub struct Organization {
    /// Its name.
    pub name: String,
}

/// A telephone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedContactPhone)]
pub struct Phone {
    /// Its number, as somebody wrote it.
    pub number: Option<String>,
    /// DocuSign's word: `work`, `mobile`, …
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

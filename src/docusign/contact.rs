//! A contact of the address book, as `GET /contacts` tells it.

use serde::Deserialize;

use super::tolerant::{List, Scalar, Texts};

/// A contact.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Contact {
    /// GUID.
    pub contact_id: Scalar,
    /// The whole name.
    pub name: Scalar,
    /// E-mail addresses.
    pub emails: Texts,
    /// For whom the contact works.
    pub organization: Scalar,
    /// Telephones.
    pub contact_phone_numbers: List<ContactPhoneNumber>,
}

/// A contact's telephone.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContactPhoneNumber {
    /// Its number, as somebody wrote it.
    pub phone_number: Scalar,
    /// `work`, `mobile`, …
    pub phone_type: Scalar,
}

//! A template, as `GET /templates` and `GET /templates/{id}` tell it.

use serde::Deserialize;

use super::envelope::EnvelopeDocument;
use super::recipient::Recipient;
use super::tolerant::{List, Lists, Scalar};

/// A template.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Template {
    /// GUID.
    pub template_id: Scalar,
    /// Its name.
    pub name: Scalar,
    /// What it is for.
    pub description: Scalar,
    /// When it was made.
    pub created: Scalar,
    /// When it was modified last.
    pub last_modified: Scalar,
    /// With `include=recipients`: its roles, by the names of their lists.
    pub recipients: Lists<Recipient>,
    /// With `include=documents`.
    pub documents: List<EnvelopeDocument>,
}

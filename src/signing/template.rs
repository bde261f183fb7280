//! What signing requests are made from.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A template. The unified model's type and locale are not written: DocuSign tells none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedTemplate)]
pub struct Template {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was modified last.
    pub updated_at: Option<Timestamp>,
}

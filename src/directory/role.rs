//! Roles: what users may do.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A role, at DocuSign a permission profile. The unified model's label, description, type, where it applies and when it was
/// made are not written: DocuSign tells none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedRole)]
pub struct Role {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// When it was modified last.
    pub updated_at: Option<Timestamp>,
}

//! Groups of users, as `GET /groups` tells them, and groups any member of which may sign (`GET /signing_groups`).

use serde::Deserialize;

use super::tolerant::Scalar;

/// A group of users.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Group {
    /// Numeric text.
    pub group_id: Scalar,
    /// Name.
    pub group_name: Scalar,
    /// When it was modified last.
    pub last_modified_on: Scalar,
}

/// A signing group.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SigningGroup {
    /// Numeric text, of another row than that of groups of users.
    pub signing_group_id: Scalar,
    /// Name.
    pub group_name: Scalar,
    /// When it was made.
    pub created: Scalar,
    /// When it was modified last.
    pub modified: Scalar,
}

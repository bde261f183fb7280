//! Groups of users, and groups any member of which may sign.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedGroup)]
pub struct Group {
    /// Its id, unique among the groups of its type.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Which it is.
    #[serde(rename = "type")]
    pub kind: GroupKind,
    /// When it was made; DocuSign tells it of signing groups alone.
    pub created_at: Option<Timestamp>,
    /// When it was modified last.
    pub updated_at: Option<Timestamp>,
}

/// Which sort of group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UnifiedGroupType)]
pub enum GroupKind {
    /// Users of the account.
    UserGroup,
    /// Anybody; each may sign for all.
    SigningGroup,
}

impl GroupKind {
    /// The sort of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "user_group" => Some(Self::UserGroup),
            "signing_group" => Some(Self::SigningGroup),
            _ => None,
        }
    }
}

//! The members of a group.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// A member of a group. The unified model's title, username, phones and roles are not written: DocuSign does not tell
/// them of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedUser)]
pub struct User {
    /// The user's id; the e-mail address of a member of a signing group, who need not be a user.
    pub id: Option<String>,
    /// The name but for its last word: DocuSign tells the whole one alone.
    pub first_name: Option<String>,
    /// The last word of a name of several.
    pub last_name: Option<String>,
    /// The whole name.
    pub name: Option<String>,
    /// E-mail addresses.
    pub emails: Vec<UserEmail>,
    /// `active`, `invited`, `inactive`, `deleted`, or DocuSign's own word for any other; null for members of signing
    /// groups.
    #[schema(value_type = Option<String>)]
    pub status: Option<Cow<'static, str>>,
}

/// An e-mail address of a user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedUserEmail)]
pub struct UserEmail {
    /// The address.
    pub email: String,
    /// Always true: a user has one.
    pub is_primary: bool,
}

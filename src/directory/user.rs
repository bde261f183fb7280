//! Users of an account: as they are told, and as they are asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A user. What DocuSign tells nothing of is not written: external id, other identifiers, whether the email is verified and
/// two factors are asked for, organizations, workspaces, avatar, bio and the last activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedDirectoryUser)]
pub struct User {
    /// Its id.
    pub id: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// The whole name.
    pub name: Option<String>,
    /// What the user logs in with: at DocuSign the email.
    pub username: Option<String>,
    /// What the user is called for the work.
    pub title: Option<String>,
    /// At most one at DocuSign.
    pub emails: Vec<Email>,
    /// Telephone numbers of the addresses.
    pub phones: Vec<Phone>,
    /// `active`, `inactive`, `invited` or `deleted`; DocuSign's own word where that is another one.
    pub status: Option<String>,
    /// At DocuSign the one permission profile.
    pub roles: Vec<Named>,
    /// Groups; null where the answer does not tell them.
    pub groups: Option<Vec<Named>>,
    /// The kind of license, under DocuSign's own word for it.
    pub licenses: Vec<Named>,
    /// DocuSign's own word: `CompanyUser`.
    pub user_type: Option<String>,
    /// Time zone, in DocuSign's own words; null in lists.
    pub timezone: Option<String>,
    /// Preferred languages; null in lists.
    pub languages: Option<Vec<String>>,
    /// When the user was made.
    pub created_at: Option<Timestamp>,
    /// When the profile was modified last.
    pub updated_at: Option<Timestamp>,
    /// When the user logged in last.
    pub last_login_at: Option<Timestamp>,
}

/// An email of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedDirectoryEmail)]
pub struct Email {
    /// The email.
    pub email: String,
    /// Whether it is the one to write to.
    pub is_primary: bool,
}

/// A telephone number of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedDirectoryPhone)]
pub struct Phone {
    /// The number as it was entered.
    pub number: String,
    /// `work` or `home`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// Something that a user has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UnifiedDirectoryNamed)]
pub struct Named {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// A user that is to be made. `emails` and a name are required; the user is invited by email.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedDirectoryUserCreate)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The whole name; made of the other two where it is not given.
    pub name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// What the user is called for the work.
    pub title: Option<String>,
    /// Exactly one.
    #[serde(default)]
    pub emails: Vec<EmailAsked>,
    /// At most one: a permission profile.
    #[serde(default)]
    pub roles: Vec<NamedAsked>,
    /// Groups that the user shall be in.
    #[serde(default)]
    pub groups: Vec<NamedAsked>,
    /// More fields of DocuSign's own, beside ours or in their place.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub remote_data: Map<String, Value>,
}

/// What shall be changed about a user; what is not given stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(as = UnifiedDirectoryUserUpdate)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// The whole name.
    pub name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// What the user is called for the work.
    pub title: Option<String>,
    /// Exactly one, where it is given.
    #[serde(default)]
    pub emails: Vec<EmailAsked>,
    /// At most one: a permission profile.
    #[serde(default)]
    pub roles: Vec<NamedAsked>,
    /// Opens a closed user again. Closing one is `delete`.
    pub status: Option<StatusAsked>,
    /// More fields of DocuSign's own, beside ours or in their place.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub remote_data: Map<String, Value>,
}

/// An email that is asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = UnifiedDirectoryEmailAsked)]
#[serde(deny_unknown_fields)]
pub struct EmailAsked {
    /// The email.
    pub email: String,
    /// Taken and passed over: DocuSign's users have one email.
    pub is_primary: Option<bool>,
    /// Taken and passed over, for the same reason.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// Something that a user shall have.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = UnifiedDirectoryNamedAsked)]
#[serde(deny_unknown_fields)]
pub struct NamedAsked {
    /// Its id.
    pub id: String,
    /// Taken and passed over: the id says it.
    pub name: Option<String>,
}

/// The status that a user can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = UnifiedDirectoryStatusAsked)]
#[serde(rename_all = "snake_case")]
pub enum StatusAsked {
    /// Works.
    Active,
}

/// Why a user that is asked for cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// These fields must be given.
    Missing(Vec<&'static str>),
    /// What is wrong.
    Wrong(&'static str),
}

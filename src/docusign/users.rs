//! Users of an account and their permission profiles, as `/users` and `/permission_profiles` tell them.

use serde::Deserialize;

use super::tolerant::{List, Object, Scalar};

/// A user. Its enums are written in capitals here (`Active`, `CompanyUser`), and in small letters by groups.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct User {
    /// GUID.
    pub user_id: Scalar,
    /// The whole name; users log in by their email.
    pub user_name: Scalar,
    /// The email.
    pub email: Scalar,
    /// First name.
    pub first_name: Scalar,
    /// Last name.
    pub last_name: Scalar,
    /// What the user is called for the work.
    pub job_title: Scalar,
    /// The older field for the same.
    pub title: Scalar,
    /// `Active`, `ActivationRequired`, `ActivationSent`, `Closed` or `Disabled`.
    pub user_status: Scalar,
    /// `CompanyUser`, for example.
    pub user_type: Scalar,
    /// The permission profile's number.
    pub permission_profile_id: Scalar,
    /// Its name.
    pub permission_profile_name: Scalar,
    /// The groups that the user is in; told with `additional_info`.
    pub group_list: Option<List<Group>>,
    /// The kind of license; told with `include_license`.
    pub license_type: Scalar,
    /// Where the user works; told with `additional_info`.
    pub work_address: Object<Address>,
    /// Where the user lives; told with `additional_info`.
    pub home_address: Object<Address>,
    /// Told of a single user.
    pub user_settings: Object<UserSettings>,
    /// When the user was made.
    pub created_date_time: Scalar,
    /// When the user was taken into the account.
    pub user_added_to_account_date_time: Scalar,
    /// When the profile was modified last.
    pub user_profile_last_modified_date: Scalar,
    /// When the user logged in last; the null date where never. Told with `additional_info`.
    pub last_login: Scalar,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Group {
    /// Its number.
    pub group_id: Scalar,
    /// Its name.
    pub group_name: Scalar,
}

/// An address, of which we read how to call there.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Address {
    /// Telephone number.
    pub phone: Scalar,
}

/// A user's settings.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct UserSettings {
    /// Language: `en`, `pt_BR`.
    pub locale: Scalar,
    /// Time zone, in words of DocuSign's own: `tz_01_afghanistan`.
    pub timezone_offset: Scalar,
}

/// What a user with it may do.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PermissionProfile {
    /// Its number.
    pub permission_profile_id: Scalar,
    /// Its name.
    pub permission_profile_name: Scalar,
    /// When it was modified last.
    pub modified_date_time: Scalar,
}

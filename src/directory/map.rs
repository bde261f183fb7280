//! Users and roles between DocuSign's words and ours.

use serde_json::{Map, Value, json};

use super::role::Role;
use super::user::{Email, EmailAsked, Named, NamedAsked, NewUser, Phone, Unfit, User, UserChange};
use crate::docusign::tolerant::Scalar;
use crate::docusign::users::{self, PermissionProfile};

/// DocuSign's statuses of users, and ours.
const STATUSES: [(&str, &str); 5] = [
    ("Active", "active"),
    ("ActivationRequired", "invited"),
    ("ActivationSent", "invited"),
    ("Closed", "deleted"),
    ("Disabled", "inactive"),
];

/// The statuses that lists of users can be filtered by.
pub const FILTERS: [&str; 4] = ["active", "inactive", "invited", "deleted"];

/// What DocuSign's lists take for one of ours; none where there is no such status.
pub fn docusign_statuses(ours: &str) -> Option<String> {
    let theirs: Vec<_> = STATUSES.iter().filter(|(_, own)| *own == ours).map(|(theirs, _)| *theirs).collect();
    (!theirs.is_empty()).then(|| theirs.join(","))
}

fn status(told: &Scalar) -> Option<String> {
    let told = told.text()?;
    let known = STATUSES.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(told));
    Some(known.map_or(told, |(_, ours)| ours).to_owned())
}

fn named(id: &Scalar, name: &Scalar) -> Option<Named> {
    let named = Named { id: id.owned(), name: name.owned() };
    (named.id.is_some() || named.name.is_some()).then_some(named)
}

/// The unified user.
pub fn user(told: &users::User) -> User {
    let addresses = [("work", &told.work_address), ("home", &told.home_address)];
    let phone = |(kind, address): (&'static str, &Option<users::Address>)| {
        Some(Phone { number: address.as_ref()?.phone.owned()?, kind })
    };
    let settings = told.user_settings.0.as_ref();
    let groups = told
        .group_list
        .as_ref()
        .map(|list| list.into_iter().filter_map(|group| named(&group.group_id, &group.group_name)).collect());
    User {
        id: told.user_id.owned(),
        first_name: told.first_name.owned(),
        last_name: told.last_name.owned(),
        name: told.user_name.owned(),
        username: told.email.owned(),
        title: told.job_title.owned().or_else(|| told.title.owned()),
        emails: told.email.owned().map(|email| Email { email, is_primary: true }).into_iter().collect(),
        phones: addresses.into_iter().filter_map(|(kind, address)| phone((kind, &address.0))).collect(),
        status: status(&told.user_status),
        roles: named(&told.permission_profile_id, &told.permission_profile_name).into_iter().collect(),
        groups,
        licenses: named(&told.license_type, &told.license_type).into_iter().collect(),
        user_type: told.user_type.owned(),
        timezone: settings.and_then(|settings| settings.timezone_offset.owned()),
        languages: settings.map(|settings| settings.locale.owned().into_iter().collect()),
        created_at: told.created_date_time.time().or_else(|| told.user_added_to_account_date_time.time()),
        updated_at: told.user_profile_last_modified_date.time(),
        last_login_at: told.last_login.time(),
    }
}

/// The unified role.
pub fn role(told: &PermissionProfile) -> Role {
    Role {
        id: told.permission_profile_id.owned(),
        name: told.permission_profile_name.owned(),
        updated_at: told.modified_date_time.time(),
    }
}

/// A new user as DocuSign takes it.
///
/// # Errors
/// [`Unfit`].
pub fn new_user(asked: &NewUser) -> Result<Map<String, Value>, Unfit> {
    let mut fields = Fields::default();
    let parts = [filled(asked.first_name.as_ref()), filled(asked.last_name.as_ref())];
    let whole = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    fields.put("userName", filled(asked.name.as_ref()).or(filled(Some(&whole))));
    fields.put("firstName", filled(asked.first_name.as_ref()));
    fields.put("lastName", filled(asked.last_name.as_ref()));
    fields.put("jobTitle", asked.title.as_deref());
    fields.email(&asked.emails)?;
    fields.role(&asked.roles)?;
    if !asked.groups.is_empty() {
        let groups = asked.groups.iter().map(|group| json!({ "groupId": group.id }));
        fields.0.insert("groupList".to_owned(), groups.collect());
    }
    let fields = fields.with(&asked.remote_data);
    let missing: Vec<_> = [("userName", "name"), ("email", "emails")]
        .into_iter()
        .filter(|(theirs, _)| fields.get(*theirs).and_then(Value::as_str).is_none_or(str::is_empty))
        .map(|(_, ours)| ours)
        .collect();
    if missing.is_empty() { Ok(fields) } else { Err(Unfit::Missing(missing)) }
}

/// What shall be changed about a user, as DocuSign takes it.
///
/// # Errors
/// [`Unfit`].
pub fn user_change(asked: &UserChange) -> Result<Map<String, Value>, Unfit> {
    let mut fields = Fields::default();
    fields.put("userName", filled(asked.name.as_ref()));
    fields.put("firstName", asked.first_name.as_deref());
    fields.put("lastName", asked.last_name.as_deref());
    fields.put("jobTitle", asked.title.as_deref());
    fields.put("userStatus", asked.status.map(|_| "Active"));
    fields.email(&asked.emails)?;
    fields.role(&asked.roles)?;
    let fields = fields.with(&asked.remote_data);
    if fields.is_empty() { Err(Unfit::Wrong("nothing is to be changed")) } else { Ok(fields) }
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// Fields of a user in DocuSign's words.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.0.insert(name.to_owned(), json!(text));
        }
    }

    fn email(&mut self, asked: &[EmailAsked]) -> Result<(), Unfit> {
        match asked {
            [] => {}
            [one] => self.put("email", filled(Some(&one.email))),
            _ => return Err(Unfit::Wrong("emails: DocuSign's users have one email")),
        }
        Ok(())
    }

    fn role(&mut self, asked: &[NamedAsked]) -> Result<(), Unfit> {
        match asked {
            [] => {}
            [one] => self.put("permissionProfileId", Some(&one.id)),
            _ => return Err(Unfit::Wrong("roles: DocuSign's users have one role")),
        }
        Ok(())
    }

    fn with(mut self, remote: &Map<String, Value>) -> Map<String, Value> {
        self.0.extend(remote.clone());
        self.0
    }
}

#[cfg(test)]
#[path = "tests/map.rs"]
mod tests;

//! From contacts, groups and their members in DocuSign's words to ours.

use std::borrow::Cow;

use super::contact::{Contact, Organization, Phone};
use super::group::{Group, GroupKind};
use super::participant::Email;
use super::user::{User, UserEmail};
use crate::docusign;

/// The unified contact.
pub fn contact(told: &docusign::Contact) -> Contact {
    let (first_name, last_name) = split(told.name.text());
    let phones = told.contact_phone_numbers.into_iter();
    Contact {
        id: told.contact_id.owned(),
        first_name,
        last_name,
        name: told.name.owned(),
        account: told.organization.owned().map(|name| Organization { name }),
        email_addresses: told.emails.0.iter().map(|email| Email { email: email.clone() }).collect(),
        phone_numbers: phones
            .filter(|phone| phone.phone_number.text().is_some())
            .map(|phone| Phone { number: phone.phone_number.owned(), kind: phone.phone_type.owned() })
            .collect(),
    }
}

/// The unified group that a group of users is.
pub fn user_group(told: &docusign::Group) -> Group {
    Group {
        id: told.group_id.owned(),
        name: told.group_name.owned(),
        kind: GroupKind::UserGroup,
        created_at: None,
        updated_at: told.last_modified_on.time(),
    }
}

/// The unified group that a signing group is.
pub fn signing_group(told: &docusign::SigningGroup) -> Group {
    Group {
        id: told.signing_group_id.owned(),
        name: told.group_name.owned(),
        kind: GroupKind::SigningGroup,
        created_at: told.created.time(),
        updated_at: told.modified.time(),
    }
}

/// The unified member of a group.
pub fn member(told: &docusign::UserInfo) -> User {
    let (first_name, last_name) = split(told.user_name.text());
    User {
        id: told.user_id.owned().or_else(|| told.email.owned()),
        first_name,
        last_name,
        name: told.user_name.owned(),
        emails: told.email.owned().map(|email| UserEmail { email, is_primary: true }).into_iter().collect(),
        status: told.user_status.text().map(status),
    }
}

/// Our word for where a user stands; groups tell it in lower case, other lists do not (rest.md §3).
fn status(word: &str) -> Cow<'static, str> {
    match word.to_ascii_lowercase().as_str() {
        "active" => "active".into(),
        "activationrequired" | "activationsent" => "invited".into(),
        "disabled" => "inactive".into(),
        "closed" => "deleted".into(),
        _ => word.to_owned().into(),
    }
}

/// A name but for its last word, and that; a name of one word is a first one.
fn split(name: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(name) = name else { return (None, None) };
    match name.rsplit_once(char::is_whitespace) {
        Some((first, last)) => (Some(first.trim_end().to_owned()), Some(last.to_owned())),
        None => (Some(name.to_owned()), None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn a_contact_has_its_name_in_parts_and_only_what_was_told() {
        let told = json!({
            "contactId": "c-1", "name": "Ada B.  Okafor", "emails": ["ada@example.com", "", null], "organization": "",
            "contactPhoneNumbers": [{"phoneNumber": "+1 555", "phoneType": "work"}, {"phoneNumber": ""}, {"phoneNumber": 7}],
            "isOwner": true, "shared": "True",
        });
        assert_eq!(
            json!(contact(&from_value(told).unwrap())),
            json!({
                "id": "c-1", "first_name": "Ada B.", "last_name": "Okafor", "name": "Ada B.  Okafor", "account": null,
                "email_addresses": [{"email": "ada@example.com"}],
                "phone_numbers": [{"number": "+1 555", "type": "work"}, {"number": "7", "type": null}],
            })
        );
        let bare = json!({"contactId": "c-2", "name": "Ada", "emails": {}, "contactPhoneNumbers": {}, "organization": "Ox"});
        let bare = json!(contact(&from_value(bare).unwrap()));
        assert_eq!((&bare["first_name"], &bare["last_name"]), (&json!("Ada"), &Value::Null));
        assert_eq!((&bare["account"]["name"], &bare["phone_numbers"]), (&json!("Ox"), &json!([])));
        assert_eq!(contact(&docusign::Contact::default()).first_name, None);
    }

    #[test]
    fn groups_tell_their_times_where_docusign_does() {
        let told =
            json!({"groupId": 1041, "groupName": "Sales", "lastModifiedOn": "2026-06-24T12:15:30.1530000Z"});
        assert_eq!(
            json!(user_group(&from_value(told).unwrap())),
            json!({
                "id": "1041", "name": "Sales", "type": "user_group", "created_at": null,
                "updated_at": "2026-06-24T12:15:30.153Z",
            })
        );
        let told = json!({
            "signingGroupId": "305", "groupName": "Board", "created": "6/24/2026 12:31:10 pm",
            "modified": "0001-01-01T08:00:00.0000000Z", "users": {},
        });
        assert_eq!(
            json!(signing_group(&from_value(told).unwrap())),
            json!({"id": "305", "name": "Board", "type": "signing_group", "created_at": null, "updated_at": null})
        );
    }

    #[test]
    fn members_stand_where_docusign_says_in_any_case() {
        for (told, want) in [
            (json!("Active"), json!("active")),
            (json!("active"), json!("active")),
            (json!("ActivationRequired"), json!("invited")),
            (json!("activationsent"), json!("invited")),
            (json!("Closed"), json!("deleted")),
            (json!("DISABLED"), json!("inactive")),
            (json!("SuspendedForNow"), json!("SuspendedForNow")),
            (json!(null), json!(null)),
        ] {
            let user = member(&from_value(json!({"userStatus": told})).unwrap());
            assert_eq!(json!(user)["status"], want, "{told}");
        }
    }

    #[test]
    fn a_member_who_is_no_user_is_known_by_the_address() {
        let told = json!({"userName": "Ada Okafor", "email": "ada@example.com"});
        assert_eq!(
            json!(member(&from_value(told).unwrap())),
            json!({
                "id": "ada@example.com", "first_name": "Ada", "last_name": "Okafor", "name": "Ada Okafor",
                "emails": [{"email": "ada@example.com", "is_primary": true}], "status": null,
            })
        );
    }
}

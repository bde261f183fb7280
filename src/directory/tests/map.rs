//! Users and roles as DocuSign was seen to write them.

use serde_json::json;

use super::*;
use crate::directory::user::StatusAsked;

fn mapped(told: &Value) -> Value {
    let told: users::User = serde_json::from_value(told.clone()).unwrap();
    serde_json::to_value(user(&told)).unwrap()
}

#[test]
fn a_user_is_told_in_our_words_with_nothing_where_docusign_writes_nothing() {
    let told = json!({
        "userId": "6b67a1ee-0000-0000-0000-385763624163", "userName": "Ada Quill", "email": "ada@example.com",
        "firstName": "Ada", "lastName": "Quill", "jobTitle": "", "title": "Counsel", "userStatus": "Active",
        "userType": "CompanyUser", "isAdmin": "True", "permissionProfileId": 21845101,
        "permissionProfileName": "DocuSign Administrator", "licenseType": "sender", "licenseStatus": "active",
        "groupList": [{"groupId": "1", "groupName": "Everyone"}, {"groupId": 2, "groupName": ""}, {}, "x"],
        "workAddress": {"phone": "+1 202 555 0100"}, "homeAddress": {"phone": ""},
        "userSettings": {"locale": "pt_BR", "timezoneOffset": "tz_31_eastern"},
        "createdDateTime": "2026-06-24T12:15:30.1530000Z", "lastLogin": "0001-01-01T08:00:00.0000000Z",
        "userProfileLastModifiedDate": "6/24/2026 12:31:10 pm",
    });
    let want = json!({
        "id": "6b67a1ee-0000-0000-0000-385763624163", "first_name": "Ada", "last_name": "Quill", "name": "Ada Quill",
        "username": "ada@example.com", "title": "Counsel",
        "emails": [{"email": "ada@example.com", "is_primary": true}],
        "phones": [{"number": "+1 202 555 0100", "type": "work"}], "status": "active",
        "roles": [{"id": "21845101", "name": "DocuSign Administrator"}],
        "groups": [{"id": "1", "name": "Everyone"}, {"id": "2", "name": null}],
        "licenses": [{"id": "sender", "name": "sender"}], "user_type": "CompanyUser", "timezone": "tz_31_eastern",
        "languages": ["pt_BR"], "created_at": "2026-06-24T12:15:30.153Z", "updated_at": null, "last_login_at": null,
    });
    assert_eq!(mapped(&told), want);
    let want = json!({
        "id": null, "first_name": null, "last_name": null, "name": null, "username": null, "title": null,
        "emails": [], "phones": [], "status": null, "roles": [], "groups": null, "licenses": [], "user_type": null,
        "timezone": null, "languages": null, "created_at": null, "updated_at": null, "last_login_at": null,
    });
    assert_eq!(mapped(&json!({})), want);
}

#[test]
fn groups_are_none_where_the_list_is_an_empty_object_and_unknown_where_it_is_missing() {
    assert_eq!(mapped(&json!({"groupList": {}}))["groups"], json!([]));
    assert_eq!(mapped(&json!({"groupList": []}))["groups"], json!([]));
    assert_eq!(mapped(&json!({"groupList": null}))["groups"], json!(null));
}

#[test]
fn statuses_are_read_in_any_case_and_those_we_do_not_know_stay_as_they_are() {
    for (told, want) in [
        ("Active", "active"),
        ("active", "active"),
        ("ActivationRequired", "invited"),
        ("activationsent", "invited"),
        ("CLOSED", "deleted"),
        ("Disabled", "inactive"),
        ("AwaitingApproval", "AwaitingApproval"),
    ] {
        assert_eq!(mapped(&json!({"userStatus": told}))["status"], want, "{told}");
    }
    for ours in FILTERS {
        let theirs = docusign_statuses(ours).unwrap();
        for one in theirs.split(',') {
            assert_eq!(mapped(&json!({"userStatus": one}))["status"], ours);
        }
    }
    assert_eq!((docusign_statuses("Active"), docusign_statuses("")), (None, None));
}

#[test]
fn where_a_user_has_no_time_of_its_own_the_time_in_the_account_stands_for_it() {
    let null_date = "0001-01-01T08:00:00.0000000Z";
    let told = json!({"createdDateTime": null_date, "userAddedToAccountDateTime": "2026-06-24T12:15:30Z"});
    assert_eq!(mapped(&told)["created_at"], "2026-06-24T12:15:30Z");
}

#[test]
fn a_role_is_told_in_our_words() {
    let told = json!({
        "permissionProfileId": "2301416", "permissionProfileName": "DS Sender", "settings": {},
        "modifiedDateTime": "2026-06-24T12:15:30.1530000Z",
    });
    let told: PermissionProfile = serde_json::from_value(told).unwrap();
    let want = json!({"id": "2301416", "name": "DS Sender", "updated_at": "2026-06-24T12:15:30.153Z"});
    assert_eq!(serde_json::to_value(role(&told)).unwrap(), want);
}

fn new(asked: &Value) -> Result<Value, Unfit> {
    let asked: NewUser = serde_json::from_value(asked.clone()).unwrap();
    new_user(&asked).map(Value::Object)
}

#[test]
fn a_new_user_is_asked_for_in_docusigns_words() {
    let asked = json!({
        "first_name": "Ada", "last_name": "Quill", "title": "Counsel",
        "emails": [{"email": " ada@example.com ", "type": "work", "is_primary": true}],
        "roles": [{"id": "7", "name": "Sender"}], "groups": [{"id": "1"}, {"id": "2"}],
        "remote_data": {"jobTitle": "Judge", "userSettings": {"locale": "fr"}},
    });
    let want = json!({
        "userName": "Ada Quill", "firstName": "Ada", "lastName": "Quill", "jobTitle": "Judge",
        "email": "ada@example.com", "permissionProfileId": "7", "groupList": [{"groupId": "1"}, {"groupId": "2"}],
        "userSettings": {"locale": "fr"},
    });
    assert_eq!(new(&asked).unwrap(), want);
    let own = json!({"remote_data": {"userName": "Ada", "email": "ada@example.com"}});
    assert_eq!(new(&own).unwrap(), own["remote_data"]);
}

#[test]
fn what_a_new_user_lacks_is_named_in_our_words() {
    assert_eq!(new(&json!({})), Err(Unfit::Missing(vec!["name", "emails"])));
    let blank = json!({"name": " ", "emails": [{"email": ""}]});
    assert_eq!(new(&blank), Err(Unfit::Missing(vec!["name", "emails"])));
    assert_eq!(new(&json!({"last_name": "Quill"})), Err(Unfit::Missing(vec!["emails"])));
    let two = json!({"name": "Ada", "emails": [{"email": "a@example.com"}, {"email": "b@example.com"}]});
    assert!(matches!(new(&two), Err(Unfit::Wrong(why)) if why.contains("one email")));
    let two = json!({"name": "Ada", "roles": [{"id": "1"}, {"id": "2"}]});
    assert!(matches!(new(&two), Err(Unfit::Wrong(why)) if why.contains("one role")));
    for unknown in [json!({"nam": "x"}), json!({"emails": [{"mail": "x"}]}), json!({"status": "active"})] {
        assert!(serde_json::from_value::<NewUser>(unknown.clone()).is_err(), "{unknown}");
    }
}

#[test]
fn a_change_says_what_is_given_and_nothing_else() {
    let change = |asked: Value| {
        let asked: UserChange = serde_json::from_value(asked).unwrap();
        user_change(&asked).map(Value::Object)
    };
    let want = json!({"jobTitle": "", "userStatus": "Active", "permissionProfileId": "7"});
    assert_eq!(change(json!({"title": "", "status": "active", "roles": [{"id": "7"}]})).unwrap(), want);
    assert_eq!(change(json!({"remote_data": {"company": "Q"}})).unwrap(), json!({"company": "Q"}));
    assert!(matches!(change(json!({})), Err(Unfit::Wrong(_))));
    let known: UserChange = serde_json::from_value(json!({"status": "active"})).unwrap();
    assert_eq!(known.status, Some(StatusAsked::Active));
    assert!(serde_json::from_value::<UserChange>(json!({"status": "deleted"})).is_err());
}

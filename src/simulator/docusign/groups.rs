//! Groups of users and signing groups, whose numbers are no GUIDs.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::simulator::estate::{Estate, Group, Member, SigningGroup};
use crate::simulator::life::Person;
use crate::simulator::shape::seven_digits;

use super::Shared;
use super::errors::{Answer, ApiError};
use super::page::{OTHERS, Query, given, page, says, unless_empty};

fn view(estate: &Estate, group: &Group, counted: bool) -> Value {
    let mut view = json!({
        "groupId": group.id.to_string(), "groupName": group.name, "groupType": group.kind,
        "lastModifiedOn": seven_digits(group.modified_at),
        // One of the few true booleans.
        "isManagedByScim": false,
    });
    if let Some(profile) = group.profile {
        view["permissionProfileId"] = json!(profile.to_string());
    }
    if counted {
        view["usersCount"] = json!(estate.users_of(group.id).count().to_string());
    }
    view
}

/// The groups of a user, as the user's own object tells them.
pub(super) fn groups_of(estate: &Estate, user: &Member) -> Vec<Value> {
    let mine = |group: &&Group| group.id == Estate::EVERYONE || user.groups.contains(&group.id);
    estate.groups.iter().filter(mine).map(|group| view(estate, group, false)).collect()
}

/// `GET …/groups`.
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let page = shared.with_estate(&path, |account, estate| {
        let text = given(&query, "search_text").map(str::to_lowercase);
        let kind = given(&query, "group_type");
        let wanted = |group: &&Group| {
            text.as_ref().is_none_or(|text| group.name.to_lowercase().contains(text))
                && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(group.kind))
        };
        let all: Vec<_> = estate.groups.iter().filter(wanted).collect();
        let counted = query.get("include_usercount").is_none_or(|word| word != "false");
        page((account, "/groups"), &query, OTHERS, ("groups", all), |group| view(estate, group, counted))
    })??;
    Ok(HttpResponse::Ok().json(page))
}

/// A user as groups tell one: in lower case, where `/users` writes capitals.
fn member(user: &Member) -> Value {
    let id = user.person.user_id;
    json!({
        "userId": id, "userName": user.person.name, "email": user.person.email, "userType": "companyuser",
        "userStatus": user.status.word().to_lowercase(), "uri": format!("/users/{id}"),
    })
}

/// `GET …/groups/{group}/users`.
pub(super) async fn users(
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let page = shared.with_estate(&path.0, |account, estate| {
        let group = estate.groups.iter().find(|group| group.id.to_string() == path.1);
        let group = group.ok_or_else(|| ApiError::bad("INVALID_GROUP_ID", "The group ID is not valid."))?;
        let under = format!("/groups/{}/users", group.id);
        let all = estate.users_of(group.id).collect();
        page((account, &under), &query, OTHERS, ("users", all), member)
    })??;
    Ok(HttpResponse::Ok().json(page))
}

fn signer(person: &Person) -> Value {
    json!({"userName": person.name, "email": person.email})
}

fn signers(group: &SigningGroup) -> Vec<Value> {
    group.people.iter().map(signer).collect()
}

fn signing_view(estate: &Estate, group: &SigningGroup, with_users: bool) -> Value {
    let owner = estate.users.first().map_or("", |owner| owner.person.name.as_str());
    let mut view = json!({
        "signingGroupId": group.id.to_string(), "groupName": group.name, "groupType": "sharedSigningGroup",
        "groupEmail": group.email, "created": seven_digits(group.created_at), "createdBy": owner,
        "modified": seven_digits(group.created_at), "modifiedBy": owner,
    });
    if with_users && !group.people.is_empty() {
        view["users"] = json!(signers(group));
    }
    view
}

/// `GET …/signing_groups`: all at once.
pub(super) async fn signing_groups(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let with_users = says(&query, "include_users");
    let groups = shared.with_estate(&path, |_, estate| {
        estate.signing_groups.iter().map(|group| signing_view(estate, group, with_users)).collect()
    })?;
    Ok(HttpResponse::Ok().json(unless_empty("groups", groups)))
}

/// `GET …/signing_groups/{group}/users`.
pub(super) async fn signing_users(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let users = shared.with_estate(&path.0, |_, estate| {
        let group = estate.signing_groups.iter().find(|group| group.id.to_string() == path.1);
        group.map(signers)
    })?;
    let users = users.ok_or_else(ApiError::no_such_signing_group)?;
    Ok(HttpResponse::Ok().json(unless_empty("users", users)))
}

//! Users made, changed and closed; what is wrong with one of them stands in its place in the answer.

use std::collections::HashSet;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::limits;
use crate::simulator::estate::{Estate, Member, MemberStatus};
use crate::simulator::life::Person;
use crate::simulator::shape::seven_digits;

use super::Shared;
use super::body::{items, object, text};
use super::errors::{Answer, ApiError};
use super::users::{Told, view};

const ALL: Told = Told { more: true, license: true };

/// What a body says of a user, checked against the account.
fn apply(estate: &Estate, user: &mut Member, asked: &Value) -> Result<(), ApiError> {
    let (first, last) = (text(asked, "firstName"), text(asked, "lastName"));
    if let Some(name) = text(asked, "userName") {
        user.person.name = name;
    } else if first.is_some() || last.is_some() {
        let name = user.person.name.clone();
        let (old_first, old_last) = name.split_once(' ').unwrap_or((name.as_str(), ""));
        let name =
            format!("{} {}", first.as_deref().unwrap_or(old_first), last.as_deref().unwrap_or(old_last));
        name.trim().clone_into(&mut user.person.name);
    }
    if let Some(email) = text(asked, "email") {
        if !email.contains('@') {
            return Err(ApiError::bad("INVALID_EMAIL_ADDRESS", "The email address is not valid."));
        }
        user.person.email = email;
    }
    if let Some(title) = text(asked, "jobTitle") {
        user.job_title = title;
    }
    if let Some(id) = text(asked, "permissionProfileId") {
        let known = estate.profiles.iter().find(|profile| profile.id.to_string() == id);
        user.profile = known.ok_or_else(ApiError::no_such_profile)?.id;
    } else if let Some(name) = text(asked, "permissionProfileName") {
        let known = estate.profiles.iter().find(|profile| profile.name == name);
        user.profile = known.ok_or_else(ApiError::no_such_profile)?.id;
    }
    if asked.get("groupList").is_some() {
        let groups =
            items(asked, &["groupList"]).iter().filter_map(|group| text(group, "groupId")?.parse().ok());
        let groups: Vec<u64> = groups.collect();
        if groups.iter().any(|id| !estate.groups.iter().any(|group| group.id == *id)) {
            return Err(ApiError::bad("INVALID_GROUP_ID", "The group ID is not valid."));
        }
        user.groups = groups.into_iter().filter(|id| *id != Estate::EVERYONE).collect();
    }
    if let Some(word) = text(asked, "userStatus") {
        let status = MemberStatus::ALL.into_iter().find(|status| status.word().eq_ignore_ascii_case(&word));
        user.status = status.ok_or_else(|| ApiError::invalid("'userStatus' is not valid."))?;
    }
    Ok(())
}

/// `POST …/users`: up to 500 at once.
pub(super) async fn create(
    path: web::Path<String>,
    request: HttpRequest,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    shared.only_administrators(&request, &path)?;
    let asked = object(&body)?;
    let new = items(&asked, &["newUsers"]);
    if new.is_empty() || new.len() > limits::SIMULATOR_NEW_USERS_MAX {
        return Err(ApiError::invalid(format!("From 1 to {} new users.", limits::SIMULATOR_NEW_USERS_MAX)));
    }
    let made: Vec<Value> = shared.change_estate(&path, |_, estate| {
        let made = new.iter().map(|asked| match invite(&shared, estate, asked) {
            Ok(user) => json!({
                "userId": user.person.user_id, "userName": user.person.name, "email": user.person.email,
                "userStatus": user.status.word(), "uri": format!("/users/{}", user.person.user_id),
                "createdDateTime": seven_digits(user.created_at), "apiPassword": "",
                "permissionProfileId": user.profile.to_string(),
                "permissionProfileName": estate.profile(user.profile).map_or("", |profile| &profile.name),
            }),
            Err(error) => json!({
                "userName": text(asked, "userName"), "email": text(asked, "email"), "errorDetails": error.details(),
            }),
        });
        made.collect()
    })?;
    Ok(HttpResponse::Created().json(json!({"newUsers": made})))
}

fn invite(shared: &Shared, estate: &mut Estate, asked: &Value) -> Result<Member, ApiError> {
    if estate.users.len() >= limits::SIMULATOR_ESTATE_MAX {
        return Err(ApiError::bad("MAX_USERS_EXCEEDED", "The account has as many users as it may have."));
    }
    let now = shared.clock.now();
    let person = Person { user_id: shared.dice.uuid(), name: String::new(), email: String::new() };
    let mut user = Member {
        person,
        status: MemberStatus::ActivationSent,
        profile: Estate::SENDER,
        groups: Vec::new(),
        job_title: String::new(),
        created_at: now,
        last_login: None,
    };
    apply(estate, &mut user, asked)?;
    if user.person.email.is_empty() || user.person.name.is_empty() {
        return Err(ApiError::invalid("A user's 'userName' and 'email' are required."));
    }
    let taken = |own: &Member| {
        own.status != MemberStatus::Closed
            && own.person.email.eq_ignore_ascii_case(&user.person.email)
            && own.person.name == user.person.name
    };
    if estate.users.iter().any(taken) {
        let message = "Username and email combination already exists for this account.";
        return Err(ApiError::bad("USER_ALREADY_EXISTS_IN_ACCOUNT", message));
    }
    estate.users.push(user.clone());
    Ok(user)
}

/// Changes the user of an id; another one stays as it is, and so does this one where anything is wrong.
fn change(estate: &mut Estate, id: &str, asked: &Value) -> Result<Value, ApiError> {
    let id: Uuid = id.parse().map_err(|_| ApiError::no_such_user())?;
    let mut changed = estate.user(id).cloned().ok_or_else(ApiError::no_such_user)?;
    apply(estate, &mut changed, asked)?;
    let told = view(estate, &changed, ALL);
    if let Some(user) = estate.users.iter_mut().find(|user| user.person.user_id == id) {
        *user = changed;
    }
    Ok(told)
}

/// `PUT …/users/{user}`. Users change themselves, and administrators everybody.
pub(super) async fn update(
    path: web::Path<(String, String)>,
    request: HttpRequest,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    shared.only_administrators(&request, &path.0)?;
    let asked = object(&body)?;
    let told = shared.change_estate(&path.0, |_, estate| change(estate, &path.1, &asked))??;
    Ok(HttpResponse::Ok().json(told))
}

/// `PUT …/users`: many at once.
pub(super) async fn update_many(
    path: web::Path<String>,
    request: HttpRequest,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    shared.only_administrators(&request, &path)?;
    let asked = object(&body)?;
    let told: Vec<Value> = shared.change_estate(&path, |_, estate| {
        let each = items(&asked, &["users"]).iter().map(|asked| {
            let id = text(asked, "userId").unwrap_or_default();
            change(estate, &id, asked)
                .unwrap_or_else(|error| json!({"userId": id, "errorDetails": error.details()}))
        });
        each.collect()
    })?;
    Ok(HttpResponse::Ok().json(json!({"users": told})))
}

/// `DELETE …/users`: closes users. They stay in lists, as closed ones.
pub(super) async fn close(
    path: web::Path<String>,
    request: HttpRequest,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    shared.only_administrators(&request, &path)?;
    let asked = object(&body)?;
    let told: Vec<Value> = shared.change_estate(&path, |_, estate| {
        let mut seen = HashSet::new();
        let ids = items(&asked, &["users"]).iter().map(|user| text(user, "userId").unwrap_or_default());
        let each = ids.filter(|id| seen.insert(id.clone())).map(|id| {
            let close = json!({"userStatus": MemberStatus::Closed.word()});
            match change(estate, &id, &close) {
                Ok(_) => json!({"userId": id, "userStatus": "closed", "uri": format!("/users/{id}")}),
                Err(error) => json!({"userId": id, "errorDetails": error.details()}),
            }
        });
        each.collect()
    })?;
    Ok(HttpResponse::Ok().json(json!({"users": told})))
}

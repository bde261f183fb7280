//! Users: lists and single ones, in capitals where groups write small letters, and with `"True"` for true.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::simulator::estate::{Estate, Member, MemberStatus};
use crate::simulator::shape::seven_digits;

use super::Shared;
use super::errors::{Answer, ApiError};
use super::groups::groups_of;
use super::page::{OTHERS, Query, given, page, says};

/// DocuSign's null date (rest.md §3).
const NEVER: &str = "0001-01-01T08:00:00.0000000Z";

fn flag(on: bool) -> &'static str {
    if on { "True" } else { "False" }
}

/// How much of a user is told.
#[derive(Clone, Copy)]
pub(super) struct Told {
    /// All that `additional_info` gives.
    pub(super) more: bool,
    /// What `include_license` gives.
    pub(super) license: bool,
}

/// A user.
pub(super) fn view(estate: &Estate, user: &Member, told: Told) -> Value {
    let person = &user.person;
    let (first, last) = person.name.split_once(' ').unwrap_or((person.name.as_str(), ""));
    let profile = estate.profile(user.profile);
    let administers = profile.is_some_and(|profile| profile.administers);
    let mut view = json!({
        "userId": person.user_id, "userName": person.name, "email": person.email, "firstName": first,
        "lastName": last, "userStatus": user.status.word(), "userType": "CompanyUser", "title": "",
        "jobTitle": user.job_title, "isAdmin": flag(administers), "uri": format!("/users/{}", person.user_id),
        "permissionProfileId": user.profile.to_string(),
        "permissionProfileName": profile.map_or("", |profile| profile.name.as_str()),
        "createdDateTime": seven_digits(user.created_at),
        "userAddedToAccountDateTime": seven_digits(user.created_at),
    });
    if told.more {
        let never = NEVER.to_owned();
        view["lastLogin"] = json!(user.last_login.map_or(never.clone(), seven_digits));
        view["passwordExpiration"] = json!(never);
        view["groupList"] = json!(groups_of(estate, user));
        view["company"] = json!("");
        view["sendActivationOnInvalidLogin"] = json!("false");
        view["enableConnectForUser"] = json!("false");
        view["isAlternateAdmin"] = json!(flag(false));
        let logged_in = user.last_login.is_some();
        view["loginStatus"] = json!(if logged_in { "logged_in" } else { "not_logged_in" });
    }
    if told.license {
        let active = user.status == MemberStatus::Active;
        view["licenseType"] =
            json!(if profile.is_some_and(|profile| profile.sends) { "sender" } else { "viewer" });
        view["licenseStatus"] = json!(if active { "active" } else { "inactive" });
    }
    view
}

/// Which users a list wants.
struct Wanted<'a> {
    statuses: Option<Vec<String>>,
    email: Option<String>,
    email_part: Option<String>,
    name_part: Option<String>,
    group: Option<&'a str>,
    not_group: Option<&'a str>,
    login: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn parse(query: &'a Query) -> Self {
        let lower = |name| given(query, name).map(str::to_lowercase);
        Self {
            statuses: lower("status")
                .map(|list| list.split(',').map(|word| word.trim().to_owned()).collect()),
            email: lower("email"),
            email_part: lower("email_substring"),
            name_part: lower("user_name_substring"),
            group: given(query, "group_id"),
            not_group: given(query, "not_group_id"),
            login: given(query, "login_status"),
        }
    }

    fn has(&self, user: &Member) -> bool {
        let (email, name) = (user.person.email.to_lowercase(), user.person.name.to_lowercase());
        let status = user.status.word().to_lowercase();
        let login = if user.last_login.is_some() { "logged_in" } else { "not_logged_in" };
        let within = |group: &str| {
            group == Estate::EVERYONE.to_string() || user.groups.iter().any(|own| own.to_string() == group)
        };
        self.statuses.as_ref().is_none_or(|list| list.contains(&status))
            && self.email.as_ref().is_none_or(|wanted| *wanted == email)
            && self.email_part.as_ref().is_none_or(|part| email.contains(part))
            && self.name_part.as_ref().is_none_or(|part| name.contains(part))
            && self.login.is_none_or(|wanted| wanted.eq_ignore_ascii_case(login))
            && self.group.is_none_or(within)
            && !self.not_group.is_some_and(within)
    }
}

/// `GET …/users`.
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let told = Told { more: says(&query, "additional_info"), license: says(&query, "include_license") };
    let wanted = Wanted::parse(&query);
    let page = shared.with_estate(&path, |account, estate| {
        let all = estate.users.iter().filter(|user| wanted.has(user)).collect();
        page((account, "/users"), &query, OTHERS, ("users", all), |user| view(estate, user, told))
    })??;
    Ok(HttpResponse::Ok().json(page))
}

/// `GET …/users/{user}`: all that is told of one.
pub(super) async fn get(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let told = Told { more: true, license: true };
    let user = shared.with_estate(&path.0, |_, estate| {
        let user = path.1.parse().ok().and_then(|id| estate.user(id));
        user.map(|user| view(estate, user, told))
    })?;
    Ok(HttpResponse::Ok().json(user.ok_or_else(ApiError::no_such_user)?))
}

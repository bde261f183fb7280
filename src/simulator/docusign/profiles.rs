//! Permission profiles, whose numbers are no GUIDs.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::simulator::estate::{Estate, MemberStatus, Profile};
use crate::simulator::shape::seven_digits;

use super::Shared;
use super::errors::{Answer, ApiError};
use super::page::{Query, given};

fn flag(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn view(estate: &Estate, profile: &Profile, query: &Query) -> Value {
    let include = given(query, "include").unwrap_or_default();
    let wanted = |word: &str| include.split(',').any(|own| own.trim() == word);
    let by = estate.users.first().map_or("", |owner| owner.person.name.as_str());
    let mut view = json!({
        "permissionProfileId": profile.id.to_string(), "permissionProfileName": profile.name,
        "modifiedDateTime": seven_digits(profile.modified_at), "modifiedByUsername": by,
        "settings": {
            "allowAccountManagement": flag(profile.administers), "allowApiAccess": flag(profile.sends),
            "allowEnvelopeSending": flag(profile.sends), "allowBulkSending": "false",
            "allowedTemplateAccess": if profile.sends { "share" } else { "none" },
        },
    });
    if wanted("user_count") {
        let closed = MemberStatus::Closed;
        let users = estate.users.iter().filter(|user| user.profile == profile.id && user.status != closed);
        view["userCount"] = json!(users.count().to_string());
    }
    view
}

/// `GET …/permission_profiles`: all at once.
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let profiles: Vec<Value> = shared.with_estate(&path, |_, estate| {
        estate.profiles.iter().map(|profile| view(estate, profile, &query)).collect()
    })?;
    Ok(HttpResponse::Ok().json(json!({"permissionProfiles": profiles})))
}

/// `GET …/permission_profiles/{profile}`.
pub(super) async fn get(
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let profile = shared.with_estate(&path.0, |_, estate| {
        let found = estate.profiles.iter().find(|profile| profile.id.to_string() == path.1);
        found.map(|profile| view(estate, profile, &query))
    })?;
    let profile = profile.ok_or_else(ApiError::no_such_profile)?;
    Ok(HttpResponse::Ok().json(profile))
}

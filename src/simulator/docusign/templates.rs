//! Templates over REST: lists, single ones with what they hold, and their roles.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulator::estate::{Estate, Template};
use crate::simulator::life::Envelope;
use crate::simulator::shape::{self, Times, seven_digits};

use super::envelopes::{account, date};
use super::errors::{Answer, ApiError};
use super::page::{ENVELOPES, Query, given, page, says};
use super::{Shared, lock};

/// The template of a path.
pub(super) fn found(shared: &Shared, of: &str, id: &str) -> Result<Template, ApiError> {
    let account = account(shared, of)?;
    named(shared, account, id)
}

/// The template of an id.
pub(super) fn named(shared: &Shared, account: Uuid, id: &str) -> Result<Template, ApiError> {
    let id: Uuid = id.parse().map_err(|_| ApiError::no_such_template())?;
    let world = lock(&shared.world);
    let estate = world.estate(account).ok_or_else(ApiError::no_such_account)?;
    let found = estate.templates.iter().find(|template| template.draft.id == id);
    found.cloned().ok_or_else(ApiError::no_such_template)
}

/// What of a template is told beside itself.
#[derive(Clone, Copy, Default)]
struct Include {
    documents: bool,
    recipients: bool,
    tabs: bool,
    custom_fields: bool,
}

impl Include {
    fn parse(list: &str) -> Self {
        let has = |word: &str| list.split(',').any(|own| own.trim() == word);
        let tabs = has("tabs");
        Self {
            documents: has("documents"),
            recipients: tabs || has("recipients"),
            tabs,
            custom_fields: has("custom_fields"),
        }
    }
}

fn view(estate: &Estate, template: &Template, include: Include) -> Value {
    let draft: &Envelope = &template.draft;
    let sender = &draft.account.sender;
    let owner = json!({"userId": sender.user_id, "userName": sender.name, "email": sender.email});
    let folder = estate.folders.iter().find(|folder| folder.id == template.folder);
    let mut view = json!({
        "templateId": draft.id, "uri": format!("/templates/{}", draft.id), "name": template.name,
        "description": template.description, "created": seven_digits(draft.created_at),
        "lastModified": seven_digits(draft.modified_at), "lastModifiedBy": owner, "owner": owner,
        "shared": if template.shared { "true" } else { "false" }, "passwordProtected": "false",
        "pageCount": draft.documents.len().to_string(), "folderId": template.folder,
        "folderName": folder.map_or("", |folder| folder.name.as_str()), "folderIds": [template.folder],
        "emailSubject": draft.subject, "emailBlurb": draft.blurb, "autoMatch": "true", "favoritedByMe": "false",
        "signingLocation": "online", "authoritativeCopy": "false", "enableWetSign": "true", "allowMarkup": "false",
        "allowReassign": "true",
    });
    if let Some(used_at) = template.used_at {
        view["lastUsed"] = json!(seven_digits(used_at));
    }
    if include.documents {
        let document = |(order, document): (usize, &crate::simulator::life::Document)| {
            json!({
                "documentId": document.id, "name": document.name, "order": (order + 1).to_string(), "pages": "1",
                "uri": format!("/templates/{}/documents/{}", draft.id, document.id), "display": "inline",
                "includeInDownload": "true", "signerMustAcknowledge": "no_interaction",
                "templateLocked": "false", "templateRequired": "false",
            })
        };
        view["documents"] = draft.documents.iter().enumerate().map(document).collect();
    }
    if include.recipients {
        view["recipients"] = json!(shape::recipients(draft, include.tabs, Times::SevenDigits));
    }
    if include.custom_fields {
        view["customFields"] = json!({"textCustomFields": [], "listCustomFields": []});
    }
    view
}

/// `GET …/templates`.
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let include = Include::parse(given(&query, "include").unwrap_or_default());
    let since = |name: &str| given(&query, name).map(|text| date(name, text)).transpose();
    let (from, to) = (since("modified_from_date")?, since("modified_to_date")?);
    let text = given(&query, "search_text").map(str::to_lowercase);
    let folders: Option<Vec<&str>> =
        given(&query, "folder_ids").map(|list| list.split(',').map(str::trim).collect());
    let wanted = |template: &&Template| {
        let named = |text: &String| {
            [&template.name, &template.description].iter().any(|own| own.to_lowercase().contains(text))
        };
        let folder = template.folder.to_string();
        text.as_ref().is_none_or(named)
            && folders.as_ref().is_none_or(|list| list.contains(&folder.as_str()))
            && from.is_none_or(|from| template.draft.modified_at >= from)
            && to.is_none_or(|to| template.draft.modified_at <= to)
            && (!says(&query, "shared_by_me") || template.shared)
    };
    let page = shared.with_estate(&path, |account, estate| {
        let mut all: Vec<_> = estate.templates.iter().filter(wanted).collect();
        sort(&mut all, &query);
        page((account, "/templates"), &query, ENVELOPES, ("envelopeTemplates", all), |one| {
            view(estate, one, include)
        })
    })??;
    Ok(HttpResponse::Ok().json(page))
}

fn sort(templates: &mut [&Template], query: &HashMap<String, String>) {
    let by = given(query, "order_by").unwrap_or("name");
    match by {
        "modified" => templates.sort_by_key(|one| (one.draft.modified_at, one.draft.id)),
        "used" => templates.sort_by_key(|one| (one.used_at, one.draft.id)),
        _ => templates.sort_by(|a, b| (&a.name, a.draft.id).cmp(&(&b.name, b.draft.id))),
    }
    let order = given(query, "order").unwrap_or(if by == "name" { "asc" } else { "desc" });
    if order == "desc" {
        templates.reverse();
    }
}

/// `GET …/templates/{template}`. Where nobody says what to include, everything is.
pub(super) async fn get(
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let template = found(&shared, &path.0, &path.1)?;
    let include =
        Include::parse(given(&query, "include").unwrap_or("documents,recipients,tabs,custom_fields"));
    let view = shared.with_estate(&path.0, |_, estate| view(estate, &template, include))?;
    Ok(HttpResponse::Ok().json(view))
}

/// `GET …/templates/{template}/recipients`.
pub(super) async fn recipients(
    path: web::Path<(String, String)>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let template = found(&shared, &path.0, &path.1)?;
    let tabs = says(&query, "include_tabs");
    Ok(HttpResponse::Ok().json(shape::recipients(&template.draft, tabs, Times::SevenDigits)))
}

/// `GET …/templates/{template}/documents`.
pub(super) async fn documents(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let template = found(&shared, &path.0, &path.1)?;
    let include = Include { documents: true, ..Include::default() };
    let view = shared.with_estate(&path.0, |_, estate| view(estate, &template, include))?;
    Ok(HttpResponse::Ok()
        .json(json!({"templateId": template.draft.id, "templateDocuments": view["documents"]})))
}

//! The address book: contacts, read only.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::simulator::estate::{Contact, Estate};

use super::Shared;
use super::errors::{Answer, ApiError};
use super::page::{OTHERS, Query, page};

fn view(contact: &Contact) -> Value {
    let phones = contact.phones.iter();
    let phones: Vec<Value> =
        phones.map(|(number, kind)| json!({"phoneNumber": number, "phoneType": kind})).collect();
    json!({
        "contactId": contact.id, "contactUri": format!("/contacts/{}", contact.id), "name": contact.person.name,
        "emails": [contact.person.email], "organization": contact.organization, "contactPhoneNumbers": phones,
        "shared": if contact.shared { "true" } else { "false" }, "signingGroup": "", "signingGroupName": "",
        "cloudProvider": "docusignCore",
        // One of the few true booleans.
        "isOwner": true,
    })
}

/// Contacts that come from a provider asked for: those here are DocuSign's own.
fn is_wanted(query: &Query) -> bool {
    query.get("cloud_provider").is_none_or(|provider| provider.eq_ignore_ascii_case("docusignCore"))
}

/// `GET …/contacts`.
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let page = shared.with_estate(&path, |account, estate| {
        let all: Vec<&Contact> = estate.contacts.iter().filter(|_| is_wanted(&query)).collect();
        page((account, "/contacts"), &query, OTHERS, ("contacts", all), view)
    })??;
    Ok(HttpResponse::Ok().json(page))
}

/// `GET …/contacts/{contact}`: a list of one.
pub(super) async fn get(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let find = |estate: &Estate| {
        let found = estate.contacts.iter().find(|contact| contact.id.to_string() == path.1);
        found.map(view)
    };
    let found = shared.with_estate(&path.0, |_, estate| find(estate))?;
    let found = found.ok_or_else(|| ApiError::bad("CONTACT_NOT_FOUND", "The contact was not found."))?;
    Ok(HttpResponse::Ok().json(json!({
        "contacts": [found], "resultSetSize": "1", "startPosition": "0", "endPosition": "0", "totalSetSize": "1",
    })))
}

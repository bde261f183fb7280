//! Templates over REST: each account has the same two, and an envelope made from one has its document, its subject and
//! the texts of its roles, filled in where the sender does so.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulator::life::{Envelope, Role, TextTab};
use crate::simulator::shape::seven_digits;

use super::Shared;
use super::changes::{add_recipient, items, text};
use super::envelopes::account;
use super::errors::{Answer, ApiError};

/// A template: its mark in its id, its name, and its one role's texts.
struct Template(u128, &'static str, &'static [&'static str]);

/// The templates of every account.
const TEMPLATES: [Template; 2] =
    [Template(0x1ea5e, "Lease", &["Rent", "Address"]), Template(0x0ffe7, "Offer", &["Price"])];
/// The role that each of them has.
const ROLE: &str = "Tenant";

impl Template {
    /// Its id: always the same one in an account.
    fn id(&self, account: Uuid) -> Uuid {
        Uuid::from_u128(account.as_u128() ^ (self.0 << 64))
    }

    fn view(&self, account: Uuid, created: &str, whole: bool) -> Value {
        let id = self.id(account);
        let mut view = json!({
            "templateId": id, "uri": format!("/templates/{id}"), "name": self.1, "description": "",
            "created": created, "lastModified": created, "shared": "false", "pageCount": "1",
            "emailSubject": format!("{} to sign", self.1), "emailBlurb": "",
        });
        if whole {
            let texts: Vec<_> = self
                .2
                .iter()
                .map(|label| json!({"tabLabel": label, "value": "", "tabType": "text"}))
                .collect();
            view["documents"] = json!([{"documentId": "1", "name": self.file(), "order": "1"}]);
            view["recipients"] = json!({"signers": [
                {"recipientId": "1", "roleName": ROLE, "routingOrder": "1", "tabs": {"textTabs": texts}},
            ]});
        }
        view
    }

    fn file(&self) -> String {
        format!("{}.pdf", self.1)
    }
}

/// `GET …/templates`.
pub(super) async fn list(
    path: web::Path<String>,
    query: web::Query<HashMap<String, String>>,
    shared: web::Data<Shared>,
) -> Answer {
    let account = account(&shared, &path)?;
    let wanted = query.get("search_text").map_or_else(String::new, |text| text.to_lowercase());
    let found = TEMPLATES.iter().filter(|template| template.1.to_lowercase().contains(&wanted));
    let created = seven_digits(shared.clock.now());
    let found: Vec<_> = found.map(|template| template.view(account, &created, false)).collect();
    Ok(HttpResponse::Ok().json(json!({
        "resultSetSize": found.len().to_string(), "startPosition": "0",
        "endPosition": found.len().saturating_sub(1).to_string(), "totalSetSize": found.len().to_string(),
        "envelopeTemplates": found,
    })))
}

/// `GET …/templates/{template}`.
pub(super) async fn get(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let account = account(&shared, &path.0)?;
    let template = named(account, &path.1)?;
    Ok(HttpResponse::Ok().json(template.view(account, &seven_digits(shared.clock.now()), true)))
}

fn named(account: Uuid, id: &str) -> Result<&'static Template, ApiError> {
    let id: Uuid = id.parse().map_err(|_| ApiError::no_such_template())?;
    TEMPLATES.iter().find(|template| template.id(account) == id).ok_or_else(ApiError::no_such_template)
}

/// Puts a template's document, subject and roles into a draft. A label that the template does not have is passed over,
/// as DocuSign does.
pub(super) fn fill_in(
    shared: &Shared,
    envelope: &mut Envelope,
    id: &str,
    asked: &Value,
) -> Result<(), ApiError> {
    let template = named(envelope.account.id, id)?;
    envelope.add_document(template.file(), &shared.dice);
    if envelope.subject.is_empty() {
        envelope.subject = format!("{} to sign", template.1);
    }
    for role in items(asked, &["templateRoles"]) {
        add_recipient(shared, envelope, role, Role::Signer)?;
        let Some(added) = envelope.recipients.last_mut() else { continue };
        let given = std::mem::take(&mut added.texts);
        if text(role, "roleName").as_deref() == Some(ROLE) {
            added.texts = template
                .2
                .iter()
                .map(|label| {
                    let value = given.iter().find(|tab| tab.label == *label).map(|tab| tab.value.clone());
                    TextTab { label: (*label).to_owned(), value: value.unwrap_or_default() }
                })
                .collect();
        }
    }
    Ok(())
}

//! Tabs over REST: those of a recipient and of a document, made, changed and removed while the envelope is a draft or
//! under way; and what was entered into them.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::base::Dice;
use crate::simulator::life::{Envelope, Recipient, Tab, TabKind};
use crate::simulator::shape::{self, radio_id, seven_digits};

use super::Shared;
use super::body::{items, object, scalar, text};
use super::envelopes::found;
use super::errors::{Answer, ApiError};
use super::page::Query;
use super::templates;

/// What a sender may tell of a tab beside its label, its value and its document.
const TRAITS: &[&str] = &[
    "anchorIgnoreIfNotPresent",
    "anchorString",
    "anchorUnits",
    "anchorXOffset",
    "anchorYOffset",
    "bold",
    "font",
    "fontColor",
    "fontSize",
    "height",
    "listSelectedValue",
    "locked",
    "maxLength",
    "name",
    "optional",
    "pageNumber",
    "required",
    "scaleValue",
    "selected",
    "shared",
    "tabOrder",
    "text",
    "tooltip",
    "validationMessage",
    "validationPattern",
    "width",
    "xPosition",
    "yPosition",
];

type Path = web::Path<(String, String, String)>;

/// `GET …/envelopes/{envelope}/recipients/{recipient}/tabs`.
pub(super) async fn of_recipient(path: Path, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    Ok(HttpResponse::Ok().json(told_of_recipient(&envelope, &path.2)?))
}

/// `GET …/templates/{template}/recipients/{recipient}/tabs`.
pub(super) async fn of_role(path: Path, shared: web::Data<Shared>) -> Answer {
    let draft = templates::found(&shared, &path.0, &path.1)?.draft;
    Ok(HttpResponse::Ok().json(told_of_recipient(&draft, &path.2)?))
}

fn told_of_recipient(envelope: &Envelope, recipient: &str) -> Result<Value, ApiError> {
    let recipient = envelope.recipients.iter().find(|own| own.id == recipient);
    let recipient = recipient.ok_or_else(ApiError::no_such_recipient)?;
    Ok(shape::tabs_of(envelope, recipient, |_| true))
}

/// `GET …/envelopes/{envelope}/documents/{document}/tabs`.
pub(super) async fn of_document(path: Path, query: web::Query<Query>, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    Ok(HttpResponse::Ok().json(told_of_document(&envelope, &path.2, &query)?))
}

/// `GET …/templates/{template}/documents/{document}/tabs`.
pub(super) async fn of_draft(path: Path, query: web::Query<Query>, shared: web::Data<Shared>) -> Answer {
    let draft = templates::found(&shared, &path.0, &path.1)?.draft;
    Ok(HttpResponse::Ok().json(told_of_document(&draft, &path.2, &query)?))
}

fn told_of_document(envelope: &Envelope, document: &str, query: &Query) -> Result<Value, ApiError> {
    if !envelope.documents.iter().any(|own| own.id == document) {
        return Err(ApiError::no_such_document());
    }
    let pages = query.get("page_numbers").filter(|list| !list.is_empty());
    let on_page = |tab: &Tab| {
        let page = tab.traits.get("pageNumber").and_then(Value::as_str).unwrap_or("1");
        pages.is_none_or(|list| list.split(',').any(|own| own.trim() == page))
    };
    Ok(shape::tabs_of_all(envelope, |tab| tab.document_id == document && on_page(tab)))
}

/// The tabs that a sender's object of lists tells.
pub(super) fn read(asked: &Value, envelope: &Envelope, dice: &Dice) -> Result<Vec<Tab>, ApiError> {
    let mut tabs = Vec::new();
    for kind in TabKind::ALL {
        for asked in items(asked, &[kind.list]) {
            tabs.push(one(*kind, asked, envelope, dice)?);
        }
    }
    Ok(tabs)
}

fn one(kind: TabKind, asked: &Value, envelope: &Envelope, dice: &Dice) -> Result<Tab, ApiError> {
    let first = || envelope.documents.first().map(|document| document.id.clone());
    let document_id = text(asked, "documentId").or_else(first).unwrap_or_else(|| "1".to_owned());
    if !envelope.documents.iter().any(|document| document.id == document_id) {
        let message =
            "The DocumentId specified in the tab element does not refer to a document in this envelope.";
        return Err(ApiError::bad("TAB_REFERS_TO_MISSING_DOCUMENT", message));
    }
    let id = dice.uuid();
    let mut tab = Tab { id, kind, label: String::new(), document_id, value: None, traits: Map::new() };
    let group = kind == TabKind::RADIO_GROUP;
    let label = text(asked, if group { "groupName" } else { "tabLabel" });
    tab.label = label.unwrap_or_else(|| format!("{} {id}", kind.word));
    if !group {
        tab.traits.insert("pageNumber".to_owned(), json!("1"));
        tab.traits.extend([("xPosition".to_owned(), json!("0")), ("yPosition".to_owned(), json!("0"))]);
    }
    change(&mut tab, asked);
    Ok(tab)
}

/// Lets a tab be as it is told to be, in what is told.
fn change(tab: &mut Tab, asked: &Value) {
    for name in TRAITS {
        if let Some(told) = text(asked, name) {
            tab.traits.insert((*name).to_owned(), json!(told));
        }
    }
    if asked.get("radios").is_some() {
        let radios = items(asked, &["radios"]).iter().enumerate().map(|(place, radio)| {
            let mut told = flat(radio);
            told.insert("tabId".to_owned(), json!(radio_id(tab.id, place)));
            Value::Object(told)
        });
        tab.traits.insert("radios".to_owned(), radios.collect());
    }
    if asked.get("listItems").is_some() {
        let choices = items(asked, &["listItems"]).iter().map(|item| Value::Object(flat(item)));
        tab.traits.insert("listItems".to_owned(), choices.collect());
    }
    if let Some(value) = text(asked, "value") {
        tab.value = Some(value);
    } else if tab.value.is_none() && !tab.kind.is_written_by_docusign() && tab.kind != TabKind::CHECKBOX {
        tab.value = Some(String::new());
    }
}

/// The scalars of an object, as texts.
fn flat(asked: &Value) -> Map<String, Value> {
    let known = |name: &str| TRAITS.contains(&name) || name == "value";
    let fields = asked.as_object().into_iter().flatten();
    let texts = fields.filter(|(name, _)| known(name)).filter_map(|(name, told)| Some((name, scalar(told)?)));
    texts.map(|(name, told)| (name.clone(), Value::String(told))).collect()
}

/// Fills a template's tabs in by what a sender gives for them. Labels that the template does not have are passed over
/// without a word, as DocuSign does, and so is what DocuSign itself writes in.
pub(super) fn prefill(tabs: &mut [Tab], asked: &Value) {
    for kind in TabKind::ALL.iter().filter(|kind| !kind.is_written_by_docusign()) {
        let name = if *kind == TabKind::RADIO_GROUP { "groupName" } else { "tabLabel" };
        for asked in items(asked, &[kind.list]) {
            let label = text(asked, name).unwrap_or_default();
            let meant = |tab: &&mut Tab| tab.kind == *kind && tab.label.eq_ignore_ascii_case(&label);
            for tab in tabs.iter_mut().filter(meant) {
                fill(tab, asked);
            }
        }
    }
}

fn fill(tab: &mut Tab, asked: &Value) {
    if let Some(value) = text(asked, "value").or_else(|| text(asked, "listSelectedValue")) {
        choose(tab, "listItems", &value);
        tab.value = Some(value);
    }
    if let Some(selected) = text(asked, "selected") {
        tab.traits.insert("selected".to_owned(), json!(selected));
    }
    for radio in
        items(asked, &["radios"]).iter().filter(|radio| text(radio, "selected").as_deref() == Some("true"))
    {
        let value = text(radio, "value").unwrap_or_default();
        choose(tab, "radios", &value);
        tab.value = Some(value);
    }
    for name in ["locked", "required"] {
        if let Some(told) = text(asked, name) {
            tab.traits.insert(name.to_owned(), json!(told));
        }
    }
}

/// Selects one of a tab's choices, and no other.
fn choose(tab: &mut Tab, list: &str, value: &str) {
    let choices = tab.traits.get_mut(list).and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten() {
        let meant = choice.get("value").and_then(Value::as_str) == Some(value);
        choice["selected"] = json!(if meant { "true" } else { "false" });
    }
}

/// `GET …/envelopes/{envelope}/form_data`. Its times are written in capitals.
pub(super) async fn form_data(path: web::Path<(String, String)>, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    let of = |recipient: &Recipient| -> Vec<Value> {
        let told = recipient.tabs.iter().filter(|tab| holds_data(tab.kind));
        told.map(|tab| data(&envelope, recipient, tab)).collect()
    };
    let all: Vec<Value> = envelope.recipients.iter().flat_map(of).collect();
    let each: Vec<Value> = envelope
        .recipients
        .iter()
        .map(|recipient| {
            let mut told = json!({
                "name": recipient.person.name, "email": recipient.person.email, "recipientId": recipient.id,
                "formData": of(recipient),
            });
            let times = [
                ("SentTime", recipient.sent_at),
                ("DeliveredTime", recipient.delivered_at),
                ("SignedTime", recipient.signed_at),
                ("DeclinedTime", recipient.declined_at),
            ];
            for (name, at) in times {
                told[name] = json!(at.map_or_else(String::new, seven_digits));
            }
            told
        })
        .collect();
    let sender = &envelope.account.sender;
    Ok(HttpResponse::Ok().json(json!({
        "envelopeId": envelope.id, "emailSubject": envelope.subject, "status": envelope.status.word(),
        "sentDateTime": envelope.initial_sent_at.map_or_else(String::new, seven_digits), "formData": all,
        "prefillFormData": {
            "senderUserId": sender.user_id, "senderName": sender.name, "senderEmail": sender.email, "formData": [],
        },
        "recipientFormData": each,
    })))
}

fn holds_data(kind: TabKind) -> bool {
    let marks =
        [TabKind::SIGN_HERE, TabKind::INITIAL_HERE, TabKind::APPROVE, TabKind::DECLINE, TabKind::VIEW];
    kind != TabKind::NOTE && !marks.contains(&kind)
}

fn data(envelope: &Envelope, recipient: &Recipient, tab: &Tab) -> Value {
    let value = if tab.kind == TabKind::CHECKBOX {
        let selected = tab.traits.get("selected").and_then(Value::as_str) == Some("true");
        if selected { "X".to_owned() } else { String::new() }
    } else {
        shape::value(envelope, recipient, tab).unwrap_or_default()
    };
    let mut data = json!({"name": tab.label, "value": value, "originalValue": value});
    if tab.kind == TabKind::LIST {
        data["listSelectedValue"] = json!(value);
    }
    data
}

#[derive(Clone, Copy, PartialEq)]
enum Change {
    Add,
    Alter,
    Remove,
}

/// `POST …/recipients/{recipient}/tabs`.
pub(super) async fn add(path: Path, body: Bytes, shared: web::Data<Shared>) -> Answer {
    alter_tabs(&shared, &path, &body, Change::Add)
}

/// `PUT …/recipients/{recipient}/tabs`.
pub(super) async fn alter(path: Path, body: Bytes, shared: web::Data<Shared>) -> Answer {
    alter_tabs(&shared, &path, &body, Change::Alter)
}

/// `DELETE …/recipients/{recipient}/tabs`.
pub(super) async fn remove(path: Path, body: Bytes, shared: web::Data<Shared>) -> Answer {
    alter_tabs(&shared, &path, &body, Change::Remove)
}

/// Does to each tab of a body what the call is for. What is wrong with one stands in its place in the answer.
fn alter_tabs(shared: &Shared, path: &(String, String, String), body: &[u8], what: Change) -> Answer {
    let (_, envelope) = found(shared, &path.0, &path.1)?;
    let asked = object(body)?;
    if envelope.is_over() {
        return Err(ApiError::invalid_status("The envelope's tabs cannot be changed any more."));
    }
    let mut envelope = Arc::unwrap_or_clone(envelope);
    let who = envelope.recipients.iter().position(|own| own.id == path.2);
    let who = who.ok_or_else(ApiError::no_such_recipient)?;
    let mut lists = Map::new();
    for kind in TabKind::ALL {
        let told: Vec<Value> = items(&asked, &[kind.list])
            .iter()
            .map(|asked| match apply(&mut envelope, who, *kind, asked, what, &shared.dice) {
                Ok(tab) => shape::tab(&envelope, &envelope.recipients[who], &tab),
                Err(error) => {
                    let mut told = json!({"errorDetails": error.details()});
                    if let Some(id) = text(asked, "tabId") {
                        told["tabId"] = json!(id);
                    }
                    told
                }
            })
            .collect();
        if !told.is_empty() {
            lists.insert(kind.list.to_owned(), json!(told));
        }
    }
    shared.perform(&mut envelope, &[]);
    let status = if what == Change::Add { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(lists))
}

fn apply(
    envelope: &mut Envelope,
    who: usize,
    kind: TabKind,
    asked: &Value,
    what: Change,
    dice: &Dice,
) -> Result<Tab, ApiError> {
    if what == Change::Add {
        let tab = one(kind, asked, envelope, dice)?;
        Arc::make_mut(&mut envelope.recipients[who].tabs).push(tab.clone());
        return Ok(tab);
    }
    let tabs = Arc::make_mut(&mut envelope.recipients[who].tabs);
    let id: Option<Uuid> = text(asked, "tabId").and_then(|id| id.parse().ok());
    let group = text(asked, "groupName").filter(|_| kind == TabKind::RADIO_GROUP);
    let place = tabs.iter().position(|tab| match &group {
        Some(name) => tab.kind == kind && tab.label == *name,
        None => tab.kind == kind && Some(tab.id) == id,
    });
    let place = place.ok_or_else(|| ApiError::bad("INVALID_TABID", "The tab ID specified is not valid."))?;
    if what == Change::Remove {
        return Ok(tabs.remove(place));
    }
    change(&mut tabs[place], asked);
    if let Some(label) = text(asked, "tabLabel") {
        tabs[place].label = label;
    }
    Ok(tabs[place].clone())
}

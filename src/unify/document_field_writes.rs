//! Writes of `document_fields`: new places in documents that a participant fills in or signs, and their end.

use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::asked::ById;
use super::catalog::{Act, Method, Takes, optional, required};
use super::told::lists;
use super::unifier::{AccountApi, object};
use super::{Asked, Error, Item, Reply};
use crate::docusign::tolerant::{Lists, Scalar};
use crate::docusign::{Recipient, Tab, is_id};
use crate::rest::{self, Verb};
use crate::signing::draft::{Faults, NewField, NewPlace, Plain};
use crate::signing::{map_draft, map_prefill, map_rest};

/// Makes one.
pub(super) const CREATE: Method = Method {
    act: Act::Create(|api, _, asked, _| create(api, asked).boxed()),
    about: "Makes a field for a participant in a document of a signing request",
    calls: &["POST /envelopes/{id}/recipients/{recipientId}/tabs"],
    parameters: &[optional("signing_request[id]", "The signing request, where the body does not name it")],
    body: Takes::Json("UnifiedDocumentFieldCreate"),
};

/// Takes one away.
pub(super) const DELETE: Method = Method {
    act: Act::Delete(|api, id, asked, _| delete(api, id, asked).boxed()),
    about: "Takes a field out of a document of a signing request",
    calls: &[
        "GET /envelopes/{id}/recipients?include_tabs=true",
        "DELETE /envelopes/{id}/recipients/{recipientId}/tabs",
    ],
    parameters: &[
        required("signing_request[id]", "The signing request"),
        optional("document[id]", "The document in which it must stand"),
    ],
    body: Takes::Nothing,
};

/// A field to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedDocumentFieldCreate)]
pub struct DocumentFieldToCreate {
    /// The signing request; it may be named by the parameter instead.
    signing_request: Option<ById>,
    /// The participant whose it is.
    #[schema(required = true, nullable = false)]
    participant: Option<Owner>,
    /// The document, and where in it.
    #[schema(required = true, nullable = false)]
    document: Option<NewPlace>,
    /// `signature`, `initials`, `full_name`, `signing_date`, `company_name`, `title`, `text`, `email`, or DocuSign's own word
    /// (`checkbox`, `date`, `number`, …).
    #[serde(rename = "type")]
    #[schema(required = true, nullable = false)]
    kind: Option<String>,
    /// Its label.
    label: Option<String>,
    /// What stands in it at first.
    value: Option<Plain>,
    /// Whether the participant cannot change it.
    is_read_only: Option<bool>,
    /// Whether it must be filled in.
    is_required: Option<bool>,
    /// Anything else, in DocuSign's words: merged as it is into the tab that DocuSign is sent. With an `anchorString` it
    /// needs no position.
    #[serde(default)]
    remote_data: Map<String, Value>,
}

/// A participant by the id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedOwner)]
pub struct Owner {
    /// The id.
    #[schema(required = true, nullable = false)]
    id: Option<Plain>,
}

async fn create(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    let told: DocumentFieldToCreate = asked.body()?;
    let mut faults = Faults::default();
    let named = told.signing_request.as_ref().and_then(|of| of.id.as_deref());
    let of = named.or(asked.text("signing_request[id]")).map(str::trim).unwrap_or_default();
    let who = told.participant.as_ref().and_then(|who| who.id.as_ref()).map(Plain::text).unwrap_or_default();
    for (path, id) in [("signing_request.id", of), ("participant.id", &who)] {
        if id.is_empty() {
            faults.miss(path);
        }
    }
    if told.kind.is_none() {
        faults.miss("type");
    }
    let is_anchored = told.remote_data.contains_key("anchorString");
    let field = NewField {
        label: told.label,
        value: told.value,
        kind: told.kind.clone().or_else(|| Some("text".to_owned())),
        is_read_only: told.is_read_only,
        is_required: told.is_required,
        document: told.document,
        ..NewField::default()
    };
    let made = map_prefill::new_tab(&field, "", is_anchored, &mut faults);
    let Some((list, mut tab)) = faults.or(made)? else { return Err(Error::Unknown("field")) };
    if !is_id(of) {
        return Err(Error::Unknown("signing request"));
    }
    if !is_id(&who) {
        return Err(Error::Unknown("participant"));
    }
    tab.entry("documentId").or_insert_with(|| json!("1"));
    map_draft::merge(&mut tab, &told.remote_data);
    let body = Map::from_iter([(list.clone(), json!([tab]))]);
    let path = ["envelopes", of, "recipients", &who, "tabs"];
    let answer = api.send(Verb::POST, &path, &api.asked(&[]), &body).await?;
    let remote = lists(&object(&answer)?).remove(&list).and_then(|tabs| tabs.into_iter().next());
    let none = || rest::Error::Malformed(format!("the list {list} is empty"));
    let remote = remote.ok_or_else(none)?;
    let tab: Tab = serde_json::from_str(remote.get()).map_err(|_| none())?;
    let owner = Recipient { recipient_id: Scalar(Some(who.clone())), ..Recipient::default() };
    let kind = list.strip_suffix("Tabs").unwrap_or(&list);
    let field = map_rest::document_field(&of.to_ascii_lowercase(), &owner, kind, &tab);
    Ok(Reply::Item(Item::new(&field, Some(&remote))))
}

async fn delete(api: &AccountApi<'_>, id: &str, asked: &Asked) -> Result<Reply, Error> {
    let of = asked.id("signing_request[id]", "signing request")?;
    if !is_id(id) {
        return Err(Error::Unknown("field"));
    }
    let answer = api.get(&["envelopes", of, "recipients"], &[("include_tabs", "true".to_owned())]).await?;
    let unreadable = |_| rest::Error::Malformed("it lists no recipients".to_owned());
    let owners: Lists<Recipient> = serde_json::from_slice(&answer.body).map_err(unreadable)?;
    // DocuSign is told of it in the list of its kind, below whose it is.
    let is_meant = |tab: &Tab| {
        let here = asked.text("document[id]").is_none_or(|document| tab.document_id.text() == Some(document));
        here && tab.tab_id.text().is_some_and(|own| own.eq_ignore_ascii_case(id))
    };
    let found = owners.0.iter().find_map(|(_, owner)| {
        let (list, _) = owner.tabs.0.iter().find(|(_, tab)| is_meant(tab))?;
        Some((owner.recipient_id.text()?, list))
    });
    let (who, list) = found.ok_or(Error::Unknown("field"))?;
    let body = Map::from_iter([(list.clone(), json!([{ "tabId": id }]))]);
    api.send(Verb::DELETE, &["envelopes", of, "recipients", who, "tabs"], &[], &body).await?;
    Ok(Reply::Deleted(id.to_owned()))
}

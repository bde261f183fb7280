//! `document_fields`: the places in documents that participants fill in or sign.

use std::collections::HashMap;

use futures_util::FutureExt as _;
use serde_json::value::RawValue;

use super::catalog::{Act, Method, Resource, Takes, optional, required};
use super::told::{fields, lists};
use super::unifier::{AccountApi, object};
use super::walk::{self, Place, Row, Whole};
use super::{Asked, Error, Item, Page, document_field_writes};
use crate::docusign;
use crate::signing::document::DocumentField;
use crate::signing::map_rest;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "document_fields",
    schema: "UnifiedDocumentField",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
            about: "Lists the fields of all participants in the documents of a signing request",
            calls: &["GET /envelopes/{id}/recipients?include_tabs=true"],
            parameters: &[
                required("signing_request[id]", "The signing request"),
                optional("document[id]", "Only those in this document"),
                optional("participant[id]", "Only those of this participant"),
            ],
            body: Takes::Nothing,
        },
        document_field_writes::CREATE,
        document_field_writes::DELETE,
    ],
};

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let id = asked.id("signing_request[id]", "signing request")?;
    let answer = api.get(&["envelopes", id, "recipients"], &[("include_tabs", "true".to_owned())]).await?;
    let told = Told::of(&object(&answer)?, &id.to_ascii_lowercase());
    let rows = Whole { rows: told.rows, base: answer.base };
    walk::page(&rows, place, asked.limit, |row, _| {
        let field = told.fields.get(&row.id)?;
        let is = |name, own: &Option<String>| asked.text(name).is_none_or(|id| own.as_deref() == Some(id));
        let wanted = is("document[id]", &field.document.id) && is("participant[id]", &field.participant.id);
        wanted.then(|| Item::new(field, Some(&row.json)))
    })
    .await
}

/// All fields of a signing request.
#[derive(Default)]
struct Told {
    rows: Vec<Row>,
    /// By the ids of the rows.
    fields: HashMap<String, DocumentField>,
}

impl Told {
    /// Those in an answer that lists recipients with their tabs, of the signing request with that id.
    fn of(answer: &RawValue, id: &str) -> Self {
        let mut told = Self::default();
        for json in lists(answer).into_values().flatten() {
            let Ok(owner) = serde_json::from_str::<docusign::Recipient>(json.get()) else { continue };
            let Some(tabs) = fields(&json).remove("tabs") else { continue };
            for (list, tabs) in lists(tabs) {
                // `tabGroups`, the one list that holds no tabs, does not end so.
                let Some(kind) = list.strip_suffix("Tabs") else { continue };
                for json in tabs {
                    let Ok(tab) = serde_json::from_str(json.get()) else { continue };
                    told.add(map_rest::document_field(id, &owner, kind, &tab), json);
                }
            }
        }
        told
    }

    /// Adds a field. A group of radio buttons is known by its label, for it has no id.
    fn add(&mut self, field: DocumentField, json: Box<RawValue>) {
        let name = field.id.as_ref().or(field.label.as_ref()).map(String::as_str).unwrap_or_default();
        let (of, within) = (field.participant.id.as_deref(), field.document.id.as_deref());
        let mut id =
            format!("{} {} {} {name}", of.unwrap_or_default(), within.unwrap_or_default(), field.kind);
        if self.fields.contains_key(&id) {
            id = format!("{id} {}", self.rows.len());
        }
        self.fields.insert(id.clone(), field);
        self.rows.push(Row { id, json });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_there_once_for_each_time_that_it_is_told() {
        let text = r#"{"signers":[{"recipientId":"1","tabs":{"textTabs":[{"tabLabel":"a"},{"tabLabel":"a"},{"tabId":"t"}],
            "tabGroups":[{"groupLabel":"g"}],"zipTabs":{}}},{"recipientId":"2","tabs":{}},{"recipientId":"3"}],
            "carbonCopies":{},"recipientCount":"3"}"#;
        let told = Told::of(&RawValue::from_string(text.to_owned()).unwrap(), "e-1");
        let mut ids: Vec<_> = told.rows.iter().map(|row| row.id.clone()).collect();
        assert_eq!(ids, ["1  text a", "1  text a 1", "1  text t"]);
        ids.dedup();
        assert_eq!((ids.len(), told.fields.len()), (3, 3));
    }
}

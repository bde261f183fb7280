//! `documents`: the documents of a signing request, and their bytes.

use futures_util::FutureExt as _;
use serde::Deserialize;
use utoipa::ToSchema;

use super::asked::ById;
use super::catalog::{Act, Method, Resource, Takes, required};
use super::unifier::{AccountApi, object, rows_in};
use super::walk::{self, Place, Whole};
use super::{Asked, Error, Item, Page, Reply, document_writes};
use crate::docusign::{self, is_id};
use crate::signing::map_rest;

/// All about the resource.
pub(super) const RESOURCE: Resource = Resource {
    name: "documents",
    schema: "UnifiedDocument",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
            about: "Lists the documents of a signing request, its certificate among them",
            calls: &["GET /envelopes/{id}?include=documents"],
            parameters: &[required("signing_request[id]", "The signing request")],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Custom("download", |api, _, asked, _| download(api, asked).boxed()),
            about: "Downloads a document; `combined` is all in one PDF, `archive` all in a zip, `certificate` the certificate",
            calls: &["GET /envelopes/{id}/documents/{documentId}"],
            parameters: &[],
            body: Takes::Json("UnifiedDocumentToDownload"),
        },
        document_writes::CREATE,
        document_writes::DELETE,
    ],
};

/// What to download.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UnifiedDocumentToDownload)]
pub(super) struct ToDownload {
    /// The document's id; or `combined`, `archive` or `certificate`.
    #[schema(required = true, nullable = false)]
    id: Option<String>,
    /// The signing request.
    #[schema(required = true, nullable = false)]
    signing_request: Option<ById>,
}

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let id = asked.id("signing_request[id]", "signing request")?;
    // What tells of the documents alone does not tell who sent them.
    let answer = api.get(&["envelopes", id], &[("include", "documents".to_owned())]).await?;
    let envelope: docusign::Envelope = serde_json::from_str(object(&answer)?.get())
        .map_err(|_| crate::rest::Error::Malformed("it is no envelope".to_owned()))?;
    let (id, sender) = (id.to_ascii_lowercase(), map_rest::sender(&envelope));
    let rows = rows_in(&answer, "envelopeDocuments", "documentId")?;
    let rows = Whole { rows, base: answer.base };
    walk::page(&rows, place, asked.limit, |row, base| {
        let told: docusign::EnvelopeDocument = serde_json::from_str(row.json.get()).ok()?;
        Some(Item::new(&map_rest::document(&told, &id, base, sender.as_ref()), Some(&row.json)))
    })
    .await
}

async fn download(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    let ToDownload { id, signing_request } = asked.body()?;
    let (id, of) = (id.unwrap_or_default(), signing_request.and_then(|of| of.id).unwrap_or_default());
    let given = [("id", &id), ("signing_request.id", &of)];
    let missing: Vec<_> =
        given.iter().filter(|(_, id)| id.is_empty()).map(|(name, _)| (*name).to_owned()).collect();
    if !missing.is_empty() {
        return Err(Error::Missing { parameters: Vec::new(), fields: missing });
    }
    if !is_id(&of) {
        return Err(Error::Unknown("signing request"));
    }
    if !is_id(&id) {
        return Err(Error::Unknown("document"));
    }
    api.file(&["envelopes", &of, "documents", &id], &[]).await.map(Reply::File)
}

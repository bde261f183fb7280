//! Writes of `documents`: put into a draft as bytes, on their way without being held, and taken out of it.

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::json;
use serde_json::value::RawValue;

use super::catalog::{Act, Method, Takes, optional, required};
use super::unifier::AccountApi;
use super::{Asked, Error, Item, Reply};
use crate::base::limits;
use crate::docusign::tolerant::Scalar;
use crate::docusign::{self, is_id};
use crate::rest::{Body, Pieces, Verb};
use crate::signing::{map_document, map_rest};

/// Puts one into a draft.
pub(super) const CREATE: Method = Method {
    act: Act::Create(|api, _, asked, file| create(api, asked, file).boxed()),
    about: "Puts a document into a draft, in the place of one that has its id; the body is the file",
    calls: &["PUT /envelopes/{id}/documents/{documentId}"],
    parameters: &[
        required("signing_request[id]", "The signing request, which must be a draft"),
        required("name", "The file's name with its extension"),
        optional(
            "id",
            "The document's id in the signing request: a whole number from 1, which is the default",
        ),
    ],
    body: Takes::File,
};

/// Takes one out of a draft.
pub(super) const DELETE: Method = Method {
    act: Act::Delete(|api, id, asked, _| delete(api, id, asked).boxed()),
    about: "Takes a document out of a draft, with the fields in it",
    calls: &["DELETE /envelopes/{id}/documents"],
    parameters: &[required("signing_request[id]", "The signing request, which must be a draft")],
    body: Takes::Nothing,
};

async fn create(api: &AccountApi<'_>, asked: &Asked, file: Option<Body>) -> Result<Reply, Error> {
    let of = asked.id("signing_request[id]", "signing request")?;
    let wrong = |name: &str, why: &str| Error::Parameter { name: name.to_owned(), why: why.to_owned() };
    let name = asked.required("name")?;
    let extension = map_document::extension(name)
        .ok_or_else(|| wrong("name", "must be a file name with its extension, such as Lease.pdf"))?;
    let id = asked.text("id").unwrap_or("1");
    if !id.parse::<u32>().is_ok_and(|id| id > 0) {
        return Err(wrong("id", "must be a whole number from 1"));
    }
    let kind = content_type(asked.content_type.as_deref(), extension)?;
    let file = file.filter(|file| !matches!(file, Body::Whole(bytes) if bytes.is_empty()));
    let file = file.ok_or_else(|| Error::Body("it must be the file's bytes, and has none".to_owned()))?;
    let headers = vec![
        ("content-type".to_owned(), Bytes::from(kind)),
        ("content-disposition".to_owned(), Bytes::from(disposition(name, id, extension))),
    ];
    let path = ["envelopes", of, "documents", id];
    let passed = api.pass(Verb::PUT, &path, &api.asked(&[]), headers, file).await?;
    let answer = read(passed.body).await;
    let remote: Option<Box<RawValue>> = serde_json::from_slice(&answer).ok();
    let mut told: docusign::EnvelopeDocument = serde_json::from_slice(&answer).unwrap_or_default();
    // Whatever the answer leaves out is known: it was put there.
    for (scalar, known) in [(&mut told.document_id, id), (&mut told.name, name)] {
        if scalar.text().is_none() {
            *scalar = Scalar(Some(known.to_owned()));
        }
    }
    let base = api.tools.client.base(api.account).await.unwrap_or_default();
    let document = map_rest::document(&told, &of.to_ascii_lowercase(), &base, None);
    Ok(Reply::Item(Item::new(&document, remote.as_deref())))
}

/// What DocuSign is told that the file is: as the caller says, else by its extension.
fn content_type(told: Option<&str>, extension: &str) -> Result<String, Error> {
    let told = told.map(str::trim).filter(|told| !told.is_empty());
    if told.is_some_and(|told| told.to_ascii_lowercase().starts_with("multipart/")) {
        return Err(Error::Body("it must be the file's bytes alone, not a form".to_owned()));
    }
    let by_extension = || match extension.eq_ignore_ascii_case("pdf") {
        true => "application/pdf",
        false => "application/octet-stream",
    };
    Ok(told.unwrap_or_else(by_extension).to_owned())
}

/// The header that names a file to DocuSign, in UTF-8 once more where it is not ASCII.
fn disposition(name: &str, id: &str, extension: &str) -> String {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | ';');
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let mut text = format!("file; filename=\"{ascii}\"; documentid=\"{id}\"; fileExtension=\"{extension}\"");
    if ascii != name {
        let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        text.push_str("; filename*=UTF-8''");
        text.push_str(&encoded.replace('+', "%20"));
    }
    text
}

/// A short answer; nothing where it is long or breaks off.
async fn read(mut pieces: Pieces) -> Bytes {
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) if whole.len() + piece.len() <= limits::REST_SHORT_ANSWER_BYTES_MAX => {
                whole.extend_from_slice(&piece);
            }
            _ => return Bytes::new(),
        }
    }
    whole.freeze()
}

async fn delete(api: &AccountApi<'_>, id: &str, asked: &Asked) -> Result<Reply, Error> {
    let of = asked.id("signing_request[id]", "signing request")?;
    if !is_id(id) {
        return Err(Error::Unknown("document"));
    }
    let body = json!({"documents": [{"documentId": id}]});
    match api.send(Verb::DELETE, &["envelopes", of, "documents"], &[], &body).await {
        Ok(_) => Ok(Reply::Deleted(id.to_owned())),
        Err(Error::Items(items))
            if items.iter().all(|item| item.refused.code == "DOCUMENT_DOES_NOT_EXIST") =>
        {
            Err(Error::Unknown("document"))
        }
        Err(error) => Err(error),
    }
}

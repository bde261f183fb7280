//! A draft's documents, put into it and taken out of it.

use std::sync::Arc;

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::simulator::life::{Envelope, EnvelopeStatus};
use crate::simulator::shape;

use super::Shared;
use super::body::{items, object, text};
use super::definition::{documents, put_document};
use super::envelopes::found;
use super::errors::{Answer, ApiError};

/// The draft of a path.
fn draft(shared: &Shared, account: &str, envelope: &str) -> Result<Envelope, ApiError> {
    let (_, envelope) = found(shared, account, envelope)?;
    if envelope.status != EnvelopeStatus::Created {
        return Err(ApiError::invalid_status("Documents can be changed in drafts alone."));
    }
    Ok(Arc::unwrap_or_clone(envelope))
}

/// A document as a list of them tells it.
fn told(envelope: &Envelope, id: &str) -> Value {
    let all = json!(shape::documents(envelope));
    let found = all.as_array().into_iter().flatten().find(|document| document["documentId"] == id);
    found.cloned().unwrap_or_default()
}

/// The file's name that a call tells: `file; filename="NDA.pdf"`, in UTF-8 where it is told so too.
fn file_name(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(CONTENT_DISPOSITION)?.to_str().ok()?;
    let value = |name: &str| {
        let part = header.split(';').map(str::trim).find_map(|part| part.strip_prefix(name));
        part.map(|value| value.trim_matches('"').to_owned())
    };
    let encoded = value("filename*=UTF-8''").map(|encoded| {
        let plus = encoded.replace('+', "%2B");
        let pair = format!("n={plus}");
        url::form_urlencoded::parse(pair.as_bytes())
            .next()
            .map(|(_, name)| name.into_owned())
            .unwrap_or_default()
    });
    encoded.or_else(|| value("filename=")).filter(|name| !name.is_empty())
}

/// `PUT …/envelopes/{envelope}/documents/{document}`: the body is the file.
pub(super) async fn put(
    path: web::Path<(String, String, String)>,
    request: HttpRequest,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let mut envelope = draft(&shared, &path.0, &path.1)?;
    if body.is_empty() {
        return Err(ApiError::invalid_body("The document has no bytes."));
    }
    let name = file_name(&request)
        .ok_or_else(|| ApiError::invalid("A file name is required in 'Content-Disposition'."))?;
    put_document(&shared, &mut envelope, Some(path.2.clone()), name, Some(body));
    shared.perform(&mut envelope, &[]);
    Ok(HttpResponse::Ok().json(told(&envelope, &path.2)))
}

/// `PUT …/envelopes/{envelope}/documents`: files in base64.
pub(super) async fn put_many(
    path: web::Path<(String, String)>,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let mut envelope = draft(&shared, &path.0, &path.1)?;
    let asked = object(&body)?;
    documents(&shared, &mut envelope, items(&asked, &["documents"]))?;
    shared.perform(&mut envelope, &[]);
    Ok(HttpResponse::Ok().json(json!({
        "envelopeId": envelope.id, "envelopeDocuments": shape::documents(&envelope),
    })))
}

/// `DELETE …/envelopes/{envelope}/documents`: tabs in them go with them. What is wrong with one stands in its place.
pub(super) async fn delete(
    path: web::Path<(String, String)>,
    body: Bytes,
    shared: web::Data<Shared>,
) -> Answer {
    let mut envelope = draft(&shared, &path.0, &path.1)?;
    let asked = object(&body)?;
    let mut gone = Vec::new();
    for document in items(&asked, &["documents"]) {
        let id = text(document, "documentId").unwrap_or_default();
        if !envelope.documents.iter().any(|own| own.id == id) {
            gone.push(json!({"documentId": id, "errorDetails": ApiError::no_such_document().details()}));
            continue;
        }
        gone.push(told(&envelope, &id));
        envelope.documents.retain(|own| own.id != id);
        for recipient in &mut envelope.recipients {
            if recipient.tabs.iter().any(|tab| tab.document_id == id) {
                Arc::make_mut(&mut recipient.tabs).retain(|tab| tab.document_id != id);
            }
        }
    }
    shared.perform(&mut envelope, &[]);
    Ok(HttpResponse::Ok().json(json!({"envelopeId": envelope.id, "envelopeDocuments": gone})))
}

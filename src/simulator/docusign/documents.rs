//! An envelope's documents over REST, with their bytes.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::simulator::life::{Document, Envelope};
use crate::simulator::shape;

use super::envelopes::found;
use super::errors::{Answer, ApiError};
use super::pdf::pdf;
use super::zip::zip;
use super::{Shared, lock};

type Path = web::Path<(String, String)>;

/// `GET …/envelopes/{envelope}/documents`.
pub(super) async fn documents(path: Path, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    Ok(HttpResponse::Ok().json(json!({
        "envelopeId": envelope.id,
        "envelopeDocuments": shape::documents(&envelope),
    })))
}

/// `GET …/envelopes/{envelope}/documents/{document}`: one by its id, `combined`, `certificate` or `archive`.
pub(super) async fn download(path: web::Path<(String, String, String)>, shared: web::Data<Shared>) -> Answer {
    let (_, envelope) = found(&shared, &path.0, &path.1)?;
    let id = path.2.as_str();
    let (name, kind, bytes) = match id {
        "combined" => (file_name(&envelope.subject), "application/pdf", combined(&envelope)),
        "certificate" | "summary" => ("Summary.pdf".to_owned(), "application/pdf", certificate(&envelope)),
        "archive" => (format!("{}.zip", envelope.subject), "application/zip", archive(&envelope)),
        _ => {
            let document = envelope.documents.iter().find(|document| document.id == id);
            let document = document.ok_or_else(ApiError::no_such_document)?;
            let kept = lock(&shared.papers).get(document.guid).map(|bytes| bytes.to_vec());
            let bytes = kept.unwrap_or_else(|| pdf(&document.name, &[page(&envelope, document)]));
            (file_name(&document.name), "application/pdf", bytes)
        }
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_DISPOSITION, disposition(&name, id)))
        .body(bytes))
}

fn file_name(name: &str) -> String {
    if name.ends_with(".pdf") { name.to_owned() } else { format!("{name}.pdf") }
}

/// `file; filename="NDA.pdf"; documentid="1"`, with the name once more in UTF-8 where it is not ASCII.
fn disposition(name: &str, id: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii() && !c.is_ascii_control() && !matches!(c, '"' | '\\') { c } else { '_' })
        .collect();
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20");
    let text = if plain == name {
        format!("file; filename=\"{plain}\"; documentid=\"{id}\"")
    } else {
        format!("file; filename=\"{plain}\"; filename*=UTF-8''{encoded}; documentid=\"{id}\"")
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("file"))
}

/// What stands on a document's page.
fn page(envelope: &Envelope, document: &Document) -> Vec<String> {
    let mut lines = vec![
        document.name.clone(),
        String::new(),
        envelope.subject.clone(),
        format!("Envelope {}", envelope.id),
        format!("Status: {}", envelope.status.word()),
        String::new(),
    ];
    for recipient in &envelope.recipients {
        let signed = recipient.signed_at.map_or_else(String::new, |at| format!(", signed {at}"));
        let status = recipient.status.word();
        lines.push(format!("{}. {}: {status}{signed}", recipient.routing_order, recipient.person.name));
    }
    lines
}

/// What stands on the certificate of completion.
fn summary(envelope: &Envelope) -> Vec<String> {
    let mut lines = vec![
        "Certificate Of Completion".to_owned(),
        format!("Envelope Id: {}", envelope.id),
        format!("Subject: {}", envelope.subject),
        format!("Status: {}", envelope.status.word()),
        format!("Envelope Originator: {}", envelope.account.sender.name),
        String::new(),
    ];
    lines.extend(envelope.history.iter().map(|o| format!("{}  {}", o.at, o.event)));
    lines
}

fn certificate(envelope: &Envelope) -> Vec<u8> {
    pdf("Certificate Of Completion", &[summary(envelope)])
}

fn combined(envelope: &Envelope) -> Vec<u8> {
    let documents = envelope.documents.iter().map(|document| page(envelope, document));
    let pages: Vec<_> = documents.chain([summary(envelope)]).collect();
    pdf(&envelope.subject, &pages)
}

fn archive(envelope: &Envelope) -> Vec<u8> {
    let documents = envelope
        .documents
        .iter()
        .map(|document| (file_name(&document.name), pdf(&document.name, &[page(envelope, document)])));
    let files: Vec<_> = documents.chain([("Summary.pdf".to_owned(), certificate(envelope))]).collect();
    zip(&files)
}

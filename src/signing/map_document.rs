//! From documents that a caller tells with their bytes to what DocuSign is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::docusign::Template;

use super::draft::{Draft, Faults, NewDocument};
use super::map_draft::required;

/// A document as DocuSign is told.
pub(super) struct Paper {
    /// Its id.
    pub(super) id: String,
    /// All that DocuSign is told of it.
    pub(super) json: Value,
}

/// The ids of a template's documents.
pub(super) fn of_template(template: Option<&Template>) -> impl Iterator<Item = String> {
    template
        .into_iter()
        .flat_map(|template| template.documents.0.iter().filter_map(|one| one.document_id.owned()))
}

/// The documents of a draft; their ids are none of its template's.
pub(super) fn documents(draft: &Draft, template: Option<&Template>, faults: &mut Faults) -> Vec<Paper> {
    let mut taken: Vec<String> = of_template(template).collect();
    let mut all = Vec::new();
    for (place, told) in draft.documents.iter().enumerate() {
        let at = format!("documents[{place}]");
        let id = match &told.id {
            Some(id) => id.text(),
            None => (1..).map(|id: usize| id.to_string()).find(|id| !taken.contains(id)).unwrap_or_default(),
        };
        if !id.parse::<u32>().is_ok_and(|id| id > 0) {
            faults.wrong(format!("{at}.id"), "must be a whole number from 1");
        } else if taken.contains(&id) {
            faults.wrong(format!("{at}.id"), "is another document's as well");
        }
        taken.push(id.clone());
        all.push(Paper { json: document(told, &id, &at, faults), id });
    }
    all
}

fn document(told: &NewDocument, id: &str, at: &str, faults: &mut Faults) -> Value {
    let name = required(told.name.as_deref(), &format!("{at}.name"), faults);
    let extension = extension(&name);
    if extension.is_none() && !name.is_empty() {
        faults.wrong(format!("{at}.name"), "must be a file name with its extension, such as Lease.pdf");
    }
    let content = required(told.content.as_deref(), &format!("{at}.content"), faults);
    if !is_base64(&content) {
        faults.wrong(format!("{at}.content"), "must be base64");
    }
    json!({"documentId": id, "name": name, "fileExtension": extension, "documentBase64": content})
}

/// A file name's extension.
pub fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let plain = !extension.is_empty() && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    (plain && !stem.trim().is_empty()).then_some(extension)
}

fn is_base64(text: &str) -> bool {
    // By pieces, so that a large document is not held twice.
    const PIECE: usize = 4 * 1024;
    let mut decoded = [0; PIECE];
    let pieces = text.as_bytes().chunks(PIECE);
    let last = pieces.len().saturating_sub(1);
    pieces.enumerate().all(|(place, piece)| {
        let ends = place == last || !piece.contains(&b'=');
        ends && STANDARD.decode_slice(piece, &mut decoded).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_looked_through_to_its_end() {
        let long = STANDARD.encode(vec![7; 10_000]);
        for good in ["", "JVBERi0=", &long] {
            assert!(is_base64(good), "{}", good.len());
        }
        let ends_early = format!("{}=={}", &long[..4094], &long[4096..]);
        for bad in ["%PDF", "JVBERi0", "JVBE Ri0=", &ends_early, &long[..9_999]] {
            assert!(!is_base64(bad), "{}", bad.len());
        }
    }

    #[test]
    fn a_file_name_has_a_stem_and_an_extension() {
        assert_eq!(extension("Lease 14.v2.pdf"), Some("pdf"));
        for bad in ["Lease", "Lease.", ".pdf", " .pdf", "Lease.p f", "Lease.pdf\r\nx: y"] {
            assert_eq!(extension(bad), None, "{bad}");
        }
    }
}

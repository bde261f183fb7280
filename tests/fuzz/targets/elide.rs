//! A large body without its documents: the same however it was cut, and it says the same.
//!
//! Large texts would be slow to find by chance: two bytes stand for each. 0xf8, 0xf9 and 0xfa begin texts about as
//! long as the bound, of letters, of JSON escapes and of XML entities; the byte after tells how long exactly.

use std::path::Path;

use bytes::Bytes;
use countersign::base::limits::TEXT_BYTES_MAX;
use countersign::connect::elide::Elider;
use countersign::connect::parse_bytes;

use super::{cut, files};

/// So many large texts in a body at most.
const LARGE_MAX: usize = 8;

pub(crate) fn check(data: &[u8]) {
    let body = written_out(data);
    let whole = elided([&body[..]]);
    for pieces in cut::ways(&body) {
        assert_eq!(elided(pieces), whole, "what is left depends on the pieces");
    }
    // No body of here comes near the bound of what is left.
    let skeleton = whole.expect("a skeleton");
    assert!(skeleton.len() <= body.len());
    assert_eq!(elided([&skeleton[..]]).as_ref(), Some(&skeleton), "what is left has more to leave out");
    // Not the other way round: a document may hide what could not be read.
    if let Ok(event) = parse_bytes(&body, None) {
        assert_eq!(parse_bytes(&skeleton, None), Ok(event), "what is left says something else");
    }
}

fn elided<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Bytes> {
    let mut elider = Elider::new();
    pieces.into_iter().for_each(|piece| elider.push(piece));
    elider.finish()
}

fn written_out(data: &[u8]) -> Vec<u8> {
    let (mut body, mut large, mut bytes) = (Vec::new(), 0, data.iter());
    while let Some(&byte) = bytes.next() {
        let piece: &[u8] = match byte {
            0xf8 => b"x",
            0xf9 => b"\\u0041",
            0xfa => b"&amp;",
            _ => {
                body.push(byte);
                continue;
            }
        };
        large += 1;
        let length = TEXT_BYTES_MAX - 4 + usize::from(bytes.next().copied().unwrap_or(0) % 12);
        if large <= LARGE_MAX {
            body.extend(piece.iter().cycle().take(length - length % piece.len()));
            body.extend(std::iter::repeat_n(b'y', length % piece.len()));
        }
    }
    body
}

pub(crate) fn seeds(fixtures: &Path) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        &b"{\"event\":\"envelope-sent\",\"data\":{\"envelopeId\":\"e\",\"envelopeSummary\":{\"emailSubject\":\"\xf8\x06\",\"envelopeDocuments\":[{\"PDFBytes\":\"\xf8\x09\"}]}}}"[..],
        b"{\"envelopeId\":\"e\",\"emailSubject\":\"\xf9\x05\",\"recipients\":{\"signers\":[{\"recipientId\":\"1\",\"name\":\"\\\\\xf8\x01\\\"\"}]}}",
        b"<DocuSignEnvelopeInformation><EnvelopeStatus><EnvelopeID>e</EnvelopeID><Subject>\xfa\x07</Subject></EnvelopeStatus><DocumentPDFs><PDFBytes>\xf8\x08</PDFBytes></DocumentPDFs></DocuSignEnvelopeInformation>",
        b"<DocuSignEnvelopeInformation><!--\xf8\x05-]--><EnvelopeStatus><EnvelopeID><![CDATA[\xf8\x03]]]]><![CDATA[e]]></EnvelopeID></EnvelopeStatus><?p \xf8\x06?></DocuSignEnvelopeInformation>",
    ]
    .map(Vec::from)
    .into();
    seeds
        .extend(files(&fixtures.join("connect"), |path| path.file_stem().is_some_and(|stem| stem == "body")));
    seeds
}

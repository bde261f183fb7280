//! From a verified delivery to the event that it carries, whichever of the formats it came in.

use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::base::limits::{RECIPIENTS_MAX, WORD_BYTES_MAX};

use super::delivery::{Body, VerifiedDelivery};
use super::elide::Elider;
use super::event::{ConnectEvent, Object};
use super::{json, xml};

/// Why an authentic message cannot be read. None of these quotes the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing but white space.
    #[error("the body is empty")]
    Empty,
    /// It begins with neither `{` nor `<`.
    #[error("the body is neither JSON nor XML: it begins with neither an object nor an element")]
    FormatUnknown,
    /// It was compressed on its way, or by whoever signed it.
    #[error(
        "the body is compressed, which Connect never does and which is not unpacked: let nothing before this server \
         compress requests"
    )]
    Compressed,
    /// It is not UTF-8.
    #[error("the body is not UTF-8 text")]
    NotUtf8,
    /// JSON that breaks its own rules.
    #[error("the JSON is broken at line {line}, column {column}")]
    JsonBroken {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// JSON that ends early.
    #[error("the JSON ends before it is whole")]
    JsonTruncated,
    /// XML that is not well formed.
    #[error("the XML is not well formed at line {line}, column {column}")]
    XmlBroken {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// XML that ends early.
    #[error("the XML ends before it is whole")]
    XmlTruncated,
    /// XML with a document type.
    #[error("the XML has a document type (DTD), which Connect never sends and which is not read")]
    Dtd,
    /// XML with an entity that only a document type could define.
    #[error("the XML names an entity other than the five that every XML knows")]
    EntityUnknown,
    /// Nested too deeply.
    #[error("the body is nested too deeply")]
    TooDeep,
    /// A SOAP envelope: the configuration at DocuSign must not use SOAP.
    #[error("the body is a SOAP message: switch the SOAP interface off in the Connect configuration")]
    Soap,
    /// XML of another kind.
    #[error("the XML's root is not DocuSignEnvelopeInformation")]
    RootUnknown,
    /// Nothing says what it is about.
    #[error("the message names no envelope")]
    NoEnvelope,
    /// More recipients than the bound.
    #[error("the message has more than {RECIPIENTS_MAX} recipients")]
    TooManyRecipients,
    /// An id or event name longer than the bound.
    #[error("the message's {0} is longer than {WORD_BYTES_MAX} bytes")]
    WordTooLong(&'static str),
    /// Too large even with its documents cut out.
    #[error("the body is too large to be read, even with its documents cut out")]
    TooLarge,
}

impl Unreadable {
    /// The reason's stable word in metrics, logs and the store.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::FormatUnknown => "format_unknown",
            Self::Compressed => "compressed",
            Self::NotUtf8 => "not_utf8",
            Self::JsonBroken { .. } => "json_broken",
            Self::JsonTruncated => "json_truncated",
            Self::XmlBroken { .. } => "xml_broken",
            Self::XmlTruncated => "xml_truncated",
            Self::Dtd => "dtd",
            Self::EntityUnknown => "entity_unknown",
            Self::TooDeep => "too_deep",
            Self::Soap => "soap",
            Self::RootUnknown => "root_unknown",
            Self::NoEnvelope => "no_envelope",
            Self::TooManyRecipients => "too_many_recipients",
            Self::WordTooLong(_) => "word_too_long",
            Self::TooLarge => "too_large",
        }
    }
}

/// Reads what a verified delivery says. `zone` is the source's, for XML that tells times without any.
///
/// # Errors
/// Why it cannot be read: it belongs in quarantine, but for [`Unreadable::Soap`].
pub fn parse<'a>(
    delivery: &'a VerifiedDelivery,
    zone: Option<&TimeZone>,
) -> Result<ConnectEvent<'a>, Unreadable> {
    let delivery = delivery.delivery();
    let event = match &delivery.body {
        Body::Inline(bytes) => parse_bytes(bytes, zone),
        Body::Spooled { skeleton: Some(bytes), .. } => parse_bytes(bytes, zone),
        Body::Spooled { skeleton: None, .. } => Err(Unreadable::TooLarge),
    };
    let encoded =
        || delivery.header("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    event.map_err(|why| match why {
        Unreadable::FormatUnknown | Unreadable::NotUtf8 if encoded() => Unreadable::Compressed,
        why => why,
    })
}

/// Reads what a body says: of the bytes as received, or of what [`super::elide`] left of them.
///
/// # Errors
/// As [`parse`].
pub fn parse_bytes<'a>(body: &'a [u8], zone: Option<&TimeZone>) -> Result<ConnectEvent<'a>, Unreadable> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let event = match text.first() {
        None => return Err(Unreadable::Empty),
        Some(b'{') => json::read(text)?,
        Some(b'<') => xml::read(text, zone)?,
        Some(0x1f) if text.starts_with(b"\x1f\x8b") => return Err(Unreadable::Compressed),
        // A byte order mark of UTF-16 is the likeliest of these.
        Some(0xfe | 0xff) => return Err(Unreadable::NotUtf8),
        Some(_) => return Err(Unreadable::FormatUnknown),
    };
    bounded(&event)?;
    Ok(event)
}

/// Reads an envelope as DocuSign's REST API tells it: the same object as in a JSON message.
///
/// # Errors
/// Why it cannot be read.
pub fn parse_answer(body: &[u8]) -> Result<ConnectEvent<'_>, Unreadable> {
    let text = body.trim_ascii_start();
    if text.first() != Some(&b'{') {
        return Err(Unreadable::FormatUnknown);
    }
    let event = json::read_answer(text)?;
    bounded(&event)?;
    Ok(event)
}

/// What tells two messages apart that carry no time: a digest of what is said, its documents left out.
pub(super) fn content_digest(content: &[u8]) -> [u8; 32] {
    let mut elider = Elider::new();
    elider.push(content);
    match elider.finish() {
        Some(skeleton) => Sha256::digest(&skeleton).into(),
        None => Sha256::digest(content).into(),
    }
}

/// Holds ids and event names to their bound: they go into keys, headers and the database.
fn bounded(event: &ConnectEvent<'_>) -> Result<(), Unreadable> {
    let object = match &event.object {
        Object::Envelope(id) => ("envelope id", Some(&**id)),
        Object::Template(id, _) => ("template id", Some(&**id)),
        Object::Agreement(id) => ("agreement id", Some(&**id)),
        Object::None => ("object", None),
    };
    let words = [
        ("event", event.event.as_deref()),
        ("account id", event.account_id.as_deref()),
        ("recipient id", event.recipient_id.as_deref()),
        ("recipient id", event.reassigned_recipient_id.as_deref()),
        object,
    ];
    let recipients = event.envelope.iter().flat_map(|envelope| &envelope.recipients);
    let words = words.into_iter().chain(recipients.map(|recipient| ("recipient id", Some(&*recipient.id))));
    for (what, word) in words {
        if word.is_some_and(|word| word.len() > WORD_BYTES_MAX) {
            return Err(Unreadable::WordTooLong(what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

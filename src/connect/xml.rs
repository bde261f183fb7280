//! Legacy XML messages: `DocuSignEnvelopeInformation`, an envelope as it stands.
//!
//! Shape: DocuSign's WSDL and recorded messages. Elements are told by local name and place, in any order; times
//! have no zone until `TimeZoneOffset`, which comes last, so texts are collected first and read at the end.

use std::borrow::Cow;

use jiff::tz::{Offset, TimeZone};
use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::base::Moment;
use crate::base::limits::{CUSTOM_FIELDS_MAX, RECIPIENTS_MAX, TEXT_BYTES_MAX, XML_DEPTH_MAX};

use super::event::{ConnectEvent, Envelope, Format, Object, Recipient};
use super::parse::{Unreadable, content_digest};
use super::text::told;

/// Namespaces of SOAP 1.1 and 1.2 envelopes.
const SOAP: [&str; 2] =
    ["http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"];

/// Reads an XML body, which begins with `<`.
pub(super) fn read<'a>(body: &'a [u8], zone: Option<&TimeZone>) -> Result<ConnectEvent<'a>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotUtf8)?;
    let mut reader = Reader::from_str(text);
    let mut message = Message::default();
    loop {
        let event = reader.read_event().map_err(|why| unreadable(&why, &reader, body))?;
        message.run.follow(&event, message.text.len());
        match event {
            Event::Start(element) => message.open(&element)?,
            Event::Empty(element) => {
                message.open(&element)?;
                message.close()?;
            }
            Event::End(_) => message.close()?,
            Event::Text(text) => message.text(|| text.xml10_content(), || broken(&reader, body))?,
            Event::CData(text) => message.text(|| text.xml10_content(), || broken(&reader, body))?,
            Event::GeneralRef(entity) if message.reads_text() => message.push(entity_text(&entity)?),
            Event::DocType(_) => return Err(Unreadable::Dtd),
            Event::Eof => break,
            _ => {}
        }
    }
    message.finish(zone, body)
}

fn unreadable(why: &Error, reader: &Reader<&[u8]>, body: &[u8]) -> Unreadable {
    match why {
        Error::Syntax(SyntaxError::UnclosedDoctype) => Unreadable::Dtd,
        Error::Syntax(SyntaxError::InvalidBangMarkup) => broken(reader, body),
        Error::Syntax(_) | Error::IllFormed(IllFormedError::MissingEndTag(_)) => Unreadable::XmlTruncated,
        Error::IllFormed(IllFormedError::MissingDoctypeName) => Unreadable::Dtd,
        Error::Encoding(_) => Unreadable::NotUtf8,
        _ => broken(reader, body),
    }
}

fn broken(reader: &Reader<&[u8]>, body: &[u8]) -> Unreadable {
    let at = usize::try_from(reader.error_position().max(reader.buffer_position())).unwrap_or(usize::MAX);
    let before = body.get(..at).unwrap_or(body);
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
    Unreadable::XmlBroken { line, column }
}

fn entity_text(entity: &BytesRef<'_>) -> Result<Cow<'static, str>, Unreadable> {
    if entity.is_char_ref() {
        let found = entity.resolve_char_ref().map_err(|_| Unreadable::EntityUnknown)?;
        return found.map(|c| Cow::Owned(c.to_string())).ok_or(Unreadable::EntityUnknown);
    }
    let name = entity.xml10_content();
    resolve_predefined_entity(&name).map(Cow::Borrowed).ok_or(Unreadable::EntityUnknown)
}

/// A name without its prefix. `BytesStart::local_name` looks for the colon in a way that pays for long names only, and
/// a message has a hundred short ones.
fn local(name: &str) -> &str {
    name.bytes().position(|byte| byte == b':').map_or(name, |colon| &name[colon + 1..])
}

/// Elements whose text is read, told apart by an index into a row of slots.
macro_rules! leaves {
    ($row:ident, $leaf:ident { $($variant:ident $name:literal,)* }) => {
        #[derive(Debug, Clone, Copy)]
        enum $leaf { $($variant,)* }

        impl $leaf {
            const COUNT: usize = [$($name,)*].len();

            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }

        #[derive(Debug, Default)]
        struct $row<'a>([Option<Cow<'a, str>>; $leaf::COUNT]);

        impl<'a> $row<'a> {
            fn put(&mut self, leaf: $leaf, text: Option<Cow<'a, str>>) {
                self.0[leaf as usize] = text;
            }

            fn take(&mut self, leaf: $leaf) -> Option<Cow<'a, str>> {
                self.0[leaf as usize].take()
            }
        }
    };
}

leaves! { EnvelopeRow, EnvelopeLeaf {
    Id "EnvelopeID", TimeGenerated "TimeGenerated", Subject "Subject", Status "Status", Created "Created",
    Deleted "Deleted", Sent "Sent", Delivered "Delivered", Signed "Signed", Completed "Completed",
    Declined "Declined", Voided "Voided", TimedOut "TimedOut", VoidReason "VoidReason",
} }

leaves! { RecipientRow, RecipientLeaf {
    Id "RecipientId", Kind "Type", Name "UserName", Email "Email", RoutingOrder "RoutingOrder", Status "Status",
    Sent "Sent", Delivered "Delivered", Signed "Signed", Declined "Declined", DeclineReason "DeclineReason",
    AutoRespondedReason "AutoRespondedReason",
} }

/// Where in the tree the reader stands.
#[derive(Debug, Clone, Copy)]
enum Node {
    Root,
    EnvelopeStatus,
    RecipientStatuses,
    RecipientStatus,
    CustomFields,
    CustomField,
    Envelope(EnvelopeLeaf),
    Recipient(RecipientLeaf),
    FieldName,
    FieldValue,
    TimeZoneOffset,
    /// Not read, with all that is in it.
    Skipped,
}

impl Node {
    fn is_leaf(self) -> bool {
        use Node as N;
        matches!(self, N::Envelope(_) | N::Recipient(_) | N::FieldName | N::FieldValue | N::TimeZoneOffset)
    }

    fn child(self, name: &str) -> Self {
        match (self, name) {
            (Self::Root, "EnvelopeStatus") => Self::EnvelopeStatus,
            (Self::Root, "TimeZoneOffset") => Self::TimeZoneOffset,
            (Self::EnvelopeStatus, "RecipientStatuses") => Self::RecipientStatuses,
            (Self::EnvelopeStatus, "CustomFields") => Self::CustomFields,
            (Self::EnvelopeStatus, name) => EnvelopeLeaf::named(name).map_or(Self::Skipped, Self::Envelope),
            (Self::RecipientStatuses, "RecipientStatus") => Self::RecipientStatus,
            (Self::RecipientStatus, name) => {
                RecipientLeaf::named(name).map_or(Self::Skipped, Self::Recipient)
            }
            (Self::CustomFields, "CustomField") => Self::CustomField,
            (Self::CustomField, "Name") => Self::FieldName,
            (Self::CustomField, "Value") => Self::FieldValue,
            _ => Self::Skipped,
        }
    }
}

/// A run of text and entities between two pieces of markup, as written: what is longer than [`TEXT_BYTES_MAX`] is not
/// in what is left of a large body ([`super::elide`]), and so is not read from a whole one either.
#[derive(Debug, Default)]
struct Run {
    /// Its length as written; 0 in markup.
    bytes: usize,
    /// How long the text of the leaf was before it.
    begin: usize,
    /// True where text may go on.
    open: bool,
}

impl Run {
    /// Takes in the next event; `read` is the length of the leaf's text before it.
    fn follow(&mut self, event: &Event<'_>, read: usize) {
        let (bytes, open) = match event {
            Event::Text(text) => (text.len(), true),
            // With its `&` and `;`.
            Event::GeneralRef(entity) => (entity.len() + 2, true),
            Event::CData(text) => (text.len(), false),
            _ => (0, false),
        };
        if !(self.open && open) {
            *self = Self { bytes: 0, begin: read, open };
        }
        self.bytes += bytes;
    }
}

/// What was read so far.
#[derive(Debug, Default)]
struct Message<'a> {
    path: Vec<Node>,
    rooted: bool,
    text: Cow<'a, str>,
    run: Run,
    envelope: EnvelopeRow<'a>,
    recipients: Vec<RecipientRow<'a>>,
    field: (Option<Cow<'a, str>>, Option<Cow<'a, str>>),
    custom_fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    offset: Option<Cow<'a, str>>,
}

impl<'a> Message<'a> {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), Unreadable> {
        let node = match self.path.last() {
            Some(parent) => parent.child(local(element.name().0)),
            None => self.root(element)?,
        };
        if self.path.len() >= XML_DEPTH_MAX {
            return Err(Unreadable::TooDeep);
        }
        match node {
            Node::RecipientStatus if self.recipients.len() == RECIPIENTS_MAX => {
                return Err(Unreadable::TooManyRecipients);
            }
            Node::RecipientStatus => self.recipients.push(RecipientRow::default()),
            node if node.is_leaf() => self.text = Cow::Borrowed(""),
            _ => {}
        }
        self.path.push(node);
        Ok(())
    }

    fn root(&mut self, element: &BytesStart<'_>) -> Result<Node, Unreadable> {
        match local(element.name().0) {
            _ if self.rooted => Err(Unreadable::RootUnknown),
            "DocuSignEnvelopeInformation" => {
                self.rooted = true;
                Ok(Node::Root)
            }
            "Envelope" if SOAP.iter().any(|soap| element.attributes_raw().contains(soap)) => {
                Err(Unreadable::Soap)
            }
            _ => Err(Unreadable::RootUnknown),
        }
    }

    fn reads_text(&self) -> bool {
        self.path.last().is_some_and(|node| node.is_leaf())
    }

    fn text(
        &mut self,
        text: impl FnOnce() -> Cow<'a, str>,
        broken: impl FnOnce() -> Unreadable,
    ) -> Result<(), Unreadable> {
        if self.reads_text() {
            self.push(text());
        } else if self.path.is_empty() && !text().trim().is_empty() {
            return Err(broken());
        }
        Ok(())
    }

    /// Adds to the text of the present leaf; what is too long to be kept is cut just above the bound, where
    /// [`told`] drops it.
    fn push(&mut self, piece: Cow<'a, str>) {
        if self.run.bytes > TEXT_BYTES_MAX {
            if self.text.len() > self.run.begin {
                self.text.to_mut().truncate(self.run.begin);
            }
        } else if self.text.is_empty() {
            self.text = piece;
        } else if self.text.len() <= TEXT_BYTES_MAX {
            self.text.to_mut().push_str(&piece);
        }
    }

    fn close(&mut self) -> Result<(), Unreadable> {
        let Some(node) = self.path.pop() else { return Err(Unreadable::RootUnknown) };
        match node {
            Node::Envelope(leaf) => {
                let text = self.take_text();
                self.envelope.put(leaf, text);
            }
            Node::Recipient(leaf) => {
                let text = self.take_text();
                if let Some(row) = self.recipients.last_mut() {
                    row.put(leaf, text);
                }
            }
            Node::FieldName => self.field.0 = self.take_text(),
            Node::FieldValue => self.field.1 = self.take_text(),
            Node::CustomField => {
                if let (Some(name), value) = std::mem::take(&mut self.field)
                    && self.custom_fields.len() < CUSTOM_FIELDS_MAX
                {
                    self.custom_fields.push((name, value.unwrap_or_default()));
                }
            }
            Node::TimeZoneOffset => self.offset = self.take_text(),
            _ => {}
        }
        Ok(())
    }

    fn take_text(&mut self) -> Option<Cow<'a, str>> {
        told(std::mem::take(&mut self.text))
    }

    fn finish(mut self, zone: Option<&TimeZone>, body: &[u8]) -> Result<ConnectEvent<'a>, Unreadable> {
        if !self.path.is_empty() || !self.rooted {
            return Err(Unreadable::XmlTruncated);
        }
        let told_zone = self.offset.take().and_then(|hours| fixed(&hours));
        let zone = told_zone.as_ref().or(zone);
        let id = self.envelope.take(EnvelopeLeaf::Id).ok_or(Unreadable::NoEnvelope)?;
        let generated = self.envelope.take(EnvelopeLeaf::TimeGenerated);
        let generated_at = generated.and_then(|text| Moment::parse(&text, zone));
        let account = self.custom_fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("AccountId"));
        let account_id = account.map(|(_, id)| id.clone()).filter(|id| !id.is_empty());
        Ok(ConnectEvent {
            format: Format::Xml,
            event: None,
            account_id,
            object: Object::Envelope(id),
            generated_at,
            recipient_id: None,
            reassigned_recipient_id: None,
            envelope: Some(self.envelope(zone)),
            content_digest: generated_at.is_none().then(|| content_digest(body)),
        })
    }

    fn envelope(self, zone: Option<&TimeZone>) -> Envelope<'a> {
        use EnvelopeLeaf as L;
        let mut row = self.envelope;
        let mut at = |leaf| row.take(leaf).and_then(|text| Moment::parse(&text, zone));
        let times = Envelope {
            created_at: at(L::Created),
            sent_at: at(L::Sent),
            delivered_at: at(L::Delivered),
            signed_at: at(L::Signed),
            completed_at: at(L::Completed),
            declined_at: at(L::Declined),
            voided_at: at(L::Voided).or(at(L::TimedOut)),
            deleted_at: at(L::Deleted),
            ..Envelope::default()
        };
        let recipients = self.recipients.into_iter().filter_map(|row| recipient(row, zone)).collect();
        Envelope {
            status: row.take(L::Status),
            subject: row.take(L::Subject),
            voided_reason: row.take(L::VoidReason),
            recipients,
            custom_fields: self.custom_fields,
            ..times
        }
    }
}

/// A recipient without an id cannot be told from others: it is left out.
fn recipient<'a>(mut row: RecipientRow<'a>, zone: Option<&TimeZone>) -> Option<Recipient<'a>> {
    use RecipientLeaf as L;
    let id = row.take(L::Id)?;
    let mut at = |leaf| row.take(leaf).and_then(|text| Moment::parse(&text, zone));
    let (sent_at, delivered_at) = (at(L::Sent), at(L::Delivered));
    let (signed_at, declined_at) = (at(L::Signed), at(L::Declined));
    Some(Recipient {
        id,
        kind: row.take(L::Kind).unwrap_or_default(),
        name: row.take(L::Name),
        email: row.take(L::Email),
        routing_order: row.take(L::RoutingOrder).and_then(|order| order.parse().ok()),
        status: row.take(L::Status),
        sent_at,
        delivered_at,
        signed_at,
        declined_at,
        declined_reason: row.take(L::DeclineReason),
        autoresponded_reason: row.take(L::AutoRespondedReason),
    })
}

/// The zone of `TimeZoneOffset`: hours, as in `-7`; a fraction (`5.5`) is read too. The offset follows daylight
/// saving by itself, so `TimeZone`, a Windows name, is not needed.
fn fixed(hours: &str) -> Option<TimeZone> {
    let hours: f64 = hours.parse().ok().filter(|hours: &f64| hours.abs() <= 15.0)?;
    #[allow(clippy::cast_possible_truncation)] // at most 15 * 3600
    let seconds = (hours * 3600.0).round() as i32;
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

//! Steps written down as Connect sends them, in its three formats, with the headers that come along.

mod json;
mod xml;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::connect::signature::sign;

use super::life::Step;
use super::shape::Include;

/// The format of a configuration's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One message for each event (`deliveryMode: SIM`).
    Json,
    /// The envelope as it stands, as JSON.
    JsonAggregate,
    /// The envelope as it stands, as legacy XML.
    Xml,
}

impl Format {
    /// The format's word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonAggregate => "json-aggregate",
            Self::Xml => "xml",
        }
    }

    /// The format with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Json, Self::JsonAggregate, Self::Xml].into_iter().find(|format| format.word() == word)
    }

    /// The `Content-Type` of its messages.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::JsonAggregate => "application/json; charset=utf-8",
            Self::Xml => "text/xml; charset=utf-8",
        }
    }
}

/// A Connect configuration: how its messages look.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The format.
    pub format: Format,
    /// Its number, in JSON messages.
    pub id: u64,
    /// Whether single events carry `envelopeSummary` (`includeData` is not empty).
    pub summary: bool,
    /// The sections that the summary tells (`includeData`); with [`Self::document_bytes`], `documents` as well.
    pub include: Include,
    /// Whether XML carries the account as custom fields (`includeSenderAccountasCustomField`).
    pub account_fields: bool,
    /// Whether XML names its zone (`includeTimeZoneInformation`). The times are Pacific in any case.
    pub time_zone: bool,
    /// Bytes of each document inside the message (`documents`); 0 for none.
    pub document_bytes: usize,
}

impl Configuration {
    /// What DocuSign's own forms suggest, in `format`.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            id: 10_363_315,
            summary: true,
            include: Include { recipients: true, custom_fields: true, ..Include::default() },
            account_fields: true,
            time_zone: true,
            document_bytes: 0,
        }
    }
}

/// One message of a configuration: a step and how often it was tried before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it tells. In a snapshot format, the last step of its act.
    pub step: Step,
    /// How often it was tried before.
    pub retry_count: u32,
    /// True where a second configuration of the same account tells the same.
    pub second_configuration: bool,
}

impl Message {
    /// The first try of a step.
    pub fn first(step: Step) -> Self {
        Self { step, retry_count: 0, second_configuration: false }
    }

    /// The same message as `X-DocuSign-…` and a body. The same message is the same bytes, always.
    pub fn body(&self, configuration: &Configuration) -> Vec<u8> {
        match configuration.format {
            Format::Json => json::single_event(self, configuration),
            Format::JsonAggregate => json::aggregate(self, configuration),
            Format::Xml => xml::snapshot(self, configuration),
        }
    }

    /// The account that the headers name.
    pub fn account_id(&self) -> Uuid {
        self.step.subject.account().id
    }

    fn configuration_id(&self, configuration: &Configuration) -> u64 {
        configuration.id + u64::from(self.second_configuration)
    }

    /// When it was made. A snapshot is made some twenty seconds after what it tells (measured in XML of 2014 to
    /// 2020), and later for a second configuration; a single event at once, and once for all.
    fn generated_at(&self, format: Format) -> Timestamp {
        let lag = match format {
            Format::Json => return self.step.generated_at,
            Format::JsonAggregate | Format::Xml => 20 + i64::from(self.second_configuration),
        };
        let at = self.step.generated_at;
        at.checked_add(SignedDuration::from_secs(lag)).unwrap_or(at)
    }
}

/// What an account is subscribed to in the snapshot formats, by event (connect.md §4, legacy names).
fn is_in_snapshots(event: &str) -> bool {
    matches!(
        event,
        "envelope-sent"
            | "envelope-delivered"
            | "envelope-completed"
            | "envelope-declined"
            | "envelope-voided"
            | "recipient-sent"
            | "recipient-autoresponded"
            | "recipient-delivered"
            | "recipient-completed"
            | "recipient-declined"
            | "recipient-authenticationfailed"
    )
}

/// Turns a life's steps into messages of one format: each step is one, or, for snapshots, each act that changed
/// something subscribed is one, told as things stand at its end.
#[derive(Debug)]
pub struct Messages<I> {
    steps: I,
    format: Format,
}

impl<I: Iterator<Item = Step>> Messages<I> {
    /// The messages about these steps.
    pub fn of(steps: I, format: Format) -> Self {
        Self { steps, format }
    }
}

impl<I: Iterator<Item = Step>> Iterator for Messages<I> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let mut changed = false;
        for step in self.steps.by_ref() {
            if self.format == Format::Json {
                return Some(Message::first(step));
            }
            changed |= is_in_snapshots(step.event);
            if changed && step.settled {
                return Some(Message::first(step));
            }
        }
        None
    }
}

/// One header for each key, as many as an account has active: `X-DocuSign-Signature-1`, `-2`, …
pub fn signatures(keys: &[SecretString], body: &[u8]) -> Vec<(String, String)> {
    let numbered = (1..).zip(keys);
    numbered.map(|(n, key)| (format!("X-DocuSign-Signature-{n}"), sign(key.expose_secret(), body))).collect()
}

/// Documents' bytes of a size, in base64: a PDF's first line and then noise that does not shrink.
fn padding(bytes: usize, seed: u128) -> String {
    let mut content = b"%PDF-1.7\n".to_vec();
    content.truncate(bytes);
    let mut state = seed as u64 | 1;
    while content.len() < bytes {
        // xorshift64: the same document is the same bytes.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let take = (bytes - content.len()).min(8);
        content.extend_from_slice(&state.to_le_bytes()[..take]);
    }
    STANDARD.encode(content)
}

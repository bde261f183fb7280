//! A piece of the chain for a third party: one signing request's records with all that it takes to check them.
//!
//! A segment runs from a record of the signing request to the next checkpoint. Records of others in it are there as
//! digests only: enough for the links, and nothing about anybody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::DeliveryId;
use crate::connect::signature::{Keys, SignedBy, signed_by};

use super::chain::{Checkpoint, Digest32, Link, hex, record_digest, sha256, unhex};
use super::record::{DeliveryRecord, Pruned, PrunedRecord, Record, headers_digest};
use super::report::{Fault, Finding, KeyUse, Report};
use super::verify::Known;

/// What [`Document::format`] says of a file that this version writes and reads.
pub const FORMAT: &str = "countersign-evidence-1";

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`FORMAT`].
    pub format: String,
    /// When it was written.
    pub made_at: Timestamp,
    /// The signing request that it is about.
    pub signing_request: String,
    /// Pieces of the chain, in its order.
    pub segments: Vec<Segment>,
}

/// Records that follow one another, the last of them a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The number of the first.
    pub first: u64,
    /// The link of the record before it, in hex digits.
    pub before: String,
    /// The records.
    pub entries: Vec<Entry>,
}

/// A record of a segment: `digest` alone where it is about something else, else `record`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its digest, in hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its bytes, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The same in words: [`Record::reads`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Value>,
    /// The delivery's headers as kept; absent once pruned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<(String, String)>>,
    /// Its bytes as received, in base64; absent once pruned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Entry {
    /// A record about something else.
    pub fn digest(record: &[u8]) -> Self {
        Self { digest: Some(hex(&record_digest(record))), ..Self::default() }
    }

    /// A record, in full.
    pub fn record(bytes: &[u8], record: &Record) -> Self {
        Self { record: Some(STANDARD.encode(bytes)), reads: Some(record.reads()), ..Self::default() }
    }

    /// The same with what was received.
    pub fn with(mut self, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        self.headers = Some(headers);
        self.body = Some(STANDARD.encode(body));
        self
    }
}

/// Examines a file. With `connect_keys`, DocuSign's signatures are verified too.
pub fn examine(document: &Document, known: &Known, connect_keys: Option<&Keys>) -> Report {
    let mut examiner =
        Examiner { known, connect_keys, report: Report::default(), link: None, open: Vec::new() };
    let mut last = 0;
    for segment in &document.segments {
        if segment.first <= last {
            examiner.add(
                Fault::Reordered,
                (segment.first, segment.first),
                None,
                "it stands behind later ones",
            );
        }
        last = segment.first + (segment.entries.len() as u64).saturating_sub(1);
        examiner.segment(segment);
    }
    examiner.finish()
}

struct Examiner<'a> {
    known: &'a Known,
    connect_keys: Option<&'a Keys>,
    report: Report,
    link: Option<Link>,
    /// Deliveries without their contents, which a notice has yet to explain.
    open: Vec<(u64, DeliveryId)>,
}

impl Examiner<'_> {
    fn add(&mut self, fault: Fault, (first, last): (u64, u64), delivery: Option<DeliveryId>, what: &str) {
        self.report.add(Finding { fault, first, last, delivery, what: what.to_owned() });
    }

    fn segment(&mut self, segment: &Segment) {
        self.link = unhex(&segment.before).map(Link);
        if self.link.is_none() {
            self.add(Fault::Changed, (segment.first, segment.first), None, "the link before it is no link");
        }
        if self.report.first == 0 {
            self.report.first = segment.first;
        }
        let mut unsigned = segment.first;
        for (number, entry) in (segment.first..).zip(&segment.entries) {
            self.report.records += 1;
            self.report.last = number;
            let (digest, record) = self.open_entry(number, entry);
            if let Some(Record::Checkpoint(checkpoint)) = &record
                && self.checkpoint(checkpoint, unsigned)
            {
                unsigned = number + 1;
            }
            self.link = self.link.zip(digest).map(|(link, digest)| link.after(&digest));
            if let (Some(noted), Some(link)) = (self.known.links.get(&number), self.link)
                && *noted != link
            {
                let what = "its link is not the one that was noted down";
                self.add(Fault::Rewritten, (number, number), None, what);
            }
        }
        if unsigned <= self.report.last {
            let what = "no checkpoint that counts signs for it";
            self.add(Fault::Unsigned, (unsigned, self.report.last), None, what);
        }
    }

    /// The digest of an entry's record, and the record where it is there in full and in its place.
    fn open_entry(&mut self, number: u64, entry: &Entry) -> (Option<Digest32>, Option<Record>) {
        let at = (number, number);
        let Some(text) = &entry.record else {
            let digest = entry.digest.as_deref().and_then(unhex);
            if digest.is_none() {
                self.add(Fault::Changed, at, None, "its digest is no digest");
            }
            return (digest, None);
        };
        let Ok(bytes) = STANDARD.decode(text) else {
            self.add(Fault::Changed, at, None, "it is no base64");
            return (None, None);
        };
        let digest = Some(record_digest(&bytes));
        let record = match Record::decode(&bytes) {
            Ok(record) if record.number() == number => record,
            Ok(record) => {
                self.add(Fault::Reordered, at, record.delivery(), "another record stands in its place");
                return (digest, None);
            }
            Err(why) => {
                self.add(Fault::Changed, at, None, &format!("it cannot be read: {why}"));
                return (digest, None);
            }
        };
        if entry.reads.as_ref().is_some_and(|reads| *reads != record.reads()) {
            self.add(Fault::Changed, at, record.delivery(), "its bytes say something else than its words");
        }
        match &record {
            Record::Delivery(delivery) => self.delivery(delivery, entry),
            Record::Pruned(notice) => self.explain(notice),
            Record::Resolution(_) | Record::Checkpoint(_) => {}
        }
        (digest, Some(record))
    }

    fn delivery(&mut self, record: &DeliveryRecord, entry: &Entry) {
        let (at, id) = ((record.number, record.number), Some(record.id));
        self.report.deliveries += 1;
        let (Some(headers), Some(body)) = (&entry.headers, &entry.body) else {
            self.open.push((record.number, record.id));
            return;
        };
        if headers_digest(headers) != record.headers {
            self.add(Fault::HeadersChanged, at, id, "its headers are not those that were received");
        }
        let body = match STANDARD.decode(body) {
            Ok(body) if sha256(&[&body]) == record.body && body.len() as u64 == record.body_bytes => body,
            Ok(_) => {
                return self.add(Fault::BodyChanged, at, id, "its bytes are not those that were received");
            }
            Err(_) => return self.add(Fault::BodyChanged, at, id, "its bytes are no base64"),
        };
        self.report.bodies += 1;
        // What DocuSign answered to a call has no signature that could be checked.
        let Some(keys) = self.connect_keys.filter(|_| record.signed_by != SignedBy::NOBODY) else { return };
        match signed_by(headers, &keys.digests(&body)) {
            Ok(signed) if signed == record.signed_by => self.report.hmacs += 1,
            Ok(_) => {
                let what = "DocuSign's signature is by another key or in another header than the record says";
                self.add(Fault::HmacWrong, at, id, what);
            }
            Err(refusal) => {
                let what = format!("DocuSign's signature does not verify by the keys given: {refusal}");
                self.add(Fault::HmacWrong, at, id, &what);
            }
        }
    }

    fn explain(&mut self, notice: &PrunedRecord) {
        if notice.what == Pruned::Deliveries {
            let told =
                |number: u64| notice.runs.iter().any(|(first, last)| (*first..=*last).contains(&number));
            let before = self.open.len();
            self.open.retain(|(number, _)| !told(*number));
            self.report.pruned += (before - self.open.len()) as u64;
        }
    }

    /// Whether it counts: then all of the segment up to it is as it was signed for.
    fn checkpoint(&mut self, checkpoint: &Checkpoint, unsigned: u64) -> bool {
        let at = (checkpoint.number, checkpoint.number);
        if !checkpoint.is_authentic() {
            let what = format!("the checkpoint's signature is not that of the key {}", checkpoint.key);
            self.add(Fault::SignatureWrong, at, None, &what);
            return false;
        }
        let pinned = self.known.keys.contains(&checkpoint.key);
        let used = self.report.keys.iter_mut().find(|used| used.public_key == checkpoint.key);
        match used {
            Some(used) => (used.checkpoints, used.last) = (used.checkpoints + 1, checkpoint.number),
            None => self.report.keys.push(KeyUse {
                public_key: checkpoint.key,
                pinned,
                checkpoints: 1,
                first: checkpoint.number,
                last: checkpoint.number,
            }),
        }
        if !pinned && !self.known.keys.is_empty() {
            let what =
                format!("it is signed by the key {}, which is none of those that you know", checkpoint.key);
            self.add(Fault::KeyUnknown, at, None, &what);
            return false;
        }
        if self.link != Some(checkpoint.link) {
            let what =
                format!("one of them, or the link before them, is not what checkpoint {} signed for", at.0);
            self.add(Fault::Changed, (unsigned, checkpoint.covers().max(unsigned)), None, &what);
            // What follows is held against what was signed.
            self.link = Some(checkpoint.link);
        }
        self.report.signed_through = checkpoint.covers();
        true
    }

    fn finish(mut self) -> Report {
        for (number, id) in std::mem::take(&mut self.open) {
            let what = "what was received is not in the file, and no notice says that it was pruned";
            self.add(Fault::BodyRemoved, (number, number), Some(id), what);
        }
        self.report
    }
}

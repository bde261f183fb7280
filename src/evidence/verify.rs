//! Examining a chain, record by record: finds what was changed, removed or reordered, and names it.
//!
//! After a fault the examination goes on behind it, so that one changed record does not hide a second one. It keeps
//! no more in memory than what is still open: runs of missing deliveries, and quarantines whose end is yet to come.

use std::collections::{BTreeMap, HashMap};

use crate::base::DeliveryId;

use super::chain::{Checkpoint, Link, PublicKey, record_digest};
use super::kept::Kept;
use super::record::{DeliveryRecord, Pruned, PrunedRecord, Record};
use super::report::{Fault, Finding, KeyUse, Report};

/// What the examiner knows from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Keys whose checkpoints count; with none, those of any key do, and the report says so.
    pub keys: Vec<PublicKey>,
    /// Links that were noted down, by the number of their record: from logs, or from a checkpoint seen earlier.
    pub links: BTreeMap<u64, Link>,
}

/// An examination under way.
#[derive(Debug, Default)]
pub struct Verifier {
    known: Known,
    report: Report,
    /// The number of the record before.
    last: Option<u64>,
    /// What its link may have been: as stored, and as computed where the two differ.
    before: Vec<Link>,
    /// Whether its link is not known for sure: behind a gap, or behind a record that stands in the wrong place.
    open: bool,
    /// Up to where chained notices say that records were pruned.
    pruned_through: u64,
    /// Records of deliveries that are no longer kept, as runs; what notices explain is taken out again.
    gone: Vec<(u64, u64)>,
    /// Deliveries whose row tells of a resolution that has not been read yet.
    unresolved: HashMap<DeliveryId, u64>,
    keys: BTreeMap<PublicKey, KeyUse>,
    /// The number of the last sound checkpoint.
    signed: u64,
}

impl Verifier {
    /// Begins an examination.
    pub fn new(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    fn add(&mut self, fault: Fault, number: u64, delivery: Option<DeliveryId>, what: impl Into<String>) {
        self.report.add(Finding { fault, first: number, last: number, delivery, what: what.into() });
    }

    /// Takes the next record as it is stored, in the order of numbers; the record where it can be read.
    pub fn take(&mut self, number: u64, bytes: &[u8], link: Link) -> Option<Record> {
        self.report.records += 1;
        self.check_number(number);
        let record = Record::decode(bytes);
        let delivery = record.as_ref().ok().and_then(Record::delivery);
        let digest = record_digest(bytes);
        let moved = record.as_ref().is_ok_and(|record| record.number() != number);
        let authentic = match &record {
            Ok(Record::Checkpoint(checkpoint)) if !moved => self.check_signature(checkpoint),
            _ => false,
        };
        if let (Ok(Record::Checkpoint(checkpoint)), true) = (&record, authentic) {
            self.hold_against_signed(checkpoint);
        }
        let follows = self.before.iter().any(|before| before.after(&digest) == link);
        let computed = self.before.first().map(|before| before.after(&digest));
        match &record {
            Ok(record) if moved => {
                self.add(Fault::Reordered, number, delivery, moved_here(record.number(), number));
            }
            Err(why) => self.add(Fault::Changed, number, None, format!("it cannot be read: {why}")),
            Ok(_) if !follows && !self.open => {
                let what =
                    "it does not follow from the record before: one of the two, or a link, was changed";
                self.add(Fault::Changed, number, delivery, what);
            }
            Ok(_) => {}
        }
        self.before = vec![link];
        self.open = moved;
        if !follows {
            self.before.extend(computed);
        }
        self.check_noted(number, link);
        self.last = Some(number);
        self.report.last = number;
        let record = record.ok().filter(|_| !moved)?;
        self.follow(&record, authentic);
        Some(record)
    }

    /// Numbers count up by one; what a chain begins with is looked at in the end.
    fn check_number(&mut self, number: u64) {
        match self.last {
            None => {
                self.report.first = number;
                self.before = if number == 1 { vec![Link::ORIGIN] } else { Vec::new() };
                self.open = number != 1;
            }
            Some(last) if number == last + 1 => {}
            Some(last) if number > last + 1 => {
                let what = if number == last + 2 { "it is missing" } else { "they are missing" };
                self.report.add(Finding {
                    fault: Fault::Removed,
                    first: last + 1,
                    last: number - 1,
                    delivery: None,
                    what: what.into(),
                });
                (self.before, self.open) = (Vec::new(), true);
            }
            Some(last) => {
                self.add(Fault::Reordered, number, None, format!("it stands behind record {last}"));
                (self.before, self.open) = (Vec::new(), true);
            }
        }
    }

    fn check_signature(&mut self, checkpoint: &Checkpoint) -> bool {
        if !checkpoint.is_authentic() {
            let what = format!("the checkpoint's signature is not that of the key {}", checkpoint.key);
            self.add(Fault::SignatureWrong, checkpoint.number, None, what);
            return false;
        }
        let pinned = self.known.keys.contains(&checkpoint.key);
        if !pinned && !self.known.keys.is_empty() {
            let what = format!(
                "the checkpoint is signed by the key {}, which is none of those that you know",
                checkpoint.key
            );
            self.add(Fault::KeyUnknown, checkpoint.number, None, what);
        }
        let used = self.keys.entry(checkpoint.key).or_insert(KeyUse {
            public_key: checkpoint.key,
            pinned,
            checkpoints: 0,
            first: checkpoint.number,
            last: 0,
        });
        used.checkpoints += 1;
        used.last = checkpoint.number;
        pinned || self.known.keys.is_empty()
    }

    /// What a sound checkpoint says of the link before it is believed over what is stored.
    fn hold_against_signed(&mut self, checkpoint: &Checkpoint) {
        if !self.before.contains(&checkpoint.link) && !self.open {
            self.report.add(Finding {
                fault: Fault::Rewritten,
                first: self.report.signed_through + 1,
                last: checkpoint.covers(),
                delivery: None,
                what: format!(
                    "they follow from one another, but are not what checkpoint {} signed for: one of them was changed \
                     and the links after it made anew",
                    checkpoint.number
                ),
            });
        }
        (self.before, self.open) = (vec![checkpoint.link], false);
    }

    fn check_noted(&mut self, number: u64, link: Link) {
        if self.known.links.get(&number).is_some_and(|noted| *noted != link) {
            let what =
                "its link is not the one that was noted down: it, or something before it, was rewritten";
            self.add(Fault::Rewritten, number, None, what);
        }
    }

    fn follow(&mut self, record: &Record, authentic: bool) {
        match record {
            Record::Delivery(_) => self.report.deliveries += 1,
            Record::Checkpoint(checkpoint) if authentic => {
                self.signed = checkpoint.number;
                self.report.signed_through = checkpoint.covers();
            }
            Record::Pruned(pruned) => self.explain(pruned),
            Record::Resolution(resolution) => {
                self.unresolved.remove(&resolution.id);
            }
            Record::Checkpoint(_) => {}
        }
    }

    /// A notice explains what is missing before it, and nothing that comes later.
    fn explain(&mut self, notice: &PrunedRecord) {
        let before = |(first, last): &(u64, u64)| (*first, (*last).min(notice.number.saturating_sub(1)));
        match notice.what {
            Pruned::Records => {
                let through = notice.runs.iter().map(before).map(|(_, last)| last).max().unwrap_or(0);
                self.pruned_through = self.pruned_through.max(through);
            }
            Pruned::Deliveries => {
                for run in notice.runs.iter().map(before) {
                    self.report.pruned += take_out(&mut self.gone, run);
                }
            }
        }
    }

    /// Holds what is kept of a delivery against a record of it. Called for each record of a delivery or resolution, or
    /// for none where nothing but the chain is examined.
    pub fn hold(&mut self, record: &Record, kept: &Kept) {
        match (record, kept) {
            (Record::Delivery(record), Kept::Gone) => add_run(&mut self.gone, record.number),
            (Record::Delivery(record), Kept::Row(row)) => {
                let differs = row.differs_from(record);
                if row.was_resolved(record) {
                    self.unresolved.insert(record.id, record.number);
                }
                self.note_row(record.number, record.id, &differs);
                match &row.contents {
                    None => add_run(&mut self.gone, record.number),
                    Some(contents) => self.hold_contents(record, contents),
                }
            }
            (Record::Resolution(record), Kept::Row(row)) => {
                self.note_row(record.number, record.id, &row.differs_from_resolution(record));
            }
            _ => {}
        }
    }

    fn note_row(&mut self, number: u64, id: DeliveryId, differs: &[&str]) {
        if !differs.is_empty() {
            let what = format!("the delivery's row differs from it in {}", differs.join(", "));
            self.add(Fault::RowChanged, number, Some(id), what);
        }
    }

    fn hold_contents(&mut self, record: &DeliveryRecord, contents: &super::kept::Contents) {
        let (number, id) = (record.number, Some(record.id));
        if contents.headers != record.headers {
            self.add(Fault::HeadersChanged, number, id, "its headers are not those that were received");
        }
        match &contents.body {
            Ok(digest) if *digest == record.body => self.report.bodies += 1,
            Ok(_) => self.add(Fault::BodyChanged, number, id, "its bytes are not those that were received"),
            Err(why) => self.add(Fault::BodyChanged, number, id, format!("its bytes cannot be read: {why}")),
        }
    }

    /// Notes a row that no record tells of.
    pub fn stray(&mut self, delivery: DeliveryId) {
        self.add(Fault::RowAdded, 0, Some(delivery), "it has a row, but no record tells of it");
    }

    /// Ends the examination.
    pub fn finish(mut self) -> Report {
        let last = self.last.unwrap_or(0);
        let begins = if last == 0 { 1 } else { self.report.first };
        if begins > self.pruned_through + 1 {
            self.report.add(Finding {
                fault: Fault::Removed,
                first: self.pruned_through + 1,
                last: begins - 1,
                delivery: None,
                what: "the chain begins behind them, and no notice says that they were pruned".into(),
            });
        }
        for (first, last) in std::mem::take(&mut self.gone) {
            let what = "what was received is no longer there, and no notice says that it was pruned";
            self.report.add(Finding {
                fault: Fault::BodyRemoved,
                first,
                last,
                delivery: None,
                what: what.into(),
            });
        }
        let mut unresolved: Vec<_> = self.unresolved.drain().collect();
        unresolved.sort_by_key(|(_, number)| *number);
        for (id, number) in unresolved {
            let what = "its row says that its quarantine ended, and no record tells of that";
            self.add(Fault::RowChanged, number, Some(id), what);
        }
        if let Some((noted, _)) = self.known.links.last_key_value().filter(|(noted, _)| **noted > last) {
            let (first, last) = (last + 1, *noted);
            let what = "the chain ends before them, though it is known to have reached there";
            self.report.add(Finding {
                fault: Fault::Truncated,
                first,
                last,
                delivery: None,
                what: what.into(),
            });
        }
        // A checkpoint needs none behind it.
        self.report.unsigned = last.saturating_sub(self.signed);
        self.report.keys = self.keys.into_values().collect();
        self.report
    }
}

fn moved_here(own: u64, place: u64) -> String {
    if own > place {
        format!("in its place stands one from {} further on", own - place)
    } else {
        format!("in its place stands one from {} further back", place - own)
    }
}

fn add_run(runs: &mut Vec<(u64, u64)>, number: u64) {
    match runs.last_mut() {
        Some((_, last)) if *last + 1 == number => *last = number,
        _ => runs.push((number, number)),
    }
}

/// Takes a run out of others; how many numbers were in them.
fn take_out(runs: &mut Vec<(u64, u64)>, (from, to): (u64, u64)) -> u64 {
    let mut taken = 0;
    let mut left = Vec::with_capacity(runs.len() + 1);
    for (first, last) in runs.drain(..) {
        if last < from || first > to {
            left.push((first, last));
            continue;
        }
        taken += last.min(to) - first.max(from) + 1;
        if first < from {
            left.push((first, from - 1));
        }
        if last > to {
            left.push((to + 1, last));
        }
    }
    *runs = left;
    taken
}

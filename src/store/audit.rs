//! Reading the chain of evidence: examining it together with all that is still kept, and taking pieces out of it.
//!
//! Works beside a running server: it reads page by page, without one long snapshot that would let the write-ahead log
//! grow. What is pruned meanwhile is excused by a notice further on, which is read before the end.

use crate::base::{DeliveryId, SigningRequestId, limits};
use crate::evidence::file::{Entry, Segment};
use crate::evidence::kept::{Contents, KeptDelivery};
use crate::evidence::record::{Pruned, Says, headers_digest};
use crate::evidence::{Checkpoint, Head, Kept, Known, Link, Record, Report, Verifier};

use super::body::Large;
use super::evidence::{read_head, read_link};
use super::feed::signed;
use super::session::Session;
use super::{Error, Settings, body, open};

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its number.
    pub number: u64,
    /// Its bytes.
    pub record: Vec<u8>,
    /// Its link.
    pub link: Link,
}

/// A store opened to be examined only, whether or not a server has it open.
#[derive(Debug)]
pub struct Audit {
    session: Session,
    large: Large,
}

impl Audit {
    /// Opens the store; nothing is written to it.
    ///
    /// # Errors
    /// When there is no store, or it is none with a chain of evidence.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let (session, large) = open::open_to_read(&settings.place)?;
        read_head(&session)
            .map_err(|why| Error::Unavailable(format!("{why}; start a server of this version on it once")))?;
        Ok(Self { session, large })
    }

    /// Where the chain ends.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<Head, Error> {
        read_head(&self.session)
    }

    /// Examines the whole chain, and all that is kept of deliveries. `progress` is told how many records are done.
    ///
    /// # Errors
    /// When the store cannot be read. What is wrong in it is in the report.
    pub fn verify(&self, known: Known, mut progress: impl FnMut(u64)) -> Result<Report, Error> {
        let mut verifier = Verifier::new(known);
        let (mut after, mut first) = (0, None);
        loop {
            let page = records(&self.session, after, limits::EVIDENCE_PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            first = first.or(page.first().map(|row| row.number));
            for row in &page {
                let Some(record) = verifier.take(row.number, &row.record, row.link) else { continue };
                if let Some(id) = record.delivery() {
                    let kept = self.kept(id, matches!(record, Record::Delivery(_)))?;
                    verifier.hold(&record, &kept);
                }
            }
            progress(page.len() as u64);
        }
        let unchained = self.strays(first.unwrap_or(u64::MAX), &mut verifier)?;
        let mut report = verifier.finish();
        report.unchained = unchained;
        Ok(report)
    }

    /// What is kept of a delivery; its contents only where they are wanted.
    fn kept(&self, id: DeliveryId, with_contents: bool) -> Result<Kept, Error> {
        let found = self.session.row(
            "SELECT d.source, d.received_at, d.format, d.event, s.account, s.kind, s.id, d.outcome, d.reason, \
             d.body_bytes, d.changes, d.seq FROM deliveries d LEFT JOIN subjects s ON s.ref = d.subject_ref \
             WHERE d.id = ?1",
            &[id.0.as_bytes().as_slice().into()],
            |row| {
                let text = |column| row.text_maybe(column).map(Option::unwrap_or_default);
                let says = Says {
                    format: text(2)?,
                    event: text(3)?,
                    account: text(4)?,
                    kind: text(5)?,
                    subject: text(6)?,
                };
                let kept = KeptDelivery {
                    source: text(0)?,
                    received_at: row.time(1)?,
                    says,
                    outcome: text(7)?,
                    reason: text(8)?,
                    body_bytes: row.count(9)?,
                    changes: row.count(10)?,
                    contents: None,
                };
                Ok((kept, row.int(11)?))
            },
        )?;
        let Some((mut kept, seq)) = found else { return Ok(Kept::Gone) };
        if with_contents {
            kept.contents = self.contents(id, seq, kept.body_bytes)?;
        }
        Ok(Kept::Row(Box::new(kept)))
    }

    fn contents(&self, id: DeliveryId, seq: i64, length: u64) -> Result<Option<Contents>, Error> {
        let Some((headers, encoding, bytes)) = self.body_row(seq)? else { return Ok(None) };
        // Headers that are no longer readable have no digest that any record could have.
        let headers = serde_json::from_str::<Vec<(String, String)>>(&headers);
        let headers = headers.map_or([0; 32], |headers| headers_digest(&headers));
        let digest = body::digest(&self.session, encoding, bytes, length, &self.large, id);
        Ok(Some(Contents { headers, body: digest.map_err(|why| why.to_string()) }))
    }

    fn body_row(&self, seq: i64) -> Result<Option<(String, i64, Vec<u8>)>, Error> {
        self.session.row("SELECT headers, encoding, body FROM bodies WHERE seq = ?1", &[seq.into()], |row| {
            Ok((row.text(0)?, row.int(1)?, row.blob(2)?))
        })
    }

    /// Looks for rows of deliveries that no record tells of; how many are older than the chain.
    fn strays(&self, first: u64, verifier: &mut Verifier) -> Result<u64, Error> {
        let (mut after, mut unchained, mut begun) = (0, 0, false);
        loop {
            let page = self.session.rows(
                "SELECT d.seq, d.id, d.evidence, d.outcome, e.record FROM deliveries d \
                 LEFT JOIN evidence e ON e.number = d.evidence WHERE d.seq > ?1 ORDER BY d.seq LIMIT ?2",
                &[after.into(), signed(limits::EVIDENCE_PAGE as u64).into()],
                |row| Ok((row.int(0)?, row.uuid(1)?, row.count(2)?, row.text(3)?, row.blob(4)?)),
            )?;
            let Some(last) = page.last() else { return Ok(unchained) };
            after = last.0;
            for (_, id, number, outcome, record) in page {
                let id = DeliveryId(id);
                match Record::decode(&record) {
                    Ok(record) if record.delivery() == Some(id) => begun = true,
                    Ok(record) if record.number() == number => verifier.stray(id),
                    // What cannot be read, or stands in the wrong place, was named when the chain was read.
                    _ if !record.is_empty() => {}
                    _ if number == 0 && !begun => unchained += 1,
                    // Its record was pruned while it waited in quarantine, or it waited until lately.
                    _ if (1..first).contains(&number) && outcome != "accepted" => {}
                    _ => verifier.stray(id),
                }
            }
        }
    }

    /// Takes out all records about a signing request, segment by segment, with what is still kept of its deliveries.
    ///
    /// They are chosen by what the records themselves say, over the whole chain: an index could be changed without a
    /// trace.
    ///
    /// # Errors
    /// When the store cannot be read, or `each` fails.
    pub fn export<E: From<Error>>(
        &self,
        signing_request: &SigningRequestId,
        mut each: impl FnMut(Segment) -> Result<(), E>,
        mut progress: impl FnMut(u64),
    ) -> Result<(), E> {
        let mut choice = self.choice(signing_request)?;
        let mut open: Option<Segment> = None;
        let (mut after, mut before) = (0, Link::ORIGIN);
        loop {
            let page = records(&self.session, after, limits::EVIDENCE_PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for row in &page {
                let record = Record::decode(&row.record).ok();
                if let (None, Some(Record::Checkpoint(anchor)), true) =
                    (&open, &record, before == Link::ORIGIN)
                {
                    before = anchor.link;
                }
                let chosen =
                    record.filter(|record| choice.takes(record) || open.is_some() && is_checkpoint(record));
                if let Some(record) = chosen {
                    let segment = open.get_or_insert_with(|| Segment {
                        first: row.number,
                        before: before.to_string(),
                        entries: Vec::new(),
                    });
                    segment.entries.push(self.entry(&row.record, &record)?);
                    if is_checkpoint(&record)
                        && let Some(whole) = open.take()
                    {
                        each(whole)?;
                    }
                } else if let Some(segment) = &mut open {
                    segment.entries.push(Entry::digest(&row.record));
                }
                before = row.link;
            }
            progress(page.len() as u64);
        }
        open.map_or(Ok(()), each)
    }

    fn entry(&self, bytes: &[u8], record: &Record) -> Result<Entry, Error> {
        let entry = Entry::record(bytes, record);
        let Record::Delivery(delivery) = record else { return Ok(entry) };
        let id = delivery.id;
        let seq = "SELECT seq FROM deliveries WHERE id = ?1";
        let seq = self.session.row(seq, &[id.0.as_bytes().as_slice().into()], |row| row.int(0))?;
        let kept = seq.map(|seq| self.body_row(seq)).transpose()?.flatten();
        let Some((headers, encoding, bytes)) = kept else { return Ok(entry) };
        let length = delivery.body_bytes;
        let damaged = |why: &dyn std::fmt::Display| {
            Error::Rejected(format!(
                "delivery {id} cannot be read: {why}; `countersign audit verify` tells more"
            ))
        };
        let headers = serde_json::from_str(&headers).map_err(|why| damaged(&why))?;
        let body = body::read_whole(&self.session, encoding, bytes, length, &self.large, id);
        Ok(entry.with(headers, &body.map_err(|why| damaged(&why))?))
    }

    /// Which deliveries are about a signing request because they were released as such.
    fn choice<'a>(&self, signing_request: &'a SigningRequestId) -> Result<Choice<'a>, Error> {
        let resolutions = "SELECT record FROM evidence WHERE kind = 2 ORDER BY number";
        let resolutions = self.session.rows(resolutions, &[], |row| row.blob(0))?;
        let released = resolutions.iter().filter_map(|record| match Record::decode(record).ok()? {
            Record::Resolution(end) if end.says.is_about(signing_request.as_str()) => Some(end.id),
            _ => None,
        });
        Ok(Choice { signing_request, released: released.collect(), numbers: Vec::new() })
    }
}

/// What belongs into a file about a signing request.
struct Choice<'a> {
    signing_request: &'a SigningRequestId,
    released: Vec<DeliveryId>,
    /// Records of deliveries that were taken: notices about them belong in it too.
    numbers: Vec<u64>,
}

impl Choice<'_> {
    fn takes(&mut self, record: &Record) -> bool {
        match record {
            Record::Delivery(delivery) => {
                let taken = delivery.says.is_about(self.signing_request.as_str())
                    || self.released.contains(&delivery.id);
                if taken {
                    self.numbers.push(delivery.number);
                }
                taken
            }
            Record::Resolution(end) => self.released.contains(&end.id),
            Record::Pruned(notice) => {
                let among =
                    |(first, last): &(u64, u64)| self.numbers.iter().any(|n| (*first..=*last).contains(n));
                notice.what == Pruned::Deliveries && notice.runs.iter().any(among)
            }
            Record::Checkpoint(_) => false,
        }
    }
}

fn is_checkpoint(record: &Record) -> bool {
    matches!(record, Record::Checkpoint(_))
}

/// Records after a number, in order.
pub(super) fn records(session: &Session, after: u64, limit: usize) -> Result<Vec<StoredRecord>, Error> {
    session.rows(
        "SELECT number, record, link FROM evidence WHERE number > ?1 ORDER BY number LIMIT ?2",
        &[signed(after).into(), signed(limit as u64).into()],
        |row| Ok(StoredRecord { number: row.count(0)?, record: row.blob(1)?, link: read_link(row, 2)? }),
    )
}

/// The newest checkpoint.
pub(super) fn last_checkpoint(session: &Session) -> Result<Option<Checkpoint>, Error> {
    let last = "SELECT record FROM evidence WHERE kind = 4 ORDER BY number DESC LIMIT 1";
    let record = session.row(last, &[], |row| row.blob(0))?;
    match record.map(|record| Record::decode(&record)) {
        Some(Ok(Record::Checkpoint(checkpoint))) => Ok(Some(checkpoint)),
        None => Ok(None),
        Some(_) => Err(Error::Rejected("the last checkpoint of the chain of evidence is damaged".into())),
    }
}

//! Replay: today's parser, mapping and state machine over stored bytes, against what was published then.
//!
//! A range chooses deliveries. Each signing request that they are about is told anew whole, from a fresh state and in
//! the order in which its messages were applied, for what a message means depends on those before it; what is
//! reported is what deliveries of the range tell. Bodies are read one at a time and lives one after another, so memory
//! holds one state, one life's changes and one body.

mod compare;

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use crate::base::{AccountId, ChangeId, DeliveryId, Position, Subject, limits};
use crate::signing::Origin;
use crate::signing::replay::{Difference, Published, Retold};
use crate::signing::state::Cause;
use crate::store::{self, Life, LifeRead, ReplayOrder, ReplayRange, Republished, Walked};

use super::Receiver;
use super::stored::{Reread, header};

use compare::{Compared, compare, in_order, is_whole};

/// Where a range of deliveries begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// With what began to arrive at this time; an end is before it.
    Time(Timestamp),
    /// With this delivery, at either end.
    Delivery(DeliveryId),
}

/// What to publish of what is found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Changes that are missing.
    pub missing: bool,
    /// Changes that say something else today.
    pub different: bool,
    /// These, whether missing, different or the same.
    pub ids: BTreeSet<ChangeId>,
}

/// One call of a replay.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The beginning; none for the oldest.
    pub from: Option<Bound>,
    /// The end; none for the newest.
    pub to: Option<Bound>,
    /// The number of the last delivery that the call before this one walked over; 0 to begin with.
    pub after: i64,
    /// What to publish; nothing for a dry run.
    pub publish: Choice,
}

/// What is wrong with a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Today's mapping makes it, and it was never published.
    Missing,
    /// It was published, and today's mapping would not make it. It cannot be unpublished.
    Extra,
    /// It says something else today.
    Different(Vec<Difference>),
}

/// A change that is not as it would be today.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What is wrong with it.
    pub verdict: Verdict,
    /// Its message id.
    pub id: ChangeId,
    /// The account.
    pub account: AccountId,
    /// What it is about.
    pub subject: Subject,
    /// Where it goes, or would go.
    pub routing_key: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Where it stands in the feed; none where it is missing.
    pub position: Option<Position>,
    /// Its sequence; none where it is missing.
    pub sequence: Option<u64>,
    /// The delivery that tells it.
    pub delivery_id: Option<DeliveryId>,
    /// True where this call has it published.
    pub published: bool,
}

/// Something that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `pruned`, `too_long`, `restless`, `unreadable` or `moved`.
    pub kind: &'static str,
    /// What it is about, where it is about one subject.
    pub subject: Option<(AccountId, Subject)>,
    /// The delivery concerned.
    pub delivery_id: Option<DeliveryId>,
    /// In words.
    pub why: String,
}

/// How much was looked at, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Deliveries of the range that were walked over.
    pub deliveries: u64,
    /// Of those, never applied: in quarantine, or dropped from it.
    pub unapplied: u64,
    /// Subjects compared.
    pub subjects: u64,
    /// Changes that are the same today.
    pub same: u64,
    /// Missing ones.
    pub missing: u64,
    /// Extra ones.
    pub extra: u64,
    /// Different ones.
    pub different: u64,
    /// Changes that wait to be published because of this call.
    pub published: u64,
}

/// What one call found.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Changes that are not as they would be today.
    pub findings: Vec<Finding>,
    /// What could not be compared.
    pub notes: Vec<Note>,
    /// Counts of this call.
    pub tally: Tally,
    /// Pass it as `after` for the rest; none where there is none.
    pub next: Option<i64>,
    /// Deliveries in the range, about.
    pub total: u64,
}

/// What can go wrong with a replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A large body's file cannot be read.
    #[error("the file of a large body cannot be read: {0}")]
    File(#[from] std::io::Error),
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.same += other.same;
        self.missing += other.missing;
        self.extra += other.extra;
        self.different += other.different;
    }
}

impl Bound {
    /// The least id at or after it.
    fn begins(self) -> DeliveryId {
        match self {
            Self::Delivery(id) => id,
            Self::Time(at) => {
                let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
                // Ids are time-ordered: the time comes first, then what is drawn.
                DeliveryId(uuid::Uuid::from_u128(u128::from(millis) << 80))
            }
        }
    }

    /// The least id that is beyond it.
    fn ends(self) -> DeliveryId {
        match self {
            Self::Delivery(id) => DeliveryId(uuid::Uuid::from_u128(id.0.as_u128().saturating_add(1))),
            Self::Time(_) => self.begins(),
        }
    }
}

/// Replays the next deliveries of a range, and publishes what is chosen of what is found.
///
/// # Errors
/// When the store or the file of a large body cannot be read or written. What was published before stays so; a
/// repeated call publishes none of it twice.
pub async fn replay(receiver: &Receiver, wanted: &Wanted) -> Result<Page, ReplayError> {
    let mut page = Page::default();
    let (from, to) = (wanted.from.map(Bound::begins), wanted.to.map(Bound::ends));
    let Some(range) = receiver.store.replay_range(from, to).await? else { return Ok(page) };
    page.total = u64::try_from(range.last - range.first + 1).unwrap_or(0);
    if wanted.after == 0 {
        page.notes.extend(cut(range, wanted.from));
    }
    let walked = receiver.store.walk(range, wanted.after, limits::REPLAY_PAGE).await?;
    let ended = walked.len() < limits::REPLAY_PAGE;
    let mut read = 0;
    for Walked { number, subject_ref, first, .. } in walked {
        page.tally.deliveries += 1;
        match subject_ref {
            None => page.tally.unapplied += 1,
            Some(subject_ref) if first => {
                read += one(receiver, subject_ref, range, &wanted.publish, &mut page).await?;
            }
            Some(_) => {}
        }
        page.next = (number < range.last).then_some(number);
        if read >= limits::REPLAY_READ_MAX {
            return Ok(page);
        }
    }
    if ended {
        page.next = None;
    }
    Ok(page)
}

/// Says so where a range reaches back to before what is kept.
fn cut(range: ReplayRange, from: Option<Bound>) -> Option<Note> {
    let since = range.kept_since?;
    let reaches_back = match from {
        None => true,
        Some(Bound::Time(from)) => from < since,
        Some(Bound::Delivery(_)) => false,
    };
    let why = format!("deliveries that came before {since} were pruned: the range begins there");
    reaches_back.then_some(Note { kind: "pruned", subject: None, delivery_id: None, why })
}

/// Replays one subject; how many deliveries were read again for it.
async fn one(
    receiver: &Receiver,
    subject_ref: i64,
    range: ReplayRange,
    choice: &Choice,
    page: &mut Page,
) -> Result<usize, ReplayError> {
    let note = |kind, account, subject, why: &str| Note {
        kind,
        subject: Some((account, subject)),
        delivery_id: None,
        why: why.to_owned(),
    };
    let life = match receiver.store.life(subject_ref).await? {
        None => return Ok(0),
        Some(LifeRead::TooLong(account, subject)) => {
            let why = "it has more deliveries or changes than are replayed together: it is not compared";
            page.notes.push(note("too_long", account, subject, why));
            return Ok(0);
        }
        Some(LifeRead::Restless(account, subject)) => {
            let why = "it changed with every look: it is not compared; try again in a moment";
            page.notes.push(note("restless", account, subject, why));
            return Ok(0);
        }
        Some(LifeRead::Whole(life)) => *life,
    };
    let published: Vec<Published> = life.changes.iter().cloned().map(Published::read).collect();
    let pruned = "deliveries at its beginning were pruned, and what came later cannot be read without them: it is not \
                  compared";
    if !is_whole(&life, &published) {
        page.notes.push(note("pruned", life.account, life.subject, pruned));
        return Ok(0);
    }
    let mut notes = Vec::new();
    let Some((retold, traces)) = retell(receiver, &life, &published, &mut notes).await? else {
        page.notes.push(note("pruned", life.account, life.subject, pruned));
        return Ok(0);
    };
    page.notes.append(&mut notes);
    page.tally.subjects += 1;
    let within = |id: Option<DeliveryId>| {
        let told = id.and_then(|id| life.deliveries.iter().find(|delivery| delivery.id == id));
        told.is_some_and(|delivery| (range.first..=range.last).contains(&delivery.number))
    };
    let Compared { mut findings, mut order, tally } = compare(&life, published, &retold, within, choice);
    page.tally.add(tally);
    for (change, traceparent) in &mut order.missing {
        let given = change.delivery_id.and_then(|id| traces.get(&id)).map(String::as_str);
        *traceparent = receiver.traceparent(given);
    }
    if order != ReplayOrder::default() {
        let done = publish(receiver, subject_ref, order).await?;
        page.tally.published += (done.appended.len() + done.put_back) as u64;
        // A missing one that is not among these came to be there meanwhile.
        let appended: HashSet<ChangeId> = done.appended.iter().map(|(id, _)| *id).collect();
        findings.iter_mut().filter(|f| f.verdict == Verdict::Missing).for_each(|finding| {
            finding.published = appended.contains(&finding.id);
        });
    }
    page.findings.append(&mut findings);
    Ok(life.deliveries.len())
}

/// In a task of its own: a client that hangs up drops the call, and what was begun must be counted.
async fn publish(
    receiver: &Receiver,
    subject_ref: i64,
    order: ReplayOrder,
) -> Result<Republished, ReplayError> {
    let receiver = receiver.clone();
    let publishing = tokio::spawn(async move {
        let done = receiver.store.publish_replayed(subject_ref, order).await?;
        let kinds: Vec<_> = done.appended.iter().map(|(_, kind)| *kind).collect();
        receiver.tally(&kinds);
        Ok::<_, store::Error>(done)
    });
    let broken = |_| store::Error::Unavailable("a replay broke off".into());
    Ok(publishing.await.map_err(broken)??)
}

/// Trace contexts by the delivery that carried them.
type Traces = HashMap<DeliveryId, String>;

/// Tells a life anew; none where a message's bytes are gone.
async fn retell(
    receiver: &Receiver,
    life: &Life,
    published: &[Published],
    notes: &mut Vec<Note>,
) -> Result<Option<(Retold, Traces)>, ReplayError> {
    let (mut retold, mut traces) = (Retold::default(), HashMap::new());
    for at in in_order(life, published) {
        let delivery = &life.deliveries[at];
        let Some(detail) = receiver.store.delivery(delivery.id).await? else { return Ok(None) };
        let mut note = |kind, why| {
            let subject = Some((life.account.clone(), life.subject.clone()));
            notes.push(Note { kind, subject, delivery_id: Some(delivery.id), why });
        };
        let seen = match receiver.read_again(&detail).await? {
            Reread::Pruned => return Ok(None),
            Reread::Unreadable(why) => {
                note("unreadable", format!("it cannot be read today: {why}"));
                continue;
            }
            Reread::Understood(seen) => seen,
        };
        if (&seen.account, &seen.subject) != (&life.account, &life.subject) {
            let (account, kind, id) = (&seen.account, seen.subject.kind(), seen.subject.id());
            note(
                "moved",
                format!("it is read today to be about {kind} {id} of account {account}: not compared there"),
            );
            continue;
        }
        let (received_at, delivery_id) = (delivery.received_at, Some(delivery.id));
        retold.take(&seen, Cause { origin: Origin::Connect, received_at, delivery_id });
        if let Some(trace) = header(&detail, "traceparent") {
            traces.insert(delivery.id, trace.to_owned());
        }
    }
    Ok(Some((retold, traces)))
}

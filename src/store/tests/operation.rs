//! What is done to a store, and what it answers, in words that store and model share.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::signing::{ParticipantStatus, SigningRequestStatus};

/// Signing requests in one life, over two accounts.
pub(super) const SUBJECTS: u8 = 5;

/// One thing that a message can tell about a signing request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    Request(SigningRequestStatus),
    Participant(u8, ParticipantStatus),
    Activity(u8),
}

/// What one delivery tells: about which signing request, and what.
#[derive(Debug, Clone)]
pub(super) struct Telling {
    pub(super) subject: u8,
    pub(super) facts: Vec<Fact>,
}

/// One step of a life. What it picks (`u8`) it picks from what is there, by the remainder.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Tell(Telling),
    /// At once, so that they share a transaction.
    TellTogether(Vec<Telling>),
    Quarantine,
    Release(u8, Telling),
    Drop(u8),
    /// Settles those of the oldest unpublished changes whose bit is set.
    Settle(u16),
    /// By position.
    Republish(Vec<u64>),
    /// What is older than so many days.
    Prune(u8),
    Claim(usize),
    Complete(u8),
    /// For so many seconds.
    Defer(u8, u8),
    /// So many seconds pass.
    Wait(u32),
    /// States that are late are brought to their rows.
    BringIn,
    Reopen,
    /// The process ends without closing.
    Crash,
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The outcome's word and the number of changes, for each delivery.
    Told(Vec<(&'static str, usize)>),
    /// None where there was no such quarantine.
    Resolved(Option<(&'static str, usize)>),
    Count(usize),
    /// Signing request, failed attempts and covered sequences, by signing request.
    Claimed(Vec<(u8, u32, Vec<u64>)>),
    Done,
}

/// Everything that can be seen of a store from outside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) feed: Vec<Row>,
    pub(super) unsettled: Vec<u64>,
    /// How much waits, and since when (seconds since the beginning).
    pub(super) backlog: (u64, Option<u64>),
    /// Number, outcome and changes of each delivery, newest first.
    pub(super) deliveries: Vec<(usize, String, u64)>,
    /// Accepted, duplicates, quarantined, changes, signing requests, enrichments.
    pub(super) totals: [u64; 6],
    /// Signing request, milliseconds when it falls due, failed attempts.
    pub(super) fetches: Vec<(u8, u64, u32)>,
    pub(super) next_fetch: Option<u64>,
    pub(super) last_position: u64,
}

/// A change in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) subject: u8,
    pub(super) sequence: u64,
    /// The second word of its routing key.
    pub(super) what: String,
    pub(super) published: bool,
}

/// Activities are told apart by this event's time, not by its name.
pub(super) const ACTIVITY: &str = "envelope-resent";
/// The second word of an enriched change's routing key.
pub(super) const FETCHED: &str = "fetched";

impl Fact {
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Request(status) => status.id(),
            Self::Participant(_, status) => status.id(),
            Self::Activity(_) => ACTIVITY,
        }
    }
}

fn telling() -> impl Strategy<Value = Telling> {
    let status = select(SigningRequestStatus::ALL).prop_map(Fact::Request);
    let participant =
        (0..3_u8, select(ParticipantStatus::ALL)).prop_map(|(who, status)| Fact::Participant(who, status));
    let statuses = vec(prop_oneof![status, participant], 0..4);
    (0..SUBJECTS, statuses, prop::option::weighted(0.3, 0..4_u8)).prop_map(
        |(subject, mut facts, activity)| {
            // A message always tells something, and at most one activity, after all else.
            if let Some(which) = activity.or(facts.is_empty().then_some(9)) {
                facts.push(Fact::Activity(which));
            }
            Telling { subject, facts }
        },
    )
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    prop_oneof![
        12 => telling().prop_map(O::Tell),
        3 => vec(telling(), 2..6).prop_map(O::TellTogether),
        2 => Just(O::Quarantine),
        2 => (any::<u8>(), telling()).prop_map(|(which, telling)| O::Release(which, telling)),
        1 => any::<u8>().prop_map(O::Drop),
        6 => any::<u16>().prop_map(O::Settle),
        2 => vec(0..60_u64, 0..8).prop_map(O::Republish),
        2 => select(vec![0, 20, 30]).prop_map(O::Prune),
        5 => (1..4_usize).prop_map(O::Claim),
        5 => any::<u8>().prop_map(O::Complete),
        2 => (any::<u8>(), 0..9_u8).prop_map(|(which, seconds)| O::Defer(which, seconds)),
        5 => select(vec![0, 1, 1, 2, 10, 25 * 24 * 3600]).prop_map(O::Wait),
        1 => Just(O::BringIn),
        1 => Just(O::Reopen),
        1 => Just(O::Crash),
    ]
}

/// So many operations.
pub(super) fn operations(count: usize) -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), count)
}

/// Lives of any length up to some dozens of operations.
pub(super) fn lives() -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 1..60)
}

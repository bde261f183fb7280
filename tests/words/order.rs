//! The meaning: whatever the order, the repetition and the retries of a life's messages, the same state and the
//! same set of changes come out, without gaps, regressions or false conflicts.

use std::collections::{BTreeMap, BTreeSet};

use countersign::base::{AccountId, ChangeId, ParticipantId};
use countersign::connect::parse_bytes;
use countersign::signing::map::{observe, participant_status, signing_request_status};
use countersign::signing::{Change, ChangeKind, SigningRequestStatus, State, Verdict};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

use super::common::{RECEIVED_AT, cause};
use super::life::{Plan, Step, live, plans};

/// How a life is told.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Telling {
    Ids,
    Summaries,
    Aggregates,
    SummariesAndAggregates,
    Xml(i8),
}

fn tellings() -> impl Strategy<Value = Telling> {
    use Telling as T;
    prop_oneof![
        Just(T::Ids),
        Just(T::Summaries),
        Just(T::Aggregates),
        Just(T::SummariesAndAggregates),
        (-12i8..14).prop_map(T::Xml),
    ]
}

/// All messages of a step; some snapshots are left out, as aggregation does, but never the last one.
fn messages(step: &Step, how: Telling, kept: bool, retry: u64) -> Vec<Vec<u8>> {
    let (single, snapshot) = match how {
        Telling::Ids => (step.single(false, retry), None),
        Telling::Summaries => (step.single(true, retry), None),
        Telling::Aggregates => (None, Some(step.aggregate())),
        Telling::SummariesAndAggregates => (step.single(true, retry), Some(step.aggregate())),
        Telling::Xml(hours) => (None, Some(step.xml(hours))),
    };
    single.into_iter().chain(snapshot.filter(|_| kept)).collect()
}

#[derive(Debug, Default)]
struct Book {
    state: State,
    changes: Vec<Change>,
    activities: BTreeSet<ChangeId>,
    deliveries: i64,
}

impl Book {
    fn take(&mut self, body: &[u8]) -> usize {
        let event = parse_bytes(body, None).unwrap();
        let seen = observe(&event, AccountId::new(event.account_id.as_deref().unwrap_or("none")));
        self.deliveries += 1;
        let at = RECEIVED_AT.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(self.deliveries);
        let told = self.state.apply(&seen, cause(at), |id| self.activities.contains(&id));
        self.activities.extend(told.iter().filter(|c| c.kind == ChangeKind::Activity).map(|c| c.id));
        let new = told.len();
        self.changes.extend(told);
        new
    }

    fn ids(&self) -> BTreeSet<ChangeId> {
        self.changes.iter().map(|change| change.id).collect()
    }

    /// What every subscriber relies on, whatever the order.
    fn check(&self) {
        assert_eq!(self.ids().len(), self.changes.len(), "an id was given twice");
        for (at, change) in self.changes.iter().enumerate() {
            assert_eq!(change.sequence, at as u64 + 1, "a gap in the sequence");
        }
        assert_eq!(self.state.sequence, self.changes.len() as u64);
        let mut rank = None;
        let mut ranks: BTreeMap<&ParticipantId, u8> = BTreeMap::new();
        for change in self.changes.iter().filter(|change| change.verdict == Verdict::Advance) {
            match (change.kind, &change.participant) {
                // Correction lies beside the life: it is entered from in flight and left again.
                (ChangeKind::SigningRequest(SigningRequestStatus::Correct), _) => {}
                (ChangeKind::SigningRequest(status), _) => {
                    assert!(rank < Some(status.rank()), "an advance that goes back: {change:?}");
                    rank = Some(status.rank());
                }
                (ChangeKind::Participant(status), Some(participant)) => {
                    let before = ranks.insert(&participant.person.id, status.rank());
                    assert!(before < Some(status.rank()), "an advance that goes back: {change:?}");
                }
                other => panic!("no advance: {other:?}"),
            }
        }
    }
}

fn in_order(steps: &[Step], how: Telling, kept: &[bool]) -> Book {
    let mut book = Book::default();
    for (at, step) in steps.iter().enumerate() {
        let kept = at + 1 == steps.len() || kept[at % kept.len()];
        for body in messages(step, how, kept, 0) {
            book.take(&body);
        }
    }
    book.check();
    book
}

fn told_in_order(plan: &Plan, how: Telling, kept: &[bool]) {
    let steps = live(plan);
    let book = in_order(&steps, how, kept);
    for change in &book.changes {
        let fine = matches!(change.verdict, Verdict::Advance | Verdict::Repeat);
        assert!(fine, "in order, nothing is late or impossible: {change:?}");
    }
    let end = &steps.last().unwrap().envelope;
    assert_eq!(book.state.status(), signing_request_status(end.status), "{how:?}");
    for recipient in &end.recipients {
        let id = if matches!(how, Telling::Xml(_)) {
            format!("g-{}", recipient.id)
        } else {
            recipient.id.to_string()
        };
        let stands = book.state.participant_status(&ParticipantId::new(&id));
        let untold = recipient.status == "created" && matches!(how, Telling::Ids | Telling::Summaries);
        assert_eq!(stands, participant_status(recipient.status).filter(|_| !untold), "{how:?} {id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_life_told_in_order_advances_to_where_it_ends(
        plan in plans(), how in tellings(), kept in prop::collection::vec(any::<bool>(), 1..30)
    ) {
        told_in_order(&plan, how, &kept);
    }

    #[test]
    fn any_order_repetition_and_retry_comes_to_the_same_state_and_changes(
        plan in plans(),
        how in tellings(),
        kept in prop::collection::vec(any::<bool>(), 1..30),
        order in prop::collection::vec(any::<Index>(), 120),
        again in prop::collection::vec((any::<Index>(), 1u64..9), 0..30),
    ) {
        let steps = live(&plan);
        let straight = in_order(&steps, how, &kept);

        let mut all = Vec::new();
        let is_kept = |at: usize| at + 1 == steps.len() || kept[at % kept.len()];
        for (at, step) in steps.iter().enumerate() {
            all.extend(messages(step, how, is_kept(at), 0));
        }
        for (at, retry) in &again {
            let at = at.index(steps.len());
            all.extend(messages(&steps[at], how, is_kept(at), *retry));
        }
        for at in (1..all.len()).rev() {
            all.swap(at, order[at % order.len()].index(at + 1));
        }

        let mut shuffled = Book::default();
        for body in &all {
            shuffled.take(body);
        }
        shuffled.check();
        prop_assert_eq!(shuffled.ids(), straight.ids());
        prop_assert_eq!(&shuffled.state, &straight.state);
        prop_assert!(shuffled.changes.iter().all(|change| change.verdict != Verdict::Conflict));

        // Told once more in any order, nothing is new.
        for body in &all {
            prop_assert_eq!(shuffled.take(body), 0);
        }
        prop_assert_eq!(&shuffled.state, &straight.state);
    }

    #[test]
    fn only_what_excludes_one_another_is_a_conflict(statuses in prop::collection::vec(prop::sample::select(SigningRequestStatus::ALL), 1..12)) {
        let mut book = Book::default();
        for status in &statuses {
            let event = match status {
                SigningRequestStatus::Signed | SigningRequestStatus::Correct => continue,
                status => format!("envelope-{}", status.id()),
            };
            let body = format!(r#"{{"event":"{event}","generatedDateTime":"2026-01-01T00:00:00Z","data":{{"envelopeId":"e"}}}}"#);
            book.take(body.as_bytes());
        }
        book.check();
        let finals: BTreeSet<_> = statuses.iter().filter(|status| status.is_final()).collect();
        let conflicts = book.changes.iter().filter(|change| change.verdict == Verdict::Conflict).count();
        prop_assert_eq!(conflicts, finals.len().saturating_sub(1));
    }
}

#[test]
fn a_correction_ends_when_a_later_snapshot_says_sent() {
    let snapshot = |status: &str, at: &str| {
        format!(
            r#"{{"envelopeId":"e","status":"{status}","initialSentDateTime":"2026-01-01T08:00:00Z","lastModifiedDateTime":"{at}"}}"#
        )
    };
    let sent = snapshot("sent", "2026-01-01T08:00:01Z");
    let correcting = snapshot("correct", "2026-01-01T09:00:00Z");
    let again = snapshot("sent", "2026-01-01T10:00:00Z");
    for (order, stands) in [
        (vec![&sent, &correcting], SigningRequestStatus::Correct),
        (vec![&correcting, &sent], SigningRequestStatus::Correct),
        (vec![&sent, &correcting, &again], SigningRequestStatus::Sent),
        (vec![&again, &sent, &correcting], SigningRequestStatus::Sent),
        (vec![&sent, &correcting, &again, &correcting], SigningRequestStatus::Sent),
    ] {
        let mut book = Book::default();
        for body in order {
            book.take(body.as_bytes());
        }
        book.check();
        assert_eq!(book.state.status(), Some(stands));
    }
}

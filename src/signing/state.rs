//! The state machine of one signing request and its participants: observations in, changes out.
//!
//! What a signing request has been told is a set of facts, and where it stands is computed from that set. So any
//! order, repetition or retry of the same messages ends in the same state and in the same set of change ids;
//! order decides only the verdicts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{AccountId, ChangeId, DeliveryId, Moment, ParticipantId, Subject};

use super::change::{Change, ChangeKind, Origin, ParticipantChange, Verdict, change_id};
use super::map::SNAPSHOT;
use super::{Activity, Mark, Observation, ParticipantStatus, Person, SigningRequestStatus};

/// Everything known about one subject of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// The sequence of the last change; 0 before the first.
    #[serde(rename = "n")]
    pub sequence: u64,
    /// Statuses told so far, one bit each.
    #[serde(rename = "s")]
    seen: u16,
    /// The first final status told: completed, declined and voided exclude one another.
    #[serde(rename = "f", skip_serializing_if = "Option::is_none", default)]
    ended: Option<SigningRequestStatus>,
    /// The latest time at which it was told to be under correction.
    #[serde(rename = "c", skip_serializing_if = "Option::is_none", default)]
    correcting_at: Option<Timestamp>,
    /// The latest time at which it was told to be in flight otherwise.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none", default)]
    in_flight_at: Option<Timestamp>,
    /// The name told last, and when.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none", default)]
    name: Option<(Timestamp, String)>,
    /// Each participant's own facts.
    #[serde(rename = "p", skip_serializing_if = "BTreeMap::is_empty", default)]
    participants: BTreeMap<ParticipantId, ParticipantState>,
}

/// Everything known about one participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct ParticipantState {
    #[serde(rename = "s")]
    seen: u16,
    #[serde(rename = "f", skip_serializing_if = "Option::is_none", default)]
    ended: Option<ParticipantStatus>,
}

/// Where an observation came from: what [`State::apply`] writes into each change beside what was observed.
#[derive(Debug, Clone, Copy)]
pub struct Cause {
    /// Connect, reconcile or replay.
    pub origin: Origin,
    /// When we learned of it.
    pub received_at: Timestamp,
    /// The delivery, where there was one.
    pub delivery_id: Option<DeliveryId>,
}

impl ParticipantState {
    fn status(self) -> Option<ParticipantStatus> {
        self.ended.or_else(|| {
            ParticipantStatus::ALL
                .iter()
                .copied()
                .filter(|s| !s.is_final() && self.seen & s.bit() != 0)
                .max_by_key(|s| s.rank())
        })
    }

    /// Takes in a status; the verdict, or none when it was told before.
    fn take(&mut self, status: ParticipantStatus) -> Option<Verdict> {
        if self.seen & status.bit() != 0 {
            return None;
        }
        self.seen |= status.bit();
        if status.is_final() {
            if self.ended.is_some() {
                return Some(Verdict::Conflict);
            }
            self.ended = Some(status);
        }
        Some(if self.status() == Some(status) { Verdict::Advance } else { Verdict::Late })
    }
}

impl State {
    /// Where the signing request stands; none before the first status was told.
    pub fn status(&self) -> Option<SigningRequestStatus> {
        use SigningRequestStatus as S;
        if self.seen & S::Deleted.bit() != 0 {
            return Some(S::Deleted);
        }
        if self.ended.is_some() {
            return self.ended;
        }
        // Under correction it is in flight all the same; which of the two was told last decides.
        if self.correcting_at.is_some() && self.correcting_at > self.in_flight_at {
            return Some(S::Correct);
        }
        let in_flight = [S::Signed, S::Delivered, S::Sent, S::Created];
        in_flight.into_iter().find(|s| self.seen & s.bit() != 0)
    }

    /// Where a participant stands.
    pub fn participant_status(&self, id: &ParticipantId) -> Option<ParticipantStatus> {
        self.participants.get(id).and_then(|p| p.status())
    }

    /// The participants known, with where each one stands.
    pub fn participants(&self) -> impl Iterator<Item = (&ParticipantId, Option<ParticipantStatus>)> {
        self.participants.iter().map(|(id, p)| (id, p.status()))
    }

    /// How many participants are known.
    pub fn participant_count(&self) -> usize {
        self.participants.len()
    }

    /// The name told last.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|(_, name)| name.as_str())
    }

    /// Takes in an observation and gives the changes that it makes, in the order in which to publish them.
    ///
    /// No change at all means that everything was known: a duplicate. `known` tells whether an activity of that
    /// id was published before; statuses need no such memory, the state itself remembers them.
    pub fn apply(
        &mut self,
        seen: &Observation,
        cause: Cause,
        mut known: impl FnMut(ChangeId) -> bool,
    ) -> Vec<Change> {
        let told_at = seen.generated_at.map_or(cause.received_at, |m| m.at);
        if let Some(name) = seen.name.as_ref().filter(|name| !name.is_empty()) {
            let told = (told_at, name.clone());
            if self.name.as_ref() < Some(&told) {
                self.name = Some(told);
            }
        }
        let mut changes = Vec::new();
        for mark in &seen.marks {
            changes.extend(match mark {
                Mark::SigningRequest { status, at } => self.reach(seen, cause, *status, *at),
                Mark::Participant { person, status, at } => {
                    self.participant_reaches(seen, cause, person, *status, *at)
                }
            });
        }
        if let Some(activity) = &seen.activity {
            let id = activity_id(&seen.account, &seen.subject, &seen.event, activity);
            if !known(id) {
                let at = activity.at.or(seen.generated_at).unwrap_or(Moment::certain(cause.received_at));
                let mut change = self.change(seen, cause, id, ChangeKind::Activity, Verdict::Repeat, at);
                change.participant = activity.person.as_ref().map(|person| self.bystander(person, activity));
                changes.push(change);
            }
        }
        changes
    }

    /// Takes in a change that a fresh state made of stored messages and that was never published: because its
    /// message meant less to an older version, or because it was lost. It gets the next sequence, and the verdict
    /// that it has now, behind all that was published meanwhile.
    pub fn adopt(&mut self, made: &Change) -> Change {
        let mut change = made.clone();
        let at = made.occurred_at.at;
        match (made.kind, &mut change.participant) {
            (ChangeKind::SigningRequest(status), _) => {
                let before = self.status();
                let known = self.take(status, at);
                let contradicts = status.is_final() && self.ended.is_some_and(|ended| ended != status);
                change.verdict = known.unwrap_or_else(|| verdict(self.status() == Some(status), contradicts));
                if before != Some(status) {
                    change.previous_status = before;
                }
                change.status = Some(status);
            }
            (ChangeKind::Participant(status), Some(participant)) => {
                let entry = self.participants.entry(participant.person.id.clone()).or_default();
                let before = entry.status();
                let known = entry.take(status);
                let contradicts = status.is_final() && entry.ended.is_some_and(|ended| ended != status);
                change.verdict =
                    known.unwrap_or_else(|| verdict(entry.status() == Some(status), contradicts));
                if before != Some(status) {
                    participant.previous_status = before;
                }
                change.status = self.status();
            }
            _ => change.status = self.status(),
        }
        self.sequence += 1;
        change.sequence = self.sequence;
        change.origin = Origin::Replay;
        change
    }

    /// The signing request is told to stand at `status`; the change, where that is new.
    fn reach(
        &mut self,
        seen: &Observation,
        cause: Cause,
        status: SigningRequestStatus,
        at: Option<Moment>,
    ) -> Option<Change> {
        // An event tells that it came to stand here at its time; a snapshot, that it still stood here when the
        // snapshot was made, however long ago it came.
        let stood = if seen.event == SNAPSHOT { seen.generated_at.or(at) } else { at.or(seen.generated_at) };
        let at = at.or(seen.generated_at).unwrap_or(Moment::certain(cause.received_at));
        let previous = self.status();
        let verdict = self.take(status, stood.unwrap_or(at).at)?;
        let id = change_id(&seen.account, &seen.subject, None, "signing_request", status.id(), b"");
        let mut change = self.change(seen, cause, id, ChangeKind::SigningRequest(status), verdict, at);
        change.status = Some(status);
        change.previous_status = previous;
        Some(change)
    }

    /// A participant is told to stand at `status`; the change, where that is new.
    fn participant_reaches(
        &mut self,
        seen: &Observation,
        cause: Cause,
        person: &Person,
        status: ParticipantStatus,
        at: Option<Moment>,
    ) -> Option<Change> {
        let entry = self.participants.entry(person.id.clone()).or_default();
        let previous_status = entry.status();
        let verdict = entry.take(status)?;
        let at = at.or(seen.generated_at).unwrap_or(Moment::certain(cause.received_at));
        let id = change_id(&seen.account, &seen.subject, Some(&person.id), "participant", status.id(), b"");
        let mut change = self.change(seen, cause, id, ChangeKind::Participant(status), verdict, at);
        change.participant = Some(ParticipantChange {
            person: person.clone(),
            status: Some(status),
            previous_status,
            reassigned_to: None,
        });
        Some(change)
    }

    fn bystander(&self, person: &Person, activity: &Activity) -> ParticipantChange {
        let status = self.participant_status(&person.id);
        let reassigned_to = activity.reassigned_to.clone();
        ParticipantChange { person: person.clone(), status, previous_status: None, reassigned_to }
    }

    /// Takes in a status; the verdict, or none when it was told before.
    fn take(&mut self, status: SigningRequestStatus, at: Timestamp) -> Option<Verdict> {
        let latest = match status {
            SigningRequestStatus::Correct => Some(&mut self.correcting_at),
            status if status.rank() < 4 => Some(&mut self.in_flight_at),
            _ => None,
        };
        if let Some(latest) = latest {
            *latest = (*latest).max(Some(at));
        }
        if self.seen & status.bit() != 0 {
            return None;
        }
        self.seen |= status.bit();
        if status.is_final() {
            if self.ended.is_some() {
                return Some(Verdict::Conflict);
            }
            self.ended = Some(status);
        }
        Some(if self.status() == Some(status) { Verdict::Advance } else { Verdict::Late })
    }

    /// The next change in sequence, with what all kinds share.
    fn change(
        &mut self,
        seen: &Observation,
        cause: Cause,
        id: ChangeId,
        kind: ChangeKind,
        verdict: Verdict,
        occurred_at: Moment,
    ) -> Change {
        self.sequence += 1;
        Change {
            id,
            account: seen.account.clone(),
            subject: seen.subject.clone(),
            sequence: self.sequence,
            kind,
            verdict,
            origin: cause.origin,
            occurred_at,
            received_at: cause.received_at,
            name: seen.name.clone().or_else(|| self.name().map(str::to_owned)),
            status: self.status(),
            previous_status: None,
            cancellation_reason: seen.cancellation_reason.clone(),
            participant: None,
            event: seen.event.clone(),
            delivery_id: cause.delivery_id,
            format: seen.format,
        }
    }
}

/// The verdict on a status that the state knows already: only its change is not there.
fn verdict(stands: bool, contradicts: bool) -> Verdict {
    match (stands, contradicts) {
        (true, _) => Verdict::Advance,
        (false, true) => Verdict::Conflict,
        (false, false) => Verdict::Late,
    }
}

/// The id of an activity: its event, its participant, and the time or content that makes it different from the
/// last of its kind.
pub fn activity_id(account: &AccountId, subject: &Subject, event: &str, activity: &Activity) -> ChangeId {
    let participant = activity.person.as_ref().map(|person| &person.id);
    change_id(account, subject, participant, "activity", event, &activity.discriminator)
}

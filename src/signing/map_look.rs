//! From an envelope as REST told it to all that happened to it: its life as far as its times tell, and where it stands.
//!
//! A snapshot tells present statuses and no history. Here history is what is looked for: each status that Connect would
//! have told in a message of its own, so that what never arrived comes out under the id that it would have had.

use jiff::Timestamp;

use crate::base::{AccountId, Moment};
use crate::connect::{ConnectEvent, Envelope, Recipient};

use super::map::{
    observed, participant_status, person, reached_at, signing_request_status, told_at, why_voided,
};
use super::{Mark, Observation, ParticipantStatus, SigningRequestStatus};

/// What a look over REST is called where a message names its event.
pub const LOOK: &str = "reconcile";

/// A mark, and where it belongs where times are equal or not told: as one thing leads to the next.
struct Placed {
    mark: Mark,
    at: Option<Moment>,
    step: u8,
}

/// What an envelope tells, in unified words, for `account`: never an activity, for nothing says that one happened.
///
/// Statuses through which one only passes (`signed`, `correct`, service words) are left out: Connect tells no event of
/// them, and where the envelope or recipient comes to next, the next look tells.
pub fn look(event: &ConnectEvent<'_>, account: AccountId) -> Observation {
    let mut seen = observed(event, account, LOOK.to_owned());
    let Some(envelope) = &event.envelope else { return seen };
    let mut placed = of_envelope(envelope);
    let mut recipients: Vec<_> = envelope.recipients.iter().collect();
    recipients.sort_by_key(|recipient| recipient.routing_order.unwrap_or(u32::MAX));
    placed.extend(recipients.into_iter().flat_map(of_recipient));
    // What has no time is the newest that is known. The sort is stable: equal ones stay in the order of routing.
    placed.sort_by_key(|one| (one.at.map_or(Timestamp::MAX, |moment| moment.at), one.step));
    if placed.iter().any(|one| is_voided(&one.mark)) {
        seen.cancellation_reason = why_voided(Some(envelope));
    }
    seen.marks.extend(placed.into_iter().map(|one| one.mark));
    seen
}

fn is_voided(mark: &Mark) -> bool {
    matches!(mark, Mark::SigningRequest { status: SigningRequestStatus::Voided, .. })
}

fn of_envelope(envelope: &Envelope<'_>) -> Vec<Placed> {
    use SigningRequestStatus as S;
    let stands = envelope.status.as_deref().and_then(signing_request_status);
    let came = [
        (S::Created, envelope.created_at, 0),
        (S::Sent, envelope.sent_at, 1),
        (S::Delivered, envelope.delivered_at, 4),
        (S::Completed, envelope.completed_at, 6),
        (S::Declined, envelope.declined_at, 6),
        (S::Voided, envelope.voided_at, 6),
        (S::Deleted, envelope.deleted_at, 7),
    ];
    came.into_iter()
        // Of those that exclude one another, only the one where it stands; a deleted one may have come from any.
        .filter(|(status, at, _)| {
            let ended_so = !status.is_final() || matches!(stands, Some(S::Deleted));
            stands == Some(*status) || (at.is_some() && ended_so)
        })
        .map(|(status, _, step)| {
            let at = told_at(envelope, status);
            Placed { mark: Mark::SigningRequest { status, at }, at, step }
        })
        .collect()
}

fn of_recipient(recipient: &Recipient<'_>) -> Vec<Placed> {
    use ParticipantStatus as P;
    let stands = recipient.status.as_deref().and_then(participant_status);
    // Who only gets a copy, or only has to open it, is done by that.
    let done = recipient.signed_at.or(recipient.delivered_at).or(recipient.sent_at);
    let came = [
        (P::Sent, recipient.sent_at, 2),
        (P::Autoresponded, None, 3),
        (P::Delivered, recipient.delivered_at, 3),
        (P::Completed, done.filter(|_| stands == Some(P::Completed)), 5),
        (P::Declined, recipient.declined_at, 5),
    ];
    came.into_iter()
        .filter(|(status, at, _)| stands == Some(*status) || (at.is_some() && !status.is_final()))
        .map(|(status, at, step)| {
            let at = at.or(reached_at(recipient, status));
            let person = person(&recipient.id, Some(recipient), Some(status));
            Placed { mark: Mark::Participant { person, status, at }, at, step }
        })
        .collect()
}

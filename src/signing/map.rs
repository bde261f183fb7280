//! From DocuSign's words to the unified ones: the one module that says both "envelope" and "signing request".

use crate::base::{AccountId, Moment, ParticipantId, SigningRequestId, Subject, limits};
use crate::connect::{ConnectEvent, Envelope, Object, Recipient};

use super::{Activity, Mark, Observation, ParticipantStatus, Person, SigningRequestStatus};

/// What a message is called that tells how an envelope stands, and not what happened to it.
pub const SNAPSHOT: &str = "snapshot";

/// Why a signing request was voided that nobody voided: its time ran out.
const EXPIRED: &str = "expired";

/// What a Connect message tells, in unified words, for `account` (which the caller has resolved).
///
/// A single event gives the one status that it names, or an activity; a snapshot gives all present statuses, and
/// no history.
pub fn observe(event: &ConnectEvent<'_>, account: AccountId) -> Observation {
    let name = event.event.as_deref().map(|event| event.trim().to_lowercase());
    let mut seen = observed(event, account, name.unwrap_or_else(|| SNAPSHOT.to_owned()));
    match (&event.event, &event.envelope) {
        (Some(_), _) => match status_told(&seen.event, event) {
            Some(mark) => seen.marks.push(mark),
            None => seen.activity = Some(activity(event)),
        },
        (None, Some(envelope)) => snapshot(event, envelope, &mut seen),
        (None, None) => seen.activity = Some(activity(event)),
    }
    if seen.marks.iter().any(
        |mark| matches!(mark, Mark::SigningRequest { status, .. } if *status == SigningRequestStatus::Voided),
    ) {
        seen.cancellation_reason = why_voided(event.envelope.as_ref());
    }
    seen
}

/// What a message is about, before it is read what it tells.
pub(super) fn observed(event: &ConnectEvent<'_>, account: AccountId, name: String) -> Observation {
    let (subject, title) = subject(event);
    Observation {
        account,
        subject,
        event: name,
        format: event.format,
        generated_at: event.generated_at,
        name: title,
        cancellation_reason: None,
        marks: Vec::new(),
        activity: None,
    }
}

/// Why it was voided, where that is told.
pub(super) fn why_voided(envelope: Option<&Envelope<'_>>) -> Option<String> {
    let reason = envelope.and_then(|envelope| envelope.voided_reason.as_deref());
    let expired = envelope.and_then(|envelope| envelope.status.as_deref()).is_some_and(is_expired);
    reason.or(expired.then_some(EXPIRED)).map(taken)
}

fn subject(event: &ConnectEvent<'_>) -> (Subject, Option<String>) {
    let envelope_name = || event.envelope.as_ref()?.subject.as_deref().map(taken);
    match &event.object {
        Object::Envelope(id) => (Subject::SigningRequest(SigningRequestId::new(id)), envelope_name()),
        Object::Template(id, name) => {
            (Subject::Template(id.trim().to_lowercase()), name.as_deref().map(taken))
        }
        Object::Agreement(id) => (Subject::Agreement(id.trim().to_lowercase()), None),
        Object::None => (Subject::Account, None),
    }
}

/// The status that a single event names; none for events that move none. `name` is in lower case.
fn status_told(name: &str, event: &ConnectEvent<'_>) -> Option<Mark> {
    if !matches!(event.object, Object::Envelope(_)) {
        return None;
    }
    if let Some(what) = name.strip_prefix("envelope-") {
        use SigningRequestStatus as S;
        let status = match what {
            "created" => S::Created,
            "sent" => S::Sent,
            "delivered" => S::Delivered,
            "completed" => S::Completed,
            "declined" => S::Declined,
            "voided" => S::Voided,
            "deleted" | "discard" => S::Deleted,
            _ => return None,
        };
        let at = event.envelope.as_ref().and_then(|envelope| told_at(envelope, status));
        return Some(Mark::SigningRequest { status, at });
    }
    use ParticipantStatus as P;
    let status = match name.strip_prefix("recipient-")? {
        "sent" => P::Sent,
        "delivered" => P::Delivered,
        "completed" => P::Completed,
        "declined" => P::Declined,
        "autoresponded" => P::Autoresponded,
        _ => return None,
    };
    let id = event.recipient_id.as_deref()?;
    let recipient = recipient(event, id);
    let at = recipient.and_then(|recipient| reached_at(recipient, status));
    Some(Mark::Participant { person: person(id, recipient, Some(status)), status, at })
}

/// Something that moves no status: published by its own name, told apart by time or else by content.
fn activity(event: &ConnectEvent<'_>) -> Activity {
    let id = event.recipient_id.as_deref();
    Activity {
        person: id.map(|id| person(id, recipient(event, id), None)),
        reassigned_to: event.reassigned_recipient_id.as_deref().map(ParticipantId::new),
        at: None,
        discriminator: discriminator(event),
    }
}

fn discriminator(event: &ConnectEvent<'_>) -> Vec<u8> {
    match (event.generated_at, event.content_digest) {
        (Some(moment), _) => moment.at.as_nanosecond().to_string().into_bytes(),
        (None, digest) => digest.unwrap_or_default().to_vec(),
    }
}

/// All present statuses: the signing request's beginning, its participants by routing order, its end.
fn snapshot(event: &ConnectEvent<'_>, envelope: &Envelope<'_>, seen: &mut Observation) {
    let status = envelope.status.as_deref().and_then(signing_request_status);
    let own = status.map(|status| Mark::SigningRequest { status, at: told_at(envelope, status) });
    let mut participants: Vec<_> = envelope.recipients.iter().collect();
    participants.sort_by_key(|recipient| recipient.routing_order.unwrap_or(u32::MAX));
    let participants = participants.into_iter().filter_map(|recipient| {
        let status = participant_status(recipient.status.as_deref()?)?;
        let person = person(&recipient.id, Some(recipient), Some(status));
        Some(Mark::Participant { person, status, at: reached_at(recipient, status) })
    });
    use SigningRequestStatus as S;
    match status {
        Some(S::Created | S::Sent | S::Correct) => seen.marks.extend(own.into_iter().chain(participants)),
        _ => seen.marks.extend(participants.chain(own)),
    }
    if status.is_none() {
        let word = envelope.status.as_deref().unwrap_or_default().to_lowercase();
        let mut told = activity(event);
        told.discriminator = [word.as_bytes(), b"@", &discriminator(event)].concat();
        seen.activity = Some(told);
    }
}

/// The envelope status in unified words; none for DocuSign's service words (`processing`, `template`, …).
pub fn signing_request_status(word: &str) -> Option<SigningRequestStatus> {
    if is_expired(word) { Some(SigningRequestStatus::Voided) } else { SigningRequestStatus::from_id(word) }
}

fn is_expired(word: &str) -> bool {
    word.trim().eq_ignore_ascii_case("timedout")
}

/// The recipient status in unified words; a fax that waits to be sent counts as sent.
pub fn participant_status(word: &str) -> Option<ParticipantStatus> {
    if word.trim().eq_ignore_ascii_case("faxpending") {
        return Some(ParticipantStatus::Sent);
    }
    ParticipantStatus::from_id(word)
}

/// When the envelope came to `status`, where it says so: the status's own time, else the time of its last change
/// if that was to this status.
pub(super) fn told_at(envelope: &Envelope<'_>, status: SigningRequestStatus) -> Option<Moment> {
    use SigningRequestStatus as S;
    let own = match status {
        S::Created => envelope.created_at,
        S::Sent => envelope.sent_at,
        S::Correct => None,
        S::Delivered => envelope.delivered_at,
        S::Signed => envelope.signed_at,
        S::Completed => envelope.completed_at,
        S::Declined => envelope.declined_at,
        S::Voided => envelope.voided_at,
        S::Deleted => envelope.deleted_at,
    };
    let stands = envelope.status.as_deref().and_then(signing_request_status) == Some(status);
    own.or(envelope.status_changed_at.filter(|_| stands))
}

/// When the recipient came to `status`, where it says so.
pub(super) fn reached_at(recipient: &Recipient<'_>, status: ParticipantStatus) -> Option<Moment> {
    use ParticipantStatus as P;
    match status {
        P::Created | P::Autoresponded => None,
        P::Sent => recipient.sent_at,
        P::Delivered => recipient.delivered_at,
        P::Signed | P::Completed => recipient.signed_at,
        P::Declined => recipient.declined_at,
    }
}

fn recipient<'e, 'a>(event: &'e ConnectEvent<'a>, id: &str) -> Option<&'e Recipient<'a>> {
    let id = id.trim();
    event.envelope.as_ref()?.recipients.iter().find(|recipient| recipient.id.trim().eq_ignore_ascii_case(id))
}

pub(super) fn person(
    id: &str,
    recipient: Option<&Recipient<'_>>,
    status: Option<ParticipantStatus>,
) -> Person {
    let reason = recipient.and_then(|recipient| match status {
        Some(ParticipantStatus::Declined) => recipient.declined_reason.as_deref(),
        Some(ParticipantStatus::Autoresponded) => recipient.autoresponded_reason.as_deref(),
        _ => None,
    });
    Person {
        id: ParticipantId::new(id),
        name: recipient.and_then(|recipient| recipient.name.as_deref()).map(taken),
        email: recipient.and_then(|recipient| recipient.email.as_deref()).map(taken),
        reason: reason.map(taken),
        routing_order: recipient.and_then(|recipient| recipient.routing_order),
    }
}

/// A text of the message's own, cut where it is too long: it then ends in `…`.
fn taken(text: &str) -> String {
    const CUT: &str = "…";
    if text.len() <= limits::TEXT_TAKEN_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limits::TEXT_TAKEN_BYTES_MAX - CUT.len());
    format!("{}{CUT}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        let most = limits::TEXT_TAKEN_BYTES_MAX;
        for whole in ["", "Lease 14", &"x".repeat(most), &"é".repeat(most / 2)] {
            assert_eq!(taken(whole), whole);
        }
        for long in
            ["x".repeat(most + 1), "é".repeat(most), "🖋".repeat(most), format!("x{}", "🖋".repeat(most))]
        {
            let cut = taken(&long);
            assert!(cut.len() <= most && cut.len() > most - 8, "{}", cut.len());
            assert!(long.starts_with(cut.strip_suffix('…').unwrap()));
        }
    }
}

//! Lives: what happens in them, in which order, and that a seed says it all.

use std::collections::HashMap;
use std::sync::Arc;

use countersign::base::Dice;
use countersign::simulator::life::{
    Account, EnvelopeStatus, Kind, Life, Pace, RecipientStatus, Role, Setting, Step, Subject,
};
use jiff::SignedDuration;

pub(crate) fn setting() -> Setting {
    Setting {
        account: Arc::new(Account::invented(&Dice::seeded(7))),
        start: "2026-05-01T08:00:00Z".parse().unwrap(),
        pace: Pace::Lifelike,
    }
}

pub(crate) fn steps(kind: Kind, seed: u64) -> Vec<Step> {
    Life::new(kind, &setting(), Dice::seeded(seed)).collect()
}

fn events(steps: &[Step]) -> Vec<&'static str> {
    steps.iter().map(|step| step.event).collect()
}

#[test]
fn the_same_seed_is_the_same_life_and_another_is_another() {
    for kind in Kind::ALL {
        assert_eq!(steps(*kind, 11), steps(*kind, 11), "{kind:?}");
        assert_ne!(steps(*kind, 11), steps(*kind, 12), "{kind:?}");
    }
}

#[test]
fn every_kind_of_life_ends_as_its_name_says_and_tells_what_it_is_about() {
    use EnvelopeStatus as S;
    let wanted: &[(Kind, S, &[&str])] = &[
        (Kind::Sequential, S::Completed, &["envelope-delivered"]),
        (Kind::Parallel, S::Completed, &["envelope-delivered"]),
        (Kind::CarbonCopies, S::Completed, &[]),
        (Kind::Declined, S::Declined, &["recipient-declined", "envelope-declined"]),
        (Kind::Voided, S::Voided, &["envelope-voided"]),
        (Kind::Expired, S::Voided, &["envelope-voided"]),
        (Kind::Corrected, S::Completed, &["envelope-corrected", "envelope-resent", "recipient-resent"]),
        (Kind::Reassigned, S::Completed, &["recipient-reassign"]),
        (Kind::Delegated, S::Completed, &["recipient-delegate"]),
        (Kind::Bounced, S::Completed, &["recipient-autoresponded", "recipient-delivered"]),
        (Kind::FinishedLater, S::Completed, &["recipient-finish-later"]),
        (Kind::AuthenticationFailed, S::Completed, &["recipient-authenticationfailed"]),
        (Kind::Purged, S::Completed, &["envelope-completed", "envelope-purge"]),
        (Kind::Deleted, S::Deleted, &["envelope-completed", "envelope-deleted"]),
        (Kind::Discarded, S::Deleted, &["envelope-created", "envelope-discard"]),
    ];
    assert_eq!(wanted.len() + 1, Kind::ALL.len(), "all kinds but templates");
    for (kind, status, told) in wanted {
        for seed in 0..20 {
            let steps = steps(*kind, seed);
            let last = steps.last().unwrap().subject.envelope().unwrap();
            assert_eq!(last.status, *status, "{kind:?} {seed}");
            let events = events(&steps);
            let mut rest = events.iter();
            for event in *told {
                assert!(rest.any(|e| e == event), "{kind:?} {seed}: {event} in order in {events:?}");
            }
            assert_eq!(events[0], "envelope-created");
            if *status == S::Completed {
                assert!(last.recipients.iter().all(|r| r.status == RecipientStatus::Completed));
            }
        }
    }
}

#[test]
fn templates_are_made_changed_and_deleted() {
    let steps = steps(Kind::Template, 3);
    assert_eq!(events(&steps), ["template-created", "template-modified", "template-deleted"]);
    assert!(steps.iter().all(|step| matches!(step.subject, Subject::Template(_)) && step.settled));
}

#[test]
fn an_expired_envelope_says_so_in_its_reason_and_a_voided_one_gives_the_senders() {
    let reason = |kind| {
        let steps = steps(kind, 5);
        let envelope = steps.last().unwrap().subject.envelope().unwrap();
        (envelope.voided_reason.clone().unwrap(), envelope.expired)
    };
    assert_eq!(reason(Kind::Expired), ("Envelope has expired.".to_owned(), true));
    let (voided, expired) = reason(Kind::Voided);
    assert!(!expired && !voided.contains("expired"), "{voided}");
}

#[test]
fn time_only_goes_forward_along_a_life() {
    let brisk = Pace::Brisk(SignedDuration::from_millis(5), SignedDuration::from_millis(9));
    for pace in [Pace::Lifelike, brisk] {
        for seed in 0..200 {
            let steps: Vec<_> = Life::drawn(&Setting { pace, ..setting() }, Dice::seeded(seed)).collect();
            for pair in steps.windows(2) {
                assert!(pair[0].at <= pair[1].at, "{seed}");
                assert!(pair[0].generated_at < pair[1].generated_at, "{seed}");
            }
            assert!(steps.iter().all(|step| step.at <= step.generated_at), "{seed}");
        }
    }
}

/// What may come before an event of the same recipient.
fn ranks(event: &str) -> Option<u8> {
    Some(match event {
        "recipient-sent" => 1,
        "recipient-autoresponded" | "recipient-authenticationfailed" | "recipient-resent" => 2,
        "recipient-delivered" => 3,
        "recipient-finish-later" => 4,
        "recipient-completed" | "recipient-declined" => 5,
        _ => return None,
    })
}

#[test]
fn no_recipient_acts_before_being_notified_or_after_being_done() {
    for seed in 0..500 {
        let steps: Vec<_> = Life::drawn(&setting(), Dice::seeded(seed)).collect();
        let mut reached: HashMap<String, u8> = HashMap::new();
        for step in &steps {
            let (Some(id), Some(rank)) = (&step.recipient_id, ranks(step.event)) else { continue };
            let before = reached.insert(id.clone(), rank).unwrap_or(0);
            assert!(before <= rank, "{seed}: {} after rank {before} in {:?}", step.event, events(&steps));
            assert!(rank == 1 || before > 0, "{seed}: {} before it was sent", step.event);
            assert!(before < 5, "{seed}: {} after the end", step.event);
        }
    }
}

#[test]
fn each_step_comes_with_the_envelope_as_it_stands_then() {
    for seed in 0..300 {
        for step in Life::drawn(&setting(), Dice::seeded(seed)) {
            let Some(envelope) = step.subject.envelope() else { continue };
            let of = |word: &str| step.event.strip_prefix(word).map(str::to_owned);
            let statuses = ["created", "sent", "delivered", "completed", "declined", "voided", "deleted"];
            if let Some(status) = of("envelope-").filter(|s| statuses.contains(&s.as_str())) {
                assert_eq!(envelope.status.word(), status);
            }
            let recipient = envelope.recipients.iter().find(|r| Some(&r.id) == step.recipient_id.as_ref());
            let statuses = ["sent", "delivered", "completed", "declined", "autoresponded"];
            if let Some(status) = of("recipient-").filter(|s| statuses.contains(&s.as_str())) {
                assert_eq!(recipient.expect("the recipient named").status.word(), status);
            }
            assert_eq!(envelope.history.last().unwrap().event, step.event);
        }
    }
}

#[test]
fn copies_are_never_opened_or_signed() {
    for seed in 0..20 {
        let steps = steps(Kind::CarbonCopies, seed);
        let last = steps.last().unwrap().subject.envelope().unwrap();
        let copies: Vec<_> = last.recipients.iter().filter(|r| r.role == Role::CarbonCopy).collect();
        assert_eq!(copies.len(), 2);
        for copy in copies {
            assert!(copy.sent_at.is_some() && copy.delivered_at.is_none() && copy.signed_at.is_none());
        }
    }
}

#[test]
fn a_reassignment_names_who_left_and_who_took_over_and_the_latter_signs() {
    let steps = steps(Kind::Reassigned, 4);
    let step = steps.iter().find(|step| step.event == "recipient-reassign").unwrap();
    let (left, took_over) =
        (step.recipient_id.as_deref().unwrap(), step.reassigned_recipient_id.as_deref().unwrap());
    assert_ne!(left, took_over);
    let envelope = step.subject.envelope().unwrap();
    assert!(envelope.recipients.iter().all(|r| r.id != left));
    let completed = steps
        .iter()
        .any(|s| s.event == "recipient-completed" && s.recipient_id.as_deref() == Some(took_over));
    assert!(completed);
}

#[test]
fn drawn_lives_are_of_every_kind_as_often_as_told() {
    let mut counts: HashMap<Kind, u32> = HashMap::new();
    for seed in 0..3_000 {
        *counts.entry(Life::drawn(&setting(), Dice::seeded(seed)).kind()).or_default() += 1;
    }
    assert_eq!(counts.len(), Kind::ALL.len());
    let sequential = f64::from(counts[&Kind::Sequential]) / 3_000.0;
    assert!((0.20..0.32).contains(&sequential), "{sequential}");
}

#[test]
fn all_mail_goes_to_addresses_that_belong_to_nobody() {
    for seed in 0..100 {
        for step in Life::drawn(&setting(), Dice::seeded(seed)) {
            let Some(envelope) = step.subject.envelope() else { continue };
            for recipient in &envelope.recipients {
                let host = recipient.person.email.split('@').nth(1).unwrap();
                assert!(["example.com", "example.net", "example.org"].contains(&host));
            }
        }
    }
}

//! Laws of the small words that everything else is made of: ids, moments, subjects, statuses and routing keys.

use std::collections::BTreeSet;

use countersign::base::{AccountId, Moment, ParticipantId, SigningRequestId, Subject};
use countersign::signing::change::{change_id, routing_key};
use countersign::signing::{ParticipantStatus, SigningRequestStatus};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use proptest::prelude::*;

/// A moment between 1970 and 2262, to the nanosecond.
fn timestamps() -> impl Strategy<Value = Timestamp> {
    (0..i64::MAX).prop_map(|nanoseconds| Timestamp::from_nanosecond(nanoseconds.into()).unwrap())
}

fn subjects() -> impl Strategy<Value = Subject> {
    // Templates and agreements are folded by the mapping, which is not asked here.
    prop_oneof![
        any::<String>().prop_map(|id| Subject::SigningRequest(SigningRequestId::new(&id))),
        any::<String>().prop_map(Subject::Template),
        any::<String>().prop_map(Subject::Agreement),
        Just(Subject::Account),
    ]
}

proptest! {
    #[test]
    fn an_id_is_one_however_it_is_spelt(text: String, before in "[ \t\r\n]{0,3}", after in "[ \t\r\n]{0,3}") {
        let id = AccountId::new(&text);
        prop_assert_eq!(&AccountId::new(id.as_str()), &id);
        prop_assert_eq!(&AccountId::new(&format!("{before}{}{after}", text.to_ascii_uppercase())), &id);
    }

    #[test]
    fn a_moment_is_the_same_in_every_zone_and_at_every_length(at in timestamps(), minutes in -1_439..1_440_i32) {
        let zone = TimeZone::fixed(Offset::from_seconds(minutes * 60).unwrap());
        let local = at.to_zoned(zone.clone());
        for text in [at.to_string(), local.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()] {
            prop_assert_eq!(Moment::parse(&text, None), Some(Moment::certain(at)), "{}", text);
        }
        let bare = local.datetime().to_string();
        prop_assert_eq!(Moment::parse(&bare, Some(&zone)), Some(Moment::certain(at)), "{}", bare);
        let assumed = Moment::parse(&bare, None).unwrap();
        prop_assert!(!assumed.certain, "{}", bare);
        // Seven digits are the most that DocuSign writes.
        let cut = at.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string();
        let read = Moment::parse(&cut, None).unwrap().at;
        prop_assert!(read <= at && at.as_nanosecond() - read.as_nanosecond() < 100, "{}", cut);
    }

    #[test]
    fn no_text_is_a_moment_by_accident_or_ends_the_program(text in "\\PC{0,40}|[0-9TZ:.+-]{0,40}") {
        if let Some(moment) = Moment::parse(&text, None) {
            let again = Moment::parse(&moment.at.to_string(), None);
            prop_assert_eq!(again.map(|again| again.at), Some(moment.at));
        }
    }

    #[test]
    fn a_subject_comes_back_from_its_two_words(subject in subjects()) {
        prop_assert_eq!(Subject::from_parts(subject.kind(), subject.id()), Some(subject));
    }

    #[test]
    fn a_routing_key_is_three_plain_words_and_stays_what_it_is(kind: String, what: String, account: String) {
        let key = routing_key(&kind, &what, &AccountId::new(&account));
        let words: Vec<_> = key.split('.').collect();
        prop_assert_eq!(words.len(), 3);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        prop_assert!(words.iter().all(|word| !word.is_empty() && word.bytes().all(plain)), "{}", key);
        prop_assert!(key.len() <= 255);
        prop_assert_eq!(&routing_key(words[0], words[1], &AccountId::new(words[2])), &key);
    }

    #[test]
    fn whatever_a_change_says_is_in_its_id(
        account: String, subjects in prop::collection::vec(subjects(), 1..3), who in prop::option::of(any::<String>()),
        texts: (String, String), discriminator: Vec<u8>,
    ) {
        let who = who.filter(|who| !who.trim().is_empty()).map(|who| ParticipantId::new(&who));
        let account = AccountId::new(&account);
        let id = |account: &AccountId, subject, who: Option<&ParticipantId>, kind: &str, what: &str, more: &[u8]| {
            change_id(account, subject, who, kind, what, more)
        };
        let (kind, what) = (&*texts.0, &*texts.1);
        let one = id(&account, &subjects[0], who.as_ref(), kind, what, &discriminator);
        prop_assert_eq!(one.0.get_version_num(), 8);
        prop_assert_eq!(id(&account, &subjects[0], who.as_ref(), kind, what, &discriminator), one);
        let longer = |text: &str| format!("{text}x");
        let other = Subject::Template(longer(subjects[0].id()));
        let others = [
            id(&AccountId::new(&longer(account.as_str())), &subjects[0], who.as_ref(), kind, what, &discriminator),
            id(&account, &other, who.as_ref(), kind, what, &discriminator),
            id(&account, &subjects[0], Some(&ParticipantId::new("another one")), kind, what, &discriminator),
            id(&account, &subjects[0], who.as_ref(), &longer(kind), what, &discriminator),
            id(&account, &subjects[0], who.as_ref(), kind, &longer(what), &discriminator),
            id(&account, &subjects[0], who.as_ref(), kind, what, &[&*discriminator, b"x"].concat()),
        ];
        let different: BTreeSet<_> = others.into_iter().chain([one]).collect();
        prop_assert_eq!(different.len(), 7);
        if let [first, second] = &subjects[..] {
            let same = id(&account, second, who.as_ref(), kind, what, &discriminator) == one;
            prop_assert_eq!(same, first == second);
        }
    }
}

#[test]
fn every_status_is_found_by_its_word_and_is_a_bit_of_its_own() {
    let mut bits = 0;
    for status in SigningRequestStatus::ALL {
        assert_eq!(
            SigningRequestStatus::from_id(&format!(" {} ", status.id().to_uppercase())),
            Some(*status)
        );
        assert_eq!(bits & status.bit(), 0, "{status:?}");
        bits |= status.bit();
    }
    bits = 0;
    for status in ParticipantStatus::ALL {
        assert_eq!(ParticipantStatus::from_id(&format!(" {} ", status.id().to_uppercase())), Some(*status));
        assert_eq!(bits & status.bit(), 0, "{status:?}");
        bits |= status.bit();
    }
}

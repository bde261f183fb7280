//! Invented people, companies, documents and reasons; addresses at example.com, .net and .org alone.

use uuid::Uuid;

use crate::base::Dice;

use super::envelope::{Account, Person};

const GIVEN: &[(&str, &str)] = &[
    ("Ada", "ada"),
    ("Bram", "bram"),
    ("Chioma", "chioma"),
    ("Dario", "dario"),
    ("Élodie", "elodie"),
    ("Farid", "farid"),
    ("Greta", "greta"),
    ("Hiroko", "hiroko"),
    ("Ines", "ines"),
    ("Jürgen", "jurgen"),
    ("Kofi", "kofi"),
    ("Łucja", "lucja"),
    ("Mei", "mei"),
    ("Nadia", "nadia"),
    ("Oskar", "oskar"),
    ("Zoë", "zoe"),
];
const FAMILY: &[(&str, &str)] = &[
    ("Aldermoor", "aldermoor"),
    ("Brightwell", "brightwell"),
    ("Castellane", "castellane"),
    ("D'Orsey", "dorsey"),
    ("Eskildsen", "eskildsen"),
    ("Fairweather", "fairweather"),
    ("Gundersholt", "gundersholt"),
    ("Hartigan", "hartigan"),
    ("Ibekwe", "ibekwe"),
    ("Janoušková", "janouskova"),
    ("Königsfeld", "konigsfeld"),
    ("Lindqvist", "lindqvist"),
    ("Marchetti-Vale", "marchetti-vale"),
    ("Šťastná", "stastna"),
];
const COMPANIES: &[&str] = &[
    "Bluebarrow Logistics",
    "Copperline Foods",
    "Dunmore & Daughters",
    "Everglen Housing",
    "Foxglove Clinics",
    "Greywater <Test> Unit",
    "Harbour Lane Books",
];
const PAPERS: &[(&str, &str)] = &[
    ("Mutual NDA", "nda.pdf"),
    ("Offer letter", "offer-letter.pdf"),
    ("Lease renewal, 2nd floor", "lease.pdf"),
    ("Statement of work 4.2", "sow-4.2.pdf"),
    ("Purchase order \"express\"", "order.pdf"),
    ("Consent form", "consent.pdf"),
    ("Loan terms & schedule", "terms & schedule.pdf"),
    ("Prüfbericht Nº 7", "Prüfbericht.pdf"),
];
/// Why a recipient declines.
pub(super) const DECLINED: &[&str] = &[
    "The delivery date is wrong",
    "I am not the right person for this",
    "Clause 7 <limits> & clause 9 contradict each other",
    "Nous n'acceptons pas ces conditions",
];
/// Why a sender voids.
pub(super) const VOIDED: &[&str] =
    &["Sent to the wrong address", "Replaced by a new version", "No longer needed & superseded"];
/// DocuSign's own words when an envelope runs out of time.
pub(super) const EXPIRED: &str = "Envelope has expired.";
/// What mail servers answer.
pub(super) const BOUNCED: &[&str] =
    &["550 5.1.1 mailbox unavailable", "452 4.2.2 over quota", "Out of office until Monday"];

/// One of `choices`.
pub(super) fn pick<'a, T>(dice: &Dice, choices: &'a [T]) -> &'a T {
    let index = usize::try_from(dice.below(choices.len() as u64)).unwrap_or(0);
    &choices[index]
}

/// A GUID as DocuSign makes them: random in all bits, so not a version 4 UUID.
pub(super) fn guid(dice: &Dice) -> Uuid {
    let mut bytes = [0; 16];
    dice.fill(&mut bytes);
    Uuid::from_bytes(bytes)
}

/// Somebody new.
pub(super) fn person(dice: &Dice) -> Person {
    let (given, given_plain) = pick(dice, GIVEN);
    let (family, family_plain) = pick(dice, FAMILY);
    let host = pick(dice, &["example.com", "example.net", "example.org"]);
    Person {
        user_id: guid(dice),
        name: format!("{given} {family}"),
        email: format!("{given_plain}.{family_plain}{}@{host}", dice.below(90) + 10),
    }
}

/// Somebody's address on a documentation network (RFC 5737).
pub(super) fn ip_address(dice: &Dice) -> String {
    format!("{}.{}", pick(dice, &["192.0.2", "198.51.100", "203.0.113"]), dice.below(254) + 1)
}

/// A new account with its owner, who sends.
pub(super) fn account(dice: &Dice) -> Account {
    Account {
        id: guid(dice),
        number: 1_000_000 + dice.below(9_000_000),
        name: (*pick(dice, COMPANIES)).to_owned(),
        sender: person(dice),
        sender_ip: ip_address(dice),
    }
}

/// What an envelope is about: its subject and the names of its documents.
pub(super) fn papers(dice: &Dice) -> (String, Vec<String>) {
    let (title, file) = pick(dice, PAPERS);
    let subject = format!("Please sign: {title} ({})", pick(dice, COMPANIES));
    let mut files = vec![(*file).to_owned()];
    if dice.chance(0.25) {
        files.push(format!("annex {}.pdf", dice.below(9) + 1));
    }
    (subject, files)
}

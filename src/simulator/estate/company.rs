//! Invented companies: people and how they are organised.

use jiff::Timestamp;
use uuid::Uuid;

use crate::base::Dice;
use crate::simulator::life::{Account, Person};

use super::{Contact, Group, Member, MemberStatus, OwnFolder, Profile, SigningGroup, after};

/// The first moment at which invented accounts are founded: 2024-02-05, in seconds.
const EPOCH: i64 = 1_707_123_600;
/// The administrators' profile.
pub(super) const ADMINISTRATOR: u64 = 21_845_101;
/// The profile that new users have.
pub(super) const SENDER: u64 = 21_845_102;
const VIEWER: u64 = 21_845_103;
/// The group that everybody is in.
pub(super) const EVERYONE: u64 = 10_412_001;
const ADMINISTRATORS: u64 = 10_412_002;
const SALES: u64 = 10_412_003;
const PEOPLE: u64 = 10_412_004;

const JOBS: [&str; 6] = ["Counsel", "Account manager", "Purchaser", "Recruiter", "Office manager", ""];
const ORGANIZATIONS: [&str; 4] = ["Mistral & Sons", "Ostrava Freight", "Quayside Legal", ""];

/// When an account was founded.
pub(super) fn founded(dice: &Dice) -> Timestamp {
    let seconds = EPOCH + i64::try_from(dice.below(90 * 86_400)).unwrap_or(0);
    Timestamp::from_second(seconds).unwrap_or_default()
}

/// The number of the next thing of its kind.
pub(super) fn next_number(taken: impl Iterator<Item = u64>) -> u64 {
    taken.max().unwrap_or(0) + 1
}

pub(super) fn profiles(at: Timestamp) -> Vec<Profile> {
    let profile = |id, name: &str, administers, sends| Profile {
        id,
        name: name.to_owned(),
        administers,
        sends,
        modified_at: after(at, 24),
    };
    vec![
        profile(ADMINISTRATOR, "DocuSign Administrator", true, true),
        profile(SENDER, "DocuSign Sender", false, true),
        profile(VIEWER, "DocuSign Viewer", false, false),
    ]
}

pub(super) fn groups(at: Timestamp) -> Vec<Group> {
    let of = |id, name: &str, kind, profile| Group {
        id,
        name: name.to_owned(),
        kind,
        profile,
        modified_at: after(at, 48),
    };
    vec![
        of(EVERYONE, "Everyone", "everyoneGroup", None),
        of(ADMINISTRATORS, "Administrators", "adminGroup", Some(ADMINISTRATOR)),
        of(SALES, "Sales", "customGroup", Some(SENDER)),
        of(PEOPLE, "People & Culture", "customGroup", None),
    ]
}

/// One more group.
pub(super) fn group(id: u64, at: Timestamp) -> Group {
    Group { id, name: format!("Team {id}"), kind: "customGroup", profile: None, modified_at: at }
}

pub(super) fn signing_groups(at: Timestamp, dice: &Dice) -> Vec<SigningGroup> {
    let of = |id, name: &str, email: &str, people: u8| SigningGroup {
        id,
        name: name.to_owned(),
        email: email.to_owned(),
        people: (0..people).map(|_| Person::invented(dice)).collect(),
        created_at: after(at, 72),
    };
    vec![
        of(30_501, "Board", "board@example.com", 3),
        of(30_502, "Warehouse keys", "", 2),
        of(30_503, "Nobody yet", "", 0),
    ]
}

/// One more signing group.
pub(super) fn signing_group(id: u64, at: Timestamp, dice: &Dice) -> SigningGroup {
    let people = vec![Person::invented(dice)];
    SigningGroup { id, name: format!("Signers {id}"), email: String::new(), people, created_at: at }
}

/// A contact.
pub(super) fn contact(dice: &Dice) -> Contact {
    let number = |kind| (format!("+1 202 555 01{:02}", dice.below(100)), kind);
    let phones = match dice.below(3) {
        0 => Vec::new(),
        1 => vec![number("work")],
        _ => vec![number("work"), number("mobile")],
    };
    Contact {
        id: guid(dice),
        person: Person::invented(dice),
        organization: pick(dice, &ORGANIZATIONS).to_owned(),
        phones,
        shared: dice.chance(0.4),
    }
}

/// The owner, and users of every status.
pub(super) fn users(account: &Account, at: Timestamp, dice: &Dice) -> Vec<Member> {
    let mut owner = member(account.sender.clone(), MemberStatus::Active, at, dice);
    owner.profile = ADMINISTRATOR;
    owner.groups = vec![ADMINISTRATORS, SALES];
    let mut users = vec![owner];
    for status in MemberStatus::ALL.into_iter().chain([MemberStatus::Active; 4]) {
        users.push(member(Person::invented(dice), status, at, dice));
    }
    if let Some(last) = users.last_mut() {
        last.profile = VIEWER;
    }
    users
}

/// A user.
pub(super) fn member(person: Person, status: MemberStatus, at: Timestamp, dice: &Dice) -> Member {
    let invited = matches!(status, MemberStatus::ActivationRequired | MemberStatus::ActivationSent);
    let created_at = after(at, i64::try_from(dice.below(2_000)).unwrap_or(0));
    let login = after(created_at, i64::try_from(dice.below(2_000)).unwrap_or(0));
    Member {
        groups: vec![if dice.chance(0.5) { SALES } else { PEOPLE }],
        job_title: pick(dice, &JOBS).to_owned(),
        last_login: (!invited).then_some(login),
        profile: SENDER,
        person,
        status,
        created_at,
    }
}

/// Folders inside one another, and one for templates.
pub(super) fn folders(account: &Account) -> Vec<OwnFolder> {
    let id = |mark: u128| Uuid::from_u128(account.id.as_u128() ^ (mark << 64));
    let folder = |mark, name: &str, parent: Option<u128>, of_templates| OwnFolder {
        id: id(mark),
        name: name.to_owned(),
        parent: parent.map(id),
        of_templates,
    };
    vec![
        folder(0x11, "Contracts", None, false),
        folder(0x12, "Housing", Some(0x11), false),
        folder(0x13, "2nd floor", Some(0x12), false),
        folder(0x14, "Suppliers & freight", Some(0x11), false),
        folder(0x15, "Personnel", None, false),
        folder(0x16, "Templates", None, true),
    ]
}

/// One more folder.
pub(super) fn folder(number: usize, dice: &Dice) -> OwnFolder {
    OwnFolder { id: guid(dice), name: format!("Folder {number}"), parent: None, of_templates: false }
}

fn guid(dice: &Dice) -> Uuid {
    let mut bytes = [0; 16];
    dice.fill(&mut bytes);
    Uuid::from_bytes(bytes)
}

fn pick<'a>(dice: &Dice, choices: &[&'a str]) -> &'a str {
    let place = usize::try_from(dice.below(choices.len() as u64)).unwrap_or(0);
    choices[place]
}

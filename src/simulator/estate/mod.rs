//! What an account has beside envelopes: users, groups, contacts, folders, permission profiles, templates and a plan.
//! Pure: the account goes in, and the same account has always the same ones.

mod company;
mod drafts;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use crate::base::Dice;

use super::life::{Account, Envelope, Person};

/// A user of an account.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who.
    pub person: Person,
    /// Where the user stands, as `/users` writes it.
    pub status: MemberStatus,
    /// The permission profile's number.
    pub profile: u64,
    /// Numbers of groups, beside the one that everybody is in.
    pub groups: Vec<u64>,
    /// What is printed on a card.
    pub job_title: String,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user logged in last.
    pub last_login: Option<Timestamp>,
}

/// Where a user stands (rest.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberStatus {
    /// Works.
    Active,
    /// Was made, and no mail was sent.
    ActivationRequired,
    /// Was invited.
    ActivationSent,
    /// Was closed.
    Closed,
    /// Was locked out.
    Disabled,
}

impl MemberStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::ActivationRequired, Self::ActivationSent, Self::Closed, Self::Disabled];

    /// As `/users` writes it; groups write it in lower case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::ActivationRequired => "ActivationRequired",
            Self::ActivationSent => "ActivationSent",
            Self::Closed => "Closed",
            Self::Disabled => "Disabled",
        }
    }
}

/// A permission profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its number.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Whether its users administer the account.
    pub administers: bool,
    /// Whether its users send envelopes.
    pub sends: bool,
    /// When it changed last.
    pub modified_at: Timestamp,
}

/// A group of users.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its number.
    pub id: u64,
    /// Name.
    pub name: String,
    /// `adminGroup`, `everyoneGroup` or `customGroup`.
    pub kind: &'static str,
    /// The profile that its users get.
    pub profile: Option<u64>,
    /// When it changed last.
    pub modified_at: Timestamp,
}

/// A group any member of which may sign.
#[derive(Debug, Clone)]
pub struct SigningGroup {
    /// Its number.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Its address, where it has one of its own.
    pub email: String,
    /// Who is in it: anybody, users or not.
    pub people: Vec<Person>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A contact of the address book.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Its GUID.
    pub id: Uuid,
    /// Who.
    pub person: Person,
    /// For whom the contact works.
    pub organization: String,
    /// Number and kind of each telephone.
    pub phones: Vec<(String, &'static str)>,
    /// Whether the whole account sees it.
    pub shared: bool,
}

/// A folder that somebody made.
#[derive(Debug, Clone)]
pub struct OwnFolder {
    /// Its GUID.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// The folder that it lies in.
    pub parent: Option<Uuid>,
    /// Whether it is for templates; else for envelopes.
    pub of_templates: bool,
}

/// A template: a draft that envelopes are made from.
#[derive(Debug, Clone)]
pub struct Template {
    /// What it gives to envelopes; its id is the template's.
    pub draft: Arc<Envelope>,
    /// Name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Folder it lies in.
    pub folder: Uuid,
    /// Whether others may use it.
    pub shared: bool,
    /// When an envelope was made from it last.
    pub used_at: Option<Timestamp>,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Estate {
    /// When all of it was made.
    pub founded: Timestamp,
    /// Users; the account's owner first.
    pub users: Vec<Member>,
    /// Permission profiles.
    pub profiles: Vec<Profile>,
    /// Groups.
    pub groups: Vec<Group>,
    /// Signing groups.
    pub signing_groups: Vec<SigningGroup>,
    /// Contacts.
    pub contacts: Vec<Contact>,
    /// Folders beside those that every account has.
    pub folders: Vec<OwnFolder>,
    /// Templates.
    pub templates: Vec<Template>,
    /// Where numbers and people of new things come from.
    dice: Dice,
}

/// How many more of what an account gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Growth {
    /// Users.
    pub users: u16,
    /// Groups.
    pub groups: u16,
    /// Signing groups.
    pub signing_groups: u16,
    /// Contacts.
    pub contacts: u16,
    /// Folders for envelopes.
    pub folders: u16,
    /// Templates.
    pub templates: u16,
    /// Whether they come before those that are there, so that all positions of lists change; else after them.
    pub first: bool,
}

impl Growth {
    /// How many things in all.
    pub fn total(self) -> usize {
        [self.users, self.groups, self.signing_groups, self.contacts, self.folders, self.templates]
            .map(usize::from)
            .iter()
            .sum()
    }
}

impl Estate {
    /// What an account has.
    pub fn of(account: &Arc<Account>) -> Self {
        let (high, low) = account.id.as_u64_pair();
        let dice = Dice::seeded(high ^ low);
        let founded = company::founded(&dice);
        let mut estate = Self {
            founded,
            users: Vec::new(),
            profiles: company::profiles(founded),
            groups: company::groups(founded),
            signing_groups: company::signing_groups(founded, &dice),
            contacts: (0..7).map(|_| company::contact(&dice)).collect(),
            folders: company::folders(account),
            templates: Vec::new(),
            dice,
        };
        estate.users = company::users(account, founded, &estate.dice);
        estate.templates = drafts::templates(account, &estate);
        estate
    }

    /// The administrators' profile.
    pub const ADMINISTRATOR: u64 = company::ADMINISTRATOR;
    /// The profile that new users have.
    pub const SENDER: u64 = company::SENDER;
    /// The group that everybody is in.
    pub const EVERYONE: u64 = company::EVERYONE;

    /// Makes somebody a user, unless that one is a user already.
    pub fn admit(&mut self, person: &Person) {
        if !self.users.iter().any(|user| user.person.user_id == person.user_id) {
            let mut member = company::member(person.clone(), MemberStatus::Active, self.founded, &self.dice);
            member.profile = Self::ADMINISTRATOR;
            self.users.push(member);
        }
    }

    /// A user by the id.
    pub fn user(&self, id: Uuid) -> Option<&Member> {
        self.users.iter().find(|user| user.person.user_id == id)
    }

    /// A profile by its number.
    pub fn profile(&self, id: u64) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == id)
    }

    /// Whether a user administers the account.
    pub fn administers(&self, user: Uuid) -> bool {
        let profile = self.user(user).and_then(|user| self.profile(user.profile));
        profile.is_some_and(|profile| profile.administers)
    }

    /// The users of a group; the users who are closed are in none.
    pub fn users_of(&self, group: u64) -> impl Iterator<Item = &Member> {
        self.users.iter().filter(move |user| {
            user.status != MemberStatus::Closed && (group == Self::EVERYONE || user.groups.contains(&group))
        })
    }

    /// How many things there are in all.
    pub fn size(&self) -> usize {
        self.users.len()
            + self.groups.len()
            + self.signing_groups.len()
            + self.contacts.len()
            + self.folders.len()
            + self.templates.len()
    }

    /// Lets the account grow by invented things; what is there already stays as it is.
    pub fn grow(&mut self, account: &Arc<Account>, by: Growth) {
        let (at, dice) = (self.founded, self.dice.clone());
        let users =
            (0..by.users).map(|_| company::member(Person::invented(&dice), MemberStatus::Active, at, &dice));
        place(&mut self.users, users.collect(), by.first);
        let number = company::next_number(self.groups.iter().map(|group| group.id));
        let groups = (number..).take(by.groups.into()).map(|id| company::group(id, at));
        place(&mut self.groups, groups.collect(), by.first);
        let number = company::next_number(self.signing_groups.iter().map(|group| group.id));
        let groups =
            (number..).take(by.signing_groups.into()).map(|id| company::signing_group(id, at, &dice));
        place(&mut self.signing_groups, groups.collect(), by.first);
        let contacts = (0..by.contacts).map(|_| company::contact(&dice));
        place(&mut self.contacts, contacts.collect(), by.first);
        let made = self.folders.len();
        let folders = (made..).take(by.folders.into()).map(|number| company::folder(number, &dice));
        place(&mut self.folders, folders.collect(), by.first);
        let made = self.templates.len();
        let new =
            (made..).take(by.templates.into()).map(|number| drafts::further(account, self, number, &dice));
        let new = new.collect();
        place(&mut self.templates, new, by.first);
    }
}

fn place<T>(list: &mut Vec<T>, new: Vec<T>, first: bool) {
    let at = if first { 0 } else { list.len() };
    list.splice(at..at, new);
}

/// So many hours after `at`.
fn after(at: Timestamp, hours: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(hours)).unwrap_or(at)
}

//! Lives of envelopes: what happens, when, and what DocuSign tells of it. Pure: a seed and a start go in, steps
//! come out, and the same seed gives the same life on every machine.

mod act;
mod envelope;
mod people;
mod recipient;
mod script;
mod tab;
mod template;

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::base::Dice;

pub use act::{Act, Telling, perform};
pub use envelope::{
    Account, CustomField, Document, Envelope, EnvelopeStatus, Filed, ListField, Occurrence, Person, Reminders,
};
pub use recipient::{Recipient, RecipientStatus, Role};
pub use script::{Kind, Pace};
pub use tab::{Tab, TabKind};
pub use template::Template;

/// What a step is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An envelope, as it stands after the step.
    Envelope(Arc<Envelope>),
    /// A template, as it stands after the step.
    Template(Arc<Template>),
}

impl Subject {
    /// The account that it belongs to.
    pub fn account(&self) -> &Arc<Account> {
        match self {
            Self::Envelope(envelope) => &envelope.account,
            Self::Template(template) => &template.account,
        }
    }

    /// The envelope, where it is one.
    pub fn envelope(&self) -> Option<&Arc<Envelope>> {
        match self {
            Self::Envelope(envelope) => Some(envelope),
            Self::Template(_) => None,
        }
    }
}

/// One thing that DocuSign tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When it happened.
    pub at: Timestamp,
    /// When the message about it is made: strictly growing along a life.
    pub generated_at: Timestamp,
    /// The event's name on the wire.
    pub event: &'static str,
    /// The recipient concerned.
    pub recipient_id: Option<String>,
    /// Who took over from that one.
    pub reassigned_recipient_id: Option<String>,
    /// What it is about, after the step.
    pub subject: Subject,
    /// True for the last of the steps that one act makes: a snapshot is sent then, and not in between.
    pub settled: bool,
}

impl Step {
    /// The steps of an act that somebody else performs at `at`, told at once.
    pub fn told_at_once(told: Vec<Telling>, at: Timestamp) -> Vec<Self> {
        let last = told.len();
        let numbered = (1_i64..).zip(told);
        numbered
            .map(|(number, told)| Self {
                at,
                generated_at: later(at, SignedDuration::from_millis(number)),
                event: told.event,
                recipient_id: told.recipient_id,
                reassigned_recipient_id: told.reassigned_recipient_id,
                subject: Subject::Envelope(told.envelope),
                settled: usize::try_from(number).is_ok_and(|number| number == last),
            })
            .collect()
    }
}

/// How a life is to be lived.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Whose envelope it is.
    pub account: Arc<Account>,
    /// When it begins.
    pub start: Timestamp,
    /// How fast it goes by.
    pub pace: Pace,
}

/// One life: an iterator over its steps, in the order in which they happen.
#[derive(Debug)]
pub struct Life {
    kind: Kind,
    subject: Living,
    acts: VecDeque<Act>,
    /// When the next act happens, once that was drawn.
    due: Option<Timestamp>,
    at: Timestamp,
    told_at: Timestamp,
    ready: VecDeque<Step>,
    pace: Pace,
    dice: Dice,
}

#[derive(Debug)]
enum Living {
    Envelope(Box<Envelope>),
    Template(VecDeque<(&'static str, Template)>),
}

impl Life {
    /// A life of any kind, as often as real traffic has it.
    pub fn drawn(setting: &Setting, dice: Dice) -> Self {
        let kind = Kind::drawn(&dice);
        Self::new(kind, setting, dice)
    }

    /// A life of this kind. `dice` must be its own: what else draws from it would change the life.
    pub fn new(kind: Kind, setting: &Setting, dice: Dice) -> Self {
        let (subject, acts) = if kind == Kind::Template {
            (Living::Template(template::versions(setting, &dice)), VecDeque::new())
        } else {
            let envelope = invented(kind, setting, &dice);
            let signers = envelope.recipients.iter().filter(|r| r.role == Role::Signer).count();
            let acts = script::acts(kind, signers, kind.side_by_side(), &dice);
            (Living::Envelope(Box::new(envelope)), acts.into())
        };
        Self {
            kind,
            subject,
            acts,
            due: None,
            at: setting.start,
            told_at: Timestamp::MIN,
            ready: VecDeque::new(),
            pace: setting.pace,
            dice,
        }
    }

    /// The rest of the life of an envelope that somebody sent at `at`: its signers open and sign it by their turns.
    pub fn adopted(envelope: Envelope, at: Timestamp, pace: Pace, dice: Dice) -> Self {
        let mut signers: Vec<usize> = (0..envelope.recipients.len())
            .filter(|who| envelope.recipients[*who].role.is_awaited())
            .collect();
        signers.sort_by_key(|who| envelope.recipients[*who].routing_order);
        Self {
            kind: Kind::Sequential,
            acts: script::signing(signers).into(),
            subject: Living::Envelope(Box::new(envelope)),
            due: None,
            at,
            told_at: at,
            ready: VecDeque::new(),
            pace,
            dice,
        }
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it stands in its own time: its beginning, or its last act.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The envelope as it stands by what was told so far or is about to be; none for a template.
    pub fn envelope(&self) -> Option<&Envelope> {
        match &self.subject {
            Living::Envelope(envelope) => Some(envelope),
            Living::Template(_) => None,
        }
    }

    /// Goes on with the envelope as somebody else left it: a sender who voids it over REST ends its life.
    pub fn continue_with(&mut self, envelope: &Envelope) {
        if let Living::Envelope(own) = &mut self.subject
            && **own != *envelope
        {
            **own = envelope.clone();
        }
    }

    /// When the next act happens; none at the end.
    pub fn due(&mut self) -> Option<Timestamp> {
        if self.due.is_none() {
            self.due = match &self.subject {
                Living::Template(versions) => versions.front().map(|(_, template)| template.modified_at),
                Living::Envelope(_) => {
                    self.acts.front().map(|act| later(self.at, self.pace.before(act, &self.dice)))
                }
            };
        }
        self.due
    }

    /// Lets the next act happen and gives all that is told of it, which is nothing where it became impossible;
    /// none at the end.
    pub fn next_act(&mut self) -> Option<Vec<Step>> {
        self.live_on()?;
        Some(self.ready.drain(..).collect())
    }

    fn live_on(&mut self) -> Option<()> {
        self.at = self.due()?;
        self.due = None;
        match &mut self.subject {
            Living::Template(versions) => {
                let (event, template) = versions.pop_front()?;
                let telling = (event, None, None);
                self.tell(telling, Subject::Template(Arc::new(template)), true);
            }
            Living::Envelope(envelope) => {
                let act = self.acts.pop_front()?;
                let told = perform(&act, envelope, self.at, &self.dice);
                let last = told.len();
                for (index, told) in told.into_iter().enumerate() {
                    let telling = (told.event, told.recipient_id, told.reassigned_recipient_id);
                    self.tell(telling, Subject::Envelope(told.envelope), index + 1 == last);
                }
            }
        }
        Some(())
    }

    fn tell(
        &mut self,
        (event, recipient_id, reassigned_recipient_id): (&'static str, Option<String>, Option<String>),
        subject: Subject,
        settled: bool,
    ) {
        let (lag, apart) = self.pace.lag();
        let hundreds = i64::try_from(self.dice.below(9_999)).unwrap_or(0) + 1;
        let noise = SignedDuration::from_nanos(hundreds * 100);
        let earliest = later(self.told_at, apart);
        let generated_at = later(self.at, lag).max(earliest);
        let generated_at = later(truncated(generated_at), noise);
        self.told_at = generated_at;
        self.ready.push_back(Step {
            at: self.at,
            generated_at,
            event,
            recipient_id,
            reassigned_recipient_id,
            subject,
            settled,
        });
    }
}

impl Iterator for Life {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        while self.ready.is_empty() {
            self.live_on()?;
        }
        self.ready.pop_front()
    }
}

/// `at` and so much more; the end of time where there is no such moment.
fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// To the millisecond.
fn truncated(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// A draft of this kind with people and papers.
fn invented(kind: Kind, setting: &Setting, dice: &Dice) -> Envelope {
    let (subject, files) = people::papers(dice);
    let start = truncated(setting.start);
    let mut envelope = Envelope::draft(Arc::clone(&setting.account), subject, start, dice);
    "Please read and sign. Questions? Just answer this mail.".clone_into(&mut envelope.blurb);
    for file in files {
        envelope.add_document(file, dice);
    }
    if dice.chance(0.5) {
        envelope.add_custom_field("crm id", format!("crm-{}", dice.below(100_000)), dice);
    }
    let signers = kind.signers(dice);
    for place in 0..signers {
        let order = if kind.side_by_side() { 1 } else { 1 + place as u32 };
        let id = (place + 1).to_string();
        let mut signer = Recipient::new(id, Role::Signer, Person::invented(dice), order, dice);
        if dice.chance(0.2) {
            signer.client_user_id = Some((1_000 + dice.below(9_000)).to_string());
        }
        if let Some(document) = envelope.documents.first() {
            signer.sign_in(&document.id);
        }
        envelope.recipients.push(signer);
    }
    if kind == Kind::CarbonCopies {
        for order in [1, signers as u32 + 1] {
            let id = (envelope.recipients.len() + 1).to_string();
            envelope.recipients.push(Recipient::new(
                id,
                Role::CarbonCopy,
                Person::invented(dice),
                order,
                dice,
            ));
        }
    }
    envelope
}

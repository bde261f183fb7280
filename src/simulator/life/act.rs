//! What can happen to an envelope, and what DocuSign then tells: the state machine.

use std::sync::Arc;

use jiff::Timestamp;

use crate::base::Dice;

use super::envelope::{Envelope, EnvelopeStatus, Occurrence, Person};
use super::people;
use super::recipient::{Recipient, RecipientStatus};

/// Something that a sender, a recipient or DocuSign itself does. Recipients are named by their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The sender makes a draft.
    Create,
    /// The sender sends it.
    Send,
    /// A signer opens it.
    Open(usize),
    /// A signer signs it.
    Sign(usize),
    /// A signer puts it off.
    FinishLater(usize),
    /// A signer declines it.
    Decline(usize),
    /// A signer's mail comes back.
    Bounce(usize),
    /// A signer's access code is wrong too often.
    FailAuthentication(usize),
    /// A signer hands it to somebody else.
    Reassign(usize),
    /// A rule hands a signer's part to somebody else.
    Delegate(usize),
    /// The sender corrects a signer's address.
    Correct(usize),
    /// The sender changed its recipients: whose turn it is now is notified.
    Amend,
    /// The sender has it sent once more to all whose turn it is.
    Resend,
    /// The sender voids it, for a reason.
    Void(String),
    /// Its time runs out.
    Expire,
    /// The sender has its documents purged.
    Purge,
    /// The sender deletes it.
    Delete,
    /// The sender throws the draft away.
    Discard,
}

/// One thing that DocuSign tells, with the envelope as it stands then.
#[derive(Debug, Clone)]
pub struct Telling {
    /// The event's name on the wire.
    pub event: &'static str,
    /// The recipient concerned.
    pub recipient_id: Option<String>,
    /// Who took over from that one.
    pub reassigned_recipient_id: Option<String>,
    /// The envelope after it.
    pub envelope: Arc<Envelope>,
}

/// Lets `act` happen to `envelope` at a time; what is told of it, in order. Nothing happens, and nothing is told,
/// where the act is impossible: whoever is done cannot sign, and what is over stays as it is.
pub fn perform(act: &Act, envelope: &mut Envelope, at: Timestamp, dice: &Dice) -> Vec<Telling> {
    let mut scene = Scene { envelope, at, dice, told: Vec::new() };
    scene.perform(act);
    scene.told
}

struct Scene<'a> {
    envelope: &'a mut Envelope,
    at: Timestamp,
    dice: &'a Dice,
    told: Vec<Telling>,
}

impl Scene<'_> {
    fn perform(&mut self, act: &Act) {
        use EnvelopeStatus as S;
        let status = self.envelope.status;
        match act {
            Act::Create if self.envelope.history.is_empty() => self.tell("envelope-created", None),
            Act::Send if status == S::Created => self.send(),
            Act::Discard if status == S::Created => self.delete("envelope-discard"),
            Act::Delete if !matches!(status, S::Created | S::Deleted) => self.delete("envelope-deleted"),
            Act::Purge if matches!(status, S::Completed | S::Declined | S::Voided) => {
                self.envelope.purge_queued = true;
                self.tell("envelope-purge", None);
            }
            Act::Amend if status.in_flight() => {
                self.tell("envelope-corrected", None);
                self.advance();
            }
            Act::Resend if status.in_flight() => self.resend(),
            Act::Void(reason) if status.in_flight() => self.void(reason.clone(), false),
            Act::Expire if status.in_flight() => self.void(people::EXPIRED.to_owned(), true),
            Act::Open(who)
            | Act::Sign(who)
            | Act::FinishLater(who)
            | Act::Decline(who)
            | Act::Bounce(who)
            | Act::FailAuthentication(who)
            | Act::Reassign(who)
            | Act::Delegate(who)
            | Act::Correct(who)
                if status.in_flight() && self.is_turn_of(*who) =>
            {
                self.perform_by(act, *who);
            }
            _ => {}
        }
    }

    /// True where the recipient was notified and is not done.
    fn is_turn_of(&self, who: usize) -> bool {
        use RecipientStatus as R;
        self.envelope
            .recipients
            .get(who)
            .is_some_and(|r| matches!(r.status, R::Sent | R::Delivered | R::AutoResponded))
    }

    fn perform_by(&mut self, act: &Act, who: usize) {
        let (at, dice) = (self.at, self.dice);
        let recipient = &mut self.envelope.recipients[who];
        let opened = recipient.status == RecipientStatus::Delivered;
        match act {
            Act::Open(_) if !opened => self.open(who),
            Act::Sign(_) if opened => self.sign(who),
            Act::FinishLater(_) if opened => self.tell("recipient-finish-later", Some(who)),
            Act::Decline(_) if opened => self.decline(who),
            Act::Bounce(_) if recipient.status == RecipientStatus::Sent => {
                recipient.status = RecipientStatus::AutoResponded;
                recipient.auto_responded_reason = Some((*people::pick(dice, people::BOUNCED)).to_owned());
                self.tell("recipient-autoresponded", Some(who));
            }
            Act::FailAuthentication(_) => {
                recipient.authentication_failed_at = Some(at);
                self.tell("recipient-authenticationfailed", Some(who));
            }
            Act::Reassign(_) => self.replace(who, "recipient-reassign"),
            Act::Delegate(_) => self.replace(who, "recipient-delegate"),
            Act::Correct(_) => {
                recipient.person.email = Person::invented(dice).email;
                self.tell("envelope-corrected", None);
            }
            _ => {}
        }
    }

    fn tell(&mut self, event: &'static str, who: Option<usize>) {
        self.envelope.modified_at = self.at;
        let status = self.envelope.status;
        self.envelope.history.push(Occurrence { at: self.at, event, recipient: who, status });
        self.told.push(Telling {
            event,
            recipient_id: who.map(|who| self.envelope.recipients[who].id.clone()),
            reassigned_recipient_id: None,
            envelope: Arc::new(self.envelope.clone()),
        });
    }

    fn come_to(&mut self, status: EnvelopeStatus) {
        self.envelope.status = status;
        self.envelope.status_changed_at = self.at;
        self.envelope.modified_at = self.at;
    }

    fn send(&mut self) {
        self.come_to(EnvelopeStatus::Sent);
        self.envelope.initial_sent_at = Some(self.at);
        self.envelope.sent_at = Some(self.at);
        self.tell("envelope-sent", None);
        self.advance();
    }

    /// Notifies all whose turn it is now. Carbon copies are done by that, so that the next ones may have their
    /// turn at once; when nobody is left, the envelope is completed.
    fn advance(&mut self) {
        loop {
            if self.envelope.recipients.iter().all(|r| r.status == RecipientStatus::Completed) {
                self.come_to(EnvelopeStatus::Completed);
                self.envelope.completed_at = Some(self.at);
                self.tell("envelope-completed", None);
                return;
            }
            let turn = self.envelope.current_routing_order();
            let next: Vec<usize> = (0..self.envelope.recipients.len())
                .filter(|who| {
                    let recipient = &self.envelope.recipients[*who];
                    recipient.routing_order == turn && recipient.status == RecipientStatus::Created
                })
                .collect();
            if next.is_empty() {
                return;
            }
            self.envelope.sent_at = Some(self.at);
            for who in next {
                self.notify(who);
            }
        }
    }

    fn notify(&mut self, who: usize) {
        let recipient = &mut self.envelope.recipients[who];
        recipient.sent_at = Some(self.at);
        recipient.status = RecipientStatus::Sent;
        let copy_only = !recipient.role.is_awaited();
        self.tell("recipient-sent", Some(who));
        if copy_only {
            self.envelope.recipients[who].status = RecipientStatus::Completed;
            self.tell("recipient-completed", Some(who));
        }
    }

    fn open(&mut self, who: usize) {
        let ip = people::ip_address(self.dice);
        let recipient = &mut self.envelope.recipients[who];
        recipient.status = RecipientStatus::Delivered;
        recipient.delivered_at = Some(self.at);
        recipient.ip = Some(ip);
        self.tell("recipient-delivered", Some(who));
        let mut signers = self.envelope.recipients.iter().filter(|r| r.role.signs());
        if self.envelope.status == EnvelopeStatus::Sent && signers.all(|r| r.delivered_at.is_some()) {
            self.come_to(EnvelopeStatus::Delivered);
            self.envelope.delivered_at = Some(self.at);
            self.tell("envelope-delivered", None);
        }
    }

    fn sign(&mut self, who: usize) {
        let recipient = &mut self.envelope.recipients[who];
        recipient.status = RecipientStatus::Completed;
        // Who signs nothing is done as well, and has no time of signing.
        recipient.signed_at = recipient.role.signs().then_some(self.at);
        self.tell("recipient-completed", Some(who));
        self.advance();
    }

    fn decline(&mut self, who: usize) {
        let reason = (*people::pick(self.dice, people::DECLINED)).to_owned();
        let recipient = &mut self.envelope.recipients[who];
        recipient.status = RecipientStatus::Declined;
        recipient.declined_at = Some(self.at);
        recipient.declined_reason = Some(reason);
        self.tell("recipient-declined", Some(who));
        self.come_to(EnvelopeStatus::Declined);
        self.envelope.declined_at = Some(self.at);
        self.tell("envelope-declined", None);
    }

    /// Somebody else takes over under a new id; the former recipient is gone from the envelope.
    fn replace(&mut self, who: usize, event: &'static str) {
        let taken = |id: &str| self.envelope.recipients.iter().any(|r| r.id == id);
        let mut id = self.envelope.recipients.len() + 1;
        while taken(&id.to_string()) {
            id += 1;
        }
        let former = &self.envelope.recipients[who];
        let (former_id, order) = (former.id.clone(), former.routing_order);
        let person = Person::invented(self.dice);
        let mut successor = Recipient::new(id.to_string(), former.role, person, order, self.dice);
        successor.tabs = Arc::clone(&former.tabs);
        self.envelope.recipients[who] = successor;
        self.tell(event, Some(who));
        if let Some(told) = self.told.last_mut() {
            let successor_id = told.recipient_id.replace(former_id);
            // Only a reassignment is known to name who took over.
            told.reassigned_recipient_id = successor_id.filter(|_| event == "recipient-reassign");
        }
        self.notify(who);
    }

    fn resend(&mut self) {
        self.envelope.sent_at = Some(self.at);
        self.tell("envelope-resent", None);
        for who in 0..self.envelope.recipients.len() {
            if self.is_turn_of(who) {
                self.envelope.recipients[who].sent_at = Some(self.at);
                self.tell("recipient-resent", Some(who));
            }
        }
    }

    fn void(&mut self, reason: String, expired: bool) {
        self.come_to(EnvelopeStatus::Voided);
        self.envelope.voided_at = Some(self.at);
        self.envelope.voided_reason = Some(reason);
        self.envelope.expired = expired;
        if expired {
            self.envelope.expires_at = self.at;
        }
        self.tell("envelope-voided", None);
    }

    fn delete(&mut self, event: &'static str) {
        self.come_to(EnvelopeStatus::Deleted);
        self.envelope.deleted_at = Some(self.at);
        self.tell(event, None);
    }
}

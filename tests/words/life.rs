//! Whole lives of envelopes as DocuSign would tell them: a small model of its own, and its messages in each format.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const ACCOUNT: &str = "11111111-aaaa-4bbb-8ccc-000000000001";
const ENVELOPE: &str = "22222222-aaaa-4bbb-8ccc-000000000002";

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ending {
    Completed,
    Declined,
    Voided,
    Expired,
    Discarded,
    CompletedThenDeleted,
    InFlight,
}

/// What happens in a life.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    signers: usize,
    parallel: bool,
    carbon_copy: bool,
    corrected: bool,
    reassigned: bool,
    bounced: bool,
    resent: bool,
    /// How many signers have signed before it ends otherwise.
    signed_before: usize,
    pub(crate) ending: Ending,
}

/// All lives.
pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    use Ending as E;
    let endings = [
        E::Completed,
        E::Declined,
        E::Voided,
        E::Expired,
        E::Discarded,
        E::CompletedThenDeleted,
        E::InFlight,
    ];
    let flags = prop::array::uniform6(any::<bool>());
    (1usize..5, flags, 0usize..4, prop::sample::select(endings.to_vec())).prop_map(
        |(signers, flags, before, ending)| {
            let [parallel, carbon_copy, corrected, reassigned, bounced, resent] = flags;
            let signed_before = before.min(signers - 1);
            Plan {
                signers,
                parallel,
                carbon_copy,
                corrected,
                reassigned,
                bounced,
                resent,
                signed_before,
                ending,
            }
        },
    )
}

/// A recipient at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) id: usize,
    pub(crate) status: &'static str,
    list: &'static str,
    order: usize,
    reason: Option<&'static str>,
    times: Vec<(&'static str, Timestamp)>,
}

/// An envelope at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) status: &'static str,
    pub(crate) recipients: Vec<Recipient>,
    reason: Option<&'static str>,
    times: Vec<(&'static str, Timestamp)>,
}

/// One step of a life: what happened, and how the envelope stood then.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) event: Option<&'static str>,
    recipient: Option<usize>,
    reassigned: Option<usize>,
    at: Timestamp,
    pub(crate) envelope: Envelope,
}

struct Teller {
    now: Timestamp,
    envelope: Envelope,
    steps: Vec<Step>,
}

/// The steps of the life that `plan` describes.
pub(crate) fn live(plan: &Plan) -> Vec<Step> {
    let recipient =
        |id, list, order| Recipient { id, status: "created", list, order, reason: None, times: vec![] };
    let order = |id| if plan.parallel { 1 } else { id };
    let mut recipients: Vec<_> = (1..=plan.signers).map(|id| recipient(id, "signers", order(id))).collect();
    if plan.carbon_copy {
        recipients.push(recipient(90, "carbonCopies", 9));
    }
    let envelope = Envelope { status: "created", recipients, reason: None, times: vec![] };
    let mut teller = Teller { now: "2026-05-05T08:00:00.25Z".parse().unwrap(), envelope, steps: vec![] };
    teller.whole(plan);
    teller.steps
}

impl Teller {
    fn whole(&mut self, plan: &Plan) {
        self.envelope_to("created", Some("envelope-created"));
        if plan.ending == Ending::Discarded {
            return self.envelope_to("deleted", Some("envelope-discard"));
        }
        self.envelope_to("sent", Some("envelope-sent"));
        let ids: Vec<_> = (1..=plan.signers).collect();
        let first = if plan.parallel { &ids[..] } else { &ids[..1] };
        first.iter().for_each(|id| self.recipient_to(*id, "sent"));
        if plan.bounced {
            self.recipient_to(1, "autoresponded");
            self.event("recipient-resent", Some(1), None);
        }
        if plan.resent {
            self.event("envelope-resent", None, None);
        }
        if plan.corrected {
            self.envelope.status = "correct";
            self.snapshot_only();
            self.envelope.status = "sent";
            self.event("envelope-corrected", None, None);
        }
        let ids = if plan.reassigned { self.reassign(1, ids) } else { ids };
        self.sign_and_end(plan, &ids);
    }

    fn reassign(&mut self, from: usize, mut ids: Vec<usize>) -> Vec<usize> {
        let to = from + 50;
        let at = self.envelope.recipients.iter().position(|r| r.id == from).unwrap();
        let old = &mut self.envelope.recipients[at];
        *old = Recipient { id: to, status: "created", times: vec![], ..old.clone() };
        self.event("recipient-reassign", Some(from), Some(to));
        self.recipient_to(to, "sent");
        ids[0] = to;
        ids
    }

    fn sign_and_end(&mut self, plan: &Plan, ids: &[usize]) {
        let completes = matches!(plan.ending, Ending::Completed | Ending::CompletedThenDeleted);
        let signing = if completes { ids.len() } else { plan.signed_before };
        for (at, id) in ids.iter().enumerate() {
            if !plan.parallel && at > 0 {
                self.recipient_to(*id, "sent");
            }
            if at >= signing {
                break;
            }
            self.recipient_to(*id, "delivered");
            if at + 1 == ids.len() {
                self.envelope_to("delivered", Some("envelope-delivered"));
            }
            self.recipient_to(*id, "completed");
        }
        match plan.ending {
            Ending::Completed | Ending::CompletedThenDeleted => {
                if plan.carbon_copy {
                    self.recipient_to(90, "sent");
                    self.recipient_to(90, "completed");
                }
                self.envelope_to("completed", Some("envelope-completed"));
                if plan.ending == Ending::CompletedThenDeleted {
                    self.envelope_to("deleted", Some("envelope-deleted"));
                }
            }
            Ending::Declined => {
                self.recipient_to(ids[plan.signed_before], "declined");
                self.envelope_to("declined", Some("envelope-declined"));
            }
            Ending::Voided | Ending::Expired => {
                let expired = plan.ending == Ending::Expired;
                self.envelope.reason =
                    Some(if expired { "Envelope has expired." } else { "Changed & <gone>" });
                self.envelope_to("voided", Some("envelope-voided"));
            }
            Ending::Discarded | Ending::InFlight => {}
        }
    }

    fn tick(&mut self) {
        self.now += SignedDuration::from_millis(61_337);
    }

    fn tell(&mut self, event: Option<&'static str>, recipient: Option<usize>, reassigned: Option<usize>) {
        // A message is generated a little after what it tells.
        let at = self.now + SignedDuration::from_millis(480);
        self.steps.push(Step { event, recipient, reassigned, at, envelope: self.envelope.clone() });
    }

    fn event(&mut self, event: &'static str, recipient: Option<usize>, reassigned: Option<usize>) {
        self.tick();
        self.tell(Some(event), recipient, reassigned);
    }

    fn snapshot_only(&mut self) {
        self.tick();
        self.tell(None, None, None);
    }

    fn envelope_to(&mut self, status: &'static str, event: Option<&'static str>) {
        self.tick();
        self.envelope.status = status;
        self.envelope.times.push((status, self.now));
        self.tell(event, None, None);
    }

    fn recipient_to(&mut self, id: usize, status: &'static str) {
        self.tick();
        let now = self.now;
        let recipient = self.envelope.recipients.iter_mut().find(|r| r.id == id).unwrap();
        recipient.status = status;
        recipient.times.push((status, now));
        recipient.reason = match status {
            "declined" => Some("No, \"thanks\""),
            "autoresponded" => Some("out of office"),
            _ => None,
        };
        let event = match status {
            "sent" => "recipient-sent",
            "delivered" => "recipient-delivered",
            "completed" => "recipient-completed",
            "declined" => "recipient-declined",
            _ => "recipient-autoresponded",
        };
        self.tell(Some(event), Some(id), None);
    }
}

fn last(times: &[(&str, Timestamp)], status: &str) -> Option<Timestamp> {
    times.iter().rev().find(|(s, _)| *s == status).map(|(_, at)| *at)
}

impl Step {
    /// The single event of this step; `retry` changes what a retry or another configuration changes.
    pub(crate) fn single(&self, summary: bool, retry: u64) -> Option<Vec<u8>> {
        let mut data = json!({ "accountId": ACCOUNT, "userId": "u", "envelopeId": ENVELOPE });
        if let Some(id) = self.recipient {
            data["recipientId"] = id.to_string().into();
        }
        if let Some(id) = self.reassigned {
            data["reassignedRecipientId"] = id.to_string().into();
        }
        if summary {
            data["envelopeSummary"] = self.envelope.summary(self.at);
        }
        let message = json!({
            "event": self.event?, "apiVersion": "v2.1", "retryCount": retry, "configurationId": 100 + retry,
            "generatedDateTime": self.at, "data": data,
        });
        Some(message.to_string().into_bytes())
    }

    /// A JSON aggregate of the envelope at this step.
    pub(crate) fn aggregate(&self) -> Vec<u8> {
        self.envelope.summary(self.at).to_string().into_bytes()
    }

    /// An XML message of the envelope at this step; half of the lives are told in another zone.
    pub(crate) fn xml(&self, offset_hours: i8) -> Vec<u8> {
        self.envelope.xml(self.at, offset_hours).into_bytes()
    }
}

impl Envelope {
    fn summary(&self, at: Timestamp) -> Value {
        let mut summary = json!({
            "status": self.status, "emailSubject": "A life", "envelopeId": ENVELOPE,
            "sender": { "accountId": ACCOUNT }, "lastModifiedDateTime": at, "recipients": {},
        });
        for (status, at) in &self.times {
            summary[format!("{status}DateTime")] = json!(at);
        }
        if let Some(reason) = self.reason {
            summary["voidedReason"] = reason.into();
        }
        for list in ["signers", "carbonCopies"] {
            let told = self.recipients.iter().filter(|r| r.list == list).map(Recipient::json);
            summary["recipients"][list] = told.collect();
        }
        summary
    }

    fn xml(&self, at: Timestamp, hours: i8) -> String {
        let zone = jiff::tz::Offset::from_hours(hours).unwrap();
        let local = |at: Timestamp| zone.to_datetime(at).to_string();
        let mut out = String::from("<DocuSignEnvelopeInformation><EnvelopeStatus><RecipientStatuses>");
        for r in &self.recipients {
            let kind = if r.list == "signers" { "Signer" } else { "CarbonCopy" };
            let _ =
                write!(out, "<RecipientStatus><Type>{kind}</Type><RoutingOrder>{}</RoutingOrder>", r.order);
            let names = [
                ("sent", "Sent"),
                ("delivered", "Delivered"),
                ("completed", "Signed"),
                ("declined", "Declined"),
            ];
            for (status, name) in names.iter().filter(|(status, _)| r.list == "signers" || *status == "sent")
            {
                if let Some(at) = last(&r.times, status) {
                    let _ = write!(out, "<{name}>{}</{name}>", local(at));
                }
            }
            let status = r.status[..1].to_uppercase() + &r.status[1..];
            let status = if status == "Autoresponded" { "AutoResponded" } else { &status };
            let _ = write!(
                out,
                "<Status>{status}</Status><RecipientId>g-{}</RecipientId></RecipientStatus>",
                r.id
            );
        }
        let status = self.status[..1].to_uppercase() + &self.status[1..];
        let _ = write!(
            out,
            "</RecipientStatuses><TimeGenerated>{}</TimeGenerated><EnvelopeID>{ENVELOPE}</EnvelopeID><Status>{status}</Status>",
            local(at)
        );
        for (status, at) in &self.times {
            let name = status[..1].to_uppercase() + &status[1..];
            let _ = write!(out, "<{name}>{}</{name}>", local(*at));
        }
        let _ = write!(
            out,
            "</EnvelopeStatus><TimeZoneOffset>{hours}</TimeZoneOffset></DocuSignEnvelopeInformation>"
        );
        out
    }
}

impl Recipient {
    fn json(&self) -> Value {
        let mut told = json!({
            "recipientId": self.id.to_string(), "name": format!("Person {}", self.id),
            "routingOrder": self.order.to_string(), "status": self.status,
        });
        for (status, name) in
            [("sent", "sent"), ("delivered", "delivered"), ("completed", "signed"), ("declined", "declined")]
        {
            if let Some(at) = last(&self.times, status).filter(|_| self.list == "signers" || name == "sent") {
                told[format!("{name}DateTime")] = json!(at);
            }
        }
        if let Some(reason) = self.reason {
            told[if self.status == "declined" { "declinedReason" } else { "autoRespondedReason" }] =
                reason.into();
        }
        told
    }
}

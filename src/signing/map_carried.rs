//! Whether Connect's own messages already tell all that REST would be asked for; if so, the signing request that they
//! tell. On any doubt they do not: a call is cheaper than an object that is older than the changes it answers.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::base::{AccountId, DeliveryId, Moment, ParticipantId, SigningRequestId};
use crate::docusign::Envelope;
use crate::docusign::tolerant::Scalar;

use super::enriched::{CarriedBy, Earlier};
use super::map::{participant_status, signing_request_status};
use super::map_rest::from_envelope;
use super::{SigningRequest, SigningRequestStatus, State};

/// What was told of one signing request since it was last told whole.
#[derive(Debug, Clone)]
pub struct Told {
    /// The account.
    pub account: AccountId,
    /// The signing request.
    pub signing_request: SigningRequestId,
    /// Where it and its participants stand.
    pub state: State,
    /// The body of the enriched change before, where there was one.
    pub before: Option<String>,
    /// All JSON messages about it from the oldest that made a change since then to the newest, in any order.
    pub messages: Vec<(DeliveryId, Bytes)>,
}

/// A signing request that a message carried whole.
#[derive(Debug)]
pub struct Carried {
    /// The message.
    pub by: CarriedBy,
    /// What it told.
    pub signing_request: SigningRequest,
}

impl Told {
    /// The signing request as the newest message tells it; none where that does not tell all, or where it could be
    /// older than anything that is known. `base` is the address of the account's REST API.
    pub fn whole(&self, base: &str) -> Option<Carried> {
        let earlier = self.before.as_deref().map(Earlier::read);
        let earlier = earlier.map_or(Some(None), |read| read.map(Some))?;
        let messages: Vec<_> = self.messages.iter().map(|one| self.read(one)).collect::<Option<_>>()?;
        let newest = messages.iter().map(|message| message.by.generated_at).max()?;
        let mut newest = messages.into_iter().filter(|message| message.by.generated_at == newest);
        let first = newest.next()?;
        let envelope = self.carried(first.summary)?;
        // Which of two that were made at the same time is the newer one cannot be told: they have to agree.
        if !newest.all(|other| self.carried(other.summary).as_ref() == Some(&envelope)) {
            return None;
        }
        let signing_request = from_envelope(&envelope, base);
        if let Some(earlier) = earlier
            && (first.by.generated_at <= earlier.as_of
                || signing_request.updated_at < Some(earlier.updated_at))
        {
            return None;
        }
        Some(Carried { by: first.by, signing_request })
    }

    /// A message about this signing request whose time is certain.
    fn read<'a>(&self, (delivery_id, body): &'a (DeliveryId, Bytes)) -> Option<Message<'a>> {
        let wire: Wire<'_> = serde_json::from_slice(body).ok()?;
        wire.event.text()?;
        let Wire { generated_date_time, data, .. } = wire;
        let generated_at =
            Moment::parse(generated_date_time.text()?, None).filter(|moment| moment.certain)?.at;
        let own = AccountId::new(data.account_id.text()?) == self.account
            && SigningRequestId::new(data.envelope_id.text()?) == self.signing_request;
        let by = CarriedBy { delivery_id: *delivery_id, generated_at };
        own.then_some(Message { by, summary: data.envelope_summary })
    }

    /// What a summary tells, where that is all, and agrees with all that is known.
    fn carried(&self, summary: Option<&RawValue>) -> Option<Envelope> {
        let summary = summary?.get();
        let keys: Value = serde_json::from_str(summary).ok()?;
        if !tells_all(keys.as_object()?) {
            return None;
        }
        // From the text: lists of tabs are to come in the order in which they were told, as from REST.
        let envelope: Envelope = serde_json::from_str(summary).ok()?;
        let own = SigningRequestId::new(envelope.envelope_id.text()?) == self.signing_request;
        (own && self.agrees(&envelope)).then_some(envelope)
    }

    /// Whether the signing request stands as it is known to, and each participant that is known.
    fn agrees(&self, envelope: &Envelope) -> bool {
        let told = envelope.status.text().and_then(signing_request_status);
        let participants: HashMap<_, _> = (envelope.recipients.0.iter())
            .filter_map(|(_, one)| {
                Some((ParticipantId::new(one.recipient_id.text()?), participant_status(one.status.text()?)?))
            })
            .collect();
        told.is_some()
            && told == self.state.status()
            && self.state.participants().all(|(id, status)| status == participants.get(id).copied())
    }
}

struct Message<'a> {
    by: CarriedBy,
    summary: Option<&'a RawValue>,
}

/// A SIM message, as far as it is read here. A key that is told twice is a doubt, and an error.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    event: Scalar,
    generated_date_time: Scalar,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(default)]
    account_id: Scalar,
    #[serde(default)]
    envelope_id: Scalar,
    #[serde(borrow, default)]
    envelope_summary: Option<&'a RawValue>,
}

/// What REST tells of every envelope and we pass on; that a key is there shows that it was told.
const ALWAYS: [&str; 10] = [
    "envelopeId",
    "status",
    "emailSubject",
    "emailBlurb",
    "createdDateTime",
    "lastModifiedDateTime",
    "statusChangedDateTime",
    "expireDateTime",
    "envelopeUri",
    "sender",
];
/// Lists of recipients that have tabs in some accounts only.
const SELDOM_WITH_TABS: [&str; 5] =
    ["carbonCopies", "certifiedDeliveries", "agents", "editors", "intermediaries"];

/// Whether a summary tells whatever REST is asked to include: each section is there, were it empty.
fn tells_all(summary: &Map<String, Value>) -> bool {
    let voided = summary.get("status").and_then(Value::as_str).and_then(signing_request_status)
        == Some(SigningRequestStatus::Voided);
    ALWAYS.iter().all(|key| summary.contains_key(*key))
        && (!voided || summary.contains_key("voidedReason"))
        && summary.get("customFields").is_some_and(Value::is_object)
        && summary.get("folders").is_some_and(Value::is_array)
        && summary.get("envelopeDocuments").is_some_and(tells_documents)
        && summary.get("recipients").and_then(Value::as_object).is_some_and(tells_recipients)
}

fn tells_documents(documents: &Value) -> bool {
    documents.as_array().is_some_and(|all| all.iter().all(|one| one.get("uri").is_some()))
}

/// Whether each recipient tells its tabs. Those that seldom have any are taken at their word only where others show
/// that tabs were asked for.
fn tells_recipients(recipients: &Map<String, Value>) -> bool {
    let told = recipients.iter().flat_map(|(list, all)| {
        let all = all.as_array().into_iter().flatten();
        all.map(move |one| (list.as_str(), one.get("tabs").is_some_and(Value::is_object)))
    });
    let told: Vec<_> = told.collect();
    let shown = told.iter().any(|(_, tabs)| *tabs);
    told.iter().all(|(list, tabs)| *tabs || (shown && SELDOM_WITH_TABS.contains(list)))
}

//! What a published message says, as the API's reference shows it and as timelines read it back.
//!
//! The messages themselves are written in [`crate::signing`] and go out byte for byte as they were written. A test
//! holds what is written there against these shapes and against `/asyncapi.yaml`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// A message: a change, or the signing request as fetched afterwards.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Message {
    /// Of the kinds `signing_request`, `participant`, `activity`, `late` and `conflict`.
    Change(Box<ChangeMessage>),
    /// Of the kind `enriched`.
    Enriched(Box<EnrichedMessage>),
    /// Of the kind `account`.
    Account(Box<AccountMessage>),
}

/// One change of a signing request, participant, template, agreement or account.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangeMessage {
    /// Message id: the same from every store, retry and configuration.
    pub id: Uuid,
    /// Gap-free per account and signing request, from 1.
    #[schema(minimum = 1)]
    pub sequence: u64,
    /// `advance`, `repeat`, `late` or `conflict`.
    #[schema(pattern = "^(advance|repeat|late|conflict)$")]
    pub verdict: String,
    /// `connect`, `reconcile` or `replay`.
    #[schema(pattern = "^(connect|reconcile|replay)$")]
    pub origin: String,
    /// When it happened, in UTC.
    pub occurred_at: Timestamp,
    /// True where the message told a time without a zone, and UTC was assumed; else absent.
    #[serde(default)]
    #[schema(required = false)]
    pub occurred_at_uncertain: bool,
    /// When we learned of it.
    pub received_at: Timestamp,
    /// The account.
    pub account: Account,
    /// What it is about, where that is no signing request; else absent.
    #[schema(nullable = false)]
    pub subject: Option<Subject>,
    /// The signing request, where it is about one.
    #[schema(required = true)]
    pub signing_request: Option<ChangedSigningRequest>,
    /// The participant concerned.
    #[schema(required = true)]
    pub participant: Option<ChangedParticipant>,
    /// What told it.
    pub cause: Cause,
}

/// A linked account came to a state, or was removed.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AccountMessage {
    /// Message id.
    pub id: Uuid,
    /// Gap-free per linked account, from 1.
    #[schema(minimum = 1)]
    pub sequence: u64,
    /// `advance`.
    #[schema(pattern = "^advance$")]
    pub verdict: String,
    /// `account`.
    #[schema(pattern = "^account$")]
    pub origin: String,
    /// When it happened, in UTC.
    pub occurred_at: Timestamp,
    /// The same.
    pub received_at: Timestamp,
    /// The account, and where it stands.
    pub account: LinkedAccount,
}

/// The linked account in a message.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LinkedAccount {
    /// DocuSign's id; `unknown` until its user chose one.
    pub id: String,
    /// Ours.
    pub integrated_account_id: String,
    /// Its name at DocuSign, where known.
    #[schema(required = true)]
    pub name: Option<String>,
    /// Whose it is, in the words of whoever made the link token.
    pub tenant_id: String,
    /// `connecting`, `active`, `needs_reauth`, `validation_error` or `removed`.
    pub state: Status,
    /// Where it stood.
    #[schema(required = true)]
    pub previous_state: Option<Status>,
    /// Why, where that is not plain: a code.
    #[schema(required = true)]
    pub reason: Option<String>,
}

/// The account in a message.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MessageAccount)]
pub struct Account {
    /// DocuSign's id; `unknown` where a message names none.
    pub id: String,
    /// The linked account, where there is one.
    #[schema(required = true)]
    pub integrated_account_id: Option<String>,
}

/// What a message is about, where that is no signing request.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MessageSubject)]
pub struct Subject {
    /// `template`, `agreement` or `account`.
    #[serde(rename = "type")]
    #[schema(pattern = "^(template|agreement|account)$")]
    pub kind: String,
    /// Its id; empty for the account.
    pub id: String,
    /// Its name, where told.
    #[schema(required = true)]
    pub name: Option<String>,
}

/// A status: its word, and its name for people.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize, ToSchema)]
#[schema(example = json!({"id": "completed", "name": "Completed"}))]
pub struct Status {
    /// The word.
    pub id: String,
    /// The name.
    pub name: String,
}

/// The signing request in a change.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangedSigningRequest {
    /// Its id.
    pub id: String,
    /// Its name, where told.
    #[schema(required = true)]
    pub name: Option<String>,
    /// Where it stands by this change.
    #[schema(required = true)]
    pub status: Option<Status>,
    /// Where it stood before; in changes of its own status only.
    #[schema(required = true)]
    pub previous_status: Option<Status>,
    /// Why it was voided.
    #[schema(required = true)]
    pub cancellation_reason: Option<String>,
}

/// The participant in a change.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChangedParticipant {
    /// Unique within the signing request.
    pub id: String,
    /// Name, where told.
    #[schema(required = true)]
    pub name: Option<String>,
    /// E-mail addresses, where told.
    pub emails: Vec<Email>,
    /// Routing order, where told.
    #[schema(required = true)]
    pub routing_order: Option<u32>,
    /// Where the participant stands by this change.
    #[schema(required = true)]
    pub status: Option<Status>,
    /// Where the participant stood before.
    #[schema(required = true)]
    pub previous_status: Option<Status>,
    /// Why the participant declined, or why the notification bounced.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// Who took over, after a reassignment; else absent.
    #[schema(nullable = false)]
    pub reassigned_to: Option<String>,
}

/// An e-mail address.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Email {
    /// The address.
    pub email: String,
}

/// What told a change.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Cause {
    /// The event as on the wire, `snapshot`, or `reconcile` where it was found over REST.
    pub event: String,
    /// The delivery; none where it was found over REST.
    #[schema(required = true)]
    pub delivery_id: Option<Uuid>,
    /// `json` or `xml`.
    #[schema(pattern = "^(json|xml|rest)$")]
    pub format: String,
}

/// The signing request after changes, as DocuSign's REST API or a message of Connect's told it whole, or why that could not
/// be had.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EnrichedMessage {
    /// Message id: made of the ids that it covers.
    pub id: Uuid,
    /// Gap-free per account and signing request, from 1, counted together with changes.
    #[schema(minimum = 1)]
    pub sequence: u64,
    /// `connect`, `reconcile` or `replay`.
    pub origin: String,
    /// When the signing request came to stand where it does.
    pub occurred_at: Timestamp,
    /// When the fetch was answered or given up, or found to be needless.
    pub received_at: Timestamp,
    /// The account.
    pub account: Account,
    /// The whole unified signing request (`/asyncapi.yaml` has its schema); where `error` is set, its id and known
    /// status only.
    #[schema(value_type = Object)]
    pub signing_request: Value,
    /// The changes that this answers.
    pub covers: Vec<Covered>,
    /// Why the fetch was given up; null where it was answered.
    #[schema(required = true)]
    pub error: Option<FetchError>,
    /// When the fetch was answered; null where it was given up, and where nothing had to be fetched.
    #[schema(required = true)]
    pub fetched_at: Option<Timestamp>,
    /// The message of Connect's that carried all of it, where nothing had to be fetched.
    #[schema(required = true)]
    pub carried_by: Option<CarriedBy>,
}

/// A message that carried a whole signing request.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CarriedBy {
    /// The delivery in which it came.
    pub delivery_id: Uuid,
    /// When DocuSign made it: what is told is as of then.
    pub generated_at: Timestamp,
}

/// A change that an enriched message answers.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Covered {
    /// Its message id.
    pub id: Uuid,
    /// Its sequence.
    pub sequence: u64,
}

/// Why a fetch was given up.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FetchError {
    /// DocuSign's `errorCode`, or ours.
    pub code: String,
    /// For people.
    pub message: String,
    /// The HTTP status, where there was an answer.
    #[schema(required = true)]
    pub status: Option<u16>,
    /// What DocuSign's support asks for.
    #[schema(required = true)]
    pub trace_token: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}

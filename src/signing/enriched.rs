//! The enriched change: what the signing request is by DocuSign's own account, or why that could not be had.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{AccountId, ChangeId, DeliveryId, SigningRequestId, Subject};

use super::SigningRequestStatus;
use super::change::{Origin, change_id, routing_key};
use super::request::{SigningRequest, Status};

/// An enriched change before it has a sequence.
#[derive(Debug)]
pub struct Enriched {
    /// The account.
    pub account: AccountId,
    /// Our id of the account, where it is linked.
    pub integrated_account: Option<String>,
    /// The signing request.
    pub signing_request: SigningRequestId,
    /// Where it was known to stand before the fetch.
    pub known_status: Option<SigningRequestStatus>,
    /// The changes that it answers, by id and sequence.
    pub covers: Vec<(ChangeId, u64)>,
    /// When the fetch was answered, or given up, or found to be needless.
    pub received_at: Timestamp,
    /// The message that carried the whole object, where nothing had to be fetched.
    pub carried_by: Option<CarriedBy>,
    /// The whole object, or why it is missing.
    pub result: Result<Box<SigningRequest>, Failure>,
}

/// A message of Connect's that carried a whole signing request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedBy {
    /// The delivery in which it came.
    pub delivery_id: DeliveryId,
    /// When DocuSign made it: what it tells is as of then.
    pub generated_at: Timestamp,
}

/// How new an enriched change was, by what its body tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// What it tells is as of then: by DocuSign's clock where a message carried it, else by ours.
    pub as_of: Timestamp,
    /// When the signing request had changed last, by DocuSign's clock.
    pub updated_at: Timestamp,
}

impl Earlier {
    /// Reads the body of an enriched change; none where that does not tell, such as of a fetch that was given up.
    pub fn read(body: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            signing_request: Request,
            fetched_at: Option<Timestamp>,
            #[serde(default)]
            carried_by: Option<CarriedBy>,
        }
        #[derive(Deserialize)]
        struct Request {
            updated_at: Option<Timestamp>,
        }
        let body: Body = serde_json::from_str(body).ok()?;
        let as_of = body.carried_by.map(|by| by.generated_at).or(body.fetched_at)?;
        Some(Self { as_of, updated_at: body.signing_request.updated_at? })
    }
}

/// Why a fetch was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// DocuSign's `errorCode`, or ours where DocuSign told none.
    pub code: String,
    /// For people.
    pub message: String,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What DocuSign's support asks for.
    pub trace_token: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}

impl Enriched {
    /// Made of the ids that it covers, in whichever order: the same ones give the same id.
    pub fn id(&self) -> ChangeId {
        let mut covered: Vec<_> = self.covers.iter().map(|(id, _)| *id.0.as_bytes()).collect();
        covered.sort_unstable();
        let subject = Subject::SigningRequest(self.signing_request.clone());
        change_id(&self.account, &subject, None, "enriched", "", &covered.concat())
    }

    /// Where the signing request stands: as DocuSign tells it, else as it was known.
    fn status(&self) -> Option<Status> {
        let told = self.result.as_ref().ok().and_then(|request| request.status.clone());
        told.or_else(|| self.known_status.map(Status::from))
    }

    /// `enriched.<status>.<account>`.
    pub fn routing_key(&self) -> String {
        let status = self.status();
        routing_key("enriched", status.as_ref().map_or("unknown", |status| &status.id), &self.account)
    }

    /// When the signing request came to stand where it does, where DocuSign tells it.
    pub fn occurred_at(&self) -> Timestamp {
        let request = self.result.as_ref().ok();
        let told = request.and_then(|request| request.last_activity_at.or(request.updated_at));
        told.unwrap_or(self.received_at)
    }

    /// The JSON body.
    pub fn body(&self, sequence: u64) -> String {
        let view = BodyView {
            id: self.id(),
            sequence,
            origin: Origin::Connect,
            occurred_at: self.occurred_at(),
            received_at: self.received_at,
            account: AccountView {
                id: self.account.as_str(),
                integrated_account_id: self.integrated_account.as_deref(),
            },
            signing_request: match &self.result {
                Ok(request) => RequestView::Whole(request),
                Err(_) => RequestView::Known { id: self.signing_request.as_str(), status: self.status() },
            },
            covers: self.covers.iter().map(|&(id, sequence)| CoveredView { id, sequence }).collect(),
            error: self.result.as_ref().err(),
            fetched_at: (self.result.is_ok() && self.carried_by.is_none()).then_some(self.received_at),
            carried_by: self.carried_by,
        };
        // Plain structs of text and numbers: serde_json cannot fail on them.
        serde_json::to_string(&view).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct BodyView<'a> {
    id: ChangeId,
    sequence: u64,
    origin: Origin,
    occurred_at: Timestamp,
    received_at: Timestamp,
    account: AccountView<'a>,
    signing_request: RequestView<'a>,
    covers: Vec<CoveredView>,
    error: Option<&'a Failure>,
    fetched_at: Option<Timestamp>,
    carried_by: Option<CarriedBy>,
}

#[derive(Serialize)]
struct AccountView<'a> {
    id: &'a str,
    integrated_account_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RequestView<'a> {
    Whole(&'a SigningRequest),
    Known { id: &'a str, status: Option<Status> },
}

#[derive(Serialize)]
struct CoveredView {
    id: ChangeId,
    sequence: u64,
}

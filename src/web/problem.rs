//! The one table from error to answer: status, words, details, and when to come back.

pub(super) mod access;
pub(super) mod key;
pub(super) mod linking;
pub(super) mod remote;
pub(super) mod unified;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::base::{DeliveryId, Position, Refusal, limits};
use crate::store;

use access::Access;
use linking::Linking;
use remote::Remote;
use unified::Unified;

/// Everything that a request can be answered with beside success.
#[derive(Debug, Clone)]
pub enum Problem {
    /// A delivery was not let in.
    Refused(Refusal),
    /// Somebody is not let in, or not to do what they ask.
    Access(Access),
    /// A query parameter that the path does not know.
    ParameterUnknown {
        /// The parameter.
        name: String,
        /// The ones it knows.
        valid: &'static [&'static str],
    },
    /// A query or path parameter whose value cannot be.
    ParameterBad {
        /// The parameter.
        name: &'static str,
        /// What it must be.
        why: String,
    },
    /// A body that is not the JSON it should be.
    BodyBad(String),
    /// A body that does not say that it is JSON.
    BodyNotJson,
    /// A body larger than the API takes.
    BodyTooLarge,
    /// Nothing is at this path.
    PathUnknown,
    /// The path does not take this method.
    MethodUnknown(&'static str),
    /// No change is at this position, or has this id.
    ChangeUnknown,
    /// The feed does not reach that far yet.
    BeyondFeed {
        /// Where it ends.
        last: Position,
    },
    /// No delivery has this id.
    DeliveryUnknown,
    /// The delivery's bytes have been pruned.
    BodyPruned,
    /// No account has told of this signing request.
    SigningRequestUnknown,
    /// The delivery is not in quarantine (any more).
    NotQuarantined {
        /// What became of it.
        outcome: String,
    },
    /// The delivery cannot be read now either.
    StillUnreadable {
        /// The delivery.
        id: DeliveryId,
        /// Why.
        why: String,
    },
    /// A call to DocuSign that could not be passed on, or has no answer.
    Remote(Remote),
    /// An account that cannot be linked, tried or found.
    Linking(Linking),
    /// A unified request that has no answer.
    Unified(Box<Unified>),
    /// All streams are taken.
    StreamsBusy,
    /// Someone has every row counted already.
    AuditUnderWay,
    /// No account is linked, and the settings have no credentials to ask DocuSign with.
    NoCredentials,
    /// The store has too many writes waiting.
    StoreBusy,
    /// The store cannot be read or written now. The text is for the log.
    StoreDown(String),
    /// A fault of ours. The text is for the log.
    Internal(String),
}

/// An error as every path answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({"statusCode": 401, "error": "Unauthorized", "message": "a token is needed: send `Authorization: Bearer <token>`"}))]
pub struct ProblemBody {
    /// The HTTP status.
    #[serde(rename = "statusCode")]
    #[schema(minimum = 400, maximum = 599)]
    pub status_code: u16,
    /// The status in words.
    pub error: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Particulars, such as the parameters that would be valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub details: Vec<String>,
    /// True where DocuSign refused it, or could not answer; else not written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub truto_is_remote_error: bool,
    /// What DocuSign answered: JSON where it is, else text. Only of the unified APIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub raw_response: Option<Value>,
    /// What would help, by kind: each `{description, value}`. Of the unified APIs, and where a token lacks a scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub truto_error_insight: Option<Value>,
}

impl Problem {
    /// The status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal_row(*refusal).0,
            Self::Access(access) => access.status(),
            Self::ParameterUnknown { .. } | Self::ParameterBad { .. } | Self::BodyBad(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::BodyNotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::PathUnknown | Self::ChangeUnknown | Self::DeliveryUnknown | Self::SigningRequestUnknown => {
                StatusCode::NOT_FOUND
            }
            Self::MethodUnknown(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BeyondFeed { .. } | Self::NotQuarantined { .. } | Self::NoCredentials => {
                StatusCode::CONFLICT
            }
            Self::BodyPruned => StatusCode::GONE,
            Self::Remote(remote) => remote.status(),
            Self::Linking(linking) => linking.status(),
            Self::Unified(unified) => unified.status(),
            Self::StillUnreadable { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::StreamsBusy | Self::AuditUnderWay | Self::StoreBusy | Self::StoreDown(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is wrong and what to do, for the caller. Nothing of what went wrong inside.
    pub fn message(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal_row(*refusal).1.to_owned(),
            Self::Access(access) => access.message(),
            Self::ParameterUnknown { name, valid: [] } => {
                format!("unknown parameter `{}`: this path takes none", shown(name, 64))
            }
            Self::ParameterUnknown { name, valid } => {
                format!("unknown parameter `{}`: valid are {}", shown(name, 64), valid.join(", "))
            }
            Self::ParameterBad { name, why } => format!("`{name}` {why}"),
            Self::BodyBad(why) => format!("the body cannot be read: {}", shown(why, 200)),
            Self::BodyNotJson => "the body must be JSON, sent with `Content-Type: application/json`".into(),
            Self::BodyTooLarge => {
                format!("the body is larger than {} bytes", limits::API_BODY_BYTES_MAX)
            }
            Self::PathUnknown => "there is nothing at this path: /docs lists what there is".into(),
            Self::MethodUnknown(allowed) => format!("this path takes {allowed} only"),
            Self::ChangeUnknown => {
                "there is no such change: it was never made here, or it has been pruned".into()
            }
            Self::BeyondFeed { last } => format!(
                "the feed ends at position {last}, so this place in it comes from another store: start anew \
                 without Last-Event-ID, or with after=0"
            ),
            Self::DeliveryUnknown => "there is no such delivery: it never came, or it has been pruned".into(),
            Self::BodyPruned => "the delivery's bytes have been pruned".into(),
            Self::SigningRequestUnknown => "no delivery has told of this signing request".into(),
            Self::NotQuarantined { outcome } => {
                format!("the delivery is not in quarantine: its outcome is `{outcome}`")
            }
            Self::StillUnreadable { why, .. } => {
                format!("the delivery still cannot be read and stays in quarantine: {why}")
            }
            Self::Remote(remote) => remote.message(),
            Self::Linking(linking) => linking.message(),
            Self::Unified(unified) => unified.message(),
            Self::StreamsBusy => format!("all {} streams are taken: try again soon", limits::STREAMS_MAX),
            Self::AuditUnderWay => "the rows are being counted already: try again later".into(),
            Self::NoCredentials => "no account can be asked: link one, or set docusign.client_id, \
                                    docusign.user_id and docusign.private_key_file"
                .into(),
            Self::StoreBusy => "too many writes are waiting: try again soon".into(),
            Self::StoreDown(_) => "the store is unavailable: try again soon".into(),
            Self::Internal(_) => {
                "something went wrong here: the log names it by this answer's x-request-id".into()
            }
        }
    }

    /// Particulars.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::ParameterUnknown { valid, .. } => valid.iter().map(|&name| name.to_owned()).collect(),
            Self::Linking(linking) => linking.details(),
            Self::Unified(unified) => unified.details(),
            _ => Vec::new(),
        }
    }

    /// Seconds after which to try again, where that helps.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Refused(Refusal::Unavailable) | Self::StoreDown(_) => Some(10),
            Self::StoreBusy | Self::Refused(Refusal::Crowded) => Some(2),
            Self::StreamsBusy => Some(5),
            Self::AuditUnderWay => Some(30),
            Self::Access(access) => access.retry_after(),
            Self::Remote(remote) => remote.retry_after(),
            Self::Linking(linking) => linking.retry_after(),
            Self::Unified(unified) => unified.retry_after(),
            _ => None,
        }
    }

    /// The challenge of a 401, where the client can answer one.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Access(access) => access.challenge(),
            Self::Refused(Refusal::BasicWrong) => Some(r#"Basic realm="countersign", charset="UTF-8""#),
            _ => None,
        }
    }

    /// What went wrong inside: for the log alone.
    fn inner(&self) -> Option<&str> {
        match self {
            Self::StoreDown(why) | Self::Internal(why) => Some(why),
            Self::Remote(remote) => remote.inner(),
            _ => None,
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> ProblemBody {
        let status = self.status();
        let unified = if let Self::Unified(unified) = self { Some(unified) } else { None };
        ProblemBody {
            status_code: status.as_u16(),
            error: status.canonical_reason().unwrap_or("Error").to_owned(),
            message: self.message(),
            details: self.details(),
            truto_is_remote_error: unified.is_some_and(|unified| unified.is_remote()),
            raw_response: unified.and_then(|unified| unified.raw_response()),
            truto_error_insight: match self {
                Self::Access(access) => access.insight(),
                _ => unified.and_then(|unified| unified.insight()),
            },
        }
    }
}

/// Status and message of a refused delivery. A message never tells which key or what would have matched.
fn refusal_row(refusal: Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::UnknownSource => (StatusCode::NOT_FOUND, "there is no source of this name"),
        Refusal::NoKey => (
            StatusCode::UNAUTHORIZED,
            "this source has no Connect key, so nothing sent to it can be verified: set one",
        ),
        Refusal::SignatureMissing => (
            StatusCode::UNAUTHORIZED,
            "the delivery is not signed: switch on HMAC in the Connect configuration",
        ),
        Refusal::SignatureWrong => (
            StatusCode::UNAUTHORIZED,
            "the signature does not match the bytes received: the Connect key differs, or something on the way \
             changed the body",
        ),
        Refusal::DigestUnknown => {
            (StatusCode::UNAUTHORIZED, "the signature's algorithm is unknown: only HMAC-SHA256 is taken")
        }
        Refusal::BasicWrong => (StatusCode::UNAUTHORIZED, "user name and password are missing or wrong"),
        Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the delivery is larger than is taken"),
        Refusal::Soap => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "SOAP is not taken: switch off SOAP mode in the Connect configuration",
        ),
        Refusal::Incomplete => (StatusCode::BAD_REQUEST, "the delivery did not arrive whole"),
        Refusal::Crowded => {
            (StatusCode::SERVICE_UNAVAILABLE, "too many deliveries are under way: send it again in a moment")
        }
        Refusal::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "deliveries cannot be stored at present: send it again later")
        }
    }
}

/// A caller's own word in a message: cut short, and without control characters.
fn shown(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        if let Some(inner) = self.inner() {
            tracing::error!(status = self.status().as_u16(), inner, "a request failed");
        }
        let mut answer = HttpResponseBuilder::new(self.status());
        if let Some(seconds) = self.retry_after() {
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(challenge) = self.challenge() {
            answer.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Self::MethodUnknown(allowed) = self {
            answer.insert_header((ALLOW, *allowed));
        }
        if let Self::Unified(unified) = self
            && let Unified::MethodUnknown { allowed, .. } = &**unified
        {
            answer.insert_header((ALLOW, allowed.join(", ")));
        }
        let rate = match self {
            Self::Remote(remote) => remote.rate(),
            Self::Linking(linking) => linking.rate(),
            _ => Vec::new(),
        };
        for (name, value) in rate {
            answer.insert_header((name, value));
        }
        answer.json(self.body())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy => Self::StoreBusy,
            store::Error::Unavailable(_) | store::Error::Open { .. } => Self::StoreDown(error.to_string()),
            store::Error::Rejected(_) => Self::Internal(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use uuid::Uuid;

    use super::*;

    const SECRET: &str = "/var/lib/secret.db";

    /// One of each. The match has no wildcard: a new case does not compile until it stands here too.
    fn all() -> Vec<Problem> {
        use Problem as P;
        let mut all = vec![
            P::ParameterUnknown { name: "x".into(), valid: &["after", "limit"] },
            P::ParameterBad { name: "limit", why: "must be a number".into() },
            P::BodyBad("no".into()),
            P::BodyNotJson,
            P::BodyTooLarge,
            P::PathUnknown,
            P::MethodUnknown("GET"),
            P::ChangeUnknown,
            P::BeyondFeed { last: Position(7) },
            P::DeliveryUnknown,
            P::BodyPruned,
            P::SigningRequestUnknown,
            P::NotQuarantined { outcome: "accepted".into() },
            P::StillUnreadable { id: DeliveryId(Uuid::nil()), why: "no JSON".into() },
            P::StreamsBusy,
            P::AuditUnderWay,
            P::NoCredentials,
            P::StoreBusy,
            P::StoreDown(SECRET.into()),
            P::Internal(SECRET.into()),
        ];
        all.extend(Refusal::ALL.map(P::Refused));
        all.extend(Remote::one_of_each(SECRET).map(P::Remote));
        all.extend(Linking::one_of_each().map(P::Linking));
        all.extend(Unified::one_of_each().into_iter().map(P::from));
        all.extend(Access::one_of_each().map(P::Access));
        let mut kinds = std::collections::BTreeSet::new();
        for problem in &all {
            kinds.insert(match problem {
                P::Refused(_) => 0,
                P::Access(_) => 1,
                P::ParameterUnknown { .. } => 2,
                P::ParameterBad { .. } => 3,
                P::BodyBad(_) => 4,
                P::BodyNotJson => 5,
                P::BodyTooLarge => 6,
                P::PathUnknown => 7,
                P::MethodUnknown(_) => 8,
                P::ChangeUnknown => 9,
                P::BeyondFeed { .. } => 10,
                P::DeliveryUnknown => 11,
                P::BodyPruned => 12,
                P::SigningRequestUnknown => 13,
                P::NotQuarantined { .. } => 14,
                P::StillUnreadable { .. } => 15,
                P::StreamsBusy => 16,
                P::StoreBusy => 17,
                P::StoreDown(_) => 18,
                P::Internal(_) => 19,
                P::AuditUnderWay => 20,
                P::NoCredentials => 21,
                P::Remote(_) => 22,
                P::Linking(_) => 23,
                P::Unified(_) => 24,
            });
        }
        assert_eq!(kinds.len(), 25, "a case is missing from the list above");
        all
    }

    #[actix_web::test]
    async fn every_problem_has_one_shape_and_says_what_is_wrong() {
        for problem in all() {
            let answer = problem.error_response();
            let status = answer.status();
            assert!(status.is_client_error() || status.is_server_error(), "{problem:?}");
            let bytes = to_bytes(answer.into_body()).await.expect("a body");
            let body: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(body["statusCode"], status.as_u16(), "{problem:?}");
            assert_eq!(body["error"], status.canonical_reason().expect("a known status"));
            assert!(body["message"].as_str().is_some_and(|m| m.len() > 10), "{problem:?}");
            assert!(body["details"].is_null() || body["details"].is_array());
        }
    }

    #[actix_web::test]
    async fn what_went_wrong_inside_never_leaves() {
        for problem in all() {
            let answer = problem.error_response();
            let headers = format!("{:?}", answer.headers());
            let bytes = to_bytes(answer.into_body()).await.expect("a body");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET) && !headers.contains(SECRET), "{problem:?} tells: {text}");
        }
    }

    #[test]
    fn whoever_is_told_to_come_back_is_told_when() {
        for problem in all() {
            // What a key's request comes to is known soon, though nothing is unavailable.
            let under_way = matches!(&problem, Problem::Unified(unified)
                if matches!(**unified, Unified::Key(key::Key::UnderWay(_))));
            let unavailable = under_way
                || matches!(
                    problem.status(),
                    StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
                );
            assert_eq!(problem.retry_after().is_some(), unavailable, "{problem:?}");
            assert_eq!(problem.error_response().headers().contains_key(RETRY_AFTER), unavailable);
        }
    }

    #[test]
    fn whoever_asks_too_much_of_docusign_is_told_so_alike_on_every_path() {
        let throttled = [
            Problem::Remote(Remote::Throttled { seconds: 60, left: Some((3_000, 0)) }),
            Problem::Linking(Linking::Throttled(jiff::Timestamp::UNIX_EPOCH)),
        ];
        for problem in throttled {
            let answer = problem.error_response();
            let told = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
            assert_eq!(answer.status().as_u16(), 429);
            let told = [RETRY_AFTER.as_str(), "ratelimit-remaining", "ratelimit-reset"].map(told);
            assert_eq!(told, [Some("60"), Some("0"), Some("60")], "{problem:?}");
        }
    }

    #[test]
    fn refused_deliveries_are_answered_as_connect_expects() {
        let statuses = Refusal::ALL.map(|refusal| Problem::from(refusal).status().as_u16());
        assert_eq!(statuses, [404, 401, 401, 401, 401, 401, 413, 415, 400, 503, 503]);
    }

    #[test]
    fn challenges_name_the_scheme_that_would_help() {
        let challenge = |problem: Problem| {
            let answer = problem.error_response();
            answer.headers().get(WWW_AUTHENTICATE).and_then(|v| v.to_str().ok()).map(str::to_owned)
        };
        assert!(challenge(Access::Missing.into()).is_some_and(|c| c.starts_with("Bearer ")));
        assert!(challenge(Refusal::BasicWrong.into()).is_some_and(|c| c.starts_with("Basic ")));
        assert_eq!(challenge(Refusal::SignatureWrong.into()), None);
    }

    #[test]
    fn a_callers_own_word_is_cut_short_and_cleaned() {
        let name = format!("a\r\nb{}", "x".repeat(500));
        let message = Problem::ParameterUnknown { name, valid: &["limit"] }.message();
        assert!(message.len() < 120 && !message.contains('\n'), "{message}");
    }
}

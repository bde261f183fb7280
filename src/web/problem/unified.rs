//! The table's part for the unified APIs: what is wrong with a request, what would be right, and what DocuSign said.

use actix_web::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::base::limits;
use crate::base::nearest::nearest;
use crate::rest::{self, RefusedItem, Unforwarded};
use crate::unify;

use super::key::Key;
use super::remote::Remote;
use super::shown;
use crate::web::Problem;

/// Codes that DocuSign answers with status 400 where there is no object of that id.
const NOT_THERE: [&str; 8] = [
    "CONTACT_NOT_FOUND",
    "INVALID_FOLDER_ID",
    "INVALID_GROUP_ID",
    "INVALID_SIGNING_GROUP_ID",
    "INVALID_TEMPLATE_ID",
    "INVALID_USERID",
    "TEMPLATE_ID_INVALID",
    "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT",
];
/// Codes that DocuSign answers with status 400, or for one item in a 200, where there is such an object already.
const THERE_ALREADY: [&str; 1] = ["USER_ALREADY_EXISTS_IN_ACCOUNT"];

/// Why a unified request has no answer.
#[derive(Debug, Clone)]
pub enum Unified {
    /// An API, resource, method or parameter that there is not.
    Unknown {
        /// What it should be.
        what: &'static str,
        /// As it was told.
        name: String,
        /// Those that there are.
        valid: Vec<String>,
    },
    /// The resource has no such method here.
    MethodUnknown {
        /// Methods of HTTP that the path takes.
        allowed: Vec<&'static str>,
        /// What can be done with the resource.
        methods: Vec<&'static str>,
    },
    /// Something required was not given.
    Missing {
        /// Query parameters.
        parameters: Vec<String>,
        /// Fields of the body.
        fields: Vec<String>,
    },
    /// A parameter whose value cannot be.
    Parameter {
        /// Its name.
        name: String,
        /// What it must be.
        why: String,
    },
    /// A body that cannot be.
    Body(String),
    /// A cursor that is none of this list's.
    Cursor,
    /// No object has this id.
    NoSuch(&'static str),
    /// Too many requests are under way.
    Busy,
    /// A request with a key that is not carried out.
    Key(Key),
    /// A list was given in part, and ends here for this reason.
    Cut(&'static str),
    /// DocuSign refused, or could not answer.
    Remote(Box<rest::Error>),
    /// DocuSign refused parts of it.
    Items(Vec<RefusedItem>),
}

impl Unified {
    /// Something that there is not, and what there is.
    pub(in crate::web) fn unknown<'a>(
        what: &'static str,
        name: &str,
        valid: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self::Unknown { what, name: shown(name, 64), valid: valid.map(str::to_owned).collect() }
    }

    /// The problem that an error is.
    pub(in crate::web) fn of(error: unify::Error) -> Problem {
        use unify::Error as E;
        match error {
            E::Missing { parameters, fields } => Self::Missing { parameters, fields },
            E::Parameter { name, why } => Self::Parameter { name, why },
            E::Body(why) => Self::Body(why),
            E::Cursor => Self::Cursor,
            E::Unknown(what) => Self::NoSuch(what),
            E::Busy => Self::Busy,
            E::Items(items) => Self::Items(items),
            E::AccountUnknown => return Remote::AccountUnknown.into(),
            E::File(Unforwarded::Slow) => return Remote::Slow.into(),
            E::File(why) => return Remote::Broken(format!("{why:?}")).into(),
            E::Store(error) => return error.into(),
            E::Remote(error) => Self::Remote(Box::new(error)),
        }
        .into()
    }

    pub(super) fn status(&self) -> StatusCode {
        use rest::Error as E;
        match self {
            Self::Unknown { what: "parameter" | "field", .. }
            | Self::Missing { .. }
            | Self::Parameter { .. }
            | Self::Body(_)
            | Self::Cursor => StatusCode::BAD_REQUEST,
            Self::Unknown { .. } | Self::NoSuch(_) => StatusCode::NOT_FOUND,
            Self::MethodUnknown { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy | Self::Cut(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Items(items) => {
                let mut told = items.iter().map(|item| by_code(&item.refused.code));
                let first = told.next().flatten();
                let alike = first.filter(|_| told.all(|other| other == first));
                alike.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::Key(key) => key.status(),
            Self::Remote(error) => match &**error {
                E::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
                E::Unauthorized(_) | E::ConsentRequired { .. } => StatusCode::UNAUTHORIZED,
                E::Forbidden(_) => StatusCode::FORBIDDEN,
                E::NotFound(_) => StatusCode::NOT_FOUND,
                E::Refused(refused) => {
                    let told = || refused.status.and_then(|status| StatusCode::from_u16(status).ok());
                    let told = by_code(&refused.code).or_else(told);
                    told.filter(StatusCode::is_client_error).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
                }
                E::Settings(_) => StatusCode::CONFLICT,
                E::Upstream(_) | E::Connection(_) | E::Malformed(_) | E::TooLarge { .. } => {
                    StatusCode::BAD_GATEWAY
                }
            },
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Unknown { what, name, valid } => {
                let near = near(name, valid).map_or_else(String::new, |near| format!(", perhaps {near}"));
                format!("there is no {what} `{name}`{near}: valid are {}", valid.join(", "))
            }
            Self::MethodUnknown { methods, .. } => {
                format!("this cannot be done here: what can be done is {}", methods.join(", "))
            }
            Self::Missing { parameters, fields } => {
                let named = |what: &str, names: &[String]| match names {
                    [] => None,
                    names => Some(format!("{what} {}", names.join(", "))),
                };
                let both = [named("the query parameter", parameters), named("the body's field", fields)];
                format!(
                    "something required is missing: {}",
                    both.into_iter().flatten().collect::<Vec<_>>().join("; ")
                )
            }
            Self::Parameter { name, why } => format!("`{}` {why}", shown(name, 64)),
            Self::Body(why) => format!("the body cannot be: {}", shown(why, 400)),
            Self::Cursor => unify::Error::Cursor.to_string(),
            Self::NoSuch(what) => format!("there is no {what} of this id"),
            Self::Busy => {
                format!("{} requests are under way already: try again soon", limits::UNIFY_REQUESTS_MAX)
            }
            Self::Key(key) => key.message(),
            Self::Cut(why) => format!("the list ends before its end: {why}"),
            Self::Remote(error) => match &**error {
                rest::Error::Settings(why) => why.clone(),
                error => format!("{} ({})", without_stop(&error.message()), error.code()),
            },
            Self::Items(items) => {
                let told = items
                    .iter()
                    .map(|item| format!("{} ({})", without_stop(&item.refused.message), item.refused.code));
                told.collect::<Vec<_>>().join("; ")
            }
        }
    }

    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::Unknown { valid, .. } => valid.clone(),
            Self::MethodUnknown { methods, .. } => methods.iter().map(|&word| word.to_owned()).collect(),
            Self::Missing { parameters, fields } => parameters.iter().chain(fields).cloned().collect(),
            Self::Items(items) => {
                items.iter().map(|item| format!("{}: {}", item.place, item.refused.code)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Seconds after which to try again.
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Busy => Some(2),
            Self::Cut(_) => Some(5),
            Self::Key(key) => key.retry_after(),
            // The least that DocuSign's limits last; `until` makes it exact where the clock is at hand.
            Self::Remote(error) if matches!(**error, rest::Error::Throttled { .. }) => Some(30),
            _ => None,
        }
    }

    /// When DocuSign takes calls again.
    pub(in crate::web) fn until(&self) -> Option<Timestamp> {
        let Self::Remote(error) = self else { return None };
        let rest::Error::Throttled { until, .. } = **error else { return None };
        Some(until)
    }

    /// What DocuSign answered: JSON where it is, else text. None where the problem is ours.
    pub(super) fn raw_response(&self) -> Option<Value> {
        match self {
            Self::Remote(error) => {
                let raw = error.raw()?;
                let text = || Value::String(String::from_utf8_lossy(raw).into_owned());
                Some(serde_json::from_slice(raw).unwrap_or_else(|_| text()))
            }
            Self::Items(items) => Some(Value::Array(
                items
                    .iter()
                    .map(|item| {
                        let details =
                            json!({"errorCode": item.refused.code, "message": item.refused.message});
                        json!({ "place": item.place, "errorDetails": details })
                    })
                    .collect(),
            )),
            _ => None,
        }
    }

    /// Whether DocuSign refused it, or could not answer.
    pub(super) fn is_remote(&self) -> bool {
        match self {
            Self::Remote(error) => !matches!(**error, rest::Error::Settings(_)),
            Self::Items(_) => true,
            _ => false,
        }
    }

    /// What would help.
    pub(super) fn insight(&self) -> Option<Value> {
        let hint = |name: &str, description: &str, value: Value| {
            Some(json!({ name: { "description": description, "value": value } }))
        };
        match self {
            Self::Missing { parameters, fields } => {
                let mut all = serde_json::Map::new();
                for (name, missing, description) in [
                    ("missing_required_query_parameters", parameters, "query parameters that must be given"),
                    ("missing_required_body_fields", fields, "fields of the body that must be given"),
                ] {
                    if !missing.is_empty() {
                        all.insert(name.to_owned(), json!({"description": description, "value": missing}));
                    }
                }
                Some(Value::Object(all))
            }
            Self::Remote(error) => match &**error {
                rest::Error::Throttled { until, .. } => {
                    hint("rate_limit_error", "DocuSign takes no call before this", json!(until))
                }
                rest::Error::Forbidden(_) => hint(
                    "forbidden_error",
                    "the account's user may not do this: an administrator can, or can grant it",
                    json!({ "missing_scopes": [] }),
                ),
                error => hint("remote_error", "DocuSign's own code", json!(error.code())),
            },
            Self::Items(items) => {
                let codes: Vec<_> = items.iter().map(|item| item.refused.code.as_str()).collect();
                hint("remote_error", "DocuSign's own codes", json!(codes))
            }
            _ => None,
        }
    }

    /// One of each, for tests.
    #[cfg(test)]
    pub(super) fn one_of_each() -> Vec<Self> {
        let refused = |status| rest::Refused {
            status,
            code: "X".into(),
            message: "it cannot be".into(),
            trace_token: None,
            raw: rest::Raw::default(),
        };
        let remote = |error| Self::Remote(Box::new(error));
        let keys = Key::one_of_each().map(Self::Key);
        let mut all = vec![
            Self::unknown("resource", "x", ["users"].into_iter()),
            Self::MethodUnknown { allowed: vec!["GET"], methods: vec!["list"] },
            Self::Missing { parameters: vec!["limit".into()], fields: vec!["name".into()] },
            Self::Parameter { name: "limit".into(), why: "must be a number".into() },
            Self::Body("unknown field".into()),
            Self::Cursor,
            Self::NoSuch("template"),
            Self::Busy,
            Self::Cut("the server is being stopped"),
            Self::Items(vec![RefusedItem { place: "/tabs/0".into(), refused: refused(Some(200)) }]),
            remote(rest::Error::Refused(refused(Some(409)))),
            remote(rest::Error::Refused(refused(None))),
            remote(rest::Error::Upstream(refused(Some(503)))),
            remote(rest::Error::Unauthorized(refused(Some(401)))),
            remote(rest::Error::Throttled {
                until: Timestamp::UNIX_EPOCH,
                code: "X".into(),
                trace_token: None,
                raw: rest::Raw::default(),
            }),
        ];
        all.extend(keys);
        all
    }
}

impl From<Unified> for Problem {
    fn from(unified: Unified) -> Self {
        Self::Unified(Box::new(unified))
    }
}

/// The status that a code means by itself.
fn by_code(code: &str) -> Option<StatusCode> {
    let known = [(&NOT_THERE[..], StatusCode::NOT_FOUND), (&THERE_ALREADY[..], StatusCode::CONFLICT)];
    let known = known.into_iter().find(|(codes, _)| codes.iter().any(|own| own.eq_ignore_ascii_case(code)));
    known.map(|(_, status)| status)
}

fn without_stop(text: &str) -> &str {
    text.trim().trim_end_matches('.')
}

/// The one of `valid` that is most like `name`, where one is like it at all.
fn near<'a>(name: &str, valid: &'a [String]) -> Option<&'a str> {
    nearest(name, valid.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_for_one_reason_has_the_status_of_that_reason() {
        for (codes, want) in [
            (vec!["USER_ALREADY_EXISTS_IN_ACCOUNT"], 409),
            (vec!["user_already_exists_in_account", "USER_ALREADY_EXISTS_IN_ACCOUNT"], 409),
            (vec!["INVALID_USERID"], 404),
            (vec!["INVALID_USERID", "USER_ALREADY_EXISTS_IN_ACCOUNT"], 422),
            (vec!["INVALID_USERID", "INVALID_TABID"], 422),
            (vec!["INVALID_TABID", "INVALID_USERID"], 422),
            (vec!["INVALID_TABID"], 422),
        ] {
            let refused = |code: &&str| rest::Refused {
                status: Some(200),
                code: (*code).to_owned(),
                message: String::new(),
                trace_token: None,
                raw: rest::Raw::default(),
            };
            let item = |code| RefusedItem { place: "/users/0".into(), refused: refused(code) };
            let items = Unified::Items(codes.iter().map(item).collect());
            assert_eq!(items.status().as_u16(), want, "{codes:?}");
        }
    }
}

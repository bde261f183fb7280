//! Why somebody is not let in, or not to do what they ask.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::base::{Scope, limits};

use super::Problem;

/// Why a caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No token, where one is needed.
    Missing,
    /// A token that is none of ours.
    Wrong,
    /// A token of ours whose time is over.
    Expired,
    /// A token of ours that was revoked.
    Revoked,
    /// There is no token at all, and the peer is not on this machine.
    LoopbackOnly,
    /// There is no token at all, and a proxy stands in between: its peer is not the caller.
    Forwarded,
    /// There is no token at all, and the request was made by a page of another site.
    CrossSite,
    /// The token is ours but may not do this.
    Scope(Scope),
    /// The token is for other accounts than this one.
    Account,
    /// What is asked for is of all accounts, and the token is for some.
    AllAccounts,
    /// What is asked for would be of all accounts, and the token is for some: one must be named.
    AccountUnnamed,
    /// The token has made too many requests: seconds until the next is taken.
    Rate(u64),
    /// A token that would be allowed more than the one that is to make it: this.
    Exceeds(&'static str),
    /// The first of all tokens, with which nobody could make others.
    First,
    /// There are as many tokens as can be.
    Full,
    /// No token has this id.
    TokenUnknown,
}

impl Access {
    /// One of each, for tests.
    #[cfg(test)]
    pub(super) fn one_of_each() -> [Self; 16] {
        [
            Self::Missing,
            Self::Wrong,
            Self::Expired,
            Self::Revoked,
            Self::LoopbackOnly,
            Self::Forwarded,
            Self::CrossSite,
            Self::Scope(Scope::Write),
            Self::Account,
            Self::AllAccounts,
            Self::AccountUnnamed,
            Self::Rate(7),
            Self::Exceeds("its scope"),
            Self::First,
            Self::Full,
            Self::TokenUnknown,
        ]
    }

    /// What would help.
    pub(super) fn insight(self) -> Option<Value> {
        let Self::Scope(scope) = self else { return None };
        let (description, value) =
            ("the token lacks this scope", json!({ "missing_scopes": [scope.word()] }));
        Some(json!({ "forbidden_error": { "description": description, "value": value } }))
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Wrong | Self::Expired | Self::Revoked => StatusCode::UNAUTHORIZED,
            Self::LoopbackOnly
            | Self::Forwarded
            | Self::CrossSite
            | Self::Scope(_)
            | Self::Account
            | Self::AllAccounts
            | Self::AccountUnnamed
            | Self::Exceeds(_) => StatusCode::FORBIDDEN,
            Self::First | Self::Full => StatusCode::CONFLICT,
            Self::TokenUnknown => StatusCode::NOT_FOUND,
            Self::Rate(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub(super) fn message(self) -> String {
        let text = match self {
            Self::Missing => "a token is needed: send `Authorization: Bearer <token>`",
            Self::Wrong => "the token is not valid here",
            Self::Expired => "the token has expired: have another one made",
            Self::Revoked => "the token was revoked: have another one made",
            Self::LoopbackOnly => {
                "there is no API token, so the API answers this machine only: set COUNTERSIGN_API_TOKEN to reach it \
                 from elsewhere"
            }
            Self::Forwarded => {
                "there is no API token, so the API answers this machine only, and a proxy that forwards requests \
                 cannot vouch for that: set COUNTERSIGN_API_TOKEN"
            }
            Self::CrossSite => {
                "there is no API token, so the API answers this machine only and no pages of other sites: set \
                 COUNTERSIGN_API_TOKEN"
            }
            Self::Scope(scope) => return format!("the token lacks the scope `{scope}`"),
            Self::Account => "the token may not use this account",
            Self::AllAccounts => {
                "this is of all accounts together, and the token is for some of them: use one that is for all"
            }
            Self::AccountUnnamed => {
                "the token is for some accounts, so the account must be named: `account` or `account_id`, whichever \
                 this path has"
            }
            Self::Rate(_) => {
                return format!(
                    "the token has made more requests than it may within {} seconds: try again as Retry-After says",
                    limits::API_RATE_WINDOW.as_secs()
                );
            }
            Self::Exceeds(what) => {
                return format!("a token cannot make one that is allowed more than itself: {what}");
            }
            Self::First => {
                "the first token must have the scope `admin` and be for all accounts, or set api_token: once there \
                 is a token, nobody is let in without one, and no other could be made"
            }
            Self::Full => return format!("there are {} tokens already: revoke some", limits::TOKENS_MAX),
            Self::TokenUnknown => "there is no such token: it was never made, or ended long ago",
        };
        text.to_owned()
    }

    pub(super) fn retry_after(self) -> Option<u64> {
        match self {
            Self::Rate(seconds) => Some(seconds),
            _ => None,
        }
    }

    /// The challenge of a 401.
    pub(super) fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Missing => Some(r#"Bearer realm="countersign""#),
            Self::Wrong | Self::Expired | Self::Revoked => {
                Some(r#"Bearer realm="countersign", error="invalid_token""#)
            }
            _ => None,
        }
    }
}

impl From<Access> for Problem {
    fn from(access: Access) -> Self {
        Self::Access(access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_that_is_missing_is_named_to_programs_too() {
        let body = Problem::from(Access::Scope(Scope::Write)).body();
        let insight = body.truto_error_insight.expect("an insight");
        assert_eq!(insight["forbidden_error"]["value"], json!({"missing_scopes": ["write"]}));
        assert_eq!(Problem::from(Access::Account).body().truto_error_insight, None);
    }
}

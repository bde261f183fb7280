//! The table's part for calls to DocuSign: what is answered where DocuSign's own answer cannot be had.

use actix_web::http::StatusCode;

use crate::base::limits;
use crate::rest::Astray;

/// Why a call has no answer of DocuSign's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// The path leads nowhere that calls are passed on to.
    Path(Astray),
    /// There is no such account here.
    AccountUnknown,
    /// The account is here, and cannot be called until its user lets us in again. The text is for the log.
    AccountClosed(String),
    /// The path names another account than `integrated_account_id`.
    OtherAccount,
    /// A body larger than is passed on.
    BodyTooLarge,
    /// The body did not arrive whole.
    BodyBroken,
    /// The account or the envelope has no call left.
    Throttled {
        /// Seconds until it has.
        seconds: u64,
        /// Calls by the hour and calls left, where known.
        left: Option<(u32, u32)>,
    },
    /// Too many calls are being passed on.
    Busy,
    /// DocuSign did not answer in time.
    Slow,
    /// No answer came. The text is for the log.
    Broken(String),
}

impl Remote {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Path(Astray::Elsewhere) | Self::AccountUnknown => StatusCode::NOT_FOUND,
            Self::Path(Astray::Climbs) | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::AccountClosed(_) | Self::OtherAccount => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow => StatusCode::GATEWAY_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_GATEWAY,
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Path(Astray::Elsewhere) => {
                "only calls about an account are passed on: /proxy/restapi/v2.1/accounts/{account}/…".into()
            }
            Self::Path(Astray::Climbs) => {
                "the path has a segment that is empty, leads up, or hides a slash: it is passed on nowhere"
                    .into()
            }
            Self::AccountUnknown => "there is no such account here: link it first".into(),
            Self::AccountClosed(_) => {
                "the account's user has to let us in again before it can be called: link it anew".into()
            }
            Self::OtherAccount => "the path names another account than integrated_account_id".into(),
            Self::BodyTooLarge => format!("the body is larger than {} bytes", limits::FORWARD_BYTES_MAX),
            Self::BodyBroken => "the body did not arrive whole".into(),
            Self::Throttled { .. } => {
                "DocuSign takes no call now, for there were too many: try again after Retry-After".into()
            }
            Self::Busy => {
                format!("{} calls are being passed on already: try again soon", limits::FORWARDS_MAX)
            }
            Self::Slow => {
                "DocuSign did not answer in time: whether it did what was asked is not known".into()
            }
            Self::Broken(_) => {
                "DocuSign's answer could not be had: whether it did what was asked is not known".into()
            }
        }
    }

    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Throttled { seconds, .. } => Some(*seconds),
            Self::Busy => Some(2),
            _ => None,
        }
    }

    pub(super) fn inner(&self) -> Option<&str> {
        match self {
            Self::AccountClosed(why) | Self::Broken(why) => Some(why),
            _ => None,
        }
    }

    /// The normalised headers that tell how many calls are left and when there are more.
    pub(super) fn rate(&self) -> Vec<(&'static str, String)> {
        let Self::Throttled { seconds, left } = self else { return Vec::new() };
        let (limit, remaining) = left.unzip();
        [
            ("ratelimit-limit", limit.map(u64::from)),
            ("ratelimit-remaining", remaining.map(u64::from)),
            ("ratelimit-reset", Some(*seconds)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_string())))
        .collect()
    }

    #[cfg(test)]
    pub(super) fn one_of_each(secret: &str) -> [Self; 11] {
        [
            Self::Path(Astray::Elsewhere),
            Self::Path(Astray::Climbs),
            Self::AccountUnknown,
            Self::AccountClosed(secret.into()),
            Self::OtherAccount,
            Self::BodyTooLarge,
            Self::BodyBroken,
            Self::Throttled { seconds: 60, left: Some((3_000, 0)) },
            Self::Busy,
            Self::Slow,
            Self::Broken(secret.into()),
        ]
    }
}

//! What linking an account, and asking DocuSign about one, can be answered with beside success.

use actix_web::http::StatusCode;
use jiff::Timestamp;

use crate::link::{Error, Unfit};
use crate::rest;

use super::Problem;

/// An account that cannot be linked, tried or found.
#[derive(Debug, Clone)]
pub enum Linking {
    /// Accounts cannot be linked: this setting is missing.
    NotSetUp(&'static str),
    /// No account is linked under this id.
    AccountUnknown,
    /// No link has this token.
    LinkUnknown,
    /// The account is linked for another tenant.
    AccountTaken,
    /// The user has to allow us to act for them.
    ConsentMissing {
        /// Where they do.
        url: String,
    },
    /// DocuSign says no, and will say so again.
    Refused(String),
    /// DocuSign cannot be reached, or does not answer as it should.
    Away(String),
    /// DocuSign takes no call of ours before this.
    Throttled(Timestamp),
}

impl Linking {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotSetUp(_) | Self::AccountTaken | Self::ConsentMissing { .. } => StatusCode::CONFLICT,
            Self::AccountUnknown | Self::LinkUnknown => StatusCode::NOT_FOUND,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Away(_) => StatusCode::BAD_GATEWAY,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::NotSetUp(setting) => format!("accounts cannot be linked: set `{setting}` first"),
            Self::AccountUnknown => {
                "there is no such integrated account: it was never linked, or removed".into()
            }
            Self::LinkUnknown => "there is no such link: it was never made, or it is long over".into(),
            Self::AccountTaken => {
                "the account is linked for another tenant: link it again by its integrated_account_id, or remove it \
                 there first"
                    .into()
            }
            Self::ConsentMissing { url } => {
                format!("the user has to allow the integration to act for them, once: let them open {url}")
            }
            Self::Refused(why) | Self::Away(why) => why.clone(),
            Self::Throttled(until) => format!("DocuSign takes no call of ours before {until}"),
        }
    }

    pub(super) fn details(&self) -> Vec<String> {
        match self {
            Self::ConsentMissing { url } => vec![url.clone()],
            _ => Vec::new(),
        }
    }

    pub(super) fn retry_after(&self) -> Option<u64> {
        // A minute is the least that DocuSign's limits last; asked again, the answer tells until when.
        matches!(self, Self::Throttled(_)).then_some(60)
    }

    /// The normalised headers, as the proxy tells them; how many calls the account has in all is not known here.
    pub(super) fn rate(&self) -> Vec<(&'static str, String)> {
        let Some(seconds) = self.retry_after() else { return Vec::new() };
        vec![("ratelimit-remaining", "0".to_owned()), ("ratelimit-reset", seconds.to_string())]
    }

    /// One of each, for tests.
    #[cfg(test)]
    pub(super) fn one_of_each() -> [Self; 8] {
        [
            Self::NotSetUp("docusign.client_id"),
            Self::AccountUnknown,
            Self::LinkUnknown,
            Self::AccountTaken,
            Self::ConsentMissing { url: "https://account-d.docusign.com/oauth/auth?x".into() },
            Self::Refused("DocuSign refuses it".into()),
            Self::Away("no answer from DocuSign".into()),
            Self::Throttled(Timestamp::UNIX_EPOCH),
        ]
    }
}

impl From<Linking> for Problem {
    fn from(linking: Linking) -> Self {
        Self::Linking(linking)
    }
}

impl From<rest::Error> for Linking {
    fn from(error: rest::Error) -> Self {
        use rest::Error as E;
        match error {
            E::Throttled { until, .. } => Self::Throttled(until),
            E::ConsentRequired { url } => Self::ConsentMissing { url },
            E::Unauthorized(_) | E::Forbidden(_) | E::NotFound(_) | E::Refused(_) | E::Settings(_) => {
                Self::Refused(error.to_string())
            }
            E::Upstream(_) | E::Connection(_) | E::Malformed(_) | E::TooLarge { .. } => {
                Self::Away(error.to_string())
            }
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use Error as E;
        match error {
            E::NotSetUp(setting) => Linking::NotSetUp(setting).into(),
            E::LinkUnknown => Linking::LinkUnknown.into(),
            E::AccountUnknown => Linking::AccountUnknown.into(),
            E::Unfit(Unfit::Taken(_)) => Linking::AccountTaken.into(),
            E::Unfit(unfit) => Linking::Refused(unfit.to_string()).into(),
            E::Docusign(error) => Linking::from(error).into(),
            E::Store(error) => error.into(),
            E::Overtaken => Self::StoreBusy,
            E::Vault(error) => Self::Internal(error.to_string()),
            // What only a user on the way can meet.
            E::LinkUsed | E::LinkExpired | E::StateUnknown | E::ForeignBrowser | E::Back(_) => {
                Self::Internal(error.to_string())
            }
        }
    }
}

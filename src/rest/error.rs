//! What can go wrong with a call to DocuSign, and whether and when to try again.
//!
//! No error shows a token, a body, or DocuSign's own message, which may name people: that message is handed out
//! only by [`Error::message`], for the published change.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A call that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Too many calls: none before `until`. Nothing is wrong with the call itself.
    #[error("no call before {until} ({code})")]
    Throttled {
        /// When the limit resets.
        until: Timestamp,
        /// DocuSign's code, or ours where we held the call back by ourselves.
        code: String,
        /// DocuSign's trace token.
        trace_token: Option<String>,
        /// The answer's body.
        raw: Raw,
    },
    /// The token is refused, and so is a fresh one; or no token is to be had.
    #[error("DocuSign does not let us in: {0}")]
    Unauthorized(Refused),
    /// The user has not allowed the integration to act for them.
    #[error("consent is missing: let the user open {url} once")]
    ConsentRequired {
        /// Where the user gives consent.
        url: String,
    },
    /// The user may not see it.
    #[error("DocuSign forbids it: {0}")]
    Forbidden(Refused),
    /// There is no such thing.
    #[error("DocuSign does not know it: {0}")]
    NotFound(Refused),
    /// DocuSign will say no again.
    #[error("DocuSign refuses it: {0}")]
    Refused(Refused),
    /// DocuSign is unwell, or something before it answered in its place.
    #[error("DocuSign could not answer: {0}")]
    Upstream(Refused),
    /// No whole answer came.
    #[error("no answer from DocuSign: {0}")]
    Connection(String),
    /// An answer that cannot be read.
    #[error("the answer cannot be read: {0}")]
    Malformed(String),
    /// An answer over the bound.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// A setting is missing or wrong.
    #[error("{0}")]
    Settings(String),
}

/// An answer other than success.
#[derive(Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status; none where we knew the answer without asking.
    pub status: Option<u16>,
    /// DocuSign's `errorCode`, or OAuth's `error`; ours where none was told.
    pub code: String,
    /// For people; may name them, so it is neither shown nor logged.
    pub message: String,
    /// What DocuSign's support asks for.
    pub trace_token: Option<String>,
    /// The answer's body.
    pub raw: Raw,
}

/// The body of an answer other than success, for whoever made the call; neither shown nor logged, for it may name people.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Raw(Option<Arc<[u8]>>);

impl Raw {
    pub(super) fn new(body: &[u8]) -> Self {
        Self(Some(body.into()))
    }

    /// Its bytes; none where no answer came.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raw")
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(trace_token) = &self.trace_token {
            write!(f, ", trace token {trace_token}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({self})")
    }
}

/// Whether and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Not before this, and it was no fault of the call.
    At(Timestamp),
    /// After a short wait, growing with each attempt.
    Later,
    /// After an operator has mended it: a long wait.
    Mended,
    /// The answer will be the same.
    Never,
}

impl Error {
    /// Whether and when to try again.
    pub fn again(&self) -> Again {
        match self {
            Self::Throttled { until, .. } => Again::At(*until),
            Self::Upstream(_) | Self::Connection(_) | Self::Malformed(_) => Again::Later,
            Self::Unauthorized(_) | Self::ConsentRequired { .. } | Self::Settings(_) => Again::Mended,
            Self::Forbidden(_) | Self::NotFound(_) | Self::Refused(_) | Self::TooLarge { .. } => Again::Never,
        }
    }

    /// The error's stable word in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unauthorized(_) => "unauthorized",
            Self::ConsentRequired { .. } => "consent_required",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Refused(_) => "refused",
            Self::Upstream(_) => "upstream",
            Self::Connection(_) => "connection",
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::Settings(_) => "settings",
        }
    }

    fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Unauthorized(r)
            | Self::Forbidden(r)
            | Self::NotFound(r)
            | Self::Refused(r)
            | Self::Upstream(r) => Some(r),
            _ => None,
        }
    }

    /// DocuSign's code where it told one, else the error's own word in capitals.
    pub fn code(&self) -> String {
        match self {
            Self::Throttled { code, .. } => code.clone(),
            _ => self.refused().map_or_else(|| self.word().to_ascii_uppercase(), |r| r.code.clone()),
        }
    }

    /// For people: DocuSign's message where it told one.
    pub fn message(&self) -> String {
        let told = self.refused().map(|r| r.message.clone()).filter(|message| !message.is_empty());
        told.unwrap_or_else(|| self.to_string())
    }

    /// The body of the answer, where there was one.
    pub fn raw(&self) -> Option<&[u8]> {
        match self {
            Self::Throttled { raw, .. } => raw.bytes(),
            _ => self.refused().and_then(|r| r.raw.bytes()),
        }
    }

    /// The HTTP status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.refused().and_then(|r| r.status)
    }

    /// DocuSign's trace token, where one was told.
    pub fn trace_token(&self) -> Option<&str> {
        match self {
            Self::Throttled { trace_token, .. } => trace_token.as_deref(),
            _ => self.refused().and_then(|r| r.trace_token.as_deref()),
        }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        let what = match &error {
            e if e.is_timeout() => "timed out",
            e if e.is_connect() => "the connection could not be made",
            e if e.is_body() || e.is_decode() => "it ended early",
            _ => "the call could not be made",
        };
        // The innermost cause alone: outer ones repeat the address.
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
        while let Some(inner) = cause.and_then(std::error::Error::source) {
            cause = Some(inner);
        }
        Self::Connection(cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docusign_says_in_words_is_neither_shown_nor_debugged() {
        let error = Error::Refused(Refused {
            status: Some(400),
            code: "USER_LACKS_PERMISSIONS".into(),
            message: "Ada First <ada.first@example.com> may not".into(),
            trace_token: Some("7c2b".into()),
            raw: Raw::new(b"Ada"),
        });
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(!shown.contains("Ada") && !shown.contains("@"), "{shown}");
            assert!(shown.contains("USER_LACKS_PERMISSIONS") && shown.contains("7c2b"), "{shown}");
        }
        assert!(error.message().contains("Ada"));
    }
}

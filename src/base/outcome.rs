//! Every delivery has exactly one fate, counted and logged once.

use std::fmt;

/// The one fate of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Authentic, new and stored: at least one change will be published.
    Accepted,
    /// Authentic, and everything it says was known already.
    Duplicate,
    /// Not let in; nothing is stored.
    Refused(Refusal),
    /// Authentic but unreadable: kept with its raw bytes until an operator releases or drops it.
    Quarantined(String),
}

impl Outcome {
    /// The outcome's word in answers, metrics and the store.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Refused(_) => "refused",
            Self::Quarantined(_) => "quarantined",
        }
    }
}

/// Why a delivery was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No source of that name is configured.
    UnknownSource,
    /// The source has no HMAC key: everything is refused (fail closed).
    NoKey,
    /// No `X-DocuSign-Signature-N` header.
    SignatureMissing,
    /// No header matches any key of the source.
    SignatureWrong,
    /// `X-Authorization-Digest` names an algorithm other than HMAC-SHA256.
    DigestUnknown,
    /// The second factor (Basic) is missing or wrong.
    BasicWrong,
    /// The body is larger than the limit.
    TooLarge,
    /// SOAP mode, whose answers we do not speak.
    Soap,
    /// The client went away or sent a broken body before it was whole.
    Incomplete,
    /// Too many deliveries are under way, or hold too much, of its source and in all.
    Crowded,
    /// The store cannot take it now.
    Unavailable,
}

impl Refusal {
    /// All refusals, for metrics and for the test that walks them.
    pub const ALL: [Self; 11] = [
        Self::UnknownSource,
        Self::NoKey,
        Self::SignatureMissing,
        Self::SignatureWrong,
        Self::DigestUnknown,
        Self::BasicWrong,
        Self::TooLarge,
        Self::Soap,
        Self::Incomplete,
        Self::Crowded,
        Self::Unavailable,
    ];

    /// The refusal's stable word in metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::NoKey => "no_key",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureWrong => "signature_wrong",
            Self::DigestUnknown => "digest_unknown",
            Self::BasicWrong => "basic_wrong",
            Self::TooLarge => "too_large",
            Self::Soap => "soap",
            Self::Incomplete => "incomplete",
            Self::Crowded => "crowded",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

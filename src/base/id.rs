//! Ids as types, so that an account can never stand where a signing request is meant.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Trims white space and folds case, so that the same id in two spellings is one id.
            pub fn new(text: &str) -> Self {
                Self(text.trim().to_ascii_lowercase())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A DocuSign account: its GUID in JSON, its integer id in legacy XML's `AccountId` custom field.
    AccountId
);
text_id!(
    /// A signing request: the id of DocuSign's envelope.
    SigningRequestId
);
text_id!(
    /// A participant, unique within its signing request: DocuSign's `recipientId` ("1") in JSON and REST,
    /// the recipient's GUID in legacy XML, which tells no other.
    ParticipantId
);
text_id!(
    /// The name of a source of deliveries: the last word of `/connect/{source}`.
    SourceName
);

impl AccountId {
    /// Stands in where a message names no account at all.
    pub fn unknown() -> Self {
        Self::new("unknown")
    }
}

impl Default for SourceName {
    fn default() -> Self {
        Self::new("default")
    }
}

/// One POST that was received: a time-ordered UUID, ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub Uuid);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A published change: a UUID (version 8) made of what the change says, so that the same change has the same
/// id out of every store, retry, configuration and reconcile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(pub Uuid);

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a change stands in the store's feed: strictly growing in the order of commits, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a message is about. Order and `sequence` are kept per account and subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A signing request (envelope).
    SigningRequest(SigningRequestId),
    /// A template, from `template-*` events.
    Template(String),
    /// A clickwrap agreement, from `click-*` events.
    Agreement(String),
    /// The account itself: an authentic message that names no object (workflows, unknown shapes).
    Account,
    /// A linked account, by our own id.
    IntegratedAccount(String),
}

impl Subject {
    /// The word for the kind of subject in bodies and in the store.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SigningRequest(_) => "signing_request",
            Self::Template(_) => "template",
            Self::Agreement(_) => "agreement",
            Self::Account => "account",
            Self::IntegratedAccount(_) => "integrated_account",
        }
    }

    /// The subject's own id; empty for the account.
    pub fn id(&self) -> &str {
        match self {
            Self::SigningRequest(id) => id.as_str(),
            Self::Template(id) | Self::Agreement(id) | Self::IntegratedAccount(id) => id,
            Self::Account => "",
        }
    }

    /// The subject back from its two words, as the store keeps them.
    pub fn from_parts(kind: &str, id: &str) -> Option<Self> {
        Some(match kind {
            "signing_request" => Self::SigningRequest(SigningRequestId::new(id)),
            "template" => Self::Template(id.to_owned()),
            "agreement" => Self::Agreement(id.to_owned()),
            "account" => Self::Account,
            "integrated_account" => Self::IntegratedAccount(id.to_owned()),
            _ => return None,
        })
    }

    /// The signing request's id, where the subject is one.
    pub fn signing_request(&self) -> Option<&SigningRequestId> {
        match self {
            Self::SigningRequest(id) => Some(id),
            _ => None,
        }
    }
}

//! Why a unified request has no answer.

use crate::base::limits;
use crate::rest::{self, RefusedItem, Unforwarded};
use crate::signing::draft::Faults;
use crate::store;

/// Why a unified request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something without which nothing can be done was not given.
    #[error("something required was not given: {}", [parameters.as_slice(), fields.as_slice()].concat().join(", "))]
    Missing {
        /// Query parameters.
        parameters: Vec<String>,
        /// Fields of the body, as paths: `participant.id`.
        fields: Vec<String>,
    },
    /// A parameter whose value cannot be.
    #[error("`{name}` {why}")]
    Parameter {
        /// Its name.
        name: String,
        /// What it must be.
        why: String,
    },
    /// A body, or a field of it, that cannot be.
    #[error("{0}")]
    Body(String),
    /// A cursor that is none of ours, or of another list.
    #[error("it is no cursor of this list: leave it out, or send it empty, for the first page")]
    Cursor,
    /// There is no such object.
    #[error("there is no {0} of this id")]
    Unknown(&'static str),
    /// There is no such account here.
    #[error("there is no such account here: link it first")]
    AccountUnknown,
    /// Too many unified requests are under way.
    #[error("too many requests are under way: try again soon")]
    Busy,
    /// DocuSign refused, or could not answer.
    #[error(transparent)]
    Remote(#[from] rest::Error),
    /// DocuSign refused parts of what was asked for, in an answer of status 200.
    #[error("DocuSign refuses it: {}", .0.first().map_or("", |item| item.refused.code.as_str()))]
    Items(Vec<RefusedItem>),
    /// A file could not be passed on.
    #[error("the file could not be passed on")]
    File(Unforwarded),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Faults> for Error {
    fn from(Faults { missing, mut wrong }: Faults) -> Self {
        if wrong.is_empty() {
            return Self::Missing { parameters: Vec::new(), fields: missing };
        }
        wrong.extend(missing.into_iter().map(|path| (path, "must be told".to_owned())));
        let all: Vec<_> = wrong
            .iter()
            .take(limits::UNIFY_NAMES_TOLD)
            .map(|(path, why)| format!("`{path}` {why}"))
            .collect();
        Self::Body(all.join("; "))
    }
}

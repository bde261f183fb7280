//! Where a linked account stands.

use std::fmt;

/// The state of an integrated account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// Its user is back from DocuSign, and has still to choose, or we have still to try whether it works.
    Connecting,
    /// Calls are made with it.
    Active,
    /// Its credentials are refused: its user has to link it again.
    NeedsReauth,
    /// The credentials are good, and calls are refused all the same.
    ValidationError,
}

impl AccountState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connecting, Self::Active, Self::NeedsReauth, Self::ValidationError];

    /// The state's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Active => "active",
            Self::NeedsReauth => "needs_reauth",
            Self::ValidationError => "validation_error",
        }
    }

    /// The state for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Active => "Active",
            Self::NeedsReauth => "Needs to be linked again",
            Self::ValidationError => "Cannot be used",
        }
    }

    /// The state back from its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How an integrated account's tokens are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grant {
    /// Its user let us have it: authorization code, then refresh tokens.
    Code,
    /// Our key in the name of a user who consented: JWT grant.
    Jwt,
}

impl Grant {
    /// The grant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Jwt => "jwt",
        }
    }

    /// The grant back from its word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Code, Self::Jwt].into_iter().find(|grant| grant.word() == word)
    }
}

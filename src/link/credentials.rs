//! A linked account's tokens as they are sealed.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::rest::Grant;
use crate::vault::{self, Vault};

/// A pair of tokens.
#[derive(Clone, Deserialize)]
pub(super) struct Pair {
    pub(super) access_token: SecretString,
    /// None where DocuSign gave none: then the account has to be linked anew once the access token ends.
    pub(super) refresh_token: Option<SecretString>,
    pub(super) ends_at: Timestamp,
}

#[derive(Serialize)]
struct Shown<'a> {
    access_token: &'a str,
    refresh_token: Option<&'a str>,
    ends_at: Timestamp,
}

/// The place that an account's credentials are sealed for.
fn place(id: &str) -> String {
    format!("account {id}")
}

impl Pair {
    /// What a grant gave. An exchange that gives no new refresh token leaves the one before.
    pub(super) fn of(grant: Grant, before: Option<SecretString>, now: Timestamp) -> Self {
        Self {
            access_token: grant.access_token,
            refresh_token: grant.refresh_token.or(before),
            ends_at: later(now, grant.life),
        }
    }

    pub(super) fn seal(&self, vault: &Vault, id: &str) -> Vec<u8> {
        let shown = Shown {
            access_token: self.access_token.expose_secret(),
            refresh_token: self.refresh_token.as_ref().map(|token| token.expose_secret()),
            ends_at: self.ends_at,
        };
        // Plain texts and a time: serde_json cannot fail on them.
        let text = SecretString::from(serde_json::to_string(&shown).unwrap_or_default());
        vault.seal(&place(id), &text)
    }

    pub(super) fn open(vault: &Vault, id: &str, sealed: &[u8]) -> Result<Self, vault::Error> {
        let text = vault.open(&place(id), sealed)?;
        serde_json::from_str(text.expose_secret()).map_err(|_| vault::Error::Damaged)
    }
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

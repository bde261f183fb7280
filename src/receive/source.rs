//! Sources of deliveries: whose keys must have signed, and what is known about their accounts. Reloadable.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::base::{AccountId, SourceName, limits};
use crate::connect::signature::Keys;

use super::room::Room;

/// One source: the last word of `/connect/{source}`, or `default`.
#[derive(Debug)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Its Connect keys, ready to verify with.
    pub keys: Keys,
    /// The same as text, only to explain why a signature fails.
    pub key_texts: Vec<SecretString>,
    /// The accounts that it may speak for; empty for any.
    pub accounts: Vec<AccountId>,
    /// The zone of XML times that tell none.
    pub timezone: Option<TimeZone>,
    /// `user:password` of the second factor, where one is asked for.
    pub basic_auth: Option<SecretString>,
    /// Room for its deliveries that no other source can take.
    pub(super) room: Room,
}

impl Source {
    /// A source with these keys and nothing else asked for.
    pub fn new(name: SourceName, key_texts: Vec<SecretString>) -> Self {
        let keys = Keys::new(&key_texts);
        Self {
            name,
            keys,
            key_texts,
            accounts: Vec::new(),
            timezone: None,
            basic_auth: None,
            room: Room::own(),
        }
    }

    /// Whether the `Authorization` header is the one asked for, in constant time.
    pub(super) fn admits(&self, authorization: Option<&str>) -> bool {
        let Some(wanted) = &self.basic_auth else { return true };
        // As digests, so that the time tells nothing of the length either.
        let digest = |text: &str| -> [u8; 32] { Sha256::digest(text).into() };
        let wanted = digest(&super::intake::basic(wanted.expose_secret()));
        authorization.is_some_and(|given| digest(given).ct_eq(&wanted).into())
    }

    /// The account that a message speaks for: the one in its signed body, else the source's only one, else the
    /// unsigned hint in the header `X-DocuSign-AccountId`.
    pub(super) fn account(&self, told: Option<&str>, hint: Option<&str>) -> AccountId {
        let only = || (self.accounts.len() == 1).then(|| self.accounts[0].clone());
        let fits = |text: &&str| !text.trim().is_empty() && text.len() <= limits::WORD_BYTES_MAX;
        let named = |text: Option<&str>| text.filter(fits).map(AccountId::new);
        named(told).or_else(only).or_else(|| named(hint)).unwrap_or_else(AccountId::unknown)
    }

    /// Whether the source may speak for an account.
    pub fn allows(&self, account: &AccountId) -> bool {
        self.accounts.is_empty() || self.accounts.contains(account)
    }
}

/// All sources by name, exchanged as a whole when keys are reloaded; cheap to clone.
#[derive(Debug, Clone)]
pub struct Sources(Arc<RwLock<Arc<ByName>>>);

type ByName = HashMap<SourceName, Arc<Source>>;

impl Sources {
    /// These sources.
    pub fn new(sources: Vec<Source>) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(by_name(sources)))))
    }

    /// Puts others in place; requests under way keep those that they began with, and go on counting for a source of
    /// the same name.
    pub fn replace(&self, mut sources: Vec<Source>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for source in &mut sources {
            if let Some(before) = all.get(&source.name) {
                source.room = before.room.clone();
            }
        }
        *all = Arc::new(by_name(sources));
    }

    /// The source of that name.
    pub fn get(&self, name: &SourceName) -> Option<Arc<Source>> {
        self.all().get(name).map(Arc::clone)
    }

    /// All sources as they are now.
    pub fn all(&self) -> Arc<ByName> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn by_name(sources: Vec<Source>) -> ByName {
    sources.into_iter().map(|source| (source.name.clone(), Arc::new(source))).collect()
}

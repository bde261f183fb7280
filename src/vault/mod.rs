//! Seals what must not be read from a stolen database: credentials of linked accounts.
//!
//! Each text is encrypted with AES-256-GCM under a key of its own, which HKDF-SHA256 (RFC 5869) derives from the
//! setting `vault_key` and a random salt beside the text: so no nonce is ever used twice under one key, however much
//! is sealed. What is sealed for one place opens in no other, since the place's name is authenticated with it.
//!
//! A sealed text: version (1 byte), name of the key (4), salt (16), ciphertext, tag (16).

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::base::Dice;

const VERSION: u8 = 1;
const NAME: usize = 4;
const SALT: usize = 16;
const HEAD: usize = 1 + NAME + SALT;
/// What keys are derived for: no other use of the same `vault_key` comes to the same ones.
const PURPOSE: &[u8] = b"countersign vault 1";

/// Why something sealed does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// By none of the keys that we have.
    #[error(
        "it was sealed with another vault_key: set that one, or as vault_key_previous and run `countersign vault rotate`"
    )]
    Key,
    /// It was changed, cut, or sealed for another place.
    #[error("what was sealed is damaged")]
    Damaged,
}

/// A key of the vault, and the name by which what it sealed knows it.
struct Key {
    root: Prk,
    name: [u8; NAME],
}

/// Length of derived bytes.
struct Bytes<const N: usize>;

impl<const N: usize> KeyType for Bytes<N> {
    fn len(&self) -> usize {
        N
    }
}

impl Key {
    fn new(text: &SecretString) -> Self {
        let root = Salt::new(HKDF_SHA256, PURPOSE).extract(text.expose_secret().trim().as_bytes());
        let name = derived(&root, &[b"name"]);
        Self { root, name }
    }

    fn of(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let mut bytes: [u8; 32] = derived(&self.root, &[b"seal", salt]);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).ok().map(LessSafeKey::new);
        bytes.zeroize();
        key
    }
}

/// Bytes that only who has the root can derive.
fn derived<const N: usize>(root: &Prk, info: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    // Fails only beyond 8 kB.
    let filled = root.expand(info, Bytes::<N>).and_then(|okm| okm.fill(&mut bytes));
    debug_assert!(filled.is_ok());
    bytes
}

/// A key that seals once has no need of another nonce.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// Seals with one key, and opens with it or a previous one.
pub struct Vault {
    current: Key,
    previous: Option<Key>,
    dice: Dice,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// A vault that seals with `key`; what `previous` sealed still opens.
    pub fn new(key: &SecretString, previous: Option<&SecretString>, dice: Dice) -> Self {
        Self { current: Key::new(key), previous: previous.map(Key::new), dice }
    }

    /// Seals a text for a place, such as `account <id>`.
    pub fn seal(&self, place: &str, text: &SecretString) -> Vec<u8> {
        let mut salt = [0; SALT];
        self.dice.fill(&mut salt);
        let mut sealed = Vec::with_capacity(HEAD + text.expose_secret().len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.current.name);
        sealed.extend_from_slice(&salt);
        let mut inner = text.expose_secret().as_bytes().to_vec();
        let tag = self
            .current
            .of(&salt)
            .and_then(|key| key.seal_in_place_separate_tag(nonce(), Aad::from(place), &mut inner).ok());
        // AES-256-GCM seals whatever is shorter than 64 GB: without a tag nothing is written, and nothing opens.
        if let Some(tag) = tag {
            sealed.append(&mut inner);
            sealed.extend_from_slice(tag.as_ref());
        }
        inner.zeroize();
        sealed
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<SecretString, Error> {
        let (head, inner) = sealed.split_at_checked(HEAD).ok_or(Error::Damaged)?;
        let (name, salt) = head[1..].split_at(NAME);
        if head[0] != VERSION {
            return Err(Error::Damaged);
        }
        let keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.into_iter().find(|key| key.name == name).ok_or(Error::Key)?;
        let key = key.of(salt).ok_or(Error::Damaged)?;
        let mut inner = inner.to_vec();
        let opened = key.open_in_place(nonce(), Aad::from(place), &mut inner);
        let text = opened.ok().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(SecretString::from);
        inner.zeroize();
        text.ok_or(Error::Damaged)
    }

    /// Whether a text was sealed with the present key.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=NAME) == Some(self.current.name.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(key: &str, previous: Option<&str>) -> Vault {
        let previous = previous.map(SecretString::from);
        Vault::new(&SecretString::from(key), previous.as_ref(), Dice::seeded(1))
    }

    fn text() -> SecretString {
        SecretString::from(r#"{"refresh_token":"eyJ0"}"#)
    }

    fn opened(vault: &Vault, place: &str, sealed: &[u8]) -> Result<String, Error> {
        vault.open(place, sealed).map(|text| text.expose_secret().to_owned())
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_alone() {
        let vault = vault("key", None);
        let sealed = vault.seal("account 1", &text());
        assert_eq!(opened(&vault, "account 1", &sealed).as_deref(), Ok(text().expose_secret()));
        assert_eq!(opened(&vault, "account 2", &sealed), Err(Error::Damaged));
    }

    #[test]
    fn the_same_text_is_sealed_another_way_each_time_and_shows_nowhere() {
        let vault = vault("key", None);
        let (one, two) = (vault.seal("p", &text()), vault.seal("p", &text()));
        assert_ne!(one[HEAD..], two[HEAD..]);
        let shown = |sealed: &[u8]| String::from_utf8_lossy(sealed).contains("eyJ0");
        assert!(!shown(&one) && !shown(&two) && format!("{vault:?}") == "Vault");
    }

    #[test]
    fn any_bit_changed_and_any_end_cut_is_found() {
        let vault = vault("key", None);
        let sealed = vault.seal("p", &text());
        for at in 0..sealed.len() {
            assert!(opened(&vault, "p", &sealed[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(opened(&vault, "p", &changed).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_new_key_opens_what_the_previous_one_sealed_and_seals_by_itself() {
        let old = vault("old", None);
        let sealed = old.seal("p", &text());
        assert_eq!(opened(&vault("new", None), "p", &sealed), Err(Error::Key));
        let rotating = vault("new", Some("old"));
        assert!(opened(&rotating, "p", &sealed).is_ok() && !rotating.is_current(&sealed));
        let anew = rotating.seal("p", &text());
        assert!(rotating.is_current(&anew));
        assert!(opened(&vault("new", None), "p", &anew).is_ok());
        assert_eq!(opened(&old, "p", &anew), Err(Error::Key));
    }

    #[test]
    fn white_space_around_a_key_is_no_part_of_it() {
        let sealed = vault("key", None).seal("p", &text());
        assert!(opened(&vault(" key\n", None), "p", &sealed).is_ok());
    }
}

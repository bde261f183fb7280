//! How records hang together: digests, links, and checkpoints signed with ed25519.
//!
//! Each digest begins with a tag of its own, so that no record can be passed off as a link or a checkpoint.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::layout::{In, Malformed, Out};

/// A SHA-256 digest.
pub type Digest32 = [u8; 32];

const RECORD_TAG: &[u8] = b"countersign evidence record v1\0";
const LINK_TAG: &[u8] = b"countersign evidence link v1\0";
const CHECKPOINT_TAG: &[u8] = b"countersign evidence checkpoint v1\0";

/// SHA-256 of several parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> Digest32 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// So many bytes from hex digits of either case; none for anything else.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let digit = |at: usize| char::from(digits[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = digit(at * 2)? << 4 | digit(at * 2 + 1)?;
    }
    Some(bytes)
}

macro_rules! hex_type {
    ($name:ident, $length:literal, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                unhex(text.trim()).map(Self).ok_or_else(|| $what.to_owned())
            }
        }
    };
}

/// What ties a record to all before it: a digest over the link before and the digest of the record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Link(pub Digest32);
hex_type!(Link, 32, "a link is 64 hex digits");

/// The public half of a node's key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);
hex_type!(PublicKey, 32, "a public key is 64 hex digits");

/// The digest of a record.
pub fn record_digest(record: &[u8]) -> Digest32 {
    sha256(&[RECORD_TAG, record])
}

impl Link {
    /// The link before the first record.
    pub const ORIGIN: Self = Self([0; 32]);

    /// The link after one more record.
    pub fn after(self, record: &Digest32) -> Self {
        Self(sha256(&[LINK_TAG, &self.0, record]))
    }
}

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The number of the last record; 0 before the first.
    pub number: u64,
    /// Its link.
    pub link: Link,
    /// The number of the last checkpoint.
    pub signed: u64,
}

impl Head {
    /// Records that no checkpoint covers yet.
    pub fn unsigned(&self) -> u64 {
        self.number.saturating_sub(self.signed)
    }
}

/// A signed statement: "at this time, the chain ended with this link". It is a record itself, and so stands in the
/// chain behind those that it covers: none can be taken out without a trace but the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its own number; it covers all before it, so that there are `number - 1` of those.
    pub number: u64,
    /// The link of the record before it.
    pub link: Link,
    /// When it was signed.
    pub at: Timestamp,
    /// Whose signature it is.
    pub key: PublicKey,
    /// The ed25519 signature.
    pub signature: [u8; 64],
}

impl Checkpoint {
    /// How many records it covers, which is also the number of the last of them.
    pub fn covers(&self) -> u64 {
        self.number.saturating_sub(1)
    }

    /// What is signed: the tag, how many records it covers, the link, the time and the public key.
    fn signed(&self) -> Vec<u8> {
        let mut out = Out(CHECKPOINT_TAG.to_vec());
        out.number(self.covers()).bytes(&self.link.0).time(self.at).bytes(&self.key.0);
        out.0
    }

    /// Whether the signature is that of the key which it names.
    pub fn is_authentic(&self) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key.0).verify(&self.signed(), &self.signature).is_ok()
    }

    pub(super) fn encode(&self, out: &mut Out) {
        out.bytes(&self.link.0).time(self.at).bytes(&self.key.0).bytes(&self.signature);
    }

    pub(super) fn decode(number: u64, from: &mut In<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            number,
            link: Link(from.array()?),
            at: from.time()?,
            key: PublicKey(from.array()?),
            signature: from.array()?,
        })
    }
}

/// A node's key, which signs checkpoints.
pub struct Signer {
    pair: Ed25519KeyPair,
    key: PublicKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key)
    }
}

/// What an ed25519 private key in PKCS #8 begins with, version 1, as `openssl genpkey -algorithm ed25519` writes it.
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

impl Signer {
    /// The key in PEM (PKCS #8), as OpenSSL writes it.
    ///
    /// # Errors
    /// When it is no ed25519 key in that form. Nothing of the key is told.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        use base64::Engine as _;
        let wrong = || "it is no ed25519 private key in PEM".to_owned();
        let inside = text.split_once(PEM_BEGIN).and_then(|(_, rest)| rest.split_once(PEM_END));
        let digits: String = inside.ok_or_else(wrong)?.0.split_whitespace().collect();
        let der = base64::engine::general_purpose::STANDARD.decode(digits).map_err(|_| wrong())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| wrong())?;
        Self::new(pair).ok_or_else(wrong)
    }

    /// A fresh key in PEM, from 32 random bytes.
    pub fn pem(seed: &[u8; 32]) -> String {
        use base64::Engine as _;
        let der = [PKCS8.as_slice(), seed].concat();
        let digits = base64::engine::general_purpose::STANDARD.encode(der);
        format!("{PEM_BEGIN}\n{digits}\n{PEM_END}\n")
    }

    fn new(pair: Ed25519KeyPair) -> Option<Self> {
        let key = PublicKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, key })
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        self.key
    }

    /// Signs for everything up to `head`.
    pub fn sign(&self, head: Head, at: Timestamp) -> Checkpoint {
        let mut checkpoint =
            Checkpoint { number: head.number + 1, link: head.link, at, key: self.key, signature: [0; 64] };
        let signature = self.pair.sign(&checkpoint.signed());
        checkpoint.signature.copy_from_slice(signature.as_ref());
        checkpoint
    }
}

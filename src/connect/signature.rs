//! The signature of a delivery: HMAC-SHA256 over the bytes received, by any key of the source.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::base::Refusal;
use crate::base::limits::SIGNATURES_MAX;

use super::delivery::{Delivery, VerifiedDelivery};

pub use super::explain::{Explanation, Finding, explain};

pub(super) type Digest32 = [u8; 32];

/// What comes before the number in the name of a signature's header.
pub(super) const HEADER_PREFIX: &str = "x-docusign-signature-";
/// The header that names the algorithm (and is no signature).
pub(super) const DIGEST_HEADER: &str = "x-authorization-digest";

/// Tells one key from another without telling either: the first eight bytes of SHA-256 over a tag and the key.
///
/// What it gives away to guessing, a delivery with its signature gives away already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyPrint(pub [u8; 8]);

impl KeyPrint {
    /// What comes before the key in the digest: no other use of SHA-256 yields the same.
    pub const TAG: &'static str = "countersign connect key v1\0";

    /// The print of a key, taken as Connect's settings show it.
    pub fn of(key: &str) -> Self {
        let digest = Sha256::new().chain_update(Self::TAG).chain_update(key).finalize();
        let mut print = [0; 8];
        print.copy_from_slice(&digest[..8]);
        Self(print)
    }
}

/// Which of the signatures of a delivery was found to be right, and by which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignedBy {
    /// The number in the header's name: 2 for `X-DocuSign-Signature-2`.
    pub header: u8,
    /// The key.
    pub key: KeyPrint,
}

impl SignedBy {
    /// No signature at all: an answer to a call of our own ([`super::Answered`]). No header has the number 0.
    pub const NOBODY: Self = Self { header: 0, key: KeyPrint([0; 8]) };
}

/// A key, prepared: what digests with it start from.
#[derive(Clone)]
struct Key {
    print: KeyPrint,
    state: Hmac<Sha256>,
}

/// The Connect keys of a source, prepared once and cloned for each delivery.
///
/// A key is the text shown in Connect's settings, taken verbatim as UTF-8: it looks like base64 but is never
/// decoded, and its last `=` belongs to it.
#[derive(Clone, Default)]
pub struct Keys(Vec<Key>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// Prepares the keys. An empty text is no key: anyone could sign with it.
    pub fn new(texts: &[SecretString]) -> Self {
        let key = |text: &str| Some(Key { print: KeyPrint::of(text), state: state(text.as_bytes())? });
        Self(texts.iter().filter_map(|text| key(text.expose_secret())).collect())
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any key: every delivery is then refused.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins the digests of a body that arrives in pieces.
    pub fn begin(&self) -> Digesting {
        Digesting(self.0.clone())
    }

    /// The digests of a whole body, one for each key.
    pub fn digests(&self, body: &[u8]) -> Digests {
        let mut digesting = self.begin();
        digesting.update(body);
        digesting.finish()
    }
}

/// The HMAC state of a key; none for an empty one.
fn state(key: &[u8]) -> Option<Hmac<Sha256>> {
    if key.is_empty() { None } else { Hmac::new_from_slice(key).ok() }
}

/// The digest of `body` by `key`; all zeros for an empty key, which signs nothing.
pub(super) fn digest(key: &[u8], body: &[u8]) -> Digest32 {
    state(key).map_or([0; 32], |mut state| {
        state.update(body);
        state.finalize().into_bytes().into()
    })
}

/// Digests of a body whose bytes are still arriving.
#[derive(Clone)]
pub struct Digesting(Vec<Key>);

impl std::fmt::Debug for Digesting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digesting({})", self.0.len())
    }
}

impl Digesting {
    /// Takes in the next bytes, exactly as received.
    pub fn update(&mut self, bytes: &[u8]) {
        for key in &mut self.0 {
            key.state.update(bytes);
        }
    }

    /// The digests, once the last byte is in.
    pub fn finish(self) -> Digests {
        Digests(self.0.into_iter().map(|key| (key.print, key.state.finalize().into_bytes().into())).collect())
    }
}

/// The digests of one body, one for each key of its source.
#[derive(Clone)]
pub struct Digests(Vec<(KeyPrint, Digest32)>);

impl std::fmt::Debug for Digests {
    // A digest is a valid signature: it stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digests({})", self.0.len())
    }
}

/// Holds a delivery against the digests of its body: the only way to a [`VerifiedDelivery`].
///
/// Any `X-DocuSign-Signature-N` may match any key: during a rotation DocuSign's numbering and ours differ.
/// Everything is compared with everything in constant time.
///
/// # Errors
/// The delivery back, and why it is refused: no key, no signature, an unknown algorithm, or no match.
#[allow(clippy::result_large_err)] // both ways carry the delivery: boxing one would allocate for nothing
pub fn verify(delivery: Delivery, digests: &Digests) -> Result<VerifiedDelivery, (Delivery, Refusal)> {
    match signed_by(&delivery.headers, digests) {
        Ok(signed_by) => Ok(VerifiedDelivery::new(delivery, signed_by)),
        Err(refusal) => Err((delivery, refusal)),
    }
}

/// Why a delivery with these headers (names in lower case) cannot be let in whatever its body is: no key, or no
/// signature. Its body need not be read.
pub fn hopeless(headers: &[(String, String)], keys: &Keys) -> Option<Refusal> {
    if keys.is_empty() {
        return Some(Refusal::NoKey);
    }
    signatures(headers).next().is_none().then_some(Refusal::SignatureMissing)
}

/// Holds headers against the digests of their body: the first signature that is right, or why it is refused.
///
/// # Errors
/// As [`verify`].
pub fn signed_by(headers: &[(String, String)], digests: &Digests) -> Result<SignedBy, Refusal> {
    if digests.0.is_empty() {
        return Err(Refusal::NoKey);
    }
    let mut present = false;
    let mut matched = Choice::from(0);
    let (mut header, mut key) = (0_u8, 0_u32);
    for (number, value) in numbered(headers).take(SIGNATURES_MAX) {
        present = true;
        if let Some(told) = decode(value) {
            for (at, (_, digest)) in (0..).zip(&digests.0) {
                let same = told.ct_eq(digest);
                let first = same & !matched;
                header.conditional_assign(&number, first);
                key.conditional_assign(&at, first);
                matched |= same;
            }
        }
    }
    if !present {
        Err(Refusal::SignatureMissing)
    } else if other_algorithms(headers).next().is_some() {
        Err(Refusal::DigestUnknown)
    } else if !bool::from(matched) {
        Err(Refusal::SignatureWrong)
    } else {
        let key = digests.0.get(key as usize).map_or_else(KeyPrint::default, |(print, _)| *print);
        Ok(SignedBy { header, key })
    }
}

/// The values of all headers that name an algorithm other than ours.
pub(super) fn other_algorithms(headers: &[(String, String)]) -> impl Iterator<Item = &str> {
    let ours = |name: &str| name.replace('-', "").trim().eq_ignore_ascii_case("HMACSHA256");
    let told = headers.iter().filter(|(name, _)| name == DIGEST_HEADER).map(|(_, value)| value.as_str());
    told.filter(move |value| !ours(value))
}

/// The values of all signature headers, numbered 1 to [`SIGNATURES_MAX`]; names are in lower case.
pub(super) fn signatures(headers: &[(String, String)]) -> impl Iterator<Item = &str> {
    numbered(headers).map(|(_, value)| value)
}

fn numbered(headers: &[(String, String)]) -> impl Iterator<Item = (u8, &str)> {
    headers.iter().filter_map(|(name, value)| Some((signature_number(name)?, value.as_str())))
}

fn signature_number(name: &str) -> Option<u8> {
    let number = name.strip_prefix(HEADER_PREFIX).filter(|number| number.len() <= 3)?;
    let number: u8 = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
    (1..=SIGNATURES_MAX).contains(&usize::from(number)).then_some(number)
}

pub(super) fn is_signature(name: &str) -> bool {
    signature_number(name).is_some()
}

/// A digest from standard base64 with padding; none for anything else.
pub(super) fn decode(value: &str) -> Option<Digest32> {
    let value = value.trim();
    if value.len() != 44 {
        return None;
    }
    // As much as so many digits may stand for.
    let mut bytes = [0; 33];
    match STANDARD.decode_slice(value, &mut bytes) {
        Ok(32) => bytes.first_chunk().copied(),
        _ => None,
    }
}

/// Signs a body as DocuSign does: the value of `X-DocuSign-Signature-1` for `key`.
pub fn sign(key: &str, body: &[u8]) -> String {
    STANDARD.encode(digest(key.as_bytes(), body))
}

#[cfg(test)]
mod tests;

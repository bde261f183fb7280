//! Assertions of OAuth's JWT grant, read and held against the integration's public key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;

/// Longest life of an assertion, and how far clocks may be apart.
const LIFE_SECONDS: i64 = 3_600;
const SKEW_SECONDS: i64 = 300;

/// An RSA public key.
#[derive(Debug, Clone)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Reads a PEM `PUBLIC KEY`; none where it holds no RSA key.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
        // SEQUENCE { SEQUENCE { algorithm }, BIT STRING { no unused bits, RSAPublicKey } }
        let (inside, _) = element(0x30, info.as_ref())?;
        let (_, rest) = element(0x30, inside)?;
        let (bits, _) = element(0x03, rest)?;
        bits.strip_prefix(&[0]).map(|key| Self(key.to_vec()))
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0);
        key.verify(message, signature).is_ok()
    }
}

/// The content of a DER element with this tag, and what comes after it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
        (digits.iter().try_fold(0_usize, |n, d| n.checked_mul(256)?.checked_add(usize::from(*d)))?, rest)
    };
    (*first == tag).then(|| rest.split_at_checked(length))?
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// What an assertion claims.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) scope: String,
}

/// Reads an assertion; without a key, any well-formed one is taken.
///
/// # Errors
/// DocuSign's `error_description`.
pub(super) fn read(assertion: &str, key: Option<&PublicKey>, now: Timestamp) -> Result<Claims, &'static str> {
    let malformed = "invalid_assertion";
    let (message, signature) = assertion.rsplit_once('.').ok_or(malformed)?;
    let (header, claims) = message.split_once('.').ok_or(malformed)?;
    let header: Header = part(header).ok_or(malformed)?;
    let claims: Claims = part(claims).ok_or(malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
    if header.alg != "RS256" || signature.is_empty() {
        return Err("unsupported_signature_algorithm");
    }
    if key.is_some_and(|key| !key.signed(message.as_bytes(), &signature)) {
        return Err("no_valid_keys_or_signatures");
    }
    let now = now.as_second();
    if claims.exp <= now - SKEW_SECONDS || claims.iat > now + SKEW_SECONDS {
        return Err("expired_assertion");
    }
    if claims.exp - claims.iat > LIFE_SECONDS + SKEW_SECONDS {
        return Err("assertion_lifetime_too_long");
    }
    Ok(claims)
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion(header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(header), part(claims), part("signature"))
    }

    fn claims(iat: i64, exp: i64) -> String {
        format!(
            r#"{{"iss":"k","sub":"u","aud":"account-d.docusign.com","iat":{iat},"exp":{exp},"scope":"signature"}}"#
        )
    }

    #[test]
    fn only_fresh_rs256_assertions_of_at_most_an_hour_are_taken() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let rs256 = r#"{"alg":"RS256","typ":"JWT"}"#;
        let fate = |header: &str, claims: &str| read(&assertion(header, claims), None, now).err();
        assert_eq!(fate(rs256, &claims(1_000_000, 1_003_600)), None);
        assert_eq!(
            fate(r#"{"alg":"none"}"#, &claims(1_000_000, 1_003_600)),
            Some("unsupported_signature_algorithm")
        );
        assert_eq!(fate(rs256, &claims(990_000, 993_600)), Some("expired_assertion"));
        assert_eq!(fate(rs256, &claims(1_000_000, 1_090_000)), Some("assertion_lifetime_too_long"));
        assert_eq!(fate(rs256, "{}"), Some("invalid_assertion"));
        assert_eq!(read("no dots", None, now).err(), Some("invalid_assertion"));
    }

    #[test]
    fn der_that_ends_early_is_no_key() {
        assert!(element(0x30, &[0x30, 0x82, 0xFF]).is_none());
        assert!(element(0x30, &[0x30, 0x05, 0x00]).is_none());
        assert!(element(0x30, &[0x02, 0x00]).is_none());
        assert!(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----").is_none());
    }
}

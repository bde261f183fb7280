//! Why a signature does not match: tries what goes wrong in practice, and says what to do about it.
//!
//! For `signature explain` and for the log of a refused delivery. Quotes neither keys, signatures nor the body.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use crate::base::limits::{EXPLAIN_SIGNATURES_MAX, SIGNATURES_MAX};

use super::signature::{
    DIGEST_HEADER, HEADER_PREFIX, decode, digest, is_signature, other_algorithms, signatures,
};
use super::variations::{bodies, keys as key_variations};

/// Why a signature matches or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// True where the delivery verifies as it is.
    pub verified: bool,
    /// What was found, the likeliest first; never empty.
    pub findings: Vec<Finding>,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word.
    pub word: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

pub(super) fn finding(word: &'static str, problem: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { word, problem: problem.into(), advice: advice.into() }
}

/// Explains why `body` with `headers` (names in any case) does or does not verify with `keys`.
///
/// `other_sources` are the names and keys of the other sources, to find a delivery sent to the wrong address. The
/// body is hashed some thirty times for each key, so callers bound how often and how large.
pub fn explain(
    body: &[u8],
    headers: &[(String, String)],
    keys: &[SecretString],
    other_sources: &[(&str, &[SecretString])],
) -> Explanation {
    let headers: Vec<_> = headers.iter().map(|(n, v)| (n.to_ascii_lowercase(), v.clone())).collect();
    let case = Case { body, headers: &headers, keys: texts(keys), told: told(&headers) };
    let mut findings = Vec::new();
    let matching = case.matching(body);
    let algorithm = case.algorithm(matching.is_some());
    if case.keys.is_empty() {
        findings.push(finding(
            "no_key",
            "the source has no HMAC key, so every delivery is refused",
            "set hmac_keys to the key shown once under Connect Keys at DocuSign",
        ));
    } else if let Some(number) = matching {
        if algorithm.is_none() {
            let which = format!("key {number} of the source signed exactly this body");
            let advice = if number > 1 {
                "nothing to do; the keys before it can be removed once DocuSign no longer signs with them"
            } else {
                "nothing to do"
            };
            return Explanation { verified: true, findings: vec![finding("verified", which, advice)] };
        }
    } else {
        case.headers_wrong(&mut findings);
        case.key_wrong(other_sources, &mut findings);
        case.body_wrong(&mut findings);
        case.encoding_wrong(&mut findings);
        case.transport_wrong(&mut findings);
    }
    findings.extend(algorithm);
    if findings.is_empty() {
        findings.push(finding(
            "unexplained",
            "the signature belongs to none of the known keys in any usual spelling, or the body was changed on its way",
            "compare the key with the one under Connect Keys at DocuSign, mind that demo and production accounts have \
             different keys, and make sure that nothing before this server rewrites bodies",
        ));
    }
    Explanation { verified: false, findings }
}

/// The texts of keys; an empty one is none.
fn texts(keys: &[SecretString]) -> Vec<&str> {
    keys.iter().map(|key| key.expose_secret()).filter(|key| !key.is_empty()).collect()
}

/// The digests that the signature headers tell.
fn told(headers: &[(String, String)]) -> Vec<[u8; 32]> {
    signatures(headers).take(SIGNATURES_MAX).filter_map(decode).collect()
}

struct Case<'a> {
    body: &'a [u8],
    headers: &'a [(String, String)],
    keys: Vec<&'a str>,
    told: Vec<[u8; 32]>,
}

impl Case<'_> {
    fn is_told(&self, digest: &[u8; 32]) -> bool {
        self.told.iter().any(|told| bool::from(told.ct_eq(digest)))
    }

    /// The number, from 1, of the key that signed `body`.
    fn matching(&self, body: &[u8]) -> Option<usize> {
        self.keys.iter().position(|key| self.is_told(&digest(key.as_bytes(), body))).map(|at| at + 1)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim())
    }

    /// True where `value` is the signature of this body by a key of the source.
    fn is_right(&self, value: &str) -> bool {
        let right = |told: [u8; 32]| self.keys.iter().any(|key| told == digest(key.as_bytes(), self.body));
        decode(value).is_some_and(right)
    }

    /// Another algorithm is named. A signature in the place of the name is told as that, where there is no other.
    fn algorithm(&self, signed: bool) -> Option<Finding> {
        other_algorithms(self.headers).any(|name| signed || !self.is_right(name)).then(|| {
            finding(
                "digest_unknown",
                "X-Authorization-Digest names an algorithm other than HMACSHA256",
                "let the proxy pass this header on unchanged, or leave it out",
            )
        })
    }

    /// No signature, or one under another name.
    fn headers_wrong(&self, findings: &mut Vec<Finding>) {
        let others = self.headers.iter().filter(|(name, _)| !is_signature(name));
        for (name, _) in others.filter(|(_, value)| self.is_right(value)).take(SIGNATURES_MAX) {
            let name: String = name.chars().take(64).filter(|c| !c.is_control()).collect();
            findings.push(finding(
                "header_name_wrong",
                format!("the right signature stands in the header {name}"),
                "send it as X-DocuSign-Signature-1 (numbers 1 to 100); look for a proxy that renames headers",
            ));
        }
        if !findings.is_empty() || signatures(self.headers).next().is_some() {
            return;
        }
        if self.header(DIGEST_HEADER).is_some() {
            findings.push(finding(
                "digest_without_signature",
                "there is X-Authorization-Digest, which only names the algorithm, but no X-DocuSign-Signature-N",
                "add a Connect Key to the account that sends (with integratorManaged: to the integration's account)",
            ));
        } else {
            findings.push(finding(
                "signature_missing",
                format!("there is no header {HEADER_PREFIX}N: the delivery is not signed"),
                "tick \"Include HMAC Signature\" (includeHMAC) in the Connect configuration and add a Connect Key; it \
                 is off by default. Look for a proxy that drops headers",
            ));
        }
    }

    /// Another source's key, or one of ours misspelt.
    fn key_wrong(&self, other_sources: &[(&str, &[SecretString])], findings: &mut Vec<Finding>) {
        for (source, keys) in other_sources {
            let theirs = |key: &str| self.is_told(&digest(key.as_bytes(), self.body));
            if texts(keys).into_iter().any(theirs) {
                findings.push(finding(
                    "other_source",
                    format!("a key of the source {source} signed it"),
                    format!("send it to /connect/{source}, or give this source the same key"),
                ));
            }
        }
        for (at, key) in self.keys.iter().enumerate() {
            for variation in key_variations(key) {
                if self.is_told(&digest(&variation.key, self.body)) {
                    let problem = format!("key {} of the source {}", at + 1, variation.problem);
                    findings.push(finding(variation.word, problem, variation.advice));
                }
            }
        }
    }

    /// A body that was rewritten on its way.
    fn body_wrong(&self, findings: &mut Vec<Finding>) {
        if self.told.is_empty() {
            return;
        }
        for variation in bodies(self.body) {
            if variation.body != self.body && self.matching(&variation.body).is_some() {
                findings.push(finding(variation.word, variation.problem, variation.advice));
            }
        }
    }

    /// The right digest in the wrong spelling, or of another algorithm.
    fn encoding_wrong(&self, findings: &mut Vec<Finding>) {
        for value in signatures(self.headers).take(EXPLAIN_SIGNATURES_MAX).map(str::trim) {
            for key in &self.keys {
                let right = digest(key.as_bytes(), self.body);
                let Some((word, problem)) = misspelt(value, &right, key, self.body) else { continue };
                findings.push(finding(
                    word,
                    problem,
                    "send the HMAC-SHA256 of the body's bytes in standard base64 with padding (44 characters), as \
                     DocuSign does",
                ));
            }
            let padded = value.len() == 44 && STANDARD.decode(value).is_ok();
            if findings.is_empty() && !padded {
                findings.push(finding(
                    "signature_malformed",
                    format!("a signature has {} characters that are not the base64 of 32 bytes", value.len()),
                    "look for a proxy that shortens or rewrites headers",
                ));
            }
        }
    }

    /// What the other headers say about the way that the body took.
    fn transport_wrong(&self, findings: &mut Vec<Finding>) {
        let length = self.header("content-length").and_then(|text| text.parse::<usize>().ok());
        if let Some(length) = length.filter(|length| *length > self.body.len()) {
            findings.push(finding(
                "body_truncated",
                format!("the body has {} bytes of the {length} that were announced", self.body.len()),
                "pass on the whole body: look for a limit on sizes in a proxy, and for text functions that stop early",
            ));
        } else if length.is_some_and(|length| length < self.body.len()) {
            findings.push(finding(
                "body_longer_than_announced",
                format!("the body has {} bytes, more than were announced", self.body.len()),
                "pass on the body as it came: something decoded or rewrote it",
            ));
        }
        if self.body.starts_with(&[0x1f, 0x8b]) {
            findings.push(finding(
                "body_compressed",
                "the body is compressed (gzip); DocuSign signs what it is before compression",
                "switch off compression of requests in the proxy, or let it decompress them",
            ));
        } else if self.header("content-encoding").is_some_and(|how| how.eq_ignore_ascii_case("gzip")) {
            findings.push(finding(
                "body_decompressed",
                "the headers announce a compressed body, but it arrived decompressed",
                "let the proxy pass on bodies untouched, so that they have the bytes that were signed",
            ));
        }
    }
}

/// How `value` spells the right digest, where it does in another way than the right one.
fn misspelt(
    value: &str,
    right: &[u8; 32],
    key: &str,
    body: &[u8],
) -> Option<(&'static str, Cow<'static, str>)> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let bare = value.trim_start_matches("sha256=");
    if bare.eq_ignore_ascii_case(&hex(right)) {
        return Some(("signature_hex", "the signature is right, but in hexadecimal".into()));
    }
    let urlsafe = value != STANDARD.encode(right)
        && [URL_SAFE.decode(value), URL_SAFE_NO_PAD.decode(value)]
            .iter()
            .any(|told| told.as_deref() == Ok(right));
    if urlsafe {
        return Some((
            "signature_base64url",
            "the signature is right, but in URL-safe or unpadded base64".into(),
        ));
    }
    if bare != value && decode(bare).is_some_and(|told| told == *right)
        || value.trim_matches('"') == STANDARD.encode(right) && value.starts_with('"')
    {
        return Some((
            "signature_decorated",
            "the signature is right, but with a prefix or quotes around it".into(),
        ));
    }
    let sha1 = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let sha1 = ring::hmac::sign(&sha1, body);
    if value == STANDARD.encode(sha1.as_ref())
        || bare.trim_start_matches("sha1=").eq_ignore_ascii_case(&hex(sha1.as_ref()))
    {
        return Some(("signature_sha1", "the signature is an HMAC of SHA-1, not of SHA-256".into()));
    }
    let plain = <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(body));
    if decode(value) == Some(plain) || bare.eq_ignore_ascii_case(&hex(&plain)) {
        return Some((
            "signature_keyless",
            "the signature is a plain SHA-256 of the body, made without a key".into(),
        ));
    }
    None
}

#[cfg(test)]
mod tests;

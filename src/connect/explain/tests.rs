//! Each mistake that is made in practice, and the word that explains it.

use proptest::prelude::*;

use super::*;
use crate::connect::signature::sign;

const KEY: &str = "9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=";
const BODY: &str = "{\"event\":\"envelope-sent\",\"uri\":\"/a/b\",\"data\":{\"name\":\"Zo\u{eb}\"}}";

fn secrets(texts: &[&str]) -> Vec<SecretString> {
    texts.iter().map(|text| SecretString::from(*text)).collect()
}

fn words(body: &[u8], headers: &[(&str, &str)], key: &str) -> Vec<&'static str> {
    let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let other = secrets(&["their key"]);
    let explanation = explain(body, &headers, &secrets(&[key]), &[("acme", &other)]);
    let words: Vec<_> = explanation.findings.iter().map(|finding| finding.word).collect();
    assert!(!words.is_empty());
    assert_eq!(explanation.verified, words == ["verified"]);
    let told = serde_json::to_string(&explanation).unwrap();
    for secret in [key.trim(), "their key", "Zo\u{eb}"].iter().filter(|secret| secret.len() > 3) {
        assert!(!told.contains(secret), "{told}");
    }
    words
}

fn signed(body: &[u8], signature: &str, key: &str) -> Vec<&'static str> {
    words(body, &[("X-DocuSign-Signature-1", signature)], key)
}

#[test]
fn a_right_signature_needs_no_explanation() {
    assert_eq!(signed(BODY.as_bytes(), &sign(KEY, BODY.as_bytes()), KEY), ["verified"]);
}

#[test]
fn what_goes_wrong_with_headers_is_told() {
    let body = BODY.as_bytes();
    let right = sign(KEY, body);
    assert_eq!(words(body, &[], KEY), ["signature_missing"]);
    assert_eq!(words(body, &[("X-Authorization-Digest", "HMACSHA256")], KEY), ["digest_without_signature"]);
    for name in ["X-Authorization-Digest", "X_DocuSign_Signature_1", "x-docusign-signature", "x-signature"] {
        assert_eq!(words(body, &[(name, &right)], KEY), ["header_name_wrong"], "{name}");
    }
    let headers = [("x-docusign-signature-1", &*right), ("x-authorization-digest", "HMACSHA512")];
    assert_eq!(words(body, &headers, KEY), ["digest_unknown"]);
    // Whichever of several names it: what is refused is never explained as verified.
    for other in [&*right, "MD5"] {
        let names = [("x-authorization-digest", "HMACSHA256"), ("x-authorization-digest", other)];
        assert_eq!(words(body, &[&headers[..1], &names].concat(), KEY), ["digest_unknown"], "{other}");
    }
    assert_eq!(words(body, &[("x-docusign-signature-1", &right)], ""), ["no_key"]);
}

#[test]
fn what_goes_wrong_with_keys_is_told() {
    let body = BODY.as_bytes();
    for (used, ours, word) in [
        ("their key", KEY, "other_source"),
        (KEY, KEY.trim_end_matches('='), "key_lost_its_end"),
        (KEY.trim_end_matches('='), KEY, "key_cut_at_sender"),
        (KEY, "9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=\n", "key_spaced"),
        (KEY, " 9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=", "key_spaced"),
        (KEY, "\"9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=\"", "key_quoted"),
        ("9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=\n", KEY, "key_newline_at_sender"),
        ("'9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E='", KEY, "key_quoted_at_sender"),
        ("cGxhaW4=", "plain", "key_encoded"),
    ] {
        assert_eq!(signed(body, &sign(used, body), ours), [word], "{used:?} {ours:?}");
    }
    let decoded = STANDARD.decode(KEY).unwrap();
    let signature = STANDARD.encode(digest(&decoded, body));
    assert_eq!(signed(body, &signature, KEY), ["key_decoded"]);
    assert_eq!(signed(body, &sign("nobody's", body), KEY), ["unexplained"]);
}

#[test]
fn what_goes_wrong_with_bodies_is_told() {
    let pretty = "{\r\n  \"event\": \"envelope-sent\",\r\n  \"uri\": \"/a/b\"}";
    let spaced = "{\"event\": \"envelope-sent\", \"uri\": \"/a/b\", \"data\": {\"name\": \"Zo\\u00eb\"}}";
    for (sent, arrived, word) in [
        (BODY, &*format!("{BODY}\n"), "body_newline_added"),
        (&*format!("{BODY}\r\n"), BODY, "body_newline_lost"),
        (BODY, &*format!("{BODY} \t"), "body_space_added"),
        ("<a>\n\n</a>", "<a>\r\n\r\n</a>", "body_lines_to_windows"),
        (pretty, &*pretty.replace("\r\n", "\n"), "body_lines_to_unix"),
        (BODY, &*format!("\u{feff}{BODY}"), "body_mark_added"),
        (&*format!("\u{feff}{BODY}"), BODY, "body_mark_lost"),
        (BODY, spaced, "body_written_again"),
        (BODY, &*BODY.replace('/', "\\/"), "body_written_again"),
        (&*BODY.replace('/', "\\/"), BODY, "body_written_again"),
        (&*BODY.replace('\u{eb}', "\\u00eb"), BODY, "body_written_again"),
    ] {
        let found = signed(arrived.as_bytes(), &sign(KEY, sent.as_bytes()), KEY);
        assert!(found.contains(&word), "{arrived:?}: {found:?}");
    }
}

#[test]
fn what_goes_wrong_with_the_spelling_is_told() {
    let body = BODY.as_bytes();
    let right = sign(KEY, body);
    let hex: String = digest(KEY.as_bytes(), body).iter().map(|b| format!("{b:02X}")).collect();
    assert_eq!(signed(body, &hex, KEY), ["signature_hex"]);
    assert_eq!(signed(body, &format!("sha256={hex}"), KEY), ["signature_hex"]);
    assert_eq!(signed(body, &format!("\"{right}\""), KEY), ["signature_decorated"]);
    assert_eq!(signed(body, right.trim_end_matches('='), KEY), ["signature_base64url"]);
    assert_eq!(signed(body, &right[..40], KEY), ["signature_malformed"]);
    let sha1 = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, KEY.as_bytes());
    assert_eq!(signed(body, &STANDARD.encode(ring::hmac::sign(&sha1, body)), KEY), ["signature_sha1"]);
    let plain = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, body));
    assert_eq!(signed(body, &plain, KEY), ["signature_keyless"]);
}

#[test]
fn a_body_that_lost_a_part_or_was_packed_is_told() {
    let body = BODY.as_bytes();
    let right = sign(KEY, body);
    let with = |body, name, value| words(body, &[("x-docusign-signature-1", &right), (name, value)], KEY);
    assert_eq!(with(&body[..20], "Content-Length", "500"), ["body_truncated"]);
    assert_eq!(with(&body[..20], "Content-Length", "5"), ["body_longer_than_announced"]);
    assert_eq!(with(b"\x1f\x8b\x08packed", "content-encoding", "gzip"), ["body_compressed"]);
    assert_eq!(with(b"other", "content-encoding", "gzip"), ["body_decompressed"]);
}

proptest! {
    #[test]
    fn explaining_never_panics(body: Vec<u8>, text in "\\PC{0,80}", value in "\\PC{0,80}", key in "\\PC{0,40}") {
        words(&body, &[("x-docusign-signature-1", &value), ("content-length", &text)], &key);
        let _ = explain(format!("{{{text}\\u{value}").as_bytes(), &[("x".into(), value)], &secrets(&[&key]), &[]);
    }
}

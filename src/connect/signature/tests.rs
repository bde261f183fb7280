//! Which signatures are let in, and which are not.

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::base::{DeliveryId, SourceName};
use crate::connect::Body;

const KEY: &str = "9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=";
const BODY: &[u8] = b"{\"event\":\"envelope-sent\"}";

fn keys(texts: &[&str]) -> Keys {
    Keys::new(&texts.iter().map(|text| SecretString::from(*text)).collect::<Vec<_>>())
}

fn delivery(headers: &[(&str, &str)]) -> Delivery {
    Delivery {
        id: DeliveryId(Uuid::nil()),
        source: SourceName::default(),
        received_at: Timestamp::UNIX_EPOCH,
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: Body::Inline(BODY.into()),
        traceparent: String::new(),
    }
}

fn fate(texts: &[&str], headers: &[(&str, &str)]) -> Result<(), Refusal> {
    verify(delivery(headers), &keys(texts).digests(BODY)).map(drop).map_err(|(_, refusal)| refusal)
}

#[test]
fn any_header_may_match_any_key() {
    let (a, b) = (sign("a", BODY), sign(KEY, BODY));
    let one = "x-docusign-signature-1";
    assert_eq!(fate(&[KEY], &[(one, &b)]), Ok(()));
    assert_eq!(fate(&["other", KEY], &[(one, &a), ("x-docusign-signature-2", &b)]), Ok(()));
    assert_eq!(fate(&["x", "y", "a"], &[("x-docusign-signature-100", &a)]), Ok(()));
    assert_eq!(fate(&[KEY], &[(one, &format!(" {b} "))]), Ok(()));
}

#[test]
fn a_delivery_signed_with_a_retired_key_is_refused() {
    let old = sign("retired", BODY);
    assert_eq!(fate(&[KEY, "new"], &[("x-docusign-signature-1", &old)]), Err(Refusal::SignatureWrong));
}

#[test]
fn without_a_key_or_with_an_empty_one_everything_is_refused() {
    let forged = STANDARD
        .encode(Hmac::<Sha256>::new_from_slice(b"").unwrap().chain_update(BODY).finalize().into_bytes());
    for texts in [&[][..], &[""], &["", ""]] {
        assert_eq!(fate(texts, &[("x-docusign-signature-1", &forged)]), Err(Refusal::NoKey));
    }
    assert_eq!(fate(&["", "key"], &[("x-docusign-signature-1", &forged)]), Err(Refusal::SignatureWrong));
    assert_ne!(sign("", BODY), forged);
}

#[test]
fn only_headers_with_a_number_from_1_to_100_are_signatures() {
    let right = sign(KEY, BODY);
    for name in [
        "x-docusign-signature-0",
        "x-docusign-signature-101",
        "x-docusign-signature-",
        "x-docusign-signature",
        "x-docusign-signature-1a",
        "x-docusign-signature-+1",
        "x-docusign-signature-0000000001",
        "x-docusign-signature-\u{661}",
        "docusign-signature-1",
        "x-authorization-digest",
    ] {
        assert_eq!(fate(&[KEY], &[(name, &right)]), Err(Refusal::SignatureMissing), "{name}");
    }
}

#[test]
fn an_algorithm_is_known_in_any_spelling_and_absent_is_fine() {
    let right = sign(KEY, BODY);
    let with = |name| fate(&[KEY], &[("x-docusign-signature-1", &right), ("x-authorization-digest", name)]);
    for name in ["HMACSHA256", "HMAC-SHA256", "hmacsha256", "HMAC-SHA-256"] {
        assert_eq!(with(name), Ok(()), "{name}");
    }
    for name in ["", "HMACSHA512", "SHA256", "none", "HMACSHA256x", "\u{212a}"] {
        assert_eq!(with(name), Err(Refusal::DigestUnknown), "{name}");
    }
}

#[test]
fn signatures_in_other_spellings_are_wrong() {
    let right = sign(KEY, BODY);
    let hex: String = digest(KEY.as_bytes(), BODY).iter().map(|b| format!("{b:02x}")).collect();
    let (first, unpadded) = (&right[..43], right.trim_end_matches('='));
    // The last character before the padding carries two bits that must be zero.
    let loose = format!("{}{}=", &right[..42], char::from(right.as_bytes()[42] + 1));
    for value in
        [&hex, first, unpadded, &loose, "", "=", &format!("{right}{right}"), &format!("sha256={right}")]
    {
        assert_eq!(
            fate(&[KEY], &[("x-docusign-signature-1", value)]),
            Err(Refusal::SignatureWrong),
            "{value}"
        );
    }
}

#[test]
fn keys_and_digests_do_not_show_themselves() {
    let keys = keys(&[KEY, "b"]);
    let digests = keys.digests(BODY);
    assert_eq!(format!("{keys:?} {:?} {digests:?}", keys.begin()), "Keys(2) Digesting(2) Digests(2)");
}

proptest! {
    #[test]
    fn a_body_in_pieces_has_the_digests_of_the_whole(body: Vec<u8>, size in 1usize..50) {
        let keys = keys(&[KEY, "b"]);
        let mut digesting = keys.begin();
        body.chunks(size).for_each(|piece| digesting.update(piece));
        prop_assert_eq!(digesting.finish().0, keys.digests(&body).0);
    }

    #[test]
    fn no_header_value_verifies_by_chance_or_panics(values in prop::collection::vec("\\PC{0,60}", 0..5), number in 0usize..120) {
        let headers: Vec<_> = values.iter().map(|v| (format!("x-docusign-signature-{number}"), v.clone())).collect();
        let mut unsigned = delivery(&[]);
        unsigned.headers = headers;
        prop_assert!(verify(unsigned, &keys(&[KEY]).digests(BODY)).is_err());
    }
}

#[test]
fn the_signature_that_was_right_and_the_print_of_its_key_are_told() {
    let texts = ["retired", KEY, "new"];
    let (wrong, right, also) = (sign("nobody's", BODY), sign(KEY, BODY), sign("new", BODY));
    let headers = [
        ("x-docusign-signature-3", wrong.as_str()),
        ("x-docusign-signature-17", right.as_str()),
        ("x-docusign-signature-1", also.as_str()),
    ];
    let verified = verify(delivery(&headers), &keys(&texts).digests(BODY)).unwrap();
    assert_eq!(verified.signed_by(), SignedBy { header: 17, key: KeyPrint::of(KEY) });
    assert_ne!(KeyPrint::of("new"), KeyPrint::of("new "), "a key is taken as it is");
}

//! What is measured: each step between the bytes of a delivery and the values of its rows, and all of them together.

use std::fmt::Write as _;
use std::hint::black_box;

use countersign::base::{AccountId, DeliveryId, SourceName};
use countersign::connect::elide::Elider;
use countersign::connect::signature::{Keys, sign, verify};
use countersign::connect::{Body, ConnectEvent, Delivery, VerifiedDelivery, parse};
use countersign::evidence::chain::{record_digest, sha256};
use countersign::evidence::record::{DeliveryReceipt, headers_digest};
use countersign::evidence::{Digest32, Link};
use countersign::signing::state::Cause;
use countersign::signing::{Change, Observation, Origin, State, map};
use jiff::Timestamp;
use secrecy::SecretString;
use uuid::Uuid;

const KEY: &str = "bench-key";

/// The fixtures, and whether only reading them is measured.
const MESSAGES: &[(&str, &[u8])] = &[
    ("json 3k", include_bytes!("../../../fixtures/bench/json-3k.json")),
    ("aggregate 3k", include_bytes!("../../../fixtures/bench/aggregate-3k.json")),
    ("xml 3k", include_bytes!("../../../fixtures/bench/xml-3k.xml")),
    ("json 16k", include_bytes!("../../../fixtures/bench/json-16k.json")),
    ("aggregate 16k", include_bytes!("../../../fixtures/bench/aggregate-16k.json")),
    ("xml 16k", include_bytes!("../../../fixtures/bench/xml-16k.xml")),
];
/// Of the largest that is kept in memory: a document inside makes it so large.
const LARGE_BYTES: usize = 200_000;

/// Something that is measured.
pub(crate) struct Case {
    /// The step and the message.
    pub(crate) name: String,
    /// Prepares one run of it; what that returns is the run, from its input to where all that it made is gone again.
    pub(crate) prepare: Box<dyn Fn() -> Box<dyn FnOnce()>>,
}

/// A case: `run` is measured, `prepare` is not.
fn case<I: 'static, O>(
    name: String,
    prepare: impl Fn() -> I + 'static,
    run: impl Fn(&mut I) -> O + Copy + 'static,
) -> Case {
    let prepare = move || -> Box<dyn FnOnce()> {
        let mut input = prepare();
        Box::new(move || drop(black_box(run(black_box(&mut input)))))
    };
    Case { name, prepare: Box::new(prepare) }
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, body) in MESSAGES {
        verifying(&mut cases, name, body);
        let verified: &VerifiedDelivery = Box::leak(Box::new(verified(body)));
        cases.push(case(format!("parse {name}"), || (), move |()| parsed(verified)));
        stepwise(&mut cases, name, verified);
        cases.push(case(format!("whole {name}"), begun, move |state| whole(state, verified)));
    }
    for (name, body) in [("json 200k", large_json()), ("xml 200k", large_xml())] {
        let body: &[u8] = body.leak();
        let verified: &VerifiedDelivery = Box::leak(Box::new(verified(body)));
        cases.push(case(format!("parse {name}"), || (), move |()| parsed(verified)));
        cases.push(case(format!("elide {name}"), || (), move |()| elided(body)));
    }
    cases
}

fn verifying(cases: &mut Vec<Case>, name: &str, body: &'static [u8]) {
    let keys: &Keys = Box::leak(Box::new(Keys::new(&[SecretString::from(KEY)])));
    cases.push(case(
        format!("verify {name}"),
        || Some(delivery(body)),
        move |delivery| verify(delivery.take()?, &keys.digests(body)).ok(),
    ));
}

/// Each step after reading, alone.
fn stepwise(cases: &mut Vec<Case>, name: &str, verified: &'static VerifiedDelivery) {
    let event: &ConnectEvent<'_> = Box::leak(Box::new(parsed(verified)));
    let seen: &Observation = Box::leak(Box::new(observed(event)));
    let changes: &[Change] = begun().apply(seen, cause(), |_| false).leak();
    cases.push(case(format!("map {name}"), || (), move |()| observed(event)));
    cases.push(case(format!("apply {name}"), begun, move |state| state.apply(seen, cause(), |_| false)));
    cases.push(case(format!("encode {name}"), || (), move |()| encoded(changes)));
    cases.push(case(format!("state {name}"), begun, |state| serde_json::to_string(state)));
    cases.push(case(format!("evidence {name}"), || (), move |()| chained(verified, seen, changes.len())));
}

/// What is left of a large body that arrives in pieces.
fn elided(body: &[u8]) -> Option<bytes::Bytes> {
    let mut elider = Elider::new();
    body.chunks(16 * 1024).for_each(|piece| elider.push(piece));
    elider.finish()
}

/// From a verified delivery to the values of its rows.
fn whole(state: &mut State, verified: &VerifiedDelivery) -> impl Sized + use<> {
    let seen = observed(&parsed(verified));
    let changes = state.apply(&seen, cause(), |_| false);
    let state = serde_json::to_string(state);
    (encoded(&changes), state, chained(verified, &seen, changes.len()))
}

fn parsed(verified: &VerifiedDelivery) -> ConnectEvent<'_> {
    parse(verified, None).expect("a fixture that can be read")
}

fn observed(event: &ConnectEvent<'_>) -> Observation {
    let account = event.account_id.as_deref().map_or_else(AccountId::unknown, AccountId::new);
    map::observe(event, account)
}

/// A signing request that was sent, and so is known.
fn begun() -> State {
    let body = include_bytes!("../../../fixtures/connect/json-envelope-sent/body.json");
    let mut state = State::default();
    state.apply(&observed(&parsed(&verified(body))), cause(), |_| false);
    state
}

fn received_at() -> Timestamp {
    Timestamp::from_nanosecond(1_795_687_200_123_456_789).expect("a time")
}

fn cause() -> Cause {
    let delivery_id = Some(DeliveryId(Uuid::from_u128(1)));
    Cause { origin: Origin::Connect, received_at: received_at(), delivery_id }
}

/// What of a change is written down that takes time to make.
fn encoded(changes: &[Change]) -> Vec<(String, String)> {
    changes.iter().map(|change| (change.routing_key(), change.body(None))).collect()
}

/// What the store makes of a delivery for the chain, in the order in which it does.
fn chained(verified: &VerifiedDelivery, seen: &Observation, changes: usize) -> (String, Vec<u8>, Link) {
    let delivery = verified.delivery();
    let headers = delivery.headers_json();
    let (account, subject) = (seen.account.as_str(), &seen.subject);
    let record = DeliveryReceipt {
        number: 12_345,
        id: delivery.id,
        received_at: delivery.received_at,
        source: delivery.source.as_str(),
        signed_by: verified.signed_by(),
        headers: &headers_digest(&delivery.headers),
        body: &body_digest(&delivery.body),
        body_bytes: delivery.body.length(),
        says: [seen.format.word(), &seen.event, account, subject.kind(), subject.id()],
        outcome: "accepted",
        reason: "",
        changes: changes as u64,
    };
    let record = record.encode();
    let link = Link::ORIGIN.after(&record_digest(&record));
    (headers, record, link)
}

fn body_digest(body: &Body) -> Digest32 {
    match body {
        Body::Inline(bytes) => sha256(&[bytes]),
        Body::Spooled { sha256, .. } => *sha256,
    }
}

fn verified(body: &[u8]) -> VerifiedDelivery {
    let keys = Keys::new(&[SecretString::from(KEY)]);
    verify(delivery(body), &keys.digests(body)).expect("it was signed just now")
}

fn delivery(body: &[u8]) -> Delivery {
    let signature = sign(KEY, body);
    let length = body.len().to_string();
    let headers = [
        ("host", "connect.example.com"),
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", &length),
        ("user-agent", "DocuSign/1.0"),
        ("accept", "*/*"),
        ("x-authorization-digest", "HMACSHA256"),
        ("x-docusign-signature-1", &signature),
        ("x-docusign-accountid", "3f1c9a52-7d0e-4c8b-9f6a-2b7e5d401c11"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    Delivery {
        id: DeliveryId(Uuid::from_u128(1)),
        source: SourceName::default(),
        received_at: received_at(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: Body::Inline(body.to_vec().into()),
        traceparent: String::new(),
    }
}

/// A document in base64 that shrinks no better than one does.
fn document(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut state = 1_u64;
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let _ = write!(text, "{state:016x}");
    }
    text
}

fn large_json() -> Vec<u8> {
    let small = String::from_utf8_lossy(MESSAGES[3].1);
    let document =
        format!(r#""envelopeDocuments":[{{"PDFBytes":"{}"}}],"purgeState""#, document(LARGE_BYTES));
    small.replacen(r#""purgeState""#, &document, 1).into_bytes()
}

fn large_xml() -> Vec<u8> {
    let small = String::from_utf8_lossy(MESSAGES[5].1);
    let document = format!(
        "<DocumentPDFs><DocumentPDF><Name>lease.pdf</Name><PDFBytes>{}</PDFBytes></DocumentPDF></DocumentPDFs><TimeZone>",
        document(LARGE_BYTES)
    );
    small.replacen("<TimeZone>", &document, 1).into_bytes()
}

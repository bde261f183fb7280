//! Tampering, as properties: whatever is changed, taken out or moved, the examination names it.

use std::sync::OnceLock;

use jiff::Timestamp;
use proptest::prelude::*;
use secrecy::SecretString;
use uuid::Uuid;

use super::chain::{Digest32, hex, record_digest, sha256, unhex};
use super::kept::{Contents, KeptDelivery};
use super::record::{DeliveryRecord, Pruned, PrunedRecord, ResolutionRecord, Says, headers_digest, runs};
use super::*;
use crate::base::DeliveryId;
use crate::connect::signature::{KeyPrint, SignedBy};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn signer(seed: u8) -> Signer {
    Signer::from_pem(&Signer::pem(&[seed; 32])).unwrap()
}

fn id(number: u64) -> DeliveryId {
    DeliveryId(Uuid::from_u128(u128::from(number)))
}

fn says(subject: &str) -> Says {
    let text = |text: &str| text.to_owned();
    Says {
        format: text("json"),
        event: text("envelope-sent"),
        account: text("acc"),
        kind: text("signing_request"),
        subject: text(subject),
    }
}

fn body(number: u64) -> Vec<u8> {
    format!("body {number}").into_bytes()
}

fn headers(number: u64) -> Vec<(String, String)> {
    vec![("x-n".to_owned(), number.to_string())]
}

fn delivery(number: u64, outcome: &str) -> DeliveryRecord {
    DeliveryRecord {
        number,
        id: id(number),
        received_at: at(number as i64),
        source: "default".into(),
        signed_by: SignedBy { header: 2, key: KeyPrint::of("key") },
        headers: headers_digest(&headers(number)),
        body: sha256(&[&body(number)]),
        body_bytes: body(number).len() as u64,
        says: if outcome == "quarantined" { Says::default() } else { says("sr") },
        outcome: outcome.into(),
        reason: if outcome == "quarantined" { "a DTD".into() } else { String::new() },
        changes: 1,
    }
}

/// A chain in memory, written as a store writes it.
#[derive(Debug, Clone, Default)]
struct Chain {
    rows: Vec<(u64, Vec<u8>, Link)>,
    head: Head,
}

impl Chain {
    fn push(&mut self, record: &Record) {
        let bytes = record.encode();
        let link = self.head.link.after(&record_digest(&bytes));
        self.head.number += 1;
        self.head.link = link;
        if matches!(record, Record::Checkpoint(_)) {
            self.head.signed = self.head.number;
        }
        assert_eq!(record.number(), self.head.number);
        self.rows.push((self.head.number, bytes, link));
    }

    fn next(&self) -> u64 {
        self.head.number + 1
    }

    fn deliver(&mut self, outcome: &str) -> u64 {
        let number = self.next();
        self.push(&Record::Delivery(Box::new(delivery(number, outcome))));
        number
    }

    fn sign(&mut self, signer: &Signer) {
        let checkpoint = signer.sign(self.head, at(self.head.number as i64));
        self.push(&Record::Checkpoint(checkpoint));
    }

    fn prune(&mut self, what: Pruned, runs: Vec<(u64, u64)>) {
        self.push(&Record::Pruned(PrunedRecord { number: self.next(), before: at(0), what, runs }));
    }

    /// Every link from a place on made anew, as somebody without the key would.
    fn relink(&mut self, from: usize) {
        let mut link = if from == 0 { Link::ORIGIN } else { self.rows[from - 1].2 };
        for (_, bytes, stored) in &mut self.rows[from..] {
            link = link.after(&record_digest(bytes));
            *stored = link;
        }
    }

    fn examine_with(&self, known: Known) -> Report {
        let mut verifier = Verifier::new(known);
        for (number, bytes, link) in &self.rows {
            verifier.take(*number, bytes, *link);
        }
        verifier.finish()
    }

    /// Examined by somebody who knows the key, and has seen the last checkpoint in a log.
    fn examine(&self) -> Report {
        let (covered, link) = seen();
        self.examine_with(Known { keys: vec![signer(1).public_key()], links: [(covered, link)].into() })
    }
}

/// Forty records, four checkpoints, a resolution and a notice.
fn whole() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let (mut chain, signer) = (Chain::default(), signer(1));
        for number in 1..=36_u64 {
            match number % 9 {
                3 => drop(chain.deliver("quarantined")),
                5 => {
                    let number = chain.next();
                    chain.push(&Record::Resolution(Box::new(ResolutionRecord {
                        number,
                        at: at(7),
                        id: id(number - 2),
                        how: "released".into(),
                        says: says("sr"),
                        changes: 1,
                    })));
                }
                7 => chain.prune(Pruned::Deliveries, vec![(number - 6, number - 6)]),
                0 => chain.sign(&signer),
                _ => drop(chain.deliver("accepted")),
            }
        }
        chain
    })
}

/// The last checkpoint's number and link, as a log would show them.
fn seen() -> (u64, Link) {
    let (number, _, link) = whole().rows.last().unwrap();
    (*number, *link)
}

fn names(report: &Report, number: u64) -> bool {
    report.findings.iter().any(|finding| (finding.first..=finding.last).contains(&number))
}

#[test]
fn an_untouched_chain_is_sound() {
    let report = whole().examine();
    assert_eq!((report.faults, report.records, report.last, report.signed_through), (0, 36, 36, 35));
    assert_eq!((report.unsigned, report.keys.len(), report.keys[0].checkpoints), (0, 1, 4));
    assert!(report.is_pinned());
}

#[test]
fn records_read_back_as_they_were_written_and_nothing_else_reads() {
    for (number, bytes, _) in &whole().rows {
        let record = Record::decode(bytes).unwrap();
        assert_eq!((record.number(), &record.encode()), (*number, bytes));
        assert!((0..bytes.len()).all(|end| Record::decode(&bytes[..end]).is_err()), "a part of it reads");
        assert!(Record::decode(&[bytes.as_slice(), b"x"].concat()).is_err(), "more than it reads");
    }
}

#[test]
fn the_layout_is_what_the_documentation_says() {
    // Held still: whoever wrote a checker by docs/evidence.md must be able to read every chain of version 1.
    let record = Record::Delivery(Box::new(delivery(1, "accepted"))).encode();
    // The values were computed from that description by other means.
    assert_eq!(hex(&record[..18]), "0101000000000000000118e91efd976e4a00");
    assert_eq!(hex(&record_digest(&record)), DIGEST);
    assert_eq!(Link::ORIGIN.after(&record_digest(&record)).to_string(), LINK);
    assert_eq!(hex(&KeyPrint::of("key").0), PRINT);
    assert_eq!(signer(1).public_key().to_string(), KEY);
}
const DIGEST: &str = "13273be3da40487d74da7e922758ee5538b3cd1d20133adc02871c97d60002bf";
const LINK: &str = "72404987cfb3d3cd4d2daeb4db8f87b0cff186558cc184d190bcb48479d6080e";
const PRINT: &str = "da1b214ec34b0fba";
const KEY: &str = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";

proptest! {
    #[test]
    fn any_byte_changed_in_any_record_is_named(place in 0..36_usize, byte in any::<prop::sample::Index>(), mask in 1..=255_u8) {
        let mut chain = whole().clone();
        let row = &mut chain.rows[place];
        let byte = byte.index(row.1.len());
        row.1[byte] ^= mask;
        let report = chain.examine();
        prop_assert!(names(&report, place as u64 + 1), "{:#?}", report.findings);
    }

    #[test]
    fn any_byte_changed_in_any_link_is_named(place in 0..36_usize, byte in 0..32_usize, mask in 1..=255_u8) {
        let mut chain = whole().clone();
        chain.rows[place].2.0[byte] ^= mask;
        let report = chain.examine();
        prop_assert!(names(&report, place as u64 + 1), "{:#?}", report.findings);
        prop_assert_eq!(report.findings.iter().filter(|f| f.fault == Fault::Changed).count(), 1, "{:#?}", report.findings);
    }

    #[test]
    fn any_records_taken_out_are_named(first in 0..36_usize, count in 1..6_usize) {
        let mut chain = whole().clone();
        let last = (first + count).min(36);
        chain.rows.drain(first..last);
        let report = chain.examine();
        for number in first + 1..=last {
            prop_assert!(names(&report, number as u64), "{number}: {:#?}", report.findings);
        }
        let missing = |f: &Finding| matches!(f.fault, Fault::Removed | Fault::Truncated);
        prop_assert!(report.findings.iter().all(missing), "{:#?}", report.findings);
    }

    #[test]
    fn records_taken_out_and_the_rest_moved_up_are_named(place in 0..35_usize, relinked in any::<bool>()) {
        let mut chain = whole().clone();
        chain.rows.remove(place);
        for (number, row) in (1..).zip(&mut chain.rows) {
            row.0 = number;
        }
        if relinked {
            chain.relink(place);
        }
        prop_assert!(names(&chain.examine(), place as u64 + 1));
    }

    #[test]
    fn any_two_records_exchanged_are_named(a in 0..36_usize, b in 0..36_usize, with_links in any::<bool>()) {
        prop_assume!(a != b);
        let mut chain = whole().clone();
        let (x, y) = (chain.rows[a].clone(), chain.rows[b].clone());
        chain.rows[a].1 = y.1;
        chain.rows[b].1 = x.1;
        if with_links {
            (chain.rows[a].2, chain.rows[b].2) = (y.2, x.2);
        }
        let report = chain.examine();
        for place in [a, b] {
            let number = place as u64 + 1;
            let named = report.findings.iter().any(|f| f.fault == Fault::Reordered && (f.first..=f.last).contains(&number));
            prop_assert!(named, "{number}: {:#?}", report.findings);
        }
    }

    #[test]
    fn a_record_rewritten_with_all_links_after_it_is_found_by_the_next_checkpoint(place in 0..36_usize, outcome in "[a-z]{1,12}") {
        let mut chain = whole().clone();
        let number = place as u64 + 1;
        prop_assume!(outcome != "accepted" && !matches!(Record::decode(&chain.rows[place].1), Ok(Record::Checkpoint(_))));
        chain.rows[place].1 = Record::Delivery(Box::new(delivery(number, &outcome))).encode();
        chain.relink(place);
        let report = chain.examine();
        prop_assert!(names(&report, number), "{:#?}", report.findings);
        let rewritten = report.findings.iter().find(|f| f.fault == Fault::Rewritten).unwrap();
        prop_assert!((rewritten.first..=rewritten.last).contains(&number));
        prop_assert!(rewritten.last - rewritten.first < 9, "no further than from one checkpoint to the next");
    }

    #[test]
    fn a_chain_made_anew_with_another_key_is_found_by_those_who_know_the_key(place in 0..35_usize) {
        let mut chain = Chain::default();
        let thief = signer(9);
        for (number, bytes, _) in &whole().rows {
            match Record::decode(bytes).unwrap() {
                Record::Checkpoint(_) => chain.sign(&thief),
                record if *number == place as u64 + 1 => {
                    let Record::Delivery(mut record) = record else { return Ok(()) };
                    record.changes += 1;
                    chain.push(&Record::Delivery(record));
                }
                record => chain.push(&record),
            }
        }
        prop_assert!(chain.examine_with(Known::default()).is_sound(), "nobody who knows nothing can tell");
        let known = Known { keys: vec![signer(1).public_key()], ..Known::default() };
        let report = chain.examine_with(known);
        prop_assert!(report.findings.iter().any(|f| f.fault == Fault::KeyUnknown));
        prop_assert_eq!(report.signed_through, 0);
        let noted = Known { links: [seen()].into(), ..Known::default() };
        prop_assert!(chain.examine_with(noted).findings.iter().any(|f| f.fault == Fault::Rewritten));
    }

    #[test]
    fn records_behind_the_last_checkpoint_are_told_of_as_unsigned(count in 0..5_u64) {
        let mut chain = whole().clone();
        for _ in 0..count {
            chain.deliver("accepted");
        }
        let report = chain.examine();
        prop_assert_eq!((report.faults, report.unsigned, report.signed_through), (0, count, 35));
    }

    #[test]
    fn anything_at_all_is_examined_without_a_panic(rows in prop::collection::vec((0..9_u64, prop::collection::vec(any::<u8>(), 0..200), any::<[u8; 32]>()), 0..12)) {
        let mut verifier = Verifier::new(Known::default());
        for (number, bytes, link) in &rows {
            verifier.take(*number, bytes, Link(*link));
        }
        verifier.finish();
    }
}

#[test]
fn a_pruned_chain_is_sound_from_its_anchor_on_and_only_with_its_notice() {
    let mut chain = whole().clone();
    chain.prune(Pruned::Records, vec![(1, 17)]);
    chain.sign(&signer(1));
    let anchored = |chain: &Chain, gone: usize| {
        let mut chain = chain.clone();
        chain.rows.drain(..gone);
        chain.examine()
    };
    assert_eq!(anchored(&chain, 17).findings, []);
    // One more than the notice tells of, and the checkpoint that it is anchored at is gone too.
    let report = anchored(&chain, 18);
    assert_eq!(
        (report.findings[0].fault, report.findings[0].first, report.findings[0].last),
        (Fault::Removed, 18, 18)
    );
    let report = anchored(whole(), 17);
    assert_eq!(
        (report.findings[0].fault, report.findings[0].first, report.findings[0].last),
        (Fault::Removed, 1, 17)
    );
    // The anchor itself cannot be exchanged.
    let mut forged = chain.clone();
    forged.rows.drain(..17);
    let Ok(Record::Checkpoint(mut anchor)) = Record::decode(&forged.rows[0].1) else {
        panic!("no checkpoint")
    };
    anchor.link.0[0] ^= 1;
    forged.rows[0].1 = Record::Checkpoint(anchor).encode();
    assert!(names(&forged.examine(), 18));
}

fn row(record: &DeliveryRecord) -> KeptDelivery {
    KeptDelivery {
        source: record.source.clone(),
        received_at: record.received_at,
        says: record.says.clone(),
        outcome: record.outcome.clone(),
        reason: record.reason.clone(),
        body_bytes: record.body_bytes,
        changes: record.changes,
        contents: Some(Contents { headers: record.headers, body: Ok(record.body) }),
    }
}

/// Holds what `keep` says is kept of each delivery against a chain.
fn held(chain: &Chain, keep: impl Fn(&DeliveryRecord) -> Kept) -> Report {
    let mut verifier = Verifier::new(Known::default());
    for (number, bytes, link) in &chain.rows {
        match verifier.take(*number, bytes, *link) {
            Some(record @ Record::Delivery(_)) => {
                let Record::Delivery(inner) = &record else { continue };
                verifier.hold(&record, &keep(inner));
            }
            Some(record) => {
                let Record::Resolution(_) = &record else { continue };
                let mut resolved = row(&delivery(number - 2, "quarantined"));
                (resolved.outcome, resolved.says) = ("released".into(), says("sr"));
                verifier.hold(&record, &Kept::Row(Box::new(resolved)));
            }
            None => {}
        }
    }
    verifier.finish()
}

fn faults(report: &Report) -> Vec<(Fault, u64)> {
    report.findings.iter().map(|finding| (finding.fault, finding.first)).collect()
}

#[test]
fn what_is_kept_is_held_against_the_records_column_by_column() {
    let as_it_was = |record: &DeliveryRecord| {
        let mut row = row(record);
        if row.outcome == "quarantined" {
            (row.outcome, row.says) = ("released".into(), says("sr"));
        }
        row
    };
    let with = |change: &dyn Fn(&mut KeptDelivery)| {
        faults(&held(whole(), |record| {
            let mut row = as_it_was(record);
            if record.number == 2 {
                change(&mut row);
            }
            Kept::Row(Box::new(row))
        }))
    };
    assert_eq!(with(&|_| {}), []);
    assert_eq!(with(&|row| row.outcome = "duplicate".into()), [(Fault::RowChanged, 2)]);
    assert_eq!(with(&|row| row.outcome = "released".into()), [(Fault::RowChanged, 2)]);
    assert_eq!(with(&|row| row.says.subject = "other".into()), [(Fault::RowChanged, 2)]);
    assert_eq!(with(&|row| row.received_at = at(999)), [(Fault::RowChanged, 2)]);
    let contents = |change: &dyn Fn(&mut Contents)| with(&|row| change(row.contents.as_mut().unwrap()));
    assert_eq!(contents(&|kept| kept.headers[0] ^= 1), [(Fault::HeadersChanged, 2)]);
    assert_eq!(contents(&|kept| kept.body = Ok([0; 32])), [(Fault::BodyChanged, 2)]);
    assert_eq!(contents(&|kept| kept.body = Err("gone".into())), [(Fault::BodyChanged, 2)]);
    assert_eq!(with(&|row| row.contents = None), [(Fault::BodyRemoved, 2)]);
}

#[test]
fn what_is_gone_is_excused_by_a_later_notice_alone() {
    // The notices in the chain tell of 1, 10, 19 and 28.
    let report = held(whole(), |record| {
        if record.number % 9 == 1 || record.number == 11 {
            Kept::Gone
        } else {
            Kept::Row(Box::new(row(record)))
        }
    });
    let gone: Vec<_> =
        faults(&report).into_iter().filter(|(fault, _)| *fault == Fault::BodyRemoved).collect();
    assert_eq!((gone, report.pruned), (vec![(Fault::BodyRemoved, 11)], 4));
    let mut early = Chain::default();
    early.prune(Pruned::Deliveries, vec![(2, 5)]);
    early.deliver("accepted");
    assert_eq!(
        faults(&held(&early, |_| Kept::Gone)),
        [(Fault::BodyRemoved, 2)],
        "told of before it was there"
    );
}

#[test]
fn a_row_that_says_it_was_released_needs_a_record_that_says_so() {
    let mut chain = Chain::default();
    chain.deliver("quarantined");
    let released = |record: &DeliveryRecord| {
        let mut row = row(record);
        row.outcome = "released".into();
        Kept::Row(Box::new(row))
    };
    assert_eq!(faults(&held(&chain, released)), [(Fault::RowChanged, 1)]);
}

#[test]
fn a_key_in_pem_is_read_as_openssl_writes_it() {
    // openssl genpkey -algorithm ed25519; its public half by `openssl pkey -pubout -outform DER | tail -c 32 | xxd -p`.
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n";
    assert_eq!(Signer::pem(&[1; 32]), pem);
    assert_eq!(Signer::from_pem(pem).unwrap().public_key(), signer(1).public_key());
    for wrong in ["", "x", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----"] {
        assert!(Signer::from_pem(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn hex_digits_come_back_and_others_do_not() {
    let digest: Digest32 = sha256(&[b"x"]);
    assert_eq!(unhex(&hex(&digest)), Some(digest));
    assert_eq!(unhex::<1>("Fg").or(unhex("f")).or(unhex("+f")), None);
    assert_eq!(unhex("fA"), Some([0xfa_u8]));
    assert!("12".parse::<Link>().is_err());
}

#[test]
fn numbers_make_runs() {
    assert_eq!(runs([1, 2, 3, 7, 9, 10]), [(1, 3), (7, 7), (9, 10)]);
    assert_eq!(runs([]), []);
}

mod files {
    use super::file::{Document, Entry, FORMAT, Segment, examine};
    use super::*;
    use crate::connect::signature::{Keys, sign};

    fn keys() -> Keys {
        Keys::new(&[SecretString::from("key")])
    }

    fn signed(number: u64) -> Vec<(String, String)> {
        vec![("x-docusign-signature-2".to_owned(), sign("key", &body(number)))]
    }

    /// Two records of one signing request in a segment of four, and one that was pruned in a second segment.
    fn document() -> Document {
        let (mut chain, signer) = (Chain::default(), signer(1));
        let (mut entries, mut segments) = (Vec::new(), Vec::new());
        chain.deliver("accepted");
        let mut before = chain.head.link;
        for number in 2..=4 {
            if number == 3 {
                chain.deliver("duplicate");
                entries.push(Entry::digest(&chain.rows[2].1));
                continue;
            }
            let mut record = delivery(number, "accepted");
            record.headers = headers_digest(&signed(number));
            let record = Record::Delivery(Box::new(record));
            chain.push(&record);
            entries.push(Entry::record(&record.encode(), &record).with(signed(number), &body(number)));
        }
        let close = |chain: &mut Chain, entries: &mut Vec<Entry>| {
            chain.sign(&signer);
            let bytes = &chain.rows.last().unwrap().1;
            entries.push(Entry::record(bytes, &Record::decode(bytes).unwrap()));
            std::mem::take(entries)
        };
        let closed = close(&mut chain, &mut entries);
        segments.push(Segment { first: 2, before: before.to_string(), entries: closed });
        before = chain.head.link;
        let pruned = Record::Delivery(Box::new(delivery(6, "accepted")));
        chain.push(&pruned);
        entries.push(Entry::record(&pruned.encode(), &pruned));
        chain.prune(Pruned::Deliveries, vec![(6, 6)]);
        let notice = chain.rows.last().unwrap().1.clone();
        entries.push(Entry::record(&notice, &Record::decode(&notice).unwrap()));
        let closed = close(&mut chain, &mut entries);
        segments.push(Segment { first: 6, before: before.to_string(), entries: closed });
        Document { format: FORMAT.into(), made_at: at(0), signing_request: "sr".into(), segments }
    }

    fn known() -> Known {
        Known { keys: vec![signer(1).public_key()], ..Known::default() }
    }

    fn found(change: impl Fn(&mut Document)) -> Vec<(Fault, u64, u64)> {
        let mut document = document();
        change(&mut document);
        let report = examine(&document, &known(), Some(&keys()));
        report.findings.iter().map(|f| (f.fault, f.first, f.last)).collect()
    }

    #[test]
    fn a_file_as_it_was_written_is_sound_and_says_what_was_checked() {
        let report = examine(&document(), &known(), Some(&keys()));
        assert_eq!(report.findings, []);
        assert_eq!((report.deliveries, report.bodies, report.hmacs, report.pruned), (3, 2, 2, 1));
        let text = serde_json::to_string(&document()).unwrap();
        assert_eq!(serde_json::from_str::<Document>(&text).unwrap(), document());
    }

    #[test]
    fn whatever_is_changed_in_a_file_is_named() {
        let body = |text: &str| Some(text.to_owned());
        assert_eq!(found(|d| d.segments[0].entries[0].body = body("AAAA")), [(Fault::BodyChanged, 2, 2)]);
        assert_eq!(found(|d| d.segments[0].entries[0].body = body("?")), [(Fault::BodyChanged, 2, 2)]);
        assert_eq!(found(|d| d.segments[0].entries[0].body = None), [(Fault::BodyRemoved, 2, 2)]);
        let more = ("x".to_owned(), String::new());
        assert_eq!(
            found(|d| d.segments[0].entries[2].headers.as_mut().unwrap().push(more.clone())),
            [(Fault::HeadersChanged, 4, 4)]
        );
        let zeros = Some("0".repeat(64));
        assert_eq!(found(|d| d.segments[0].entries[1].digest = zeros.clone()), [(Fault::Changed, 2, 4)]);
        assert_eq!(found(|d| d.segments[0].before = "0".repeat(64)), [(Fault::Changed, 2, 4)]);
        assert_eq!(
            found(|d| d.segments[0].entries[0].reads = Some("no".into())),
            [(Fault::Changed, 2, 2)],
            "words are held against bytes"
        );
        assert_eq!(found(|d| drop(d.segments[1].entries.pop())), [(Fault::Unsigned, 6, 7)]);
        let found = found(|d| d.segments.swap(0, 1));
        assert!(found.contains(&(Fault::Reordered, 2, 2)), "{found:?}");
    }

    #[test]
    fn a_file_signed_by_a_stranger_or_a_delivery_signed_by_another_key_is_told_of() {
        let stranger = Known { keys: vec![signer(2).public_key()], ..Known::default() };
        let report = examine(&document(), &stranger, None);
        let faults: Vec<_> = report.findings.iter().map(|f| f.fault).collect();
        assert_eq!(faults, [Fault::KeyUnknown, Fault::Unsigned, Fault::KeyUnknown, Fault::Unsigned]);
        let others = Keys::new(&[SecretString::from("other")]);
        let report = examine(&document(), &known(), Some(&others));
        assert_eq!(faults_of(&report), [(Fault::HmacWrong, 2), (Fault::HmacWrong, 4)]);
    }

    fn faults_of(report: &Report) -> Vec<(Fault, u64)> {
        super::faults(report)
    }
}

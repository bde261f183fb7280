//! One test for each target: its seeds, then so many mutations of them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use countersign::base::Dice;

use super::mutate::mutated;
use super::targets::{TARGETS, target};

/// Holds the target to its seeds and to `rounds` mutations of them.
fn survives(name: &str, rounds: u64) {
    let (target, dice) = (target(name), Dice::seeded(0x0f02_2ed0));
    let seeds = target.seeds(Path::new(env!("CARGO_MANIFEST_DIR")));
    let drawn = || &seeds[usize::try_from(dice.below(seeds.len() as u64)).unwrap()];
    let mutations = (0..rounds).map(|_| mutated(&dice, drawn(), drawn()));
    for data in seeds.iter().cloned().chain(mutations) {
        if catch_unwind(AssertUnwindSafe(|| (target.check)(&data))).is_err() {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broke-{name}"));
            fs::write(&path, &data).unwrap();
            let (path, shown) = (path.display(), String::from_utf8_lossy(&data));
            panic!("`{name}` broke on {path}; once mended, keep it in tests/fuzz/broke/{name}/\n{shown}");
        }
    }
}

#[test]
fn no_json_delivery_breaks_what_must_hold() {
    survives("json", 10_000);
}

#[test]
fn no_xml_delivery_breaks_what_must_hold() {
    survives("xml", 10_000);
}

#[test]
fn messages_in_any_order_come_to_the_same_however_broken_they_are() {
    survives("life", 3_000);
}

#[test]
fn what_is_left_of_a_large_body_depends_on_no_pieces_and_says_the_same() {
    survives("elide", 1_500);
}

#[test]
fn nothing_is_let_in_that_no_key_of_the_source_signed() {
    survives("signature", 4_000);
}

#[test]
fn no_request_to_the_api_brings_it_down_or_out_of_its_order() {
    survives("http", 1_500);
}

#[test]
fn no_settings_break_their_report_or_show_a_secret() {
    survives("settings", 4_000);
}

#[test]
fn every_json_object_from_docusign_becomes_a_signing_request() {
    survives("rest", 10_000);
}

#[test]
fn server_sent_events_are_the_same_in_any_pieces() {
    survives("sse", 10_000);
}

#[test]
fn every_target_has_seeds_and_a_binary_for_the_fuzzer() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(top.join("tests/fuzz/Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        assert!(target.seeds(top).len() >= 2, "{name} has no seeds");
        assert!(
            manifest.contains(&format!("path = \"bins/{name}.rs\"")),
            "{name} is not in tests/fuzz/Cargo.toml"
        );
        let binary = fs::read_to_string(top.join(format!("tests/fuzz/bins/{name}.rs"))).unwrap();
        assert!(binary.contains(&format!("check(\"{name}\"")), "bins/{name}.rs checks another target");
    }
}

//! What the tree is built of: every crate's licence, and none that `deny.toml` bans. The same rules as `cargo deny
//! check licenses bans`, as far as they need neither another program nor the network.

use std::process::Command;

use serde_json::Value;

/// The rules.
const RULES: &str = include_str!("../../deny.toml");

/// The crates in the tree for Linux, as cargo tells them: name, version and licence.
fn crates() -> Vec<(String, String, String)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["metadata", "--locked", "--offline", "--format-version=1"]);
    cargo.arg("--filter-platform=x86_64-unknown-linux-gnu");
    let told = cargo.output().expect("cargo");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).expect("cargo's JSON");
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    let packages = told["packages"].as_array().expect("packages").iter();
    packages.map(|one| (text(one, "name"), text(one, "version"), text(one, "license"))).collect()
}

fn rules() -> toml::Table {
    RULES.parse().expect("deny.toml")
}

/// Whether an SPDX expression can be met with the licences allowed. Old ones write `/` for `OR`.
fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words, allowed);
    met && rest.is_empty()
}

fn any<'a>(words: &'a [&'a str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = all(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (other, after) = all(after, allowed);
        (met, rest) = (met || other, after);
    }
    (met, rest)
}

fn all<'a>(words: &'a [&'a str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (other, after) = one(after, allowed);
        (met, rest) = (met && other, after);
    }
    (met, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inside @ ..] => match any(inside, allowed) {
            (met, [")", rest @ ..]) => (met, rest),
            (_, rest) => (false, rest),
        },
        [licence, "WITH", exception, rest @ ..] => (allowed(&format!("{licence} WITH {exception}")), rest),
        [licence, rest @ ..] => (allowed(licence), rest),
        [] => (false, &[]),
    }
}

#[test]
fn every_crate_has_a_licence_that_lets_us_ship_one_binary() {
    let rules = rules();
    let allowed = rules["licenses"]["allow"].as_array().expect("licenses.allow");
    let allowed = |licence: &str| allowed.iter().any(|one| one.as_str() == Some(licence));
    let crates = crates();
    assert!(crates.len() > 100, "only {} crates", crates.len());
    let wrong: Vec<_> = crates.iter().filter(|(_, _, licence)| !is_met(licence, &allowed)).collect();
    assert!(
        wrong.is_empty(),
        "{wrong:?}: take another crate, or look whether deny.toml can allow the licence"
    );
}

#[test]
fn no_crate_is_in_the_tree_that_is_banned() {
    let rules = rules();
    let bans = rules["bans"]["deny"].as_array().expect("bans.deny");
    let number =
        |version: &str| -> Vec<u64> { version.split('.').map_while(|part| part.parse().ok()).collect() };
    let crates = crates();
    for ban in bans {
        let banned = ban["crate"].as_str().expect("a crate");
        let (name, below) = banned.split_once(":<").unwrap_or((banned, ""));
        let found = crates
            .iter()
            .find(|(one, version, _)| one == name && (below.is_empty() || number(version) < number(below)));
        assert!(found.is_none(), "{found:?}: {:?}", ban["reason"]);
    }
}

#[test]
fn licences_are_read_as_spdx_means_them() {
    let allowed = |licence: &str| ["MIT", "ISC", "A WITH B"].contains(&licence);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("MIT AND (GPL-3.0 OR ISC)", true),
        ("MIT AND (GPL-3.0 AND ISC)", false),
        ("GPL-3.0 OR MIT AND ISC", true),
        ("A WITH B", true),
        ("A WITH C OR GPL-3.0", false),
        ("MIT ISC", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

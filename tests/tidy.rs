//! Reads the tree as text and holds it to its own rules: floors, libraries, vocabularies, sizes and names.
//!
//! Each failure names a file, a line, and what to do. The rules are tables; the reading lies in `tidy/`.

// A test fails by panicking; clippy's leave for that ends at functions marked `#[test]`.
#![allow(clippy::expect_used)]

#[path = "tidy/crates.rs"]
mod crates;
#[path = "tidy/tree.rs"]
mod tree;

use countersign::telemetry::Metric;
use tree::{File, Finding, tree};

/// Rooms from the ground up: one may use those with a smaller number, and none with its own.
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("docusign", 1),
    ("connect", 2),
    ("directory", 3),
    ("signing", 3),
    ("failpoint", 10),
    ("evidence", 3),
    ("telemetry", 10),
    ("broker", 11),
    ("rest", 11),
    ("store", 11),
    ("vault", 11),
    ("enrich", 20),
    ("link", 20),
    ("receive", 20),
    ("reconcile", 20),
    ("relay", 20),
    ("unify", 20),
    ("simulator", 30),
    ("web", 30),
    ("config", 31),
    ("app", 40),
    ("cli", 41),
    ("main", 50),
];

/// Up to here are words: no I/O, no async, no clock, no log.
const HIGHEST_WORD: u8 = 3;
const NOT_IN_WORDS: &[&str] =
    &["tokio", "std::fs", "std::net", "tracing", "async fn", "std::process", "std::env"];

/// Which rooms may name a library; one that is not here may be used anywhere.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("actix_http", &["app"]),
    ("actix_server", &["app"]),
    ("actix_web", &["web", "simulator", "app"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("comfy_table", &["cli"]),
    ("hmac", &["connect", "simulator"]),
    ("indicatif", &["cli"]),
    ("lapin", &["broker"]),
    ("lz4_flex", &["store"]),
    ("prometheus_client", &["telemetry"]),
    ("quick_xml", &["connect", "simulator"]),
    ("reqwest", &["rest", "simulator", "cli"]),
    ("rusqlite", &["store"]),
    ("rustix", &["app"]),
    ("tokio_postgres", &["store"]),
    ("tokio_postgres_rustls", &["store"]),
    ("toml", &["config"]),
    ("tracing_subscriber", &["telemetry"]),
];

/// DocuSign's words and ours, and the rooms that must not say them (mapping files excepted).
const VOCABULARIES: &[(&[&str], &[&str], &str)] = &[
    (
        &["envelope", "recipient"],
        &["signing", "directory", "evidence", "store", "broker", "relay"],
        "is DocuSign's word: here it is a signing request or a participant",
    ),
    (
        &["signing_request", "signingrequest", "participant"],
        &["connect", "docusign"],
        "is our word: here it is an envelope or a recipient",
    ),
];
/// Files that say both vocabularies, because translating is what they are for.
const MAPPING_FILES: &[&str] = &["src/signing/map", "src/signing/request", "src/directory/map"];

/// Words that say nothing about what a thing does, as parts of the names of functions, modules and types.
const EMPTY_WORDS: &[&str] =
    &["handle", "handler", "process", "manage", "manager", "util", "utils", "helper", "helpers", "common"];
/// Names with such a word for which there is no better one, each with its reason.
const NAMES_ALLOWED: &[(&str, &str)] = &[
    ("process_id", "the operating system's own word"),
    ("from_process", "the operating system's process, a noun"),
];

const FILE_LINES_MAX: usize = 600;
const FILE_LINES_MOSTLY: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

fn rust() -> impl Iterator<Item = &'static File> {
    tree().iter().filter(|file| file.path.ends_with(".rs"))
}

fn sources() -> impl Iterator<Item = &'static File> {
    rust().filter(|file| file.room().is_some())
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

#[track_caller]
fn none(findings: impl IntoIterator<Item = Finding>) {
    let findings: Vec<_> = findings.into_iter().map(|finding| finding.to_string()).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn a_room_uses_lower_floors_only_and_flows_never_one_another() {
    let mut findings = Vec::new();
    for file in sources() {
        let room = file.room().unwrap_or_default();
        let Some(own) = floor(room).or((room == "lib").then_some(u8::MAX)) else {
            findings
                .push(file.finding(1, format!("`{room}` is on no floor: add it to FLOORS in tests/tidy.rs")));
            continue;
        };
        for (line, used) in file.rooms_used() {
            if used == room {
                continue;
            }
            match floor(&used) {
                Some(floor) if floor < own => {}
                Some(_) => findings.push(file.finding(
                    line,
                    format!(
                        "`{room}` uses `{used}`, which is not below it: move the thing down, or hand it in"
                    ),
                )),
                None => {
                    findings.push(file.finding(line, format!("`{used}` is on no floor: name its module")))
                }
            }
        }
    }
    none(findings);
}

#[test]
fn no_path_climbs_past_its_room_unseen() {
    none(sources().flat_map(|file| {
        file.lines_with("super::super::")
            .map(|line| file.finding(line, "write `crate::…`, so that floors can be read"))
    }));
}

#[test]
fn words_do_no_io_and_know_no_time() {
    let words = |file: &File| file.room().and_then(floor).is_some_and(|floor| floor <= HIGHEST_WORD);
    none(sources().filter(|file| words(file)).flat_map(|file| {
        NOT_IN_WORDS.iter().flat_map(move |banned| {
            file.words(banned).filter(|line| !file.is_test(*line)).map(move |line| {
                file.finding(
                    line,
                    format!("`{banned}` in a word: do it in a port or a flow and hand in the result"),
                )
            })
        })
    }));
}

#[test]
fn each_library_is_named_only_where_it_is_hidden() {
    let mut findings = Vec::new();
    for file in sources() {
        let room = file.room().unwrap_or_default();
        for (library, rooms) in LIBRARIES.iter().filter(|(_, rooms)| !rooms.contains(&room)) {
            for line in file.paths_from(library).filter(|line| !file.is_test(*line)) {
                findings.push(file.finding(
                    line,
                    format!("`{library}` is hidden behind {}: ask that room", rooms.join(", ")),
                ));
            }
        }
    }
    none(findings);
}

#[test]
fn only_the_mapping_speaks_both_vocabularies() {
    let mut findings = Vec::new();
    for file in sources() {
        let room = file.room().unwrap_or_default();
        if MAPPING_FILES.iter().any(|mapping| file.path.starts_with(mapping)) {
            continue;
        }
        for (words, _, what) in VOCABULARIES.iter().filter(|(_, rooms, _)| rooms.contains(&room)) {
            for (line, name) in file.identifiers().filter(|(line, _)| !file.is_test(*line)) {
                let name_folded = name.to_ascii_lowercase();
                if words.iter().any(|word| name_folded.contains(word)) {
                    findings.push(file.finding(line, format!("`{name}` {what}")));
                }
            }
        }
    }
    none(findings);
}

#[test]
fn only_the_broker_gives_receipts() {
    none(sources().filter(|file| file.room() != Some("broker")).flat_map(|file| {
        file.lines_with("Receipt::confirmed(").filter(|line| !file.is_test(*line)).map(|line| {
            file.finding(line, "a receipt comes only out of a broker's confirm: take one as an argument")
        })
    }));
}

#[test]
fn files_and_functions_stay_short() {
    let files: Vec<_> = rust().collect();
    let mut findings: Vec<_> = files
        .iter()
        .filter(|file| file.lines() > FILE_LINES_MAX)
        .map(|file| {
            file.finding(
                file.lines(),
                format!("more than {FILE_LINES_MAX} lines: split it by what its parts are for"),
            )
        })
        .collect();
    let long: Vec<_> = files.iter().filter(|file| file.lines() > FILE_LINES_MOSTLY).collect();
    if long.len() * 10 > files.len() {
        findings.extend(long.iter().map(|file| {
            file.finding(
                file.lines(),
                format!(
                    "{} of {} files have more than {FILE_LINES_MOSTLY} lines, one in ten may: split some",
                    long.len(),
                    files.len()
                ),
            )
        }));
    }
    for file in files.iter().filter(|file| file.room().is_some()) {
        for (line, name, length) in file.functions() {
            if length > FUNCTION_LINES_MAX && !file.is_test(line) {
                findings.push(file.finding(
                    line,
                    format!("`{name}` has {length} lines, at most {FUNCTION_LINES_MAX}: name its steps"),
                ));
            }
        }
    }
    none(findings);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    none(
        rust()
            .filter(|file| !file.text.starts_with("//! "))
            .map(|file| file.finding(1, "begin with `//! `, a sentence on what the file is for")),
    );
}

#[test]
fn nothing_is_left_to_be_done() {
    let left = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    none(rust().flat_map(|file| {
        left.iter().flat_map(move |left| {
            file.lines_with(left)
                .map(move |line| file.finding(line, format!("`{left}`: build it, or leave it out")))
        })
    }));
}

#[test]
fn tests_await_conditions_and_never_sleep() {
    // The benchmarks' own waiting is no test's.
    let exempt = ["tests/it/support/", "tests/bench/line/measure/wait.rs"];
    let exempt = |file: &File| exempt.iter().any(|path| file.path.starts_with(path));
    none(rust().filter(|file| file.path.starts_with("tests/") && !exempt(file)).flat_map(|file| {
        file.words("sleep").map(|line| file.finding(line, "await what you wait for: `support::eventually`"))
    }));
}

#[test]
fn names_say_what_a_thing_does() {
    let mut findings = Vec::new();
    for file in sources() {
        for (line, name) in file.names() {
            let snake = tree::snake_case(&name);
            let empty = snake.split('_').find(|word| EMPTY_WORDS.contains(word));
            if let Some(word) = empty.filter(|_| !NAMES_ALLOWED.iter().any(|(allowed, _)| *allowed == name)) {
                findings.push(file.finding(
                    line,
                    format!("`{name}`: \"{word}\" says nothing; use the field's verb or noun"),
                ));
            }
        }
    }
    none(findings);
}

#[test]
fn no_file_names_a_machine_or_a_private_registry() {
    // Written in halves so that this file does not find itself.
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("extra-", "index-url"),
        concat!("replace-", "with ="),
        concat!("find-", "links"),
    ];
    let mut findings: Vec<_> = tree()
        .iter()
        .flat_map(|file| {
            banned
                .iter()
                .flat_map(|banned| {
                    file.raw_lines_with(banned)
                        .map(|line| {
                            file.finding(line, format!("`{banned}` belongs to one machine: leave it out"))
                        })
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    for file in tree().iter().filter(|file| file.path == "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            if line.starts_with("source = ") && line != public {
                findings.push(file.finding(index + 1, "every crate comes from crates.io"));
            }
        }
    }
    none(findings);
}

#[test]
fn every_metric_stands_in_the_operators_table_as_it_is() {
    let docs = tree()
        .iter()
        .find(|file| file.path == "docs/operations.md")
        .map(|file| file.text.as_str())
        .unwrap_or_default();
    let missing: Vec<_> = Metric::ALL
        .iter()
        .map(|metric| tree::metric_row(*metric))
        .filter(|row| !docs.contains(row))
        .collect();
    assert!(
        missing.is_empty(),
        "\ndocs/operations.md: put these rows into the metrics table:\n{}\n",
        missing.join("\n")
    );
}

#[test]
fn alerts_dashboards_and_documents_name_only_metrics_that_are_there() {
    let known: Vec<_> = Metric::ALL.iter().map(|metric| tree::metric_name(*metric)).collect();
    let mut findings = Vec::new();
    let shown = |file: &&File| file.path.starts_with("deploy/") || file.path.ends_with(".md");
    for file in tree().iter().filter(shown) {
        for (index, line) in file.text.lines().enumerate() {
            let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            for word in words.filter(|word| word.starts_with("countersign_")) {
                let part_of = |name: &String| {
                    word == name
                        || ["bucket", "sum", "count"].iter().any(|end| *word == format!("{name}_{end}"))
                };
                if !known.iter().any(part_of) {
                    findings.push(file.finding(index + 1, format!("there is no metric `{word}`")));
                }
            }
        }
    }
    none(findings);
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut findings = Vec::new();
    for file in tree().iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in file.links() {
            if !tree::exists_beside(&file.path, &target) {
                findings.push(file.finding(line, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    none(findings);
}

#[test]
fn every_test_that_the_documents_name_is_there() {
    let documents = ["ARCHITECTURE.md", "docs/reliability.md", "docs/security.md"];
    none(documents.into_iter().flat_map(tests_missing));
}

/// The tests that a document's tables name and that are not there.
fn tests_missing(path: &str) -> Vec<Finding> {
    let page = tree().iter().find(|file| file.path == path).expect("a document of this name");
    let tests: Vec<_> = rust().flat_map(File::functions).map(|(_, name, _)| name).collect();
    let table = page.text.lines().enumerate().filter(|(_, line)| line.starts_with("| "));
    let named =
        table.flat_map(|(index, line)| line.split('`').skip(1).step_by(2).map(move |name| (index + 1, name)));
    // Tests are sentences: nothing else in the tables has so many words.
    let sentences = named.filter(|(_, name)| name.matches('_').count() > 3);
    let missing = sentences.filter(|(_, name)| !tests.iter().any(|test| test == name));
    missing.map(|(line, name)| page.finding(line, format!("there is no test `{name}`"))).collect()
}

#[test]
fn the_table_of_the_unified_apis_is_the_catalog() {
    let documented = tree().iter().find(|file| file.path == "docs/unified.md").expect("docs/unified.md");
    let table = countersign::unify::table();
    assert!(documented.text.contains(&table), "\ndocs/unified.md: put this table in:\n\n{table}\n");
}

#[test]
fn the_examples_in_the_documents_are_the_files_that_run() {
    let page = tree().iter().find(|file| file.path == "docs/unified.md").expect("docs/unified.md");
    let examples: Vec<_> = tree().iter().filter(|file| file.path.starts_with("docs/examples/")).collect();
    assert_eq!(examples.len(), 2, "one in Python, one in TypeScript");
    for example in examples {
        let word = if example.path.ends_with(".py") { "python" } else { "ts" };
        let block = format!("```{word}\n{}```\n", example.text);
        assert!(page.text.contains(&block), "\ndocs/unified.md: put this in:\n\n{block}\n");
    }
}

//! The reference against the program: Schemathesis, which shares no code with us, makes requests of all that
//! `/openapi.json` tells of, well and badly, and holds every answer to what is told of it there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use countersign::simulator::docusign::{Docusign, Limits, Play, Running};
use serde_json::{Value, json};

use crate::enriched::{docusign, lives, target};
use crate::support::deliveries::{post, signature};
use crate::support::server::{KEY, Server};
use crate::support::subscriber::peers;

/// Requests of each operation that are drawn, beside those at the borders of what is allowed.
const EXAMPLES: &str = "4";
/// Asks for more of them, and for as long as they take.
const MORE: &str = "PROPERTY_EXAMPLES";
/// What requests that are made up from a description cannot drive, each with its reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("/connect", "lets in only what is signed over its bytes: `hostile` and the fuzz targets send that"),
    ("/connect/{source}", "the same"),
    ("/v1/changes/stream", "has no end: `feed` follows it"),
];
/// A server with an account, signing requests with a past, and deliveries in quarantine.
async fn world() -> (Docusign, Running, Server) {
    let (docusign, running, settings) = docusign();
    // More than an hour has at DocuSign: with no call left, all else would be refused unread.
    docusign.set_limits(Limits { hourly: 1_000_000, burst: 100_000, ..Limits::default() });
    let settings = settings
        .with("COUNTERSIGN_VAULT_KEY", "it-vault-key-of-the-reference")
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_ID", "integration")
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_SECRET", "it-secret-of-the-reference")
        .with("COUNTERSIGN_DOCUSIGN__REDIRECT_URL", "http://127.0.0.1/oauth/callback");
    let server = Server::start(settings).await;
    // Some wait for months until they expire.
    let play = Play { speed: 6_000_000.0, ..Play::to(target(&server)) };
    let told = docusign.play(lives(&server, &docusign, 6, 51).into_iter(), play).await.expect("traffic");
    assert!(told.balances() && told.failed == 0, "{told:?}");
    for number in 0..8 {
        let unreadable = format!("{{\"event\": \"envelope-sent\", \"number\": {number}").into_bytes();
        let signed = signature(KEY, &unreadable);
        let headers = [("content-type", "application/json"), ("x-docusign-signature-1", signed.as_str())];
        let (status, answer) = post(&server.url("/connect"), &headers, unreadable).await;
        assert_eq!((status, &answer["outcome"]), (200, &"quarantined".into()), "{answer}");
    }
    (docusign, running, server)
}

/// Texts at a pointer into each object of a list.
async fn listed(server: &Server, path: &str, pointer: &str) -> Vec<String> {
    let (status, page) = server.get(path).await;
    assert_eq!(status, 200, "{path}: {page}");
    let texts = page["result"].as_array().expect("a list").iter().filter_map(|row| row.pointer(pointer));
    let mut texts: Vec<_> =
        texts.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).collect();
    texts.sort();
    texts.dedup();
    texts
}

/// Values of a parameter that lead somewhere, for the operations of one path.
struct Known {
    path: String,
    /// Such as `path.id`, `query.group[id]`, `body.id`.
    parameter: String,
    /// The first is everybody's; whatever takes away what it names has the others.
    values: Vec<String>,
}

/// `caller` is DocuSign's id of the user by whom calls are made.
async fn known(server: &Server, reference: &Value, (account, caller): (&str, &str)) -> Vec<Known> {
    let mut known = Vec::new();
    let mut know = |path: &str, parameter: String, values: &[String]| {
        if !values.is_empty() {
            known.push(Known { path: path.to_owned(), parameter, values: values.to_vec() });
        }
    };
    for (path, list, pointer) in [
        ("/v1/changes/{position_or_id}", "/v1/changes?limit=20", "/change/id"),
        ("/v1/signing-requests/{id}/timeline", "/v1/changes?limit=20", "/change/signing_request/id"),
        ("/v1/deliveries/{id}", "/v1/deliveries?limit=20", "/id"),
        ("/v1/quarantine/{id}", "/v1/quarantine", "/id"),
        ("/v1/quarantine/{id}/drop", "/v1/quarantine", "/id"),
        ("/v1/quarantine/{id}/release", "/v1/quarantine", "/id"),
    ] {
        know(path, in_path(path), &listed(server, list, pointer).await);
    }
    know("/v1/accounts/{id}/budget", "path.id".to_owned(), &[account.to_owned()]);
    know("/proxy/{path}", "path.path".to_owned(), &["templates".to_owned(), "users".to_owned()]);
    let all = async |list: &str| {
        listed(server, &format!("{list}integrated_account_id={account}&limit=20"), "/id").await
    };
    let requests = all("/unified/e-signature/signing_requests?").await;
    let groups = all("/unified/e-signature/groups?type=signing_group&").await;
    let kinds = ["signing_group".to_owned()];
    let paths = reference["paths"].as_object().expect("paths");
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with("/unified/")) {
        for (name, values) in
            [("signing_request[id]", &requests[..]), ("group[id]", &groups), ("group[type]", &kinds)]
        {
            let told = |operation: &Value| {
                let mut told = operation["parameters"].as_array().into_iter().flatten();
                told.any(|parameter| parameter["name"] == name)
            };
            if item.as_object().expect("operations").values().any(told) {
                know(path, format!("query.{name}"), values);
            }
        }
        if path.contains("/signing_requests/") && !path.ends_with('}') {
            know(path, "body.id".to_owned(), &requests);
        }
        let list = path
            .strip_suffix("/{id}")
            .filter(|list| paths.get(*list).is_some_and(|list| list.get("get").is_some()));
        let Some(list) = list else { continue };
        let within = match list.rsplit('/').next() {
            Some("documents" | "document_fields") => format!("signing_request[id]={}&", requests[0]),
            _ => String::new(),
        };
        let mut there = all(&format!("{list}?{within}")).await;
        // Whoever takes the user away by whom we call can call no more.
        there.retain(|id| *id != caller);
        know(path, "path.id".to_owned(), &there);
    }
    known
}

/// The parameter that a path has.
fn in_path(path: &str) -> String {
    let name = path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).expect("a parameter").0;
    format!("path.{name}")
}

/// The settings of Schemathesis, with the account and what is there.
fn settings(account: &str, known: &[Known]) -> String {
    let mut toml = fs::read_to_string(peers().join("properties/schemathesis.toml")).expect("settings");
    // Of all settings that are for an operation, the first alone tell its parameters.
    let mut operations: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (number, Known { path, parameter, values }) in known.iter().enumerate() {
        let others = if values.len() > 1 { &values[1..] } else { &values[..] };
        let _ = write!(toml, "\n[dictionaries.of{number}]\nvalues = {}\n", json!(others));
        let others = format!("{{ dictionary = \"of{number}\", probability = 0.8 }}");
        let takes_away = path.ends_with("/drop") || path.ends_with("/release");
        let first = json!(values[0]).to_string();
        let rest = if takes_away || parameter.starts_with("body.") { &others } else { &first };
        for (which, value) in [("exclude-method", rest), ("include-method", &others)] {
            let told = operations.entry((path, which)).or_default();
            told.push(format!("{} = {value}", json!(parameter)));
        }
    }
    if env::var(MORE).is_err() {
        // What is beyond the borders is drawn at random alone, which takes a third of the time.
        toml.push_str("\n[phases.coverage.generation]\nmode = \"positive\"\n");
    }
    let _ = write!(toml, "\n[parameters]\n\"query.integrated_account_id\" = {}\n", json!(account));
    for ((path, which), parameters) in operations {
        let _ = write!(
            toml,
            "\n[[operations]]\ninclude-path = {}\n{which} = \"DELETE\"\nparameters = {{ {} }}\n",
            json!(path),
            parameters.join(", ")
        );
    }
    toml
}

/// Runs it in a folder of its own, and gives its report.
async fn driven(server: &Server, folder: &Path, settings: &str) -> (Output, Value) {
    fs::write(folder.join("schemathesis.toml"), settings).expect("written");
    let program = peers().join("properties/.venv/bin/st");
    assert!(program.exists(), "{} is missing: run `tests/run` once, which makes it", program.display());
    let mut command = Command::new(program);
    let examples = env::var(MORE).unwrap_or_else(|_| EXAMPLES.to_owned());
    command
        .args(["--config-file", "schemathesis.toml", "run", &server.url("/openapi.json"), "--no-color"])
        .args(["--max-examples", &examples, "--report", "json", "--report-json-path", "report.json"])
        .args(LEFT_OUT.iter().flat_map(|(path, _)| ["--exclude-path", path]))
        .current_dir(folder)
        .stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output().expect("Schemathesis runs"));
    let output = run.await.expect("its end");
    let report = fs::read(folder.join("report.json")).unwrap_or_default();
    (output, serde_json::from_slice(&report).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_for_is_answered_as_the_reference_tells_and_no_answer_is_a_fault_of_ours() {
    let (docusign, running, server) = world().await;
    let account = docusign.accounts()[0].id.to_string();
    let (_, reference) = server.get("/openapi.json").await;
    let caller = docusign.accounts()[0].sender.user_id.to_string();
    let known = known(&server, &reference, (&account, &caller)).await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let (output, report) = driven(&server, folder.path(), &settings(&account, &known)).await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));

    // It did what it is here for: every operation was reached, and succeeded where it can.
    let operations = reference["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .filter(|(path, _)| !LEFT_OUT.iter().any(|(left_out, _)| left_out == path));
    let verbs = ["get", "head", "put", "post", "patch", "delete"];
    let operations: Vec<_> = operations
        .flat_map(|(path, item)| {
            let told = verbs.into_iter().filter(|verb| item.get(verb).is_some());
            told.map(move |verb| format!("{} {path}", verb.to_uppercase()))
        })
        .collect();
    assert_eq!(report["operations"]["tested"], json!(operations.len()), "{told}");
    let succeeded = |operation: &str| {
        let phases =
            report["valid_rates"][operation].as_object().into_iter().flat_map(|phases| phases.values());
        phases.filter_map(|phase| phase["accepted"].as_u64()).sum::<u64>() > 0
    };
    // What only reads, and is told what is there.
    let can = |path: &str| {
        let told = |name: &str| known.iter().any(|known| known.path == path && known.parameter == name);
        let needed = reference["paths"][path]["get"]["parameters"].as_array().into_iter().flatten();
        let mut needed =
            needed.filter(|one| one["required"] == true && one["name"] != "integrated_account_id");
        needed.all(|one| {
            told(&format!(
                "{}.{}",
                one["in"].as_str().unwrap_or_default(),
                one["name"].as_str().unwrap_or_default()
            ))
        })
    };
    let reading = operations.iter().filter(|operation| operation.strip_prefix("GET ").is_some_and(can));
    let never: Vec<_> = reading.clone().filter(|operation| !succeeded(operation)).collect();
    assert!(
        reading.count() > 20 && never.is_empty(),
        "never succeeded, so little was tried: {never:#?}\n{}",
        report["valid_rates"]
    );
    println!("{} requests", report["test_cases"]["generated"]);
    server.assert_log_keeps_secrets(&[]);
    running.stop().await;
}

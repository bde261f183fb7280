//! The reference against the program: Schemathesis, which shares no code with us, makes requests of all that
//! `/openapi.json` tells of, well and badly, and holds every answer to what is told of it there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use countersign::simulator::docusign::{Docusign, Play, Running};
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
/// What succeeds for no request that is made up, each with its reason; all else must have succeeded once at least.
const NEVER_SUCCEED: &[(&str, &str)] = &[
    ("POST /integrated-account", "needs tokens that DocuSign gave"),
    ("POST /integrated-account/refresh-credentials", "needs a linked account"),
    ("GET /integrated-account/{id}", "needs a linked account"),
    ("DELETE /integrated-account/{id}", "needs a linked account"),
    ("HEAD /proxy/{path}", "DocuSign has no such call"),
    ("PUT /proxy/{path}", "needs a path and a body that belong together"),
    ("POST /proxy/{path}", "the same"),
    ("PATCH /proxy/{path}", "DocuSign has no such call"),
    ("DELETE /proxy/{path}", "the same as PUT"),
    ("POST /v1/connect/register", "needs an address that DocuSign takes"),
];

/// A server with an account, signing requests with a past, and deliveries in quarantine.
async fn world() -> (Docusign, Running, Server) {
    let (docusign, running, settings) = docusign();
    let settings = settings
        .with("COUNTERSIGN_VAULT_KEY", "it-vault-key-of-the-reference")
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_ID", "integration")
        .with("COUNTERSIGN_DOCUSIGN__CLIENT_SECRET", "it-secret-of-the-reference")
        .with("COUNTERSIGN_DOCUSIGN__REDIRECT_URL", "http://127.0.0.1/oauth/callback");
    let server = Server::start(settings).await;
    let play = Play { speed: 60_000.0, ..Play::to(target(&server)) };
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

/// Ids that are there, for each path of the reference that names one: most requests shall get as far as the object.
async fn ids(server: &Server, reference: &Value, account: &str) -> BTreeMap<String, Vec<String>> {
    let mut ids = BTreeMap::new();
    for (path, list, pointer) in [
        ("/v1/changes/{position_or_id}", "/v1/changes?limit=20", "/change/id"),
        ("/v1/signing-requests/{id}/timeline", "/v1/changes?limit=20", "/change/signing_request/id"),
        ("/v1/deliveries/{id}", "/v1/deliveries?limit=20", "/id"),
        ("/v1/quarantine/{id}", "/v1/quarantine?limit=2", "/id"),
        // Each is there once.
        ("/v1/quarantine/{id}/drop", "/v1/quarantine", "/id"),
        ("/v1/quarantine/{id}/release", "/v1/quarantine", "/id"),
    ] {
        ids.insert(path.to_owned(), listed(server, list, pointer).await);
    }
    ids.insert("/v1/accounts/{id}/budget".to_owned(), vec![account.to_owned()]);
    ids.insert("/proxy/{path}".to_owned(), vec!["templates".to_owned(), "users".to_owned()]);
    let paths = reference["paths"].as_object().expect("paths");
    for path in paths.keys().filter(|path| path.starts_with("/unified/")) {
        let Some(list) = path.strip_suffix("/{id}").filter(|list| paths[*list].get("get").is_some()) else {
            continue;
        };
        let required = paths[list]["get"]["parameters"].as_array().expect("parameters").iter().any(|one| {
            one["required"] == json!(true) && one["name"] != json!("integrated_account_id")
        });
        if !required {
            let all = format!("{list}?integrated_account_id={account}&limit=20");
            ids.insert(path.clone(), listed(server, &all, "/id").await);
        }
    }
    ids.retain(|_, ids| !ids.is_empty());
    ids
}

/// The settings of Schemathesis, with the account and the ids.
fn settings(account: &str, ids: &BTreeMap<String, Vec<String>>) -> String {
    let mut toml = fs::read_to_string(peers().join("properties/schemathesis.toml")).expect("settings");
    let mut operations = String::new();
    for (number, (path, ids)) in ids.iter().enumerate() {
        let _ = write!(toml, "\n[dictionaries.of{number}]\nvalues = {}\n", json!(ids));
        let name = path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).expect("a parameter").0;
        let _ = write!(
            operations,
            "\n[[operations]]\ninclude-path = {}\n\
             parameters = {{ \"path.{name}\" = {{ dictionary = \"of{number}\", probability = 0.8 }} }}\n",
            json!(path)
        );
    }
    let _ = write!(toml, "\n[parameters]\n\"query.integrated_account_id\" = {}\n", json!(account));
    toml + &operations
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
    let ids = ids(&server, &reference, &account).await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let (output, report) = driven(&server, folder.path(), &settings(&account, &ids)).await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));

    // It did what it is here for: every operation was reached, and succeeded where it can.
    let operations = reference["paths"].as_object().expect("paths").iter().filter(|(path, _)| {
        !LEFT_OUT.iter().any(|(left_out, _)| left_out == path)
    });
    let verbs = ["get", "head", "put", "post", "patch", "delete"];
    let operations: Vec<_> = operations
        .flat_map(|(path, item)| {
            let told = verbs.into_iter().filter(|verb| item.get(verb).is_some());
            told.map(move |verb| format!("{} {path}", verb.to_uppercase()))
        })
        .collect();
    assert_eq!(report["operations"]["tested"], json!(operations.len()), "{told}");
    let succeeded = |operation: &str| {
        let phases = report["valid_rates"][operation].as_object().into_iter().flat_map(|phases| phases.values());
        phases.filter_map(|phase| phase["accepted"].as_u64()).sum::<u64>() > 0
    };
    let never: Vec<_> = operations
        .iter()
        .filter(|operation| !succeeded(operation))
        .filter(|operation| !NEVER_SUCCEED.iter().any(|(never, _)| never == *operation))
        .collect();
    assert!(never.is_empty(), "never succeeded, so little was tried: {never:#?}");
    println!("{} requests", report["test_cases"]["generated"]);
    server.assert_log_keeps_secrets(&[]);
    running.stop().await;
}

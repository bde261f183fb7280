//! The examples of the documents, as they stand there, against `countersign demo`.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::server::{Server, Settings};
use crate::support::subscriber::{peers, python};
use crate::support::{PATIENCE, eventually, http};

/// What an example sends, and for whom it fills in what.
struct Lease {
    record: &'static str,
    tenant: &'static str,
    rent: &'static str,
}

/// Runs an example until it ends.
async fn run(mut command: Command, server: &Server, account: &str, file: &std::path::Path) -> Output {
    command.arg(server.url("")).arg(account).arg(file).stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output().expect("the example runs"));
    run.await.expect("its end")
}

/// The example in TypeScript, checked for its types and without them: older versions of Node do not leave them out themselves.
fn plain(folder: &TempDir) -> Command {
    let examples = peers().join("examples");
    let compiler = examples.join("node_modules/typescript/bin/tsc");
    assert!(compiler.exists(), "TypeScript is missing: run `tests/run` once, which installs it");
    let mut check = Command::new("node");
    check.arg(compiler).arg("--project").arg(examples).arg("--outDir").arg(folder.path());
    let checked = check.stdin(Stdio::null()).output().expect("TypeScript runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let mut command = Command::new("node");
    command.arg(folder.path().join("unified.mjs"));
    command
}

/// Holds what an example told, and the file that it kept, to what is known of the signing request that it made.
async fn assert_done(server: &Server, account: &str, told: &Output, file: &std::path::Path, lease: &Lease) {
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{text}{}", String::from_utf8_lossy(&told.stderr));
    let lines: Vec<_> = text.lines().collect();
    let [first, made, moves @ .., last] = lines.as_slice() else { panic!("{text}") };
    let waiting = first.strip_suffix(" wait for somebody").and_then(|count| count.parse::<u32>().ok());
    assert!(waiting > Some(0), "{text}");
    assert!(moves.contains(&"sent"), "{text}");
    let end = *moves.last().expect("an end");
    assert!(["completed", "declined", "voided"].contains(&end), "{text}");
    assert_eq!(*last, format!("kept {}", file.display()), "{text}");
    assert!(std::fs::read(file).expect("the file").starts_with(b"%PDF-"));

    let id = made.strip_prefix("made ").expect("an id");
    let path = format!("/unified/e-signature/signing_requests/{id}?integrated_account_id={account}");
    let (status, request) = server.get(&path).await;
    assert_eq!((status, &request["status"]["id"]), (200, &end.into()), "{request}");
    assert_eq!(request["participants"][0]["name"], lease.tenant, "{request}");
    assert_eq!(request["custom_fields"][0]["value"], lease.record, "{request}");
    let tabs = format!("/proxy/restapi/v2.1/accounts/{account}/envelopes/{id}/recipients/1/tabs");
    let tabs: Value =
        http().get(server.url(&tabs)).send().await.expect("an answer").json().await.expect("JSON");
    let rents = tabs["textTabs"].as_array().expect("tabs").iter();
    let rents: Vec<_> = rents.filter(|tab| tab["tabLabel"] == "Rent").map(|tab| &tab["value"]).collect();
    assert_eq!(rents, [lease.rent], "{tabs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_in_python_and_typescript_send_from_a_template_follow_the_feed_and_keep_the_pdf() {
    let settings = Settings::new().without("COUNTERSIGN_HMAC_KEYS").arguments(&["demo"]);
    let server = Server::start(settings).await;
    let account = eventually("somebody is waited for", PATIENCE, async || {
        let (_, page) = server.get("/v1/changes?status=sent&limit=1").await;
        page["result"][0]["change"]["account"]["id"].as_str().map(str::to_owned)
    })
    .await;
    let folder = TempDir::new().expect("a folder");
    let mut in_python = python();
    in_python.arg("../../docs/examples/unified.py");
    let first = Lease { record: "lease-14", tenant: "Ada First", rent: "1,200 €" };
    let second = Lease { record: "lease-15", tenant: "Ben Second", rent: "1,300 €" };
    for (command, lease) in [(in_python, first), (plain(&folder), second)] {
        let file = folder.path().join(format!("{}.pdf", lease.record));
        let told = run(command, &server, &account, &file).await;
        assert_done(&server, &account, &told, &file, &lease).await;
    }
}

//! Settings from the real environment, files and flags.

use serde_json::Value;

use super::kit::countersign;

fn value<'a>(printed: &'a Value, key: &str) -> &'a Value {
    let settings = printed["settings"].as_array().unwrap();
    &settings.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("no row {key}"))["value"]
}

#[test]
fn all_faults_come_in_one_report_with_exit_code_78() {
    let toml = "listen = 8080\ncolour = \"red\"\napi_token = \"${NOT_SET}\"\n";
    let all = ["listen", "colour", "api_token", "store", "COUNTERSIGN_STOER"];
    for command in
        [&["serve"][..], &["demo"], &["check"], &["config", "print"], &["config", "print", "--json"]]
    {
        let program = countersign(command).file("countersign.toml", toml);
        let ended =
            program.env("COUNTERSIGN_STORE", "mysql://u:pa55@h/d").env("COUNTERSIGN_STOER", "x").ends(78);
        assert!(ended.stdout.is_empty(), "{command:?}");
        assert!(ended.stderr.contains("5 settings are wrong"), "{command:?}: {}", ended.stderr);
        for key in all {
            assert!(ended.stderr.contains(&format!("\n  {key}")), "{key}: {}", ended.stderr);
        }
        for text in [
            "countersign.toml:1",
            "did you mean `COUNTERSIGN_STORE`?",
            "names no store that is known",
            "NOT_SET",
        ] {
            assert!(ended.stderr.contains(text), "{text}: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("pa55"), "{}", ended.stderr);
    }
}

#[test]
fn a_settings_file_that_is_named_must_be_there() {
    let ended = countersign(&["config", "print", "--config", "gone.toml"]).ends(78);
    assert!(ended.stderr.contains("`gone.toml` cannot be read"), "{}", ended.stderr);
    let ended = countersign(&["config", "print"]).env("COUNTERSIGN_CONFIG", "gone.toml").ends(78);
    assert!(ended.stderr.contains("COUNTERSIGN_CONFIG"), "{}", ended.stderr);
}

#[test]
fn printed_settings_tell_where_each_came_from() {
    let printed = countersign(&["config", "print", "--listen", "127.0.0.1:0", "--set", "threads=3"])
        .file("countersign.toml", "# a comment\naudit_stream = false\n[log]\nlevel = \"debug\"\n")
        .env("COUNTERSIGN_LOG__FORMAT", "json")
        .env("COUNTERSIGN_LISTEN", "127.0.0.1:9")
        .done();
    let line = |key: &str| {
        let line = printed.stdout.lines().find(|line| line.split_whitespace().next() == Some(key));
        line.unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("listen"), ["listen", "127.0.0.1:0", "--listen"]);
    assert_eq!(line("threads"), ["threads", "3", "--set"]);
    assert_eq!(line("audit_stream"), ["audit_stream", "false", "countersign.toml:2"]);
    assert_eq!(line("log.level"), ["log.level", "debug", "countersign.toml:4"]);
    assert_eq!(line("log.format"), ["log.format", "json", "COUNTERSIGN_LOG__FORMAT"]);
    assert_eq!(line("cloud_events"), ["cloud_events", "binary", "default"]);
    assert!(printed.stderr.contains("every delivery is refused"), "warnings are talk: {}", printed.stderr);
}

#[test]
fn printed_settings_show_no_secret() {
    for extra in [None, Some("--json")] {
        let mut program = countersign(&["config", "print"])
            .file("secret", "hunter2-file\n")
            .file(
                "countersign.toml",
                "hmac_keys = [\"hunter2-a\", \"hunter2-b\"]\nvault_key = \"hunter2\"\n[[source]]\nname = \"s\"\n\
                 hmac_keys = \"${KEY}\"\nbasic_auth = \"user:hunter2\"\n[docusign]\nclient_id = \"visible\"\n\
                 access_token = \"hunter2\"\nclient_secret_file = \"secret\"\n",
            )
            .env("KEY", "hunter2-env")
            .env("COUNTERSIGN_API_TOKEN_FILE", "secret")
            .env("COUNTERSIGN_BROKER", "amqps://guest:hunter2@rabbit.example:5671/%2f");
        if let Some(extra) = extra {
            program = program.arg(extra);
        }
        let ended = program.done();
        assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"), "{}", ended.stdout);
        assert!(
            ended.stdout.contains("visible") && ended.stdout.contains("rabbit.example:5671"),
            "{}",
            ended.stdout
        );
        assert!(ended.stdout.matches("••••").count() >= 9, "{}", ended.stdout);
    }
}

#[test]
fn the_reference_round_trips_to_the_defaults() {
    let reference = countersign(&["config", "reference"]).done().stdout;
    let defaults = countersign(&["config", "print", "--json"]).done().json();
    let with_file =
        countersign(&["config", "print", "--json"]).file("countersign.toml", &reference).done().json();
    let rows = defaults["settings"].as_array().unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        let key = row["key"].as_str().unwrap();
        assert_eq!(value(&with_file, key), &row["value"], "{key}");
        assert!(reference.contains(row["variable"].as_str().unwrap()), "{key}");
    }
    assert!(with_file["settings"].as_array().unwrap().iter().any(|row| row["origin"]["kind"] == "file"));
}

#[test]
fn a_reader_that_had_enough_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["config", "reference"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

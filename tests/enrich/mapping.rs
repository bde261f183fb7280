//! Every folder of `fixtures/docusign` is a case: an envelope as DocuSign tells it, and the signing request that
//! it must become. A new doubt is a new folder.

use std::path::PathBuf;

use countersign::signing::map_rest::signing_request;
use serde_json::Value;

const BASE: &str = "https://demo.docusign.net/restapi/v2.1/accounts/8b411bfe-54f5-47fc-bbf2-55d9a71a200f";

fn cases() -> Vec<PathBuf> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/docusign");
    let mut folders: Vec<_> = std::fs::read_dir(fixtures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("envelope.json").is_file())
        .collect();
    folders.sort();
    folders
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// With `COUNTERSIGN_WRITE_EXPECTED=1` the expectations are written anew, to be read before they are committed.
#[test]
fn every_envelope_becomes_the_signing_request_that_is_expected() {
    let cases = cases();
    assert!(cases.len() >= 13, "only {} cases", cases.len());
    for case in cases {
        let told = signing_request(&read(case.join("envelope.json")), BASE).unwrap();
        let told = serde_json::to_value(&told).unwrap();
        if std::env::var_os("COUNTERSIGN_WRITE_EXPECTED").is_some() {
            std::fs::write(case.join("expected.json"), serde_json::to_string_pretty(&told).unwrap() + "\n")
                .unwrap();
        }
        let expected: Value = serde_json::from_str(&read(case.join("expected.json"))).unwrap();
        assert_eq!(told, expected, "{}", case.display());
    }
}

#[test]
fn what_participants_entered_is_in_no_signing_request() {
    for case in cases() {
        let told = signing_request(&read(case.join("envelope.json")), BASE).unwrap();
        let text = serde_json::to_string(&told).unwrap();
        for entered in ["078-05-1120", "none of anybody else's business", "remote_data"] {
            assert!(!text.contains(entered), "{}: {entered}", case.display());
        }
    }
}

#[test]
fn what_is_no_json_object_is_an_error_that_repeats_nothing_of_it() {
    for text in
        ["", "secret", "[\"secret\"]", "\"secret\"", "null", "{\"status\":\"secret\"", "{\"secret\":}"]
    {
        let error = signing_request(text, BASE).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_list_without_end_is_cut_and_says_so() {
    let tabs: Vec<_> = (0..5_001).map(|n| format!(r#"{{"tabId":"{n}"}}"#)).collect();
    let json = format!(
        r#"{{"recipients":{{"signers":[{{"recipientId":"1","tabs":{{"textTabs":[{}]}}}}]}}}}"#,
        tabs.join(",")
    );
    let told = signing_request(&json, BASE).unwrap();
    assert_eq!(told.document_fields.len(), 5_000);
    assert!(told.is_partial_response);

    let signers: Vec<_> = (0..2_001).map(|n| format!(r#"{{"recipientId":"{n}"}}"#)).collect();
    let told =
        signing_request(&format!(r#"{{"recipients":{{"signers":[{}]}}}}"#, signers.join(",")), BASE).unwrap();
    assert_eq!(told.participants.len(), 2_000);
    assert!(told.is_partial_response);
}

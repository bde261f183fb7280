//! Connect configurations as data, and what is wrong with each.

use std::path::PathBuf;

use countersign::docusign::ConnectConfiguration;
use countersign::docusign::connect_configuration::{Here, mended};
use countersign::docusign::connect_lint::{Severity, lint};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    here: Own,
    configurations: Vec<Value>,
    findings: Vec<String>,
}

#[derive(Deserialize)]
struct Own {
    url: Option<String>,
    sources: Vec<String>,
}

fn cases() -> Vec<(String, Case)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/connect-configurations");
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let case = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_string_lossy().into_owned(), case)
        })
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    cases
}

impl Case {
    fn here(&self) -> Here {
        Here { url: self.here.url.clone(), sources: self.here.sources.clone() }
    }

    fn found(&self, configurations: &[Value]) -> Vec<String> {
        let read: Vec<ConnectConfiguration> =
            configurations.iter().map(|one| serde_json::from_value(one.clone()).unwrap()).collect();
        let findings = lint(&read, &self.here());
        for finding in &findings {
            assert!(
                finding.what.len() > 10 && finding.cost.len() > 10 && finding.todo.len() > 10,
                "{finding:?}"
            );
        }
        findings.iter().map(|finding| format!("{} {}", finding.severity.word(), finding.code)).collect()
    }
}

#[test]
fn each_configuration_is_found_to_have_its_faults_and_no_others() {
    let cases = cases();
    assert!(cases.len() > 20);
    for (name, case) in &cases {
        assert_eq!(case.found(&case.configurations), case.findings, "{name}");
    }
}

#[test]
fn a_mended_configuration_has_no_fault_left_and_is_mended_once() {
    let mut mended_some = 0;
    for (name, case) in cases() {
        for configuration in &case.configurations {
            let url = configuration["urlToPublishTo"].as_str().unwrap();
            if !case.here().takes(url) || url.starts_with("http://") {
                continue;
            }
            let (whole, mends) = mended(Some(configuration), url, "unused");
            mended_some += usize::from(!mends.is_empty());
            let faults: Vec<_> = case.found(std::slice::from_ref(&whole));
            let faults: Vec<_> =
                faults.into_iter().filter(|found| found.starts_with(Severity::Fault.word())).collect();
            assert!(faults.is_empty(), "{name}: {faults:?}");
            let (again, more) = mended(Some(&whole), url, "unused");
            assert!(more.is_empty() && again == whole, "{name}: {more:?}");
            assert_eq!(whole["connectId"], configuration["connectId"], "{name}");
        }
    }
    assert!(mended_some > 8);
}

//! The default file is the reference: it says everything, and nothing that is not so.

use super::*;
use crate::base::limits;
use crate::config::keys::{self, Key};

fn values(loaded: &Loaded) -> Vec<(String, serde_json::Value)> {
    loaded.rows.iter().map(|row| (row.key.clone(), row.value.clone())).collect()
}

#[test]
fn the_reference_loads_to_exactly_the_defaults() {
    let defaults = World::default().good();
    let loaded = World::file(reference()).good();
    assert_eq!(values(&loaded), values(&defaults));
    assert_eq!(format!("{:?}", loaded.settings), format!("{:?}", defaults.settings));
    assert_eq!(loaded.warnings.len(), defaults.warnings.len());
}

#[test]
fn defaults_are_the_bounds_that_the_rest_goes_by() {
    let settings = World::default().good().settings;
    assert_eq!(settings.delivery_bytes_max, limits::DELIVERY_BYTES_MAX);
    assert_eq!(u64::from(settings.dedup_retention_days) * 24 * 3600, limits::DEDUP_RETENTION.as_secs());
    assert!(settings.broker.is_empty() && settings.audit_stream && !settings.enrich);
    assert_eq!((settings.cloud_events, settings.log_format), (CloudEvents::Binary, LogFormat::Auto));
}

#[test]
fn the_reference_names_every_key_and_every_variable() {
    let text = reference();
    for key in keys::TOP {
        let variable = keys::variable(key.name);
        assert!(text.contains(&variable), "{variable} is missing");
        assert!(!key.secret || text.contains(&format!("{variable}_FILE")), "{variable}_FILE is missing");
    }
    for key in keys::SOURCE.iter().chain(keys::QUEUE) {
        let written = |key: &Key| text.lines().any(|line| line.trim_start_matches('#').starts_with(key.name));
        assert!(written(key), "{} is missing", key.name);
    }
}

#[test]
fn every_default_told_in_words_is_the_one_in_force() {
    let loaded = World::default().good();
    let mut told = 0;
    for line in reference().lines() {
        let Some((names, default)) = line.split_once("; default ") else { continue };
        let variable = names.trim_start_matches("# ").split([',', ';']).next().unwrap_or_default();
        let row = loaded.rows.iter().find(|row| row.variable.as_deref() == Some(variable));
        let row = row.unwrap_or_else(|| panic!("no setting has the variable {variable}"));
        let in_force = if variable.ends_with("BYTES_MAX") { "32MiB".to_owned() } else { row.to_string() };
        assert_eq!(default, in_force, "{variable}");
        told += 1;
    }
    assert!(told >= 9, "only {told} defaults were found in the text");
}

#[test]
fn every_example_in_the_reference_can_be_used_as_it_stands() {
    let is_example = |line: &str| {
        let bare = line.trim_start_matches('#');
        bare.starts_with("[[")
            || (bare.len() + 1 == line.len() && !bare.starts_with(' ') && bare.contains(" = "))
    };
    let lines =
        reference().lines().map(|line| if is_example(line) { line.trim_start_matches('#') } else { line });
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let mut world = World::file(&text).env("SALES_KEY", "key");
    for secret in [
        "connect-keys",
        "api-token",
        "vault-key",
        "vault-key-previous",
        "docusign-client-secret",
        "docusign-token",
    ] {
        world = world.with_file(&format!("/run/secrets/{secret}"), "secret");
    }
    let pem = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----";
    let audit = crate::evidence::Signer::pem(&[1; 32]);
    let world = world.with_file("/run/secrets/audit-key.pem", &audit);
    let world =
        world.with_file("/run/secrets/docusign.pem", pem).with_file("/run/secrets/sales-basic", "u:p");
    let loaded = world.good();
    let unset: Vec<&str> =
        loaded.rows.iter().filter(|row| row.value.is_null()).map(|row| row.key.as_str()).collect();
    assert!(unset.is_empty(), "no example sets {unset:?}");
    let defaults: Vec<&str> =
        loaded.rows.iter().filter(|row| row.origin == Origin::Default).map(|row| row.key.as_str()).collect();
    assert!(defaults.is_empty(), "no example sets {defaults:?}");
}

#[test]
fn rows_show_every_key_and_no_secret() {
    let mut world = World::default();
    for key in keys::TOP.iter().filter(|key| key.secret && key.name != "docusign.private_key") {
        let value = match key.name {
            "broker" => "amqps://user:hunter2@host/v?cacertfile=hunter2".to_owned(),
            "broker_management" => "https://user:hunter2@host/v?x=hunter2".to_owned(),
            "store" => "postgres://user:hunter2@host/v".to_owned(),
            "audit_key" => format!("hunter2\n{}", crate::evidence::Signer::pem(&[1; 32])),
            _ => "hunter2".to_owned(),
        };
        world = world.env(&keys::variable(key.name), &value);
    }
    let loaded = world.env("COUNTERSIGN_DOCUSIGN__CLIENT_ID", "id").good();
    for key in keys::TOP {
        let shown = row(&loaded, key.name);
        assert!(!shown.json().to_string().contains("hunter2"), "{}", key.name);
        assert!(!shown.to_string().contains("hunter2"), "{}", key.name);
        if key.secret && key.name != "docusign.private_key" {
            assert!(shown.to_string().contains(REDACTED), "{}: {shown}", key.name);
        }
    }
    assert_eq!(row(&loaded, "broker").to_string(), format!("amqps://user:{REDACTED}@host/v"));
}

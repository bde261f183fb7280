//! The settings in force, for people and machines, with where each came from and no secret in sight.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::fault::Origin;
use super::keys::{self, Key};
use super::settings::{DeadLetterStrategy, QueueSettings, Settings, SourceSettings, StoreSetting};
use super::values;
use super::written::{self, Scope};

/// What stands in a secret's place.
pub const REDACTED: &str = "••••";

/// One setting in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The key, such as `docusign.client_id` or `source[1].name`.
    pub key: String,
    /// The variable that sets the same, where there is one.
    pub variable: Option<String>,
    /// The value; null where there is none.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

impl Row {
    /// The row as one JSON object.
    pub fn json(&self) -> Value {
        let (file, line) = match &self.origin {
            Origin::File(path, line) => (json!(path), json!(line)),
            _ => (Value::Null, Value::Null),
        };
        let name = match &self.origin {
            Origin::Flag(name) | Origin::Variable(name) => json!(name),
            _ => Value::Null,
        };
        json!({
            "key": self.key,
            "variable": self.variable,
            "value": self.value,
            "origin": {"kind": self.origin.kind(), "name": name, "file": file, "line": line},
        })
    }
}

impl fmt::Display for Row {
    /// The value alone, as people read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match &self.value {
            Value::Null => f.write_str("–"),
            Value::Array(items) => f.write_str(&items.iter().map(text).collect::<Vec<_>>().join(", ")),
            value => f.write_str(&text(value)),
        }
    }
}

/// All rows: the top level in the order of the reference, then the tables.
pub(super) fn rows(settings: &Settings, top: &Scope, sources: &[Scope], queues: &[Scope]) -> Vec<Row> {
    let mut rows: Vec<Row> =
        keys::TOP.iter().map(|key| row(top, key, top_value(settings, key.name))).collect();
    for scope in sources {
        let Some(source) = settings.sources.iter().find(|source| names(scope, source.name.as_str())) else {
            continue;
        };
        rows.extend(keys::SOURCE.iter().map(|key| row(scope, key, source_value(source, key.name))));
    }
    for scope in queues {
        let Some(queue) = settings.queues.iter().find(|queue| names(scope, &queue.name)) else { continue };
        rows.extend(keys::QUEUE.iter().map(|key| row(scope, key, queue_value(queue, key.name))));
    }
    rows
}

fn row(scope: &Scope, key: &Key, value: Value) -> Row {
    let origin = scope.entries.get(key.name).map_or(Origin::Default, |written| written.origin.clone());
    let variable = scope.prefix.is_empty().then(|| keys::variable(key.name));
    // No secret but these two has a default: one that nobody wrote here is told where it was written.
    let told = !key.secret || origin != Origin::Default || matches!(key.name, "store" | "broker");
    let value = if told { value } else { Value::Null };
    Row { key: format!("{}{}", scope.prefix, key.name), variable, value, origin }
}

fn names(scope: &Scope, name: &str) -> bool {
    scope
        .entries
        .get("name")
        .is_some_and(|written| matches!(&written.value, written::Value::Text(text) if text == name))
}

fn hidden(secret: Option<&SecretString>) -> Value {
    secret.map_or(Value::Null, |_| json!(REDACTED))
}

fn all_hidden(secrets: &[SecretString]) -> Value {
    if secrets.is_empty() { Value::Null } else { json!(vec![REDACTED; secrets.len()]) }
}

fn top_value(settings: &Settings, key: &str) -> Value {
    let docusign = &settings.docusign;
    match key {
        "listen" => json!(settings.listen),
        "data_dir" => json!(settings.data_dir),
        "store" => match &settings.store {
            StoreSetting::Sqlite(path) => json!(format!("sqlite:{}", path.display())),
            StoreSetting::Postgres(url) => json!(without_password(url)),
        },
        "broker" if settings.broker.is_empty() => json!("none"),
        "broker" => settings.broker.iter().map(|url| json!(without_password(url))).collect(),
        "broker_management" => {
            settings.broker_management.as_ref().map_or(Value::Null, |url| json!(without_password(url)))
        }
        "hmac_keys" => all_hidden(settings.sources.first().map_or(&[], |source| &source.hmac_keys)),
        "api_token" => hidden(settings.api_token.as_ref()),
        "api_rate" => json!(settings.api_rate),
        "vault_key" => hidden(settings.vault_key.as_ref()),
        "vault_key_previous" => hidden(settings.vault_key_previous.as_ref()),
        "audit_key" => hidden(settings.audit_key.as_ref()),
        "docusign.auth_url" => json!(docusign.auth_url),
        "docusign.client_id" => json!(docusign.client_id),
        "docusign.client_secret" => hidden(docusign.client_secret.as_ref()),
        "docusign.redirect_url" => json!(docusign.redirect_url),
        "docusign.user_id" => json!(docusign.user_id),
        "docusign.private_key" => hidden(docusign.private_key.as_ref()),
        "docusign.access_token" => hidden(docusign.access_token.as_ref()),
        "docusign.base_uri" => json!(docusign.base_uri),
        "enrich" => json!(settings.enrich),
        "reconcile_every" => json!(values::every_in_words(settings.reconcile_every)),
        "public_url" => json!(settings.public_url),
        "enrich_interval_minutes" => json!(settings.enrich_interval_minutes),
        "cloud_events" => json!(settings.cloud_events.word()),
        "audit_stream" => json!(settings.audit_stream),
        "delivery_bytes_max" => json!(settings.delivery_bytes_max),
        "dedup_retention_days" => json!(settings.dedup_retention_days),
        "audit_retention_days" => json!(settings.audit_retention_days),
        "threads" => json!(settings.threads),
        "log.format" => json!(settings.log_format.word()),
        "log.level" => json!(settings.log_level),
        _ => Value::Null,
    }
}

fn source_value(source: &SourceSettings, key: &str) -> Value {
    match key {
        "name" => json!(source.name),
        "hmac_keys" => all_hidden(&source.hmac_keys),
        "accounts" if source.accounts.is_empty() => Value::Null,
        "accounts" => json!(source.accounts),
        "timezone" => json!(source.timezone.as_ref().map(time_zone)),
        "basic_auth" => hidden(source.basic_auth.as_ref()),
        _ => Value::Null,
    }
}

fn time_zone(zone: &jiff::tz::TimeZone) -> String {
    let offset = || zone.to_fixed_offset().map(|offset| offset.to_string());
    zone.iana_name().map(str::to_owned).or_else(|| offset().ok()).unwrap_or_else(|| "POSIX rule".to_owned())
}

fn queue_value(queue: &QueueSettings, key: &str) -> Value {
    match key {
        "name" => json!(queue.name),
        "bind" => json!(queue.bind),
        "type" => json!(queue.kind.word()),
        "dead_letter_exchange" => json!(queue.dead_letter_exchange),
        "dead_letter_routing_key" => json!(queue.dead_letter_routing_key),
        "dead_letter_strategy" => json!(queue.dead_letter_strategy.map(DeadLetterStrategy::word)),
        "delivery_limit" => json!(queue.delivery_limit),
        "single_active_consumer" => json!(queue.single_active_consumer),
        "max_length" => json!(queue.max_length),
        _ => Value::Null,
    }
}

/// The URL of a broker, of its management API or of a database to be shown: its password hidden, its query left out.
pub fn without_password(url: &SecretString) -> String {
    let Ok(mut url) = Url::parse(url.expose_secret()) else { return REDACTED.to_owned() };
    url.set_query(None);
    url.set_fragment(None);
    let marked = url.password().is_none() || url.set_password(Some("redacted")).is_ok();
    if !marked {
        return REDACTED.to_owned();
    }
    url.as_str().replacen(":redacted@", &format!(":{REDACTED}@"), 1)
}

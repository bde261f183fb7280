//! A row of the feed, as people read it.

use serde_json::Value;

use crate::cli::terminal::plain;

pub(super) const HEADER: [&str; 6] =
    ["POSITION", "OCCURRED", "CHANGE", "SIGNING REQUEST", "SEQ", "PUBLISHED"];

/// Where the row stands in the feed; 0 where it does not tell.
pub(super) fn position(row: &Value) -> u64 {
    row["position"].as_u64().unwrap_or_default()
}

/// `signing_request.completed`: the routing key without the account.
pub(super) fn change(row: &Value) -> String {
    let key = row["routing_key"].as_str().unwrap_or_default();
    let mut words = key.splitn(3, '.');
    format!("{}.{}", words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

/// The id of what the change is about: a signing request, else a template or an agreement.
pub(super) fn subject(row: &Value) -> &str {
    let change = &row["change"];
    change["signing_request"]["id"].as_str().or_else(|| change["subject"]["id"].as_str()).unwrap_or("–")
}

pub(super) fn cells(row: &Value) -> Vec<String> {
    let published = if row["published"] == true { "yes" } else { "waits" };
    vec![
        position(row).to_string(),
        row["change"]["occurred_at"].as_str().unwrap_or("–").to_owned(),
        change(row),
        subject(row).to_owned(),
        row["sequence"].to_string(),
        published.to_owned(),
    ]
}

/// One line, for a feed that is followed.
pub(super) fn line(row: &Value) -> String {
    let occurred_at = row["change"]["occurred_at"].as_str().unwrap_or("–");
    let text = format!(
        "{:>8}  {occurred_at:<28}  {:<27}  {}  #{}",
        position(row),
        change(row),
        subject(row),
        row["sequence"]
    );
    plain(&text)
}

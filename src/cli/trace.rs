//! `countersign trace`: the whole life of a signing request, delivery by delivery and change by change.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::Error;
use super::api::ApiArgs;
use super::terminal::{BAD, DIM, GOOD, Terminal, WEAK, plain};

/// Show what happened to a signing request: received, verified, stored, published, enriched, and what is missing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign trace 44efc9e6-915e-4b1d-9b54-801410d6922d
  countersign trace 44efc9e6-915e-4b1d-9b54-801410d6922d --json | jq '.result[].missing'")]
pub(super) struct Trace {
    /// The signing request: the id of DocuSign's envelope.
    #[arg(value_name = "ID")]
    signing_request: String,
    /// Only this account's.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Trace {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        super::block_on(self.trace(terminal))
    }

    async fn trace(self, terminal: &Terminal) -> Result<(), Error> {
        let query: Vec<_> = self.account.iter().map(|account| ("account", account.clone())).collect();
        let path = ["v1", "signing-requests", &self.signing_request, "timeline"];
        let found = self.api.connect()?.get(&path, &query).await?;
        let timelines = found["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        if self.json {
            return terminal.json(&found);
        }
        timelines.iter().try_for_each(|timeline| Life::read(timeline).print(terminal))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| "–".to_owned(), plain)
}

/// A timeline, with its milestones put to the deliveries and changes that they are of.
struct Life<'a> {
    timeline: &'a Value,
    /// Deliveries and changes in the order of time.
    entries: Vec<&'a Value>,
    verified: BTreeMap<&'a str, &'a Value>,
    published: BTreeMap<u64, &'a Value>,
    /// The enriched change that answers a change, by the sequence of the latter.
    answers: BTreeMap<u64, &'a Value>,
}

impl<'a> Life<'a> {
    fn read(timeline: &'a Value) -> Self {
        let mut life = Self {
            timeline,
            entries: Vec::new(),
            verified: BTreeMap::new(),
            published: BTreeMap::new(),
            answers: BTreeMap::new(),
        };
        for mile in list(&timeline["milestones"]) {
            match mile["milestone"].as_str() {
                Some("verified") => {
                    life.verified.insert(mile["delivery_id"].as_str().unwrap_or_default(), mile);
                }
                Some("published") => {
                    life.published.insert(mile["sequence"].as_u64().unwrap_or_default(), mile);
                }
                other => {
                    if other == Some("enriched") {
                        let covered = list(&mile["covers"]).iter().filter_map(Value::as_u64);
                        life.answers.extend(covered.map(|sequence| (sequence, mile)));
                    }
                    life.entries.push(mile);
                }
            }
        }
        life
    }

    fn print(&self, terminal: &Terminal) -> Result<(), Error> {
        let request = &self.timeline["signing_request"];
        let status = text(&request["status"]["name"]);
        terminal.line(format_args!("{}  {}", text(&request["id"]), text(&request["name"])))?;
        terminal.line(format_args!("account {}, {GOOD}{status}{GOOD:#}", text(&self.timeline["account"])))?;
        for person in list(&self.timeline["participants"]) {
            let (id, name) = (text(&person["id"]), text(&person["name"]));
            terminal
                .line(format_args!("  participant {id:<4} {name:<28} {}", text(&person["status"]["name"])))?;
        }
        for entry in &self.entries {
            if entry["milestone"] == "received" {
                self.delivery(entry, terminal)?;
            } else {
                self.change(entry, terminal)?;
            }
        }
        let missing = list(&self.timeline["missing"]);
        if missing.is_empty() {
            return terminal.line(format_args!("{GOOD}nothing is missing{GOOD:#}"));
        }
        missing.iter().try_for_each(|gap| terminal.line(format_args!("{BAD}{}{BAD:#}", in_words(gap))))
    }

    fn delivery(&self, mile: &Value, terminal: &Terminal) -> Result<(), Error> {
        let delivery = &mile["delivery"];
        let id = delivery["id"].as_str().unwrap_or_default();
        let verified = self.verified.get(id).map(|mile| took(&mile["took_ms"]));
        let stored = match (moment(&delivery["received_at"]), moment(&delivery["stored_at"])) {
            (Some(from), Some(to)) => millis(to.duration_since(from).as_millis()),
            _ => "at an unknown time".to_owned(),
        };
        let outcome = text(&delivery["outcome"]);
        let style = if outcome == "quarantined" { WEAK } else { DIM };
        terminal.line(format_args!(
            "{}  received   {:<28} {style}{outcome}{style:#}, verified {}, stored {stored}  {DIM}{}{DIM:#}",
            to_the_millisecond(&mile["at"]),
            text(&delivery["event"]),
            verified.unwrap_or_default(),
            plain(id),
        ))?;
        match delivery["reason"].as_str() {
            Some(reason) => terminal.line(format_args!("{:>32}{WEAK}{}{WEAK:#}", "", plain(reason))),
            None => Ok(()),
        }
    }

    fn change(&self, mile: &Value, terminal: &Terminal) -> Result<(), Error> {
        let change = &mile["change"];
        let sequence = change["sequence"].as_u64().unwrap_or_default();
        let key = text(&change["routing_key"]);
        let what = key.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let published = match self.published.get(&sequence) {
            Some(mile) if mile["at"].is_string() => format!("published {}", took(&mile["took_ms"])),
            Some(_) => "published".to_owned(),
            None => "not published".to_owned(),
        };
        let style = if published.starts_with("not") { BAD } else { GOOD };
        let more = if mile["milestone"] == "enriched" {
            let covers: Vec<String> = list(&mile["covers"]).iter().map(Value::to_string).collect();
            format!("answers {} after {}", covers.join(", "), took(&mile["took_ms"]).trim_start_matches('+'))
        } else {
            let verdict = text(&change["verdict"]);
            let fetched = self
                .answers
                .get(&sequence)
                .map(|mile| format!(", enriched as #{}", mile["change"]["sequence"]));
            verdict + &fetched.unwrap_or_default()
        };
        let word = if mile["milestone"] == "enriched" { "enriched" } else { "stored" };
        terminal.line(format_args!(
            "{}  {word:<8} #{sequence:<3} {what:<26} {style}{published}{style:#}, {more}",
            to_the_millisecond(&mile["at"]),
        ))
    }
}

/// `sequence 4 waits to be published since …: the broker is down`.
fn in_words(gap: &Value) -> String {
    let (from, to) = (gap["from"].as_u64().unwrap_or_default(), gap["to"].as_u64().unwrap_or_default());
    let (which, waits) = if from == to {
        (format!("sequence {from}"), "waits")
    } else {
        (format!("sequences {from} to {to}"), "wait")
    };
    let since = gap["since"].as_str().map(|at| format!(" since {}", plain(at))).unwrap_or_default();
    let why = text(&gap["why"]);
    match gap["what"].as_str() {
        Some("published") => format!("{which} {waits} to be published{since}: {why}"),
        Some("enriched") => format!("{which} {waits} to be enriched{since}: {why}"),
        _ => format!("{which} cannot be shown: {why}"),
    }
}

/// A moment as wide as every other, so that columns stand below one another.
fn to_the_millisecond(value: &Value) -> String {
    moment(value).map_or_else(|| text(value), |at| format!("{at:.3}"))
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn took(value: &Value) -> String {
    value.as_u64().map_or_else(|| "at an unknown time".to_owned(), |ms| millis(i128::from(ms)))
}

/// `+12 ms`, `+3.4 s`, `+2 h`.
fn millis(ms: i128) -> String {
    match ms {
        ..=999 => format!("+{} ms", ms.max(0)),
        1_000..=59_999 => format!("+{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..=3_599_999 => format!("+{} min", ms / 60_000),
        _ => format!("+{} h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moments_are_all_as_wide() {
        for at in ["2026-11-23T10:00:00Z", "2026-11-23T10:00:00.489354313Z", "2026-11-23T10:00:00.5Z"] {
            assert_eq!(to_the_millisecond(&json!(at)).len(), "2026-11-23T10:00:00.489Z".len(), "{at}");
        }
        assert_eq!(to_the_millisecond(&json!("2026-11-23T10:00:00.489354313Z")), "2026-11-23T10:00:00.489Z");
    }

    #[test]
    fn what_is_missing_is_said_plainly() {
        let gap = |what: &str, from: u64, to: u64, since: Value| {
            in_words(
                &json!({"what": what, "from": from, "to": to, "since": since, "why": "the broker is down"}),
            )
        };
        assert_eq!(
            gap("published", 4, 4, json!("2026-11-23T10:00:00Z")),
            "sequence 4 waits to be published since 2026-11-23T10:00:00Z: the broker is down"
        );
        assert_eq!(
            gap("enriched", 4, 6, json!(null)),
            "sequences 4 to 6 wait to be enriched: the broker is down"
        );
        assert_eq!(gap("stored", 1, 1, json!(null)), "sequence 1 cannot be shown: the broker is down");
    }

    #[test]
    fn times_are_short_whatever_their_length() {
        let told: Vec<_> = [-5, 12, 3_456, 125_000, 7_300_000].map(millis).into();
        assert_eq!(told, ["+0 ms", "+12 ms", "+3.4 s", "+2 min", "+2 h"]);
    }
}

//! `countersign replay`: has stored deliveries read again by today's version, and publishes what was missed.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::limits;

use super::Error;
use super::api::{Api, ApiArgs};
use super::terminal::{Terminal, plain};

/// Read stored deliveries again as today's version does, compare with what was published, and publish what is chosen
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign replay --dry-run
  countersign replay --from 2026-11-01T00:00:00Z --to 2026-11-23T00:00:00Z --dry-run --json
  countersign replay --from 2026-11-01T00:00:00Z --only missing
  countersign replay 0d3b4b1e-7f5c-8a4e-9c1d-2f6a7b8c9d0e

A missing change gets the next sequence; a different one is written anew in its place. Both keep their message ids.
`countersign events replay` publishes stored changes again as they are, without reading deliveries.")]
pub(super) struct Replay {
    /// Message ids of changes to publish, whether missing, different or the same.
    #[arg(value_name = "CHANGE", conflicts_with_all = ["dry_run", "only"])]
    changes: Vec<Uuid>,
    /// Begin with deliveries that came at this time, or with this delivery [default: the oldest kept].
    #[arg(long, value_name = "TIME|DELIVERY")]
    from: Option<String>,
    /// End before this time, or with this delivery [default: the newest].
    #[arg(long, value_name = "TIME|DELIVERY")]
    to: Option<String>,
    /// Only show what differs.
    #[arg(long, conflicts_with = "only")]
    dry_run: bool,
    /// Publish these of what is found.
    #[arg(long, value_name = "WHICH")]
    only: Option<Only>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Only {
    /// Changes that were never published.
    Missing,
    /// Changes that say something else today.
    Different,
    /// Both.
    All,
}

impl Only {
    fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::All => "all",
        }
    }
}

/// What all pages found.
#[derive(Debug, Default)]
struct Found {
    result: Vec<Value>,
    notes: Vec<Value>,
    counts: BTreeMap<String, u64>,
}

const HEADER: [&str; 6] = ["FINDING", "CHANGE", "SIGNING REQUEST", "POSITION", "DONE", "ID AND DIFFERENCES"];

impl Replay {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        super::block_on(self.replay(terminal))
    }

    async fn replay(self, terminal: &Terminal) -> Result<(), Error> {
        if !self.dry_run && self.only.is_none() && self.changes.is_empty() {
            let todo =
                "look first with --dry-run; then name message ids, or --only missing, different or all";
            return Err(Error::usage("it is not told what to publish", todo));
        }
        if self.changes.len() > limits::REPLAY_IDS_MAX {
            let what = format!("more than {} changes are named", limits::REPLAY_IDS_MAX);
            return Err(Error::usage(what, "name them in several goes"));
        }
        let mut wanted = json!({});
        for (name, value) in [("from", self.from), ("to", self.to)] {
            if let Some(value) = value {
                wanted[name] = json!(value);
            }
        }
        if let Some(only) = self.only {
            wanted["publish"] = json!(only.word());
        }
        if !self.changes.is_empty() {
            wanted["ids"] = json!(self.changes);
        }
        let found = pages(&self.api.connect()?, wanted, terminal).await?;
        for note in &found.notes {
            terminal.say(format_args!("warning: {}", in_words(note)));
        }
        if self.json {
            return terminal.json(&json!({
                "result": found.result, "notes": found.notes, "counts": found.counts,
            }));
        }
        if !found.result.is_empty() {
            terminal.table(&HEADER, found.result.iter().map(cells))?;
        }
        let count = |name: &str| found.counts.get(name).copied().unwrap_or_default();
        let unapplied = match count("unapplied") {
            0 => String::new(),
            some => format!(" ({some} of them in quarantine or dropped, and not compared)"),
        };
        terminal.line(format_args!(
            "{} deliveries{unapplied} of {} signing requests: {} changes the same, {} missing, {} different, {} extra; \
             {} published",
            count("deliveries"),
            count("subjects"),
            count("same"),
            count("missing"),
            count("different"),
            count("extra"),
            count("published"),
        ))
    }
}

async fn pages(api: &Api, mut wanted: Value, terminal: &Terminal) -> Result<Found, Error> {
    let mut found = Found::default();
    let bar = terminal.progress(0, "replaying");
    loop {
        let mut page = api.post(&["v1", "replay"], Some(&wanted)).await?;
        for (name, count) in page["counts"].as_object().into_iter().flatten() {
            *found.counts.entry(name.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
        let mut take = |name: &str| page[name].as_array_mut().map(std::mem::take).unwrap_or_default();
        found.result.append(&mut take("result"));
        found.notes.append(&mut take("notes"));
        bar.set_length(page["total"].as_u64().unwrap_or_default());
        bar.set_position(found.counts.get("deliveries").copied().unwrap_or_default());
        if found.result.len() > limits::CLI_ROWS_MAX || found.notes.len() > limits::CLI_ROWS_MAX {
            bar.finish_and_clear();
            let what = format!("more than {} changes are not as they would be today", limits::CLI_ROWS_MAX);
            return Err(Error::failed(what, "take them in several goes, by --from and --to"));
        }
        let next = page["next_cursor"].take();
        // A page that does not move on would be asked for for ever.
        if next.is_null() || next == wanted["after"] {
            bar.finish_and_clear();
            return Ok(found);
        }
        wanted["after"] = next;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

fn cells(finding: &Value) -> Vec<String> {
    let key = text(&finding["routing_key"]).splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let position =
        finding["position"].as_u64().map_or_else(|| "–".to_owned(), |position| position.to_string());
    let done = match (text(&finding["finding"]), finding["published"] == true) {
        ("extra", _) => "cannot be unpublished",
        (_, true) => "published",
        (_, false) => "no",
    };
    let fields = finding["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let differences: Vec<String> = fields
        .iter()
        .map(|field| format!("{}: {} → {}", text(&field["field"]), field["published"], field["today"]))
        .collect();
    let told =
        [text(&finding["id"]).to_owned()].into_iter().chain(differences).collect::<Vec<_>>().join("; ");
    vec![
        text(&finding["finding"]).to_owned(),
        key,
        text(&finding["subject_id"]).to_owned(),
        position,
        done.to_owned(),
        told,
    ]
}

fn in_words(note: &Value) -> String {
    let mut about = String::new();
    if let Some(id) = note["subject_id"].as_str() {
        about = format!("{id} of account {}: ", text(&note["account"]));
    }
    if let Some(id) = note["delivery_id"].as_str() {
        about += &format!("delivery {id}: ");
    }
    plain(&(about + text(&note["why"])))
}

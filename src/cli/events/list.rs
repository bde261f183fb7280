//! `countersign events list` and `countersign events show`.

use clap::Args;
use serde_json::{Value, json};

use crate::base::limits;
use crate::cli::Error;
use crate::cli::api::ApiArgs;
use crate::cli::terminal::Terminal;

use super::{Filter, pages, row};

/// List changes, oldest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign events list --newest --limit 20
  countersign events list --status completed --json | jq '.result[].change.signing_request.name'
  countersign events list --signing-request 44efc9e6-915e-4b1d-9b54-801410d6922d")]
pub(in crate::cli) struct List {
    /// Only changes after this position (before it, with --newest).
    #[arg(long, value_name = "POSITION", default_value_t = 0, hide_default_value = true)]
    after: u64,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_ROWS as u64,
          value_parser = clap::value_parser!(u64).range(1..=limits::CLI_ROWS_MAX as u64))]
    limit: u64,
    /// Newest first.
    #[arg(long)]
    newest: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    api: ApiArgs,
}

impl List {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.connect()?;
        let most = usize::try_from(self.limit).unwrap_or(limits::PAGE_ROWS);
        let rows = pages(&api, &self.filter, self.after, self.newest, most, |_| false).await?;
        if self.json {
            return terminal.json(&json!({"result": rows}));
        }
        terminal.table(&row::HEADER, rows.iter().map(row::cells))?;
        if rows.is_empty() {
            terminal.say("no change fits");
        }
        Ok(())
    }
}

/// Show one change: what it says, where it went and whether the broker holds it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign events show 42
  countersign events show 0d3b4b1e-7f5c-8a4e-9c1d-2f6a7b8c9d0e --json")]
pub(in crate::cli) struct Show {
    /// Position in the feed, or message id.
    #[arg(value_name = "POSITION|ID")]
    change: String,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Show {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let found = self.api.connect()?.get(&["v1", "changes", &self.change], &[]).await?;
        if self.json {
            return terminal.json(&found);
        }
        let text =
            |value: &Value| value.as_str().map_or_else(|| value.to_string(), crate::cli::terminal::plain);
        for (name, value) in [
            ("position", &found["position"]),
            ("published", &found["published"]),
            ("routing key", &found["routing_key"]),
            ("type", &found["type"]),
            ("sequence", &found["sequence"]),
        ] {
            terminal.line(format_args!("{name:<12} {}", text(value)))?;
        }
        // serde_json escapes control characters, so the body cannot steer the terminal.
        terminal.line(format_args!("{:#}", found["change"]))
    }
}

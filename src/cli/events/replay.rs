//! `countersign events replay`: has changes published again.

use clap::Args;
use serde_json::json;

use crate::base::limits;
use crate::cli::Error;
use crate::cli::api::{Api, ApiArgs};
use crate::cli::terminal::Terminal;

use super::{Filter, pages, row};

/// Publish changes again, with the ids that they had; subscribers see duplicates, as they must be able to
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign events replay 17 18 19
  countersign events replay --from 100 --to 200
  countersign events replay --signing-request 44efc9e6-915e-4b1d-9b54-801410d6922d --dry-run")]
pub(in crate::cli) struct Replay {
    /// Positions in the feed.
    #[arg(value_name = "POSITION", conflicts_with_all = ["from", "to", "status", "account", "signing_request"])]
    positions: Vec<u64>,
    /// All that fit, from this position on.
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    /// All that fit, up to and with this position.
    #[arg(long, value_name = "POSITION")]
    to: Option<u64>,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    api: ApiArgs,
}

impl Replay {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        if self.positions.is_empty() && self.from.is_none() && self.to.is_none() && self.filter.is_empty() {
            let todo = "name positions, or choose by --from, --to, --signing-request, --status or --account; \
                        --from 1 is everything";
            return Err(Error::usage("it is not told which changes to publish again", todo));
        }
        let api = self.api.connect()?;
        let positions = if self.positions.is_empty() {
            chosen(&api, &self.filter, self.from.unwrap_or(1), self.to.unwrap_or(u64::MAX)).await?
        } else {
            self.positions
        };
        let (word, count) = if self.dry_run {
            ("would_replay", positions.len() as u64)
        } else {
            ("replayed", replay(&api, &positions, terminal).await?)
        };
        if self.json {
            return terminal.json(&json!({ word: count }));
        }
        terminal.line(format_args!("{} {count}", word.replace('_', " ")))
    }
}

async fn chosen(api: &Api, filter: &Filter, from: u64, to: u64) -> Result<Vec<u64>, Error> {
    let beyond = |found: &serde_json::Value| row::position(found) > to;
    // One row more than may be, to tell "all of them" from "the first of them".
    let rows = pages(api, filter, from.saturating_sub(1), false, limits::CLI_ROWS_MAX + 1, beyond).await?;
    if rows.len() > limits::CLI_ROWS_MAX {
        let what = format!("more than {} changes fit", limits::CLI_ROWS_MAX);
        return Err(Error::failed(what, "take them in several goes, by --from and --to"));
    }
    Ok(rows.iter().map(row::position).collect())
}

async fn replay(api: &Api, positions: &[u64], terminal: &Terminal) -> Result<u64, Error> {
    let bar = terminal.progress(positions.len() as u64, "replaying");
    let mut replayed = 0;
    for chunk in positions.chunks(limits::PAGE_ROWS_MAX) {
        let answer = api.post(&["v1", "changes", "replay"], Some(&json!({"positions": chunk}))).await?;
        replayed += answer["replayed"].as_u64().unwrap_or_default();
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    let asked = positions.len() as u64;
    if replayed < asked {
        let others = asked - replayed;
        terminal.say(format_args!("{others} of {asked} are not in the feed, or wait to be published anyway"));
    }
    Ok(replayed)
}

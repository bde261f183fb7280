//! `countersign reconcile`: what Connect never delivered is looked for over REST, and published.

use std::collections::HashSet;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Error;
use super::api::{Api, ApiArgs};
use super::terminal::{Terminal, plain};

/// How often it is asked how the runs fare.
const ASK_EVERY: Duration = Duration::from_millis(400);

/// Look over REST for what Connect did not deliver, and publish what is missing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign reconcile --dry-run
  countersign reconcile --from 2026-11-20T00:00:00Z --to 2026-11-23T00:00:00Z
  countersign reconcile --account 8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11 --ask-connect
  countersign reconcile --list --json

What is missing gets the ids that Connect would have given: should it come after all, it is a duplicate. A server with
credentials does the same by itself, once in `reconcile_every`.
Exit codes: 0 all was looked at, 1 something could not be.")]
pub(super) struct Reconcile {
    /// Changes of status from this time on [default: from a little before the last look].
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Up to this time [default: now].
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Only this account [default: all that are linked, or that the credentials of the settings open].
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only tell what is missing.
    #[arg(long)]
    dry_run: bool,
    /// Have Connect publish again what is missing, in place of taking it over from REST.
    #[arg(long)]
    ask_connect: bool,
    /// Show the reports of the newest looks, and look at nothing.
    #[arg(long, conflicts_with_all = ["from", "to", "account", "dry_run", "ask_connect"])]
    list: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

const HEADER: [&str; 7] = ["STARTED", "ACCOUNT", "FROM", "STATE", "LOOKED AT", "MISSED", "SINCE"];
const PATH: [&str; 2] = ["v1", "reconcile"];

impl Reconcile {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        super::block_on(self.reconcile(terminal))
    }

    async fn reconcile(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.clone().connect()?;
        let runs = if self.list {
            runs_of(api.get(&PATH, &[]).await?)
        } else {
            let ordered = runs_of(api.post(&PATH, Some(&self.order())).await?);
            follow(&api, ordered, terminal).await?
        };
        if self.json {
            terminal.json(&json!({"result": runs}))?;
        } else {
            self.print(&runs, terminal)?;
        }
        let failed = runs.iter().find(|run| run["state"] == "failed");
        match failed.filter(|_| !self.list) {
            Some(run) => {
                let what = format!("account {}: {}", text(&run["account"]), plain(text(&run["why"])));
                Err(Error::failed(what, "what was found before that is published; mend it and look again"))
            }
            None => Ok(()),
        }
    }

    fn order(&self) -> Value {
        let mut order = json!({"dry_run": self.dry_run, "ask_connect": self.ask_connect});
        for (name, time) in [("from", self.from), ("to", self.to)] {
            if let Some(time) = time {
                order[name] = json!(time);
            }
        }
        if let Some(account) = &self.account {
            order["account"] = json!(account);
        }
        order
    }

    fn print(&self, runs: &[Value], terminal: &Terminal) -> Result<(), Error> {
        if runs.is_empty() {
            return terminal.line("nothing was looked at");
        }
        terminal.table(&HEADER, runs.iter().map(cells))?;
        if self.list {
            return Ok(());
        }
        for run in runs.iter().filter(|run| number(run, "missed") > 0) {
            let named = run["signing_requests"].as_array().map(Vec::as_slice).unwrap_or_default();
            named.iter().try_for_each(|id| terminal.line(format_args!("missed: {}", plain(text(id)))))?;
            let more = number(run, "concerned").saturating_sub(named.len() as u64);
            if more > 0 {
                terminal.line(format_args!("and {more} more signing requests"))?;
            }
        }
        Ok(())
    }
}

/// Waits until all runs have ended; their reports.
async fn follow(api: &Api, ordered: Vec<Value>, terminal: &Terminal) -> Result<Vec<Value>, Error> {
    let wanted: HashSet<String> = ordered.iter().map(|run| text(&run["id"]).to_owned()).collect();
    let bar = terminal.progress(0, "reconciling");
    let mut told = HashSet::new();
    loop {
        let mut runs = runs_of(api.get(&PATH, &[("limit", "1000".to_owned())]).await?);
        runs.retain(|run| wanted.contains(text(&run["id"])));
        bar.set_length(runs.iter().map(|run| number(run, "total")).sum());
        bar.set_position(runs.iter().map(|run| number(run, "looked")).sum());
        for run in runs.iter().filter(|run| run["state"] == "waiting") {
            let line = format!(
                "account {} waits for calls until {}",
                text(&run["account"]),
                text(&run["waits_until"])
            );
            if told.insert(line.clone()) {
                bar.suspend(|| terminal.say(plain(&line)));
            }
        }
        let ended = runs.iter().filter(|run| !run["ended_at"].is_null()).count();
        if ended == wanted.len() {
            bar.finish_and_clear();
            return Ok(runs);
        }
        if runs.len() < wanted.len() {
            bar.finish_and_clear();
            let what =
                "the server does not know the look any more: it was started again, or another node answered";
            return Err(Error::failed(what, "look again: what was found before is not found twice"));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn runs_of(mut page: Value) -> Vec<Value> {
    page["result"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

fn number(run: &Value, name: &str) -> u64 {
    run[name].as_u64().unwrap_or_default()
}

fn cells(run: &Value) -> Vec<String> {
    let state = match (text(&run["state"]), run["dry_run"] == true, run["ask_connect"] == true) {
        ("done", true, _) => "done (dry run)",
        ("done", _, true) => "done (Connect was asked)",
        (state, ..) => state,
    };
    vec![
        text(&run["started_at"]).to_owned(),
        text(&run["account"]).to_owned(),
        text(&run["from"]).to_owned(),
        state.to_owned(),
        number(run, "looked").to_string(),
        number(run, "missed").to_string(),
        text(&run["missed_since"]).to_owned(),
    ]
}

//! `countersign quarantine`: authentic deliveries that could not be read, and what to do with them.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::base::limits;

use super::Error;
use super::api::{Api, ApiArgs};
use super::terminal::{BAD, GOOD, Terminal, plain};

/// List, show, release or drop deliveries that are in quarantine
#[derive(Debug, Subcommand)]
pub(super) enum Quarantine {
    List(List),
    Show(Show),
    /// Read deliveries again and apply what they say; those that still cannot be read stay where they are
    #[command(after_help = "Example:\n  countersign quarantine release 0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e")]
    Release(Resolve),
    /// End a quarantine without applying anything; the bytes stay until they are pruned
    #[command(after_help = "Example:\n  countersign quarantine drop 0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e")]
    Drop(Resolve),
}

/// List open quarantines, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign quarantine list
  countersign quarantine list --json | jq -r '.result[].id'")]
pub(super) struct List {
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = limits::PAGE_ROWS as u64,
          value_parser = clap::value_parser!(u64).range(1..=limits::PAGE_ROWS_MAX as u64))]
    limit: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Show one delivery: why it is in quarantine, its headers, and its bytes with --body
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign quarantine show 0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e
  countersign quarantine show 0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e --body message.xml")]
pub(super) struct Show {
    /// The delivery.
    id: String,
    /// Write its bytes, as received, to this file; `-` is stdout, and then nothing else is printed.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    body: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Deliveries to decide on
#[derive(Debug, Args)]
pub(super) struct Resolve {
    /// The deliveries.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Quarantine {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::List(list) => super::block_on(list.run(terminal)),
            Self::Show(show) => super::block_on(show.run(terminal)),
            Self::Release(resolve) => super::block_on(resolve.run("release", terminal)),
            Self::Drop(resolve) => super::block_on(resolve.run("drop", terminal)),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => plain(text),
        value => value.to_string(),
    }
}

impl List {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.connect()?;
        let found = api.get(&["v1", "quarantine"], &[("limit", self.limit.to_string())]).await?;
        if self.json {
            return terminal.json(&found);
        }
        let rows = found["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        let columns = ["id", "received_at", "source", "format", "body_bytes", "reason"];
        let header = ["DELIVERY", "RECEIVED", "SOURCE", "FORMAT", "BYTES", "REASON"];
        terminal.table(
            &header,
            rows.iter().map(|row| columns.iter().map(|column| text(&row[*column])).collect()),
        )?;
        if rows.is_empty() {
            terminal.say("nothing is in quarantine");
        }
        Ok(())
    }
}

impl Show {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.connect()?;
        let found = api.get(&["v1", "quarantine", &self.id], &[]).await?;
        if self.json {
            return terminal.json(&found);
        }
        if let Some(file) = &self.body {
            return write_body(&api, &self.id, file, terminal).await;
        }
        for name in
            ["id", "outcome", "reason", "source", "received_at", "format", "event", "account", "body_bytes"]
        {
            terminal.line(format_args!("{name:<12} {}", text(&found[name])))?;
        }
        terminal.line("headers")?;
        for (name, value) in headers(&found["headers"]) {
            terminal.line(format_args!("  {name}: {value}"))?;
        }
        Ok(())
    }
}

/// Headers as the API tells them: pairs of name and value.
fn headers(value: &Value) -> impl Iterator<Item = (String, String)> {
    value.as_array().into_iter().flatten().map(|pair| (text(&pair[0]), text(&pair[1])))
}

async fn write_body(api: &Api, id: &str, file: &Path, terminal: &Terminal) -> Result<(), Error> {
    let to_stdout = file.as_os_str() == "-";
    let open = || -> Result<Box<dyn Write>, Error> {
        if to_stdout {
            return Ok(Box::new(std::io::stdout()));
        }
        let file = std::fs::File::create(file).map_err(|why| {
            let what = format!("{} cannot be written: {why}", file.display());
            Error::failed(what, "name a file that you may write")
        })?;
        Ok(Box::new(file))
    };
    let length = api.download(&["v1", "deliveries", id], &[("raw", "true".to_owned())], open).await?;
    if !to_stdout {
        terminal.say(format_args!("{length} bytes written to {}", file.display()));
    }
    Ok(())
}

impl Resolve {
    async fn run(self, how: &'static str, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.connect()?;
        let mut results = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            results.push(resolve(&api, id, how).await);
        }
        let failed = results.iter().any(Result::is_err);
        if self.json {
            let each = self.ids.iter().zip(&results).map(|(id, result)| match result {
                Ok(answer) => json!({"id": id, "ok": true, "answer": answer}),
                Err(why) => json!({"id": id, "ok": false, "error": why.to_string(), "todo": why.todo()}),
            });
            terminal.json(&json!({"result": each.collect::<Vec<_>>()}))?;
        } else {
            for (id, result) in self.ids.iter().zip(&results) {
                match result {
                    Ok(answer) => {
                        let outcome = answer["outcome"].as_str().map(plain).unwrap_or_default();
                        terminal.line(format_args!("{id} {GOOD}{}{GOOD:#} {outcome}", past(how)))?;
                    }
                    Err(why) => {
                        terminal.line(format_args!("{id} {BAD}failed{BAD:#}"))?;
                        terminal.error(why);
                    }
                }
            }
        }
        if failed { Err(Error::No) } else { Ok(()) }
    }
}

fn past(how: &str) -> &'static str {
    if how == "release" { "released" } else { "dropped" }
}

async fn resolve(api: &Api, id: &str, how: &str) -> Result<Value, Error> {
    api.post(&["v1", "quarantine", id, how], None).await
}

//! `countersign demo`: everything in one process, told line by line as it happens.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clap::Args;
use serde_json::Value;

use crate::app::{self, Audience};
use crate::signing::Entry;
use crate::simulator::sender::Report;

use super::Error;
use super::args::ServerArgs;
use super::terminal::{BAD, DIM, GOOD, Terminal, WEAK, plain};

/// Run the server and a simulated DocuSign in one process, on a store of its own
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign demo
  countersign demo --broker amqp://guest:guest@localhost:5672/%2f
  countersign demo --seconds 10

Nothing needs to be set. The store lies in a folder of its own, which goes when the demo does, unless data_dir is set.")]
pub(super) struct Demo {
    /// End after so many seconds instead of at a signal.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    #[command(flatten)]
    server: ServerArgs,
}

impl Demo {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let loaded = self.server.loader()?.load()?;
        Ok(app::demo(loaded, self.seconds, Told { terminal: *terminal, kinds: BTreeMap::new() })?)
    }
}

/// Tells what happens: changes of signing requests on stdout, all else on stderr.
struct Told {
    terminal: Terminal,
    kinds: BTreeMap<String, u64>,
}

impl Audience for Told {
    fn started(&mut self, address: SocketAddr, publishes: bool) {
        self.terminal.say(format!("listening on http://{address}"));
        self.terminal.say(format!("dashboard            http://{address}/"));
        self.terminal.say(format!("changes, live        curl -N http://{address}/v1/changes/stream"));
        self.terminal.say(format!("link an account      countersign accounts link --url http://{address}"));
        self.terminal.say(if publishes {
            "publishing to the exchange `countersign` of the broker that is set"
        } else {
            "no broker is set, so changes wait in the store; set COUNTERSIGN_BROKER to publish them"
        });
        self.terminal.say("Ctrl-C ends it\n");
    }

    fn changed(&mut self, entry: &Entry) {
        let kind = entry.routing_key.split('.').next().unwrap_or_default();
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        if let Some(line) = line(kind, entry) {
            // A reader that has gone away (`demo | head`) does not end the server.
            let _ = self.terminal.line(line);
        }
    }

    fn ended(&mut self, report: Option<Report>) {
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        self.terminal.say(format!("changes: {}", kinds.join(", ")));
        if let Some(report) = report {
            let (sent, accepted, duplicate) = (report.sent, report.accepted, report.duplicate);
            self.terminal.say(format!("deliveries: {sent} sent, {accepted} accepted, {duplicate} duplicate"));
        }
    }
}

/// One line for a signing request that moved; everything else only counts.
fn line(kind: &str, entry: &Entry) -> Option<String> {
    if !matches!(kind, "signing_request" | "late" | "conflict") {
        return None;
    }
    let body: Value = serde_json::from_str(&entry.body).ok()?;
    let request = &body["signing_request"];
    let status = request["status"]["id"].as_str()?;
    let style = match status {
        "completed" => GOOD,
        "declined" | "voided" | "deleted" => BAD,
        _ if kind == "signing_request" => WEAK,
        _ => DIM,
    };
    let time = body["occurred_at"].as_str().and_then(|t| t.get(11..19)).unwrap_or_default();
    let before = request["previous_status"]["id"].as_str().unwrap_or("new");
    let name = plain(request["name"].as_str().unwrap_or("(no name)"));
    Some(format!(
        "{DIM}{time}{DIM:#}  {style}{status:<10}{style:#} {DIM}from {before:<10} #{:<3}{DIM:#} {name}",
        entry.sequence
    ))
}

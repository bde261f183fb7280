//! `countersign topology`: what the settings ask of RabbitMQ, declared, or compared with what is there.

mod management;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::broker::topology::{self, Kind};
use crate::broker::{Drift, Link, Part, Settings};
use crate::config::{self, Fault, Loaded, Origin, Report};

use super::Error;
use super::args::ServerArgs;
use super::terminal::{BAD, DIM, GOOD, Terminal, WEAK, plain};

use management::Management;

/// Plan, declare or check what RabbitMQ must have: the exchange, what catches the unrouted, the audit stream, queues
#[derive(Debug, Subcommand)]
pub(super) enum Topology {
    Plan(Plan),
    Apply(Apply),
    Check(Check),
}

/// Print what the settings ask for; connects to nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign topology plan
  countersign topology plan --json | jq '.parts[].part'")]
pub(super) struct Plan {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Declare it in RabbitMQ, as a running server does by itself; nothing is ever deleted
#[derive(Debug, Args)]
#[command(after_help = "Example:
  countersign topology apply

Exit codes: 0 all is as wanted, 1 something is not, 78 the settings cannot be used.")]
pub(super) struct Apply {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Compare it with what RabbitMQ has, and change nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign topology check
  countersign topology check --management http://127.0.0.1:15672
  countersign topology check --json | jq '.drifts[]'

Exit codes: 0 all that could be checked is as wanted, 1 something is not, 78 the settings cannot be used.")]
pub(super) struct Check {
    /// RabbitMQ's management API, which tells bindings and every argument [default: the settings' `broker_management`].
    /// Others on this machine can see arguments: a URL with a password is better off in COUNTERSIGN_BROKER_MANAGEMENT.
    #[arg(long, value_name = "URL")]
    management: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Topology {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::Plan(plan) => plan.run(terminal),
            Self::Apply(apply) => super::block_on(apply.run(terminal)),
            Self::Check(check) => super::block_on(check.run(terminal)),
        }
    }
}

/// The broker's settings, which these commands can do nothing without.
fn broker_of(loaded: &Loaded) -> Result<Settings, Error> {
    let fault = || Fault {
        key: "broker".to_owned(),
        variable: Some("COUNTERSIGN_BROKER".to_owned()),
        origin: Origin::Default,
        what: "no broker is set".to_owned(),
        todo: "write amqp://USER:PASSWORD@HOST:5672/%2f; `countersign topology plan` needs none".to_owned(),
    };
    loaded.settings.for_broker().ok_or_else(|| Error::Settings(Report { faults: vec![fault()] }))
}

async fn connect(settings: &Settings) -> Result<Link, Error> {
    let todo = "start RabbitMQ, or correct `broker` (COUNTERSIGN_BROKER): host, port, user, virtual host";
    Link::connect(settings).await.map_err(|why| Error::passing(why.to_string(), todo))
}

fn lost(why: crate::broker::Error) -> Error {
    Error::passing(why.to_string(), "look at RabbitMQ's log, and try again")
}

impl Plan {
    fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let loaded = self.server.loader()?.load()?;
        let parts = topology::plan(&loaded.settings.for_topology());
        if self.json {
            return terminal.json(&json!({"parts": parts.iter().map(Part::json).collect::<Vec<_>>()}));
        }
        parts.iter().try_for_each(|part| {
            terminal.line(&part.name)?;
            part.to_string().lines().try_for_each(|step| terminal.line(format_args!("  {}", plain(step))))
        })
    }
}

impl Apply {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let settings = broker_of(&self.server.loader()?.load()?)?;
        let link = connect(&settings).await?;
        let address = link.address().to_owned();
        let findings = link.declare(&settings).await.map_err(lost)?;
        link.close().await;
        let ok = findings.iter().all(|(_, outcome)| outcome.is_ok());
        if self.json {
            let part = |(part, outcome): &(String, Result<(), String>)| json!({"part": part, "declared": outcome.is_ok(), "what": outcome.as_ref().err()});
            let parts: Vec<Value> = findings.iter().map(part).collect();
            terminal.json(&json!({"ok": ok, "address": address, "parts": parts}))?;
        } else {
            for (part, outcome) in &findings {
                match outcome {
                    Ok(()) => terminal.line(format_args!("{GOOD}ok{GOOD:#}         {part}"))?,
                    Err(why) => {
                        terminal.line(format_args!("{BAD}failed{BAD:#}     {part}: {}", plain(why)))?
                    }
                }
            }
        }
        if ok { Ok(()) } else { Err(Error::No) }
    }
}

/// What a check found.
struct Checked {
    address: String,
    parts: Vec<Part>,
    drifts: Vec<Drift>,
    /// What could not be looked at, and what to do so that it can.
    unchecked: Vec<(String, String)>,
    /// Something that was asked for could not be looked at.
    incomplete: bool,
}

impl Check {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let flag = [("--management", "broker_management", &self.management)];
        let loaded = self.server.loader_with(&flag)?.load()?;
        let settings = broker_of(&loaded)?;
        let management = match &loaded.settings.broker_management {
            Some(url) => {
                let login = settings.login();
                let login = login.map_err(|why| Error::failed(why.to_string(), "correct `broker`"))?;
                Some(Management::new(url, login)?)
            }
            None => None,
        };
        let checked = Checked::look(&settings, management).await?;
        if self.json {
            terminal.json(&checked.json())?;
        } else {
            checked.print(terminal)?;
        }
        if checked.is_ok() { Ok(()) } else { Err(Error::No) }
    }
}

impl Checked {
    async fn look(settings: &Settings, management: Option<Management>) -> Result<Self, Error> {
        let link = connect(settings).await?;
        let (address, parts) = (link.address().to_owned(), topology::plan(settings));
        let mut unchecked = Vec::new();
        let asked = management.is_some();
        let seen = match &management {
            None => {
                let what = "bindings, which AMQP cannot list; of a queue's arguments it tells the first one that differs";
                let todo = "set broker_management or pass --management with the address of RabbitMQ's management API";
                unchecked.push((what.to_owned(), todo.to_owned()));
                None
            }
            Some(management) => match management.read(&topology::Seen::wanted(&parts)).await {
                Ok(seen) => Some(seen),
                Err(why) => {
                    let todo = why.todo().unwrap_or_default().to_owned();
                    unchecked.push((format!("bindings and all arguments, since {why}"), todo));
                    None
                }
            },
        };
        let incomplete = asked && seen.is_none();
        // What the management API tells is more than AMQP can, and reading it declares nothing.
        let drifts = match seen {
            Some(seen) => seen.compare(&parts),
            None => link.check(settings).await.map_err(lost)?,
        };
        link.close().await;
        Ok(Self { address, parts, drifts, unchecked, incomplete })
    }

    fn is_ok(&self) -> bool {
        !self.incomplete && !self.drifts.iter().any(|drift| drift.kind.is_fault())
    }

    fn json(&self) -> Value {
        let drift = |drift: &Drift| {
            json!({
                "part": drift.part, "kind": drift.kind.word(), "fault": drift.kind.is_fault(),
                "what": drift.what, "todo": drift.todo,
            })
        };
        let unchecked = |(what, todo): &(String, String)| json!({"what": what, "todo": todo});
        json!({
            "ok": self.is_ok(),
            "address": self.address,
            "parts": self.parts.iter().map(|part| &part.name).collect::<Vec<_>>(),
            "drifts": self.drifts.iter().map(drift).collect::<Vec<_>>(),
            "unchecked": self.unchecked.iter().map(unchecked).collect::<Vec<_>>(),
        })
    }

    fn print(&self, terminal: &Terminal) -> Result<(), Error> {
        let todo = |todo: &str| terminal.line(format_args!("{:<11}{DIM}{}{DIM:#}", "", plain(todo)));
        for part in &self.parts {
            let of_it: Vec<&Drift> = self.drifts.iter().filter(|drift| drift.part == part.name).collect();
            if !of_it.iter().any(|drift| drift.kind.is_fault()) {
                terminal.line(format_args!("{GOOD}ok{GOOD:#}         {}", part.name))?;
            }
            for drift in of_it {
                let (style, word) = match drift.kind {
                    Kind::Missing | Kind::Differs | Kind::Unbound => (BAD, "DRIFT"),
                    Kind::Unclear => (BAD, "unclear"),
                    Kind::More => (WEAK, "more"),
                };
                let what = plain(&drift.what);
                terminal.line(format_args!("{style}{word:<10}{style:#} {}: {what}", drift.part))?;
                todo(&drift.todo)?;
            }
        }
        for (what, what_to_do) in &self.unchecked {
            terminal.line(format_args!("{WEAK}unchecked{WEAK:#}  {}", plain(what)))?;
            todo(what_to_do)?;
        }
        Ok(())
    }
}

/// A URL of the management API as it may be shown.
fn shown(url: &secrecy::SecretString) -> String {
    config::without_password(url)
}

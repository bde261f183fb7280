//! `countersign check`: tries everything that a server needs, and says of each part what to do.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use crate::base::books::{equations, imbalances, row_equations};
use crate::base::{AccountId, Dice, SystemClock};
use crate::broker::{self, Link};
use crate::config::{Fault, Loaded, Settings, StoreSetting};
use crate::rest::{self, Client};
use crate::store::Store;
use crate::telemetry::Metrics;

use super::Error;
use super::args::ServerArgs;
use super::terminal::{BAD, DIM, GOOD, Terminal, WEAK, plain};

/// Try the settings, the store, the broker and its topology, and DocuSign's OAuth with --online
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign check
  countersign check --books
  countersign check --online --json | jq '.lines[] | select(.state == \"failed\")'

Exit codes: 0 nothing failed, 1 something failed, 78 the settings cannot be used.")]
pub(super) struct Check {
    /// Count every row of the store and audit the books: minutes on a large store.
    #[arg(long)]
    books: bool,
    /// Ask DocuSign for a token too.
    #[arg(long)]
    online: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// How a part is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Weak,
    Failed,
    Skipped,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One thing that was tried.
#[derive(Debug)]
struct Line {
    part: &'static str,
    state: State,
    what: String,
    todo: Option<String>,
}

impl Line {
    fn new(part: &'static str, state: State, what: impl Into<String>) -> Self {
        Self { part, state, what: what.into(), todo: None }
    }

    fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }

    fn json(&self) -> Value {
        json!({"part": self.part, "state": self.state.word(), "what": self.what, "todo": self.todo})
    }

    fn print(&self, terminal: &Terminal) -> Result<(), Error> {
        let style = match self.state {
            State::Ok => GOOD,
            State::Weak => WEAK,
            State::Failed => BAD,
            State::Skipped => DIM,
        };
        let (word, what) = (self.state.word(), plain(&self.what));
        terminal.line(format_args!("{style}{word:<8}{style:#} {:<9} {what}", self.part))?;
        match &self.todo {
            Some(todo) => terminal.line(format_args!("{:<19}{DIM}{}{DIM:#}", "", plain(todo))),
            None => Ok(()),
        }
    }
}

impl Check {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let loaded = self.server.loader()?.load()?;
        let (books, online) = (self.books, self.online);
        let lines = super::block_on(async move { Ok(try_all(&loaded, books, online).await) })?;
        let failed = lines.iter().any(|line| line.state == State::Failed);
        if self.json {
            let lines: Vec<Value> = lines.iter().map(Line::json).collect();
            terminal.json(&json!({"ok": !failed, "lines": lines}))?;
        } else {
            lines.iter().try_for_each(|line| line.print(terminal))?;
        }
        if failed { Err(Error::No) } else { Ok(()) }
    }
}

async fn try_all(loaded: &Loaded, books: bool, online: bool) -> Vec<Line> {
    let mut lines = settings(&loaded.warnings);
    lines.extend(store(&loaded.settings, books).await);
    match loaded.settings.for_broker() {
        Some(broker) => lines.extend(self::broker(&broker).await),
        None => lines.push(Line::new("broker", State::Skipped, "none is set: changes wait in the store")),
    }
    lines.push(match (online, loaded.settings.for_rest()) {
        (false, _) => Line::new("oauth", State::Skipped, "not asked for: pass --online"),
        (true, None) => {
            Line::new("oauth", State::Skipped, "no credentials are set: changes are not enriched")
        }
        (true, Some(rest)) => oauth(rest).await,
    });
    lines
}

fn settings(warnings: &[Fault]) -> Vec<Line> {
    let weak = warnings.iter().map(|fault| {
        let what = format!("{}: {}", fault.key, fault.what);
        Line::new("settings", State::Weak, what).todo(fault.todo.clone())
    });
    std::iter::once(Line::new("settings", State::Ok, "all can be used")).chain(weak).collect()
}

/// Opens the store as a server would, writes to it, and audits its books where asked for.
async fn store(settings: &Settings, books: bool) -> Vec<Line> {
    let shown = match &settings.store {
        StoreSetting::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreSetting::Postgres(url) => crate::config::without_password(url),
    };
    let store = match Store::open(&settings.for_store(Dice::from_system().uuid().to_string())) {
        Ok(store) => store,
        Err(why) => {
            let todo = if books {
                "where a running server holds it, ask that one: GET /v1/books?deep"
            } else {
                "where a running server holds it, ask that one: GET /readyz?verbose"
            };
            return vec![Line::new("store", State::Failed, why.to_string()).todo(todo)];
        }
    };
    let written = store.probe().await;
    let audited = if books { audit(&store).await } else { Vec::new() };
    store.close().await;
    let written = match written {
        Ok(()) => Line::new("store", State::Ok, format!("{shown} was opened and written")),
        Err(why) => Line::new("store", State::Failed, format!("{shown} cannot be written: {why}"))
            .todo("free space on its disk, and let this user write to its folder"),
    };
    std::iter::once(written).chain(audited).collect()
}

/// Counts every row, and says of each equation that does not balance what it means.
async fn audit(store: &Store) -> Vec<Line> {
    let (counts, rows) = match store.books_by_hand().await {
        Ok(counted) => counted,
        Err(why) => return vec![Line::new("books", State::Failed, format!("they cannot be read: {why}"))],
    };
    let all: Vec<_> = equations(&counts).into_iter().chain(row_equations(&counts, &rows)).collect();
    let mut lines: Vec<Line> = imbalances(&all)
        .map(|equation| {
            Line::new("books", State::Failed, equation.to_string())
                .todo("docs/operations.md says what to do where the books do not balance")
        })
        .collect();
    lines.extend(rows.places.iter().map(|place| Line::new("books", State::Failed, place.clone())));
    if lines.is_empty() {
        let what = format!(
            "all {} equations balance: {} deliveries and {} changes were counted one by one",
            all.len(),
            rows.deliveries,
            rows.changes
        );
        lines.push(Line::new("books", State::Ok, what));
    }
    lines
}

/// Tries each address, then declares by the first that answers, as the relay would.
async fn broker(settings: &broker::Settings) -> Vec<Line> {
    let mut lines = match Link::try_each(settings).await {
        Ok(outcomes) => addresses(outcomes),
        Err(why) => vec![Line::new("broker", State::Failed, why.to_string()).todo(BROKER)],
    };
    if lines.iter().any(|line| line.state == State::Ok) {
        lines.extend(topology(settings).await);
    }
    lines
}

const BROKER: &str =
    "start RabbitMQ, or correct `broker` (COUNTERSIGN_BROKER): host, port, user, virtual host";

/// One that does not answer is a failure only where none does: the relay goes on to the next.
fn addresses(outcomes: Vec<(String, Result<(), String>)>) -> Vec<Line> {
    let any = outcomes.iter().any(|(_, outcome)| outcome.is_ok());
    let line = |(address, outcome): (String, Result<(), String>)| match outcome {
        Ok(()) => Line::new("broker", State::Ok, format!("{address}: connected")),
        Err(why) if any => Line::new("broker", State::Weak, format!("{address}: {why}"))
            .todo("another address answers, so changes are published; bring this one back, or leave it out"),
        Err(why) => Line::new("broker", State::Failed, format!("{address}: {why}")).todo(BROKER),
    };
    outcomes.into_iter().map(line).collect()
}

async fn topology(settings: &broker::Settings) -> Vec<Line> {
    let lost = |why: broker::Error| {
        vec![
            Line::new("topology", State::Failed, why.to_string())
                .todo("look at RabbitMQ's log, and try again"),
        ]
    };
    let link = match Link::connect(settings).await {
        Ok(link) => link,
        Err(why) => return lost(why),
    };
    let found = link.declare(settings).await;
    link.close().await;
    let line = |(part, outcome): (String, Result<(), String>)| match outcome {
        Ok(()) => Line::new("topology", State::Ok, format!("{part} is declared")),
        Err(why) => Line::new("topology", State::Failed, format!("{part}: {why}"))
            .todo("`countersign topology check` tells each difference, and what to do about it"),
    };
    found.map_or_else(lost, |found| found.into_iter().map(line).collect())
}

/// Asks DocuSign for a token, and whose accounts it opens.
async fn oauth(settings: rest::Settings) -> Line {
    let shown = settings.auth_url.clone();
    let asked = async {
        let client = Client::new(settings, Arc::new(SystemClock), Dice::from_system(), Metrics::default())?;
        client.accounts().await
    };
    match asked.await {
        Ok(accounts) => {
            let ids: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
            Line::new("oauth", State::Ok, format!("{shown} lets us in to {}", ids.join(", ")))
        }
        Err(why) => Line::new("oauth", State::Failed, format!("{shown}: {why}")).todo(match why {
            rest::Error::ConsentRequired { .. } => "open that address once as that user, and allow access",
            rest::Error::Unauthorized(_) | rest::Error::Refused(_) => {
                "check client_id, user_id, private_key and access_token, and that auth_url is the demo's or \
                 production's as they are"
            }
            rest::Error::Connection(_) => "check docusign.auth_url and the way out of this machine",
            rest::Error::Settings(_) => "correct that setting",
            _ => "try again later; nothing is lost meanwhile, enriched messages only come later",
        }),
    }
}

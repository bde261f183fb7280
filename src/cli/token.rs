//! `countersign token`: tokens of the HTTP API are made, listed and revoked.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::base::{Scope, limits};

use super::Error;
use super::api::{Api, ApiArgs};
use super::terminal::{Terminal, plain};

const DAY: u64 = 24 * 3600;

/// Make, list and revoke tokens of the HTTP API
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token: its text is printed, and never shown again
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign token create billing --scope read
  countersign token create crm --scope write --account 8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11 --days 90
  TOKEN=$(countersign token create ci --scope read --days 1)

Scopes: `read` sees; `write` also replays, links accounts and makes calls that change something; `admin` also makes and
revokes tokens, seals credentials anew and removes linked accounts. From the first token on, every caller needs one.")]
pub(super) struct Create {
    /// What it is for, in your words.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it allows: read, write or admin.
    #[arg(long, value_parser = scope)]
    scope: Scope,
    /// An account that it is for: DocuSign's id, or an integrated account's; repeatable [default: all].
    #[arg(long = "account", value_name = "ID")]
    accounts: Vec<String>,
    /// How many days it is good [default: until it is revoked].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=limits::TOKEN_LIFE_RANGE.1.as_secs() / DAY))]
    days: Option<u64>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// List tokens: what each may do, and when it was last used
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign token list
  countersign token list --json | jq -r '.result[] | select(.last_used_at == null) | .id'")]
pub(super) struct List {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Revoke a token: it lets nobody in any more
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign token revoke 0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44")]
pub(super) struct Revoke {
    /// The token's id, as `token list` shows it.
    #[arg(value_name = "ID")]
    id: String,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

fn scope(text: &str) -> Result<Scope, &'static str> {
    Scope::from_word(text).ok_or("write read, write or admin")
}

impl Token {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::Create(create) => super::block_on(create.run(terminal)),
            Self::List(list) => super::block_on(list.run(terminal)),
            Self::Revoke(revoke) => super::block_on(revoke.run(terminal)),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| "–".to_owned(), plain)
}

impl Create {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let mut wanted = json!({"name": self.name, "scope": self.scope.word()});
        if !self.accounts.is_empty() {
            wanted["accounts"] = json!(self.accounts);
        }
        if let Some(days) = self.days {
            wanted["expires_in"] = json!(days * DAY);
        }
        let made = self.api.connect()?.post(&["v1", "tokens"], Some(&wanted)).await?;
        if self.json {
            return terminal.json(&made);
        }
        terminal.line(text(&made["token"]))?;
        let end = made["expires_at"]
            .as_str()
            .map_or_else(|| "until it is revoked".to_owned(), |at| format!("until {at}"));
        terminal
            .say(format_args!("token {} is good {end}; keep it: it is not shown again", text(&made["id"])));
        Ok(())
    }
}

/// All tokens, page by page.
async fn all(api: &Api) -> Result<Vec<Value>, Error> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut query = vec![("limit", limits::PAGE_ROWS_MAX.to_string())];
        query.extend(after.take().map(|after| ("after", after)));
        let mut page = api.get(&["v1", "tokens"], &query).await?;
        let rows = page["result"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let next = page["next_cursor"].as_str().map(str::to_owned);
        let more = !rows.is_empty() && found.len() < limits::CLI_ROWS_MAX;
        found.extend(rows);
        match next {
            Some(next) if more => after = Some(next),
            _ => return Ok(found),
        }
    }
}

/// The row of a token: what stands for its end is how it ended, where it did.
fn cells(row: &Value) -> Vec<String> {
    let accounts: Vec<_> = row["accounts"].as_array().into_iter().flatten().map(text).collect();
    let accounts = if accounts.is_empty() { "all".to_owned() } else { accounts.join(" ") };
    let end = match (row["revoked_at"].as_str(), row["expires_at"].as_str()) {
        (Some(at), _) => format!("revoked {}", plain(at)),
        (None, Some(at)) => plain(at),
        (None, None) => "–".to_owned(),
    };
    let last_used = text(&row["last_used_at"]);
    vec![text(&row["id"]), text(&row["scope"]), text(&row["name"]), last_used, end, accounts]
}

impl List {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let found = all(&self.api.connect()?).await?;
        if self.json {
            return terminal.json(&json!({"result": found}));
        }
        terminal.table(&["ID", "SCOPE", "NAME", "LAST USED", "ENDS", "ACCOUNTS"], found.iter().map(cells))?;
        if found.is_empty() {
            terminal.say("there is no token: `countersign token create` makes one");
        }
        Ok(())
    }
}

impl Revoke {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let gone = self.api.connect()?.delete(&["v1", "tokens", &self.id]).await?;
        if self.json {
            terminal.json(&gone)
        } else {
            terminal.line(format_args!("{} revoked", text(&gone["id"])))
        }
    }
}

//! `countersign accounts`: the DocuSign accounts that are linked, linking one more, and removing one.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::base::limits;

use super::Error;
use super::api::{Api, ApiArgs};
use super::terminal::{GOOD, Terminal, plain};

/// How often it is looked whether the user is done.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// List linked accounts, link one, or remove one
#[derive(Debug, Subcommand)]
pub(super) enum Accounts {
    List(List),
    Link(Link),
    Remove(Remove),
}

/// List linked accounts and where each stands
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign accounts list
  countersign accounts list --state needs_reauth --json | jq -r '.result[].id'")]
pub(super) struct List {
    /// Only those in this state: connecting, active, needs_reauth or validation_error.
    #[arg(long)]
    state: Option<String>,
    /// Only this tenant's.
    #[arg(long)]
    tenant: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Link an account: prints the address for its user to open in a browser, and waits until it is linked
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign accounts link --tenant acme
  countersign accounts link --again 0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44
  countersign accounts link --no-wait --json | jq -r .url
  countersign accounts link --jwt --user 4a9b1c5e-2f3d-4a6b-9c8d-7e6f5a4b3c2d

With --jwt no browser is needed but once, for the user's consent: where that is missing, its address is told.
Exit codes: 0 the account is active (or, with --no-wait, the link is made), 1 it is not.")]
pub(super) struct Link {
    /// Whose account it will be, in your words.
    #[arg(long, conflicts_with = "again")]
    tenant: Option<String>,
    /// The one DocuSign account that may be chosen [default: the user chooses; with --jwt, the user's default].
    #[arg(long, value_name = "ID", conflicts_with = "again")]
    account: Option<String>,
    /// The integrated account to link again; its id stays.
    #[arg(long, value_name = "ID")]
    again: Option<String>,
    /// Where the user goes afterwards.
    #[arg(long, value_name = "URL")]
    redirect: Option<String>,
    /// How many seconds the link is good.
    #[arg(long, value_name = "SECONDS", default_value_t = limits::LINK_LIFE.as_secs(),
          value_parser = clap::value_parser!(u64)
              .range(limits::LINK_LIFE_RANGE.0.as_secs()..=limits::LINK_LIFE_RANGE.1.as_secs()))]
    expires_in: u64,
    /// Only make the link.
    #[arg(long)]
    no_wait: bool,
    /// Ask with our own key, in the name of a user who consented.
    #[arg(long, requires = "user", conflicts_with_all = ["again", "redirect", "no_wait"])]
    jwt: bool,
    /// That user, a GUID.
    #[arg(long, value_name = "GUID", requires = "jwt")]
    user: Option<String>,
    /// Print one JSON document: the account, or with --no-wait the link.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Remove a linked account and forget its credentials
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign accounts remove 0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44")]
pub(super) struct Remove {
    /// The integrated account.
    #[arg(value_name = "ID")]
    id: String,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Accounts {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::List(list) => super::block_on(list.run(terminal)),
            Self::Link(link) => super::block_on(link.run(terminal)),
            Self::Remove(remove) => super::block_on(remove.run(terminal)),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| "–".to_owned(), plain)
}

/// All accounts of a filter, page by page.
async fn all(api: &Api, filter: &[(&str, Option<String>)]) -> Result<Vec<Value>, Error> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let given = filter.iter().filter_map(|(name, value)| Some((*name, value.clone()?)));
        let mut query: Vec<_> = given.chain([("limit", limits::PAGE_ROWS_MAX.to_string())]).collect();
        query.extend(after.take().map(|after| ("after", after)));
        let mut page = api.get(&["integrated-account"], &query).await?;
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

impl List {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let found = all(&self.api.connect()?, &[("state", self.state), ("tenant_id", self.tenant)]).await?;
        if self.json {
            return terminal.json(&json!({"result": found}));
        }
        let header = ["ID", "STATE", "ACCOUNT", "NAME", "TENANT", "GRANT", "REASON"];
        let columns = ["id", "state", "account_id", "name", "tenant_id", "grant", "reason"];
        let cells = |row: &Value| columns.iter().map(|column| text(&row[*column])).collect();
        terminal.table(&header, found.iter().map(cells))?;
        if found.is_empty() {
            terminal.say("no account is linked: `countersign accounts link` links one");
        }
        Ok(())
    }
}

impl Link {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        if self.jwt {
            return self.impersonate(terminal).await;
        }
        let api = self.api.clone().connect()?;
        let before = self.candidates(&api).await?;
        let begun = Instant::now();
        let wanted = [
            ("tenant_id", &self.tenant),
            ("account_id", &self.account),
            ("integrated_account_id", &self.again),
            ("redirect_uri", &self.redirect),
        ];
        let mut body = given(&wanted);
        body["expires_in"] = json!(self.expires_in);
        let made = api.post(&["link-token"], Some(&body)).await?;
        let url = text(&made["url"]);
        if self.no_wait {
            return if self.json { terminal.json(&made) } else { terminal.line(url) };
        }
        // Without a document to print, the address is what is asked for.
        if self.json {
            terminal.say(format_args!("open in a browser: {url}"));
        } else {
            terminal.line(&url)?;
        }
        terminal.say(format_args!(
            "waiting for the user until {}; Ctrl-C ends the waiting, and the link stays good",
            text(&made["expires_at"])
        ));
        let until = begun + Duration::from_secs(self.expires_in);
        loop {
            let now = self.candidates(&api).await?;
            // An account that was not there, or that was written since.
            let linked = now.iter().find(|row| row["state"] != "connecting" && !before.contains(row));
            if let Some(account) = linked {
                return self.told(account, terminal);
            }
            if Instant::now() >= until {
                let todo = "make another link, and have it opened in time";
                return Err(Error::failed("nobody linked an account while the link was good", todo));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The accounts that can come of the link, as they are.
    async fn candidates(&self, api: &Api) -> Result<Vec<Value>, Error> {
        let mut found = all(api, &[("tenant_id", self.tenant.clone())]).await?;
        found.retain(|row| self.again.is_none() || row["id"].as_str() == self.again.as_deref());
        found.retain(|row| self.account.is_none() || row["account_id"].as_str() == self.account.as_deref());
        Ok(found)
    }

    async fn impersonate(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.clone().connect()?;
        let mut body =
            given(&[("tenant_id", &self.tenant), ("account_id", &self.account), ("user_id", &self.user)]);
        body["grant"] = json!("jwt");
        let account = api.post(&["integrated-account"], Some(&body)).await?;
        self.told(&account, terminal)
    }

    fn told(&self, account: &Value, terminal: &Terminal) -> Result<(), Error> {
        if self.json {
            terminal.json(account)?;
        } else {
            let (id, name, state) = (text(&account["id"]), text(&account["name"]), text(&account["state"]));
            terminal
                .line(format_args!("{id} {GOOD}{state}{GOOD:#} {} {name}", text(&account["account_id"])))?;
        }
        match account["state"].as_str() {
            Some("active") => Ok(()),
            _ => Err(Error::failed(
                format!("DocuSign refuses calls with the account: {}", text(&account["reason"])),
                "have an administrator of the account mend that, then POST /integrated-account/refresh-credentials",
            )),
        }
    }
}

/// A body with what was given.
fn given(fields: &[(&str, &Option<String>)]) -> Value {
    let mut body = json!({});
    for (name, value) in fields {
        if let Some(value) = value {
            body[*name] = json!(value);
        }
    }
    body
}

impl Remove {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let gone = self.api.connect()?.delete(&["integrated-account", &self.id]).await?;
        if self.json {
            terminal.json(&gone)
        } else {
            terminal.line(format_args!("{} removed", text(&gone["id"])))
        }
    }
}

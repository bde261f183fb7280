//! `countersign connect`: an account's Connect configurations shown, examined, and brought in order.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Error;
use super::api::ApiArgs;
use super::terminal::{BAD, DIM, GOOD, Terminal, WEAK, plain};

/// Show, examine and set up an account's Connect configurations
#[derive(Debug, Subcommand)]
pub(super) enum Connect {
    Show(Show),
    Lint(Lint),
    Register(Register),
}

/// Show the configurations, and which of them publish here
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign connect show
  countersign connect show --account 8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11 --json")]
pub(super) struct Show {
    #[command(flatten)]
    of: Of,
}

/// Tell what is wrong with those that publish here: what it costs, and how to mend it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign connect lint
  countersign connect lint --public-url https://hooks.example.com

Exit codes: 0 no faults, 1 faults (advice is none).")]
pub(super) struct Lint {
    #[command(flatten)]
    of: Of,
}

/// Make the configuration that publishes here, or mend it; done again, it changes nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign connect register --public-url https://hooks.example.com --dry-run
  countersign connect register --name countersign

It needs a user who administers the account. The key that signs is made in DocuSign's own pages: Connect, Connect Keys.")]
pub(super) struct Register {
    /// Name of a new configuration.
    #[arg(long, default_value = "countersign")]
    name: String,
    /// Publish to this source: /connect/NAME.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only tell what would be changed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    of: Of,
}

/// Which accounts, and how it is printed.
#[derive(Debug, Args)]
struct Of {
    /// Only this account [default: all that are linked, or that the credentials of the settings open].
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Where DocuSign reaches the server, without /connect [default: the setting `public_url`].
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Connect {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        super::block_on(async {
            match self {
                Self::Show(show) => show.of.show(terminal).await,
                Self::Lint(lint) => lint.of.lint(terminal).await,
                Self::Register(register) => register.register(terminal).await,
            }
        })
    }
}

impl Of {
    async fn examined(&self) -> Result<Vec<Value>, Error> {
        let api = self.api.clone().connect()?;
        let given = [("account", &self.account), ("public_url", &self.public_url)];
        let query: Vec<_> =
            given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        Ok(results(api.get(&["v1", "connect"], &query).await?))
    }

    async fn show(&self, terminal: &Terminal) -> Result<(), Error> {
        let all = self.examined().await?;
        if self.json {
            return terminal.json(&json!({"result": all}));
        }
        let header = ["ACCOUNT", "ID", "NAME", "HERE", "PUBLISHES", "URL"];
        let rows = all.iter().flat_map(|view| {
            let each = view["configurations"].as_array().map(Vec::as_slice).unwrap_or_default();
            each.iter().map(|one| {
                let word = |value: &Value| text(value).to_owned();
                let here = if one["ours"] == true { "yes" } else { "no" };
                let publishes = word(&one["raw"]["allowEnvelopePublish"]);
                let (id, name, url) = (word(&one["connect_id"]), word(&one["name"]), word(&one["url"]));
                vec![word(&view["account"]), id, name, here.to_owned(), publishes, url]
            })
        });
        terminal.table(&header, rows)
    }

    async fn lint(&self, terminal: &Terminal) -> Result<(), Error> {
        let all = self.examined().await?;
        let findings = || {
            all.iter().flat_map(|view| {
                let each = view["findings"].as_array().map(Vec::as_slice).unwrap_or_default();
                each.iter().map(move |finding| (text(&view["account"]), finding))
            })
        };
        if self.json {
            terminal.json(&json!({"result": all}))?;
        } else {
            findings().try_for_each(|(account, finding)| print(account, finding, terminal))?;
            if findings().next().is_none() {
                terminal.line(format_args!("{GOOD}ok{GOOD:#} nothing is wrong"))?;
            }
        }
        let faulty = findings().any(|(_, finding)| finding["severity"] == "fault");
        if faulty { Err(Error::No) } else { Ok(()) }
    }
}

impl Register {
    async fn register(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.of.api.clone().connect()?;
        let mut wanted = json!({"name": self.name, "dry_run": self.dry_run});
        if let Some(own) = &self.of.public_url {
            let own = own.trim_end_matches('/');
            let path = self.source.as_ref().map_or_else(String::new, |source| format!("/{source}"));
            wanted["url"] = json!(format!("{own}/connect{path}"));
        } else if self.source.is_some() {
            let todo = "pass --public-url too";
            return Err(Error::usage("a source alone makes no address", todo));
        }
        if let Some(account) = &self.of.account {
            wanted["account"] = json!(account);
        }
        let all = results(api.post(&["v1", "connect", "register"], Some(&wanted)).await?);
        if self.of.json {
            return terminal.json(&json!({"result": all}));
        }
        for done in &all {
            let would = if self.dry_run { "would be " } else { "" };
            let (account, url) = (text(&done["account"]), plain(text(&done["url"])));
            terminal.line(format_args!("{account}: {url}: {would}{}", text(&done["done"])))?;
            for change in done["changed"].as_array().into_iter().flatten() {
                let (from, to) = (plain(&change["from"].to_string()), plain(&change["to"].to_string()));
                terminal.line(format_args!("  {}: {from} → {to}", text(&change["field"])))?;
            }
        }
        Ok(())
    }
}

fn print(account: &str, finding: &Value, terminal: &Terminal) -> Result<(), Error> {
    let style = if finding["severity"] == "fault" { BAD } else { WEAK };
    let which = finding["connect_id"].as_str().map(|id| format!(", configuration {id}")).unwrap_or_default();
    let (severity, what) = (text(&finding["severity"]), plain(text(&finding["what"])));
    terminal.line(format_args!("{style}{severity:<7}{style:#} account {account}{which}: {what}"))?;
    terminal.line(format_args!("{:<8}{}", "", plain(text(&finding["cost"]))))?;
    terminal.line(format_args!("{:<8}{DIM}{}{DIM:#}", "", plain(text(&finding["todo"]))))
}

fn results(mut page: Value) -> Vec<Value> {
    page["result"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("–")
}

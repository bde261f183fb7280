//! `countersign vault`: the key that seals stored credentials.

use clap::{Args, Subcommand};

use super::Error;
use super::api::ApiArgs;
use super::terminal::Terminal;

/// The key that seals stored credentials
#[derive(Debug, Subcommand)]
pub(super) enum Vault {
    Rotate(Rotate),
}

/// Seal stored credentials with the present vault_key
#[derive(Debug, Args)]
#[command(after_help = "Example, to exchange the key:
  1. set vault_key_previous to the present key and vault_key to a new one, and restart every node
  2. countersign vault rotate
  3. once nothing is unreadable, remove vault_key_previous")]
pub(super) struct Rotate {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Vault {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let Self::Rotate(rotate) = self;
        super::block_on(rotate.run(terminal))
    }
}

impl Rotate {
    async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.connect()?;
        let answer = api.post(&["v1", "vault", "rotate"], None).await?;
        if self.json {
            terminal.json(&answer)?;
        } else {
            let count = |key: &str| answer[key].as_u64().unwrap_or(0);
            terminal.line(format_args!(
                "{} sealed anew, {} unreadable",
                count("resealed"),
                count("unreadable")
            ))?;
        }
        match answer["unreadable"].as_u64() {
            Some(0) => Ok(()),
            _ => Err(Error::failed(
                "some accounts' credentials open with neither vault_key nor vault_key_previous",
                "set the key that sealed them as vault_key_previous, or have those accounts linked again",
            )),
        }
    }
}

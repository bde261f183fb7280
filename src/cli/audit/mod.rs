//! `countersign audit`: what can be proved of what was received.

mod export;
mod verify;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::app;
use crate::evidence::PublicKey;

use super::Error;
use super::api::ApiArgs;
use super::terminal::Terminal;

/// Verify the chain of evidence, take a signing request's part out of it, or show the key that signs it
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    Verify(verify::Verify),
    Export(export::Export),
    Key(Key),
}

/// Show the public half of the key that signs this node's checkpoints: note it down elsewhere
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign audit key
  countersign audit key --url https://countersign.example.com")]
pub(super) struct Key {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

impl Audit {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::Verify(verify) => verify.run(terminal),
            Self::Export(export) => export.run(terminal),
            Self::Key(key) => key.run(terminal),
        }
    }
}

impl Key {
    fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let key = if self.api.names_a_server() {
            let asked = async { self.api.connect()?.get(&["v1", "audit"], &[]).await };
            let told = super::block_on(asked)?["public_key"].as_str().unwrap_or_default().parse();
            told.map_err(|why: String| Error::failed(why, "check that --url names a countersign server"))?
        } else {
            own_key(&self.api)?.ok_or_else(|| {
                Error::failed("there is no key yet", "start the server once: it makes one, or set audit_key")
            })?
        };
        if self.json {
            return terminal.json(&json!({"public_key": key.to_string()}));
        }
        terminal.line(key)
    }
}

/// The public half of the key that the settings give, or that lies in the data folder.
fn own_key(api: &ApiArgs) -> Result<Option<PublicKey>, Error> {
    Ok(app::audit_key(&api.load()?.settings)?)
}

//! `countersign config`: the settings in force, and the reference of all of them.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::config;

use super::Error;
use super::args::ServerArgs;
use super::terminal::{Terminal, WEAK};

/// Show the settings in force, or the reference of all settings
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    Print(Print),
    /// Print a settings file with every key, its meaning, its default and its variable
    #[command(after_help = "Example:\n  countersign config reference > countersign.toml")]
    Reference,
}

/// Print the settings in force and where each one comes from; secrets are not shown
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign config print
  countersign config print --config prod.toml --json | jq '.settings[] | select(.origin.kind != \"default\")'")]
pub(super) struct Print {
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

impl Config {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::Reference => terminal.raw(config::reference().as_bytes()),
            Self::Print(print) => print.run(terminal),
        }
    }
}

impl Print {
    fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let loaded = self.server.loader()?.load()?;
        if self.json {
            let settings: Vec<_> = loaded.rows.iter().map(config::Row::json).collect();
            let warnings: Vec<_> = loaded.warnings.iter().map(warning).collect();
            return terminal.json(&json!({"settings": settings, "warnings": warnings}));
        }
        let row = |row: &config::Row| vec![row.key.clone(), row.to_string(), row.origin.to_string()];
        terminal.table(&["KEY", "VALUE", "FROM"], loaded.rows.iter().map(row))?;
        for warning in &loaded.warnings {
            terminal.say(format_args!("{WEAK}warning:{WEAK:#} {warning}"));
        }
        Ok(())
    }
}

fn warning(fault: &config::Fault) -> serde_json::Value {
    json!({"key": fault.key, "variable": fault.variable, "what": fault.what, "todo": fault.todo})
}

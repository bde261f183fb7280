//! The command line: one file per command.
//!
//! stdout carries data, stderr talk. Exit codes: 0 done, 1 failed, 2 usage, 78 settings.

mod accounts;
mod api;
mod args;
mod audit;
mod check;
mod config;
mod connect;
mod demo;
mod error;
mod events;
mod keys;
mod pages;
mod quarantine;
mod reconcile;
mod replay;
mod serve;
mod signature;
mod simulate;
pub mod sse;
mod terminal;
mod token;
mod topology;
mod trace;
mod vault;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::Error;

use terminal::Terminal;

const ABOUT: &str = "Turns DocuSign Connect deliveries into ordered, enriched signing-request changes on RabbitMQ, \
                     losing none.";
const EXAMPLES: &str = "\
Examples:
  countersign demo                              everything in one process, with simulated traffic
  countersign config reference > countersign.toml
  countersign check --online                    try settings, store, broker and OAuth
  countersign serve                             receive, relay, enrich and serve the API
  countersign events tail --json                follow what happens

Exit codes: 0 done, 1 failed, 2 usage, 78 settings.";

#[derive(Debug, Parser)]
#[command(name = "countersign", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 110)]
struct Cli {
    /// When to colour: where the output is a terminal, always, or never.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Simulate(simulate::Simulate),
    Check(check::Check),
    #[command(subcommand)]
    Signature(signature::Signature),
    #[command(subcommand)]
    Events(events::Events),
    Trace(trace::Trace),
    Replay(replay::Replay),
    Reconcile(reconcile::Reconcile),
    #[command(subcommand)]
    Connect(connect::Connect),
    #[command(subcommand)]
    Quarantine(quarantine::Quarantine),
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    #[command(subcommand)]
    Token(token::Token),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Topology(topology::Topology),
    #[command(subcommand)]
    Vault(vault::Vault),
    #[command(subcommand)]
    Config(config::Config),
    Completions(pages::Completions),
    Man(pages::Man),
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors: clap knows which stream and which code each one has.
            let printed = error.print();
            return ExitCode::from(if printed.is_ok() {
                u8::try_from(error.exit_code()).unwrap_or(2)
            } else {
                1
            });
        }
    };
    crate::rest::install_tls();
    let terminal = Terminal::new(cli.color);
    match cli.command.run(&terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

impl Command {
    fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::Serve(serve) => serve.run(),
            Self::Demo(demo) => demo.run(terminal),
            Self::Simulate(simulate) => simulate.run(terminal),
            Self::Check(check) => check.run(terminal),
            Self::Signature(signature) => signature.run(terminal),
            Self::Events(events) => events.run(terminal),
            Self::Replay(replay) => replay.run(terminal),
            Self::Reconcile(reconcile) => reconcile.run(terminal),
            Self::Connect(connect) => connect.run(terminal),
            Self::Trace(trace) => trace.run(terminal),
            Self::Quarantine(quarantine) => quarantine.run(terminal),
            Self::Accounts(accounts) => accounts.run(terminal),
            Self::Token(token) => token.run(terminal),
            Self::Audit(audit) => audit.run(terminal),
            Self::Topology(topology) => topology.run(terminal),
            Self::Vault(vault) => vault.run(terminal),
            Self::Config(config) => config.run(terminal),
            Self::Completions(completions) => completions.run(terminal),
            Self::Man(man) => man.run(terminal),
        }
    }
}

/// Runs a command that waits for the network.
fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|why| Error::failed(format!("no runtime: {why}"), "free some file handles"))?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

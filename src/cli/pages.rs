//! `countersign completions` and `countersign man`: what shells and readers are given of the command line itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::terminal::Terminal;
use super::{Cli, Error};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign completions bash > /etc/bash_completion.d/countersign
  countersign completions zsh > ~/.zfunc/_countersign")]
pub(super) struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "countersign", &mut script);
        terminal.raw(&script)
    }
}

/// Print the manual page, or write one page per command into a folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign man | man -l -
  countersign man --dir /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Write countersign.1, countersign-serve.1, … into this folder; it is made where missing.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            return terminal.raw(&page);
        };
        let written =
            std::fs::create_dir_all(&dir).and_then(|()| clap_mangen::generate_to(Cli::command(), &dir));
        written.map_err(|why| {
            let what = format!("the pages cannot be written to {}: {why}", dir.display());
            Error::failed(what, "name a folder that you may write to")
        })
    }
}

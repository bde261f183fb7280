//! Arguments that several commands share.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Flags, Loaded, Loader, SetFlag};

use super::Error;

/// Which settings to read.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct SettingsArgs {
    /// Settings file [default: COUNTERSIGN_CONFIG, else countersign.toml in the working directory].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, over environment and file; repeatable. See `countersign config reference`.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

/// Settings of the server that have a flag of their own.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct ServerArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Address of the HTTP server; port 0 takes any free port.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Folder of the store and of large deliveries.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where changes are kept: sqlite:PATH.
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// RabbitMQ: `none`, or amqp:// and amqps:// URLs separated by commas. Others on this machine can see
    /// arguments: a URL with a password is better off in COUNTERSIGN_BROKER.
    #[arg(long, value_name = "URLS")]
    broker: Option<String>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

impl SettingsArgs {
    fn flags(&self) -> Flags {
        let set = self.set.iter().map(|(key, value)| SetFlag {
            flag: "--set".into(),
            key: key.clone(),
            value: value.clone(),
        });
        Flags { config: self.config.clone(), set: set.collect() }
    }

    /// Loads the settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn load(&self) -> Result<Loaded, Error> {
        Ok(Loader::from_environment(self.flags())?.load()?)
    }
}

impl ServerArgs {
    /// What loads the settings, for a process that will read some of them again.
    ///
    /// # Errors
    /// When the environment cannot be read.
    pub(super) fn loader(&self) -> Result<Loader, Error> {
        self.loader_with(&[])
    }

    /// The same with further flags of one command: each flag, its key, and what was written.
    ///
    /// # Errors
    /// When the environment cannot be read.
    pub(super) fn loader_with(&self, more: &[(&str, &str, &Option<String>)]) -> Result<Loader, Error> {
        let mut flags = self.settings.flags();
        let own = [
            ("--listen", "listen", &self.listen),
            ("--data-dir", "data_dir", &self.data_dir),
            ("--store", "store", &self.store),
            ("--broker", "broker", &self.broker),
        ];
        for (flag, key, value) in own.iter().chain(more) {
            if let Some(value) = (*value).clone() {
                flags.set.push(SetFlag { flag: (*flag).into(), key: (*key).into(), value });
            }
        }
        Ok(Loader::from_environment(flags)?)
    }
}

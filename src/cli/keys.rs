//! Connect keys for commands that sign or verify: given on the command line, or those of a source in the settings.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;

use crate::base::limits;
use crate::config::{SourceSettings, key_list};

use super::Error;
use super::args::SettingsArgs;
use super::terminal::plain;

#[derive(Debug, Args)]
#[command(next_help_heading = "Keys")]
pub(super) struct KeyArgs {
    /// A Connect key; repeatable. Others on this machine can see arguments: better use --key-file.
    #[arg(long = "key", value_name = "KEY", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(SecretString::from(text)))]
    keys: Vec<SecretString>,
    /// File with Connect keys, one a line.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The settings' source whose keys to use, where none is given here.
    #[arg(long, value_name = "NAME", default_value = "default", conflicts_with_all = ["keys", "key_file"])]
    pub source: String,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// The keys to use, and the other sources that a message may have been meant for.
pub(super) struct Known {
    pub keys: Vec<SecretString>,
    pub others: Vec<SourceSettings>,
}

impl KeyArgs {
    pub(super) fn load(&self) -> Result<Known, Error> {
        let mut keys = self.keys.clone();
        if let Some(file) = &self.key_file {
            let text = read(file)?;
            let text = std::str::from_utf8(&text).map_err(|_| {
                Error::failed(format!("{} is no UTF-8 text", file.display()), "write one key a line")
            })?;
            keys.extend(key_list(text));
        }
        if !keys.is_empty() {
            return Ok(Known { keys, others: Vec::new() });
        }
        if self.key_file.is_some() {
            return Err(Error::failed("the key file holds no key", "write one key a line"));
        }
        let mut sources = self.settings.load()?.settings.sources;
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let Some(at) = names.iter().position(|name| *name == self.source) else {
            let todo = format!("the settings have: {}", names.join(", "));
            return Err(Error::usage(format!("there is no source `{}`", plain(&self.source)), todo));
        };
        let keys = sources.remove(at).hmac_keys;
        if keys.is_empty() {
            let what = format!("the source `{}` has no key", self.source);
            return Err(Error::usage(what, "set hmac_keys, or pass --key-file, --key or --source"));
        }
        Ok(Known { keys, others: sources })
    }
}

/// A whole file, or stdin; no larger than a delivery can be.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let most = limits::DELIVERY_BYTES_MAX;
    let mut bytes = Vec::new();
    let result = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
    };
    result.map_err(|why| {
        Error::failed(
            format!("{} cannot be read: {why}", path.display()),
            "name a file that is there and may be read",
        )
    })?;
    if bytes.len() as u64 > most {
        let what = format!("{} is larger than {most} bytes", path.display());
        return Err(Error::failed(what, "DocuSign sends nothing of that size"));
    }
    Ok(bytes)
}

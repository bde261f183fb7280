//! Settings from every layer, right and wrong, without touching this process.

mod faults;
mod layers;
mod reference;
mod tables;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::*;

/// A world to load settings in: flags, environment and files.
#[derive(Default)]
struct World {
    flags: Flags,
    env: Environment,
    files: BTreeMap<PathBuf, String>,
}

impl World {
    fn file(text: &str) -> Self {
        Self::default().with_file("countersign.toml", text)
    }

    fn with_file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(Path::new("/srv").join(path), text.to_owned());
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, flag: &str, key: &str, value: &str) -> Self {
        self.flags.set.push(SetFlag { flag: flag.into(), key: key.into(), value: value.into() });
        self
    }

    fn config(mut self, path: &str) -> Self {
        self.flags.config = Some(path.into());
        self
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn load(&self) -> Result<Loaded, Report> {
        load(&self.flags, &self.env, Path::new("/srv"), &|path| self.read(path))
    }

    fn reload(&self) -> Result<Reloaded, Report> {
        reload(&self.flags, &self.env, Path::new("/srv"), &|path| self.read(path))
    }

    #[track_caller]
    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|report| panic!("{report}"))
    }

    /// The faults, one a line, with the text that an operator sees.
    #[track_caller]
    fn faults(&self) -> Vec<String> {
        let report = self.load().map(|_| ()).expect_err("these settings should be refused");
        report.faults.iter().map(Fault::to_string).collect()
    }

    /// The one fault that there is.
    #[track_caller]
    fn fault(&self) -> String {
        let mut faults = self.faults();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        faults.remove(0)
    }

    #[track_caller]
    fn warnings(&self) -> Vec<String> {
        self.good().warnings.iter().map(Fault::to_string).collect()
    }
}

fn shown(secrets: &[SecretString]) -> Vec<&str> {
    secrets.iter().map(ExposeSecret::expose_secret).collect()
}

fn row<'a>(loaded: &'a Loaded, key: &str) -> &'a Row {
    loaded.rows.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("no row {key}"))
}

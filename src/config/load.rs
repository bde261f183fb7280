//! Loading: once at start, and again what can change while the program runs: sources, queues, the API's token.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::base::limits;

use super::check::{self, Checker};
use super::fault::{Fault, Origin, Report};
use super::print::{self, Row};
use super::settings::{QueueSettings, Settings, SourceSettings};
use super::written::{Environment, Flags, Layers, ReadFile, Scope, Value, gather};
use super::{keys, queues, reference, sources, values};

/// Settings, and what else is to be said about them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings in force.
    pub settings: Settings,
    /// What is weak, though it works.
    pub warnings: Vec<Fault>,
    /// Each setting with where it came from, secrets hidden.
    pub rows: Vec<Row>,
    /// Files whose change calls for [`reload`]: the settings file and the files that hold the secrets it can change.
    pub watched_files: Vec<PathBuf>,
}

/// What can change while the program runs, read again.
#[derive(Debug, Clone)]
pub struct Reloaded {
    /// As in [`Settings::sources`].
    pub sources: Vec<SourceSettings>,
    /// As in [`Settings::queues`].
    pub queues: Vec<QueueSettings>,
    /// As in [`Settings::api_token`].
    pub api_token: Option<SecretString>,
    /// What is weak about them.
    pub warnings: Vec<Fault>,
    /// The files to watch from now on.
    pub watched_files: Vec<PathBuf>,
}

/// Loads and checks all settings. Touches nothing but what is handed in.
///
/// # Errors
/// Everything that is wrong, in one report.
pub fn load(flags: &Flags, env: &Environment, cwd: &Path, read: ReadFile<'_>) -> Result<Loaded, Report> {
    let layers = gather(flags, env, cwd, read, reference());
    let (faults, warnings) = (Vec::new(), Vec::new());
    let mut checker = Checker { cwd, read, faults, warnings };
    let Layers { top, sources, queues, .. } = &layers;
    let settings = layers.readable.then(|| check::settings(&mut checker, top, sources, queues));
    let warnings = checker.warnings;
    let settings = whole(&layers, checker.faults, settings)?;
    let rows = print::rows(&settings, top, sources, queues);
    Ok(Loaded { settings, warnings, rows, watched_files: watched_files(&layers, cwd) })
}

/// Reads sources, queues and the API's token again, for SIGHUP and changed files. What changed elsewhere waits for a
/// restart.
///
/// # Errors
/// Everything that is wrong with the file as a whole or with these; those of before then stay in force.
pub fn reload(flags: &Flags, env: &Environment, cwd: &Path, read: ReadFile<'_>) -> Result<Reloaded, Report> {
    let layers = gather(flags, env, cwd, read, reference());
    let mut checker = Checker { cwd, read, faults: Vec::new(), warnings: Vec::new() };
    let Layers { top, sources, queues, .. } = &layers;
    let found = layers.readable.then(|| {
        let sources = sources::settings(&mut checker, top, sources);
        let queues = queues::settings(&mut checker, queues);
        (sources, queues, checker.secret(top, "api_token", values::token))
    });
    let warnings = checker.warnings;
    let (sources, queues, api_token) = whole(&layers, checker.faults, found)?;
    Ok(Reloaded { sources, queues, api_token, warnings, watched_files: watched_files(&layers, cwd) })
}

fn whole<T>(layers: &Layers, found: Vec<Fault>, value: Option<T>) -> Result<T, Report> {
    let faults: Vec<Fault> = layers.faults.iter().cloned().chain(found).collect();
    match value {
        Some(value) if faults.is_empty() => Ok(value),
        _ => Err(Report { faults }),
    }
}

fn watched_files(layers: &Layers, cwd: &Path) -> Vec<PathBuf> {
    let secret = |scope: &Scope, key: &str| match scope.entries.get(key).map(|written| &written.value) {
        Some(Value::File(path)) => Some(cwd.join(path)),
        _ => None,
    };
    let of_sources = layers.sources.iter().flat_map(|scope| {
        let secrets = keys::SOURCE.iter().filter(|key| key.secret);
        secrets.filter_map(|key| secret(scope, key.name)).collect::<Vec<_>>()
    });
    let of_top = ["hmac_keys", "api_token"].into_iter().filter_map(|key| secret(&layers.top, key));
    let mut files: Vec<PathBuf> = layers.file.iter().cloned().chain(of_top).chain(of_sources).collect();
    files.sort();
    files.dedup();
    files
}

/// The flags, environment and working directory of this process, kept so that they can be read again.
#[derive(Clone)]
pub struct Loader {
    flags: Flags,
    env: Environment,
    cwd: PathBuf,
}

impl std::fmt::Debug for Loader {
    /// Flags and environment hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

impl Loader {
    /// Takes the environment and working directory of this process.
    ///
    /// # Errors
    /// When a variable of ours is no UTF-8.
    pub fn from_environment(flags: Flags) -> Result<Self, Report> {
        let mut env = Environment::new();
        let mut faults = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => {
                    env.insert(name, value);
                }
                Err(_) if name.starts_with(keys::PREFIX) => faults.push(Fault {
                    key: name.clone(),
                    variable: Some(name.clone()),
                    origin: Origin::Variable(name),
                    what: "its value is no UTF-8".into(),
                    todo: "set it anew".into(),
                }),
                Err(_) => {}
            }
        }
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        if faults.is_empty() { Ok(Self { flags, env, cwd }) } else { Err(Report { faults }) }
    }

    /// [`load`] with what this process was given.
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(&self) -> Result<Loaded, Report> {
        load(&self.flags, &self.env, &self.cwd, &read_bounded)
    }

    /// [`reload`] with what this process was given.
    ///
    /// # Errors
    /// As [`reload`].
    pub fn reload(&self) -> Result<Reloaded, Report> {
        reload(&self.flags, &self.env, &self.cwd, &read_bounded)
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = limits::SETTINGS_FILE_BYTES_MAX;
    std::fs::File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(text)
}

//! Settings as written: flags over environment over file over defaults, each value with its origin.
//!
//! The file is walked over a table of keys and not deserialised: serde stops at the first unknown key or wrong
//! type and forgets the line, while an operator wants every fault of all layers in one report.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Origin};
use super::keys::{self, Key};
use super::toml_file;

/// The environment, as handed in.
pub type Environment = BTreeMap<String, String>;

/// Reads a whole file as text, as handed in.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    /// Settings given by flags, in order: the last one of a key wins.
    pub set: Vec<SetFlag>,
}

/// One setting given by a flag.
#[derive(Debug, Clone)]
pub struct SetFlag {
    /// The flag as its user knows it: `--listen`, `--set`.
    pub flag: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A value as somebody wrote it. No `Debug`: it may be a secret.
#[derive(Clone)]
pub(super) enum Value {
    /// One text; of a list, its items separated by commas.
    Text(String),
    /// A list, its items as they are.
    List(Vec<String>),
    /// The file that holds the value.
    File(PathBuf),
}

/// A value and its origin.
#[derive(Clone)]
pub(super) struct Written {
    pub value: Value,
    pub origin: Origin,
}

/// The values of one table: the top level with its sections, or one `[[source]]` or `[[queue]]`.
#[derive(Clone)]
pub(super) struct Scope {
    /// What comes before a key in messages: nothing, or `source[2].`.
    pub prefix: String,
    /// Where the table stands.
    pub origin: Origin,
    /// By the key's name.
    pub entries: BTreeMap<&'static str, Written>,
}

impl Scope {
    /// Takes a value in. Written in both forms in one table, `hmac_keys` and `hmac_keys_file`, it is a fault.
    pub(super) fn insert(&mut self, key: &Key, written: Written) -> Option<Fault> {
        let name = key.name;
        let what = format!("it is given here and as `{name}_file` too");
        let origin = written.origin.clone();
        let before = self.entries.insert(name, written)?;
        let todo = "keep one of the two".to_owned();
        let fault = self.fault(name, before.origin.clone(), what, todo);
        (before.origin.kind() == origin.kind() && !matches!(origin, Origin::Flag(_))).then_some(fault)
    }

    /// A fault of one key of this table.
    pub(super) fn fault(&self, key: &str, origin: Origin, what: String, todo: String) -> Fault {
        let variable = self.prefix.is_empty().then(|| keys::variable(key));
        Fault { key: format!("{}{key}", self.prefix), variable, origin, what, todo }
    }
}

/// All layers in one, not checked yet.
pub(super) struct Layers {
    pub top: Scope,
    pub sources: Vec<Scope>,
    pub queues: Vec<Scope>,
    /// The settings file that was read.
    pub file: Option<PathBuf>,
    /// Unknown keys and variables, wrong types, what does not resolve.
    pub faults: Vec<Fault>,
    /// False where the file could not be read as TOML: checks across keys would then only mislead.
    pub readable: bool,
}

/// Lays flags over environment over file over `defaults` (a file of ours).
pub(super) fn gather(
    flags: &Flags,
    env: &Environment,
    cwd: &Path,
    read: ReadFile<'_>,
    defaults: &str,
) -> Layers {
    let top = Scope { prefix: String::new(), origin: Origin::Default, entries: BTreeMap::new() };
    let mut layers =
        Layers { top, sources: vec![], queues: vec![], file: None, faults: vec![], readable: true };
    toml_file::read_into(&mut layers, defaults, None, env);
    read_file(&mut layers, flags, env, cwd, read);
    read_environment(&mut layers, env);
    read_flags(&mut layers, flags);
    layers
}

fn read_file(layers: &mut Layers, flags: &Flags, env: &Environment, cwd: &Path, read: ReadFile<'_>) {
    let by_variable = env.get(keys::CONFIG_VARIABLE).filter(|path| !path.is_empty());
    let (path, origin) = match (&flags.config, by_variable) {
        (Some(path), _) => (path.clone(), Origin::Flag("--config".into())),
        (None, Some(path)) => (PathBuf::from(path), Origin::Variable(keys::CONFIG_VARIABLE.into())),
        (None, None) => (PathBuf::from(super::FILE_NAME), Origin::Default),
    };
    match read(&cwd.join(&path)) {
        Ok(text) => {
            toml_file::read_into(layers, &text, Some(&path), env);
            layers.file = Some(cwd.join(&path));
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound && origin == Origin::Default => {}
        Err(why) => {
            layers.readable = false;
            layers.faults.push(Fault {
                key: "config".into(),
                variable: Some(keys::CONFIG_VARIABLE.into()),
                origin,
                what: format!("`{}` cannot be read: {why}", path.display()),
                todo: "name a file that is there and may be read".into(),
            });
        }
    }
}

/// An empty variable counts as not set: that is what `${NAME:-}` in compose files and unset secrets leave behind.
fn read_environment(layers: &mut Layers, env: &Environment) {
    let ours = env.iter().filter(|(name, value)| name.starts_with(keys::PREFIX) && !value.is_empty());
    for (variable, value) in ours {
        if variable == keys::CONFIG_VARIABLE {
            continue;
        }
        let key = |key: &&Key| keys::variable(key.name) == *variable;
        let by_file = |key: &&Key| key.secret && format!("{}_FILE", keys::variable(key.name)) == *variable;
        let origin = Origin::Variable(variable.clone());
        let (key, value) = if let Some(key) = keys::TOP.iter().find(key) {
            (key, Value::Text(value.clone()))
        } else if let Some(key) = keys::TOP.iter().find(by_file) {
            (key, Value::File(PathBuf::from(value)))
        } else {
            if !keys::is_service_link(variable, value) {
                layers.faults.push(Fault {
                    key: variable.clone(),
                    variable: Some(variable.clone()),
                    origin,
                    what: "no such variable is known".into(),
                    todo: keys::variable_hint(variable),
                });
            }
            continue;
        };
        let fault = layers.top.insert(key, Written { value, origin });
        layers.faults.extend(fault);
    }
}

fn read_flags(layers: &mut Layers, flags: &Flags) {
    for SetFlag { flag, key: name, value } in &flags.set {
        let origin = Origin::Flag(flag.clone());
        let Some((key, by_file)) = keys::find(keys::TOP, name) else {
            layers.faults.push(Fault {
                key: name.clone(),
                variable: None,
                origin,
                what: "no such key is known".into(),
                todo: keys::hint(keys::TOP, &[], name),
            });
            continue;
        };
        let value = if by_file { Value::File(PathBuf::from(value)) } else { Value::Text(value.clone()) };
        let fault = layers.top.insert(key, Written { value, origin });
        layers.faults.extend(fault);
    }
}

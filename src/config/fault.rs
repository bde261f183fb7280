//! What is wrong with settings, said all at once: which key, where it stands, what is wrong, what to do.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line, as written: `--listen`.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A line of the settings file, from 1.
    File(PathBuf, usize),
    /// Nobody set it.
    Default,
}

impl Origin {
    /// The origin's kind as one word, for machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Variable(_) => "variable",
            Self::File(..) => "file",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One thing that is wrong, or weak, with one setting. Never carries a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, such as `docusign.client_id` or `source[2].name`.
    pub key: String,
    /// The variable that sets the same, where there is one.
    pub variable: Option<String>,
    /// Where the value was written.
    pub origin: Origin,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub todo: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(variable) = self.variable.as_ref().filter(|name| **name != self.key) {
            write!(f, " ({variable})")?;
        }
        match &self.origin {
            Origin::Default => {}
            Origin::Variable(name) if Some(name) == self.variable.as_ref() => {
                f.write_str(", set in the environment")?;
            }
            Origin::Variable(name) => write!(f, ", set by {name}")?,
            Origin::Flag(flag) => write!(f, ", set by {flag}")?,
            Origin::File(..) => write!(f, ", set in {}", self.origin)?,
        }
        write!(f, ": {}; {}", self.what, self.todo)
    }
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// At least one.
    pub faults: Vec<Fault>,
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => f.write_str("one setting is wrong")?,
            n => write!(f, "{n} settings are wrong")?,
        }
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

/// A value that cannot be used: what is wrong and what to do. Parsers of secrets never put the value in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub what: String,
    pub todo: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { what: what.into(), todo: todo.into() }
    }
}

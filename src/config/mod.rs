//! Settings as written, then as checked.
//!
//! Four layers, each over the next: flags, environment, file, and the default file inside the binary, which is also
//! the reference. They are gathered (`written`), then checked (`check`); whatever is wrong in any of them comes
//! out in one [`Report`].

mod check;
mod docusign;
mod fault;
mod interpolate;
mod keys;
mod load;
mod ports;
mod print;
mod queues;
mod settings;
mod sources;
mod toml_file;
mod values;
mod written;

pub use check::key_list;
pub use fault::{Fault, Origin, Report};
pub use load::{Loaded, Loader, Reloaded, load, reload};
pub use print::{REDACTED, Row, without_password};
pub use settings::{
    CloudEvents, DeadLetterStrategy, DocusignSettings, LogFormat, QueueKind, QueueSettings, Role, Settings,
    SourceSettings, StoreSetting,
};
pub use written::{Environment, Flags, ReadFile, SetFlag};

/// The settings file that is read where none is named.
pub const FILE_NAME: &str = "countersign.toml";

/// The reference: a settings file with every key, its meaning, its default and its variable.
pub fn reference() -> &'static str {
    include_str!("default.toml")
}

#[cfg(test)]
mod tests;

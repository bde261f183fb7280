//! `countersign serve` and `countersign demo`: settings and roles in, the wiring does the rest.

use clap::Args;
use clap::builder::PossibleValue;

use crate::config::{Loaded, Loader, Role};

use super::Error;
use super::args::ServerArgs;

/// Run the server: receive deliveries, relay changes to the broker, enrich them, serve the API
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  COUNTERSIGN_HMAC_KEYS=… countersign serve
  countersign serve --listen 0.0.0.0:8080 --broker amqp://guest:guest@localhost:5672/%2f
  countersign serve --role receive,api        another node runs the rest

SIGTERM and SIGINT stop it: requests finish and publishes in flight are settled. SIGHUP reads the keys again.")]
pub(super) struct Serve {
    /// Run only these parts; repeatable, or separated by commas [default: all].
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',')]
    roles: Vec<Role>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Run the server and a simulator in one process, on a store of its own
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign demo
  countersign demo --broker amqp://guest:guest@localhost:5672/%2f")]
pub(super) struct Demo {
    #[command(flatten)]
    server: ServerArgs,
}

impl clap::ValueEnum for Role {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()))
    }
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Error> {
        let roles = if self.roles.is_empty() { Role::ALL.to_vec() } else { self.roles };
        let loader = self.server.loader()?;
        let loaded = loader.load()?;
        start::serve(loader, loaded, &roles)
    }
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Error> {
        let loader = self.server.loader()?;
        let loaded = loader.load()?;
        start::demo(loader, loaded)
    }
}

/// The one place where the command line starts what the wiring builds.
mod start {
    use super::{Error, Loaded, Loader, Role};

    pub(super) fn serve(_loader: Loader, _loaded: Loaded, _roles: &[Role]) -> Result<(), Error> {
        Err(Error::failed("this build has no server", "take a later build"))
    }

    pub(super) fn demo(_loader: Loader, _loaded: Loaded) -> Result<(), Error> {
        Err(Error::failed("this build has no server", "take a later build"))
    }
}

//! `countersign serve`: settings and roles in, the wiring does the rest.

use std::io::Write;
use std::net::SocketAddr;

use clap::Args;
use clap::builder::PossibleValue;

use crate::app;
use crate::config::Role;

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
        Ok(app::serve(loader, loaded, &roles, say)?)
    }
}

/// Says where the server listens: tests and people wait for this line.
fn say(address: SocketAddr) {
    // Nothing can be said where stderr is closed; the server serves all the same.
    let _ = writeln!(anstream::stderr(), "listening on http://{address}");
}

impl From<app::Error> for Error {
    fn from(error: app::Error) -> Self {
        let todo = error.todo();
        Self::failed(error.to_string(), todo)
    }
}

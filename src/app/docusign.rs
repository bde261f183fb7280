//! DocuSign's REST API for all that calls it: fetching, and callers of the proxy.

use std::sync::Arc;

use crate::config::Settings;
use crate::receive::Receiver;
use crate::rest::{self, Client, Forwarder};

use super::Error;

/// Both ways to call it: ours, and the one that passes on other people's calls within the same budgets.
pub(super) type Docusign = (Client, Forwarder);

/// None where there are no credentials to call it with.
pub(super) fn docusign(settings: &Settings, with: &Receiver) -> Result<Option<Docusign>, Error> {
    let Some(rest) = settings.for_rest() else { return Ok(None) };
    let failed =
        |e: rest::Error| Error::Part { what: "the client for DocuSign's REST API", why: e.to_string() };
    let user_agent = rest.user_agent.clone();
    let (clock, metrics) = (Arc::clone(&with.clock), with.metrics.clone());
    let client = Client::new(rest, clock, with.dice.clone(), metrics).map_err(failed)?;
    let forwarder = Forwarder::new(client.clone(), &user_agent).map_err(failed)?;
    Ok(Some((client, forwarder)))
}

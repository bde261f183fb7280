//! What reaches DocuSign: the vault, the linked accounts, and the one client for all of them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use crate::base::{Dice, limits};
use crate::config::Settings;
use crate::link::{Linked, Tools};
use crate::receive::Receiver;
use crate::rest::{Authority, Client, Forwarder, User, http_client};
use crate::vault::Vault;

use super::keeping::Keeping;
use super::{Error, private};

/// How often it is looked for refresh tokens that nobody uses.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(3600);

/// The ways to DocuSign. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Docusign {
    pub(super) linked: Linked,
    pub(super) client: Client,
    /// For calls that are not ours, within the same budgets.
    pub(super) forwarder: Forwarder,
}

impl Docusign {
    /// Makes no call yet.
    ///
    /// # Errors
    /// When a setting cannot be used, or the vault's key not be read or made.
    pub(super) fn new(settings: &Settings, with: &Receiver, node: &str) -> Result<Self, Error> {
        let part = |e: crate::rest::Error| Error::Part {
            what: "the client for DocuSign's REST API",
            why: e.to_string(),
        };
        let rest = settings.docusign_rest();
        let http = http_client(&rest.user_agent, limits::REST_TIMEOUT).map_err(part)?;
        let (clock, dice) = (Arc::clone(&with.clock), with.dice.clone());
        let user = settings.for_rest().map(|own| User::new(http.clone(), &own, clock.clone(), dice.clone()));
        let user = user.transpose().map_err(part)?.map(Arc::new);
        let authority = Authority::new(http.clone(), &rest, clock.clone()).map_err(part)?;
        let vault = Arc::new(vault(settings, &dice)?);
        let (store, node) = (with.store.clone(), node.to_owned());
        let linked = Linked::new(Tools { store, vault, authority, node, clock: clock.clone(), dice }, user);
        let client = Client::over(Arc::new(linked.clone()), http, clock, with.metrics.clone());
        let forwarder = Forwarder::new(client.clone(), &rest.user_agent).map_err(part)?;
        Ok(Self { linked, client, forwarder })
    }
}

/// The vault, with a key made where none is set and none was made yet.
fn vault(settings: &Settings, dice: &Dice) -> Result<Vault, Error> {
    let previous = settings.vault_key_previous.as_ref();
    if let Some(key) = &settings.vault_key {
        return Ok(Vault::new(key, previous, dice.clone()));
    }
    let path = settings.data_dir.join("vault.key");
    let file_error = |what: &str, why: io::Error| Error::File {
        what: format!("the vault's key {} cannot be {what}", path.display()),
        why,
    };
    let key = match std::fs::read_to_string(&path) {
        Ok(key) if key.trim().is_empty() => {
            return Err(file_error("used", io::Error::new(io::ErrorKind::InvalidData, "it is empty")));
        }
        Ok(key) => SecretString::from(key),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            dice.fill(&mut bytes);
            let key = SecretString::from(STANDARD.encode(bytes));
            private::make(&path, &SecretString::from(format!("{}\n", key.expose_secret())))
                .map_err(|why| file_error("made", why))?;
            if settings.can_link() {
                tracing::warn!(key = "vault_key", file = %path.display(),
                    "a key was made that seals stored credentials: keep a copy elsewhere, for without it every account \
                     has to be linked again; nodes that share a store need the same one as `vault_key_file`");
            }
            key
        }
        Err(why) => return Err(file_error("read", why)),
    };
    Ok(Vault::new(&key, previous, dice.clone()))
}

/// Exchanges refresh tokens that nobody uses before they end; one node does so for all.
pub(super) async fn keep_alive(linked: Linked, with: Receiver, stop: CancellationToken) {
    let mut keeping = Keeping::new(&with.store, KEEP_ALIVE_EVERY);
    while keeping.turn(&stop).await {
        tokio::select! {
            () = stop.cancelled() => return,
            kept = linked.keep_alive() => match kept {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "tokens that were long unused were renewed"),
                Err(error) => tracing::warn!(%error, "linked accounts could not be looked through"),
            },
        }
    }
}

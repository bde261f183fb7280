//! The connection that declares the topology: opened within a time limit, watched for its end, closed without waiting for ever.
//!
//! The library's own recovery stays off: under a busy publisher it was seen to hang for good. A connection that has
//! failed once is dropped, and whoever needs it opens another.

use std::sync::Arc;

use futures_util::StreamExt as _;
use lapin::{Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::base::limits;

use super::address::Address;
use super::error::Lost;
use super::topology::{self, Drift, Findings, said};
use super::{Error, Settings};

/// How a connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Ready.
    Open,
    /// The broker takes no publishes for now, and this is why: a memory or disk alarm.
    Blocked(String),
    /// It has ended, and this is why.
    Lost(Lost),
}

/// A connection, watched.
#[derive(Debug)]
pub struct Link {
    pub(super) connection: Arc<Connection>,
    pub(super) address: Address,
    shown: String,
    standing: watch::Receiver<Standing>,
    _watcher: AbortOnDropHandle<()>,
}

impl Link {
    /// Connects and logs in at the first address that lets us.
    ///
    /// # Errors
    /// When an address cannot be read, or none lets us in.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        Self::connect_from(settings, 0).await
    }

    /// The same, beginning with the address of that number and going round.
    pub(super) async fn connect_from(settings: &Settings, first: usize) -> Result<Self, Error> {
        let addresses = Self::addresses(settings)?;
        let mut reasons = Vec::new();
        for turn in 0..addresses.len() {
            let address = &addresses[first.wrapping_add(turn) % addresses.len()];
            match Self::to(address).await {
                Ok(link) => return Ok(link),
                Err(why) => reasons.push(format!("{address}: {why}")),
            }
        }
        Err(Error::Unreachable(reasons.join("; ")))
    }

    async fn to(address: &Address) -> Result<Self, String> {
        let tls = address.certificates().read().await.map_err(|error| error.to_string())?;
        let properties = ConnectionProperties::default().with_connection_name("countersign".into());
        let runtime = lapin::runtime::default_runtime().map_err(|error| said(&error))?;
        let mut uri = address.uri();
        // The library holds 64 frames of the largest size, and here only small ones pass.
        uri.query.frame_max.get_or_insert(limits::BROKER_FRAME_BYTES);
        let opening = Connection::connect_uri_with_config(uri, properties, tls, runtime);
        // The address's own time limit would end before the login.
        let connection = timeout(limits::BROKER_CONNECT_TIMEOUT, opening)
            .await
            .map_err(|_| format!("no answer within {} s", limits::BROKER_CONNECT_TIMEOUT.as_secs()))?
            .map_err(|error| match address.advice(&error) {
                Some(advice) => format!("{} ({advice})", said(&error)),
                None => said(&error),
            })?;
        let connection = Arc::new(connection);
        let (sender, standing) = watch::channel(Standing::Open);
        let watcher = AbortOnDropHandle::new(tokio::spawn(watch_events(Arc::clone(&connection), sender)));
        let (address, shown) = (address.clone(), address.to_string());
        Ok(Self { connection, address, shown, standing, _watcher: watcher })
    }

    /// Connects to each address by itself and closes again: what came of each, its password not shown.
    ///
    /// # Errors
    /// When an address cannot be read.
    pub async fn try_each(settings: &Settings) -> Result<Vec<(String, Result<(), String>)>, Error> {
        let mut outcomes = Vec::new();
        for address in Self::addresses(settings)? {
            let outcome = match Self::to(&address).await {
                Ok(link) => {
                    link.close().await;
                    Ok(())
                }
                Err(why) => Err(why),
            };
            outcomes.push((address.to_string(), outcome));
        }
        Ok(outcomes)
    }

    fn addresses(settings: &Settings) -> Result<Vec<Address>, Error> {
        settings.urls.iter().map(Address::parse).collect()
    }

    /// The address that it goes to, without the password.
    pub fn address(&self) -> &str {
        &self.shown
    }

    /// How it stands, as that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Declares each part of the topology by itself; what became of each.
    ///
    /// # Errors
    /// When the connection is lost meanwhile.
    pub async fn declare(&self, settings: &Settings) -> Result<Findings, Error> {
        let findings = topology::declare(&self.connection, &topology::plan(settings)).await;
        self.still_there(findings)
    }

    /// Looks how the broker differs from the topology, and changes nothing. Bindings cannot be seen over AMQP.
    ///
    /// # Errors
    /// When the connection is lost meanwhile.
    pub async fn check(&self, settings: &Settings) -> Result<Vec<Drift>, Error> {
        let drifts = topology::check(&self.connection, &topology::plan(settings)).await;
        self.still_there(drifts)
    }

    /// What was found over a connection that was lost meanwhile says nothing.
    pub(super) fn still_there<T>(&self, found: T) -> Result<T, Error> {
        match &*self.standing.borrow() {
            Standing::Lost(why) => Err(Error::Lost(why.to_string())),
            _ => Ok(found),
        }
    }

    /// Closes it, without waiting for a broker that does not answer.
    pub async fn close(self) {
        let closing = self.connection.close(200, "done".into());
        // Where it does not close in time it is dropped all the same.
        let _ = timeout(limits::BROKER_CLOSE_TIMEOUT, closing).await;
    }
}

/// Tells how the connection stands until it has ended.
async fn watch_events(connection: Arc<Connection>, sender: watch::Sender<Standing>) {
    let mut events = std::pin::pin!(connection.events_listener());
    // It may have ended before anybody listened.
    while connection.status().connected() {
        let Some(event) = events.next().await else { break };
        match event {
            Event::ConnectionBlocked(why) => drop(sender.send(Standing::Blocked(why))),
            Event::ConnectionUnblocked => drop(sender.send(Standing::Open)),
            // Refused declarations come by here too: those end their channel, and the connection stands.
            Event::Error(error) if !connection.status().connected() => {
                drop(sender.send(Standing::Lost(Lost::Broken(said(&error)))));
                return;
            }
            _ => {}
        }
    }
    drop(sender.send(Standing::Lost(Lost::Broken("the connection has ended".to_owned()))));
}

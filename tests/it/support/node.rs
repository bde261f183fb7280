//! A node among others: a server with wires of its own to broker and store, so that it alone can be cut off.

use super::server::{Server, Settings};
use super::wire::Wire;

/// An address, and the port in it to which the wire leads.
pub(crate) type Place<'a> = (&'a str, u16);

/// A server and its wires.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) server: Server,
    pub(crate) to_broker: Wire,
    /// None where the store is a file of its own.
    pub(crate) to_store: Option<Wire>,
}

impl Node {
    /// Starts a server whose every word to broker and store goes through its wires.
    pub(crate) async fn start(settings: Settings, broker: Place<'_>, store: Option<Place<'_>>) -> Self {
        let to_broker = Wire::to(broker.1).await;
        let mut settings = settings.broker(&to_broker.instead_of(broker.0, broker.1));
        let mut to_store = None;
        if let Some((url, port)) = store {
            let wire = Wire::to(port).await;
            settings = settings.with("COUNTERSIGN_STORE", &wire.instead_of(url, port));
            to_store = Some(wire);
        }
        Self { server: Server::start(settings).await, to_broker, to_store }
    }

    /// Its wire to the store.
    pub(crate) fn wire_to_store(&self) -> &Wire {
        self.to_store.as_ref().expect("a store behind a wire")
    }
}

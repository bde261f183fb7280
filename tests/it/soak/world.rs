//! Everything that the soak runs: nodes with wires of their own to broker and store, and a stand-in for DocuSign.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use countersign::base::{Dice, SystemClock};
use countersign::simulator::docusign::{Docusign, Limits, Running, Settings as Traits};
use secrecy::ExposeSecret as _;

use super::Plan;
use crate::support::node::Node;
use crate::support::postgres::Postgres;
use crate::support::rabbit::Rabbit;
use crate::support::server::Settings;

/// What runs.
pub(super) struct World {
    /// The broker's address, past the wires.
    pub(super) broker: String,
    /// None for the smoke, which shares one with others.
    pub(super) rabbit: Option<Rabbit>,
    pub(super) postgres: Option<Postgres>,
    pub(super) nodes: Vec<Node>,
    pub(super) docusign: Docusign,
    /// The nodes' processes, as they change.
    pub(super) processes: Arc<[AtomicU32]>,
    _running: Running,
}

impl World {
    pub(super) async fn new(plan: &Plan) -> Self {
        let rabbit = if plan.out.is_some() { Some(Rabbit::start().await) } else { None };
        let (broker, port) = match &rabbit {
            Some(own) => (own.url(), own.port()),
            None => {
                let shared = Rabbit::shared().await;
                (shared.vhost(), shared.port())
            }
        };
        let postgres = if plan.postgres { Some(Postgres::start().await) } else { None };
        let store = match &postgres {
            Some(own) => Some((own.database().await, own.port())),
            None => None,
        };
        let docusign = Docusign::new(Traits::default(), Arc::new(SystemClock), Dice::seeded(plan.seed));
        // Its hourly limits would end the fetching long before the soak: they are tested elsewhere.
        docusign.set_limits(Limits { hourly: u64::MAX, burst: u64::MAX, answered_400: false });
        let running = docusign.start("127.0.0.1:0").expect("a free port");
        let mut nodes = Vec::new();
        for _ in 0..plan.nodes {
            let settings = Settings::new()
                .with("COUNTERSIGN_LOG__LEVEL", "warn")
                .with("COUNTERSIGN_ENRICH", "true")
                .with("COUNTERSIGN_ENRICH_INTERVAL_MINUTES", "0")
                .with("COUNTERSIGN_DOCUSIGN__AUTH_URL", &running.url())
                .with("COUNTERSIGN_DOCUSIGN__BASE_URI", &running.url())
                .with("COUNTERSIGN_DOCUSIGN__ACCESS_TOKEN", docusign.issue_token().expose_secret());
            let store = store.as_ref().map(|(url, port)| (url.as_str(), *port));
            nodes.push(Node::start(settings, (&broker, port), store).await);
        }
        let processes = nodes.iter().map(|node| AtomicU32::new(node.server.pid())).collect();
        Self { broker, rabbit, postgres, nodes, docusign, processes, _running: running }
    }

    /// Where deliveries go: every node takes them.
    pub(super) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.server.url("")).collect()
    }

    /// Starts a node again, whatever became of it.
    pub(super) async fn restart(&mut self, number: usize) {
        let server = &mut self.nodes[number].server;
        server.restart().await;
        self.processes[number].store(server.pid(), Ordering::SeqCst);
    }
}

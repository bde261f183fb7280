//! Settings as each port wants them.

use crate::{broker, rest, store};

use super::settings::{CloudEvents, QueueKind, QueueSettings, Settings, StoreSetting};

impl Settings {
    /// What opens the store.
    pub fn for_store(&self) -> store::Settings {
        let StoreSetting::Sqlite(path) = &self.store;
        store::Settings { path: path.clone(), enrich: self.enrich }
    }

    /// What connects to the broker and declares what belongs there; none where changes wait in the store.
    pub fn for_broker(&self) -> Option<broker::Settings> {
        (!self.broker.is_empty()).then(|| broker::Settings {
            urls: self.broker.clone(),
            queues: self.queues.iter().map(queue).collect(),
            mode: match self.cloud_events {
                CloudEvents::Binary => broker::Mode::Binary,
                CloudEvents::Structured => broker::Mode::Structured,
            },
            audit_stream: self.audit_stream,
        })
    }

    /// What calls DocuSign; none where there are no credentials to do it with.
    pub fn for_rest(&self) -> Option<rest::Settings> {
        let docusign = &self.docusign;
        docusign.has_credentials().then(|| rest::Settings {
            auth_url: docusign.auth_url.clone(),
            base_uri: docusign.base_uri.clone(),
            client_id: docusign.client_id.clone().unwrap_or_default(),
            user_id: docusign.user_id.clone().unwrap_or_default(),
            private_key: docusign.private_key.clone(),
            access_token: docusign.access_token.clone(),
            redirect_url: docusign.redirect_url.clone(),
            ..rest::Settings::default()
        })
    }
}

fn queue(from: &QueueSettings) -> broker::Queue {
    broker::Queue {
        name: from.name.clone(),
        bind: from.bind.clone(),
        kind: match from.kind {
            QueueKind::Quorum => broker::QueueKind::Quorum,
            QueueKind::Classic => broker::QueueKind::Classic,
            QueueKind::Stream => broker::QueueKind::Stream,
        },
        dead_letter_exchange: from.dead_letter_exchange.clone(),
        dead_letter_routing_key: from.dead_letter_routing_key.clone(),
        delivery_limit: from.delivery_limit,
        single_active_consumer: from.single_active_consumer,
        max_length: from.max_length,
    }
}

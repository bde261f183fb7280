//! Settings as each port wants them.

use crate::{broker, rest, store};

use super::settings::{CloudEvents, Settings, StoreSetting};

impl Settings {
    /// What opens the store; `node` is a name that no other node has.
    pub fn for_store(&self, node: String) -> store::Settings {
        let place = match &self.store {
            StoreSetting::Sqlite(path) => store::Place::Sqlite(path.clone()),
            StoreSetting::Postgres(url) => {
                store::Place::Postgres { url: url.clone(), folder: self.data_dir.clone(), node }
            }
        };
        store::Settings { place, enrich: self.enrich }
    }

    /// What connects to the broker and declares what belongs there; none where changes wait in the store.
    pub fn for_broker(&self) -> Option<broker::Settings> {
        (!self.broker.is_empty()).then(|| self.for_topology())
    }

    /// The same where no connection is made: for what is to be declared, a broker need not be set.
    pub fn for_topology(&self) -> broker::Settings {
        broker::Settings {
            urls: self.broker.clone(),
            queues: self.queues.clone(),
            mode: match self.cloud_events {
                CloudEvents::Binary => broker::Mode::Binary,
                CloudEvents::Structured => broker::Mode::Structured,
            },
            audit_stream: self.audit_stream,
        }
    }

    /// What calls DocuSign; none where there are no credentials to do it with.
    pub fn for_rest(&self) -> Option<rest::Settings> {
        let docusign = &self.docusign;
        docusign.has_credentials().then(|| self.docusign_rest())
    }

    /// Where DocuSign is and who we are there, whether or not that is enough to call it.
    pub fn docusign_rest(&self) -> rest::Settings {
        let docusign = &self.docusign;
        rest::Settings {
            auth_url: docusign.auth_url.clone(),
            base_uri: docusign.base_uri.clone(),
            client_id: docusign.client_id.clone().unwrap_or_default(),
            client_secret: docusign.client_secret.clone(),
            user_id: docusign.user_id.clone().unwrap_or_default(),
            private_key: docusign.private_key.clone(),
            access_token: docusign.access_token.clone(),
            redirect_url: docusign.redirect_url.clone(),
            ..rest::Settings::default()
        }
    }
}

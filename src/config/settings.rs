//! Settings as checked: plain values that every later step can rely on.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::SecretString;

use crate::base::{AccountId, SourceName};
pub use crate::broker::{DeadLetterStrategy, Queue as QueueSettings, QueueKind};
pub use crate::telemetry::logs::Format as LogFormat;

/// Everything that can be set, checked. Secrets show neither in `Debug` nor in logs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `HOST:PORT` of the HTTP server.
    pub listen: String,
    /// Folder of the SQLite file, spooled deliveries and archived documents.
    pub data_dir: PathBuf,
    /// Where changes are kept.
    pub store: StoreSetting,
    /// AMQP URLs, tried in turn; none means that changes wait in the store.
    pub broker: Vec<SecretString>,
    /// Address of RabbitMQ's management API, for `topology check`. It may hold a password.
    pub broker_management: Option<SecretString>,
    /// The source `default`, then the others in the order of the file.
    pub sources: Vec<SourceSettings>,
    /// Subscribers' queues, declared at start.
    pub queues: Vec<QueueSettings>,
    /// Bootstrap admin token of the HTTP API.
    pub api_token: Option<SecretString>,
    /// Requests that each stored token may make within
    /// [`API_RATE_WINDOW`](crate::base::limits::API_RATE_WINDOW); 0 for any number.
    pub api_rate: u32,
    /// Key that seals stored credentials.
    pub vault_key: Option<SecretString>,
    /// The key before it: what it sealed still opens.
    pub vault_key_previous: Option<SecretString>,
    /// Key that signs checkpoints of the chain of evidence; without one, a key is made in `data_dir`.
    pub audit_key: Option<SecretString>,
    /// DocuSign's OAuth and REST.
    pub docusign: DocusignSettings,
    /// Whether each change is followed by the whole signing request, fetched over REST.
    pub enrich: bool,
    /// How often DocuSign is asked for what Connect did not deliver; never where none.
    pub reconcile_every: Option<Duration>,
    /// The address under which DocuSign reaches us, without a slash at its end.
    pub public_url: Option<String>,
    /// Minutes after its last fetch in which a signing request that has not come to its end is not fetched again.
    pub enrich_interval_minutes: u32,
    /// How a change is laid into a message.
    pub cloud_events: CloudEvents,
    /// Whether the stream `countersign.audit` is declared and bound.
    pub audit_stream: bool,
    /// Largest delivery that is taken, in bytes.
    pub delivery_bytes_max: u64,
    /// How long a delivery is remembered as seen, in days.
    pub dedup_retention_days: u32,
    /// How long records of the chain of evidence are kept, in days.
    pub audit_retention_days: u32,
    /// Threads of the HTTP server; one per core when none is told.
    pub threads: Option<usize>,
    /// How logs look.
    pub log_format: LogFormat,
    /// Which logs are written: a level, or directives such as `info,countersign::relay=debug`.
    pub log_level: String,
}

/// Where changes are kept.
#[derive(Debug, Clone)]
pub enum StoreSetting {
    /// In this SQLite file.
    Sqlite(PathBuf),
    /// On this PostgreSQL server: a URL, with a password perhaps.
    Postgres(SecretString),
}

/// A source of deliveries: one `/connect/{name}`.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The last word of its path; `default` also answers at `/connect`.
    pub name: SourceName,
    /// Any of these may have signed; none means that every delivery is refused.
    pub hmac_keys: Vec<SecretString>,
    /// Only these accounts; empty means all.
    pub accounts: Vec<AccountId>,
    /// Zone of XML times that tell none.
    pub timezone: Option<TimeZone>,
    /// `user:password` asked for beside the signature.
    pub basic_auth: Option<SecretString>,
}

/// DocuSign's OAuth and REST.
#[derive(Debug, Clone)]
pub struct DocusignSettings {
    /// OAuth server, without a slash at its end.
    pub auth_url: String,
    /// Integration key.
    pub client_id: Option<String>,
    /// For the authorization code grant.
    pub client_secret: Option<SecretString>,
    /// For the authorization code grant.
    pub redirect_url: Option<String>,
    /// The user on whose behalf the JWT grant asks.
    pub user_id: Option<String>,
    /// RSA key of the JWT grant, PEM.
    pub private_key: Option<SecretString>,
    /// A token to use as it is, instead of the JWT grant.
    pub access_token: Option<SecretString>,
    /// Base of the REST API, instead of the one that DocuSign tells for the account.
    pub base_uri: Option<String>,
}

impl DocusignSettings {
    /// True where calls to DocuSign can be made without anybody logging in: a token, or all of the JWT grant.
    pub fn has_credentials(&self) -> bool {
        let jwt = self.client_id.is_some() && self.user_id.is_some() && self.private_key.is_some();
        jwt || self.access_token.is_some()
    }

    /// Whether users can be sent to DocuSign to link their accounts.
    pub fn can_link(&self) -> bool {
        self.client_id.is_some() && self.redirect_url.is_some()
    }
}

impl Settings {
    /// Whether users can be sent to DocuSign to link their accounts.
    pub fn can_link(&self) -> bool {
        self.docusign.can_link()
    }
}

/// How a change is laid into a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CloudEvents {
    /// Attributes in headers, the change as body.
    #[default]
    Binary,
    /// Attributes and change in one JSON body.
    Structured,
}

impl CloudEvents {
    /// The mode's word in settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Structured => "structured",
        }
    }
}

/// A part of the server, for nodes that run only some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes deliveries at `/connect`.
    Receive,
    /// Publishes changes to the broker.
    Relay,
    /// Fetches and appends the whole signing request.
    Enrich,
    /// Serves the HTTP API and the dashboard.
    Api,
}

impl Role {
    /// All parts.
    pub const ALL: [Self; 4] = [Self::Receive, Self::Relay, Self::Enrich, Self::Api];

    /// The part's word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Relay => "relay",
            Self::Enrich => "enrich",
            Self::Api => "api",
        }
    }
}

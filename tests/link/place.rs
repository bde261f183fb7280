//! A stand-in for DocuSign, a store, and nodes that share both.

use std::sync::Arc;

use countersign::base::clock::ManualClock;
use countersign::base::{AccountId, AccountState, Clock as _, Dice, Grant as Way, Position};
use countersign::link::{Linked, Tools};
use countersign::rest::{
    Authority, Call, Challenge, Client, Error, Settings as RestSettings, User, http_client,
};
use countersign::signing::Entry;
use countersign::simulator::docusign::{Docusign, Running, Settings};
use countersign::store::{Credentials, IntegratedAccount, Parts, Settings as StoreSettings, Store};
use countersign::telemetry::Metrics;
use countersign::vault::Vault;
use secrecy::SecretString;

const NOW: &str = "2026-11-23T10:20:00Z";

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) docusign: Docusign,
    pub(crate) running: Running,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    pub(crate) account: AccountId,
}

impl Place {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let docusign = Docusign::new(Settings::default(), Arc::clone(&clock) as Arc<_>, Dice::seeded(3));
        let running = docusign.start("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings::sqlite(folder.path().join("countersign.sqlite"), false);
        let store = Store::open_by(&settings, Arc::clone(&clock) as Arc<_>).unwrap();
        let account = AccountId::new(&docusign.accounts()[0].id.to_string());
        Self { folder, docusign, running, clock, store, account }
    }

    fn authority(&self) -> Authority {
        let settings = RestSettings {
            auth_url: self.running.url(),
            client_id: "integration".to_owned(),
            redirect_url: Some("http://127.0.0.1/oauth/callback".to_owned()),
            ..RestSettings::default()
        };
        Authority::new(self.http(), &settings, Arc::clone(&self.clock) as Arc<_>).unwrap()
    }

    fn http(&self) -> reqwest::Client {
        http_client("test", std::time::Duration::from_secs(10)).unwrap()
    }

    pub(crate) fn vault(&self, key: &str, previous: Option<&str>) -> Arc<Vault> {
        let previous = previous.map(SecretString::from);
        Arc::new(Vault::new(&SecretString::from(key), previous.as_ref(), Dice::seeded(9)))
    }

    /// A node: what it keeps in memory is its own.
    pub(crate) fn node(&self, name: &str) -> Node {
        self.node_with(name, self.vault("key", None))
    }

    pub(crate) fn node_with(&self, name: &str, vault: Arc<Vault>) -> Node {
        self.node_beside(name, vault, None)
    }

    /// A node with a configured user whose token DocuSign does not know.
    pub(crate) fn node_of_a_stranger(&self) -> Node {
        let settings = RestSettings {
            auth_url: self.running.url(),
            access_token: Some(SecretString::from("nobody's")),
            ..RestSettings::default()
        };
        let clock = Arc::clone(&self.clock) as Arc<_>;
        let user = User::new(self.http(), &settings, clock, Dice::seeded(2)).unwrap();
        self.node_beside("stranger", self.vault("key", None), Some(Arc::new(user)))
    }

    fn node_beside(&self, name: &str, vault: Arc<Vault>, user: Option<Arc<User>>) -> Node {
        let tools = Tools {
            store: self.store.clone(),
            vault,
            authority: self.authority(),
            node: name.to_owned(),
            clock: Arc::clone(&self.clock) as Arc<_>,
            dice: Dice::seeded(1),
        };
        let linked = Linked::new(tools, user);
        let keyring = Arc::new(linked.clone());
        let client =
            Client::over(keyring, self.http(), Arc::clone(&self.clock) as Arc<_>, Metrics::default());
        Node { linked, client }
    }

    /// Links the account, as a user who allows it would.
    pub(crate) async fn link(&self, node: &Node) -> IntegratedAccount {
        let authority = self.authority();
        let verifier = SecretString::from("v".repeat(43));
        let url = authority.authorize_url("state", &Challenge::of(&verifier));
        let back = self.http().get(url).send().await.unwrap();
        let back = back.headers()["location"].to_str().unwrap().to_owned();
        let back = url::Url::parse(&back).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let grant = authority.exchange(&code, &verifier).await.unwrap();
        let (now, id) = (self.clock.now(), "0193-linked".to_owned());
        let sealed = node.linked.seal(&id, grant);
        let row = IntegratedAccount {
            id,
            account: Some(self.account.clone()),
            name: Some("Acme".to_owned()),
            tenant: "tenant-1".to_owned(),
            user_id: None,
            base_uri: Some(self.running.url()),
            grant: Way::Code,
            state: AccountState::Active,
            reason: None,
            refreshed_at: Some(now),
            version: 0,
            created_at: now,
            updated_at: now,
        };
        self.store.put_account(row, Credentials::Set(sealed)).await.unwrap()
    }

    pub(crate) async fn row(&self) -> IntegratedAccount {
        self.store.account("0193-linked").await.unwrap().unwrap()
    }

    /// Tokens that the stand-in gave so far.
    pub(crate) fn exchanges(&self) -> u64 {
        self.docusign.calls("POST /oauth/token")
    }

    pub(crate) async fn published(&self) -> Vec<Entry> {
        self.store.unsettled(Parts::ALL, Position(0), 1_000).await.unwrap()
    }
}

pub(crate) struct Node {
    pub(crate) linked: Linked,
    pub(crate) client: Client,
}

impl Node {
    /// A call about the account.
    pub(crate) async fn call(&self, account: &AccountId) -> Result<(), Error> {
        let call = Call::get(&["envelopes"]).with("from_date", "2026-01-01");
        self.client.call(account, &call).await.map(drop)
    }
}

//! A stand-in for DocuSign: OAuth and REST over the same envelopes that Connect tells of, with its traits, its
//! rate limits and, on demand, its faults.

mod audit;
mod billing;
mod body;
mod budget;
mod changes;
mod connect;
mod consent;
mod contacts;
mod controls;
mod definition;
mod documents;
mod envelopes;
mod errors;
mod estates;
mod faults;
mod folders;
mod gate;
mod grants;
mod groups;
mod jwt;
mod members;
mod oauth;
mod page;
mod papers;
mod pdf;
mod play;
mod profiles;
mod recipients;
mod routes;
mod tabs;
mod templates;
mod uploads;
mod users;
mod views;
mod world;
mod zip;

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::base::{Clock, Dice, limits};

use super::life::{Account, Envelope, Step, Subject};

pub use budget::Limits;
pub use faults::{Fault, FaultKind};
pub use grants::User;
pub use jwt::PublicKey;
pub use play::Play;

use faults::Faults;
use grants::{Consents, Terms, TokenKind, Tokens};
use world::{Calls, World};

/// What all calls about an account begin with, as routes write it.
const REST: &str = "/restapi/v2.1/accounts/{account}";

/// How the stand-in is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its accounts.
    pub accounts: Vec<Arc<Account>>,
    /// Its users; where none is told, the owner of the first account is the only one, has every account, and can be
    /// impersonated under any id.
    pub users: Vec<User>,
    /// The addresses registered with the integration; any where none.
    pub redirect_uris: Vec<String>,
    /// Whether users are asked each time whether they allow the integration what it asks for; else only those who
    /// have not consented are, as DocuSign asks users who are logged in.
    pub asks_users: bool,
    /// The integration key that tokens are given to; any where none.
    pub client_id: Option<String>,
    /// The integration's secret; no Basic authentication is asked for where none.
    pub client_secret: Option<SecretString>,
    /// The integration's RSA key; any well-formed assertion is taken where none.
    pub public_key: Option<PublicKey>,
    /// What assertions must name as `aud`; anything where none.
    pub audience: Option<String>,
    /// What userinfo tells as `base_uri`; where none, the address that the call came to.
    pub base_uri: Option<String>,
    /// Life of an access token; eight hours at DocuSign, and at most one for JWT grants.
    pub token_life: SignedDuration,
    /// Life of a refresh token: from each refresh with the scope `extended`, else from the login; 30 days at DocuSign.
    pub refresh_life: SignedDuration,
    /// How long a refresh token lives on after it was exchanged. DocuSign does not say: none, to be safe.
    pub refresh_overlap: SignedDuration,
    /// Calls that an account has.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accounts: vec![Arc::new(Account::invented(&Dice::seeded(0)))],
            users: Vec::new(),
            redirect_uris: Vec::new(),
            asks_users: false,
            client_id: None,
            client_secret: None,
            public_key: None,
            audience: None,
            base_uri: None,
            token_life: SignedDuration::from_hours(8),
            refresh_life: SignedDuration::from_hours(30 * 24),
            refresh_overlap: SignedDuration::ZERO,
            limits: Limits::default(),
        }
    }
}

/// What can be changed while it runs.
#[derive(Debug)]
struct Controls {
    limits: Limits,
    consents: Consents,
}

/// What all calls share.
struct Shared {
    settings: Settings,
    clock: Arc<dyn Clock>,
    dice: Dice,
    world: Mutex<World>,
    papers: Mutex<papers::Papers>,
    views: Mutex<views::Views>,
    tokens: Mutex<Tokens>,
    faults: Mutex<Faults>,
    calls: Mutex<Calls>,
    controls: Mutex<Controls>,
    connect: Mutex<connect::Connect>,
    /// What REST calls made happen and Connect has not told yet, and envelopes that they sent.
    untold: Mutex<VecDeque<Step>>,
    sent: Mutex<VecDeque<Envelope>>,
    something_to_tell: Notify,
    something_sent: Notify,
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn access_token(&self, life: SignedDuration, terms: Arc<Terms>) -> String {
        let token = format!("simulated.{}", self.dice.uuid().simple());
        let until = later(self.clock.now(), life);
        lock(&self.tokens).keep(TokenKind::Access, token.clone(), terms, until);
        token
    }

    /// The users; where none were told, the owner of the first account.
    fn users(&self) -> Vec<User> {
        if !self.settings.users.is_empty() {
            return self.settings.users.clone();
        }
        let accounts = self.settings.accounts.iter().map(|account| account.id).collect();
        let owner = self.settings.accounts.first();
        owner
            .map(|owner| User { person: owner.sender.clone(), accounts, default: owner.id })
            .into_iter()
            .collect()
    }

    fn knows_user(&self, id: Uuid) -> bool {
        let users = &self.settings.users;
        users.is_empty() || users.iter().any(|user| user.person.user_id == id)
    }

    fn is_member(&self, user: Option<Uuid>, account: Uuid) -> bool {
        let Some(id) = user else { return true };
        let user = self.settings.users.iter().find(|user| user.person.user_id == id);
        user.is_some_and(|user| user.accounts.contains(&account))
    }

    /// Takes back a user's consent: refresh tokens die at once, live access tokens live on.
    fn revoke(&self, user: Uuid) {
        lock(&self.controls).consents.set(user, false);
        let user = (!self.settings.users.is_empty()).then_some(user);
        let mut tokens = lock(&self.tokens);
        tokens.end(Some(TokenKind::Refresh), user);
        tokens.end(Some(TokenKind::Code), user);
    }

    /// Leaves steps, and an envelope that was just sent, for whoever plays Connect; the oldest ones are dropped
    /// where nobody does.
    fn tell(&self, steps: Vec<Step>, sent: Option<Envelope>) {
        let mut untold = lock(&self.untold);
        untold.extend(steps);
        while untold.len() > limits::SIMULATOR_UNTOLD_MAX {
            untold.pop_front();
        }
        drop(untold);
        let mut queue = lock(&self.sent);
        queue.extend(sent);
        while queue.len() > limits::SIMULATOR_UNTOLD_MAX {
            queue.pop_front();
        }
        drop(queue);
        self.something_to_tell.notify_one();
        self.something_sent.notify_one();
    }
}

/// The stand-in. Cheap to clone; clones are the same one.
#[derive(Clone)]
pub struct Docusign(web::Data<Shared>);

impl fmt::Debug for Docusign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Docusign").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// A stand-in that listens.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    handle: ServerHandle,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Its URL, without a slash at the end: OAuth and REST both.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and ends what is under way.
    pub async fn stop(self) {
        self.handle.stop(false).await;
        // The server ended because it was told to: its result says nothing more.
        let _ = self.served.await;
    }
}

impl Docusign {
    /// A stand-in that knows its accounts and no envelope yet.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, dice: Dice) -> Self {
        let world = estates::peopled(&settings);
        let controls = Controls { limits: settings.limits, consents: Consents::of_all(true) };
        Self(web::Data::new(Shared {
            settings,
            clock,
            dice,
            world: Mutex::new(world),
            papers: Mutex::default(),
            views: Mutex::default(),
            tokens: Mutex::default(),
            faults: Mutex::default(),
            calls: Mutex::default(),
            controls: Mutex::new(controls),
            connect: Mutex::default(),
            untold: Mutex::default(),
            sent: Mutex::default(),
            something_to_tell: Notify::new(),
            something_sent: Notify::new(),
        }))
    }

    /// Starts to listen at `listen` (`127.0.0.1:0` for any free port).
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(&self, listen: &str) -> std::io::Result<Running> {
        let listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let shared = self.0.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(limits::SIMULATOR_BODY_BYTES_MAX))
                .wrap(from_fn(gate::gate))
                .configure(routes::routes)
        })
        .on_connect(remember_socket)
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        Ok(Running { address, handle, served: tokio::spawn(server) })
    }

    /// Takes in what a step tells, so that REST tells the same.
    pub fn apply(&self, step: &Step) {
        if let Subject::Envelope(envelope) = &step.subject {
            lock(&self.0.world).put(Arc::clone(envelope));
        }
    }

    /// Takes in an envelope as it stands now, whatever made it so.
    pub fn put(&self, envelope: Envelope) {
        lock(&self.0.world).put(Arc::new(envelope));
    }

    /// An access token that is alive and good for every account.
    pub fn issue_token(&self) -> SecretString {
        self.token_of(None)
    }

    /// An access token of one user, who may do what that user's permission profile says.
    pub fn issue_token_to(&self, user: Uuid) -> SecretString {
        self.token_of(Some(user))
    }

    fn token_of(&self, user: Option<Uuid>) -> SecretString {
        let terms = Terms { user, scope: String::new(), since: self.0.clock.now() };
        SecretString::from(self.0.access_token(self.0.settings.token_life, Arc::new(terms)))
    }

    /// Ends every token at once.
    pub fn revoke_tokens(&self) {
        lock(&self.0.tokens).end(None, None);
    }

    /// Ends access tokens before their time; refresh tokens live on.
    pub fn revoke_access_tokens(&self) {
        lock(&self.0.tokens).end(Some(TokenKind::Access), None);
    }

    /// Every code and token that was given out, as far back as they are remembered: what must show nowhere.
    pub fn all_tokens(&self) -> Vec<String> {
        lock(&self.0.tokens).given()
    }

    /// Takes back a user's consent: refresh tokens die at once, live access tokens live on until they end.
    pub fn revoke_consent(&self, user: Uuid) {
        self.0.revoke(user);
    }

    /// Whether users consented to being impersonated, all of them; JWT grants are refused where not.
    pub fn set_consent(&self, consented: bool) {
        lock(&self.0.controls).consents = Consents::of_all(consented);
    }

    /// Changes the calls that an account has.
    pub fn set_limits(&self, limits: Limits) {
        lock(&self.0.controls).limits = limits;
    }

    /// Adds a fault; false where there are too many already.
    pub fn add_fault(&self, fault: Fault) -> bool {
        lock(&self.0.faults).add(fault)
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        lock(&self.0.faults).clear();
    }

    /// How often a call was made, by its name: `GET /envelopes/{envelope}`, `POST /oauth/token`.
    pub fn calls(&self, name: &str) -> u64 {
        lock(&self.0.calls).all().get(name).copied().unwrap_or_default()
    }

    /// How often each call was made.
    pub fn all_calls(&self) -> BTreeMap<String, u64> {
        lock(&self.0.calls).all().clone()
    }

    /// The accounts that it was set up with.
    pub fn accounts(&self) -> &[Arc<Account>] {
        &self.0.settings.accounts
    }
}

/// A second hold on a connection, to end it without an answer.
struct Socket(TcpStream);

impl Socket {
    fn end(&self) {
        // It may have ended by itself.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn remember_socket(connection: &dyn Any, extensions: &mut Extensions) {
    let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
    if let Some(held) = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok()) {
        extensions.insert(Socket(TcpStream::from(held)));
    }
}

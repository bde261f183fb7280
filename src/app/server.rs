//! The server: everything that one process runs, from settings to a graceful end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_server::ServerHandle;
use actix_web::web::{Data, ServiceConfig};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::base::{Clock, Dice, SystemClock};
use crate::broker;
use crate::config::{Loaded, Loader, Role, Settings};
use crate::evidence::Signer;
use crate::failpoint::{self, Step};
use crate::receive::{self, Receiver, Release, ReleaseError, Sources};
use crate::store::{self, Store};
use crate::telemetry::{Metrics, logs};
use crate::web::{self, Api};

use super::docusign::Docusign;
use super::flows::Flows;
use super::http::{self, Serving};
use super::reconcile::Reconciling;
use super::{Error, keys, signer};

/// A server that is bound and opened, but serves nothing yet.
pub struct App {
    settings: Settings,
    roles: Vec<Role>,
    listener: TcpListener,
    address: SocketAddr,
    receiver: Receiver,
    broker_status: broker::Status,
    key_faults: keys::Faults,
    /// What can change while it runs, beside the sources.
    queues: watch::Sender<Vec<broker::Queue>>,
    token: web::TokenInForce,
    signer: Arc<Signer>,
    docusign: Docusign,
    reconciling: Reconciling,
    clock: Arc<dyn Clock>,
    dice: Dice,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("address", &self.address)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Opens the store and binds the address.
    ///
    /// # Errors
    /// When one of the two, the spool of large bodies, the key that signs checkpoints or the client for DocuSign cannot
    /// be had.
    pub fn build(
        settings: Settings,
        roles: &[Role],
        clock: Arc<dyn Clock>,
        dice: Dice,
    ) -> Result<Self, Error> {
        let node = dice.uuid().to_string();
        let store = Store::open_by(&settings.for_store(node.clone()), Arc::clone(&clock))?;
        let signer = Arc::new(signer::signer(&settings, &dice)?);
        let receiver = Receiver {
            sources: Sources::new(keys::sources(&settings.sources)),
            store,
            spool: Arc::new(settings.data_dir.join("spool")),
            body_bytes_max: settings.delivery_bytes_max,
            clock: Arc::clone(&clock),
            dice: dice.clone(),
            metrics: Metrics::default(),
            room: receive::Room::shared(settings.delivery_bytes_max),
            explaining: receive::Turns::default(),
            crowded: receive::Turns::default(),
        };
        let spool = || format!("the spool {} cannot be prepared", receiver.spool.display());
        receiver.prepare().map_err(|why| Error::File { what: spool(), why })?;
        let docusign = Docusign::new(&settings, &receiver, &node)?;
        let bind = || -> std::io::Result<_> {
            let listener = TcpListener::bind(&settings.listen)?;
            http::widen(&listener)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) =
            bind().map_err(|why| Error::Listen { address: settings.listen.clone(), why })?;
        let (broker_status, key_faults) = (broker::Status::default(), keys::Faults::default());
        let reconciling = Reconciling::new(&settings, roles, &receiver, docusign.client.clone());
        let roles = roles.to_vec();
        let queues = watch::Sender::new(settings.queues.clone());
        let token = web::TokenInForce::new(settings.api_token.as_ref());
        Ok(Self {
            settings,
            roles,
            listener,
            address,
            receiver,
            broker_status,
            key_faults,
            queues,
            token,
            signer,
            docusign,
            reconciling,
            clock,
            dice,
        })
    }

    /// The address bound: with port 0, the one that was given.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether changes are published to a broker.
    pub fn publishes(&self) -> bool {
        !self.settings.broker.is_empty()
    }

    /// The store, for those who watch the feed from within.
    pub fn store(&self) -> Store {
        self.receiver.store.clone()
    }

    /// What [`keys::watch`] may change.
    pub(super) fn in_force(&self) -> keys::InForce {
        keys::InForce {
            sources: self.receiver.sources.clone(),
            queues: self.queues.clone(),
            token: self.token.clone(),
            metrics: self.receiver.metrics.clone(),
            faults: self.key_faults.clone(),
        }
    }

    fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// What the API's faces stand on.
    fn api(&self, stopping: CancellationToken) -> Api {
        let (status, configured) = (self.broker_status.clone(), !self.settings.broker.is_empty());
        let (sources, key_faults) = (self.receiver.sources.clone(), self.key_faults.clone());
        let (receiver, replayer) = (self.receiver.clone(), self.receiver.clone());
        Api::new(web::Parts {
            store: self.receiver.store.clone(),
            metrics: self.receiver.metrics.clone(),
            clock: Arc::clone(&self.clock),
            dice: self.dice.clone(),
            broker: Arc::new(move || view(&status, configured)),
            keys: Arc::new(move || key_faults.view(&sources)),
            release: Arc::new(move |id| {
                let receiver = receiver.clone();
                Box::pin(async move { answer(receive::release(&receiver, id).await) })
            }),
            replay: Arc::new(move |wanted| {
                let receiver = replayer.clone();
                Box::pin(async move { receive::replay::replay(&receiver, &wanted).await })
            }),
            linked: self.docusign.linked.clone(),
            client: self.docusign.client.clone(),
            docusign: Some(self.reconciling.face()),
            forwarder: self.docusign.forwarder.clone(),
            api_token: self.token.clone(),
            api_rate: self.settings.api_rate,
            audit_key: self.signer.public_key(),
            version: web::Version {
                version: env!("CARGO_PKG_VERSION").into(),
                commit: option_env!("COUNTERSIGN_COMMIT").map(str::to_owned),
                started_at: self.clock.now(),
            },
            stopping,
        })
    }

    /// Starts to answer requests.
    fn answer_requests(&self, stop: &CancellationToken) -> Result<(ServerHandle, Serving), Error> {
        let (api, whole_api) = (Data::new(self.api(stop.clone())), self.has(Role::Api));
        let receiver = self.has(Role::Receive).then(|| Data::new(self.receiver.clone()));
        let faces = move |app: &mut ServiceConfig| {
            if let Some(receiver) = &receiver {
                web::connect::configure(app, receiver.clone());
            }
            let faces = if whole_api { web::configure } else { web::configure_health };
            faces(app, api.clone());
        };
        let listener = self.listener.try_clone().map_err(Error::Http)?;
        http::serve(listener, self.settings.threads, faces).map_err(Error::Http)
    }

    /// Serves until `stop` is cancelled; then finishes requests and publishes under way, and closes the store.
    ///
    /// # Errors
    /// When a part cannot be made, the HTTP server ends by itself, or the end takes longer than
    /// [`SHUTDOWN_TIMEOUT`](crate::base::limits::SHUTDOWN_TIMEOUT).
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let flows = Flows::start(
            &self.settings,
            &self.roles,
            &self.receiver,
            &self.signer,
            (&self.docusign, &self.reconciling),
            &self.broker_status,
            self.queues.subscribe(),
        );
        let (requests, mut serving) = self.answer_requests(&stop)?;
        drop(self.listener);
        let ended = tokio::select! {
            () = stop.cancelled() => None,
            ended = &mut serving => Some(ended),
        };
        if let Some(ended) = ended {
            flows.stop().await?;
            self.receiver.store.close().await;
            let why = ended.unwrap_or_else(|e| Err(std::io::Error::other(e)));
            return Err(Error::Http(why.err().unwrap_or_else(|| std::io::Error::other("it was stopped"))));
        }
        tracing::info!("stopping: requests and publishes under way are finished first");
        requests.stop(true).await;
        failpoint::pass(Step::Stopping);
        // Only now: what the last requests stored is still published, as far as the time allows.
        let stopped = flows.stop().await;
        self.receiver.store.close().await;
        tracing::info!("stopped");
        stopped
    }
}

fn view(status: &broker::Status, configured: bool) -> web::BrokerView {
    let now = status.view();
    web::BrokerView {
        configured,
        connected: now.connected,
        blocked: now.blocked,
        error: now.error,
        faults: now.faults.into_iter().map(|(part, why)| web::TopologyFault { part, why }).collect(),
    }
}

fn answer(released: Result<Release, ReleaseError>) -> Result<store::Appended, web::ReleaseError> {
    match released {
        Ok(Release::Released(appended)) => Ok(appended),
        Ok(Release::Unknown) => Err(web::ReleaseError::Unknown),
        Ok(Release::StillUnreadable(why)) => Err(web::ReleaseError::Unreadable(why)),
        Err(ReleaseError::Store(error)) => Err(web::ReleaseError::Store(error)),
        Err(ReleaseError::File(_)) => Err(web::ReleaseError::Pruned),
    }
}

/// `countersign serve`: builds, says the address, and runs until a signal says stop.
///
/// # Errors
/// As [`App::build`] and [`App::run`].
pub fn serve(
    loader: Loader,
    loaded: Loaded,
    roles: &[Role],
    say: impl FnOnce(SocketAddr),
) -> Result<(), Error> {
    start_logs(&loaded);
    write_privately();
    runtime()?.block_on(async move {
        let dice = Dice::from_system();
        let app = App::build(loaded.settings, roles, Arc::new(SystemClock), dice)?;
        let stop = CancellationToken::new();
        // Before the address is said: whoever waits for that may send a signal at once.
        stop_on_signal(stop.clone());
        let watching = keys::watch(loader, loaded.watched_files, app.in_force(), stop.clone());
        say(app.address());
        let ended = app.run(stop.clone()).await;
        stop.cancel();
        let _ = watching.await;
        ended
    })
}

pub(super) fn start_logs(loaded: &Loaded) {
    logs::init(loaded.settings.log_format, &loaded.settings.log_level);
    for warning in &loaded.warnings {
        tracing::warn!(key = %warning.key, "{}: {}", warning.what, warning.todo);
    }
}

/// Lets nobody but our own user read what we write: it is other people's data.
pub(super) fn write_privately() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|why| Error::File { what: "the threads cannot be started".into(), why })
}

/// Cancels `stop` on SIGTERM or SIGINT; a second one ends the process at once. Both are heeded from when this returns.
pub(super) fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received: stop this process with SIGKILL; nothing stored is lost");
        return;
    };
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        stop.cancel();
        next().await;
        tracing::warn!(
            "stopped by a second signal; what was not published yet is published at the next start"
        );
        std::process::exit(1);
    });
}

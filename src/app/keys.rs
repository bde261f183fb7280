//! What can change while the program runs (the sources' keys, subscribers' queues, the API's token), read again on
//! SIGHUP and whenever a file that tells them changes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Loader, QueueSettings, Reloaded, SourceSettings};
use crate::receive::{Source, Sources};
use crate::telemetry::{Metric, Metrics};
use crate::web::{KeysView, TokenInForce};

/// How often files are looked at: a rotation is noticed within this time. No watcher of the system's: those miss
/// files that a volume exchanges behind a link.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sources as the receiver wants them.
pub(super) fn sources(settings: &[SourceSettings]) -> Vec<Source> {
    let source = |from: &SourceSettings| {
        let mut source = Source::new(from.name.clone(), from.hmac_keys.clone());
        source.accounts.clone_from(&from.accounts);
        source.timezone.clone_from(&from.timezone);
        source.basic_auth.clone_from(&from.basic_auth);
        source
    };
    settings.iter().map(source).collect()
}

/// Why the last reload failed, for `/readyz`.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Option<String>>>);

impl Faults {
    fn set(&self, fault: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The keys as health shows them.
    pub(super) fn view(&self, sources: &Sources) -> KeysView {
        let all = sources.all();
        let mut without_keys: Vec<String> =
            all.values().filter(|s| s.keys.is_empty()).map(|s| s.name.to_string()).collect();
        without_keys.sort();
        let reload_error = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        KeysView { sources: all.len(), without_keys, reload_error }
    }
}

/// What is exchanged when it was read again.
pub(super) struct InForce {
    pub(super) sources: Sources,
    pub(super) queues: watch::Sender<Vec<QueueSettings>>,
    pub(super) token: TokenInForce,
    pub(super) metrics: Metrics,
    pub(super) faults: Faults,
}

impl InForce {
    fn exchange(&self, reloaded: &Reloaded) {
        self.sources.replace(sources(&reloaded.sources));
        self.token.exchange(reloaded.api_token.as_ref());
        self.queues.send_if_modified(|queues| {
            let changed = *queues != reloaded.queues;
            queues.clone_from(&reloaded.queues);
            changed
        });
        self.faults.set(None);
        self.metrics.count(Metric::KeyReloads, "ok", 1);
    }
}

/// Watches until stopped. SIGHUP is heeded from when this returns.
pub(super) fn watch(
    loader: Loader,
    mut files: Vec<PathBuf>,
    in_force: InForce,
    stop: CancellationToken,
) -> JoinHandle<()> {
    let hangup = signal(SignalKind::hangup());
    tokio::spawn(async move {
        let Ok(mut hangup) = hangup else {
            tracing::error!("SIGHUP cannot be received: keys are read again only when their files change");
            return;
        };
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut seen = looked_at(&files);
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => true,
                _ = looks.tick() => false,
            };
            let now = looked_at(&files);
            if !asked && now == seen {
                continue;
            }
            seen = now;
            match loader.reload() {
                Ok(reloaded) => {
                    let (sources, queues) = (reloaded.sources.len(), reloaded.queues.len());
                    tracing::info!(sources, queues, "keys, queues and the API's token were read again");
                    in_force.exchange(&reloaded);
                    files = reloaded.watched_files;
                    seen = looked_at(&files);
                }
                Err(report) => {
                    tracing::error!(
                        "settings could not be read again; those of before stay in use: {report}"
                    );
                    in_force.faults.set(Some(report.to_string()));
                    in_force.metrics.count(Metric::KeyReloads, "failed", 1);
                }
            }
        }
    })
}

/// When each file was last changed, and how long it is.
fn looked_at(files: &[PathBuf]) -> Vec<Option<(SystemTime, u64)>> {
    let look = |file: &PathBuf| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.iter().map(look).collect()
}

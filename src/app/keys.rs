//! The sources' keys, read again on SIGHUP and whenever a file that tells them changes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Loader, SourceSettings};
use crate::receive::{Source, Sources};
use crate::telemetry::{Metric, Metrics};
use crate::web::KeysView;

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

/// Watches until stopped.
pub(super) fn watch(
    loader: Loader,
    mut files: Vec<PathBuf>,
    (sources_now, metrics, faults): (Sources, Metrics, Faults),
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
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
            match loader.reload_sources() {
                Ok(reloaded) => {
                    tracing::info!(sources = reloaded.sources.len(), "keys were read again");
                    sources_now.replace(sources(&reloaded.sources));
                    files = reloaded.watched_files;
                    seen = looked_at(&files);
                    faults.set(None);
                    metrics.count(Metric::KeyReloads, "ok", 1);
                }
                Err(report) => {
                    tracing::error!("keys could not be read again; those of before stay in use: {report}");
                    faults.set(Some(report.to_string()));
                    metrics.count(Metric::KeyReloads, "failed", 1);
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

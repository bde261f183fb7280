//! `countersign demo`: the server and a stand-in for DocuSign in one process, on defaults that need nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::base::{Dice, SystemClock, limits};
use crate::config::{Loaded, Origin, Role, Settings, StoreSetting};
use crate::signing::Entry;
use crate::simulator::connect::{Configuration, Format};
use crate::simulator::demo::{Demo, run_demo_traffic};
use crate::simulator::docusign::{self, Docusign, Limits};
use crate::simulator::sender::{Report, Target};
use crate::store::{FeedQuery, Store};
use crate::telemetry::logs;

use super::Error;
use super::server::{App, runtime, stop_on_signal, write_privately};

/// What the demo tells while it runs.
pub trait Audience: Send + 'static {
    /// It listens here; `publishes` tells whether a broker is set.
    fn started(&mut self, address: SocketAddr, publishes: bool);
    /// A change was appended.
    fn changed(&mut self, entry: &Entry);
    /// It is over; the stand-in's books.
    fn ended(&mut self, report: Option<Report>);
}

/// Runs until a signal, or `seconds`, says stop.
///
/// # Errors
/// As [`App::build`] and [`App::run`], and when the stand-in cannot be started.
pub fn demo(loaded: Loaded, seconds: Option<u64>, mut audience: impl Audience) -> Result<(), Error> {
    let set = |key: &str| loaded.rows.iter().any(|row| row.key == key && row.origin != Origin::Default);
    logs::init(
        loaded.settings.log_format,
        if set("log.level") { &loaded.settings.log_level } else { "warn" },
    );
    write_privately();
    let (own_folder, own_address) = (!set("data_dir") && !set("store"), !set("listen"));
    let mut settings = loaded.settings;
    runtime()?.block_on(async move {
        let dice = Dice::from_system();
        let folder = own_folder.then(|| use_fresh_folder(&mut settings, &dice));
        let (docusign, rest) = start_docusign(&mut settings, &dice)?;
        let key = use_fresh_key(&mut settings, &dice);
        let app = build(settings, own_address, &dice)?;
        let (address, publishes, store) = (app.address(), app.publishes(), app.store());
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone());
        audience.started(address, publishes);
        if let Some(seconds) = seconds {
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                stop.cancel();
            });
        }
        let served = CancellationToken::new();
        let serving = tokio::spawn(app.run(served.clone()));
        let watching = tokio::spawn(watch(store, audience, served.clone()));
        let configuration = Configuration::new(Format::Json);
        let target = Target { url: format!("http://{address}/connect"), keys: vec![key], configuration };
        let traffic = Demo { stop: stop.clone(), ..Demo::to(target) };
        let report = run_demo_traffic(&docusign, Arc::new(SystemClock), dice, traffic).await;
        // The traffic has ended before the server does: nothing is refused at the end.
        served.cancel();
        let ended = serving.await.unwrap_or(Err(Error::Slow));
        if let Ok(mut audience) = watching.await {
            audience.ended(report.ok());
        }
        rest.stop().await;
        if let Some(folder) = folder {
            let _ = std::fs::remove_dir_all(folder);
        }
        ended
    })
}

/// A folder of its own, gone when the demo is.
fn use_fresh_folder(settings: &mut Settings, dice: &Dice) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("countersign-demo-{}", dice.uuid().simple()));
    settings.store = StoreSetting::Sqlite(folder.join("countersign.sqlite"));
    settings.data_dir.clone_from(&folder);
    folder
}

/// The stand-in for DocuSign, which the enricher then calls. It has calls enough for as long as anybody watches.
fn start_docusign(settings: &mut Settings, dice: &Dice) -> Result<(Docusign, docusign::Running), Error> {
    let unlimited = Limits { hourly: 10_000_000, burst: 100_000, ..Limits::default() };
    let years = SignedDuration::from_hours(24 * 3650);
    let set_up = docusign::Settings {
        limits: unlimited,
        token_life: years,
        asks_users: true,
        ..docusign::Settings::default()
    };
    let docusign = Docusign::new(set_up, Arc::new(SystemClock), dice.clone());
    let running = docusign
        .start("127.0.0.1:0")
        .map_err(|why| Error::Listen { address: "127.0.0.1:0 (simulated DocuSign)".into(), why })?;
    settings.docusign.base_uri = Some(running.url());
    settings.docusign.auth_url = running.url();
    settings.docusign.access_token = Some(docusign.issue_token());
    settings.docusign.client_id = Some("countersign-demo".to_owned());
    settings.docusign.client_secret = None;
    // Whatever is linked here goes with the demo: no key of it need be kept.
    settings.vault_key.get_or_insert_with(|| SecretString::from(dice.uuid().to_string()));
    listen_at(settings, settings.listen.clone());
    settings.enrich = true;
    // Lives pass in minutes here, and this DocuSign does not mind.
    settings.enrich_interval_minutes = 0;
    Ok((docusign, running))
}

/// Makes it listen there; the port is chosen now where none is told, for users who link an account come back to it.
fn listen_at(settings: &mut Settings, listen: String) {
    let free = || std::net::TcpListener::bind(&listen)?.local_addr();
    let listen = match listen.ends_with(":0").then(free) {
        Some(Ok(address)) => address.to_string(),
        _ => listen,
    };
    let reached = listen.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
    settings.docusign.redirect_url = Some(format!("http://{reached}/oauth/callback"));
    settings.listen = listen;
}

/// A Connect key of its own beside those that are set, for the source `default`.
fn use_fresh_key(settings: &mut Settings, dice: &Dice) -> SecretString {
    let key = SecretString::from(format!("demo-{}", dice.uuid().simple()));
    if let Some(source) = settings.sources.first_mut() {
        source.hmac_keys.push(key.clone());
    }
    key
}

/// Builds the server; where the default address is taken, on any other.
fn build(settings: Settings, own_address: bool, dice: &Dice) -> Result<App, Error> {
    match App::build(settings.clone(), &Role::ALL, Arc::new(SystemClock), dice.clone()) {
        Err(Error::Listen { address, .. }) if own_address => {
            tracing::warn!("{address} is taken: listening on a free port instead");
            let mut settings = settings;
            listen_at(&mut settings, "127.0.0.1:0".to_owned());
            App::build(settings, &Role::ALL, Arc::new(SystemClock), dice.clone())
        }
        built => built,
    }
}

/// Tells the audience of every change, in the order of the feed.
async fn watch<A: Audience>(store: Store, mut audience: A, stop: CancellationToken) -> A {
    let mut last = store.last_position();
    let mut after = *last.borrow_and_update();
    loop {
        let query = FeedQuery { after, limit: limits::PAGE_ROWS, ..FeedQuery::default() };
        let rows = store.feed(query).await.unwrap_or_default();
        for row in &rows {
            after = row.entry.position;
            audience.changed(&row.entry);
        }
        if rows.is_empty() {
            tokio::select! {
                () = stop.cancelled() => return audience,
                changed = last.changed() => if changed.is_err() { return audience; }
            }
        }
    }
}

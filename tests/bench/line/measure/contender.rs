//! What is measured, as a process: the program, the peers and the floors, started and ended.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use super::wait;
use crate::traffic::KEY;

/// How long a start may take.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How often a start is looked at: its time is measured too.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How often counts are looked at, and how long a backlog may take.
const COUNT_EVERY: Duration = Duration::from_millis(100);
const COUNT_PATIENCE: Duration = Duration::from_secs(900);

/// Which server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// The program, on its embedded store unless its settings say otherwise.
    Countersign(Settings),
    /// Express and amqplib.
    Express,
    /// FastAPI and aio-pika.
    Fastapi,
    /// Only what cannot be left out.
    FloorLine,
    /// Only the reading of bodies.
    FloorRead,
}

/// How the program is set up, beyond what all scenarios have in common.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Settings {
    /// The broker; none: changes wait in the store.
    pub(crate) broker: Option<String>,
    /// A PostgreSQL database; none: SQLite.
    pub(crate) postgres: Option<String>,
    /// Queues that take every message.
    pub(crate) queues: usize,
    /// Further lines of the settings file.
    pub(crate) more: String,
    /// A folder that is kept from one start to the next.
    pub(crate) folder: Option<PathBuf>,
    /// Days by which its clock is behind, by libfaketime.
    pub(crate) days_behind: u32,
}

/// Where programs and broker are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The program in release.
    pub(crate) program: PathBuf,
    /// The folder of the peers.
    pub(crate) peers: PathBuf,
    /// The broker's address.
    pub(crate) broker: String,
}

/// A running server. Dropped, it is killed; should this process be killed, a watchdog ends it.
#[derive(Debug)]
pub(crate) struct Contender {
    /// Which.
    pub(crate) kind: Kind,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// From its start until it listened.
    pub(crate) listened_after: Duration,
    child: Child,
    watchdog: Child,
    began: Instant,
    log: PathBuf,
    /// Deliveries that were answered 200, those before this start included: its own counts may be a second old.
    answered: AtomicU64,
    _folder: TempDir,
}

/// What a server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(crate) struct Totals {
    /// Changes made of deliveries.
    pub(crate) changes: u64,
    /// Of these, published and confirmed.
    pub(crate) published: u64,
    /// Deliveries taken; the floors do not tell.
    #[serde(default)]
    pub(crate) accepted: u64,
    /// Deliveries known before.
    #[serde(default)]
    pub(crate) duplicates: u64,
    /// Deliveries not understood.
    #[serde(default)]
    pub(crate) quarantined: u64,
    /// Signing requests known.
    #[serde(default)]
    pub(crate) signing_requests: u64,
    /// Signing requests yet to be fetched.
    #[serde(default)]
    pub(crate) enrich_pending: u64,
}

impl Totals {
    /// Deliveries of every outcome that is answered 200.
    pub(crate) fn answered(&self) -> u64 {
        self.accepted + self.duplicates + self.quarantined
    }

    /// Whether nothing waits to be published or fetched.
    pub(crate) fn drained(&self) -> bool {
        self.published >= self.changes && self.enrich_pending == 0
    }
}

impl Kind {
    /// Its name in reports.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Countersign(_) => "countersign",
            Self::Express => "Express",
            Self::Fastapi => "FastAPI",
            Self::FloorLine => "floor",
            Self::FloorRead => "bare POST",
        }
    }

    fn command(&self, places: &Places, folder: &Path) -> anyhow::Result<Command> {
        let floor = |what: &str| -> anyhow::Result<Command> {
            let mut own = Command::new(std::env::current_exe()?);
            own.args(["floor", what]);
            Ok(own)
        };
        Ok(match self {
            Self::Countersign(settings) => {
                let own = settings.folder.as_deref().unwrap_or(folder);
                let file = folder.join("countersign.toml");
                fs::write(&file, settings.toml(own))?;
                let mut command = Command::new(&places.program);
                if settings.days_behind > 0 {
                    let behind = format!("-{}d", settings.days_behind);
                    command
                        .env("LD_PRELOAD", fake_time()?)
                        .env("FAKETIME", behind)
                        .env("DONT_FAKE_MONOTONIC", "1");
                }
                command.arg("serve").arg("--config").arg(file);
                command
            }
            Self::Express => {
                let mut command = Command::new("node");
                command.arg(places.peers.join("express/server.js")).env("NODE_ENV", "production");
                command
            }
            Self::Fastapi => {
                let mut command = Command::new(places.peers.join("fastapi/.venv/bin/python"));
                command.arg(places.peers.join("fastapi/server.py"));
                command
            }
            Self::FloorLine => {
                let mut command = floor("line")?;
                command.args(["--broker", &places.broker]).arg("--file").arg(folder.join("journal"));
                command
            }
            Self::FloorRead => floor("read")?,
        })
    }
}

impl Settings {
    /// The settings file, with data in `folder`.
    pub(crate) fn toml(&self, folder: &Path) -> String {
        let mut text = format!(
            "listen = \"127.0.0.1:0\"\ndata_dir = \"{}\"\nhmac_keys = [\"{KEY}\"]\n",
            folder.join("data").display()
        );
        if let Some(broker) = &self.broker {
            text.push_str(&format!("broker = \"{broker}\"\n"));
        }
        if let Some(postgres) = &self.postgres {
            text.push_str(&format!("store = \"{postgres}\"\n"));
        }
        if !self.more.contains("audit_stream") {
            // The others write each message to one queue and nothing else.
            text.push_str("audit_stream = false\n");
        }
        if !self.more.contains("enrich =") {
            text.push_str("enrich = false\n");
        }
        text.push_str(&self.more);
        for queue in 0..self.queues {
            text.push_str(&format!("\n[[queue]]\nname = \"{}\"\nbind = [\"#\"]\n", queue_name(queue)));
        }
        text
    }
}

/// The library by which a program's clock can be set.
fn fake_time() -> anyhow::Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.filter_map(Result::ok);
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).context("libfaketime (the package libfaketime)")
}

/// The name of a queue of the benchmark.
pub(crate) fn queue_name(number: usize) -> String {
    format!("bench-{number}")
}

impl Contender {
    /// Starts a server and waits until it listens.
    pub(crate) async fn start(kind: Kind, places: &Places) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("bench-")?;
        let log = folder.path().join("log");
        let output = File::create(&log)?;
        let mut command = kind.command(places, folder.path())?;
        command
            .env("BROKER", &places.broker)
            .env("CONNECT_KEY", KEY)
            // Ctrl-C at the terminal is for us alone: we end what we started.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let watchdog = watch_over(child.id())?;
        let mut contender = Self {
            kind,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            listened_after: Duration::ZERO,
            child,
            watchdog,
            began,
            log,
            answered: AtomicU64::new(0),
            _folder: folder,
        };
        contender.address = contender.listens().await?;
        contender.listened_after = began.elapsed();
        Ok(contender)
    }

    async fn listens(&mut self) -> anyhow::Result<SocketAddr> {
        let Self { log, child, kind, .. } = self;
        let what = format!("{} listens", kind.word());
        wait::until(&what, START_PATIENCE, LOOK_EVERY, async || {
            let log = fs::read_to_string(&*log).unwrap_or_default();
            if let Some(ended) = child.try_wait()? {
                bail!("{} ended at its start with {ended}:\n{log}", kind.word());
            }
            Ok(log.lines().find_map(address_in))
        })
        .await
    }

    /// From its start until it says that it can take deliveries.
    pub(crate) async fn ready(&self) -> anyhow::Result<Duration> {
        let what = format!("{} is ready", self.kind.word());
        wait::until(&what, START_PATIENCE, LOOK_EVERY, async || Ok(get(self.address, "/readyz").ok()))
            .await?;
        Ok(self.began.elapsed())
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Takes note of deliveries that it has answered 200.
    pub(crate) fn has_answered(&self, deliveries: u64) {
        self.answered.fetch_add(deliveries, Ordering::Relaxed);
    }

    /// Its counts as they stand, or stood within the last second; none for a server that answers only when all is done.
    pub(crate) fn totals(&self) -> anyhow::Result<Option<Totals>> {
        match self.kind {
            Kind::Countersign(_) | Kind::FloorLine => {
                Ok(Some(serde_json::from_str(&get(self.address, "/v1/totals")?)?))
            }
            Kind::Express | Kind::Fastapi | Kind::FloorRead => Ok(None),
        }
    }

    /// Waits until its counts know of all that it has answered and are `enough` besides.
    pub(crate) async fn counted(&self, enough: impl Fn(&Totals) -> bool) -> anyhow::Result<Option<Totals>> {
        let answered = self.answered.load(Ordering::Relaxed);
        let totals =
            wait::until("all that was answered is counted", COUNT_PATIENCE, COUNT_EVERY, async || {
                let totals = self.totals()?;
                Ok(totals
                    .is_none_or(|totals| totals.answered() >= answered && enough(&totals))
                    .then_some(totals))
            });
        let totals = totals.await?;
        // A store that was there before has deliveries already.
        self.answered.fetch_max(totals.map_or(0, |totals| totals.answered()), Ordering::Relaxed);
        Ok(totals)
    }

    /// Waits until it publishes nothing more: all that it has made is confirmed.
    pub(crate) async fn drained(&self) -> anyhow::Result<Option<Totals>> {
        self.counted(Totals::drained).await
    }

    /// What it said, for failures.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(&mut self) -> anyhow::Result<()> {
        signal("TERM", self.pid())?;
        let what = format!("{} ends", self.kind.word());
        wait::until(&what, START_PATIENCE, LOOK_EVERY, async || Ok(self.child.try_wait()?.map(drop))).await
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        self.kill();
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

/// Sends a signal by its name.
pub(crate) fn signal(name: &str, process: u32) -> anyhow::Result<()> {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status()?;
    ensure!(sent.success(), "kill -{name} {process}: {sent}");
    Ok(())
}

/// A shell that waits for the end of its input, which our own end brings about in any case, then kills a process.
fn watch_over(process: u32) -> anyhow::Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat >/dev/null; kill -9 \"$1\" 2>/dev/null", "watchdog", &process.to_string()]);
    shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(shell.spawn()?)
}

/// The address in a line that tells where a server listens.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    let rest = rest.trim_start_matches("http://");
    let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// GETs a path: the body of an answer of 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, START_PATIENCE)?;
    stream.set_read_timeout(Some(START_PATIENCE))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("{path}: no answer"))?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{path}: {}", head.lines().next().unwrap_or_default());
    ensure!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{path}: an answer in chunks");
    Ok(body.to_owned())
}

//! What all scenarios share: a broker of our own, its queues, the programs, and deliveries made ahead.

use std::cell::RefCell;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use lapin::options::{QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use rustix::net::{AddressFamily, SocketType};
use tempfile::TempDir;

use super::contender::{Places, Settings, queue_name};
use super::stand::rabbit::{Extras, Rabbit};
use super::{usage, wait};
use crate::traffic::{self, Recipe, Requests};

/// A broker counts as quiet once it uses less than this share of a core.
const QUIET_SHARE: f64 = 0.08;
/// How long to wait for a quiet broker; what it does then may disturb what is measured next, and is measured all the same.
const QUIET_PATIENCE: Duration = Duration::from_secs(10);
/// How often a queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The most queues that any scenario binds.
pub(crate) const QUEUES_MAX: usize = 100;

/// A port of our own at which connections are refused.
struct ClosedPort {
    _socket: OwnedFd,
    port: u16,
}

impl ClosedPort {
    fn bind() -> anyhow::Result<Self> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let address = SocketAddrV4::try_from(rustix::net::getsockname(&socket)?)?;
        Ok(Self { _socket: socket, port: address.port() })
    }
}

/// All that is there.
pub(crate) struct World {
    /// The broker.
    pub(crate) rabbit: Rabbit,
    /// The programs.
    pub(crate) places: Places,
    connection: Connection,
    /// For looking at queues.
    channel: Channel,
    /// Bound, but not listened on: whoever connects to it is refused.
    closed: ClosedPort,
    made: RefCell<Option<(Recipe, Arc<Requests>)>>,
}

impl World {
    /// Starts the broker.
    pub(crate) async fn begin(program: PathBuf, peers: PathBuf) -> anyhow::Result<Self> {
        say("starting RabbitMQ");
        let rabbit = Rabbit::with(Extras { as_installed: true, ..Extras::default() }).await;
        let broker = rabbit.url();
        let connection = Connection::connect(&broker, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok(Self {
            rabbit,
            places: Places { program, peers, broker },
            connection,
            channel,
            closed: ClosedPort::bind()?,
            made: RefCell::new(None),
        })
    }

    /// The program as scenarios have it: on SQLite, with the broker and one queue.
    pub(crate) fn settings(&self) -> Settings {
        Settings { broker: Some(self.places.broker.clone()), queues: 1, ..Settings::default() }
    }

    /// The address of a broker at which nobody listens, and nobody will while we run.
    pub(crate) fn nobody(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.closed.port)
    }

    /// Deletes all queues of ours and declares one that takes everything and keeps one message.
    pub(crate) async fn forgetful_queue(&self) -> anyhow::Result<()> {
        self.fresh_queues(0).await?;
        let channel = self.connection.create_channel().await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
        let name = queue_name(0);
        channel.queue_declare(name.as_str().into(), QueueDeclareOptions::default(), arguments).await?;
        let (queue, exchange) = (name.as_str().into(), countersign::broker::EXCHANGE.into());
        channel
            .queue_bind(queue, exchange, "#".into(), QueueBindOptions::default(), FieldTable::default())
            .await?;
        channel.close(200, "done".into()).await?;
        Ok(())
    }

    /// Deletes all queues of ours and declares `queues` new ones, by the program itself, so that they are the same to all.
    pub(crate) async fn fresh_queues(&self, queues: usize) -> anyhow::Result<()> {
        let channel = self.connection.create_channel().await?;
        for number in 0..QUEUES_MAX {
            let left =
                channel.queue_delete(queue_name(number).as_str().into(), QueueDeleteOptions::default());
            // Deleting what is not there is no error to RabbitMQ.
            left.await?;
        }
        channel.close(200, "done".into()).await?;
        let folder = TempDir::with_prefix("bench-")?;
        let file = folder.path().join("countersign.toml");
        fs::write(&file, Settings { queues, ..self.settings() }.toml(folder.path()))?;
        let mut apply = Command::new(&self.places.program);
        apply.args(["topology", "apply", "--config"]).arg(file).current_dir(folder.path());
        let output = tokio::task::spawn_blocking(move || apply.output()).await??;
        ensure!(output.status.success(), "topology apply: {}", String::from_utf8_lossy(&output.stderr));
        self.quiet().await;
        Ok(())
    }

    /// Messages in a queue.
    pub(crate) async fn messages(&self, queue: usize) -> anyhow::Result<u64> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue =
            self.channel.queue_declare(queue_name(queue).as_str().into(), options, FieldTable::default());
        Ok(u64::from(queue.await?.message_count()))
    }

    /// Waits until a queue holds so many messages; how many it holds in the end.
    pub(crate) async fn settles_at(&self, queue: usize, wanted: u64) -> anyhow::Result<u64> {
        let patience = Duration::from_secs(20);
        let enough = wait::until("the queue's count", patience, LOOK_EVERY, async || {
            let count = self.messages(queue).await?;
            Ok((count >= wanted).then_some(count))
        });
        match enough.await {
            Ok(count) => Ok(count),
            Err(_) => self.messages(queue).await,
        }
    }

    /// The broker's version.
    pub(crate) async fn version(&self) -> String {
        self.rabbit.ctl(&["version"]).await
    }

    /// CPU time of the broker so far, in milliseconds.
    pub(crate) fn broker_cpu_ms(&self) -> f64 {
        usage::cpu_ms(self.rabbit.pid())
    }

    /// Waits until the broker has done what it does after others are gone, and the disk what all have left to it: commits
    /// would else wait for files that somebody wrote before.
    pub(crate) async fn quiet(&self) {
        // Where that fails, the disk is as it is.
        let _ = tokio::task::spawn_blocking(rustix::fs::sync).await;
        let look = Duration::from_millis(250);
        let began = Instant::now();
        while began.elapsed() < QUIET_PATIENCE {
            let before = self.broker_cpu_ms();
            wait::pause(look).await;
            if self.broker_cpu_ms() - before < QUIET_SHARE * look.as_secs_f64() * 1_000.0 {
                return;
            }
        }
    }

    /// Deliveries of a recipe; the last ones made are kept, so that every contender gets the same without their being made anew.
    pub(crate) fn requests(&self, recipe: Recipe) -> anyhow::Result<Arc<Requests>> {
        if let Some((made, requests)) = &*self.made.borrow()
            && *made == recipe
        {
            return Ok(Arc::clone(requests));
        }
        // The old ones first: both together may be more than fits.
        self.made.take();
        say(&format!("making {} deliveries of about {}", recipe.deliveries, recipe.size.word()));
        let requests = Arc::new(traffic::requests(recipe));
        let first = requests.wire.first().context("a recipe for no deliveries")?;
        ensure!(!first.is_empty(), "an empty delivery");
        *self.made.borrow_mut() = Some((recipe, Arc::clone(&requests)));
        Ok(requests)
    }
}

/// Tells how far it is, on stderr.
pub(crate) fn say(what: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("bench: {what}\n").as_bytes());
}

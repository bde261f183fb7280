//! A private RabbitMQ node: own ports, name, cookie and folder, on the loopback only; frozen, killed, started again.
//!
//! Tests that do the broker no harm share one node, each with a virtual host of its own; the others start their own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::eventually;

/// Virtual hosts of the shared node, made while it starts: one by one each would cost more than a second later.
const VHOSTS: usize = 80;
/// A node starts within some ten seconds on two idle cores.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// A running node. Dropped it is killed; should the tests themselves be killed, a watchdog ends it.
#[derive(Debug)]
pub(crate) struct Rabbit {
    folder: TempDir,
    name: String,
    ports: Ports,
    node: Child,
    /// None of its own where it shares another node's.
    epmd: Option<Child>,
    cookie: String,
    /// Ends everything once its standard input is closed, which the end of this process does in any case.
    _watchdog: Child,
    next_vhost: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    distribution: u16,
    epmd: u16,
}

/// What a node has beyond the usual.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    pub(crate) vhosts: usize,
    /// With the log that RabbitMQ has by itself, half a gigabyte, instead of a small one: for what is measured.
    pub(crate) as_installed: bool,
    /// Lines of its settings.
    pub(crate) settings: String,
    /// Erlang's list of plugins, without the brackets.
    pub(crate) plugins: &'static str,
    /// The name server's port and the cookie of a node that it is to be one broker with.
    pub(crate) ally: Option<(u16, String)>,
    /// Names of users that log in otherwise than by a password, and whose tags are none.
    pub(crate) users: &'static [&'static str],
}

impl Rabbit {
    /// Starts a node for a test that will harm it, and waits until it serves.
    pub(crate) async fn start() -> Self {
        Self::with(Extras::default()).await
    }

    /// The node that all harmless tests share, started by the first of them.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Rabbit> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::with(Extras { vhosts: VHOSTS, ..Extras::default() })).await
    }

    /// Starts a node that has more than others.
    pub(crate) async fn with(extras: Extras) -> Self {
        let folder = TempDir::with_prefix("rabbit-").expect("a folder");
        let mut ports = Ports::free();
        let mut cookie = format!("{:032x}", rand::random::<u128>());
        let alone = extras.ally.is_none();
        if let Some(ally) = &extras.ally {
            (ports.epmd, cookie) = ally.clone();
        }
        let name = format!("countersign-{}-{}@localhost", std::process::id(), ports.amqp);
        write_settings(folder.path(), ports, &cookie, &extras);
        let epmd = alone.then(|| name_server(ports.epmd));
        let node = spawn(folder.path(), &name, ports);
        let watchdog = watch_over(folder.path());
        let next_vhost = AtomicUsize::new(0);
        let mut rabbit = Self { folder, name, ports, node, epmd, cookie, _watchdog: watchdog, next_vhost };
        rabbit.note_processes();
        rabbit.serves().await;
        rabbit
    }

    /// Starts another node and makes it one broker with this one.
    pub(crate) async fn ally(&self) -> Self {
        let ally = Some((self.ports.epmd, self.cookie.clone()));
        let other = Self::with(Extras { ally, ..Extras::default() }).await;
        other.stop_app().await;
        other.ctl(&["join_cluster", &self.name]).await;
        other.start_app().await;
        other
    }

    /// Its address, with the default virtual host.
    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// An address of it with a virtual host that no other test uses.
    pub(crate) fn vhost(&self) -> String {
        let number = self.next_vhost.fetch_add(1, Ordering::Relaxed);
        assert!(number < VHOSTS, "more tests share the node than it has virtual hosts: raise VHOSTS");
        format!("amqp://guest:guest@127.0.0.1:{}/v{number}", self.ports.amqp)
    }

    /// Its AMQP port, for a broken wire to it.
    pub(crate) fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.node.id()
    }

    /// Waits until what was declared up to now outlives a kill. RabbitMQ 3.10 killed within some four seconds of
    /// declaring a quorum queue or a stream forgets it; nothing it can be asked tells when it no longer would
    /// (flushing its tables does not help), so this is the one place where a time is waited for.
    pub(crate) async fn outlives_its_youth(&self) {
        tokio::time::sleep(Duration::from_secs(8)).await;
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        // Already ended is as good.
        let _ = self.node.kill();
        let _ = self.node.wait();
    }

    /// Breaks every stream for good, while the node is down: takes away the coordinator's record of them, as a kill in
    /// a stream's first seconds may do.
    pub(crate) fn forget_streams(&self) {
        let record = self.folder.path().join("data").join(&self.name).join("coordination");
        fs::remove_dir_all(record).expect("the coordinator's record");
    }

    /// Starts it again on the same folder and ports, and waits until it serves.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.node = spawn(self.folder.path(), &self.name, self.ports);
        self.note_processes();
        self.serves().await;
    }

    /// Stops its process in its tracks: connections stay open, and nothing answers.
    pub(crate) fn freeze(&self) {
        signal("STOP", self.pid());
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        signal("CONT", self.pid());
    }

    /// Stops the broker and leaves the process: clients are told.
    pub(crate) async fn stop_app(&self) {
        self.ctl(&["stop_app"]).await;
    }

    /// Starts the broker again in the process.
    pub(crate) async fn start_app(&self) {
        self.ctl(&["start_app"]).await;
    }

    /// Raises or clears the memory alarm, during which the broker blocks all publishers.
    pub(crate) async fn set_memory_alarm(&self, on: bool) {
        self.ctl(&["set_vm_memory_high_watermark", if on { "0.0000001" } else { "0.9" }]).await;
    }

    /// Lets an alarm that stands go on for so long: that a block outlasts a time limit cannot be told otherwise.
    pub(crate) async fn alarm_goes_on(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Deletes a queue of a virtual host, whatever is in it.
    pub(crate) async fn delete_queue(&self, vhost: &str, queue: &str) {
        self.ctl(&["delete_queue", "--vhost", vhost, queue]).await;
    }

    /// The queues of a virtual host, and how many messages each holds.
    pub(crate) async fn list_queues(&self, vhost: &str) -> BTreeMap<String, u64> {
        let listed =
            self.ctl(&["list_queues", "--vhost", vhost, "name", "messages", "--formatter", "json"]).await;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON of rabbitmqctl");
        let row =
            |row: &serde_json::Value| Some((row["name"].as_str()?.to_owned(), row["messages"].as_u64()?));
        rows.iter().filter_map(row).collect()
    }

    /// Evaluates Erlang inside the node.
    pub(crate) async fn eval(&self, erlang: &str) -> String {
        self.ctl(&["eval", erlang]).await
    }

    /// What `rabbitmqctl` says; fails with its complaint where it does not succeed.
    pub(crate) async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(scripts().join("rabbitmqctl"));
        command.args(["--quiet", "--node", &self.name]).args(arguments).stdin(Stdio::null());
        environment(&mut command, self.folder.path(), &self.name, self.ports);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread");
        let output = output.expect("rabbitmqctl runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {}\n{complaint}", output.status);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The newest lines of its own log, for failures.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("node.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Waits until a client can log in and declare.
    async fn serves(&mut self) {
        let url = self.url();
        eventually("RabbitMQ serves", START_PATIENCE, async || {
            let ended = self.node.try_wait().expect("a child to ask");
            assert!(ended.is_none(), "RabbitMQ ended at its start with {ended:?}:\n{}", self.log());
            let probe = async {
                let connection = Connection::connect(&url, ConnectionProperties::default()).await.ok()?;
                let channel = connection.create_channel().await.ok()?;
                let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
                channel.queue_declare("".into(), options, FieldTable::default()).await.ok()?;
                connection.close(200, "done".into()).await.ok()
            };
            // A connection made while the node is starting may be answered by nobody, ever.
            tokio::time::timeout(Duration::from_secs(10), probe).await.ok().flatten()
        })
        .await;
    }

    fn note_processes(&self) {
        let epmd = self.epmd.as_ref().map(|epmd| epmd.id().to_string()).unwrap_or_default();
        let pids = format!("{} {epmd}", self.node.id());
        fs::write(self.folder.path().join("pids"), pids).expect("a note for the watchdog");
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = format!("--- the broker's log ends:\n{}\n---\n", self.log());
            let _ = std::io::stderr().write_all(log.as_bytes());
        }
        self.kill();
        if let Some(epmd) = &mut self.epmd {
            let _ = epmd.kill();
            let _ = epmd.wait();
        }
    }
}

impl Ports {
    fn free() -> Self {
        let [amqp, distribution, epmd] = free_ports();
        Self { amqp, distribution, epmd }
    }
}

/// Ports that nobody uses, below those that outgoing connections take.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    let mut candidates =
        std::iter::repeat_with(|| rand::random_range(20_000..32_000_u16)).filter_map(|port| {
            held.push(TcpListener::bind(("127.0.0.1", port)).ok()?);
            Some(port)
        });
    std::array::from_fn(|_| candidates.next().expect("a free port"))
}

/// The folder of RabbitMQ's own scripts: those on the path change the user, which tests must not.
fn scripts() -> &'static Path {
    ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/opt/rabbitmq/sbin"]
        .into_iter()
        .map(Path::new)
        .find(|folder| folder.join("rabbitmq-server").exists())
        .expect("RabbitMQ (the package rabbitmq-server)")
}

/// Erlang's name server, by which nodes and their tools find one another.
fn name_server(port: u16) -> Child {
    Command::new("epmd")
        .args(["-address", "127.0.0.1", "-port", &port.to_string()])
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("epmd, of the package erlang-base")
}

fn write_settings(folder: &Path, ports: Ports, cookie: &str, extras: &Extras) {
    let put = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a file of settings");
    let definitions = folder.join("definitions.json");
    put(
        "rabbitmq.conf",
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             load_definitions = {}\n\
             vm_memory_high_watermark.relative = 0.9\n\
             disk_free_limit.absolute = 50MB\n\
             {}log.console = true\nlog.console.level = warning\nlog.file = false\n{}",
            ports.amqp,
            definitions.display(),
            if extras.as_installed { "" } else { "raft.wal_max_size_bytes = 16777216\n" },
            extras.settings,
        ),
    );
    let names =
        || std::iter::once("/".to_owned()).chain((0..extras.vhosts).map(|number| format!("v{number}")));
    let permission = |user: &str, vhost: String| json!({ "user": user, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*" });
    let permissions = |user| names().map(move |vhost| permission(user, vhost));
    let mut users = vec![json!({ "name": "guest", "password": "guest", "tags": "administrator" })];
    users.extend(extras.users.iter().map(|name| json!({ "name": name, "password": name, "tags": "" })));
    let all = json!({
        "users": users,
        "vhosts": names().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "permissions": extras.users.iter().chain(&["guest"]).flat_map(|user| permissions(user)).collect::<Vec<_>>(),
    });
    put("definitions.json", &all.to_string());
    put("enabled_plugins", &format!("[{}].\n", extras.plugins));
    put(".erlang.cookie", cookie);
    let secret = fs::Permissions::from_mode(0o400);
    fs::set_permissions(folder.join(".erlang.cookie"), secret).expect("a cookie of its own");
}

/// Nothing of the machine's own RabbitMQ reaches the node, and nothing of the node leaves its folder.
fn environment(command: &mut Command, folder: &Path, name: &str, ports: Ports) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let inside = |name: &str| -> OsString { folder.join(name).into() };
    command
        .env_clear()
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        .env("HOME", folder)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", ports.epmd.to_string())
        .env("RABBITMQ_NODENAME", name)
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("RABBITMQ_CONF_ENV_FILE", inside("no-such-file"))
        .env("RABBITMQ_CONFIG_FILE", inside("rabbitmq.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", inside("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", inside("data"))
        .env("RABBITMQ_LOG_BASE", inside("log"))
        .env("RABBITMQ_PID_FILE", inside("pid"))
        // The script then becomes the node itself, so that a signal to the child reaches the node.
        .env("RABBITMQ_ALLOW_INPUT", "1")
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-noinput -kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
        );
}

fn spawn(folder: &Path, name: &str, ports: Ports) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("node.log")).expect("a log");
    let mut command = Command::new(scripts().join("rabbitmq-server"));
    environment(&mut command, folder, name, ports);
    command
        .current_dir(folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("rabbitmq-server runs")
}

/// A shell that waits for the end of its input, then ends the node and clears its folder away.
fn watch_over(folder: &Path) -> Child {
    let script = "cat >/dev/null; kill -9 $(cat \"$1/pids\") 2>/dev/null; rm -rf \"$1\"";
    let folder: PathBuf = folder.into();
    Command::new("sh")
        .args(["-c", script, "watchdog"])
        .arg(folder)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

fn signal(name: &str, process: u32) {
    // The shell's own `kill`: slim systems have no program of that name.
    let kill = format!("kill -{name} {process}");
    let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
    assert!(sent.success(), "{kill}: {sent}");
}

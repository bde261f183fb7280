//! A private PostgreSQL cluster: own folder, port and superuser, on the loopback only; stopped, killed, started again.
//!
//! Tests that do the cluster no harm share one, each with a database of its own; the others start their own.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::eventually;

/// The superuser of every cluster made here. It needs no password from the loopback.
const USER: &str = "countersign";
/// A cluster is made and started within some seconds on two idle cores.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// A running cluster. Dropped it is killed; should the tests themselves be killed, a watchdog ends it.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: TempDir,
    port: u16,
    node: Child,
    /// Ends everything once its standard input is closed, which the end of this process does in any case.
    _watchdog: Child,
    next_database: AtomicUsize,
}

/// How a cluster ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// As an operator does it: transactions are rolled back, connections ended.
    Fast,
    /// As a power cut: it recovers from its log at the next start.
    Immediate,
}

impl Postgres {
    /// Makes and starts a cluster for a test that will harm it, and waits until it serves.
    pub(crate) async fn start() -> Self {
        let folder = TempDir::with_prefix("postgres-").expect("a folder");
        let port = free_port();
        let own = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), own).expect("a folder that its own user can enter");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder");
        give_away(&data);
        let mut initdb = program("initdb", folder.path());
        initdb
            .args(["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata"])
            .arg(&data);
        let made = tokio::task::spawn_blocking(move || initdb.output()).await.expect("a thread");
        let made = made.expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut settings =
            fs::File::options().append(true).open(data.join("postgresql.conf")).expect("its settings");
        settings
            .write_all(
                format!(
                    "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 200\n\
                     fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nshared_buffers = 64MB\n",
                    data.display()
                )
                .as_bytes(),
            )
            .expect("its settings");
        let node = spawn(folder.path());
        let watchdog = watch_over(folder.path());
        let mut cluster =
            Self { folder, port, node, _watchdog: watchdog, next_database: AtomicUsize::new(0) };
        cluster.serves().await;
        cluster
    }

    /// The cluster that all harmless tests share, started by the first of them.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// The address of a new database that no other test uses.
    pub(crate) async fn database(&self) -> String {
        let name = format!("test_{}", self.next_database.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}")).await;
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// Its port, for a broken wire to it.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Runs a statement in a database, and gives what it answers, one row a line.
    pub(crate) async fn sql(&self, database: &str, statement: &str) -> String {
        let output = self.psql(database, statement).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statement}: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn psql(&self, database: &str, statement: &str) -> std::process::Output {
        let mut psql = program("psql", self.folder.path());
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--host", "127.0.0.1"])
            .args(["--port", &self.port.to_string(), "--username", USER, "--dbname", database])
            .args(["--command", statement]);
        tokio::task::spawn_blocking(move || psql.output()).await.expect("a thread").expect("psql runs")
    }

    /// Stops it, and waits until it has ended.
    pub(crate) async fn stop(&mut self, how: Stop) {
        signal(if how == Stop::Fast { "INT" } else { "QUIT" }, self.node.id());
        let Self { node, .. } = self;
        eventually("PostgreSQL ends", START_PATIENCE, async || node.try_wait().expect("a child to ask"))
            .await;
    }

    /// Starts it again on the same folder and port, and waits until it serves.
    pub(crate) async fn restart(&mut self) {
        self.node = spawn(self.folder.path());
        self.serves().await;
    }

    /// Stops its processes in their tracks: connections stay open, and nothing answers.
    pub(crate) fn freeze(&self) {
        signal_all("STOP", self.node.id());
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) {
        signal_all("CONT", self.node.id());
    }

    /// The newest lines of its own log, for failures.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("node.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    async fn serves(&mut self) {
        eventually("PostgreSQL serves", START_PATIENCE, async || {
            let ended = self.node.try_wait().expect("a child to ask");
            assert!(ended.is_none(), "PostgreSQL ended at its start with {ended:?}:\n{}", self.log());
            self.psql("postgres", "SELECT 1").await.status.success().then_some(())
        })
        .await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = format!("--- the database's log ends:\n{}\n---\n", self.log());
            let _ = std::io::stderr().write_all(log.as_bytes());
        }
        // Already ended is as good.
        let _ =
            shell(&format!("kill -QUIT {0}; kill -CONT {0} {1}", self.node.id(), children(self.node.id())))
                .status();
        let _ = self.node.wait();
    }
}

/// A port that nobody uses, below those that outgoing connections take.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| rand::random_range(20_000..32_000_u16)).find(free).expect("a free port")
}

/// The folder of the newest version's programs: Debian keeps them off the path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL (the package postgresql)")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A program of PostgreSQL, which refuses to run as root: then it runs as the user that its package made.
fn program(name: &str, folder: &Path) -> Command {
    let path = programs().join(name);
    let mut command = if is_root() {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
        setpriv
    } else {
        Command::new(path)
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Nothing of the machine's own PostgreSQL reaches it.
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

/// Makes a folder that of the user under whom the cluster runs.
fn give_away(folder: &Path) {
    if is_root() {
        let given = Command::new("chown").arg("postgres:postgres").arg(folder).status().expect("chown runs");
        assert!(given.success(), "the user postgres, of the package postgresql");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("a folder of its own");
}

fn spawn(folder: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("node.log")).expect("a log");
    program("postgres", folder)
        .arg("-D")
        .arg(folder.join("data"))
        .process_group(0)
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("postgres runs")
}

/// A shell that waits for the end of its input, then ends the cluster and clears its folder away.
fn watch_over(folder: &Path) -> Child {
    let script = "cat >/dev/null; pid=$(head -1 \"$1/data/postmaster.pid\" 2>/dev/null) && { kill -QUIT $pid; \
                  kill -CONT $pid $(cat /proc/$pid/task/$pid/children); sleep 1; }; rm -rf \"$1\"";
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

/// The shell's own `kill`: slim systems have no program of that name.
fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).stderr(Stdio::null());
    shell
}

fn signal(name: &str, process: u32) {
    let kill = format!("kill -{name} {process}");
    let sent = shell(&kill).status().expect("a shell");
    assert!(sent.success(), "{kill}: {sent}");
}

/// Signals a process and its children: each connection has one.
fn signal_all(name: &str, process: u32) {
    signal(name, process);
    // Some may have ended meanwhile.
    let _ = shell(&format!("kill -{name} {}", children(process))).status();
}

fn children(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default()
}

#[tokio::test]
async fn a_cluster_outlives_both_of_its_ends_with_all_that_it_committed() {
    let mut cluster = Postgres::start().await;
    let database = cluster.database().await;
    let name = database.rsplit('/').next().expect("a name").to_owned();
    cluster.sql(&name, "CREATE TABLE kept (n INT)").await;
    for (number, how) in [Stop::Fast, Stop::Immediate].into_iter().enumerate() {
        cluster.sql(&name, &format!("INSERT INTO kept VALUES ({number})")).await;
        cluster.stop(how).await;
        cluster.restart().await;
    }
    assert_eq!(cluster.sql(&name, "SELECT count(*) FROM kept").await, "2");
    assert_eq!(cluster.sql(&name, "SHOW fsync").await, "on");
}

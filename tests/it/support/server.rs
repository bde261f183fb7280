//! The server as a process: the real program on a free port and a folder of its own, started, ended and killed.

use std::fs;
use std::io::{BufRead, BufReader, PipeWriter, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::failpoint::{self, Step};
use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, eventually, http};

/// The Connect key of the source `default` in tests. It ends in `=` as real ones do.
pub(crate) const KEY: &str = "it-9Yc1dTqg0bq6p4mM4mFz0oI3l2jv1cV9c0c5xO6Jt3E=";

/// What a process that ended itself by `abort` ended by, on Linux.
const SIGABRT: i32 = 6;

/// How to start a server: environment, settings file, arguments.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    environment: Vec<(String, String)>,
    file: Option<String>,
    arguments: Vec<String>,
    file_kib_max: Option<u32>,
    files_max: Option<u32>,
}

impl Settings {
    /// A free port, a folder of its own, one key, no broker.
    pub(crate) fn new() -> Self {
        let arguments = vec!["serve".to_owned()];
        Self { environment: Vec::new(), file: None, arguments, file_kib_max: None, files_max: None }
            .with("COUNTERSIGN_LISTEN", "127.0.0.1:0")
            .with("COUNTERSIGN_HMAC_KEYS", KEY)
    }

    /// The same with a variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without a variable of the environment.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The same with `countersign.toml`.
    pub(crate) fn file(mut self, toml: &str) -> Self {
        self.file = Some(toml.to_owned());
        self
    }

    /// The same with another command than `serve`.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    /// The same on a disk where no file can grow beyond so many KiB: every write past that fails.
    pub(crate) fn small_disk(mut self, kib: u32) -> Self {
        self.file_kib_max = Some(kib);
        self
    }

    /// The same where no more than so many files and connections can be open.
    pub(crate) fn few_files(mut self, most: u32) -> Self {
        self.files_max = Some(most);
        self
    }

    /// The same dying at a step of the line when it comes to it the n-th time.
    pub(crate) fn dying(self, step: Step, passing: u32) -> Self {
        self.with(failpoint::VARIABLE, &format!("{}:{passing}", step.word()))
    }

    /// The same publishing to a broker.
    pub(crate) fn broker(self, url: &str) -> Self {
        self.with("COUNTERSIGN_BROKER", url)
    }
}

/// Lines that a process wrote, as they come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// All lines so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads a stream to its end, on a thread of its own.
    pub(crate) fn follow(&self, stream: impl Read + Send + 'static) {
        let lines = Arc::clone(&self.0);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }

    /// The newest lines as one text, for failures.
    pub(crate) fn tail(&self) -> String {
        let all = self.all();
        all[all.len().saturating_sub(60)..].join("\n")
    }
}

/// A running server. Dropped, it is killed; its log is shown where the test failed.
#[derive(Debug)]
pub(crate) struct Server {
    settings: Settings,
    folder: TempDir,
    child: Child,
    address: SocketAddr,
    lines: Lines,
    /// Lines written before the present start.
    before: usize,
}

impl Server {
    /// Starts the program and waits until it listens.
    pub(crate) async fn start(settings: Settings) -> Self {
        let folder = TempDir::new().expect("a folder");
        let lines = Lines::default();
        let child = spawn(&settings, &folder, &lines);
        let mut server =
            Self { settings, folder, child, address: ([0, 0, 0, 0], 0).into(), lines, before: 0 };
        server.address = server.listens().await;
        server
    }

    /// Waits for the line that tells the address.
    pub(crate) async fn listens(&mut self) -> SocketAddr {
        let Self { child, lines, before, .. } = self;
        eventually("the server says where it listens", PATIENCE, async || {
            let all = lines.all();
            if let Some(address) = all[*before..].iter().find_map(|line| address_in(line)) {
                return Some(address);
            }
            let ended = child.try_wait().expect("a child to ask");
            assert!(ended.is_none(), "the server ended at its start with {ended:?}:\n{}", lines.tail());
            None
        })
        .await
    }

    /// `http://127.0.0.1:PORT` and a path, which begins with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The folder that holds its settings and its data.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has held, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
        line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number")
    }

    /// Another command of the program in the server's folder, on its settings and its address.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let settings = self.settings.clone().with("COUNTERSIGN_LISTEN", &self.address.to_string());
        command(&settings.arguments(arguments), &self.folder)
    }

    /// Gives it room on its disk, from the next start on.
    pub(crate) fn make_room(&mut self) {
        self.settings.file_kib_max = None;
    }

    /// Writes another `countersign.toml`, for the next start.
    pub(crate) fn write_settings(&mut self, toml: &str) {
        self.settings.file = Some(toml.to_owned());
    }

    /// What it has logged, starts before this one included.
    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Ends it as a power cut would: no chance to write anything more.
    pub(crate) fn kill(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by its name (`TERM`, `HUP`).
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: slim systems have no program of that name.
        let kill = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "{kill}: {sent}");
    }

    /// Asks it to end, waits until it has, and gives its exit code.
    pub(crate) async fn terminate(&mut self) -> i32 {
        self.signal("TERM");
        self.ended(countersign::base::limits::SHUTDOWN_TIMEOUT + Duration::from_secs(10))
            .await
            .code()
            .unwrap_or(-1)
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self, within: Duration) -> ExitStatus {
        let Self { child, .. } = self;
        eventually("the server ends", within, async || child.try_wait().expect("a child to ask")).await
    }

    /// Starts it again on the same folder and the same port; what still runs is killed first.
    pub(crate) async fn restart(&mut self) {
        self.launch();
        self.listens().await;
    }

    fn launch(&mut self) {
        self.kill();
        self.before = self.lines.all().len();
        self.settings = self.settings.clone().with("COUNTERSIGN_LISTEN", &self.address.to_string());
        self.child = spawn(&self.settings, &self.folder, &self.lines);
    }

    /// Starts it again, to die at a step of the line when it comes to it the n-th time.
    pub(crate) fn launch_dying(&mut self, step: Step, passing: u32) {
        self.settings = self.settings.clone().dying(step, passing);
        self.launch();
        self.settings = self.settings.clone().without(failpoint::VARIABLE);
    }

    /// Waits until it has died at the step at which it was told to; fails where it lives on or ends otherwise.
    pub(crate) async fn dies(&mut self, step: Step) {
        let Self { child, .. } = self;
        let what = format!("the server comes to `{}` and dies there", step.word());
        let ended = eventually(&what, PATIENCE, async || child.try_wait().expect("a child to ask")).await;
        assert_eq!(ended.signal(), Some(SIGABRT), "{}: {ended}\n{}", step.word(), self.lines.tail());
    }

    /// Starts a second process on the same folder, with the same settings but for `more`; its output is the caller's to read.
    pub(crate) fn spawn_beside(&self, more: &[(&str, &str)]) -> Child {
        self.beside(more).spawn().expect("the program starts")
    }

    /// The same, with what it says to people going into a pipe of the caller's.
    pub(crate) fn spawn_beside_saying(&self, saying: PipeWriter, more: &[(&str, &str)]) -> Child {
        self.beside(more).stderr(saying).spawn().expect("the program starts")
    }

    fn beside(&self, more: &[(&str, &str)]) -> Command {
        let settings =
            more.iter().fold(self.settings.clone(), |settings, (name, value)| settings.with(name, value));
        command(&settings, &self.folder)
    }

    /// GETs a path: status and JSON (null where the body is none).
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let answer = http().get(self.url(path)).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// GETs a path: its text.
    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = http().get(self.url(path)).send().await.expect("an answer");
        answer.text().await.expect("text")
    }

    /// The present value of a metric, all its labels added up; 0 where it has none yet.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.text("/metrics").await;
        let values = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next() == Some(name)).then(|| value.parse::<f64>().unwrap_or(f64::NAN))
        });
        values.sum()
    }

    /// Fails where the log holds a secret of the settings, one of `more`, or an e-mail address.
    pub(crate) fn assert_log_keeps_secrets(&self, more: &[&str]) {
        let secret =
            |name: &str| ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| name.contains(word));
        let own =
            self.settings.environment.iter().filter(|(name, _)| secret(name) && !name.ends_with("_FILE"));
        let own: Vec<_> =
            own.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect();
        for line in self.lines.all() {
            for secret in own.iter().chain(more) {
                assert!(!line.contains(secret), "the log tells a secret: {line}");
            }
            assert!(!holds_address(&line), "the log tells an e-mail address: {line}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("--- the server's log ends:\n{}\n---\n", self.lines.tail()).as_bytes(),
            );
        }
    }
}

fn command(settings: &Settings, folder: &TempDir) -> Command {
    if let Some(file) = &settings.file {
        fs::write(folder.path().join("countersign.toml"), file).expect("a settings file");
    }
    let program = env!("CARGO_BIN_EXE_countersign");
    // The limit counts blocks of 512 bytes; its signal is ignored, so that a write past it fails instead.
    let disk = settings.file_kib_max.map(|kib| format!("trap '' XFSZ; ulimit -f {}; ", kib * 2));
    let files = settings.files_max.map(|most| format!("ulimit -n {most}; "));
    let mut command = match disk.into_iter().chain(files).collect::<String>() {
        none if none.is_empty() => Command::new(program),
        limits => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{limits}exec \"$@\""), "limited", program]);
            shell
        }
    };
    command
        .args(&settings.arguments)
        .current_dir(folder.path())
        // Nothing of the machine's own settings reaches the program.
        .env_clear()
        .envs(["PATH", "LANG", "TMPDIR"].iter().filter_map(|name| Some((*name, std::env::var_os(name)?))))
        .env("COUNTERSIGN_DATA_DIR", folder.path().join("data"))
        .envs(settings.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn spawn(settings: &Settings, folder: &TempDir, lines: &Lines) -> Child {
    let mut child = command(settings, folder).spawn().expect("the program starts");
    lines.follow(child.stdout.take().expect("a pipe"));
    lines.follow(child.stderr.take().expect("a pipe"));
    child
}

/// The address in a line that says `listening on http://ADDRESS`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || ".:[]".contains(c))).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Whether a line holds something like `name@host.tld`.
fn holds_address(line: &str) -> bool {
    line.match_indices('@').any(|(at, _)| {
        let host = line[at + 1..].split(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c))).next();
        let named = line[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        // `user@127.0.0.1:5672` of a broker's address is no person.
        named
            && host.is_some_and(|host| {
                host.rsplit_once('.')
                    .is_some_and(|(_, end)| end.starts_with(|c: char| c.is_ascii_alphabetic()))
            })
    })
}

#[test]
fn the_address_is_read_from_plain_and_from_json_lines() {
    let port = |line| address_in(line).map(|address| address.port());
    assert_eq!(port("listening on http://127.0.0.1:4711"), Some(4711));
    assert_eq!(port(r#"{"message":"listening on http://[::1]:4712","level":"INFO"}"#), Some(4712));
    assert_eq!(port("listening on somewhere"), None);
}

#[test]
fn an_address_of_a_person_is_told_from_one_of_a_broker() {
    assert!(holds_address("sent to jane.doe@example.com, twice"));
    assert!(!holds_address("connecting to amqp://guest@127.0.0.1:5672/%2f"));
    assert!(!holds_address("lapin@4"));
}

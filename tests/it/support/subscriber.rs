//! The independent subscriber as a process: `tests/peers/subscriber.py` in the environment that `tests/run` makes.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use uuid::Uuid;

use super::server::{Lines, Server};
use super::{PATIENCE, eventually};

/// Where the peers lie.
pub(crate) fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// A command of the tests' own Python.
pub(crate) fn python() -> Command {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv/bin/python");
    assert!(python.exists(), "tests/.venv is missing: run `tests/run` once, which makes it");
    let mut command = Command::new(python);
    // No compiled files beside the sources, and every line at once.
    command.args(["-B", "-u"]).current_dir(peers()).stdin(Stdio::null());
    command
}

/// What the subscriber found, once it has ended.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Report {
    /// All messages, duplicates included.
    pub(crate) messages: u64,
    /// Different message ids.
    pub(crate) ids: u64,
    /// Messages whose id had come before.
    pub(crate) duplicates: u64,
    /// Different messages by the first word of their routing key.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// Messages by CloudEvents mode.
    pub(crate) modes: BTreeMap<String, u64>,
    /// Signing requests by the last status to which they advanced.
    pub(crate) stands: BTreeMap<String, u64>,
    /// The last sequence of each subject, added up.
    pub(crate) last_sequences: u64,
    /// How often it lost the broker and came back.
    pub(crate) reconnects: u64,
    /// The different message ids themselves.
    #[serde(skip)]
    pub(crate) heard: HashSet<u128>,
    /// Breaches of the contract, gaps and wrong orders among them.
    pub(crate) fault_count: u64,
    /// The first of them.
    pub(crate) faults: Vec<String>,
}

impl Report {
    /// Fails where a message broke the contract or a sequence has a gap.
    pub(crate) fn assert_sound(&self) {
        assert_eq!(self.fault_count, 0, "{:#?}", self.faults);
        assert_eq!(self.messages, self.ids + self.duplicates, "{self:#?}");
        assert_eq!(
            self.last_sequences, self.ids,
            "every sequence from 1 on has come exactly once: {self:#?}"
        );
    }
}

/// A running subscriber, bound to everything from the moment it is started.
#[derive(Debug)]
pub(crate) struct Subscriber {
    child: Child,
    output: Lines,
    errors: Lines,
    /// Holds the list of ids.
    folder: TempDir,
}

impl Subscriber {
    /// Starts one and waits until its queue is bound. The exchange must be there: the server declares it.
    pub(crate) async fn start(broker: &str, server: &Server, more: &[&str]) -> Self {
        let folder = TempDir::with_prefix("subscriber-").expect("a folder");
        let mut child = python()
            .args(["subscriber.py", "--url", broker, "--asyncapi", &server.url("/asyncapi.yaml")])
            .arg("--ids")
            .arg(folder.path().join("ids"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the subscriber starts");
        let (output, errors) = (Lines::default(), Lines::default());
        output.follow(child.stdout.take().expect("a pipe"));
        errors.follow(child.stderr.take().expect("a pipe"));
        let mut subscriber = Self { child, output, errors, folder };
        eventually("the subscriber is bound", PATIENCE, async || {
            subscriber.assert_runs();
            subscriber.output.all().iter().any(|line| line.contains("\"ready\"")).then_some(())
        })
        .await;
        subscriber
    }

    fn assert_runs(&mut self) {
        let ended = self.child.try_wait().expect("a child to ask");
        assert!(ended.is_none(), "the subscriber ended with {ended:?}:\n{}", self.errors.tail());
    }

    /// Different messages seen so far.
    pub(crate) fn seen(&self) -> u64 {
        seen_in(&self.output)
    }

    /// The same, to be asked for while the subscriber is used elsewhere.
    pub(crate) fn watch(&self) -> Box<dyn Fn() -> u64 + Send + Sync> {
        let output = self.output.clone();
        Box::new(move || seen_in(&output))
    }

    /// Waits until it has seen so many different messages.
    pub(crate) async fn sees(&mut self, ids: u64) {
        eventually(&format!("the subscriber sees {ids} messages"), PATIENCE * 2, async || {
            self.assert_runs();
            (self.seen() >= ids).then_some(())
        })
        .await;
    }

    /// Lets it drain its queue and end, and gives its report.
    pub(crate) async fn finish(mut self) -> Report {
        let kill = format!("kill -TERM {}", self.child.id());
        // One that has reached its number of messages has ended by itself.
        let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
        let child = &mut self.child;
        let status =
            eventually("the subscriber ends", PATIENCE, async || child.try_wait().expect("a child to ask"))
                .await;
        assert!(status.success(), "the subscriber ended with {status}:\n{}", self.errors.tail());
        let output = &self.output;
        let mut report = eventually("the subscriber's report is read", Duration::from_secs(5), async || {
            let line = output.all().pop()?;
            serde_json::from_str::<BTreeMap<String, Report>>(&line).ok()?.remove("report")
        })
        .await;
        let listed = fs::read_to_string(self.folder.path().join("ids")).expect("the list of ids");
        let id = |line: &str| line.parse::<Uuid>().expect("a UUID").as_u128();
        report.heard = listed.lines().map(id).collect();
        report
    }
}

fn seen_in(output: &Lines) -> u64 {
    let seen = |line: &String| serde_json::from_str::<serde_json::Value>(line).ok()?.get("seen")?.as_u64();
    output.all().iter().rev().find_map(seen).unwrap_or(0)
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_subscriber_notices_what_it_is_there_to_notice() {
    let tests = python().args(["-m", "unittest", "-q", "subscriber_test"]).output().expect("python runs");
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stderr));
}

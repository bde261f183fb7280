//! Starts the program in an empty folder with an empty environment, and a stand-in for a running server.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// The program, about to be started.
pub(crate) struct Program {
    command: Command,
    stdin: Vec<u8>,
    pub(crate) dir: tempfile::TempDir,
}

/// What came of it.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn countersign(args: &[&str]) -> Program {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(args).env_clear().current_dir(dir.path());
    Program { command, stdin: Vec::new(), dir }
}

impl Program {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        std::fs::write(self.dir.path().join(path), text).unwrap();
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = bytes.to_vec();
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn run(&mut self) -> Ended {
        let command = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read its input closes it: that is its right.
        let _ = child.stdin.take().unwrap().write_all(&self.stdin);
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it and expects this exit code.
    #[track_caller]
    pub(crate) fn ends(&mut self, code: i32) -> Ended {
        let ended = self.run();
        assert_eq!(ended.code, code, "stdout:\n{}\nstderr:\n{}", ended.stdout, ended.stderr);
        ended
    }

    #[track_caller]
    pub(crate) fn done(&mut self) -> Ended {
        self.ends(0)
    }
}

impl Ended {
    /// stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {}", self.stdout))
    }
}

/// A request that the stand-in was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    /// `GET /v1/changes?limit=1`.
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

/// What the stand-in answers.
pub(crate) enum Answer {
    Json(u16, Value),
    Stream(String),
    Text(u16, &'static str),
    Bytes(&'static [u8]),
}

type Answering = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// A stand-in for a running server: answers by a function and remembers what it was asked.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, remembered): (Answering, _) = (Arc::new(answer), asked.clone());
        let (started, start) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    let (answer, remembered) = (answer.clone(), remembered.clone());
                    App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
                        let response = respond(&request, &body, &answer, &remembered);
                        async move { response }
                    }))
                });
                let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
                let port = server.addrs()[0].port();
                let server = server.run();
                started.send((port, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (port, handle) = start.recv().unwrap();
        Self { url: format!("http://127.0.0.1:{port}"), asked, handle, thread: Some(thread) }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The request lines in order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Sends the command at once; the future only waits for its answer.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn respond(
    request: &HttpRequest,
    body: &[u8],
    answer: &Answering,
    asked: &Mutex<Vec<Asked>>,
) -> HttpResponse {
    let authorization = request.headers().get(header::AUTHORIZATION);
    let this = Asked {
        line: format!("{} {}", request.method(), request.uri()),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        body: serde_json::from_slice(body).unwrap_or_default(),
    };
    let answer = answer(&this);
    asked.lock().unwrap().push(this);
    let status = |code| actix_web::http::StatusCode::from_u16(code).unwrap();
    match answer {
        Answer::Json(code, value) => HttpResponse::build(status(code)).json(value),
        Answer::Stream(text) => HttpResponse::Ok().content_type("text/event-stream").body(text),
        Answer::Bytes(bytes) => HttpResponse::Ok().body(bytes),
        Answer::Text(code, text) => HttpResponse::build(status(code)).body(text),
    }
}

/// A row of the feed, as the API shows it.
pub(crate) fn row(position: u64) -> Value {
    json!({
        "position": position,
        "published": position.is_multiple_of(2),
        "routing_key": "signing_request.completed.acc-1",
        "type": "countersign.signing_request.status_changed.v1",
        "sequence": 4,
        "change": {
            "id": format!("00000000-0000-8000-8000-{position:012}"),
            "sequence": 4,
            "occurred_at": "2026-11-23T10:00:00.123Z",
            "account": {"id": "acc-1"},
            "signing_request": {"id": "sr-1", "name": "Offer \u{1b}[2J"},
        },
    })
}

//! DocuSign's own API through the real program: both of its SDKs, and bodies that no memory need hold.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use countersign::base::{Dice, SystemClock};
use countersign::simulator::docusign::{Docusign, Running, Settings as Traits};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::http;
use crate::support::server::{Server, Settings};
use crate::support::subscriber::{peers, python};

const TOKEN: &str = "it-proxy-token";
const FOREIGN: &str = "00000000-0000-4000-8000-000000000009";
/// A large body, in pieces of a size that divides it.
const LARGE: usize = 48 << 20;
const PIECE: usize = 64 << 10;

/// A stand-in for DocuSign, and a server that asks it who its accounts are.
async fn world() -> (Docusign, Running, Server) {
    let docusign = Docusign::new(Traits::default(), Arc::new(SystemClock), Dice::seeded(40));
    let running = docusign.start("127.0.0.1:0").expect("a free port");
    let settings = Settings::new()
        .with("COUNTERSIGN_API_TOKEN", TOKEN)
        .with("COUNTERSIGN_DOCUSIGN__AUTH_URL", &running.url())
        .with("COUNTERSIGN_DOCUSIGN__ACCESS_TOKEN", docusign.issue_token().expose_secret());
    let server = Server::start(settings).await;
    (docusign, running, server)
}

/// Runs a program that drives the proxy as a user's would, and gives what it tells.
async fn driven(mut command: Command, server: &Server, account: &str) -> Value {
    let base = server.url("/proxy/restapi");
    command.args([&base, TOKEN, account, FOREIGN]).stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output().expect("the program runs"));
    let run = run.await.expect("its end");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn docusigns_own_sdks_for_node_and_python_work_with_another_base_path_alone() {
    let (docusign, running, server) = world().await;
    let account = docusign.accounts()[0].id.to_string();
    let mut node = Command::new("node");
    let sdk = peers().join("sdk");
    assert!(sdk.join("node_modules").exists(), "the SDK is missing: run `tests/run` once, which installs it");
    node.current_dir(sdk).arg("drive.js");
    let mut in_python = python();
    in_python.arg("sdk_drive.py");
    for (sdk, command) in [("node", node), ("python", in_python)] {
        let told = driven(command, &server, &account).await;
        assert_eq!(told["subject"], "Lease to sign", "{sdk}");
        assert_eq!((&told["sent"], &told["voided"]), (&"sent".into(), &"voided".into()), "{sdk}");
        assert_eq!((&told["rent"], &told["reason"]), (&"1,200 €".into(), &"Not needed".into()), "{sdk}");
        assert!(told["audited"].as_u64() >= Some(2), "{sdk}: {told}");
        assert_eq!(told["combined_begins"], "%PDF-", "{sdk}");
        assert!(told["combined_bytes"].as_u64() > Some(500), "{sdk}: {told}");
        let refused = |name: &str| (told[name]["status"].as_u64(), told[name]["body"].clone());
        let (status, body) = refused("unknown");
        assert_eq!((status, &body["errorCode"]), (Some(404), &"ENVELOPE_DOES_NOT_EXIST".into()), "{sdk}");
        let (status, body) = refused("twice");
        assert_eq!((status, &body["errorCode"]), (Some(400), &"ENVELOPE_CANNOT_VOID_INVALID_STATE".into()));
        let (status, body) = refused("elsewhere");
        assert_eq!((status, &body["statusCode"]), (Some(404), &404.into()), "{sdk}: {body}");
        // Byte for byte what DocuSign itself gives.
        let path = format!(
            "/restapi/v2.1/accounts/{account}/envelopes/{}/documents/combined",
            told["envelope"].as_str().unwrap()
        );
        let own = docusign.issue_token();
        let direct = fetched(&format!("{}{path}", running.url()), own.expose_secret()).await;
        assert!(fetched(&server.url(&format!("/proxy{path}")), TOKEN).await == direct, "{sdk}");
    }
    assert_eq!(docusign.calls("POST /envelopes"), 2, "one for each SDK");
    let own = docusign.issue_token();
    server.assert_log_keeps_secrets(&[TOKEN, own.expose_secret(), "Ada First"]);
    running.stop().await;
}

async fn fetched(url: &str, token: &str) -> Vec<u8> {
    let answer = http().get(url).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
    answer.bytes().await.expect("bytes").to_vec()
}

/// A server in DocuSign's place that takes any body, and answers its digest followed by as large a one of its own.
async fn vault() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    (url, task)
}

async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::with_capacity(PIECE, stream);
    let (mut length, mut chunked, mut head) = (0, false, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_ascii_lowercase();
        head |= line.starts_with("head ");
        if let Some(told) = line.strip_prefix("content-length: ") {
            length = told.parse().unwrap_or_default();
        }
        chunked |= line == "transfer-encoding: chunked";
        if line.is_empty() {
            break;
        }
    }
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    while chunked || length > 0 {
        if chunked {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            length = usize::from_str_radix(line.trim_end(), 16).unwrap_or_default();
            chunked = length > 0;
        }
        while length > 0 {
            let part = length.min(PIECE);
            stream.read_exact(&mut piece[..part]).await?;
            digest.update(&piece[..part]);
            length -= part;
            if length == 0 && chunked {
                stream.read_exact(&mut [0; 2]).await?;
            }
        }
    }
    let digest = digest.finalize();
    let length = if head { 12_345 } else { digest.len() + LARGE };
    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await?;
    if !head {
        stream.write_all(&digest).await?;
        for _ in 0..LARGE / PIECE {
            stream.write_all(&vec![b'y'; PIECE]).await?;
        }
    }
    stream.shutdown().await
}

async fn against(base: &str) -> Server {
    let settings = Settings::new()
        .with("COUNTERSIGN_API_TOKEN", TOKEN)
        .with("COUNTERSIGN_DOCUSIGN__BASE_URI", base)
        .with("COUNTERSIGN_DOCUSIGN__ACCESS_TOKEN", "a-token-at-docusign");
    Server::start(settings).await
}

fn large() -> reqwest::Body {
    let piece = bytes::Bytes::from(vec![b'x'; PIECE]);
    let pieces = std::iter::repeat_n(piece, LARGE / PIECE).map(Ok::<_, std::io::Error>);
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_pass_either_way_in_constant_memory() {
    let (base, upstream) = vault().await;
    let server = against(&base).await;
    let url = server.url("/proxy/restapi/v2.1/accounts/a-1/envelopes");
    let small = http().get(&url).bearer_auth(TOKEN).send().await.expect("an answer");
    assert_eq!(small.status(), 200);
    drop(small);
    let before = server.peak_kib();
    let want = Sha256::digest(vec![b'x'; LARGE]);
    let passed = join_all((0..4).map(|number| {
        let (url, want) = (&url, &want);
        async move {
            let request = http().post(url).bearer_auth(TOKEN).body(large());
            let request =
                if number % 2 == 0 { request } else { request.header("content-length", LARGE.to_string()) };
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200);
            let (mut size, mut first) = (0, Vec::new());
            let mut pieces = answer.bytes_stream();
            while let Some(piece) = pieces.next().await {
                let piece = piece.expect("a piece");
                let part = want.len().saturating_sub(first.len()).min(piece.len());
                first.extend_from_slice(&piece[..part]);
                size += piece.len();
            }
            assert!(first[..] == want[..], "what arrived is what was sent");
            assert_eq!(size, LARGE + want.len());
        }
    }));
    passed.await;
    let grown = server.peak_kib().saturating_sub(before);
    assert!(grown < 24 * 1024, "four times 48 MiB up and down at once cost {grown} KiB");
    upstream.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_turns_out_too_large_ends_its_call_and_a_head_has_a_length_and_no_body() {
    let (base, upstream) = vault().await;
    let server = against(&base).await;
    let url = server.url("/proxy/restapi/v2.1/accounts/a-1/envelopes");
    let piece = bytes::Bytes::from(vec![b'x'; PIECE]);
    let endless = stream::iter(std::iter::repeat_n(piece, (65 << 20) / PIECE).map(Ok::<_, std::io::Error>));
    let request = http().post(&url).bearer_auth(TOKEN).body(reqwest::Body::wrap_stream(endless));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 413);
    let address = server.url("").trim_start_matches("http://").to_owned();
    let mut wire = TcpStream::connect(&address).await.expect("a connection");
    let head = format!(
        "HEAD /proxy/restapi/v2.1/accounts/a-1/envelopes HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n\
         GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    wire.write_all(head.as_bytes()).await.expect("written");
    let mut told = String::new();
    let read = tokio::time::timeout(Duration::from_secs(20), wire.read_to_string(&mut told)).await;
    read.expect("an end").expect("text");
    let told = told.to_ascii_lowercase();
    assert!(told.starts_with("http/1.1 200 ok") && told.contains("content-length: 12345\r\n"), "{told}");
    assert_eq!(told.matches("http/1.1 200 ok").count(), 2, "the next answer follows at once: {told}");
    upstream.abort();
}

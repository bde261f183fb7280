//! The program's ends, wanted and not: what was answered 200 is there afterwards, whatever happened.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::{Pid, Signal};
use uuid::Uuid;

use crate::support::checker::Checker;
use crate::support::deliveries::deliver;
use crate::support::rabbit::Rabbit;
use crate::support::server::{KEY, Server, Settings};
use crate::support::subscriber::Subscriber;
use crate::support::traffic::{Traffic, answered_id, assert_feed_tells, feed, settled};
use crate::support::{PATIENCE, eventually};

#[tokio::test]
async fn what_was_answered_200_survives_kill_9() {
    let mut server = Server::start(Settings::new()).await;
    let traffic = Traffic::new(60, 1);
    let (url, sent) = (server.url("/connect"), AtomicUsize::new(0));
    let mut dice = StdRng::seed_from_u64(2);
    let total = traffic.bodies.len();
    let murder = async {
        let mut after = 0;
        for _ in 0..5 {
            after += dice.random_range(total / 12..total / 7);
            eventually("so many are answered", PATIENCE, async || {
                (sent.load(Ordering::SeqCst) >= after).then_some(())
            })
            .await;
            server.restart().await;
        }
    };
    tokio::join!(traffic.send(&url, &sent), murder);
    assert_eq!(sent.load(Ordering::SeqCst), total);
    assert_feed_tells(&feed(&server).await, &traffic.steps);
}

#[tokio::test]
async fn a_stop_under_load_exits_0_and_loses_nothing() {
    let mut server = Server::start(Settings::new()).await;
    let traffic = Traffic::new(60, 3);
    let (url, sent) = (server.url("/connect"), AtomicUsize::new(0));
    let half = traffic.bodies.len() / 2;
    let stop = async {
        eventually("half are answered", PATIENCE, async || {
            (sent.load(Ordering::SeqCst) >= half).then_some(())
        })
        .await;
        assert_eq!(server.terminate().await, 0, "{}", server.lines().tail());
        server.restart().await;
    };
    tokio::join!(traffic.send(&url, &sent), stop);
    assert_feed_tells(&feed(&server).await, &traffic.steps);
    server.assert_log_keeps_secrets(&[]);
}

/// Whoever waits for that line may send a signal at once, and one without a handler would end the program. It is held at that very
/// line by a pipe that is full.
#[tokio::test]
async fn signals_are_heeded_before_it_says_where_it_listens() {
    let server = Server::start(Settings::new().with("COUNTERSIGN_LOG__LEVEL", "error")).await;
    let (mut said, mut saying) = std::io::pipe().expect("a pipe");
    let room = rustix::pipe::fcntl_getpipe_size(&saying).expect("its size");
    saying.write_all(&vec![b'\n'; room]).expect("room");
    let folder = server.folder().join("another");
    let mut held = server.spawn_beside_saying(saying, &[("COUNTERSIGN_DATA_DIR", &folder.to_string_lossy())]);
    eventually("TERM and HUP have handlers", PATIENCE, async || {
        let caught = caught_signals(held.id());
        [Signal::TERM, Signal::HUP].iter().all(|one| caught & 1 << (one.as_raw() - 1) != 0).then_some(())
    })
    .await;
    for signal in [Signal::HUP, Signal::TERM] {
        rustix::process::kill_process(Pid::from_child(&held), signal).expect("a process");
    }
    let mut text = String::new();
    said.read_to_string(&mut text).expect("text");
    assert!(text.contains("listening on http://"), "{text}");
    assert_eq!(held.wait().expect("a child").code(), Some(0), "{text}");
}

/// The signals for which a process has handlers, a bit each from the lowest, as proc(5) tells them.
fn caught_signals(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("hexadecimal digits")
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_told_to_stay_out() {
    let first = Server::start(Settings::new()).await;
    let mut second = first.spawn_beside(&[]);
    let ended =
        eventually("the second process ends", PATIENCE, async || second.try_wait().expect("a child to ask"))
            .await;
    assert_eq!(ended.code(), Some(1));
    assert_eq!(first.get("/readyz").await.0, 200, "the first goes on");
}

#[tokio::test]
async fn settings_that_cannot_be_are_told_together_and_end_it_with_78() {
    let first = Server::start(Settings::new()).await;
    let wrong =
        [("COUNTERSIGN_LISTEN", "nowhere"), ("COUNTERSIGN_BROKER", "http://x"), ("COUNTERSIGN_LISTN", "x")];
    let output = first.spawn_beside(&wrong).wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(78));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    for (name, _) in wrong {
        assert!(told.contains(name), "{name} is not named in:\n{told}");
    }
    assert!(output.stdout.is_empty(), "stdout carries data only");
}

#[tokio::test]
async fn it_stops_in_time_while_streams_are_open_and_requests_hang() {
    let mut server = Server::start(Settings::new()).await;
    let stream = crate::support::http().get(server.url("/v1/changes/stream")).send().await.expect("a stream");
    // A delivery whose body never comes.
    let address = server.url("").trim_start_matches("http://").to_owned();
    let mut hanging = tokio::net::TcpStream::connect(&address).await.expect("a connection");
    let head = format!("POST /connect HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100\r\n\r\n{{");
    tokio::io::AsyncWriteExt::write_all(&mut hanging, head.as_bytes()).await.expect("sent");
    let begin = Instant::now();
    assert_eq!(server.terminate().await, 0);
    assert!(begin.elapsed() < countersign::base::limits::SHUTDOWN_TIMEOUT + Duration::from_secs(5));
    drop(stream);
}

#[tokio::test]
async fn a_full_disk_is_answered_503_and_takes_nothing_that_was_answered_200() {
    let broker = Rabbit::shared().await.vhost();
    let mut server = Server::start(Settings::new().broker(&broker).small_disk(700)).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    let (traffic, checker) = (Traffic::new(200, 4), Checker::default());
    let url = server.url("/connect");
    let mut taken = 0;
    while taken < traffic.bodies.len()
        && let Some(id) = taken_as(&url, &traffic.bodies[taken]).await
    {
        checker.send_begins();
        checker.is_answered(id);
        taken += 1;
    }
    assert!(taken < traffic.bodies.len(), "the disk is too large for this test");
    assert!(server.metric("countersign_store_errors_total").await >= 1.0);
    assert_eq!(server.get("/livez").await.0, 200, "it lives on");
    // The probe's own write is smaller than a delivery, and may still find a little room at first.
    eventually("it says that it takes nothing", PATIENCE, async || {
        (server.get("/readyz").await.0 == 503).then_some(())
    })
    .await;
    server.make_room();
    server.restart().await;
    // What was answered 200 is told already; the rest comes again, as DocuSign would send it.
    let known: Vec<bool> = answers(&url, &traffic.bodies[..taken]).await;
    assert!(known.iter().all(|duplicate| *duplicate), "a delivery was answered 200 and forgotten");
    checker.send(&traffic, &[url]).await;
    assert_feed_tells(&feed(&server).await, &traffic.steps);
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    checker.close(&server, &seen).await.assert_nothing_lost();
}

/// The id of a delivery that is taken within some seconds: the write-ahead log may be full for a moment, the disk for good.
async fn taken_as(url: &str, body: &[u8]) -> Option<Uuid> {
    let begin = Instant::now();
    eventually("a delivery is taken, or refused for good", PATIENCE, async || {
        match answered_id(url, body).await {
            Some(id) => Some(Some(id)),
            None => (begin.elapsed() > Duration::from_secs(3)).then_some(None),
        }
    })
    .await
}

/// Whether each delivery is known already.
async fn answers(url: &str, bodies: &[Vec<u8>]) -> Vec<bool> {
    let mut known = Vec::new();
    for body in bodies {
        let (status, answer) = deliver(url, KEY, body.clone()).await;
        assert_eq!(status, 200, "{answer}");
        known.push(answer["outcome"] == "duplicate");
    }
    known
}

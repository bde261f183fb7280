//! A clock that jumps while the program runs: a day ahead, an hour back, as a bad time server or a resumed machine does it.

use std::fs;
use std::path::Path;

use countersign::simulator::docusign::Play;

use crate::enriched::{assert_all_covered, docusign, lives, target};
use crate::support::checker::Checker;
use crate::support::rabbit::Rabbit;
use crate::support::server::Server;
use crate::support::subscriber::Subscriber;
use crate::support::traffic::{Traffic, feed, settled};

/// The library that lies to a process about the time of day; the time since its start stays true.
fn library() -> String {
    let folders = fs::read_dir("/usr/lib").expect("a folder").flatten().map(|entry| entry.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    found.expect("libfaketime (the package libfaketime)").to_string_lossy().into_owned()
}

fn set(clock: &Path, offset: &str) {
    // Written beside and moved, so that nobody reads half of it.
    let beside = clock.with_extension("next");
    fs::write(&beside, offset).expect("a file");
    fs::rename(beside, clock).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_a_day_ahead_and_an_hour_back_loses_nothing_and_keeps_every_order() {
    let broker = Rabbit::shared().await.vhost();
    let (docusign, running, settings) = docusign();
    let folder = tempfile::tempdir().expect("a folder");
    let clock = folder.path().join("clock");
    set(&clock, "+0");
    let settings = settings
        .broker(&broker)
        .with("LD_PRELOAD", &library())
        .with("FAKETIME_TIMESTAMP_FILE", &clock.to_string_lossy())
        .with("FAKETIME_NO_CACHE", "1")
        .with("DONT_FAKE_MONOTONIC", "1");
    let mut server = Server::start(settings).await;
    let subscriber = Subscriber::start(&broker, &server, &[]).await;
    let (checker, url) = (Checker::default(), [server.url("/connect")]);
    let newest = async |server: &Server| {
        let (_, page) = server.get("/v1/changes?limit=1000").await;
        let rows = page["result"].as_array().cloned().unwrap_or_default();
        let told = rows
            .iter()
            .filter_map(|row| row["change"]["received_at"].as_str()?.parse::<jiff::Timestamp>().ok());
        told.max().expect("a change")
    };
    let mut lasts = Vec::new();
    for (number, offset) in ["+0", "+86400", "+82800", "+3600"].into_iter().enumerate() {
        set(&clock, offset);
        let number = number as u64;
        let play = Play { speed: 5_000_000.0, ..Play::to(target(&server)) };
        let told = docusign.play(lives(&server, &docusign, 4, 300 + number).into_iter(), play);
        let traffic = Traffic::new(5, 310 + number);
        let (told, ()) = tokio::join!(told, checker.send(&traffic, &url));
        assert!(told.is_ok_and(|told| told.balances() && told.failed == 0));
        lasts.push(newest(&server).await);
        assert_eq!(server.get("/readyz").await.0, 200, "{offset}");
        assert!(checker.forgotten(&server).await.is_empty(), "{offset}");
    }
    let jumped = lasts[1].duration_since(lasts[0]).as_secs();
    assert!((80_000..90_000).contains(&jumped), "the program saw the jump: {jumped} s");
    // What waited to be fetched when the clock was set back is due when the clock comes there again.
    set(&clock, "+90000");
    server.restart().await;
    settled(&server).await;
    let seen = subscriber.finish().await;
    seen.assert_sound();
    checker.close(&server, &seen).await.assert_nothing_lost();
    assert_all_covered(&feed(&server).await);
    running.stop().await;
}

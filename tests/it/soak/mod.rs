//! The soak: a steady rate and random faults for as long as is asked for, and the checker's books at the end.
//!
//! `tests/soak/run` sets the variables that are read here. Without them it is a smoke of some seconds over the shared
//! broker, so that the soak itself cannot rot.

mod faults;
mod figures;
mod plot;
mod sender;
mod watch;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::checker::{Checker, stored_changes};
use crate::support::subscriber::Subscriber;
use crate::support::traffic::settled_within;
use figures::Figures;
use sender::Sender;
use watch::Watch;
use world::World;

/// What to do, and for how long.
#[derive(Debug, Clone)]
struct Plan {
    began: Instant,
    time: Duration,
    seed: u64,
    /// Deliveries a second.
    rate: f64,
    postgres: bool,
    nodes: usize,
    /// Where the figures go; none for the smoke, which also leaves broker and store alone.
    out: Option<PathBuf>,
}

impl Plan {
    fn from_environment() -> Self {
        let word = |name: &str| std::env::var(format!("SOAK_{name}")).ok();
        let number = |name: &str, otherwise: f64| {
            let written = word(name).map(|text| text.parse().expect("a number"));
            written.unwrap_or(otherwise)
        };
        let out = word("OUT").map(PathBuf::from);
        Self {
            began: Instant::now(),
            time: Duration::from_secs_f64(number("MINUTES", 0.1) * 60.0),
            seed: number("SEED", 1.0) as u64,
            rate: number("RATE", 40.0),
            postgres: word("STORE").as_deref() == Some("postgres"),
            nodes: number("NODES", 1.0) as usize,
            out,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steady_rate_with_random_faults_loses_nothing_and_keeps_every_order() {
    let mut plan = Plan::from_environment();
    assert!(plan.nodes == 1 || plan.postgres, "several nodes share a PostgreSQL, never an SQLite");
    let mut world = World::new(&plan).await;
    let mut subscriber = Subscriber::start(&world.broker, &world.nodes[0].server, &[]).await;
    let checker = Arc::new(Checker::default());
    plan.began = Instant::now();
    let sender = Sender::new(&plan, &world, Arc::clone(&checker));
    let watch = Watch::new(&plan, &world, &sender, &subscriber);

    let sending = tokio::spawn(sender.clone().run());
    let watching = watch.run(plan.out.is_some());
    let struck = async {
        let struck = world.suffer(&plan).await;
        sender.stop();
        struck
    };
    let (struck, lives) = {
        let work =
            async { tokio::join!(struck, async { sending.await.expect("every delivery is answered") }) };
        tokio::select! {
            done = work => done,
            () = watching => unreachable!("it watches until it is dropped"),
        }
    };

    for node in &world.nodes {
        // What failed several times in DocuSign's troubles is put off for up to five minutes.
        settled_within(&node.server, Duration::from_secs(600)).await;
    }
    let server = &world.nodes[0].server;
    subscriber.sees(stored_changes(server).await.len() as u64).await;
    let seen = subscriber.finish().await;
    let books = checker.close(server, &seen).await;
    let stands = sender.ends(lives);
    if let Some(out) = &plan.out {
        let took = [sender.spread(&[]), sender.spread(&struck)];
        Figures::new(&plan, &books, &seen, watch.samples(), struck, took).write(out);
    }
    books.assert_nothing_lost();
    seen.assert_sound();
    assert_eq!(seen.stands, stands, "each signing request stands where its sender left it");
    assert!(seen.kinds.contains_key("enriched"), "objects were fetched too: {:?}", seen.kinds);
}

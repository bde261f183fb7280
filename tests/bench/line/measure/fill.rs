//! Filling a store with true history: deliveries of whole lives that the program itself took and published.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::contender::{Contender, Kind, Settings, Totals};
use super::lap::{self, Course};
use super::usage;
use super::world::{World, say};
use crate::traffic::{self, Recipe, Size};

/// Deliveries made at once: the next ones while these are sent.
const STEP: usize = 25_000;
/// Seeds from here on, so that no envelope is one that is measured with.
const SEED: u64 = 1_000_000;

/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What filling a store came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filled {
    /// What is in the store then.
    pub(crate) totals: Totals,
    /// CPU time of the program, in milliseconds.
    pub(crate) cpu_ms: f64,
}

/// Sends `deliveries` to the program on a folder of its own, in which there are `before` of them, and has them published to a
/// queue that forgets them; fewer where that takes longer than `most`, but for the piece under way.
pub(crate) async fn fill(
    world: &World,
    settings: Settings,
    before: usize,
    deliveries: usize,
    most: Duration,
) -> anyhow::Result<Filled> {
    // The broker need not keep what nobody will look at.
    world.forgetful_queue().await?;
    let settings = Settings { queues: 0, ..settings };
    let mut contender = Contender::start(Kind::Countersign(settings), &world.places).await?;
    let recipe = move |step: usize| {
        let left = deliveries - (step * STEP).min(deliveries);
        Recipe::real(Size::Small, left.min(STEP), SEED + (before + step) as u64)
    };
    let make = move |step: usize| tokio::task::spawn_blocking(move || traffic::requests(recipe(step)));
    let steps = deliveries.div_ceil(STEP);
    let mut next = make(0);
    let began = Instant::now();
    let mut told = began;
    for step in 0..steps {
        let requests = Arc::new(next.await?);
        next = make(step + 1);
        let course = Course { recipe: recipe(step), connections: 64, rate: None, time: None, queues: 0 };
        let sent = lap::send(&contender, &requests, course, || {}).await?;
        ensure!(sent.not_accepted() == 0, "not all was taken: {sent:?}");
        let (filled, late) = (((step + 1) * STEP).min(deliveries), began.elapsed() > most);
        if late || told.elapsed() > TELL_EVERY || filled == deliveries {
            contender.drained().await?;
            told = Instant::now();
            let seconds = began.elapsed().as_secs();
            say(&format!(
                "filled with {filled} of {deliveries} deliveries in {seconds} s, {:.0}/s",
                sent.rate
            ));
        }
        if late {
            say("that takes too long: it stays at these");
            break;
        }
    }
    let totals = contender.drained().await?.context("counts")?;
    let cpu_ms = usage::cpu_ms(contender.pid());
    contender.terminate().await?;
    Ok(Filled { totals, cpu_ms })
}

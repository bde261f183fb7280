//! Filling a store with true history: deliveries of whole lives that the program itself took and published.

use std::sync::Arc;

use anyhow::{Context as _, ensure};

use super::contender::{Contender, Kind, Settings, Totals};
use super::lap::{self, Course};
use super::world::{World, say};
use crate::traffic::{self, Recipe, Size};

/// Deliveries made at once: the next ones while these are sent.
const STEP: usize = 50_000;
/// Seeds from here on, so that no envelope is one that is measured with.
const SEED: u64 = 1_000_000;

/// Sends `deliveries` to the program on a folder of its own, and has them published to a queue that forgets them; what
/// is in the store then.
pub(crate) async fn fill(world: &World, settings: Settings, deliveries: usize) -> anyhow::Result<Totals> {
    // The broker need not keep what nobody will look at.
    world.forgetful_queue().await?;
    let settings = Settings { queues: 0, ..settings };
    let mut contender = Contender::start(Kind::Countersign(settings), &world.places).await?;
    let recipe = move |step: usize| {
        let left = deliveries - (step * STEP).min(deliveries);
        Recipe::real(Size::Small, left.min(STEP), SEED + step as u64)
    };
    let make = move |step: usize| tokio::task::spawn_blocking(move || traffic::requests(recipe(step)));
    let steps = deliveries.div_ceil(STEP);
    let mut next = make(0);
    for step in 0..steps {
        let requests = Arc::new(next.await?);
        next = make(step + 1);
        let course = Course { recipe: recipe(step), connections: 64, rate: None, time: None, queues: 0 };
        let sent = lap::send(&contender, &requests, course, || {}).await?;
        ensure!(sent.not_accepted() == 0, "not all was taken: {sent:?}");
        if step % 4 == 3 || step + 1 == steps {
            contender.drained().await?;
            say(&format!(
                "filled with {} of {deliveries} deliveries, {:.0}/s",
                ((step + 1) * STEP).min(deliveries),
                sent.rate
            ));
        }
    }
    let totals = contender.drained().await?.context("counts")?;
    contender.terminate().await?;
    Ok(totals)
}

//! `open`: how long an answer takes at a steady rate, from the moment at which each delivery was to be sent.

use std::time::Duration;

use super::{Asked, Turns};
use crate::measure::contender::{Contender, Kind};
use crate::measure::lap::{self, Course, Lap};
use crate::measure::report::{Chart, Findings, Goal};
use crate::measure::stats::Middle;
use crate::measure::wait;
use crate::measure::world::{World, say};
use crate::traffic::Size;

/// How long the broker stands still.
const FROZEN: Duration = Duration::from_secs(3);
/// What goes before and after that, in seconds.
const AROUND: f64 = 2.5;
const CONNECTIONS: usize = 64;

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    steady(world, asked, &mut findings).await?;
    let mut frozen = Turns::default();
    for round in 0..asked.rounds {
        say(&format!("open, broker frozen, round {} of {}", round + 1, asked.rounds));
        frozen.add(round, freeze(world).await?);
    }
    frozen.note(&mut findings);
    findings.tables.push(frozen.table("1,000 a second, broker frozen for 3 s meanwhile".to_owned()));
    let p99 = frozen.of("countersign", |lap| lap.sent.answer_ms.p99);
    findings.goals.push(Goal::at_most(
        "p99 of the answer at 1,000/s, broker frozen for 3 s",
        10.0,
        p99,
        2,
        " ms",
    ));
    let others = frozen.of("countersign", |lap| lap.sent.not_accepted() as f64);
    findings.goals.push(Goal::so(
        "no answer but 200 while the broker is frozen",
        format!("{:.0} others", others.high),
        others.high < 0.5,
    ));
    Ok(findings)
}

async fn steady(world: &World, asked: &Asked, findings: &mut Findings) -> anyhow::Result<()> {
    let course = Course::steady(Size::Small, CONNECTIONS, 2_000.0, asked.seconds * 1.5);
    let mut turns = Turns::default();
    for round in 0..asked.rounds {
        say(&format!("open, 2,000 a second, round {} of {}", round + 1, asked.rounds));
        for kind in [Kind::Countersign(world.settings()), Kind::Express] {
            turns.add(round, lap::fresh(world, kind, course).await?);
        }
    }
    turns.note(findings);
    findings.tables.push(turns.table("2,000 a second, 2 KB, 64 connections".to_owned()));
    let bars = |figure: fn(&Lap) -> f64| -> Vec<(String, Middle)> {
        turns.contenders().into_iter().map(|name| (name.to_owned(), turns.of(name, figure))).collect()
    };
    let title = |which: &str| format!("{which} of the answer at 2,000/s, ms");
    findings.charts.push(Chart { title: title("p50"), bars: bars(|lap| lap.sent.answer_ms.p50) });
    findings.charts.push(Chart { title: title("p99"), bars: bars(|lap| lap.sent.answer_ms.p99) });
    let ratio = turns.ratio("Express", |lap| lap.sent.answer_ms.p99);
    findings.goals.push(Goal::at_most("p99 of the answer at 2,000/s, times Express", 0.3, ratio, 2, ""));
    Ok(())
}

/// One lap during which the broker is stopped in its tracks.
async fn freeze(world: &World) -> anyhow::Result<Lap> {
    let seconds = FROZEN.as_secs_f64() + 2.0 * AROUND;
    let course = Course::steady(Size::Small, CONNECTIONS, 1_000.0, seconds);
    world.fresh_queues(1).await?;
    let contender = Contender::start(Kind::Countersign(world.settings()), &world.places).await?;
    lap::warm(world, &contender, course).await?;
    world.requests(course.recipe)?;
    let (lap, ()) = tokio::join!(lap::run(world, &contender, course), async {
        wait::pause(Duration::from_secs_f64(AROUND)).await;
        world.rabbit.freeze();
        wait::pause(FROZEN).await;
        world.rabbit.thaw();
    });
    lap
}

//! `start`: how long a start takes with much in the store, and after a kill with much unpublished.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tempfile::TempDir;

use super::Asked;
use crate::measure::contender::{Contender, Kind, Settings};
use crate::measure::fill;
use crate::measure::lap::{self, Course};
use crate::measure::report::{Chart, Findings, Goal, Table};
use crate::measure::stats::Middle;
use crate::measure::world::{World, say};
use crate::traffic::{Recipe, Size};

/// Starts of each kind, of which the middle one counts.
const STARTS: usize = 5;
/// The longest that the store may be filled; the goal names what is in it then.
const FILL_MOST: Duration = Duration::from_secs(3_600);

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let mut table = Table::new("From the start of the process, ms: median [quartiles]", &["with", "ready"]);
    // Each delivery is some four rows: itself, its body, its record in the chain, a change or more.
    let (deliveries, unsettled) = if asked.quick { (10_000, 5_000) } else { (300_000, 100_000) };
    let deliveries = asked.fill.unwrap_or(deliveries);
    let folder = TempDir::with_prefix("bench-")?;
    let totals = fill::fill(
        world,
        Settings { folder: Some(folder.path().to_owned()), ..world.settings() },
        0,
        deliveries,
        FILL_MOST,
    )
    .await?
    .totals;
    let settings = Settings {
        folder: Some(folder.path().to_owned()),
        broker: Some(world.nobody()),
        ..Settings::default()
    };
    let full = starts(world, &settings, &mut findings, "full").await?;
    let with = format!(
        "{} deliveries, {} changes and {} signing requests",
        totals.accepted, totals.changes, totals.signing_requests
    );
    table.rows.push(vec![with.clone(), full.text(0)]);
    say(&format!("start, {with}: ready after {} ms", full.text(0)));

    let folder = TempDir::with_prefix("bench-")?;
    let settings = Settings { folder: Some(folder.path().to_owned()), ..settings };
    killed(world, settings.clone(), unsettled).await?;
    let mut after_kill = Vec::new();
    for _ in 0..STARTS {
        // Each ends as the one before did, before it can publish anything.
        after_kill.push(start(world, &settings, &mut findings, "killed").await?);
    }
    let after_kill = Middle::of(after_kill.iter().map(|time| time.as_secs_f64() * 1e3));
    let with = format!("{unsettled} unsettled changes, after kill -9");
    table.rows.push(vec![with.clone(), after_kill.text(0)]);
    say(&format!("start, {with}: ready after {} ms", after_kill.text(0)));
    findings.tables.push(table);
    findings.charts.push(Chart {
        title: "Ready after, ms".to_owned(),
        bars: vec![
            (format!("countersign, {deliveries} deliveries"), full),
            (format!("countersign, {unsettled} unsettled"), after_kill),
        ],
    });
    findings.goals.push(Goal::at_most(
        format!("ready with {deliveries} deliveries in the store, over a million rows"),
        300.0,
        full,
        0,
        " ms",
    ));
    let what = format!("ready after kill -9 with {unsettled} unsettled changes");
    findings.goals.push(Goal::at_most(what, 2_000.0, after_kill, 0, " ms"));
    Ok(findings)
}

/// Some starts on a folder.
pub(super) async fn starts(
    world: &World,
    settings: &Settings,
    findings: &mut Findings,
    what: &str,
) -> anyhow::Result<Middle> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(start(world, settings, findings, what).await?.as_secs_f64() * 1e3);
    }
    Ok(Middle::of(times))
}

/// One start on a folder, ended by a kill.
async fn start(
    world: &World,
    settings: &Settings,
    findings: &mut Findings,
    what: &str,
) -> anyhow::Result<Duration> {
    let contender = Contender::start(Kind::Countersign(settings.clone()), &world.places).await?;
    let ready = contender.ready().await?;
    findings.note(
        &json!({
            "start": what, "listens_after_ms": contender.listened_after.as_secs_f64() * 1e3,
            "ready_after_ms": ready.as_secs_f64() * 1e3,
        }),
        &[],
    );
    Ok(ready)
}

/// Fills a store with changes that nobody published, and kills the program.
async fn killed(world: &World, settings: Settings, unsettled: usize) -> anyhow::Result<()> {
    let mut contender = Contender::start(Kind::Countersign(settings), &world.places).await?;
    let recipe = Recipe::real(Size::Small, unsettled, 1);
    let course = Course { recipe, connections: 64, rate: None, time: None, queues: 0 };
    lap::unpublished(world, &contender, course).await?;
    let totals = contender.counted(|_| true).await?.context("counts")?;
    anyhow::ensure!(
        totals.changes - totals.published >= unsettled as u64,
        "something was published: {totals:?}"
    );
    contender.kill();
    Ok(())
}

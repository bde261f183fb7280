//! `drain`: how fast a backlog is published once the broker is back, against a bare program that only publishes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::Asked;
use crate::measure::contender::{Contender, Kind, Settings, get};
use crate::measure::lap::{self, Course, Lap, Moment};
use crate::measure::report::{Chart, Findings, Goal, Table};
use crate::measure::stats::Middle;
use crate::measure::world::{World, say};
use crate::measure::{usage, wait};
use crate::traffic::{Recipe, Size};

/// How often the queue is looked at until something is in it, and for how long.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(60);
/// Changes whose size is taken for that of all.
const SAMPLE: usize = 200;

/// How one backlog, or as many messages, were published.
#[derive(Debug, Clone, Serialize)]
struct Drained {
    who: &'static str,
    messages: u64,
    seconds: f64,
    rate: f64,
    cpu_ms_each: f64,
    broker_cpu_ms_each: f64,
    peak_mib: f64,
}

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let deliveries = match (asked.quick, asked.all) {
        (true, _) => 5_000,
        (false, false) => 150_000,
        (false, true) => 1_000_000,
    };
    say(&format!("drain, making a backlog of {deliveries} deliveries"));
    let backlog = TempDir::with_prefix("bench-")?;
    let (changes, bytes) = fill(world, backlog.path(), deliveries).await?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..asked.rounds.min(if asked.all { 2 } else { 4 }) {
        say(&format!("drain, round {}: {changes} changes of {bytes} bytes", round + 1));
        ours.push(drain(world, backlog.path(), &mut findings).await?);
        bare.push(publish(world, changes, bytes).await?);
    }
    let mut table = Table::new(
        format!("{changes} changes of {bytes} bytes, to one quorum queue: median [quartiles]"),
        &["", "messages/s", "CPU ms each", "broker CPU ms each", "peak MiB"],
    );
    let mut bars = Vec::new();
    for all in [&ours, &bare] {
        let middle = |figure: fn(&Drained) -> f64| Middle::of(all.iter().map(figure));
        let name = all[0].who.to_owned();
        table.rows.push(vec![
            name.clone(),
            middle(|it| it.rate).text(0),
            middle(|it| it.cpu_ms_each).text(4),
            middle(|it| it.broker_cpu_ms_each).text(4),
            middle(|it| it.peak_mib).text(0),
        ]);
        bars.push((name, middle(|it| it.rate)));
        all.iter().for_each(|it| findings.note(it, &[]));
    }
    findings.tables.push(table);
    findings.charts.push(Chart { title: "Messages confirmed a second, draining a backlog".to_owned(), bars });
    meanwhile(world, asked, backlog.path(), &mut findings).await?;
    let ratio = Middle::of(ours.iter().zip(&bare).map(|(ours, bare)| ours.rate / bare.rate));
    findings.goals.push(Goal::at_least(
        "draining a backlog, times a bare confirmed publisher",
        0.8,
        ratio,
        2,
    ));
    Ok(findings)
}

/// Lets the program take deliveries while no broker is there; how many changes wait, and how large they are.
async fn fill(world: &World, folder: &Path, deliveries: usize) -> anyhow::Result<(u64, usize)> {
    let settings =
        Settings { broker: Some(world.nobody()), folder: Some(folder.to_owned()), ..Settings::default() };
    let mut contender = Contender::start(Kind::Countersign(settings), &world.places).await?;
    let mut left = deliveries;
    for seed in 1.. {
        let recipe = Recipe::real(Size::Small, left.min(100_000), seed);
        let course = Course { recipe, connections: 64, rate: None, time: None, queues: 0 };
        let lap = lap::unpublished(world, &contender, course).await?;
        ensure!(lap.wrong.is_empty(), "{}", lap.wrong.join("; "));
        left -= recipe.deliveries;
        if left == 0 {
            break;
        }
    }
    let totals = contender.counted(|_| true).await?.context("counts")?;
    let page: Page = serde_json::from_str(&get(contender.address, &format!("/v1/changes?limit={SAMPLE}"))?)?;
    let bytes: usize = page.result.iter().map(|row| row.get("change").unwrap_or(row).to_string().len()).sum();
    contender.terminate().await?;
    Ok((totals.changes, bytes / page.result.len().max(1)))
}

#[derive(Deserialize)]
struct Page {
    result: Vec<serde_json::Value>,
}

/// Starts the program on a copy of the backlog, and gives how many messages are in the queue once the first are: connecting
/// and opening are no publishing.
async fn begun(world: &World, backlog: &Path, copy: &Path) -> anyhow::Result<(Contender, u64)> {
    let mut command = Command::new("sh");
    // On disk before the clock starts, so that its writing disturbs nobody.
    command.args(["-c", "cp -R \"$1/data\" \"$2/\" && sync", "copy"]).arg(backlog).arg(copy);
    let copied = tokio::task::spawn_blocking(move || command.status()).await??;
    ensure!(copied.success(), "the backlog cannot be copied");
    world.fresh_queues(1).await?;
    let settings = Settings { folder: Some(copy.to_owned()), ..world.settings() };
    let contender = Contender::start(Kind::Countersign(settings), &world.places).await?;
    let first = wait::until("the first change is published", PATIENCE, LOOK_EVERY, async || {
        Ok(Some(world.messages(0).await?).filter(|count| *count > 0))
    });
    Ok((contender, first.await?))
}

/// Answer times of new deliveries while a backlog drains, and of as many once it is drained.
async fn meanwhile(
    world: &World,
    asked: &Asked,
    backlog: &Path,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let (mut during, mut after, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..asked.rounds.min(3) {
        say(&format!("drain, new deliveries meanwhile, round {}", round + 1));
        let course = |seed| {
            let course = Course::steady(Size::Small, 64, 1_000.0, if asked.quick { 0.5 } else { 3.0 });
            Course { recipe: Recipe { seed, ..course.recipe }, ..course }
        };
        let (while_draining, afterwards) = (course(2_001), course(2_002));
        world.requests(while_draining.recipe)?;
        let copy = TempDir::with_prefix("bench-")?;
        let (contender, _) = begun(world, backlog, copy.path()).await?;
        let before = world.messages(0).await?;
        let lap = lap::unpublished(world, &contender, while_draining).await?;
        gone.push((world.messages(0).await? - before) as f64 / lap.confirmed_seconds);
        during.push(lap);
        if contender.totals()?.is_some_and(|totals| totals.drained()) && !asked.quick {
            findings
                .wrong
                .push("drain: the backlog was drained before the new deliveries were answered".to_owned());
        }
        contender.drained().await?;
        world.quiet().await;
        after.push(lap::unpublished(world, &contender, afterwards).await?);
    }
    let columns = ["", "p50 ms", "p99 ms", "max ms", "published/s meanwhile"];
    let mut table = Table::new("New deliveries at 1,000/s: median [quartiles]", &columns);
    let mut row = |name: &str, laps: &[Lap], gone: &[f64]| {
        let middle = |figure: fn(&Lap) -> f64| Middle::of(laps.iter().map(figure)).text(2);
        let times = [
            middle(|lap| lap.sent.answer_ms.p50),
            middle(|lap| lap.sent.answer_ms.p99),
            middle(|lap| lap.sent.answer_ms.max),
        ];
        let gone = if gone.is_empty() { String::new() } else { Middle::of(gone.iter().copied()).text(0) };
        table.rows.push([name.to_owned()].into_iter().chain(times).chain([gone]).collect());
        laps.iter().for_each(|lap| findings.note(lap, &lap.wrong));
    };
    row("while the backlog drains", &during, &gone);
    row("once it is drained", &after, &[]);
    findings.tables.push(table);
    let both = during.iter().zip(&after);
    let ratio = Middle::of(both.map(|(during, after)| during.sent.answer_ms.p50 / after.sent.answer_ms.p50));
    findings.goals.push(Goal::at_most(
        "answers to new deliveries while a backlog drains, times those without (p50)",
        2.0,
        ratio,
        2,
        "",
    ));
    Ok(())
}

/// Watches a backlog drain.
async fn drain(world: &World, backlog: &Path, findings: &mut Findings) -> anyhow::Result<Drained> {
    let copy = TempDir::with_prefix("bench-")?;
    let (contender, first) = begun(world, backlog, copy.path()).await?;
    let began = Moment::of(contender.pid(), world.rabbit.pid());
    let (totals, ended) = lap::settled(world, &contender, began).await?;
    let seconds = (ended.at - began.at).as_secs_f64();
    let messages = totals.published - first;
    let each = |cpu: f64| cpu / messages.max(1) as f64;
    let drained = Drained {
        who: contender.kind.word(),
        messages,
        seconds,
        rate: messages as f64 / seconds,
        cpu_ms_each: each(ended.cpu - began.cpu),
        broker_cpu_ms_each: each(ended.broker_cpu - began.broker_cpu),
        peak_mib: usage::peak_mib(contender.pid()),
    };
    let queued = world.settles_at(0, totals.published).await?;
    if queued != totals.published {
        findings
            .wrong
            .push(format!("drain: {} changes published, but {queued} in the queue", totals.published));
    }
    say(&drained.line());
    Ok(drained)
}

/// Lets the bare publisher publish as much.
async fn publish(world: &World, messages: u64, bytes: usize) -> anyhow::Result<Drained> {
    #[derive(Deserialize)]
    struct Told {
        confirmed: u64,
        seconds: f64,
        rate: f64,
        cpu_ms: f64,
        peak_mib: f64,
    }
    world.fresh_queues(1).await?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["floor", "publish", "--broker", &world.places.broker]);
    command.args(["--messages", &messages.to_string(), "--bytes", &bytes.to_string()]);
    let broker_cpu = world.broker_cpu_ms();
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "floor publish: {}", String::from_utf8_lossy(&output.stderr));
    let Told { confirmed, seconds, rate, cpu_ms, peak_mib } = serde_json::from_slice(&output.stdout)?;
    let drained = Drained {
        who: "bare publisher",
        messages: confirmed,
        seconds,
        rate,
        cpu_ms_each: cpu_ms / confirmed.max(1) as f64,
        broker_cpu_ms_each: (world.broker_cpu_ms() - broker_cpu) / confirmed.max(1) as f64,
        peak_mib,
    };
    say(&drained.line());
    Ok(drained)
}

impl Drained {
    fn line(&self) -> String {
        let Self { who, messages, seconds, rate, cpu_ms_each, broker_cpu_ms_each, peak_mib } = self;
        format!(
            "{who:<14} {messages} messages in {seconds:.1} s: {rate:.0}/s, CPU {cpu_ms_each:.4} ms each, \
             broker {broker_cpu_ms_each:.4}, peak {peak_mib:.0} MiB"
        )
    }
}

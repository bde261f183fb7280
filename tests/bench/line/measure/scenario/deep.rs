//! `deep`: what a delivery costs with ten million in the store, while they are kept and while they are pruned.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Asked, Turns, figures, grow, start};
use crate::measure::contender::{Contender, Kind, Settings};
use crate::measure::fill;
use crate::measure::lap::{self, Course, Lap};
use crate::measure::report::{Chart, Findings, Table};
use crate::measure::stats::Middle;
use crate::measure::world::{World, say};
use crate::traffic::{Recipe, Size};

const CONNECTIONS: usize = 64;
/// The store is filled in so many parts, each a row of what it cost.
const PARTS: usize = 10;
/// The longest that one part may take.
const PART_MOST: Duration = Duration::from_secs(3_600);
/// How old the deliveries that fill the store are: so old that they are pruned where `FORGET` is set.
const DAYS_OLD: u32 = 40;
const KEEP: &str = "dedup_retention_days = 3650\naudit_retention_days = 36500\n";
const FORGET: &str = "dedup_retention_days = 30\naudit_retention_days = 30\n";
/// A steady rate at which answers are timed.
const RATE: f64 = 2_000.0;

/// A part of the store, as it was filled.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    deliveries: u64,
    signing_requests: u64,
    seconds: f64,
    cpu_us_each: f64,
    bytes_each: u64,
}

/// The store, and what is known of it.
struct Deep {
    folder: PathBuf,
    parts: Vec<Part>,
    /// Gone with it, where it is not kept.
    _gone: Option<TempDir>,
}

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let deep = Deep::filled(world, asked).await?;
    findings.tables.push(deep.table());
    let title = "Deliveries a second, as the store was filled".to_owned();
    let bar = |part: &Part| {
        let rate = (deep.parts[0].deliveries as f64) / part.seconds;
        (format!("up to {}", part.deliveries), Middle::of([rate]))
    };
    findings.charts.push(Chart { title, bars: deep.parts.iter().map(bar).collect() });

    let kept = Settings { more: KEEP.to_owned(), ..world.settings() };
    let full = Settings { folder: Some(deep.folder.clone()), ..kept.clone() };
    let alone = Settings { broker: Some(world.nobody()), ..full.clone() };
    let ready = start::starts(world, &alone, &mut findings, "deep").await?;
    let mut table = Table::new("From the start of the process, ms: median [quartiles]", &["with", "ready"]);
    table.rows.push(vec![deep.name(), ready.text(0)]);
    findings.tables.push(table);
    say(&format!("deep, {}: ready after {} ms", deep.name(), ready.text(0)));

    let fast = Course::full(Size::Small, CONNECTIONS, asked.seconds);
    let steady = Course::steady(Size::Small, CONNECTIONS, RATE, asked.seconds * 1.5);
    let speeds = [(fast, "as fast as they come"), (steady, "2,000 a second")];
    let mut seeds = unused_seeds();
    for (course, speed) in speeds {
        let (mut empty_laps, mut full_laps) = (Turns::default(), Turns::default());
        for round in 0..asked.rounds {
            // A store that is kept has those of the rounds before, of other times as well.
            let course = course.another(seeds.next().context("a seed")?);
            say(&format!("deep, {speed}, round {} of {}", round + 1, asked.rounds));
            empty_laps.add(round, lap::fresh(world, Kind::Countersign(kept.clone()), course).await?);
            full_laps.add(round, lap::fresh(world, Kind::Countersign(full.clone()), course).await?);
        }
        empty_laps.note(&mut findings);
        full_laps.note(&mut findings);
        let rows = [("an empty store".to_owned(), empty_laps.all()), (deep.name(), full_laps.all())];
        let title = format!("2 KB, {CONNECTIONS} connections, {speed}: median [quartiles]");
        findings.tables.push(figures(title, rows.into_iter()));
    }

    let mut pruned = Vec::new();
    for round in 0..asked.rounds.min(3) {
        say(&format!("deep, while it is pruned, round {}", round + 1));
        let settings = Settings { more: FORGET.to_owned(), ..full.clone() };
        pruned.push(while_pruned(world, settings, steady.another(seeds.next().context("a seed")?)).await?);
    }
    pruned.iter().for_each(|lap| findings.note(lap, &lap.wrong));
    let rows = [(deep.name(), pruned.iter().collect())];
    let title = format!(
        "2 KB, {CONNECTIONS} connections, 2,000 a second, while what is old is pruned as fast as can be"
    );
    findings.tables.push(figures(title, rows.into_iter()));
    Ok(findings)
}

/// A lap at the beginning of which pruning is under way.
async fn while_pruned(world: &World, settings: Settings, course: Course) -> anyhow::Result<Lap> {
    world.fresh_queues(course.queues).await?;
    let contender = Contender::start(Kind::Countersign(settings), &world.places).await?;
    lap::warm(world, &contender, course).await?;
    let lap = lap::run(world, &contender, course).await?;
    anyhow::ensure!(contender.log().contains("is being pruned"), "nothing was pruned:\n{}", contender.log());
    Ok(lap)
}

/// Seeds by which nothing was made yet, also not at another time in a store that is kept.
fn unused_seeds() -> impl Iterator<Item = u64> {
    let seconds = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    (seconds << 16)..
}

impl Deep {
    /// Fills it, or goes on with one that was kept.
    async fn filled(world: &World, asked: &Asked) -> anyhow::Result<Self> {
        let gone = if asked.keep.is_none() { Some(TempDir::with_prefix("bench-")?) } else { None };
        let folder = asked.keep.clone().or_else(|| gone.as_ref().map(|gone| gone.path().to_owned()));
        let folder = folder.context("a folder")?;
        fs::create_dir_all(&folder)?;
        let note = folder.join("filled.json");
        let parts = fs::read_to_string(&note).map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))?;
        let mut deep = Self { folder, parts, _gone: gone };
        let deliveries = asked.fill.unwrap_or(if asked.quick { 10_000 } else { 10_000_000 });
        for part in deep.parts.len()..PARTS {
            let many = deliveries / PARTS;
            let settings = Settings {
                folder: Some(deep.folder.clone()),
                more: KEEP.to_owned(),
                days_behind: DAYS_OLD,
                ..world.settings()
            };
            let began = std::time::Instant::now();
            let filled = fill::fill(world, settings, part * many, many, PART_MOST).await?;
            deep.parts.push(Part {
                deliveries: filled.totals.accepted,
                signing_requests: filled.totals.signing_requests,
                seconds: began.elapsed().as_secs_f64(),
                cpu_us_each: filled.cpu_ms * 1e3 / many as f64,
                bytes_each: grow::size_of(&deep.folder)? / filled.totals.accepted.max(1),
            });
            fs::write(&note, serde_json::to_string(&deep.parts)?)?;
        }
        Ok(deep)
    }

    fn name(&self) -> String {
        let last = self.parts.last().map_or((0, 0), |part| (part.deliveries, part.signing_requests));
        format!("{} deliveries, {} signing requests", last.0, last.1)
    }

    fn table(&self) -> Table {
        let head = ["up to deliveries", "signing requests", "deliveries/s", "CPU µs each", "bytes kept each"];
        let mut table = Table::new("As the store was filled, published to a queue that forgets", &head);
        let many = self.parts.first().map_or(0, |part| part.deliveries);
        for part in &self.parts {
            table.rows.push(vec![
                part.deliveries.to_string(),
                part.signing_requests.to_string(),
                format!("{:.0}", many as f64 / part.seconds),
                format!("{:.0}", part.cpu_us_each),
                part.bytes_each.to_string(),
            ]);
        }
        table
    }
}

impl Course {
    fn another(self, seed: u64) -> Self {
        Self { recipe: Recipe { seed, ..self.recipe }, ..self }
    }
}

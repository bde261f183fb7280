//! `grow`: what a delivery costs as the store, the number of queues and the work for each change grow, on both databases.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::base::{Dice, SystemClock};
use countersign::simulator::docusign::{self, Docusign, Limits, Running};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::{Asked, figures};
use crate::measure::contender::{Kind, Settings};
use crate::measure::fill;
use crate::measure::lap::{self, Course, Lap};
use crate::measure::report::{Chart, Findings};
use crate::measure::stand::postgres::Postgres;
use crate::measure::stats::Middle;
use crate::measure::world::{World, say};
use crate::traffic::{self, Mix, Size};

const CONNECTIONS: usize = 64;
/// The longest that one store may be filled: with four of them and three rounds of some twenty turns, all ends within the hour.
const FILL_MOST: Duration = Duration::from_secs(300);
/// A store on PostgreSQL gets so many tenths of what one on SQLite gets: it takes several times as long to fill.
const POSTGRES_TENTHS: usize = 3;
/// Calls that the stand-in for DocuSign allows: no limit of its is to be measured.
const CALLS: u64 = 1_000_000_000;

/// One way to run the program.
struct Variant {
    name: String,
    settings: Settings,
    course: Course,
    laps: Vec<Lap>,
}

impl Variant {
    fn new(name: impl Into<String>, settings: Settings, course: Course) -> Self {
        Self { name: name.into(), settings, course, laps: Vec::new() }
    }
}

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let cluster = Postgres::start().await;
    let deliveries = asked.fill.unwrap_or(if asked.quick { 5_000 } else { 1_000_000 });
    let course = Course::full(Size::Small, CONNECTIONS, asked.seconds);
    let mut variants = Vec::new();
    let mut folders = Vec::new();
    for postgres in [false, true] {
        let deliveries = if postgres { deliveries * POSTGRES_TENTHS / 10 } else { deliveries };
        for filled in [0, deliveries / 10, deliveries] {
            let folder = TempDir::with_prefix("bench-")?;
            let database = if postgres { Some(cluster.database().await) } else { None };
            let settings =
                Settings { folder: Some(folder.path().to_owned()), postgres: database, ..world.settings() };
            let on = if postgres { "PostgreSQL" } else { "SQLite" };
            let mut name = format!("{on}, empty");
            if filled > 0 {
                let began = Instant::now();
                let totals = fill::fill(world, settings.clone(), 0, filled, FILL_MOST).await?.totals;
                let filled = totals.accepted;
                name = format!("{on}, {filled} deliveries, {} signing requests", totals.signing_requests);
                let bytes = if postgres { None } else { Some(size_of(folder.path())? / filled.max(1)) };
                let each = bytes.map(|bytes| format!(", {bytes} bytes on disk each")).unwrap_or_default();
                say(&format!("grow, {name}: filled in {:.0} s{each}", began.elapsed().as_secs_f64()));
                name.push_str(&each);
            }
            variants.push(Variant::new(name, settings, course));
            folders.push(folder);
        }
    }
    let stores = compare(world, asked, variants, &mut findings, "As the store grows").await?;
    stores.iter().for_each(|variant| chart(&mut findings, variant));

    let queues = [1, 10, 100].map(|queues| {
        // Each queue holds a copy: the broker ends long before the program does.
        let deliveries = course.recipe.deliveries / queues;
        let course = Course { recipe: traffic::Recipe { deliveries, ..course.recipe }, queues, ..course };
        Variant::new(format!("queues bound: {queues}"), Settings { queues, ..world.settings() }, course)
    });
    let more = Settings { more: "audit_stream = true\n".to_owned(), ..world.settings() };
    let stream = Variant::new("1 queue and the audit stream", more, course);
    let queues = queues.into_iter().chain([stream]).collect();
    compare(world, asked, queues, &mut findings, "As more queues take each message").await?;

    let docusign = stand_in(course)?;
    let json = Course { recipe: traffic::Recipe { mix: Mix::Json, ..course.recipe }, ..course };
    let variants = vec![
        Variant::new("without enrichment", world.settings(), json),
        Variant::new("with enrichment", docusign.settings(world), json),
    ];
    compare(
        world,
        asked,
        variants,
        &mut findings,
        "With enrichment (stand-in for DocuSign on the same cores)",
    )
    .await?;
    docusign.running.stop().await;
    Ok(findings)
}

/// Lets variants run in turns, and puts them into a table.
async fn compare(
    world: &World,
    asked: &Asked,
    mut variants: Vec<Variant>,
    findings: &mut Findings,
    title: &str,
) -> anyhow::Result<Vec<Variant>> {
    for round in 0..asked.rounds.min(3) {
        for variant in &mut variants {
            say(&format!("grow, {}, round {}", variant.name, round + 1));
            let mut course = variant.course;
            // A store that is kept has those of the rounds before.
            course.recipe.seed += round as u64;
            let lap = lap::fresh(world, Kind::Countersign(variant.settings.clone()), course).await?;
            findings.note(&lap, &lap.wrong);
            variant.laps.push(lap);
        }
    }
    let title = format!("{title}; 2 KB, {CONNECTIONS} connections: median [quartiles]");
    let rows = variants.iter().map(|variant| (variant.name.clone(), variant.laps.iter().collect()));
    let table = figures(title, rows);
    findings.tables.push(table);
    Ok(variants)
}

fn chart(findings: &mut Findings, variant: &Variant) {
    if findings.charts.is_empty() {
        let title = "Confirmed deliveries a second, as the store grows".to_owned();
        findings.charts.push(Chart { title, bars: Vec::new() });
    }
    let name = variant.name.split(',').take(2).collect::<Vec<_>>().join(",");
    findings.charts[0].bars.push((name, Middle::of(variant.laps.iter().map(|lap| lap.confirmed_rate))));
}

/// Bytes of all files in a folder.
pub(super) fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// A stand-in for DocuSign that knows all envelopes of the rounds to come.
struct StandIn {
    docusign: Docusign,
    running: Running,
}

fn stand_in(course: Course) -> anyhow::Result<StandIn> {
    let settings = docusign::Settings { accounts: traffic::accounts(), ..docusign::Settings::default() };
    let docusign = Docusign::new(settings, Arc::new(SystemClock), Dice::seeded(11));
    docusign.set_limits(Limits { hourly: CALLS, burst: CALLS, ..Limits::default() });
    for round in 0..3 {
        let told = traffic::Recipe { mix: Mix::Json, seed: course.recipe.seed + round, ..course.recipe };
        for step in told.steps().chain(lap::warm_recipe(told).steps()) {
            docusign.apply(&step);
        }
    }
    let running = docusign.start("127.0.0.1:0")?;
    Ok(StandIn { docusign, running })
}

impl StandIn {
    fn settings(&self, world: &World) -> Settings {
        let (token, url) = (self.docusign.issue_token(), self.running.url());
        let more = format!(
            "enrich = true\n\n[docusign]\nauth_url = \"{url}\"\nbase_uri = \"{url}\"\naccess_token = \"{}\"\n",
            token.expose_secret()
        );
        Settings { more, ..world.settings() }
    }
}

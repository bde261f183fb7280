//! `memory`: the most that the program ever holds, with many connections and a long backlog, and with large bodies.

use super::Asked;
use crate::measure::contender::{Contender, Kind, Settings};
use crate::measure::lap::{self, Course, Lap};
use crate::measure::report::{Chart, Findings, Goal, Table};
use crate::measure::stats::Middle;
use crate::measure::usage;
use crate::measure::world::{World, say};
use crate::traffic::{Recipe, Size};

/// The most that the goal allows, in MiB.
const MOST_MIB: f64 = 96.0;
/// Bodies count as held in constant memory where the largest cost at most so many times the peak of large ones.
const CONSTANT: f64 = 1.25;
const CONNECTIONS: usize = 256;

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let mut table = Table::new(
        "Memory of the program",
        &["while", "peak MiB", "held at the end MiB", "answered 200", "others"],
    );
    let backlog = if asked.quick { 10_000 } else { 200_000 };
    let parts = [
        (
            Size::Small,
            CONNECTIONS,
            backlog,
            format!("{backlog} deliveries at {CONNECTIONS} connections, all waiting for a broker"),
        ),
        (Size::Large, 64, 3_000, "bodies of 200 KB at 64 connections".to_owned()),
        (Size::Huge, 8, if asked.quick { 8 } else { 48 }, "bodies of 25 MB at 8 connections".to_owned()),
    ];
    let mut peaks = Vec::new();
    for (size, connections, deliveries, what) in parts {
        say(&format!("memory, {what}"));
        // Nobody listens there, so that every change waits.
        let settings = Settings { broker: Some(world.nobody()), ..Settings::default() };
        let contender = Contender::start(Kind::Countersign(settings), &world.places).await?;
        let recipe = Recipe::real(size, deliveries, 1);
        let course = Course { recipe, connections, rate: None, time: None, queues: 0 };
        let lap = lap::unpublished(world, &contender, course).await?;
        peaks.push(lap.peak_mib);
        table.rows.push(row(&what, &lap, usage::held_mib(contender.pid())));
        findings.note(&lap, &lap.wrong);
    }
    findings.tables.push(table);
    let [small, large, huge] = [peaks[0], peaks[1], peaks[2]];
    let bar = |name: &str, peak: f64| (format!("countersign, {name}"), Middle::of([peak]));
    findings.charts.push(Chart {
        title: "Peak memory, MiB".to_owned(),
        bars: vec![bar("backlog", small), bar("200 KB", large), bar("25 MB", huge)],
    });
    let what = format!("peak memory at {CONNECTIONS} connections with a backlog of {backlog} changes");
    findings.goals.push(Goal::at_most(what, MOST_MIB, Middle::of([small]), 0, " MiB"));
    findings.goals.push(Goal::so(
        "memory constant for bodies of 200 KB and 25 MB",
        format!("peaks {large:.0} and {huge:.0} MiB"),
        huge <= large * CONSTANT && huge <= MOST_MIB && large <= MOST_MIB,
    ));
    Ok(findings)
}

fn row(what: &str, lap: &Lap, held: f64) -> Vec<String> {
    vec![
        what.to_owned(),
        format!("{:.0}", lap.peak_mib),
        format!("{held:.0}"),
        lap.sent.accepted().to_string(),
        lap.sent.not_accepted().to_string(),
    ]
}

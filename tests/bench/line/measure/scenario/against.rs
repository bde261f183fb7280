//! `against`: the whole line beside hand-written services and the bare floor, each as fast as answers come.

use super::{Asked, Turns};
use crate::measure::contender::Kind;
use crate::measure::lap::{self, Course};
use crate::measure::report::{Chart, Findings, Goal};
use crate::measure::world::{World, say};
use crate::traffic::Size;

/// What the goals ask of a size: how many times the rate of Express, and which share of its CPU.
fn wanted(size: Size) -> Option<(f64, f64)> {
    match size {
        Size::Small => Some((4.5, 0.16)),
        Size::Medium => Some((4.0, 0.30)),
        Size::Large | Size::Huge => None,
    }
}

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let sizes: &[Size] =
        if asked.all { &[Size::Small, Size::Medium, Size::Large] } else { &[Size::Small, Size::Medium] };
    let connections: &[usize] = if asked.all { &[1, 16, 64, 256] } else { &[64] };
    for size in sizes {
        for connections in connections {
            let turns = turns(world, asked, *size, *connections).await?;
            turns.note(&mut findings);
            judge(&mut findings, &turns, *size, *connections);
        }
    }
    Ok(findings)
}

async fn turns(world: &World, asked: &Asked, size: Size, connections: usize) -> anyhow::Result<Turns> {
    let course = Course::full(size, connections, asked.seconds);
    let mut turns = Turns::default();
    for round in 0..asked.rounds {
        say(&format!(
            "against, {} at {connections} connections, round {} of {}",
            size.word(),
            round + 1,
            asked.rounds
        ));
        let mut contenders = vec![Kind::Countersign(world.settings()), Kind::Express];
        // The goals speak of Express; the others show where it stands, for which fewer rounds do.
        if round % 2 == 0 {
            contenders.extend([Kind::Fastapi, Kind::FloorLine]);
        }
        for kind in contenders {
            turns.add(round, lap::fresh(world, kind, course).await?);
        }
    }
    Ok(turns)
}

fn judge(findings: &mut Findings, turns: &Turns, size: Size, connections: usize) {
    let place = format!("{} KB, {connections} connections", size.word().trim_end_matches('k'));
    let rates = turns
        .contenders()
        .into_iter()
        .map(|name| (name.to_owned(), turns.of(name, |lap| lap.confirmed_rate)));
    findings
        .charts
        .push(Chart { title: format!("Confirmed deliveries a second, {place}"), bars: rates.collect() });
    let cpu =
        turns.contenders().into_iter().map(|name| (name.to_owned(), turns.of(name, |lap| lap.cpu_ms_each)));
    findings
        .charts
        .push(Chart { title: format!("CPU milliseconds for each delivery, {place}"), bars: cpu.collect() });
    findings.tables.push(turns.table(format!("{place}: median [quartiles] of the turns")));
    let mut ratios = super::Table::new(
        format!("{place}: countersign in proportion, round by round"),
        &["to", "confirmed/s", "CPU each", "p99"],
    );
    for name in turns.contenders().into_iter().filter(|name| *name != "countersign") {
        ratios.rows.push(vec![
            name.to_owned(),
            turns.ratio(name, |lap| lap.confirmed_rate).text(2),
            turns.ratio(name, |lap| lap.cpu_ms_each).text(3),
            turns.ratio(name, |lap| lap.sent.answer_ms.p99).text(2),
        ]);
    }
    findings.tables.push(ratios);
    if let Some((rate, cpu)) = wanted(size).filter(|_| connections == 64) {
        let measured = turns.ratio("Express", |lap| lap.confirmed_rate);
        findings.goals.push(Goal::at_least(
            format!("confirmed events/s, times Express, {place}"),
            rate,
            measured,
            2,
        ));
        let measured = turns.ratio("Express", |lap| lap.cpu_ms_each);
        findings.goals.push(Goal::at_most(
            format!("CPU for each event, times Express, {place}"),
            cpu,
            measured,
            3,
            "",
        ));
    }
}

//! `accept`: how fast deliveries are taken, on disk before the answer, while nothing is published.

use super::{Asked, Turns};
use crate::measure::contender::{Kind, Settings};
use crate::measure::lap::{self, Course};
use crate::measure::report::{Chart, Findings, Goal};
use crate::measure::world::{World, say};
use crate::traffic::Size;

pub(super) async fn run(world: &World, asked: &Asked) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let course = Course::full(Size::Small, 64, asked.seconds);
    let mut turns = Turns::default();
    for round in 0..asked.rounds {
        say(&format!("accept, round {} of {}", round + 1, asked.rounds));
        for kind in [Kind::Countersign(Settings::default()), Kind::FloorRead] {
            turns.add(round, lap::fresh(world, kind, course).await?);
        }
    }
    turns.note(&mut findings);
    findings.tables.push(turns.table("2 KB, 64 connections: median [quartiles] of the turns".to_owned()));
    let rates =
        turns.contenders().into_iter().map(|name| (name.to_owned(), turns.of(name, |lap| lap.sent.rate)));
    findings
        .charts
        .push(Chart { title: "Answers a second, 2 KB, 64 connections".to_owned(), bars: rates.collect() });
    let ratio = turns.ratio(Kind::FloorRead.word(), |lap| lap.sent.rate);
    findings.goals.push(Goal::at_least(
        "accepting alone, times a bare actix-web POST, 2 KB, 64 connections",
        0.5,
        ratio,
        2,
    ));
    Ok(findings)
}

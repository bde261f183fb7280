//! Scenarios: what is measured, and which goals that speaks of.

mod accept;
mod against;
mod deep;
mod drain;
mod grow;
mod memory;
mod open;
mod start;
mod unified;

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::lap::Lap;
use super::report::{Findings, Table};
use super::stats::Middle;
use super::world::World;

macro_rules! scenarios {
    ($($variant:ident $module:ident $word:literal $about:literal,)*) => {
        /// What is measured.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Scenario { $(#[doc = $about] $variant,)* }

        impl Scenario {
            /// All of them, in the order in which they run.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Those that the goals speak of, which run where none is asked for.
            pub(crate) fn of_goals() -> Vec<Self> {
                Self::ALL.iter().copied().filter(|scenario| !matches!(scenario, Self::Grow | Self::Deep)).collect()
            }

            /// Its word.
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it is about.
            pub(crate) fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }

            /// Measures it.
            pub(crate) async fn run(self, world: &World, asked: &Asked) -> anyhow::Result<Findings> {
                match self { $(Self::$variant => $module::run(world, asked).await,)* }
            }
        }
    };
}

scenarios! {
    Against against "against" "From the delivery to the confirmed message, against hand-written services and the bare floor; nobody paces, 64 connections.",
    Accept accept "accept" "Accepting alone, on disk before each 200 and without a broker, against a bare actix-web POST that only reads its body.",
    Open open "open" "Answer times at a steady 2,000 deliveries a second, and at 1,000 a second while the broker is frozen for 3 s.",
    Drain drain "drain" "A backlog made while no broker was there, published once it is back, against a bare program that only publishes messages like these, confirmed.",
    Memory memory "memory" "The most memory that the program holds: many connections, a long backlog, large bodies.",
    Start start "start" "From the start of the process until /readyz says ready: over a million rows in the store; 100,000 unsettled changes after kill -9.",
    Unified unified "unified" "What it costs to ask us instead of DocuSign: the same questions to a simulated one, and to it through us, in turns over one connection.",
    Grow grow "grow" "What a delivery costs as the store grows, on SQLite and on PostgreSQL; with 1, 10 and 100 queues; with enrichment. Only when asked for: it takes long.",
    Deep deep "deep" "What a delivery costs with ten million in the store, while they are kept and while they are pruned. Only when asked for: it needs 40 GB of disk and half an hour.",
}

impl ValueEnum for Scenario {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()).help(self.about()))
    }
}

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Rounds, in each of which every contender has its turn.
    pub(crate) rounds: usize,
    /// Seconds of traffic in each turn.
    pub(crate) seconds: f64,
    /// The whole matrix instead of what the goals need.
    pub(crate) all: bool,
    /// Small numbers, to see that everything works.
    pub(crate) quick: bool,
    /// Deliveries in a full store, where it is not the scenario's own number.
    pub(crate) fill: Option<usize>,
    /// Where the store of `deep` is kept.
    pub(crate) keep: Option<PathBuf>,
}

/// Laps of several contenders on one course, taken in turns.
#[derive(Debug, Default)]
pub(crate) struct Turns(Vec<(usize, Lap)>);

impl Turns {
    /// Adds a lap of a round.
    pub(crate) fn add(&mut self, round: usize, lap: Lap) {
        self.0.push((round, lap));
    }

    /// A figure of all laps of a contender.
    pub(crate) fn of(&self, contender: &str, figure: impl Fn(&Lap) -> f64) -> Middle {
        Middle::of(self.laps(contender).map(|(_, lap)| figure(lap)))
    }

    /// A figure of ours in proportion to theirs, round by round.
    pub(crate) fn ratio(&self, theirs: &str, figure: impl Fn(&Lap) -> f64) -> Middle {
        let pairs = self.laps("countersign").filter_map(|(round, ours)| {
            let (_, their) = self.laps(theirs).find(|(other, _)| other == round)?;
            Some(figure(ours) / figure(their))
        });
        Middle::of(pairs)
    }

    /// All laps.
    pub(crate) fn all(&self) -> Vec<&Lap> {
        self.0.iter().map(|(_, lap)| lap).collect()
    }

    fn laps<'a>(&'a self, contender: &'a str) -> impl Iterator<Item = &'a (usize, Lap)> {
        self.0.iter().filter(move |(_, lap)| lap.contender == contender)
    }

    /// The contenders in the order in which they came.
    pub(crate) fn contenders(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (_, lap) in &self.0 {
            if !names.contains(&lap.contender) {
                names.push(lap.contender);
            }
        }
        names
    }

    /// One row for each contender.
    pub(crate) fn table(&self, title: String) -> Table {
        let rows = self.contenders().into_iter().map(|name| {
            let laps: Vec<&Lap> = self.laps(name).map(|(_, lap)| lap).collect();
            (name.to_owned(), laps)
        });
        figures(title, rows)
    }

    /// Writes all laps down.
    pub(crate) fn note(&self, findings: &mut Findings) {
        for (_, lap) in &self.0 {
            let wrong: Vec<_> =
                lap.wrong.iter().map(|wrong| format!("{} at {}: {wrong}", lap.contender, lap.size)).collect();
            findings.note(lap, &wrong);
        }
    }
}

/// What laps came to: a row for each name.
pub(super) fn figures<'a>(title: String, named: impl Iterator<Item = (String, Vec<&'a Lap>)>) -> Table {
    let head = [
        "",
        "answered/s",
        "confirmed/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "CPU ms each",
        "broker CPU ms each",
        "peak MiB",
        "messages each",
    ];
    let mut table = Table::new(title, &head);
    for (name, laps) in named {
        let row =
            |figure: fn(&Lap) -> f64, digits| Middle::of(laps.iter().map(|lap| figure(lap))).text(digits);
        table.rows.push(vec![
            name,
            row(|lap| lap.sent.rate, 0),
            row(|lap| lap.confirmed_rate, 0),
            row(|lap| lap.sent.answer_ms.p50, 2),
            row(|lap| lap.sent.answer_ms.p99, 1),
            row(|lap| lap.sent.answer_ms.p999, 1),
            row(|lap| lap.cpu_ms_each, 3),
            row(|lap| lap.broker_cpu_ms_each, 3),
            row(|lap| lap.peak_mib, 0),
            row(|lap| lap.messages as f64 / lap.sent.accepted().max(1) as f64, 2),
        ]);
    }
    table
}

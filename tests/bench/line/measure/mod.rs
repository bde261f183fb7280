//! `measure`: the conductor. It starts a broker of its own, lets contenders run beside it in turns, and reports.

mod contender;
mod fill;
mod lap;
mod plot;
mod report;
mod scenario;
mod stand;
mod stats;
pub(crate) mod usage;
mod wait;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use tokio::signal::unix::{SignalKind, signal};

use report::Report;
use scenario::{Asked, Scenario};
use world::{World, say};

/// Measures scenarios, and prints what they found. `tests/bench/run` builds and installs what this needs.
#[derive(Debug, clap::Args)]
pub(crate) struct Measure {
    /// What to measure; repeatable [default: all that goals speak of].
    #[arg(long = "scenario", value_enum)]
    scenarios: Vec<Scenario>,
    /// Rounds in each of which every contender has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of traffic in each turn.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// The whole matrix of sizes and connections, and the slow parts, instead of what the goals need.
    #[arg(long)]
    all: bool,
    /// One round and small numbers, to see that everything works; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Deliveries that a full store holds, in `start`, `grow` and `deep` [default: 300,000, 1,000,000 and 10,000,000].
    #[arg(long)]
    fill: Option<usize>,
    /// Folder in which `deep` fills its store, or goes on filling it, and leaves it for another time [default: one that is
    /// gone afterwards].
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Write JSON and pictures into docs/bench, and all figures there into docs/performance.md.
    #[arg(long)]
    write_docs: bool,
    /// The program in release.
    #[arg(long, hide = true)]
    program: PathBuf,
    /// The top of the tree.
    #[arg(long, hide = true)]
    top: PathBuf,
}

/// Measures, unless a signal says stop; either way nothing that was started is left.
pub(crate) fn run(measure: &Measure) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // What ends by a signal is dropped where it stands, and takes all processes with it.
        tokio::select! {
            done = measured(measure) => done,
            _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
        }
    });
    runtime.shutdown_background();
    done
}

async fn measured(measure: &Measure) -> anyhow::Result<()> {
    ensure!(measure.program.exists(), "{} is not there: use tests/bench/run", measure.program.display());
    let asked = Asked {
        rounds: if measure.quick { 1 } else { measure.rounds.max(1) },
        seconds: if measure.quick { measure.seconds.min(1.0) } else { measure.seconds },
        all: measure.all,
        quick: measure.quick,
        fill: measure.fill,
        keep: measure.keep.clone(),
    };
    let world = World::begin(measure.program.clone(), measure.top.join("tests/bench/peers")).await?;
    let scenarios =
        if measure.scenarios.is_empty() { Scenario::of_goals() } else { measure.scenarios.clone() };
    let docs = measure.top.join("docs/bench");
    let folder = if measure.write_docs { docs.clone() } else { measure.top.join("target/bench") };
    let mut wrong = 0;
    for scenario in scenarios {
        say(&format!("{}: {}", scenario.word(), scenario.about()));
        let findings = scenario.run(&world, &asked).await.with_context(|| scenario.word())?;
        wrong += findings.wrong.len();
        let command = measure.command(scenario);
        let report =
            Report::new(scenario.word(), scenario.about(), command, &world.version().await, findings);
        std::io::stdout().write_all(report.text().as_bytes())?;
        report.write(&folder)?;
    }
    if measure.write_docs {
        let words: Vec<_> = Scenario::ALL.iter().map(|scenario| scenario.word()).collect();
        let document = report::write_document(&measure.top, &docs, &words)?;
        say(&format!("written: {}", document.display()));
    }
    say(&format!("JSON and pictures are in {}", folder.display()));
    ensure!(wrong == 0, "{wrong} measurements do not add up");
    Ok(())
}

impl Measure {
    /// The command that measures a scenario as it was measured now.
    fn command(&self, scenario: Scenario) -> String {
        let mut command = format!("tests/bench/run --scenario {}", scenario.word());
        if self.quick {
            command.push_str(" --quick");
        } else {
            command.push_str(&format!(" --rounds {} --seconds {}", self.rounds, self.seconds));
        }
        if self.all {
            command.push_str(" --all");
        }
        if let Some(fill) = self.fill {
            command.push_str(&format!(" --fill {fill}"));
        }
        command
    }
}

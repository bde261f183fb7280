//! The benchmark of the whole line: a generator of traffic, bare servers to compare with, and a conductor that runs them
//! beside the program and a broker of their own. `tests/bench/run` builds and starts it; docs/performance.md explains it.

mod floor;
mod load;
mod measure;
mod sender;
mod spread;
mod traffic;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "line", about = "Benchmarks of the whole line, from a delivery to its confirmed messages")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Cargo adds this one; it means nothing here.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    Load(load::Load),
    Floor(floor::Floor),
    Measure(measure::Measure),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.what {
        What::Load(load) => load::run(&load),
        What::Floor(floor) => floor::run(&floor),
        What::Measure(measure) => measure::run(&measure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("line: {why:#}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

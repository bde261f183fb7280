//! The figures of a soak, for people (Markdown), for machines (JSON) and at a glance (SVG).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use countersign::base::{Clock as _, SystemClock};
use serde_json::json;

use super::Plan;
use super::faults::Struck;
use super::plot;
use super::watch::Sample;
use crate::support::checker::Books;
use crate::support::subscriber::Report;

/// All that a soak found.
pub(super) struct Figures<'a> {
    plan: &'a Plan,
    books: &'a Books,
    seen: &'a Report,
    samples: Vec<Sample>,
    struck: Vec<Struck>,
    /// Milliseconds to a 200: half, 95 and 99 of 100, all; over the whole time, and while nothing struck server or store.
    took: [[f64; 4]; 2],
}

impl<'a> Figures<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        books: &'a Books,
        seen: &'a Report,
        samples: Vec<Sample>,
        struck: Vec<Struck>,
        took: [[f64; 4]; 2],
    ) -> Self {
        Self { plan, books, seen, samples, struck, took }
    }

    /// Writes `soak-STORE.md`, `.json` and `.svg` into a folder.
    pub(super) fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("a folder for the figures");
        let store = if self.plan.postgres { "postgres" } else { "sqlite" };
        let put = |end: &str, text: String| {
            let path = folder.join(format!("soak-{store}.{end}"));
            fs::write(&path, text).expect("a file of figures");
            println!("written: {}", path.display());
        };
        put("md", self.markdown());
        put("json", format!("{}\n", self.json()));
        put("svg", plot::svg(&self.samples, &self.struck));
    }

    fn times_struck(&self) -> BTreeMap<&'static str, usize> {
        let mut times = BTreeMap::new();
        for struck in &self.struck {
            *times.entry(struck.what).or_default() += 1;
        }
        times
    }

    /// Memory in the first tenth (once it runs warm), at its peak, and in the last tenth, in MiB.
    fn memory(&self) -> [f64; 3] {
        let all: Vec<f64> = self.samples.iter().filter_map(|sample| sample.memory_mib).collect();
        let tenth = (all.len() / 10).max(1).min(all.len());
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
        let peak = all.iter().copied().fold(0.0, f64::max);
        [mean(&all[tenth.min(all.len() - tenth)..][..tenth]), peak, mean(&all[all.len() - tenth..])]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let Books { sent, answered, stored, changes, published, consumed, duplicates, lost, .. } = self.books;
        let [whole, calm] = self.took.map(|[half, most, nearly_all, all]| {
            format!("{half:.1}, {most:.1}, {nearly_all:.1}, {all:.0} ms")
        });
        let [early, peak, late] = self.memory();
        let backlog = self.samples.iter().filter_map(|sample| sample.backlog).fold(0.0, f64::max);
        let minutes = self.plan.time.as_secs_f64() / 60.0;
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        vec![
            ("date", SystemClock.now().strftime("%Y-%m-%d %H:%M UTC").to_string()),
            ("machine", machine()),
            ("program", format!("{} ({profile} build)", env!("CARGO_PKG_VERSION"))),
            (
                "store, nodes",
                format!("{}, {}", if self.plan.postgres { "PostgreSQL" } else { "SQLite" }, self.plan.nodes),
            ),
            (
                "time, rate, seed",
                format!("{minutes} min, {} deliveries/s, {}", self.plan.rate, self.plan.seed),
            ),
            ("faults", self.struck.len().to_string()),
            ("sent", sent.to_string()),
            ("answered 200", answered.to_string()),
            ("stored (deliveries; changes)", format!("{stored}; {changes}")),
            ("published", published.to_string()),
            ("consumed", consumed.to_string()),
            ("duplicates by id", duplicates.to_string()),
            ("out of order, or against the contract", self.seen.fault_count.to_string()),
            ("**lost**", format!("**{lost}**")),
            ("answer time p50, p95, p99, max", whole),
            ("the same while no fault strikes server or store", calm),
            ("largest backlog", format!("{backlog} changes")),
            ("memory early, peak, late", format!("{early:.0}, {peak:.0}, {late:.0} MiB")),
        ]
    }

    fn markdown(&self) -> String {
        let store = if self.plan.postgres { "PostgreSQL" } else { "SQLite" };
        let mut text = format!("# Soak over {store}\n\nWritten by `tests/soak/run`.\n\n| | |\n|---|---|\n");
        for (name, value) in self.facts() {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        let times = self.times_struck();
        let told: Vec<_> = times.iter().map(|(what, times)| format!("{what} {times}")).collect();
        let _ = writeln!(text, "\nFaults: {}.", told.join(", "));
        text
    }

    fn json(&self) -> serde_json::Value {
        let facts: serde_json::Map<_, _> = self
            .facts()
            .into_iter()
            .map(|(name, value)| (name.replace('*', ""), json!(value.replace('*', ""))))
            .collect();
        let struck: Vec<_> = self
            .struck
            .iter()
            .map(
                |struck| json!({ "what": struck.what, "from": tenths(struck.from), "to": tenths(struck.to) }),
            )
            .collect();
        let row = |sample: &Sample| {
            json!([
                tenths(sample.at),
                sample.sent,
                sample.answered,
                sample.heard,
                sample.backlog,
                sample.memory_mib.map(tenths)
            ])
        };
        let samples: Vec<_> = self.samples.iter().map(row).collect();
        let columns = ["seconds", "sent", "answered 200", "heard", "backlog", "memory MiB"];
        json!({ "facts": facts, "faults": struck, "columns": columns, "samples": samples })
    }
}

/// Rounded to a tenth.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<f64>().ok());
    format!("{cores} cores, {:.0} GiB", kib.unwrap_or_default() / 1_048_576.0)
}

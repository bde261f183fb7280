//! What a scenario found, for people (a table), for machines (JSON) and at a glance (SVG).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use countersign::base::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::stats::Middle;
use super::{plot, usage};

/// One thing that was to be reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// What is measured.
    pub(crate) what: String,
    /// What it is to be.
    pub(crate) wanted: String,
    /// What it is.
    pub(crate) measured: String,
    /// Whether that is enough.
    pub(crate) met: bool,
}

/// Rows of text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) title: String,
    /// The columns' names.
    pub(crate) head: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<String>>,
}

/// Bars that can be compared with one another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Chart {
    /// What they show, with its unit.
    pub(crate) title: String,
    /// Each bar's name and length.
    pub(crate) bars: Vec<(String, Middle)>,
}

/// All that a scenario found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// Goals.
    pub(crate) goals: Vec<Goal>,
    /// Tables.
    pub(crate) tables: Vec<Table>,
    /// Charts.
    pub(crate) charts: Vec<Chart>,
    /// What did not add up: then no figure is worth anything.
    pub(crate) wrong: Vec<String>,
    /// Every single measurement.
    pub(crate) laps: Vec<Value>,
}

/// A scenario's findings, and where and how they came about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The scenario's word.
    pub(crate) scenario: String,
    /// What it is about.
    pub(crate) about: String,
    /// The command that finds the same again.
    pub(crate) command: String,
    /// When, in UTC.
    pub(crate) date: String,
    /// Where.
    pub(crate) machine: Vec<(String, String)>,
    /// What.
    pub(crate) findings: Findings,
}

impl Goal {
    /// A figure that must be at least so much.
    pub(crate) fn at_least(what: impl Into<String>, wanted: f64, measured: Middle, digits: usize) -> Self {
        let met = measured.median >= wanted;
        Self { what: what.into(), wanted: format!("≥ {wanted}"), measured: measured.text(digits), met }
    }

    /// A figure that must be at most so much, in a unit.
    pub(crate) fn at_most(
        what: impl Into<String>,
        wanted: f64,
        measured: Middle,
        digits: usize,
        unit: &str,
    ) -> Self {
        let met = measured.median <= wanted;
        let (wanted, measured) = (format!("≤ {wanted}{unit}"), format!("{}{unit}", measured.text(digits)));
        Self { what: what.into(), wanted, measured, met }
    }

    /// Something that must be so.
    pub(crate) fn so(what: impl Into<String>, measured: impl Into<String>, met: bool) -> Self {
        Self { what: what.into(), wanted: "so".to_owned(), measured: measured.into(), met }
    }
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(title: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(|name| (*name).to_owned()).collect();
        Self { title: title.into(), head, rows: Vec::new() }
    }

    fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(UTF8_HORIZONTAL_ONLY).set_header(&self.head);
        for row in &self.rows {
            table.add_row(row);
        }
        format!("{}\n{table}\n", self.title)
    }

    fn markdown(&self) -> String {
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rows: String = self.rows.iter().map(|cells| row(cells)).collect();
        let line = format!("|{}\n", "---|".repeat(self.head.len()));
        format!("{}\n\n{}{line}{rows}", self.title, row(&self.head))
    }
}

impl Findings {
    /// The goals as a table.
    fn goals(&self) -> Option<Table> {
        let mut table = Table::new("Goals", &["goal", "wanted", "measured", ""]);
        table.rows = self.goals.iter().map(Goal::row).collect();
        (!table.rows.is_empty()).then_some(table)
    }

    /// Takes note of a measurement, and of what was wrong with it.
    pub(crate) fn note(&mut self, lap: &impl Serialize, wrong: &[String]) {
        self.laps.push(serde_json::to_value(lap).unwrap_or_default());
        self.wrong.extend_from_slice(wrong);
    }
}

impl Goal {
    fn row(&self) -> Vec<String> {
        let met = if self.met { "met" } else { "**not met**" };
        vec![self.what.clone(), self.wanted.clone(), self.measured.clone(), met.to_owned()]
    }
}

impl Report {
    /// Findings of here and now.
    pub(crate) fn new(
        scenario: &str,
        about: &str,
        command: String,
        broker: &str,
        findings: Findings,
    ) -> Self {
        let mut machine = usage::machine();
        machine.push(("RabbitMQ".to_owned(), broker.to_owned()));
        Self {
            scenario: scenario.to_owned(),
            about: about.to_owned(),
            command,
            date: SystemClock.now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            machine,
            findings,
        }
    }

    /// Everything for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\n{}: {}\n", self.scenario, self.about);
        for table in self.findings.tables.iter().chain(&self.findings.goals()) {
            text.push('\n');
            text.push_str(&table.text());
        }
        for wrong in &self.findings.wrong {
            text.push_str(&format!("WRONG: {wrong}\n"));
        }
        text
    }

    /// Writes `SCENARIO.json` and `SCENARIO.svg` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(
            folder.join(format!("{}.json", self.scenario)),
            format!("{:#}\n", serde_json::to_value(self)?),
        )?;
        if !self.findings.charts.is_empty() {
            fs::write(folder.join(format!("{}.svg", self.scenario)), plot::svg(&self.findings.charts))?;
        }
        Ok(())
    }

    /// The report of a scenario that was written into a folder; none where there is none.
    fn read(folder: &Path, scenario: &str) -> anyhow::Result<Option<Self>> {
        let file = folder.join(format!("{scenario}.json"));
        match fs::read_to_string(&file) {
            Ok(text) => Ok(Some(serde_json::from_str(&text).with_context(|| file.display().to_string())?)),
            Err(_) => Ok(None),
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n\n", self.scenario, self.about);
        let machine: Vec<_> = self.machine.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        text.push_str(&format!("`{}`, {}, {}.\n\n", self.command, self.date, machine.join(", ")));
        if !self.findings.charts.is_empty() {
            text.push_str(&format!("![{0}](bench/{0}.svg)\n\n", self.scenario));
        }
        for table in &self.findings.tables {
            text.push_str(&table.markdown());
            text.push('\n');
        }
        for wrong in &self.findings.wrong {
            text.push_str(&format!("**Wrong:** {wrong}\n\n"));
        }
        text
    }
}

/// Where the figures begin and end in the document.
const MARKS: (&str, &str) = ("<!-- figures: begin -->\n", "<!-- figures: end -->\n");

/// What `tests/bench/instructions` has recorded.
#[derive(Deserialize)]
struct Instructions {
    counts: BTreeMap<String, Counts>,
}

#[derive(Deserialize)]
struct Counts {
    /// All but those of SHA-256.
    other: u64,
}

impl Instructions {
    /// The goal that speaks of them; none where they were not recorded.
    fn goal(top: &Path) -> Option<Goal> {
        const MOST: u64 = 60_000;
        let text = fs::read_to_string(top.join("tests/bench/instructions.json")).ok()?;
        let told: Self = serde_json::from_str(&text).ok()?;
        let steps =
            ["parse", "map", "apply", "encode"].map(|step| told.counts.get(&format!("{step} json 3k")));
        let sum = steps.into_iter().map(|counts| counts.map(|counts| counts.other)).sum::<Option<u64>>()?;
        Some(Goal {
            what: "instructions to parse, map, apply and encode a JSON delivery of 3 KB, SHA-256 aside"
                .to_owned(),
            wanted: format!("≤ {MOST}"),
            measured: sum.to_string(),
            met: sum <= MOST,
        })
    }
}

/// Puts the figures of all scenarios, as far as they were ever written, into docs/performance.md between its marks.
pub(crate) fn write_document(top: &Path, folder: &Path, scenarios: &[&str]) -> anyhow::Result<PathBuf> {
    let document = top.join("docs/performance.md");
    let reports = scenarios.iter().filter_map(|scenario| Report::read(folder, scenario).transpose());
    let reports = reports.collect::<anyhow::Result<Vec<_>>>()?;
    let all = Findings {
        goals: reports
            .iter()
            .flat_map(|report| report.findings.goals.clone())
            .chain(Instructions::goal(top))
            .collect(),
        ..Findings::default()
    };
    let goals = all.goals().map(|table| table.markdown()).unwrap_or_default();
    let details: Vec<_> = reports.iter().map(Report::markdown).collect();
    let figures = format!("{}\n{}", goals.replacen("Goals", "### Goals", 1), details.join("\n"));
    let text = fs::read_to_string(&document).with_context(|| document.display().to_string())?;
    let place =
        text.split_once(MARKS.0).and_then(|(before, rest)| Some((before, rest.split_once(MARKS.1)?.1)));
    let (before, after) = place.with_context(|| format!("{}: no marks for figures", document.display()))?;
    fs::write(&document, format!("{before}{}\n{}\n{}{after}", MARKS.0, figures.trim_end(), MARKS.1))?;
    Ok(document)
}

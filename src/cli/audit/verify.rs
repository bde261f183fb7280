//! `countersign audit verify`: a whole chain with all that is kept, a server's chain from afar, or a file.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use crate::base::limits;
use crate::cli::Error;
use crate::cli::api::ApiArgs;
use crate::cli::terminal::{BAD, DIM, GOOD, Terminal, WEAK, plain};
use crate::config;
use crate::connect::signature::Keys;
use crate::evidence::file::{Document, FORMAT, examine};
use crate::evidence::{Known, Link, PublicKey, Report, Verifier};
use crate::store;

/// Verify the chain of evidence: find and name whatever was changed, removed or reordered
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign audit verify                                   the store, beside a running server or without one
  countersign audit verify --link 41023:9f2c…                the chain must still hold what a log says it held
  countersign audit verify --file lease.json --key-file connect-keys --public-key 8a88e3dd…
  countersign audit verify --url https://countersign.example.com     the records alone, over the HTTP API

In the store, every body is digested anew and every row is compared with its record.
Exit codes: 0 nothing is wrong, 1 something is.")]
pub(in crate::cli) struct Verify {
    /// Verify this file, which `audit export` wrote, and no store.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    file: Option<PathBuf>,
    /// Connect keys, one a line, to verify DocuSign's signatures in the file with.
    #[arg(long, value_name = "FILE", requires = "file")]
    key_file: Option<PathBuf>,
    /// A key whose checkpoints count, as `audit key` showed it; repeatable [default: the store's own; in a file or over
    /// HTTP, any].
    #[arg(long = "public-key", value_name = "HEX")]
    public_keys: Vec<PublicKey>,
    /// A link that was noted down, from a log line or a checkpoint; repeatable.
    #[arg(long = "link", value_name = "NUMBER:HEX", value_parser = noted)]
    links: Vec<(u64, Link)>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

fn noted(text: &str) -> Result<(u64, Link), String> {
    let (number, link) = text.split_once(':').ok_or("write NUMBER:HEX, as the log has it")?;
    Ok((number.parse().map_err(|_| "the number is no number")?, link.parse()?))
}

impl Verify {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let known = Known { keys: self.public_keys.clone(), links: self.links.iter().copied().collect() };
        let report = match &self.file {
            Some(file) => self.examine_file(file, &known)?,
            None if self.api.names_a_server() => {
                crate::cli::block_on(examine_server(self.api.clone().connect()?, known, terminal))?
            }
            None => self.examine_store(known, terminal)?,
        };
        self.print(&report, terminal)?;
        if report.is_sound() { Ok(()) } else { Err(Error::No) }
    }

    fn examine_store(&self, mut known: Known, terminal: &Terminal) -> Result<Report, Error> {
        if known.keys.is_empty() {
            known.keys.extend(super::own_key(&self.api)?);
        }
        let audit = store::Audit::open(&self.api.load()?.settings.for_store(String::new()))?;
        let bar = terminal.progress(audit.head()?.number, "verifying");
        let report = audit.verify(known, |done| bar.inc(done));
        bar.finish_and_clear();
        Ok(report?)
    }

    fn examine_file(&self, path: &Path, known: &Known) -> Result<Report, Error> {
        let failed = |path: &Path, why: &dyn std::fmt::Display| {
            let what = format!("{} cannot be read: {why}", path.display());
            Error::failed(what, "name a file that `countersign audit export` wrote")
        };
        let file = File::open(path).map_err(|why| failed(path, &why))?;
        let text = BufReader::new(file).take(limits::EVIDENCE_FILE_BYTES_MAX);
        let document: Document = serde_json::from_reader(text).map_err(|why| failed(path, &why))?;
        if document.format != FORMAT {
            let what =
                format!("its format is `{}`, and this version reads {FORMAT}", plain(&document.format));
            return Err(failed(path, &what));
        }
        let Some(key_file) = &self.key_file else { return Ok(examine(&document, known, None)) };
        let text = std::fs::read_to_string(key_file).map_err(|why| {
            Error::failed(
                format!("{} cannot be read: {why}", key_file.display()),
                "name a file of Connect keys",
            )
        })?;
        Ok(examine(&document, known, Some(&Keys::new(&config::key_list(&text)))))
    }

    fn print(&self, report: &Report, terminal: &Terminal) -> Result<(), Error> {
        if self.json {
            let mut told = json!(report);
            told["sound"] = json!(report.is_sound());
            told["pinned"] = json!(report.is_pinned());
            return terminal.json(&told);
        }
        for finding in &report.findings {
            let (word, text) = (finding.fault.word(), plain(&finding.to_string()));
            terminal.line(format_args!("{BAD}{word}{BAD:#} {text}"))?;
        }
        let more = report.faults.saturating_sub(report.findings.len() as u64);
        if more > 0 {
            terminal.line(format_args!("{BAD}and {more} more{BAD:#}"))?;
        }
        let (style, word) = if report.is_sound() {
            (GOOD, "sound".to_owned())
        } else {
            (BAD, format!("{} faults", report.faults))
        };
        let Report { records, first, last, deliveries, bodies, pruned, .. } = report;
        terminal.line(format_args!(
            "{style}{word}{style:#}: {records} records from {first} to {last}, {deliveries} deliveries; {bodies} bodies \
             digested, {pruned} pruned"
        ))?;
        self.print_signatures(report, terminal)
    }

    fn print_signatures(&self, report: &Report, terminal: &Terminal) -> Result<(), Error> {
        terminal.line(format_args!(
            "signed through record {}, {} records behind it wait for a checkpoint",
            report.signed_through, report.unsigned
        ))?;
        for key in &report.keys {
            let mark = if key.pinned { "" } else { " (not one that you named)" };
            terminal
                .line(format_args!("signed by {}{mark}: {} checkpoints", key.public_key, key.checkpoints))?;
        }
        if report.hmacs > 0 {
            terminal.line(format_args!("{} deliveries are signed by DocuSign's key", report.hmacs))?;
        }
        if report.unchained > 0 {
            let older = report.unchained;
            terminal.say(format_args!(
                "{DIM}{older} deliveries are older than the chain: nothing is proved of them{DIM:#}"
            ));
        }
        if !report.is_pinned() && self.public_keys.is_empty() {
            terminal.say(format_args!(
                "{WEAK}weak:{WEAK:#} any key was taken for right; compare it with the one that you know, or name that \
                 with --public-key"
            ));
        }
        if self.file.is_some() && self.key_file.is_none() {
            terminal.say("DocuSign's own signatures were not verified: pass --key-file");
        }
        Ok(())
    }
}

/// Reads all records of a server, page by page.
async fn examine_server(
    api: crate::cli::api::Api,
    known: Known,
    terminal: &Terminal,
) -> Result<Report, Error> {
    let strange = || Error::failed("a record that the server tells cannot be read", "look at its version");
    let mut verifier = Verifier::new(known);
    let bar = terminal.progress(0, "verifying");
    let mut after = 0;
    loop {
        let query = [("after", after.to_string()), ("limit", limits::PAGE_ROWS_MAX.to_string())];
        let page = api.get(&["v1", "audit", "records"], &query).await?;
        let rows = page["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        for row in rows {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let number = row["number"].as_u64().ok_or_else(strange)?;
            let record = STANDARD.decode(text("record")).map_err(|_| strange())?;
            verifier.take(number, &record, text("link").parse().map_err(|_: String| strange())?);
            if number <= after {
                // It would be asked for for ever.
                return Err(strange());
            }
            after = number;
        }
        bar.inc(rows.len() as u64);
        if page["next_cursor"] == Value::Null {
            bar.finish_and_clear();
            return Ok(verifier.finish());
        }
    }
}

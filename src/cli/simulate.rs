//! `countersign simulate`: signed Connect traffic to any URL, with the faults of real traffic, and its books.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValue;
use reqwest::Url;
use serde_json::json;
use tokio::net::TcpStream;

use crate::base::limits;
use crate::simulator::connect::{Configuration, Format};
use crate::simulator::sender::{self, Faults, Report, Target, Traffic};

use super::Error;
use super::keys::KeyArgs;
use super::terminal::Terminal;

/// Send signed Connect traffic to any URL: the lives of made-up envelopes, told as DocuSign tells them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign simulate --key-file connect-key --envelopes 1000
  countersign simulate --url https://hooks.example.com/connect --key k1 --format xml --rate 20
  countersign simulate --key k1 --duplicate 0.1 --reorder 0.1 --bad-signature 0.05 --json

The same seed sends the same messages, byte for byte: a second run is all duplicates.
Exit codes: 0 every delivery was answered as it should be, 1 some were not (or nobody answers).")]
pub(super) struct Simulate {
    /// Where to [default: /connect of the server in the settings].
    #[arg(long)]
    url: Option<Url>,
    /// How messages look.
    #[arg(long, default_value = "json")]
    format: Format,
    /// How many envelopes (and now and then a template); each makes some 5 to 20 messages.
    #[arg(long, value_name = "N", default_value_t = 100)]
    envelopes: u64,
    /// Deliveries a second; 0 is as fast as the connections carry.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 0.0, value_parser = rate)]
    rate: f64,
    /// What everything is drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How likely a message is sent once more, from 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    duplicate: f64,
    /// How likely a message is overtaken by a later one.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    reorder: f64,
    /// How likely a message is accompanied by a forged one.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    bad_signature: f64,
    /// How likely a message is never sent, as if DocuSign had given up.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = probability)]
    drop: f64,
    /// Connections that send side by side.
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u64).range(1..=limits::SIMULATOR_CONNECTIONS_MAX as u64))]
    connections: u64,
    /// Bytes of each document inside a message; 0 is none.
    #[arg(long, value_name = "BYTES", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=limits::DELIVERY_BYTES_MAX))]
    pdf_bytes: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
}

impl clap::ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Json, Self::JsonAggregate, Self::Xml]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()))
    }
}

fn probability(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|p| (0.0..=1.0).contains(p))
        .ok_or_else(|| "write a number from 0 to 1".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "write a number of deliveries a second".to_owned())
}

impl Simulate {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.send(terminal))
    }

    async fn send(self, terminal: &Terminal) -> Result<(), Error> {
        let url = self.url.clone().map_or_else(|| self.own_server(), Ok)?;
        let mut configuration = Configuration::new(self.format);
        configuration.document_bytes = usize::try_from(self.pdf_bytes).unwrap_or_default();
        let keys = self.keys.load()?.keys;
        let mut traffic = Traffic::to(Target { url: url.to_string(), keys, configuration });
        traffic.envelopes = self.envelopes;
        traffic.rate = self.rate;
        traffic.seed = self.seed;
        traffic.connections = usize::try_from(self.connections).unwrap_or(1);
        traffic.faults = Faults {
            duplicate: self.duplicate,
            reorder: self.reorder,
            bad_signature: self.bad_signature,
            drop: self.drop,
        };
        knock(&url).await?;
        let stop = traffic.stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
        });
        let report = with_bar(&mut traffic, terminal).await?;
        self.print(&report, terminal)?;
        judge(&traffic, &report)
    }

    /// The server in the settings, at the source whose keys are used.
    fn own_server(&self) -> Result<Url, Error> {
        let settings = self.keys.settings.load()?.settings;
        let mut url = super::api::url_of(&settings.listen)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("connect");
            if self.keys.source != "default" {
                path.push(&self.keys.source);
            }
        }
        Ok(url)
    }

    fn print(&self, report: &Report, terminal: &Terminal) -> Result<(), Error> {
        if self.json {
            return terminal.json(&json!(report));
        }
        let line = |name: &str, value: &dyn Display| terminal.line(format_args!("{name:<12} {value}"));
        line("sent", &report.sent)?;
        line("accepted", &report.accepted)?;
        line("duplicate", &report.duplicate)?;
        line("refused", &report.refused)?;
        line("quarantined", &report.quarantined)?;
        line("failed", &report.failed)?;
        line("retried", &report.retried)?;
        line("seconds", &format_args!("{:.2}", report.seconds))?;
        let spread = report.answer_ms;
        let spread = format_args!(
            "p50 {:.1}, p95 {:.1}, p99 {:.1}, max {:.1}",
            spread.p50, spread.p95, spread.p99, spread.max
        );
        line("answer ms", &spread)
    }
}

/// Whether anybody is there at all: without this, patience would be spent on every single delivery.
async fn knock(url: &Url) -> Result<(), Error> {
    let wrong = || {
        Error::usage(
            format!("`{url}` is no address to send to"),
            "write http://HOST:PORT/connect or https://…",
        )
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    let host = url.host_str().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or_else(wrong)?;
    let connected = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect((host, port))).await;
    let why = match connected {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(why)) => why.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    let todo = "start it with `countersign serve`, or name another receiver with --url";
    Err(Error::failed(format!("no receiver can be reached at {url}: {why}"), todo))
}

async fn with_bar(traffic: &mut Traffic, terminal: &Terminal) -> Result<Report, Error> {
    let usage = |why: sender::Error| Error::usage(why.to_string(), "see `countersign simulate --help`");
    if !terminal.is_watched() {
        return traffic.send().await.map_err(usage);
    }
    let outlook = traffic.outlook();
    let bar = terminal.progress(outlook.messages + outlook.duplicates + outlook.forged, "sending");
    let answered = bar.clone();
    traffic.on_answer = Some(Arc::new(move |_| answered.inc(1)));
    let report = traffic.send().await.map_err(usage);
    bar.finish_and_clear();
    report
}

/// Whether the receiver did what it should: refused the forgeries, all of them, and nothing else.
fn judge(traffic: &Traffic, report: &Report) -> Result<(), Error> {
    if report.failed > 0 {
        let what = format!("{} deliveries were never answered for good", report.failed);
        return Err(Error::failed(what, "look at the receiver's logs and at /readyz?verbose"));
    }
    let forged = match traffic.faults.bad_signature {
        p if p > 0.0 && traffic.stop.is_cancelled() => return Ok(()),
        p if p > 0.0 => traffic.outlook().forged,
        _ => 0,
    };
    if report.refused > forged {
        let what = format!("{} authentic deliveries were refused", report.refused - forged);
        return Err(Error::failed(what, "use a key that the receiver knows: --key, --key-file or --source"));
    }
    if report.refused < forged {
        let what = format!("{} forged deliveries were taken", forged - report.refused);
        return Err(Error::failed(what, "the receiver does not verify signatures as it should"));
    }
    Ok(())
}

//! `load`: sends signed traffic to a server and tells how it was answered.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::sender::{self, Plan};
use super::traffic::{self, Recipe, Size};

/// Deliveries made where a time alone was told and no rate: more than any server answers in a second here.
const MADE_EACH_SECOND: f64 = 30_000.0;

/// Sends signed deliveries to a server's /connect, and prints how they were answered as JSON.
///
/// All are made and signed (by the key in the benchmark's own settings) before the clock starts. None is sent twice.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    /// The server.
    #[arg(long, default_value = "127.0.0.1:8080")]
    to: SocketAddr,
    /// Connections at once, each kept alive.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// About how large each delivery is.
    #[arg(long, value_enum, default_value = "2k")]
    size: Size,
    /// How many deliveries [default: as many as the time may need].
    #[arg(long)]
    deliveries: Option<usize>,
    /// Seconds after which no more are sent.
    #[arg(long)]
    seconds: Option<f64>,
    /// Deliveries a second, sent whether or not earlier ones are answered; without it, as fast as answers come.
    #[arg(long)]
    rate: Option<f64>,
    /// Which envelopes: the same seed makes the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Begin again at the first delivery after the last: for servers that do not look into them.
    #[arg(long)]
    again: bool,
}

/// Sends, and prints a report.
pub(crate) fn run(load: &Load) -> anyhow::Result<()> {
    ensure!(load.connections > 0, "at least one connection is needed");
    let deliveries = match (load.deliveries, load.seconds) {
        (Some(deliveries), _) => deliveries,
        (None, Some(seconds)) => (seconds * load.rate.unwrap_or(MADE_EACH_SECOND)).ceil() as usize,
        (None, None) => anyhow::bail!("say how long: --deliveries N, --seconds N or both"),
    };
    let began = Instant::now();
    let requests = traffic::requests(Recipe::real(load.size, deliveries, load.seed));
    let _ = writeln!(
        std::io::stderr(),
        "{} deliveries made in {:.1} s: {} bytes each in the mean, {:.0} % XML",
        requests.wire.len(),
        began.elapsed().as_secs_f64(),
        requests.mean_bytes(),
        100.0 * requests.xml as f64 / requests.wire.len().max(1) as f64,
    );
    let plan = Plan {
        address: load.to,
        connections: load.connections,
        rate: load.rate,
        time: load.seconds.map(Duration::from_secs_f64),
        wire: &requests.wire,
        again: load.again,
    };
    let sent = sender::send(&plan, || {}).with_context(|| format!("sending to {}", load.to))?;
    let accepted = sent.accepted();
    let report = json!({
        "size": load.size.word(), "body_bytes": requests.mean_bytes(), "connections": load.connections,
        "asked_rate": load.rate, "accepted": accepted, "sent": sent,
    });
    writeln!(std::io::stdout(), "{report:#}")?;
    ensure!(sent.not_accepted() == 0, "{} of {} were not answered 200", sent.not_accepted(), sent.sent);
    Ok(())
}

//! Every metric by name: one enum, which is also the table in the documentation.

use std::fmt::Write as _;
use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, in buckets.
    Seconds,
}

macro_rules! metrics {
    ($($variant:ident $kind:ident $name:literal $label:literal $help:literal,)*) => {
        /// A metric's name. Counters are shown with `_total`, times with `_seconds`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // each one's help text is its documentation
        pub enum Metric { $(#[doc = $help] $variant,)* }

        impl Metric {
            /// All metrics.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Kind, name, label (empty for none) and help text.
            pub fn describe(self) -> (Kind, &'static str, &'static str, &'static str) {
                match self { $(Self::$variant => (Kind::$kind, $name, $label, $help),)* }
            }
        }
    };
}

metrics! {
    Deliveries Counter "countersign_deliveries" "outcome" "Deliveries received, by their one outcome.",
    Refusals Counter "countersign_refusals" "reason" "Deliveries refused, by reason.",
    Changes Counter "countersign_changes" "kind" "Changes appended, by the first word of their routing key.",
    AnswerTime Seconds "countersign_answer" "" "Time from a delivery's request line to its answer.",
    Published Counter "countersign_published" "" "Changes confirmed by the broker and settled.",
    PublishRetries Counter "countersign_publish_retries" "reason" "Publishes to be repeated, by reason: nack, return, timeout, connection.",
    ConfirmTime Seconds "countersign_confirm" "" "Time from publish to confirm.",
    BrokerConnects Counter "countersign_broker_connects" "result" "Attempts to connect to the broker.",
    BrokerUp Gauge "countersign_broker_up" "" "1 while connected to the broker.",
    BrokerBlocked Gauge "countersign_broker_blocked" "" "1 while the broker blocks publishers (memory or disk alarm).",
    TopologyFault Gauge "countersign_topology_fault" "part" "1 while a part of the topology cannot be declared.",
    Backlog Gauge "countersign_backlog" "" "Changes that wait to be published.",
    BacklogAge Gauge "countersign_backlog_age_seconds" "" "Age of the oldest change that waits to be published.",
    Fetches Counter "countersign_fetches" "result" "Calls to DocuSign's REST API, by result.",
    FetchTime Seconds "countersign_fetch" "" "Time of one call to DocuSign's REST API.",
    EnrichPending Gauge "countersign_enrich_pending" "" "Signing requests that wait to be fetched.",
    RateRemaining Gauge "countersign_rate_remaining" "account" "Calls left in DocuSign's present hour, by account.",
    Quarantined Gauge "countersign_quarantined" "" "Deliveries in quarantine.",
    KeyReloads Counter "countersign_key_reloads" "result" "Reloads of the sources' keys.",
    StoreErrors Counter "countersign_store_errors" "" "Writes that the store could not make.",
    Streams Gauge "countersign_streams" "" "Open server-sent streams.",
}

type Labels = Vec<(&'static str, String)>;

#[derive(Debug, Clone)]
enum Series {
    Counter(Family<Labels, Counter>),
    Gauge(Family<Labels, Gauge>),
    Seconds(Histogram),
}

/// All metrics of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    series: Arc<Vec<Series>>,
    registry: Arc<Registry>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let mut series = Vec::with_capacity(Metric::ALL.len());
        for metric in Metric::ALL {
            let (kind, name, _, help) = metric.describe();
            series.push(match kind {
                Kind::Counter => {
                    let family = Family::<Labels, Counter>::default();
                    registry.register(name, help.trim_end_matches('.'), family.clone());
                    Series::Counter(family)
                }
                Kind::Gauge => {
                    let family = Family::<Labels, Gauge>::default();
                    registry.register(name, help.trim_end_matches('.'), family.clone());
                    Series::Gauge(family)
                }
                Kind::Seconds => {
                    let histogram = Histogram::new(exponential_buckets(0.000_25, 2.0, 18));
                    registry.register(
                        format!("{name}_seconds"),
                        help.trim_end_matches('.'),
                        histogram.clone(),
                    );
                    Series::Seconds(histogram)
                }
            });
        }
        Self { series: Arc::new(series), registry: Arc::new(registry) }
    }
}

impl Metrics {
    fn labels(metric: Metric, label: &str) -> Labels {
        let (_, _, key, _) = metric.describe();
        if key.is_empty() { Vec::new() } else { vec![(key, label.to_owned())] }
    }

    /// Adds `n` to a counter; `label` is the value of its label (empty for none).
    pub fn count(&self, metric: Metric, label: &str, n: u64) {
        if let Series::Counter(family) = &self.series[metric as usize] {
            family.get_or_create(&Self::labels(metric, label)).inc_by(n);
        }
    }

    /// Sets a gauge.
    pub fn set(&self, metric: Metric, label: &str, value: i64) {
        if let Series::Gauge(family) = &self.series[metric as usize] {
            family.get_or_create(&Self::labels(metric, label)).set(value);
        }
    }

    /// Adds to a gauge; negative takes away.
    pub fn shift(&self, metric: Metric, label: &str, by: i64) {
        if let Series::Gauge(family) = &self.series[metric as usize] {
            family.get_or_create(&Self::labels(metric, label)).inc_by(by);
        }
    }

    /// Records a time in seconds.
    pub fn time(&self, metric: Metric, seconds: f64) {
        if let Series::Seconds(histogram) = &self.series[metric as usize] {
            histogram.observe(seconds);
        }
    }

    /// The present value of a counter, for the books and for tests.
    pub fn counted(&self, metric: Metric, label: &str) -> u64 {
        match &self.series[metric as usize] {
            Series::Counter(family) => family.get_or_create(&Self::labels(metric, label)).get(),
            _ => 0,
        }
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            let _ = writeln!(text, "# metrics could not be written");
        }
        text
    }
}

//! Every metric by name: one enum, which is also the table in the documentation.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::base::Refusal;
use crate::base::books::{Counts, Equation, equations};

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
    Milestones Counter "countersign_milestones" "milestone" "Deliveries received, verified and stored; changes published and enriched.",
    Receiving Gauge "countersign_receiving" "" "Deliveries that are being received.",
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
    Forwards Counter "countersign_forwards" "result" "Calls passed on to DocuSign, by the class of its answer, or why there was none.",
    ForwardTime Seconds "countersign_forward" "" "Time from a call that is passed on to the head of DocuSign's answer.",
    EnrichPending Gauge "countersign_enrich_pending" "" "Signing requests that wait to be fetched.",
    Enriched Counter "countersign_enriched" "how" "Enriched changes, by how the whole object was had: fetched, carried by a message (no call), given_up.",
    PutOff Counter "countersign_enrich_put_off" "reason" "Fetches put off, by reason: budget, interval, failed.",
    RateRemaining Gauge "countersign_rate_remaining" "account" "Calls left in DocuSign's present hour, by account.",
    Accounts Gauge "countersign_accounts" "state" "Linked accounts, by state: connecting, active, needs_reauth, validation_error.",
    Quarantined Gauge "countersign_quarantined" "" "Deliveries in quarantine.",
    KeyReloads Counter "countersign_key_reloads" "result" "Reloads of the sources' keys.",
    StoreErrors Counter "countersign_store_errors" "" "Writes that the store could not make.",
    Checkpoints Counter "countersign_checkpoints" "result" "Checkpoints of the chain of evidence: signed, or failed to be written.",
    BooksImbalance Gauge "countersign_books_imbalance" "equation" "Difference between the two sides of an equation of the books: 0 where it balances.",
    ReconcileRuns Counter "countersign_reconcile_runs" "result" "Looks over REST for what Connect did not deliver: done, or failed.",
    ReconcileMissed Counter "countersign_reconcile_missed" "" "Changes that Connect had not delivered and that were found over REST.",
    ReconciledTo Gauge "countersign_reconciled_to_seconds" "account" "Time up to which an account has been reconciled, in seconds since 1970.",
    ConnectFaults Gauge "countersign_connect_faults" "account" "Faults of the account's Connect configurations that point here, a lost one included.",
    Streams Gauge "countersign_streams" "" "Open server-sent streams.",
}

/// Name and value of a series' one label.
type Labels = [(&'static str, Cow<'static, str>); 1];

#[derive(Debug, Clone)]
enum Series {
    Counter(Counter),
    /// Those that are there from the start stand beside their family as well: they are the ones counted with each
    /// delivery, and to find one in the family takes a lock and a hash.
    Counters(Family<Labels, Counter>, Vec<(&'static str, Counter)>),
    Gauge(Gauge),
    Gauges(Family<Labels, Gauge>),
    Seconds(Histogram),
}

fn labels(metric: Metric, label: impl Into<Cow<'static, str>>) -> Labels {
    let (_, _, key, _) = metric.describe();
    [(key, label.into())]
}

/// All metrics of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    series: Arc<Vec<Series>>,
    registry: Arc<Registry>,
}

/// The labels of a counter that are shown before anything is counted: a series that begins only with its first event
/// has no rise from 0 that an alert could see.
fn from_the_start(metric: Metric) -> Vec<&'static str> {
    match metric {
        Metric::Deliveries => vec!["accepted", "duplicate", "refused", "quarantined"],
        Metric::Checkpoints => vec!["signed", "failed"],
        Metric::ReconcileRuns => vec!["done", "failed"],
        Metric::Refusals => Refusal::ALL.map(Refusal::word).to_vec(),
        Metric::Enriched => vec!["fetched", "carried", "given_up"],
        Metric::Milestones => vec!["received", "verified", "stored", "published", "enriched"],
        _ => Vec::new(),
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let mut series = Vec::with_capacity(Metric::ALL.len());
        for metric in Metric::ALL {
            let (kind, name, label, help) = metric.describe();
            let help = help.trim_end_matches('.');
            series.push(match (kind, label) {
                (Kind::Counter, "") => {
                    let counter = Counter::default();
                    registry.register(name, help, counter.clone());
                    Series::Counter(counter)
                }
                (Kind::Counter, _) => {
                    let family = Family::<Labels, Counter>::default();
                    registry.register(name, help, family.clone());
                    let counter = |word| (word, family.get_or_create_owned(&labels(*metric, word)));
                    let known = from_the_start(*metric).into_iter().map(counter).collect();
                    Series::Counters(family, known)
                }
                (Kind::Gauge, "") => {
                    let gauge = Gauge::default();
                    registry.register(name, help, gauge.clone());
                    Series::Gauge(gauge)
                }
                (Kind::Gauge, _) => {
                    let family = Family::default();
                    registry.register(name, help, family.clone());
                    Series::Gauges(family)
                }
                (Kind::Seconds, _) => {
                    let histogram = Histogram::new(exponential_buckets(0.000_25, 2.0, 18));
                    registry.register(format!("{name}_seconds"), help, histogram.clone());
                    Series::Seconds(histogram)
                }
            });
        }
        let metrics = Self { series: Arc::new(series), registry: Arc::new(registry) };
        metrics.keep_books(&equations(&Counts::default()));
        metrics
    }
}

impl Metrics {
    /// Shows how the equations of the books stand.
    pub fn keep_books(&self, equations: &[Equation]) {
        for equation in equations {
            self.set(Metric::BooksImbalance, equation.name, equation.difference());
        }
    }

    /// Gives the gauge of that label, where the metric has any.
    fn with_gauge(&self, metric: Metric, label: &str, then: impl FnOnce(&Gauge)) {
        match &self.series[metric as usize] {
            Series::Gauge(gauge) => then(gauge),
            Series::Gauges(family) => then(&family.get_or_create(&labels(metric, label.to_owned()))),
            _ => {}
        }
    }

    /// Gives the counter of that label, where the metric has any.
    fn with_counter<T>(
        &self,
        metric: Metric,
        label: &'static str,
        then: impl FnOnce(&Counter) -> T,
    ) -> Option<T> {
        match &self.series[metric as usize] {
            Series::Counter(counter) => Some(then(counter)),
            Series::Counters(family, known) => Some(match known.iter().find(|(word, _)| *word == label) {
                Some((_, counter)) => then(counter),
                None => then(&family.get_or_create(&labels(metric, label))),
            }),
            _ => None,
        }
    }

    /// Adds `n` to a counter; `label` is the value of its label (empty for none): a word of ours, so that counting
    /// copies nothing.
    pub fn count(&self, metric: Metric, label: &'static str, n: u64) {
        self.with_counter(metric, label, |counter| counter.inc_by(n));
    }

    /// Sets a gauge.
    pub fn set(&self, metric: Metric, label: &str, value: i64) {
        self.with_gauge(metric, label, |gauge| {
            gauge.set(value);
        });
    }

    /// Adds to a gauge; negative takes away.
    pub fn shift(&self, metric: Metric, label: &str, by: i64) {
        self.with_gauge(metric, label, |gauge| {
            gauge.inc_by(by);
        });
    }

    /// Records a time in seconds.
    pub fn time(&self, metric: Metric, seconds: f64) {
        if let Series::Seconds(histogram) = &self.series[metric as usize] {
            histogram.observe(seconds);
        }
    }

    /// The present value of a counter, for the books and for tests.
    pub fn counted(&self, metric: Metric, label: &'static str) -> u64 {
        self.with_counter(metric, label, Counter::get).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_there_from_the_start_and_named_as_described() {
        let text = Metrics::default().render();
        for metric in Metric::ALL {
            let (kind, name, label, _) = metric.describe();
            let shown = match kind {
                Kind::Counter if label.is_empty() => format!("\n{name}_total 0\n"),
                Kind::Gauge if label.is_empty() => format!("\n{name} 0\n"),
                Kind::Seconds => format!("\n{name}_seconds_count 0\n"),
                Kind::Counter | Kind::Gauge => continue,
            };
            assert!(text.contains(&shown), "{metric:?} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn labels_keep_counts_apart_and_a_wrong_kind_counts_nothing() {
        let metrics = Metrics::default();
        metrics.count(Metric::Refusals, "soap", 2);
        metrics.count(Metric::Refusals, "too_large", 1);
        metrics.count(Metric::Published, "", 5);
        metrics.count(Metric::Backlog, "", 9);
        assert_eq!(metrics.counted(Metric::Refusals, "soap"), 2);
        assert_eq!(metrics.counted(Metric::Published, ""), 5);
        assert!(metrics.render().contains("\ncountersign_backlog 0\n"), "a gauge is not counted");
        metrics.shift(Metric::Streams, "", 3);
        metrics.shift(Metric::Streams, "", -1);
        metrics.set(Metric::RateRemaining, "acc\"\n", 7);
        let text = metrics.render();
        assert!(text.contains("\ncountersign_streams 2\n"), "{text}");
        assert!(
            text.contains("countersign_rate_remaining{account=\"acc\\\"\\n\"} 7"),
            "labels are escaped: {text}"
        );
    }
}

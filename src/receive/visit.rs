//! A delivery under way: whatever becomes of it, it ends in one outcome, counted and logged once.

use crate::base::{DeliveryId, Outcome, Refusal, SourceName};
use crate::telemetry::{Metric, Metrics};

/// A delivery from its first byte to its outcome. One that is dropped before (its client hung up) was not whole.
#[derive(Debug)]
pub(super) struct Visit {
    metrics: Metrics,
    delivery_id: DeliveryId,
    source: SourceName,
    ended: bool,
}

impl Visit {
    pub(super) fn begin(metrics: Metrics, delivery_id: DeliveryId, source: SourceName) -> Self {
        metrics.count(Metric::Milestones, "received", 1);
        metrics.shift(Metric::Receiving, "", 1);
        Self { metrics, delivery_id, source, ended: false }
    }

    /// Its signature is a key's of its source.
    pub(super) fn verified(&self) {
        self.metrics.count(Metric::Milestones, "verified", 1);
    }

    /// Ends with its outcome.
    pub(super) fn end(mut self, outcome: &Outcome) {
        self.record(outcome);
    }

    fn record(&mut self, outcome: &Outcome) {
        self.ended = true;
        let Self { metrics, delivery_id, source, .. } = &*self;
        metrics.shift(Metric::Receiving, "", -1);
        metrics.count(Metric::Deliveries, outcome.word(), 1);
        match outcome {
            Outcome::Accepted | Outcome::Duplicate => {
                metrics.count(Metric::Milestones, "stored", 1);
                tracing::debug!(%delivery_id, %source, outcome = outcome.word(), "delivery");
            }
            Outcome::Refused(refusal) => {
                metrics.count(Metric::Refusals, refusal.word(), 1);
                tracing::info!(%delivery_id, %source, outcome = "refused", reason = refusal.word(), "delivery");
            }
            Outcome::Quarantined(reason) => {
                metrics.count(Metric::Milestones, "stored", 1);
                tracing::warn!(%delivery_id, %source, outcome = "quarantined", %reason,
                    "an authentic delivery cannot be read: see `countersign quarantine show {delivery_id}`");
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.ended {
            self.record(&Outcome::Refused(Refusal::Incomplete));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Dice;

    fn visit(metrics: &Metrics) -> Visit {
        Visit::begin(metrics.clone(), DeliveryId(Dice::seeded(1).uuid()), SourceName::default())
    }

    #[test]
    fn a_delivery_whose_client_hangs_up_is_counted_once_as_refused() {
        let metrics = Metrics::default();
        drop(visit(&metrics));
        visit(&metrics).end(&Outcome::Accepted);
        let open = visit(&metrics);
        let counted = |metric, label| metrics.counted(metric, label);
        assert_eq!(counted(Metric::Milestones, "received"), 3);
        assert_eq!(counted(Metric::Milestones, "stored"), 1);
        assert_eq!(counted(Metric::Deliveries, "refused"), 1);
        assert_eq!(counted(Metric::Deliveries, "accepted"), 1);
        assert_eq!(counted(Metric::Refusals, "incomplete"), 1);
        assert!(metrics.render().contains("\ncountersign_receiving 1\n"));
        drop(open);
        assert!(metrics.render().contains("\ncountersign_receiving 0\n"));
    }
}

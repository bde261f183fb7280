//! The sender's books: what was sent and how each of it was answered.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// How a delivery ended: its one final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Taken.
    Accepted,
    /// Taken, and known before.
    Duplicate,
    /// Taken, and not understood.
    Quarantined,
    /// Turned away for good: any answer that is neither 2xx nor "try again".
    Refused,
    /// Never answered, or told to try again until patience ended.
    Failed,
}

/// What became of a run of traffic. `accepted + duplicate + quarantined + refused + failed = sent`.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Report {
    /// Deliveries sent, each counted once however often it was tried.
    pub sent: u64,
    /// Of these, taken.
    pub accepted: u64,
    /// Taken, and known before.
    pub duplicate: u64,
    /// Turned away.
    pub refused: u64,
    /// Taken, and not understood.
    pub quarantined: u64,
    /// Without a final answer.
    pub failed: u64,
    /// Further tries after a 503 or a broken connection.
    pub retried: u64,
    /// Answers by HTTP status, those of all tries.
    pub by_status: BTreeMap<u16, u64>,
    /// How long it took.
    pub seconds: f64,
    /// Time from the first byte of a try to the end of its answer.
    pub answer_ms: Percentiles,
}

/// A spread of times in milliseconds, each up to 9 % above the true one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All.
    pub max: f64,
}

impl Report {
    /// True where every delivery has exactly one fate.
    pub fn balances(&self) -> bool {
        self.sent == self.accepted + self.duplicate + self.refused + self.quarantined + self.failed
    }
}

/// Buckets of a spread: 8 for each doubling, from a microsecond to over an hour.
const BUCKETS: usize = 8 * 32;

/// Books that are still being kept.
#[derive(Debug, Clone)]
pub struct Books {
    report: Report,
    answers: Vec<u64>,
}

impl Default for Books {
    fn default() -> Self {
        Self { report: Report::default(), answers: vec![0; BUCKETS] }
    }
}

impl Books {
    /// Writes down a try's answer.
    pub(super) fn answered(&mut self, status: u16, took: Duration) {
        *self.report.by_status.entry(status).or_default() += 1;
        let micros = took.as_micros().max(1) as f64;
        let bucket = (micros.log2() * 8.0) as usize;
        self.answers[bucket.min(BUCKETS - 1)] += 1;
    }

    /// Writes down that a delivery is tried once more.
    pub(super) fn retried(&mut self) {
        self.report.retried += 1;
    }

    /// Writes down how a delivery ended.
    pub(super) fn ended(&mut self, fate: Fate) {
        self.report.sent += 1;
        *match fate {
            Fate::Accepted => &mut self.report.accepted,
            Fate::Duplicate => &mut self.report.duplicate,
            Fate::Quarantined => &mut self.report.quarantined,
            Fate::Refused => &mut self.report.refused,
            Fate::Failed => &mut self.report.failed,
        } += 1;
    }

    /// Takes in the books of somebody who sent side by side.
    pub(super) fn add(&mut self, other: &Self) {
        let (own, its) = (&mut self.report, &other.report);
        own.sent += its.sent;
        own.accepted += its.accepted;
        own.duplicate += its.duplicate;
        own.refused += its.refused;
        own.quarantined += its.quarantined;
        own.failed += its.failed;
        own.retried += its.retried;
        for (status, count) in &its.by_status {
            *own.by_status.entry(*status).or_default() += count;
        }
        for (own, its) in self.answers.iter_mut().zip(&other.answers) {
            *own += its;
        }
    }

    /// Closes the books.
    pub fn close(mut self, took: Duration) -> Report {
        self.report.seconds = took.as_secs_f64();
        self.report.answer_ms = Percentiles {
            p50: self.percentile(0.50),
            p95: self.percentile(0.95),
            p99: self.percentile(0.99),
            max: self.percentile(1.0),
        };
        self.report
    }

    fn percentile(&self, share: f64) -> f64 {
        let total: u64 = self.answers.iter().sum();
        let wanted = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.answers.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        match reached {
            Some(bucket) if total > 0 => ((bucket + 1) as f64 / 8.0).exp2() / 1_000.0,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_of_several_senders_add_up_and_balance() {
        let mut whole = Books::default();
        for fate in [Fate::Accepted, Fate::Duplicate, Fate::Quarantined, Fate::Refused, Fate::Failed] {
            let mut part = Books::default();
            part.answered(200, Duration::from_millis(3));
            part.retried();
            part.ended(fate);
            whole.add(&part);
        }
        let report = whole.close(Duration::from_secs(2));
        assert!(report.balances());
        assert_eq!((report.sent, report.retried, report.by_status[&200]), (5, 5, 5));
        assert!((report.seconds - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn percentiles_tell_the_time_within_a_tenth() {
        let mut books = Books::default();
        for millis in 1..=100 {
            books.answered(200, Duration::from_millis(millis));
        }
        let spread = books.close(Duration::ZERO).answer_ms;
        for (told, real) in [(spread.p50, 50.0), (spread.p95, 95.0), (spread.p99, 99.0), (spread.max, 100.0)]
        {
            assert!(told >= real && told < real * 1.1, "{told} for {real}");
        }
    }

    #[test]
    fn books_without_an_entry_are_all_zeros() {
        let report = Books::default().close(Duration::ZERO);
        assert!(report.balances());
        assert!(report.answer_ms.max.abs() < f64::EPSILON);
    }
}

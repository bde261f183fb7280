//! A spread of times, kept in buckets that are at most 1 % wide.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets for each doubling, as a power of two.
const PRECISION: u32 = 7;

/// Times as they come in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spread {
    counts: Vec<u64>,
    total: u64,
    most: u64,
}

/// A spread in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    /// Half are at most this.
    pub(crate) p50: f64,
    /// 99 of 100.
    pub(crate) p99: f64,
    /// 999 of 1,000.
    pub(crate) p999: f64,
    /// All.
    pub(crate) max: f64,
}

impl Spread {
    /// Takes in a time.
    pub(crate) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1);
        let bucket = bucket_of(nanos);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.most = self.most.max(nanos);
    }

    /// What was taken in, in milliseconds.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |share: f64| self.at(share) as f64 / 1e6;
        Percentiles { p50: at(0.50), p99: at(0.99), p999: at(0.999), max: self.most as f64 / 1e6 }
    }

    /// The time that this share of all stays within, in nanoseconds: the upper end of its bucket.
    fn at(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        reached.map_or(0, upper_end).min(self.most)
    }
}

fn bucket_of(nanos: u64) -> usize {
    let doublings = (nanos.ilog2()).saturating_sub(PRECISION);
    ((u64::from(doublings) << PRECISION) + (nanos >> doublings)) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let doublings = (bucket as u64 >> PRECISION).saturating_sub(1);
    let within = bucket as u64 - (doublings << PRECISION);
    ((within + 1) << doublings) - 1
}

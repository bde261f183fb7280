//! The rate limits of an account: calls by the hour, which begins anew at the full hour, and by 30 seconds.

use jiff::Timestamp;

/// Seconds in which bursts are counted.
const BURST_SECONDS: i64 = 30;

/// How many calls an account has (rest.md §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In an hour.
    pub hourly: u64,
    /// In 30 seconds: 500 in production, 200 for developers.
    pub burst: u64,
    /// Whether exceeding them is answered 400, as until 2026, instead of 429.
    pub answered_400: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { hourly: 3_000, burst: 500, answered_400: false }
    }
}

/// Which limit is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    Hourly,
    Burst,
}

impl Exceeded {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Hourly => "HOURLY_APIINVOCATION_LIMIT_EXCEEDED",
            Self::Burst => "BURST_APIINVOCATION_LIMIT_EXCEEDED",
        }
    }

    pub(super) fn message(self, limits: Limits) -> String {
        match self {
            Self::Hourly => format!(
                "The maximum number of hourly API invocations has been exceeded. The hourly limit is {}.",
                limits.hourly
            ),
            Self::Burst => format!(
                "The maximum number of burst API invocations has been exceeded. The limit is {} API calls per \
                 {BURST_SECONDS} second interval.",
                limits.burst
            ),
        }
    }
}

/// What is left, as the headers of every answer tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) hourly: u64,
    pub(super) burst: u64,
    /// Epoch seconds of the next full hour.
    pub(super) reset: i64,
    pub(super) exceeded: Option<Exceeded>,
}

/// What an account has used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Budget {
    hour: i64,
    hourly_used: u64,
    burst: i64,
    burst_used: u64,
}

impl Budget {
    /// Spends one call, where there is one left.
    pub(super) fn spend(&mut self, now: Timestamp, limits: Limits) -> Left {
        let seconds = now.as_second();
        let (hour, burst) = (seconds.div_euclid(3_600), seconds.div_euclid(BURST_SECONDS));
        if hour != self.hour {
            (self.hour, self.hourly_used) = (hour, 0);
        }
        if burst != self.burst {
            (self.burst, self.burst_used) = (burst, 0);
        }
        let exceeded = if self.hourly_used >= limits.hourly {
            Some(Exceeded::Hourly)
        } else if self.burst_used >= limits.burst {
            Some(Exceeded::Burst)
        } else {
            self.hourly_used += 1;
            self.burst_used += 1;
            None
        };
        Left {
            hourly: limits.hourly.saturating_sub(self.hourly_used),
            burst: limits.burst.saturating_sub(self.burst_used),
            reset: (hour + 1) * 3_600,
            exceeded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_hour_begins_anew_at_the_full_hour_and_a_burst_after_half_a_minute() {
        let limits = Limits { hourly: 3, burst: 2, answered_400: false };
        let mut budget = Budget::default();
        let mut spend = |text| budget.spend(at(text), limits);
        assert_eq!(spend("2026-05-01T10:59:00Z").exceeded, None);
        let left = spend("2026-05-01T10:59:01Z");
        assert_eq!((left.hourly, left.burst, left.exceeded), (1, 0, None));
        assert_eq!(left.reset, at("2026-05-01T11:00:00Z").as_second());
        assert_eq!(spend("2026-05-01T10:59:02Z").exceeded, Some(Exceeded::Burst));
        assert_eq!(spend("2026-05-01T10:59:31Z").exceeded, None);
        assert_eq!(spend("2026-05-01T10:59:32Z").exceeded, Some(Exceeded::Hourly));
        assert_eq!(spend("2026-05-01T11:00:00Z").exceeded, None);
    }
}

//! How many requests a token has made lately.

use jiff::{SignedDuration, Timestamp};

use crate::base::limits;

/// The requests of one token, counted over [`limits::API_RATE_WINDOW`] from the first on, then anew.
#[derive(Debug, Default)]
pub(super) struct Window {
    began: Option<Timestamp>,
    count: u32,
}

impl Window {
    /// Counts a request where fewer than `most` were counted (any, where that is 0); else the seconds until the next
    /// is taken.
    pub(super) fn take(&mut self, most: u32, now: Timestamp) -> Result<(), u64> {
        let length = SignedDuration::try_from(limits::API_RATE_WINDOW).unwrap_or_default();
        // A clock that was put back does not keep anyone out.
        let gone = self.began.map(|began| now.duration_since(began));
        let gone = gone.filter(|gone| !gone.is_negative() && *gone < length);
        if gone.is_none() {
            (self.began, self.count) = (Some(now), 0);
        }
        if most > 0 && self.count >= most {
            let left = length - gone.unwrap_or_default();
            return Err(u64::try_from(left.as_millis()).unwrap_or_default().div_ceil(1_000).max(1));
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + millis).unwrap()
    }

    #[test]
    fn a_window_takes_so_many_and_says_when_the_next_begins() {
        let mut window = Window::default();
        for millis in 0..5 {
            assert_eq!(window.take(5, at(millis)), Ok(()));
        }
        assert_eq!(window.take(5, at(5)), Err(10));
        assert_eq!(window.take(5, at(8_500)), Err(2));
        assert_eq!(window.take(5, at(9_999)), Err(1));
        for millis in 0..5 {
            assert_eq!(window.take(5, at(10_000 + millis)), Ok(()), "the next one");
        }
        assert_eq!(window.take(5, at(10_100)), Err(10));
        assert_eq!(window.take(5, at(-60_000)), Ok(()), "a clock that was put back begins anew");
    }

    #[test]
    fn without_a_bound_any_number_is_taken() {
        let mut window = Window::default();
        assert!((0..100_000).all(|_| window.take(0, at(0)).is_ok()));
    }
}

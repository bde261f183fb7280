//! Growing, jittered waits, so that many who failed together do not try again together.

use std::time::Duration;

use crate::base::Dice;

/// The wait after `failures` failures in a row (1 and up): doubling from the first to the longest of `bounds`, and a
/// random part of up to a half taken off.
pub fn backoff(failures: u32, bounds: (Duration, Duration), dice: &Dice) -> Duration {
    let (first, longest) = bounds;
    let full = first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(longest);
    full.mul_f64(1.0 - dice.fraction() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ() {
        let dice = Dice::seeded(1);
        let bounds = (Duration::from_millis(100), Duration::from_secs(15));
        for (failures, full) in [(0, 100), (1, 100), (2, 200), (5, 1_600), (9, 15_000), (u32::MAX, 15_000)] {
            let full = Duration::from_millis(full);
            let waits: Vec<_> = (0..50).map(|_| backoff(failures, bounds, &dice)).collect();
            assert!(waits.iter().all(|wait| *wait <= full && *wait >= full / 2), "{failures}: {waits:?}");
            assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
        }
    }
}

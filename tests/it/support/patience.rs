//! Bounded waiting: a condition is looked at until it holds, or for too long.

use std::time::{Duration, Instant};

/// How often a condition is looked at. The only sleep in the tests.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until `probe` gives something, and gives that; fails by saying `what` it waited for.
pub(crate) async fn eventually<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begin.elapsed() < within, "waited {within:?} in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

//! Letting time pass: what is measured takes time, and no test waits here.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Lets so much time pass.
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Looks every so often until `probe` gives something; fails by saying `what` it waited for in vain.
pub(crate) async fn until<T>(
    what: &str,
    within: Duration,
    every: Duration,
    mut probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        if began.elapsed() > within {
            bail!("waited {within:?} in vain: {what}");
        }
        pause(every).await;
    }
}

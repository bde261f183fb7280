//! Audits the books now and then: the alarm must not depend on somebody asking.

use tokio_util::sync::CancellationToken;

use crate::base::books::{Equation, equations, imbalances};
use crate::base::limits;
use crate::store::Store;
use crate::telemetry::Metrics;

/// Tries the equations once in [`limits::BOOKS_EVERY`]; says so in the log whenever what is wrong has changed.
pub(super) async fn audit(store: Store, metrics: Metrics, stop: CancellationToken) {
    let mut turns = tokio::time::interval(limits::BOOKS_EVERY);
    let mut known: Vec<(&'static str, i64)> = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turns.tick() => {}
        }
        let all = match store.books().await {
            Ok(counts) => equations(&counts),
            Err(error) => {
                tracing::warn!(%error, "the books could not be read; they are tried again");
                continue;
            }
        };
        metrics.keep_books(&all);
        let wrong: Vec<_> = imbalances(&all).map(|equation| (equation.name, equation.difference())).collect();
        if wrong != known {
            imbalances(&all).for_each(tell);
            if wrong.is_empty() {
                tracing::info!("the books balance again");
            }
            known = wrong;
        }
    }
}

fn tell(equation: &Equation) {
    tracing::error!(
        equation = equation.name,
        difference = equation.difference(),
        "the books do not balance: {equation}"
    );
}

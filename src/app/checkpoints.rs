//! Signing checkpoints of the chain of evidence, a moment after records came in.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::base::limits;
use crate::evidence::chain::hex;
use crate::evidence::{Checkpoint, Signer};
use crate::receive::Receiver;
use crate::telemetry::Metric;

/// Signs until stopped, and then once more.
pub(super) async fn sign(with: Receiver, signer: Arc<Signer>, stop: CancellationToken) {
    let mut pen = Pen { with, signer, logged_at: None, unlogged: None, failing: false };
    let mut head = pen.with.store.evidence_head();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => break,
            waits = head.wait_for(|head| head.unsigned() > 0) => if waits.is_err() { return },
            () = tokio::time::sleep(limits::EVIDENCE_LOG_EVERY), if pen.unlogged.is_some() => {
                pen.log();
                continue;
            }
        }
        // All that comes within a moment shares a checkpoint.
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(limits::EVIDENCE_SIGN_EVERY) => {}
            many = head.wait_for(|head| head.unsigned() >= limits::EVIDENCE_UNSIGNED_MAX), if !pen.failing => {
                if many.is_err() { return }
            }
        }
        pen.sign().await;
    }
    pen.sign().await;
    pen.log();
}

struct Pen {
    with: Receiver,
    signer: Arc<Signer>,
    logged_at: Option<Timestamp>,
    /// The newest checkpoint, until the log has it.
    unlogged: Option<Checkpoint>,
    failing: bool,
}

impl Pen {
    async fn sign(&mut self) {
        let now = self.with.clock.now();
        match self.with.store.checkpoint(Arc::clone(&self.signer), now).await {
            Ok(signed) => {
                self.failing = false;
                let Some(checkpoint) = signed else { return };
                self.with.metrics.count(Metric::Checkpoints, "signed", 1);
                self.unlogged = Some(checkpoint);
                let due =
                    |last: Timestamp| now.duration_since(last).unsigned_abs() >= limits::EVIDENCE_LOG_EVERY;
                if self.logged_at.is_none_or(due) {
                    self.logged_at = Some(now);
                    self.log();
                }
            }
            Err(error) => {
                self.with.metrics.count(Metric::Checkpoints, "failed", 1);
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "a checkpoint could not be signed; it is tried again every second");
                }
            }
        }
    }

    /// Whoever rewrites the database must now rewrite the logs too: `audit verify --link` takes what stands there.
    fn log(&mut self) {
        let Some(Checkpoint { number, link, at, key, signature }) = self.unlogged.take() else { return };
        let (covers, signature) = (number.saturating_sub(1), hex(&signature));
        tracing::info!(link = %format_args!("{covers}:{link}"), %at, public_key = %key, %signature, "checkpoint");
    }
}

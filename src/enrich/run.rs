//! When to look for claims: when one falls due, when a commit may have made one, and when a worker is free again.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::flow::later;
use super::{Claims, Enricher, Fetch};
use crate::base::limits;
use crate::store::{self, Enrichment};

impl<C: Claims, F: Fetch> Enricher<C, F> {
    /// Enriches until stopped, [`limits::ENRICH_WORKERS`] signing requests at a time. Then fetches under way are
    /// broken off and their claims given back, and what is being written is written.
    pub async fn run(&self, stop: CancellationToken) {
        let mut commits = self.claims.last_position();
        let mut under_way = FuturesUnordered::new();
        // Claimed in one look, since it costs the store more the more is due.
        let mut waiting = VecDeque::new();
        let mut look_at = self.clock.now();
        // After faults of the store: each claim costs a call, and what it brought could not be written.
        let (mut faults, mut rest_until) = (0, look_at);
        loop {
            let now = self.clock.now();
            let free = limits::ENRICH_WORKERS.saturating_sub(under_way.len());
            if free > 0 && waiting.is_empty() && now >= look_at.max(rest_until) {
                match self.look(now, limits::ENRICH_AHEAD).await {
                    Ok((claims, next)) => {
                        waiting.extend(claims);
                        look_at = next;
                    }
                    Err(error) => {
                        tracing::error!(%error, "claims could not be read");
                        faults += 1;
                        rest_until = later(now, self.rest_after(faults));
                    }
                }
            }
            if now >= rest_until {
                let next = waiting.drain(..free.min(waiting.len()));
                under_way.extend(next.map(|claim| self.enrich(claim, &stop)));
            }
            let free = under_way.len() < limits::ENRICH_WORKERS;
            let wake_at = if waiting.is_empty() { look_at.max(rest_until) } else { rest_until };
            let due = pin!(tokio::time::sleep(self.until(wake_at)));
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = under_way.next() => match ended {
                    // A worker is free, and its claim may have been put off to before the next look.
                    Ok(()) => (faults, look_at) = (0, self.clock.now()),
                    // Its claim is due again.
                    Err(_) => {
                        (faults, look_at) = (faults + 1, self.clock.now());
                        rest_until = later(look_at, self.rest_after(faults));
                    }
                },
                // What a commit adds falls due a moment later: a busy store costs no more looks than that.
                changed = commits.changed() => match changed {
                    Ok(()) => look_at = look_at.min(later(self.clock.now(), limits::ENRICH_COALESCE)),
                    Err(_) => break, // The store is closed.
                },
                () = due, if free => {}
            }
        }
        // What waits is nobody's with this process, and due as before.
        while under_way.next().await.is_some() {}
    }

    /// Takes what is due now and sees each claim to its end; how many there were. One turn of [`Enricher::run`].
    ///
    /// # Errors
    /// When the store could not be read or written; the claims concerned will be due again.
    pub async fn step(&self) -> Result<usize, store::Error> {
        let stop = CancellationToken::new();
        let (claims, _) = self.look(self.clock.now(), limits::ENRICH_WORKERS).await?;
        let count = claims.len();
        let mut under_way: FuturesUnordered<_> =
            claims.into_iter().map(|claim| self.enrich(claim, &stop)).collect();
        let mut result = Ok(count);
        while let Some(ended) = under_way.next().await {
            result = ended.and(result);
        }
        result
    }

    /// Claims what is due, and when to look next.
    async fn look(&self, now: Timestamp, most: usize) -> Result<(Vec<Enrichment>, Timestamp), store::Error> {
        let claims = self.claims.claim_enrichments(now, most).await?;
        if claims.len() == most {
            return Ok((claims, now)); // There may be more.
        }
        Ok((
            claims,
            match self.claims.next_enrichment_at().await? {
                Some(next) if next > now => next,
                // It came in just now, or cannot be claimed: no reason to turn in a circle.
                Some(_) => later(now, limits::ENRICH_COALESCE),
                None => later(now, limits::ENRICH_LOOK_MAX),
            },
        ))
    }

    fn until(&self, at: Timestamp) -> Duration {
        let wait = Duration::try_from(at.duration_since(self.clock.now())).unwrap_or_default();
        wait.min(limits::ENRICH_LOOK_MAX)
    }
}

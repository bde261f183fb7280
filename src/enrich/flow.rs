//! What becomes of one claim: completed with the whole signing request, as a message carried it or as it was fetched,
//! put off, or completed with the failure.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Claims, Fetch};
use crate::base::{Clock, Dice, limits};
use crate::failpoint::{self, Step};
use crate::rest::{self, Again, Purpose};
use crate::signing::map_rest;
use crate::signing::{Carried, Enriched, Failure, SigningRequest, SigningRequestStatus};
use crate::store::{self, EnrichedChange, Enrichment, MAKES_WAY};
use crate::telemetry::{Metric, Metrics};

/// Enriches the changes of one store over one user's access to DocuSign.
pub struct Enricher<C, F> {
    pub(super) claims: C,
    fetch: F,
    metrics: Metrics,
    pub(super) clock: Arc<dyn Clock>,
    dice: Dice,
    interval: Duration,
}

impl<C, F> fmt::Debug for Enricher<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enricher")
    }
}

impl<C: Claims, F: Fetch> Enricher<C, F> {
    /// An enricher that does nothing yet: see [`Enricher::run`].
    pub fn new(claims: C, fetch: F, metrics: Metrics, clock: Arc<dyn Clock>, dice: Dice) -> Self {
        Self { claims, fetch, metrics, clock, dice, interval: Duration::ZERO }
    }

    /// The same fetching a signing request no sooner than this after its last fetch, unless it came to its end:
    /// DocuSign wants an envelope to be asked for every 15 minutes at most.
    #[must_use]
    pub fn at_intervals(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Sees a claim to its end. Where `stop` comes first, the claim is given back as it was.
    ///
    /// # Errors
    /// When the store could not write the end down: the claim is then due again.
    pub(super) async fn enrich(
        &self,
        claim: Enrichment,
        stop: &CancellationToken,
    ) -> Result<(), store::Error> {
        failpoint::pass(Step::Claimed);
        if let Some(carried) = self.carried(&claim).await {
            return self.complete(claim, self.clock.now(), End::Carried(Box::new(carried))).await;
        }
        if let Some(until) = self.too_soon(&claim) {
            let (attempts, why) = (claim.attempts, format!("{MAKES_WAY}it was fetched a short while ago"));
            self.metrics.count(Metric::PutOff, "interval", 1);
            return self.put_off(claim, until, attempts, why).await;
        }
        let fetched = tokio::select! {
            fetched = self.fetch(&claim) => fetched,
            () = stop.cancelled() => {
                let attempts = claim.attempts;
                return self.put_off(claim, self.clock.now(), attempts, "stopped".to_owned()).await;
            }
        };
        failpoint::pass(Step::Fetched);
        let now = self.clock.now();
        let error = match fetched {
            Ok(request) => return self.complete(claim, now, End::Fetched(Box::new(request))).await,
            Err(error) => error,
        };
        let again = error.again();
        tracing::warn!(
            account = %claim.account, signing_request = %claim.signing_request, attempts = claim.attempts, ?again, %error,
            "a signing request could not be fetched"
        );
        if let Again::At(reset) = again {
            // Nothing was wrong with the attempt: it does not count.
            let attempts = claim.attempts;
            // What came to its end comes back first, and does not make way.
            let (first, rest) = (limits::ENRICH_RESET_SPREAD / 5, limits::ENRICH_RESET_SPREAD * 4 / 5);
            let (wait, why) = match is_over(&claim) {
                true => (self.part_of(first), error.to_string()),
                false => (first + self.part_of(rest), format!("{MAKES_WAY}{error}")),
            };
            self.metrics.count(Metric::PutOff, "budget", 1);
            return self.put_off(claim, later(reset.max(now), wait), attempts, why).await;
        }
        let attempts = claim.attempts.saturating_add(1);
        match self.wait(again, attempts) {
            Some(wait) if attempts < limits::ENRICH_ATTEMPTS_MAX => {
                self.metrics.count(Metric::PutOff, "failed", 1);
                self.put_off(claim, later(now, wait), attempts, error.to_string()).await
            }
            _ => self.complete(claim, now, End::GivenUp(failure(&error, attempts))).await,
        }
    }

    /// The whole signing request, where Connect's own messages told it: then nothing need be asked for.
    async fn carried(&self, claim: &Enrichment) -> Option<Carried> {
        let told = self.claims.told_since(claim).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what messages carried could not be read: it is fetched instead");
            None
        })?;
        let base = self.fetch.base(&claim.account).await?;
        told.whole(&base)
    }

    /// Until when a claim waits because its signing request was fetched a short while ago.
    fn too_soon(&self, claim: &Enrichment) -> Option<Timestamp> {
        let now = self.clock.now();
        // A clock that went back must not make it wait for longer.
        let until = later(claim.fetched_at?, self.interval).min(later(now, self.interval));
        (!is_over(claim) && until > now).then_some(until)
    }

    async fn fetch(&self, claim: &Enrichment) -> Result<SigningRequest, rest::Error> {
        let purpose = if is_over(claim) { Purpose::Final } else { Purpose::Routine };
        let fetched = self.fetch.fetch(purpose, &claim.account, &claim.signing_request).await?;
        let request =
            map_rest::signing_request(fetched.json.get(), &fetched.base).map_err(rest::Error::Malformed)?;
        if request.id != claim.signing_request.as_str() {
            return Err(rest::Error::Malformed("it tells of another signing request".to_owned()));
        }
        Ok(request)
    }

    async fn complete(&self, claim: Enrichment, now: Timestamp, end: End) -> Result<(), store::Error> {
        let (how, carried_by, result) = match end {
            End::Fetched(request) => ("fetched", None, Ok(request)),
            End::Carried(carried) => ("carried", Some(carried.by), Ok(Box::new(carried.signing_request))),
            End::GivenUp(failure) => ("given_up", None, Err(failure)),
        };
        let enriched = Enriched {
            account: claim.account.clone(),
            integrated_account: claim.integrated_account.clone(),
            signing_request: claim.signing_request.clone(),
            known_status: claim.status,
            covers: claim.covers.iter().map(|covered| (covered.id, covered.sequence)).collect(),
            received_at: now,
            carried_by,
            result,
        };
        let change = EnrichedChange {
            id: enriched.id(),
            routing_key: enriched.routing_key(),
            occurred_at: enriched.occurred_at(),
            received_at: now,
            body: Box::new(move |sequence| enriched.body(sequence)),
        };
        self.written(self.claims.complete_enrichment(claim, change).await)?;
        failpoint::pass(Step::Completed);
        self.metrics.count(Metric::Changes, "enriched", 1);
        self.metrics.count(Metric::Milestones, "enriched", 1);
        self.metrics.count(Metric::Enriched, how, 1);
        Ok(())
    }

    async fn put_off(
        &self,
        claim: Enrichment,
        until: Timestamp,
        attempts: u32,
        why: String,
    ) -> Result<(), store::Error> {
        self.written(self.claims.defer_enrichment(claim, until, attempts, why).await)?;
        failpoint::pass(Step::PutOff);
        Ok(())
    }

    fn written(&self, result: Result<(), store::Error>) -> Result<(), store::Error> {
        if let Err(error) = &result {
            self.metrics.count(Metric::StoreErrors, "", 1);
            tracing::error!(%error, "the end of a fetch could not be written: it will be repeated");
        }
        result
    }

    /// How long to wait after so many failed attempts; none where waiting does not help. Full jitter: those that
    /// failed together do not come back together.
    fn wait(&self, again: Again, attempts: u32) -> Option<Duration> {
        match again {
            Again::Never | Again::At(_) => None,
            Again::Later => Some(self.part_of(doubled(limits::ENRICH_BACKOFF, attempts))),
            // Never soon: nobody mends it in seconds, and asking with wrong credentials looks like an attack.
            Again::Mended => {
                let (first, _) = limits::ENRICH_MEND_BACKOFF;
                Some(first + self.part_of(doubled(limits::ENRICH_MEND_BACKOFF, attempts)))
            }
        }
    }

    /// How long no claim is taken after the store failed so many times in a row: each claim costs a call.
    pub(super) fn rest_after(&self, faults: u32) -> Duration {
        let (first, _) = limits::ENRICH_BACKOFF;
        first + self.part_of(doubled(limits::ENRICH_BACKOFF, faults))
    }

    fn part_of(&self, longest: Duration) -> Duration {
        longest.mul_f64(self.dice.fraction())
    }
}

/// How a claim comes to its end.
enum End {
    /// DocuSign was asked for it.
    Fetched(Box<SigningRequest>),
    /// A message had carried all of it.
    Carried(Box<Carried>),
    /// It cannot be had.
    GivenUp(Failure),
}

/// Whether the signing request came to its end.
fn is_over(claim: &Enrichment) -> bool {
    claim.status.is_some_and(SigningRequestStatus::is_over)
}

/// The first wait, doubled with each attempt after the first, up to the longest.
fn doubled((first, longest): (Duration, Duration), attempts: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
    first.saturating_mul(factor).min(longest)
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn failure(error: &rest::Error, attempts: u32) -> Failure {
    Failure {
        code: error.code(),
        message: error.message(),
        status: error.status(),
        trace_token: error.trace_token().map(str::to_owned),
        attempts,
    }
}

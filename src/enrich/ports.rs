//! What enriching needs of the store and of DocuSign, so that the flow can be tried without either.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::base::{AccountId, Position, SigningRequestId};
use crate::rest::{self, Fetched, Include, Purpose};
use crate::signing::Told;
use crate::store::{self, EnrichedChange, Enrichment, Store};

/// The store's part: see the methods of the same names on [`Store`].
pub trait Claims: Send + Sync + 'static {
    /// Wakes on every commit.
    fn last_position(&self) -> watch::Receiver<Position>;

    /// Signing requests whose fetch is due.
    fn claim_enrichments(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Enrichment>, store::Error>> + Send;

    /// When the next one falls due.
    fn next_enrichment_at(&self) -> impl Future<Output = Result<Option<Timestamp>, store::Error>> + Send;

    /// What Connect's messages told since the signing request was last told whole, where that may be all.
    fn told_since(
        &self,
        claim: &Enrichment,
    ) -> impl Future<Output = Result<Option<Told>, store::Error>> + Send;

    /// Appends the enriched change and ends the claim.
    fn complete_enrichment(
        &self,
        claim: Enrichment,
        enriched: EnrichedChange,
    ) -> impl Future<Output = Result<(), store::Error>> + Send;

    /// Gives a claim back until later; `attempts` is its new count of failed attempts.
    fn defer_enrichment(
        &self,
        claim: Enrichment,
        until: Timestamp,
        attempts: u32,
        why: String,
    ) -> impl Future<Output = Result<(), store::Error>> + Send;
}

impl Claims for Store {
    fn last_position(&self) -> watch::Receiver<Position> {
        self.last_position()
    }

    async fn claim_enrichments(&self, now: Timestamp, limit: usize) -> Result<Vec<Enrichment>, store::Error> {
        self.claim_enrichments(now, limit).await
    }

    async fn next_enrichment_at(&self) -> Result<Option<Timestamp>, store::Error> {
        self.next_enrichment_at().await
    }

    async fn told_since(&self, claim: &Enrichment) -> Result<Option<Told>, store::Error> {
        self.told_since(claim).await
    }

    async fn complete_enrichment(
        &self,
        claim: Enrichment,
        enriched: EnrichedChange,
    ) -> Result<(), store::Error> {
        self.complete_enrichment(claim, enriched).await
    }

    async fn defer_enrichment(
        &self,
        claim: Enrichment,
        until: Timestamp,
        attempts: u32,
        why: String,
    ) -> Result<(), store::Error> {
        self.defer_enrichment(claim, until, attempts, why).await
    }
}

/// DocuSign's part.
pub trait Fetch: Send + Sync + 'static {
    /// All that DocuSign tells about a signing request, by one call; `purpose` tells which calls of an hour it may use.
    fn fetch(
        &self,
        purpose: Purpose,
        account: &AccountId,
        signing_request: &SigningRequestId,
    ) -> impl Future<Output = Result<Fetched, rest::Error>> + Send;

    /// The address of the account's REST API, where that is known without any call.
    fn base(&self, account: &AccountId) -> impl Future<Output = Option<String>> + Send;
}

impl Fetch for rest::Client {
    async fn fetch(
        &self,
        purpose: Purpose,
        account: &AccountId,
        signing_request: &SigningRequestId,
    ) -> Result<Fetched, rest::Error> {
        self.envelope_for(purpose, account, signing_request.as_str(), &Include::ALL).await
    }

    async fn base(&self, account: &AccountId) -> Option<String> {
        self.base(account).await
    }
}

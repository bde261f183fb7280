//! One page of a run: asked for, read, compared with the store, and what is missing written or asked for again.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::base::{DeliveryId, SourceName, limits};
use crate::connect::{Answered, Body, Delivery, parse_answer};
use crate::rest;
use crate::signing::{Change, Observation, map_look};
use crate::store::{self, Found, ReconcileRun};
use crate::telemetry::Metric;

use super::run::{Cursor, Times};
use super::{Ask, Reconciler};

/// The source that what was found is stored under.
const SOURCE: &str = "reconcile";

/// Why a page came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Docusign(#[from] rest::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What became of a page.
#[derive(Debug)]
pub(super) struct Paged {
    /// False where it was the last.
    pub(super) more: bool,
    /// What DocuSign told about our calls.
    pub(super) rate: rest::RateLimit,
}

impl<D: Ask> Reconciler<D> {
    /// Takes the page that comes next. Where it fails, the cursor stays, and what was written stays written.
    pub(super) async fn page(&self, run: &mut ReconcileRun, cursor: &mut Cursor) -> Result<Paged, Trouble> {
        let asked = cursor.asks();
        run.calls += 1;
        let listed = self.docusign.status_changes(&run.account, &asked).await?;
        let now = self.clock.now();
        let Read { times, seen, bodies, unreadable } = read(&listed, run, cursor);
        let seen = Arc::new(seen);
        let missing = self.store.would_change(Arc::clone(&seen), now).await?;
        let missing = seen.iter().zip(bodies).zip(missing).filter(|(_, changes)| !changes.is_empty());
        let mut again = Vec::new();
        for ((seen, body), changes) in missing {
            if run.ask_connect && !run.dry_run {
                again.push((seen, changes));
            } else if run.dry_run || self.write(run, seen, body, now).await? {
                self.note(run, seen, &changes);
            }
        }
        for some in again.chunks(limits::RECONCILE_REPUBLISH_MAX) {
            let ids: Vec<_> = some.iter().map(|(seen, _)| seen.subject.id().to_owned()).collect();
            run.calls += 1;
            let republished = self.docusign.republish(&run.account, &ids).await?;
            if let Some(why) = republished.refused {
                tracing::warn!(account = %run.account, %why, "Connect does not publish everything again");
            }
            some.iter().for_each(|(seen, changes)| self.note(run, seen, changes));
        }
        run.looked += seen.len() as u64;
        run.unreadable += unreadable;
        if asked.by == rest::By::StatusChanged {
            run.total = run.total.max(listed.total.unwrap_or(0));
        }
        run.total = run.total.max(run.looked);
        seen.iter().for_each(|seen| cursor.saw(seen.subject.id()));
        let more = cursor.moves_on(&times, listed.more);
        Ok(Paged { more, rate: listed.rate })
    }

    /// Writes into the report what had been missed.
    fn note(&self, run: &mut ReconcileRun, seen: &Observation, changes: &[Change]) {
        let missed = changes.len() as u64;
        run.missed += missed;
        run.concerned += 1;
        if run.signing_requests.len() < limits::RECONCILE_NAMED_MAX {
            run.signing_requests.push(seen.subject.id().to_owned());
        }
        let oldest = changes.iter().map(|change| change.occurred_at.at).min();
        run.missed_since = run.missed_since.into_iter().chain(oldest).min();
        self.metrics.count(Metric::ReconcileMissed, "", if run.dry_run { 0 } else { missed });
    }

    /// Writes what was found; false where it came to be known meanwhile.
    async fn write(
        &self,
        run: &ReconcileRun,
        seen: &Observation,
        body: &RawValue,
        now: Timestamp,
    ) -> Result<bool, store::Error> {
        let headers = [("content-type", "application/json"), ("x-docusign-accountid", run.account.as_str())];
        let answer = Answered::new(Delivery {
            id: DeliveryId(self.dice.uuid_at(now)),
            source: SourceName::new(SOURCE),
            received_at: now,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: Body::Inline(bytes::Bytes::copy_from_slice(body.get().as_bytes())),
            traceparent: self.dice.traceparent(),
        });
        let appended = self.store.append_found(Found { answer, seen: Box::new(seen.clone()) }).await?;
        for kind in &appended.changes {
            self.metrics.count(Metric::Changes, kind, 1);
        }
        Ok(!appended.changes.is_empty())
    }
}

/// What a page tells.
struct Read<'a> {
    times: Vec<Times>,
    /// What those tell that were not seen before, and the bytes of each.
    seen: Vec<Observation>,
    bodies: Vec<&'a RawValue>,
    unreadable: u64,
}

fn read<'a>(listed: &'a rest::Listed, run: &ReconcileRun, cursor: &Cursor) -> Read<'a> {
    // What happened just now is left to the next look, unless somebody asks for it: its delivery is on its way.
    let too_fresh = |at: Option<Timestamp>| !run.asked && at.is_some_and(|at| at > run.to);
    let mut read = Read { times: Vec::new(), seen: Vec::new(), bodies: Vec::new(), unreadable: 0 };
    let mut within = HashSet::new();
    for body in &listed.envelopes {
        let Ok(event) = parse_answer(body.get().as_bytes()) else {
            read.unreadable += 1;
            read.times.push(Times::default());
            continue;
        };
        let status_changed = event.envelope.as_ref().and_then(|envelope| envelope.status_changed_at);
        let modified = event.generated_at.map(|moment| moment.at);
        read.times.push(Times { status_changed: status_changed.map(|moment| moment.at), modified });
        let told = map_look::look(&event, run.account.clone());
        let id = told.subject.id().to_owned();
        if !too_fresh(modified) && !cursor.has_seen(&id) && within.insert(id) {
            read.seen.push(told);
            read.bodies.push(body);
        }
    }
    read
}

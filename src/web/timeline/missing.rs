//! What is missing in the life of a signing request: still to be published or fetched, or not there at all.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::signing::State;
use crate::signing::change::ENRICHED_TYPE;
use crate::store::FeedRow;
use crate::web::BrokerView;

use super::Told;

/// Something that should follow and has not yet, or should be there and is not.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Missing {
    /// `published`: changes wait for the broker; `enriched`: for the fetch; `stored`: they are not in the store.
    #[schema(pattern = "^(published|enriched|stored)$")]
    what: &'static str,
    /// The first sequence concerned.
    from: u64,
    /// The last one; all in between are concerned too.
    to: u64,
    /// Since when, where that is known.
    #[schema(required = true)]
    since: Option<Timestamp>,
    /// Why, in words.
    why: String,
}

/// All that is missing, by what it is.
pub(super) fn missing(
    state: &State,
    changes: &[(FeedRow, Told)],
    stored: &BTreeMap<u64, Timestamp>,
    fetch: Option<&(Timestamp, u32, Option<String>)>,
    broker: &BrokerView,
) -> Vec<Missing> {
    let mut missing = absent(state, changes);
    let since = |sequence: u64| stored.get(&sequence).copied();
    // Without a broker nothing waits: the feed is what subscribers read.
    if broker.configured {
        let waiting = changes.iter().filter(|(row, _)| !row.published).map(|(row, _)| row.entry.sequence);
        missing.extend(runs(waiting).into_iter().map(|(from, to)| {
            let why = why_unpublished(broker);
            Missing { what: "published", from, to, since: since(from), why }
        }));
    }
    if let Some((due_at, attempts, last_error)) = fetch {
        let answered = changes.iter().flat_map(|(_, told)| &told.covers).map(|cover| cover.sequence).max();
        let told = changes.iter().filter(|(row, _)| row.entry.event_type != ENRICHED_TYPE);
        let open: Vec<u64> =
            told.map(|(row, _)| row.entry.sequence).filter(|s| Some(*s) > answered).collect();
        if let (Some(from), Some(to)) = (open.first().copied(), open.last().copied()) {
            let why = match last_error {
                Some(error) => {
                    format!(
                        "the fetch failed ({attempts} attempts count): {error}; it is tried again from {due_at} on"
                    )
                }
                None => format!("the fetch is due from {due_at} on"),
            };
            missing.push(Missing { what: "enriched", from, to, since: since(from), why });
        }
    }
    missing
}

/// Sequences that are left out, or lie beyond the newest change.
fn absent(state: &State, changes: &[(FeedRow, Told)]) -> Vec<Missing> {
    let lost = "not in the store, and not pruned before what is: `countersign check --books` counts, `countersign \
                replay --dry-run` tells what it was";
    let mut missing = Vec::new();
    let mut add = |from: u64, to: u64, why: &str| {
        if from <= to {
            missing.push(Missing { what: "stored", from, to, since: None, why: why.to_owned() });
        }
    };
    let mut next = None;
    for (row, _) in changes {
        let sequence = row.entry.sequence;
        match next {
            Some(next) => add(next, sequence.saturating_sub(1), lost),
            None => add(1, sequence.saturating_sub(1), "older than what is kept or shown here"),
        }
        next = Some(sequence.saturating_add(1));
    }
    match next {
        Some(next) => add(next, state.sequence, lost),
        None => add(1, state.sequence, "older than what is kept"),
    }
    missing
}

fn why_unpublished(broker: &BrokerView) -> String {
    let error = broker.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    match (broker.connected, broker.blocked) {
        (false, _) => format!("the broker is down{error}"),
        (true, true) => "the broker blocks publishers: it is short of memory or disk".to_owned(),
        (true, false) => {
            format!("the broker is connected: it is on its way, or the broker did not take it{error}")
        }
    }
}

/// Numbers in order, as runs from and to.
fn runs(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, to)) if number == to.saturating_add(1) => *to = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::web::bench::{Bench, now};

    fn rows(sequences: &[(u64, bool)]) -> Vec<(FeedRow, Told)> {
        let row = |(sequence, published): &(u64, bool)| {
            let mut row = Bench::row(*sequence);
            row.published = *published;
            (row, Told::default())
        };
        sequences.iter().map(row).collect()
    }

    fn state(sequence: u64) -> State {
        serde_json::from_value(json!({"n": sequence, "s": 0})).unwrap()
    }

    fn told(missing: &[Missing]) -> Vec<(&str, u64, u64)> {
        missing.iter().map(|m| (m.what, m.from, m.to)).collect()
    }

    #[test]
    fn what_waits_for_the_broker_is_told_in_runs_with_the_reason() {
        let changes = rows(&[(1, true), (2, false), (3, false), (4, true), (5, false)]);
        let stored = BTreeMap::from([(2, now())]);
        let away = BrokerView {
            configured: true,
            error: Some("connection refused".into()),
            ..BrokerView::default()
        };
        let found = missing(&state(5), &changes, &stored, None, &away);
        assert_eq!(told(&found), [("published", 2, 3), ("published", 5, 5)]);
        assert_eq!(
            (found[0].since, found[0].why.as_str()),
            (Some(now()), "the broker is down: connection refused")
        );
        assert_eq!(
            missing(&state(5), &changes, &stored, None, &BrokerView::default()),
            [],
            "there is no broker"
        );
    }

    #[test]
    fn what_is_not_in_the_store_is_told_apart_from_what_was_pruned() {
        let found = missing(
            &state(9),
            &rows(&[(3, true), (6, true)]),
            &BTreeMap::new(),
            None,
            &BrokerView::default(),
        );
        assert_eq!(told(&found), [("stored", 1, 2), ("stored", 4, 5), ("stored", 7, 9)]);
        assert!(found[0].why.contains("older") && found[1].why.contains("not pruned"), "{found:?}");
    }

    #[test]
    fn a_fetch_that_failed_is_told_with_its_error() {
        let fetch = (now(), 2, Some("503".to_owned()));
        let found =
            missing(&state(1), &rows(&[(1, true)]), &BTreeMap::new(), Some(&fetch), &BrokerView::default());
        assert_eq!(told(&found), [("enriched", 1, 1)]);
        assert!(found[0].why.contains("503") && found[0].why.contains("2 attempts"), "{found:?}");
    }
}

//! Several messages about one signing request, apart by a byte 0xff: in any order they come to the same.

use std::collections::BTreeSet;
use std::path::Path;

use countersign::connect::parse_bytes;
use countersign::signing::{ChangeKind, Observation, State, Verdict};

use super::{files, story};

const APART: u8 = 0xff;
const MESSAGES_MAX: usize = 6;

pub(crate) fn check(data: &[u8]) {
    let bodies = data.split(|byte| *byte == APART).take(MESSAGES_MAX);
    let events = bodies.filter_map(|body| parse_bytes(body, None).ok());
    let mut messages: Vec<_> = events.map(|event| story::seen(&event)).collect();
    let Some(first) = messages.first().cloned() else { return };
    for message in &mut messages {
        message.account = first.account.clone();
        message.subject = first.subject.clone();
    }
    let straight: Vec<_> = (0..messages.len()).collect();
    let (state, ids, conflict) = told(&messages, &straight);
    for turn in 0..messages.len() {
        let mut order = straight.clone();
        order.rotate_left(turn);
        for order in [order.clone(), order.into_iter().rev().collect()] {
            let (other, others, other_conflict) = told(&messages, &order);
            assert_eq!(others, ids, "another order, other changes: {order:?}");
            assert_eq!(other_conflict, conflict, "a conflict in one order only: {order:?}");
            // Of two endings that exclude one another, the first one told stands.
            assert!(
                conflict || other == state,
                "another order, another state: {order:?}\n{state:?}\n{other:?}"
            );
        }
    }
}

/// Tells the messages in an order, then once more: the state, the ids, and whether anything was a conflict.
fn told(messages: &[Observation], order: &[usize]) -> (State, BTreeSet<String>, bool) {
    let (mut state, mut ids, mut activities, mut conflict) =
        (State::default(), BTreeSet::new(), BTreeSet::new(), false);
    for (again, at) in [false, true].into_iter().flat_map(|again| order.iter().map(move |at| (again, *at))) {
        let before = state.sequence;
        let changes = state.apply(&messages[at], story::cause(at), |id| activities.contains(&id));
        assert!(!again || changes.is_empty(), "told before, and told again as new: {changes:?}");
        for (n, change) in changes.into_iter().enumerate() {
            assert_eq!(change.sequence, before + n as u64 + 1, "a gap in the sequence");
            assert!(ids.insert(change.id.to_string()), "an id was given twice");
            conflict |= change.verdict == Verdict::Conflict;
            if change.kind == ChangeKind::Activity {
                activities.insert(change.id);
            }
        }
    }
    (state, ids, conflict)
}

pub(crate) fn seeds(fixtures: &Path) -> Vec<Vec<u8>> {
    let bodies = files(&fixtures.join("connect"), |path| path.file_stem().is_some_and(|stem| stem == "body"));
    let readable: Vec<_> = bodies.into_iter().filter(|body| parse_bytes(body, None).is_ok()).collect();
    (0..readable.len())
        .map(|at| {
            let few: Vec<_> = (0..4).map(|step| readable[(at + step * 7) % readable.len()].clone()).collect();
            few.join(&APART)
        })
        .collect()
}

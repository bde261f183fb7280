//! Comparing one life as it was published with the same life as it comes out today.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::base::{ChangeId, DeliveryId, Position};
use crate::signing::replay::{Published, Retold};
use crate::signing::{Change, Origin};
use crate::store::{Life, ReplayOrder};

use super::{Choice, Finding, Tally, Verdict};

/// Whether all messages are there that made the life what it is: each delivery says how many changes it made, and
/// every other change was made of a fetch.
pub(super) fn is_whole(life: &Life, published: &[Published]) -> bool {
    let told: u64 = life.deliveries.iter().filter(|d| d.kept).map(|delivery| delivery.changes).sum();
    let untold = published.iter().filter(|change| change.told_by.is_none()).count() as u64;
    told + untold + life.enriched == life.sequence
}

/// The deliveries in the order in which they were applied: as they were stored, but for those that lay in quarantine
/// first. These stand where their changes do; one that made none, last.
pub(super) fn in_order(life: &Life, published: &[Published]) -> Vec<usize> {
    let mut made: HashMap<DeliveryId, Position> = HashMap::new();
    let mut replayed: HashMap<DeliveryId, Position> = HashMap::new();
    for change in published {
        let Some(id) = change.told_by else { continue };
        let of = if change.origin == Origin::Replay { &mut replayed } else { &mut made };
        of.entry(id).or_insert(change.entry.position);
    }
    let mut last = Position(0);
    let mut keyed: Vec<(Position, usize)> = Vec::with_capacity(life.deliveries.len());
    for (at, delivery) in life.deliveries.iter().enumerate() {
        let place = if delivery.released {
            replayed.get(&delivery.id).copied().unwrap_or(Position(u64::MAX))
        } else {
            last = last.max(made.get(&delivery.id).copied().unwrap_or(last));
            last
        };
        keyed.push((place, at));
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// What is found in one life, and what is to be published of it.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) findings: Vec<Finding>,
    pub(super) order: ReplayOrder,
    pub(super) tally: Tally,
}

/// Compares what was published with what comes out now, as far as `within` has the deliveries that tell it.
pub(super) fn compare(
    life: &Life,
    published: Vec<Published>,
    retold: &Retold,
    within: impl Fn(Option<DeliveryId>) -> bool,
    choice: &Choice,
) -> Compared {
    let mut compared = Compared::default();
    let today: BTreeMap<ChangeId, &Change> =
        retold.changes.iter().map(|change| (change.id, change)).collect();
    let released: HashSet<DeliveryId> =
        life.deliveries.iter().filter(|delivery| delivery.released).map(|delivery| delivery.id).collect();
    let there: HashSet<ChangeId> = published.iter().map(|change| change.entry.id).collect();
    for change in published {
        let in_place =
            change.origin != Origin::Replay || change.told_by.is_some_and(|id| released.contains(&id));
        match today.get(&change.entry.id) {
            Some(made) if within(made.delivery_id) || within(change.told_by) => {
                compared.both(change, made, in_place, choice);
            }
            None if within(change.told_by) => {
                compared.tally.extra += 1;
                compared.findings.push(Finding::published(change, Verdict::Extra, false));
            }
            _ => {}
        }
    }
    for made in retold.changes.iter().filter(|made| !there.contains(&made.id) && within(made.delivery_id)) {
        compared.missing(made, choice);
    }
    compared
}

impl Compared {
    /// A change that was published and comes out today too.
    fn both(&mut self, change: Published, made: &Change, in_place: bool, choice: &Choice) {
        let named = choice.ids.contains(&change.entry.id);
        let position = change.entry.position;
        let differences = change.differences(made, in_place);
        if differences.is_empty() {
            self.tally.same += 1;
            self.order.same.extend(named.then_some(position));
            return;
        }
        self.tally.different += 1;
        let chosen = named || choice.different;
        self.order.different.extend(chosen.then(|| (position, made.clone())));
        self.findings.push(Finding::published(change, Verdict::Different(differences), chosen));
    }

    /// A change that comes out today and was never published.
    fn missing(&mut self, made: &Change, choice: &Choice) {
        self.tally.missing += 1;
        let chosen = choice.missing || choice.ids.contains(&made.id);
        self.order.missing.extend(chosen.then(|| (made.clone(), String::new())));
        self.findings.push(Finding {
            verdict: Verdict::Missing,
            id: made.id,
            account: made.account.clone(),
            subject: made.subject.clone(),
            routing_key: made.routing_key(),
            occurred_at: made.occurred_at.at,
            position: None,
            sequence: None,
            delivery_id: made.delivery_id,
            published: false,
        });
    }
}

impl Finding {
    fn published(change: Published, verdict: Verdict, chosen: bool) -> Self {
        let entry = change.entry;
        Self {
            verdict,
            id: entry.id,
            account: entry.account,
            subject: entry.subject,
            routing_key: entry.routing_key,
            occurred_at: entry.occurred_at,
            position: Some(entry.position),
            sequence: Some(entry.sequence),
            delivery_id: change.told_by,
            published: chosen,
        }
    }
}

//! The books: counts that must agree with one another, whatever was restarted, killed or retried in between.
//!
//! Each equation has two sides that were counted apart, in different places. So a delivery or change that got lost
//! on the way from one milestone to the next shows as a difference. What to do about it: `docs/operations.md`.

/// What the store has counted since it was made, and what stands in it now. All taken at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Number of the newest delivery: they are numbered from 1 without gaps.
    pub last_delivery: u64,
    /// Deliveries accepted.
    pub accepted: u64,
    /// Deliveries that told nothing new.
    pub duplicates: u64,
    /// Deliveries ever put into quarantine.
    pub quarantined: u64,
    /// Of those, how many are there now.
    pub quarantine: u64,
    /// Of those, how many were released.
    pub released: u64,
    /// Of those, how many were dropped.
    pub dropped: u64,
    /// Position of the newest change: they are numbered from 1 without gaps.
    pub last_position: u64,
    /// Changes appended.
    pub changes: u64,
    /// Of those, told by deliveries as they came, or as they were released.
    pub told: u64,
    /// Of those, made of a fetch.
    pub enriched: u64,
    /// Of those, made by replay because they were missing.
    pub replayed: u64,
    /// Of those, telling of linked accounts.
    pub noted: u64,
    /// Published changes that were put back, to be published once more.
    pub put_back: u64,
    /// Changes taken off the outbox with the broker's receipt.
    pub settled: u64,
    /// Of those, for the first time.
    pub published: u64,
    /// Of those, once more.
    pub published_again: u64,
    /// Changes in the outbox now.
    pub outbox: u64,
    /// Fetches that came to be wanted.
    pub fetches: u64,
    /// Fetches that are wanted now.
    pub fetches_open: u64,
}

/// What is really in the tables, row by row: slow to count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// Rows of deliveries.
    pub deliveries: u64,
    /// Deliveries that were pruned.
    pub deliveries_pruned: u64,
    /// Changes that the rows of deliveries say they made.
    pub told: u64,
    /// The same of deliveries that were pruned.
    pub told_pruned: u64,
    /// Rows of changes.
    pub changes: u64,
    /// Changes that were pruned.
    pub changes_pruned: u64,
    /// Changes that are neither published nor in the outbox.
    pub stranded: u64,
    /// Rows of the outbox whose change is not there.
    pub orphans: u64,
    /// Places in which a sequence leaves out a number.
    pub gaps: u64,
    /// Signing requests whose state has another last sequence than their newest change.
    pub heads: u64,
    /// Where some of the gaps and heads are, for people.
    pub places: Vec<String>,
}

/// Two sides that must be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Equation {
    /// A stable word: the label in metrics.
    pub name: &'static str,
    /// What the left side counts.
    pub left_is: &'static str,
    /// The left side.
    pub left: u64,
    /// What the right side counts.
    pub right_is: &'static str,
    /// The right side.
    pub right: u64,
    /// What it means when they differ.
    pub meaning: &'static str,
}

impl Equation {
    /// Whether both sides are equal.
    pub fn balances(&self) -> bool {
        self.left == self.right
    }

    /// Left less right: 0 where it balances.
    pub fn difference(&self) -> i64 {
        let side = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        side(self.left) - side(self.right)
    }
}

impl std::fmt::Display for Equation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, left_is, left, right_is, right, meaning } = self;
        let sign = if self.balances() { "=" } else { "≠" };
        write!(f, "{name}: {left_is} ({left}) {sign} {right_is} ({right})")?;
        if self.balances() { Ok(()) } else { write!(f, "; {meaning}") }
    }
}

/// The equations that cost next to nothing to try.
pub fn equations(counts: &Counts) -> Vec<Equation> {
    let c = counts;
    vec![
        Equation {
            name: "deliveries",
            left_is: "deliveries numbered",
            left: c.last_delivery,
            right_is: "accepted + duplicates + quarantined",
            right: c.accepted + c.duplicates + c.quarantined,
            meaning: "a delivery was stored without an outcome, or an outcome was counted without a delivery",
        },
        Equation {
            name: "quarantine",
            left_is: "quarantined",
            left: c.quarantined,
            right_is: "in quarantine + released + dropped",
            right: c.quarantine + c.released + c.dropped,
            meaning: "a quarantine ended in no known way, or twice",
        },
        Equation {
            name: "changes",
            left_is: "changes appended",
            left: c.changes,
            right_is: "told + enriched + replayed + noted",
            right: c.told + c.enriched + c.replayed + c.noted,
            meaning: "a change was appended that nothing made, or was made and not appended",
        },
        Equation {
            name: "positions",
            left_is: "the newest position",
            left: c.last_position,
            right_is: "changes appended",
            right: c.changes,
            meaning: "the newest changes are gone from the feed, or a position was left out",
        },
        Equation {
            name: "outbox",
            left_is: "changes appended + put back",
            left: c.changes + c.put_back,
            right_is: "settled + in the outbox",
            right: c.settled + c.outbox,
            meaning: "a change left the outbox without the broker's receipt, or never came to it",
        },
        Equation {
            name: "published",
            left_is: "settled",
            left: c.settled,
            right_is: "published + published again",
            right: c.published + c.published_again,
            meaning: "a change was settled and its publishing not written down",
        },
        Equation {
            name: "fetches",
            left_is: "fetches wanted",
            left: c.fetches,
            right_is: "enriched + fetches outstanding",
            right: c.enriched + c.fetches_open,
            meaning: "a fetch was forgotten: its changes will not be enriched",
        },
    ]
}

/// The equations over the rows themselves; they say which of the counts is wrong.
pub fn row_equations(counts: &Counts, rows: &Rows) -> Vec<Equation> {
    let none =
        |name, left_is, left, meaning| Equation { name, left_is, left, right_is: "none", right: 0, meaning };
    vec![
        Equation {
            name: "delivery_rows",
            left_is: "deliveries numbered",
            left: counts.last_delivery,
            right_is: "rows of deliveries + pruned",
            right: rows.deliveries + rows.deliveries_pruned,
            meaning: "rows of deliveries were removed or added by something else than countersign",
        },
        Equation {
            name: "change_rows",
            left_is: "changes appended",
            left: counts.changes,
            right_is: "rows of changes + pruned",
            right: rows.changes + rows.changes_pruned,
            meaning: "rows of changes were removed or added by something else than countersign: \
                      `countersign replay --dry-run` tells which, where the bytes are still there",
        },
        Equation {
            name: "told_rows",
            left_is: "changes told + replayed",
            left: counts.told + counts.replayed,
            right_is: "changes by the rows of deliveries + by those pruned",
            right: rows.told + rows.told_pruned,
            meaning: "a delivery says that it made other changes than it did",
        },
        none(
            "stranded",
            "changes neither published nor in the outbox",
            rows.stranded,
            "they would never be published: find them with `countersign events list`, and publish them with \
             `countersign events replay`",
        ),
        none(
            "orphans",
            "rows of the outbox without a change",
            rows.orphans,
            "changes were removed before they were published: `countersign replay --dry-run` tells which",
        ),
        none(
            "gaps",
            "numbers left out of sequences",
            rows.gaps,
            "subscribers would wait for changes that are not there: `countersign replay --dry-run` tells which",
        ),
        none(
            "heads",
            "states ahead of or behind their newest change",
            rows.heads,
            "the newest changes of those signing requests are not there: `countersign replay --dry-run` tells which",
        ),
    ]
}

/// Those that do not balance.
pub fn imbalances(equations: &[Equation]) -> impl Iterator<Item = &Equation> {
    equations.iter().filter(|equation| !equation.balances())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> (Counts, Rows) {
        let counts = Counts {
            last_delivery: 10,
            accepted: 5,
            duplicates: 2,
            quarantined: 3,
            quarantine: 1,
            released: 1,
            dropped: 1,
            last_position: 12,
            changes: 12,
            told: 8,
            enriched: 3,
            replayed: 1,
            noted: 0,
            put_back: 2,
            settled: 11,
            published: 10,
            published_again: 1,
            outbox: 3,
            fetches: 5,
            fetches_open: 2,
        };
        let rows = Rows {
            deliveries: 6,
            deliveries_pruned: 4,
            told: 7,
            told_pruned: 2,
            changes: 9,
            changes_pruned: 3,
            ..Rows::default()
        };
        (counts, rows)
    }

    fn wrong(counts: &Counts, rows: &Rows) -> Vec<&'static str> {
        let all: Vec<_> = equations(counts).into_iter().chain(row_equations(counts, rows)).collect();
        imbalances(&all).map(|equation| equation.name).collect()
    }

    #[test]
    fn sound_books_balance_and_each_single_loss_is_seen() {
        let (counts, rows) = sound();
        assert_eq!(wrong(&counts, &rows), [""; 0]);
        let off = |spoil: fn(&mut Counts)| {
            let mut spoilt = counts;
            spoil(&mut spoilt);
            wrong(&spoilt, &rows)
        };
        assert_eq!(off(|c| c.accepted -= 1), ["deliveries"]);
        assert_eq!(off(|c| c.quarantine -= 1), ["quarantine"]);
        assert_eq!(off(|c| c.enriched -= 1), ["changes", "fetches"]);
        assert_eq!(off(|c| c.last_position -= 1), ["positions"]);
        assert_eq!(off(|c| c.outbox -= 1), ["outbox"]);
        assert_eq!(off(|c| c.published -= 1), ["published"]);
        assert_eq!(off(|c| c.fetches_open -= 1), ["fetches"]);
        let off = |spoil: fn(&mut Rows)| {
            let mut spoilt = rows.clone();
            spoil(&mut spoilt);
            wrong(&counts, &spoilt)
        };
        assert_eq!(off(|r| r.deliveries -= 1), ["delivery_rows"]);
        assert_eq!(off(|r| r.changes -= 1), ["change_rows"]);
        assert_eq!(off(|r| r.told += 1), ["told_rows"]);
        assert_eq!(off(|r| r.stranded = 1), ["stranded"]);
        assert_eq!(off(|r| r.gaps = 1), ["gaps"]);
        assert_eq!(off(|r| r.heads = 1), ["heads"]);
    }

    #[test]
    fn an_imbalance_names_both_sides_and_what_it_means() {
        let (mut counts, _) = sound();
        counts.outbox = 1;
        let all = equations(&counts);
        let told = imbalances(&all).next().expect("an imbalance");
        assert_eq!(told.difference(), 2);
        assert_eq!(
            told.to_string(),
            "outbox: changes appended + put back (14) ≠ settled + in the outbox (12); a change left the outbox \
             without the broker's receipt, or never came to it"
        );
    }
}

//! Templates: made, changed and deleted; they have no status and no recipients that act.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::base::Dice;

use super::{Account, Pace, Setting, later, people, truncated};

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Whose.
    pub account: Arc<Account>,
    /// Its GUID.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub modified_at: Timestamp,
}

/// The versions of a template along its life, each with its event.
pub(super) fn versions(setting: &Setting, dice: &Dice) -> VecDeque<(&'static str, Template)> {
    let (name, _) = people::papers(dice);
    let mut at = truncated(setting.start);
    let first = Template {
        account: Arc::clone(&setting.account),
        id: people::guid(dice),
        name,
        created_at: at,
        modified_at: at,
    };
    let mut versions = VecDeque::from([("template-created", first.clone())]);
    let mut now = first;
    for event in ["template-modified", "template-deleted"] {
        at = later(at, gap(setting.pace, dice));
        now.modified_at = at;
        if event == "template-modified" {
            now.name.push_str(" v2");
        }
        versions.push_back((event, now.clone()));
    }
    versions
}

fn gap(pace: Pace, dice: &Dice) -> SignedDuration {
    match pace {
        Pace::Brisk(least, _) => least,
        Pace::Lifelike => SignedDuration::from_secs(30 + i64::try_from(dice.below(3_600)).unwrap_or(0)),
    }
}

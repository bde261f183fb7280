//! The demo's traffic: a bounded set of lives that never ends, each one done within seconds.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::base::{Clock, Dice};

use super::docusign::{Docusign, Play};
use super::life::{Life, Pace, Setting};
use super::sender::{Error, Report, Target};

/// How the demo goes by.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Where Connect's messages go.
    pub target: Target,
    /// Lives at once.
    pub alive: usize,
    /// The shortest and the longest time between two acts of a life.
    pub every: (SignedDuration, SignedDuration),
    /// Ends the demo.
    pub stop: CancellationToken,
}

impl Demo {
    /// A dozen lives, with something happening to each every few hundred milliseconds.
    pub fn to(target: Target) -> Self {
        Self {
            target,
            alive: 12,
            every: (SignedDuration::from_millis(250), SignedDuration::from_millis(900)),
            stop: CancellationToken::new(),
        }
    }
}

/// Plays lives on `docusign` until the demo is stopped: as one ends, another begins. Envelopes that somebody sends
/// over its REST are signed too.
///
/// # Errors
/// When the target's URL is none.
pub async fn run_demo_traffic(
    docusign: &Docusign,
    clock: Arc<dyn Clock>,
    dice: Dice,
    demo: Demo,
) -> Result<Report, Error> {
    let pace = Pace::Brisk(demo.every.0, demo.every.1);
    let accounts = docusign.accounts().to_vec();
    let lives = std::iter::from_fn(|| {
        let place = usize::try_from(dice.below(accounts.len() as u64)).ok()?;
        let account = Arc::clone(accounts.get(place)?);
        let setting = Setting { account, start: clock.now(), pace };
        Some(Life::drawn(&setting, Dice::seeded(dice.below(u64::MAX))))
    });
    let play = Play { alive: demo.alive, adopt: Some(pace), stop: demo.stop, ..Play::to(demo.target) };
    docusign.play(lives, play).await
}

//! Kinds of lives, and the acts that each one is made of.

use jiff::SignedDuration;

use crate::base::Dice;

use super::act::Act;
use super::people;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $word:literal $weight:literal,)*) => {
        /// What a life is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The kind's word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// How often it comes among a hundred lives.
            fn weight(self) -> u64 {
                match self { $(Self::$variant => $weight,)* }
            }
        }
    };
}

kinds! {
    /// Signers one after another.
    Sequential "sequential" 26,
    /// Signers side by side.
    Parallel "parallel" 17,
    /// Signers, and copies in between and at the end.
    CarbonCopies "carbon-copies" 10,
    /// A signer declines.
    Declined "declined" 7,
    /// The sender voids it.
    Voided "voided" 6,
    /// Its time runs out.
    Expired "expired" 4,
    /// The sender corrects an address and sends it again.
    Corrected "corrected" 4,
    /// A signer hands it on.
    Reassigned "reassigned" 4,
    /// A rule hands it on.
    Delegated "delegated" 2,
    /// A mail comes back; the signer finds another way.
    Bounced "bounced" 4,
    /// A signer puts it off and signs later.
    FinishedLater "finished-later" 4,
    /// An access code is wrong too often; later it is right.
    AuthenticationFailed "authentication-failed" 2,
    /// Completed, then its documents are purged.
    Purged "purged" 3,
    /// Completed, then deleted.
    Deleted "deleted" 2,
    /// A draft that is never sent.
    Discarded "discarded" 3,
    /// A template is made, changed and deleted.
    Template "template" 2,
}

impl Kind {
    /// A kind, as often as real traffic has it.
    pub fn drawn(dice: &Dice) -> Self {
        let total = Self::ALL.iter().map(|kind| kind.weight()).sum();
        let mut left = dice.below(total);
        for kind in Self::ALL {
            match left.checked_sub(kind.weight()) {
                Some(rest) => left = rest,
                None => return *kind,
            }
        }
        Self::Sequential
    }

    /// How many signers a life of this kind has.
    pub(super) fn signers(self, dice: &Dice) -> usize {
        let count = match self {
            Self::Template => 0,
            Self::Parallel | Self::Declined => 2 + dice.below(2),
            Self::Sequential | Self::CarbonCopies => 1 + dice.below(3),
            _ => 1 + dice.below(2),
        };
        usize::try_from(count).unwrap_or(1)
    }

    /// Whether its signers all have their turn at once.
    pub(super) fn side_by_side(self) -> bool {
        self == Self::Parallel
    }
}

/// The acts of a life with so many signers, in order.
pub(super) fn acts(kind: Kind, signers: usize, side_by_side: bool, dice: &Dice) -> Vec<Act> {
    let all = 0..signers;
    let whole = |before: Vec<Act>| -> Vec<Act> {
        let signing =
            if side_by_side { merged(signers, dice) } else { all.clone().flat_map(signs).collect() };
        [before, signing].concat()
    };
    let after_open = |act: Act| whole(vec![Act::Open(0), act]);
    let mut acts = vec![Act::Create, Act::Send];
    match kind {
        Kind::Template => return Vec::new(),
        Kind::Discarded => return vec![Act::Create, Act::Discard],
        Kind::Sequential | Kind::Parallel | Kind::CarbonCopies => acts.extend(whole(Vec::new())),
        Kind::Declined => {
            let last = signers.saturating_sub(1);
            acts.extend((0..last).flat_map(signs));
            acts.extend([Act::Open(last), Act::Decline(last)]);
        }
        Kind::Voided | Kind::Expired => {
            if dice.chance(0.5) {
                acts.push(Act::Open(0));
            }
            acts.push(match kind {
                Kind::Expired => Act::Expire,
                _ => Act::Void((*people::pick(dice, people::VOIDED)).to_owned()),
            });
        }
        Kind::Corrected => acts.extend(whole(vec![Act::Correct(0), Act::Resend])),
        Kind::Reassigned => acts.extend(after_open(Act::Reassign(0))),
        Kind::Delegated => acts.extend(whole(vec![Act::Delegate(0)])),
        Kind::Bounced => acts.extend(whole(vec![Act::Bounce(0)])),
        Kind::FinishedLater => acts.extend(after_open(Act::FinishLater(0))),
        Kind::AuthenticationFailed => acts.extend(whole(vec![Act::FailAuthentication(0)])),
        Kind::Purged => acts.extend(whole(Vec::new()).into_iter().chain([Act::Purge])),
        Kind::Deleted => acts.extend(whole(Vec::new()).into_iter().chain([Act::Delete])),
    }
    acts
}

/// What is left to do for an envelope that was made and sent by somebody else: its signers sign.
pub(super) fn signing(signers: impl IntoIterator<Item = usize>) -> Vec<Act> {
    signers.into_iter().flat_map(signs).collect()
}

fn signs(who: usize) -> [Act; 2] {
    [Act::Open(who), Act::Sign(who)]
}

/// Signers who open and sign in any order among one another.
fn merged(signers: usize, dice: &Dice) -> Vec<Act> {
    let mut left: Vec<(usize, u8)> = (0..signers).map(|who| (who, 0)).collect();
    let mut acts = Vec::with_capacity(2 * signers);
    while !left.is_empty() {
        let at = usize::try_from(dice.below(left.len() as u64)).unwrap_or(0);
        let (who, done) = &mut left[at];
        acts.push(if *done == 0 { Act::Open(*who) } else { Act::Sign(*who) });
        *done += 1;
        if *done == 2 {
            left.swap_remove(at);
        }
    }
    acts
}

/// How fast lives go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As people do it: seconds between sending and mail, minutes and hours between reading and signing; months
    /// until it expires. DocuSign tells half a second afterwards.
    Lifelike,
    /// Something happens every so often, between the two bounds; told at once.
    Brisk(SignedDuration, SignedDuration),
}

impl Pace {
    /// How long after the act before `act` happens, to the millisecond.
    pub(super) fn before(self, act: &Act, dice: &Dice) -> SignedDuration {
        const HOUR: i64 = 3_600_000;
        let (least, most) = match self {
            Self::Brisk(least, most) => (millis(least), millis(most)),
            Self::Lifelike => match act {
                Act::Create => (0, 1_000),
                Act::Send => (150, 90_000),
                Act::Bounce(_) => (1_200, 20_000),
                Act::Open(_) | Act::Correct(_) | Act::Delegate(_) => (20_000, 3 * HOUR),
                Act::Resend => (300, 2_000),
                Act::Expire => (24 * 119 * HOUR, 24 * 120 * HOUR),
                Act::Purge | Act::Delete => (HOUR, 24 * HOUR),
                _ => (8_000, HOUR),
            },
        };
        let width = u64::try_from(most - least).unwrap_or(0);
        SignedDuration::from_millis(least + i64::try_from(dice.below(width + 1)).unwrap_or(0))
    }

    /// How long after it happened something is told, and how far apart two things are told that happened at once.
    pub(super) fn lag(self) -> (SignedDuration, SignedDuration) {
        let (lag, apart) = match self {
            Self::Lifelike => (420, 35),
            Self::Brisk(..) => (0, 2),
        };
        (SignedDuration::from_millis(lag), SignedDuration::from_millis(apart))
    }
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

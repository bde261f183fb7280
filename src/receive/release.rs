//! Reading a quarantined delivery anew, with today's parser and today's settings.

use crate::base::DeliveryId;
use crate::store::{self, Appended, Resolution};

use super::Receiver;
use super::stored::{Reread, header};

/// What became of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// It can be read now and was applied.
    Released(Appended),
    /// It still cannot be read, for this reason; it stays in quarantine.
    StillUnreadable(String),
    /// There is no such open quarantine.
    Unknown,
}

/// What can go wrong with a release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A large body's file cannot be read.
    #[error("the file of a large body cannot be read: {0}")]
    File(#[from] std::io::Error),
}

/// Parses, maps and applies a quarantined delivery.
///
/// # Errors
/// When the store or the file of a large body cannot be read or written.
pub async fn release(receiver: &Receiver, id: DeliveryId) -> Result<Release, ReleaseError> {
    let Some(detail) = receiver.store.delivery(id).await?.filter(|d| d.row.outcome == "quarantined") else {
        return Ok(Release::Unknown);
    };
    let observation = match receiver.read_again(&detail).await? {
        Reread::Understood(observation) => observation,
        Reread::Unreadable(why) => return Ok(Release::StillUnreadable(why)),
        Reread::Pruned => return Ok(Release::StillUnreadable("its body was pruned".into())),
    };
    let traceparent = receiver.traceparent(header(&detail, "traceparent"));
    let how = Resolution::Released { observation, traceparent };
    let resolved = receiver.store.resolve_quarantine(id, how, receiver.clock.now()).await?;
    if let Some(appended) = &resolved {
        receiver.tally(&appended.changes);
    }
    Ok(resolved.map_or(Release::Unknown, Release::Released))
}

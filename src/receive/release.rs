//! Reading a quarantined delivery anew, with today's parser and today's settings.

use crate::base::DeliveryId;
use crate::connect::elide::Elider;
use crate::connect::parse::parse_bytes;
use crate::signing::map;
use crate::store::{self, Appended, Resolution, StoredBody};

use super::Receiver;

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
    let readable = match detail.body {
        None => None,
        Some(StoredBody::Inline(bytes)) => Some(bytes),
        Some(StoredBody::File(path)) => skeleton(path).await?,
    };
    let Some(bytes) = readable else {
        return Ok(Release::StillUnreadable("its body is too large to be read, or was pruned".into()));
    };
    let source = receiver.sources.get(&crate::base::SourceName::new(&detail.row.source));
    let zone = source.as_ref().and_then(|s| s.timezone.clone());
    let event = match parse_bytes(&bytes, zone.as_ref()) {
        Ok(event) => event,
        Err(unreadable) => return Ok(Release::StillUnreadable(unreadable.to_string())),
    };
    let header = |name: &str| detail.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let hint = header("x-docusign-accountid");
    let account = match &source {
        Some(source) => source.account(event.account_id.as_deref(), hint),
        None => {
            return Ok(Release::StillUnreadable(format!(
                "source {} is no longer configured",
                detail.row.source
            )));
        }
    };
    if source.is_some_and(|source| !source.allows(&account)) {
        return Ok(Release::StillUnreadable(format!(
            "account {account} is not among the accounts of its source"
        )));
    }
    let observation = Box::new(map::observe(&event, account));
    let traceparent = receiver.traceparent(header("traceparent"));
    let how = Resolution::Released { observation, traceparent };
    let resolved = receiver.store.resolve_quarantine(id, how, receiver.clock.now()).await?;
    if let Some(appended) = &resolved {
        receiver.tally(&appended.changes);
    }
    Ok(resolved.map_or(Release::Unknown, Release::Released))
}

/// A large body with its documents cut out.
async fn skeleton(path: std::path::PathBuf) -> std::io::Result<Option<bytes::Bytes>> {
    use tokio::io::AsyncReadExt;
    let mut file = tokio::fs::File::open(path).await?;
    let mut elider = Elider::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            return Ok(elider.finish());
        }
        elider.push(&chunk[..read]);
    }
}

//! Reading a stored delivery anew, with today's parser, mapping and settings.

use std::io;
use std::path::PathBuf;

use bytes::Bytes;

use crate::base::{AccountId, SourceName};
use crate::connect::elide::Elider;
use crate::connect::parse::parse_bytes;
use crate::connect::{Format, parse_answer};
use crate::signing::{Observation, map, map_look};
use crate::store::{DeliveryDetail, StoredBody};

use super::Receiver;

/// What a stored delivery is read to say today.
#[derive(Debug)]
pub(super) enum Reread {
    /// It says this.
    Understood(Box<Observation>),
    /// It cannot be read, for this reason.
    Unreadable(String),
    /// Its bytes are not there any more.
    Pruned,
}

impl Receiver {
    /// Parses and maps a stored delivery.
    ///
    /// # Errors
    /// When the file of a large body cannot be read.
    pub(super) async fn read_again(&self, detail: &DeliveryDetail) -> io::Result<Reread> {
        let unreadable = |why: String| Ok(Reread::Unreadable(why));
        let bytes = match &detail.body {
            None => return Ok(Reread::Pruned),
            Some(StoredBody::Inline(bytes)) => bytes.clone(),
            Some(StoredBody::File(path)) => match skeleton(path.clone()).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return unreadable("its body is too large to be read".into()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Reread::Pruned),
                Err(error) => return Err(error),
            },
        };
        if detail.row.format == Some(Format::Rest) {
            return Ok(match (parse_answer(&bytes), header(detail, "x-docusign-accountid")) {
                (Ok(event), Some(account)) => {
                    Reread::Understood(Box::new(map_look::look(&event, AccountId::new(account))))
                }
                (Ok(_), None) => Reread::Unreadable("it names no account".into()),
                (Err(why), _) => Reread::Unreadable(why.to_string()),
            });
        }
        let Some(source) = self.sources.get(&SourceName::new(&detail.row.source)) else {
            return unreadable(format!("source {} is no longer configured", detail.row.source));
        };
        let event = match parse_bytes(&bytes, source.timezone.as_ref()) {
            Ok(event) => event,
            Err(why) => return unreadable(why.to_string()),
        };
        let account = source.account(event.account_id.as_deref(), header(detail, "x-docusign-accountid"));
        if !source.allows(&account) {
            return unreadable(format!("account {account} is not among the accounts of its source"));
        }
        Ok(Reread::Understood(Box::new(map::observe(&event, account))))
    }
}

/// A header of a stored delivery; its name in lower case.
pub(super) fn header<'a>(detail: &'a DeliveryDetail, name: &str) -> Option<&'a str> {
    detail.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

/// A large body with its documents cut out.
async fn skeleton(path: PathBuf) -> io::Result<Option<Bytes>> {
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

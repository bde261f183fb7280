//! `GET /envelopes` (listStatusChanges): envelopes that came to another status, or were modified, within a time.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Call, Client, Error, RateLimit};
use crate::base::AccountId;
use crate::docusign::tolerant::Scalar;

/// By which time envelopes are asked for and ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// When their status changed last, the oldest first.
    StatusChanged,
    /// When they were modified last, the newest first. DocuSign takes no bounds for that: those asked for are of the
    /// last change of status.
    Modified,
}

/// Which envelopes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChanges {
    /// By which time.
    pub by: By,
    /// Those whose status changed last at this time or later.
    pub from: Timestamp,
    /// And not after this.
    pub to: Timestamp,
    /// Leave out so many of the first.
    pub start: u64,
    /// At most so many; DocuSign gives 1,000.
    pub count: u32,
}

/// A page of envelopes.
#[derive(Debug)]
pub struct Listed {
    /// Each as DocuSign wrote it, with its recipients.
    pub envelopes: Vec<Box<RawValue>>,
    /// How many there are in all, where told.
    pub total: Option<u64>,
    /// Whether there are more after these.
    pub more: bool,
    /// What DocuSign told about our calls.
    pub rate: RateLimit,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Page {
    total_set_size: Scalar,
    next_uri: Scalar,
    envelopes: Option<Box<RawValue>>,
}

impl Client {
    /// A page of the envelopes asked for. DocuSign may give more than was asked for, and fewer where they change while
    /// pages are read.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status_changes(&self, account: &AccountId, asked: &StatusChanges) -> Result<Listed, Error> {
        let (order_by, order) = match asked.by {
            By::StatusChanged => ("status_changed", "asc"),
            By::Modified => ("last_modified", "desc"),
        };
        let call = Call::get(&["envelopes"])
            .with("from_date", asked.from.to_string())
            .with("to_date", asked.to.to_string())
            .with("from_to_status", "changed")
            .with("order_by", order_by)
            .with("order", order)
            .with("include", "recipients")
            .with("count", asked.count.to_string())
            .with("start_position", asked.start.to_string());
        let answer = self.call(account, &call).await?;
        let unreadable = |what: &str| Error::Malformed(format!("the list of envelopes {what}"));
        if !answer.body.trim_ascii_start().starts_with(b"{") {
            return Err(unreadable("is not a JSON object"));
        }
        let page: Page = serde_json::from_slice(&answer.body).map_err(|_| unreadable("is not JSON"))?;
        // Where there are none, the list may be missing, or be `{}`.
        let listed = page.envelopes.as_deref().map(RawValue::get).unwrap_or_default();
        let envelopes: Vec<Box<RawValue>> = match listed.trim() {
            "" | "{}" | "null" => Vec::new(),
            // A list that cannot be read must not be taken for the end of all lists.
            listed => serde_json::from_str(listed).map_err(|_| unreadable("is no list"))?,
        };
        let total = page.total_set_size.text().and_then(|text| text.parse().ok());
        let seen = asked.start + envelopes.len() as u64;
        let more = !envelopes.is_empty()
            && (page.next_uri.text().is_some() || total.is_some_and(|all: u64| all > seen));
        Ok(Listed { envelopes, total, more, rate: answer.rate })
    }
}

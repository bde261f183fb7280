//! Lists of signing requests: filters in our words, as DocuSign's query, and once more over what it gives.

use jiff::Timestamp;

use super::stored;
use crate::base::limits;
use crate::base::nearest::nearest;
use crate::docusign::is_id;
use crate::docusign::tolerant::Scalar;
use crate::rest::Include;
use crate::signing::{SigningRequest, SigningRequestStatus as Status, map_rest};
use crate::unify::told::field;
use crate::unify::unifier::{AccountApi, Listing};
use crate::unify::walk::{self, Place, Row, Rows, Window};
use crate::unify::{Asked, Error, Item, Page};

/// Before all signing requests: DocuSign asks for a date, and takes two years where it is told none.
const EVER: &str = "2003-01-01T00:00:00Z";

pub(super) async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    if stored::is_asked_for(asked)? {
        return stored::list(&api.tools.store, api.account, asked, place).await;
    }
    let wanted = Wanted::of(asked)?;
    let most = limits::UNIFY_SIGNING_REQUESTS_A_CALL;
    let query = wanted.query(asked)?;
    let listing = Listing { api, path: &["envelopes"], query, list: "envelopes", id: "envelopeId", most };
    let rows = Newer { listing, than: wanted.updated.after };
    let unified = |row: &Row, base: &str| {
        let request = map_rest::signing_request(row.json.get(), base).ok()?;
        wanted.fits(&request).then(|| Item::new(&request, Some(&row.json)))
    };
    let page = walk::page(&rows, place, asked.limit, unified).await?;
    Ok(Page { is_partial: true, ..page })
}

/// Between two times, neither of which is meant.
struct Between {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Between {
    fn is_asked_for(&self) -> bool {
        self.after.is_some() || self.before.is_some()
    }

    fn holds(&self, at: Option<Timestamp>) -> bool {
        let later = self.after.is_none_or(|after| at.is_some_and(|at| at > after));
        later && self.before.is_none_or(|before| at.is_some_and(|at| at < before))
    }
}

/// What the signing requests of a list must be like.
pub(super) struct Wanted {
    statuses: Vec<Status>,
    created: Between,
    updated: Between,
}

impl Wanted {
    pub(super) fn of(asked: &Asked) -> Result<Self, Error> {
        let words = asked.text("status").unwrap_or_default().split(',').map(str::trim);
        let statuses: Result<_, _> = words.filter(|word| !word.is_empty()).map(status).collect();
        let between = |after, before| -> Result<_, Error> {
            Ok(Between { after: asked.time(after)?, before: asked.time(before)? })
        };
        Ok(Self {
            statuses: statuses?,
            created: between("created_at[gt]", "created_at[lt]")?,
            updated: between("updated_at[gt]", "updated_at[lt]")?,
        })
    }

    fn query(&self, asked: &Asked) -> Result<Vec<(&'static str, String)>, Error> {
        let order = if self.updated.is_asked_for() { "last_modified" } else { "created" };
        let include = [Include::Recipients, Include::Folders, Include::CustomFields];
        let from = self.created.after.map_or_else(|| EVER.to_owned(), |after| after.to_string());
        let mut query = vec![
            ("order_by", order.to_owned()),
            ("order", "desc".to_owned()),
            ("include", Include::words(&include)),
            // What changes without a change of status is modified as well, of which DocuSign keeps no date to ask by:
            // so it is asked for by creation, and for what was modified we stop where that is too long ago.
            ("from_to_status", "created".to_owned()),
            ("from_date", from),
        ];
        // What was modified before a time was made before it.
        let to = [self.created.before, self.updated.before].into_iter().flatten().min();
        query.extend(to.map(|to| ("to_date", to.to_string())));
        if !self.statuses.is_empty() && self.statuses.iter().all(|status| is_known_to_lists(*status)) {
            let words: Vec<_> = self.statuses.iter().map(|status| status.id()).collect();
            query.push(("status", words.join(",")));
        }
        if let Some(folder) = asked.text("collections[id]") {
            // The words of DocuSign's own folders have low lines.
            if !folder.split('_').all(is_id) {
                return Err(wrong("collections[id]", "must be the id of a collection".to_owned()));
            }
            query.push(("folder_ids", folder.to_owned()));
        }
        query.extend(asked.text("search").map(|text| ("search_text", text.to_owned())));
        if let Some(pair) = asked.text("custom_field") {
            if pair.split_once('=').is_none_or(|(name, _)| name.trim().is_empty()) {
                return Err(wrong("custom_field", "must be `name=value`".to_owned()));
            }
            query.push(("custom_field", pair.to_owned()));
        }
        Ok(query)
    }

    /// DocuSign may give more than it is asked for.
    fn fits(&self, request: &SigningRequest) -> bool {
        let status = request.status.as_ref().map(|status| status.id.as_ref());
        self.holds(status, request.created_at, request.updated_at)
    }

    /// The same of one whose status and times are these.
    pub(super) fn holds(
        &self,
        status: Option<&str>,
        created_at: Option<Timestamp>,
        updated_at: Option<Timestamp>,
    ) -> bool {
        let told = status.and_then(Status::from_id);
        let status = self.statuses.is_empty() || told.is_some_and(|told| self.statuses.contains(&told));
        status && self.created.holds(created_at) && self.updated.holds(updated_at)
    }
}

/// Whether DocuSign takes it as a filter of lists.
fn is_known_to_lists(status: Status) -> bool {
    status != Status::Correct
}

fn status(word: &str) -> Result<Status, Error> {
    let known = Status::from_id(&word.to_ascii_lowercase());
    known.ok_or_else(|| {
        let words: Vec<_> = Status::ALL.iter().map(|status| status.id()).collect();
        let near = nearest(word, words.iter().copied());
        let near = near.map_or_else(String::new, |near| format!(", perhaps {near}"));
        wrong("status", format!("has no `{word}`{near}: valid are {}", words.join(", ")))
    })
}

fn wrong(name: &str, why: String) -> Error {
    Error::Parameter { name: name.to_owned(), why }
}

/// A list, the last modified first, that ends where all others were modified too long ago.
struct Newer<'a> {
    listing: Listing<'a>,
    than: Option<Timestamp>,
}

impl Rows for Newer<'_> {
    async fn window(&self, start: u64, count: usize) -> Result<Window, Error> {
        let mut window = self.listing.window(start, count).await?;
        let Some(than) = self.than else { return Ok(window) };
        let modified = |row: &Row| Scalar(Some(field(&row.json, "lastModifiedDateTime"))).time();
        let older = |row: &Row| modified(row).is_some_and(|at| at <= than);
        if let Some(end) = window.rows.iter().position(older) {
            window.rows.truncate(end);
            window.more = false;
        }
        Ok(window)
    }

    fn most(&self) -> usize {
        self.listing.most
    }
}

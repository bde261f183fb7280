//! `source=store`: signing requests as they are known here, without a call of DocuSign's. Each tells how old it is.
//!
//! They stand in the order in which they were first heard of, which never changes: a place is the one of the last object
//! before it, and finding it costs the same wherever it is.

use serde_json::{Map, Value};

use super::list::Wanted;
use crate::base::{AccountId, SigningRequestId, limits};
use crate::signing::known;
use crate::store::{Known, KnownQuery, Store};
use crate::unify::catalog::{Parameter, optional};
use crate::unify::walk::Place;
use crate::unify::{Asked, Error, Item, Page, Reply};

/// The parameter by which it is asked for.
pub(super) const SOURCE: Parameter = optional(
    "source",
    "`store`: what is known here without a call of DocuSign's, in the order in which it was first heard of; each object's \
     `source` tells how old it is. `docusign`, the default, asks DocuSign",
);

pub(super) fn is_asked_for(asked: &Asked) -> Result<bool, Error> {
    match asked.text("source") {
        None | Some("docusign") => Ok(false),
        Some("store") => Ok(true),
        Some(_) => {
            Err(Error::Parameter { name: "source".to_owned(), why: "must be store or docusign".to_owned() })
        }
    }
}

pub(super) async fn get(store: &Store, account: &AccountId, id: &str) -> Result<Reply, Error> {
    let found = store.known_one(account, &SigningRequestId::new(id)).await?;
    found.map(|known| Reply::Item(Item::new(&object(&known), None))).ok_or(Error::Unknown("signing request"))
}

/// A page of those known of an account.
pub(super) async fn list(
    store: &Store,
    account: &AccountId,
    asked: &Asked,
    place: Place,
) -> Result<Page, Error> {
    let filter = Filter::of(asked)?;
    // One more than a page, so that the last page is known to be the last.
    let limit = (asked.limit + 1).max(if filter.is_any { limits::UNIFY_STORE_WINDOW } else { 0 });
    let (mut at, mut first, mut looked, mut more) = (place.start, None, 0, true);
    let mut items = Vec::new();
    while more && items.len() < asked.limit && looked < limits::UNIFY_STORE_LOOKED_MAX {
        let query = KnownQuery { account: account.clone(), from: at, back: place.back, limit };
        let rows = store.known(query).await?;
        let (length, ended) = (rows.len(), rows.len() < limit);
        let mut taken = 0;
        for known in rows {
            if items.len() == asked.limit {
                break;
            }
            (at, taken, looked) = (known.place, taken + 1, looked + 1);
            first.get_or_insert(known.place);
            let object = object(&known);
            if filter.fits(&object) {
                items.push(Item::new(&object, None));
            }
        }
        more = taken < length || !ended;
    }
    let to = |start, back| Place { start, anchors: Vec::new(), back };
    if place.back {
        items.reverse();
        let (next, prev) = (to(place.start.saturating_sub(1), false), to(at, true));
        return Ok(Page { items, next: Some(next), prev: more.then_some(prev), is_partial: false });
    }
    let prev = (place.start > 0).then(|| to(first.unwrap_or(place.start + 1), true));
    Ok(Page { items, next: more.then(|| to(at, false)), prev, is_partial: false })
}

fn object(known: &Known) -> Map<String, Value> {
    let whole = known.whole.as_ref();
    let whole = whole.and_then(|it| known::whole(&it.body, &known.state, it.read_at, it.moved));
    whole.unwrap_or_else(|| known::partial(known.id.as_str(), &known.state, known.told_at))
}

/// What objects must be like, of which DocuSign would be asked.
struct Filter<'a> {
    wanted: Wanted,
    collection: Option<&'a str>,
    search: Option<String>,
    custom_field: Option<(&'a str, &'a str)>,
    is_any: bool,
}

impl<'a> Filter<'a> {
    fn of(asked: &'a Asked) -> Result<Self, Error> {
        let why = "must be `name=value`".to_owned();
        let pair = asked.text("custom_field").map(|pair| pair.split_once('=')).map(|pair| {
            pair.filter(|(name, _)| !name.trim().is_empty())
                .ok_or(Error::Parameter { name: "custom_field".to_owned(), why })
        });
        Ok(Self {
            wanted: Wanted::of(asked)?,
            collection: asked.text("collections[id]"),
            search: asked.text("search").map(str::to_lowercase),
            custom_field: pair.transpose()?,
            is_any: asked.filters.iter().any(|(name, _)| *name != "source"),
        })
    }

    fn fits(&self, object: &Map<String, Value>) -> bool {
        let time = |name: &str| object.get(name).and_then(known::time);
        let list = |name: &str| object.get(name).and_then(Value::as_array).into_iter().flatten();
        let is = |value: &Value, wanted: &str| {
            value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted))
        };
        let status = object.get("status").and_then(|status| status["id"].as_str());
        let people =
            || list("participants").flat_map(texts).chain(object.get("name").and_then(Value::as_str));
        self.wanted.holds(status, time("created_at"), time("updated_at"))
            && self.collection.is_none_or(|id| list("collections").any(|one| is(&one["id"], id)))
            && self.search.as_ref().is_none_or(|part| people().any(|text| text.to_lowercase().contains(part)))
            && self.custom_field.is_none_or(|(name, value)| {
                list("custom_fields").any(|one| is(&one["name"], name) && is(&one["value"], value))
            })
    }
}

/// The names and addresses of a participant.
fn texts(participant: &Value) -> impl Iterator<Item = &str> {
    let names = participant["name"].as_str().into_iter();
    let emails = participant["emails"].as_array().into_iter().flatten();
    names.chain(emails.filter_map(|one| one["email"].as_str()))
}

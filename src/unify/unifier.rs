//! Carries out one unified request: finds the account, asks DocuSign, and hands on what came of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::told::{self, Told, field};
use super::walk::{Row, Rows, Whole, Window};
use super::{Act, Asked, Error, Method, Page, Place, Reply, Resource, cursor};
use crate::base::{AccountId, Clock, Dice, limits};
use crate::docusign::is_id;
use crate::rest::{
    self, Answer, Body, Call, Client, Forwarder, Incoming, Passed, Patience, Purpose, Raw, Target,
    Unforwarded, Verb,
};
use crate::store::Store;
use crate::vault::Vault;

/// What it works with.
#[derive(Clone)]
pub struct Tools {
    /// Calls DocuSign.
    pub client: Client,
    /// Passes files on.
    pub forwarder: Forwarder,
    /// What is known without asking DocuSign.
    pub store: Store,
    /// Seals cursors.
    pub vault: Arc<Vault>,
    /// What the time is.
    pub clock: Arc<dyn Clock>,
    /// Keeps attempts apart, and makes ids.
    pub dice: Dice,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tools")
    }
}

/// Carries out unified requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct Unifier {
    tools: Tools,
    turns: Arc<Semaphore>,
}

impl Unifier {
    /// One that makes no call yet.
    pub fn new(tools: Tools) -> Self {
        Self { tools, turns: Arc::new(Semaphore::new(limits::UNIFY_REQUESTS_MAX)) }
    }

    /// A turn, of which there are [`limits::UNIFY_REQUESTS_MAX`]: to be held for as long as a request is under way. Each
    /// mebibyte of a body that is read into memory takes another one.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub fn turn(&self, body_bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.turns).try_acquire_many_owned(turns_of(body_bytes)).map_err(|_| Error::Busy)
    }

    /// The account that a caller names by our id or DocuSign's.
    ///
    /// # Errors
    /// [`Error::AccountUnknown`] where there is none.
    pub async fn account(&self, id: &str) -> Result<AccountId, Error> {
        if !is_id(id) || id.len() > limits::WORD_BYTES_MAX {
            return Err(Error::AccountUnknown);
        }
        self.tools.client.named(id).await?.ok_or(Error::AccountUnknown)
    }

    /// A page of a list.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list(
        &self,
        method: &Method,
        account: &AccountId,
        asked: &Asked,
        place: Place,
    ) -> Result<Page, Error> {
        let Act::List(list) = method.act else { return Err(Error::Unknown("list")) };
        list(&self.of(account, asked), asked, place).await
    }

    /// Anything but a list. `id` names the object, and is empty where none is; `file` is the body where it is no JSON.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run(
        &self,
        method: &Method,
        account: &AccountId,
        id: &str,
        asked: &Asked,
        file: Option<Body>,
    ) -> Result<Reply, Error> {
        let (Act::Get(run) | Act::Create(run) | Act::Update(run) | Act::Delete(run) | Act::Custom(_, run)) =
            method.act
        else {
            return Err(Error::Unknown("method"));
        };
        run(&self.of(account, asked), id, asked, file).await
    }

    fn of<'a>(&'a self, account: &'a AccountId, asked: &Asked) -> AccountApi<'a> {
        AccountApi { tools: &self.tools, account, remote_query: asked.remote_query.clone() }
    }

    /// The cursor that leads to a place of a list.
    pub fn cursor(&self, resource: &Resource, account: &AccountId, asked: &Asked, place: &Place) -> String {
        cursor::seal(&self.tools.vault, &cursor::list(resource.schema, account, asked), place)
    }

    /// The place that a cursor leads to; the beginning for an empty one.
    ///
    /// # Errors
    /// [`Error::Cursor`].
    pub fn place(
        &self,
        resource: &Resource,
        account: &AccountId,
        asked: &Asked,
        text: &str,
    ) -> Result<Place, Error> {
        if text.is_empty() {
            return Ok(Place::default());
        }
        cursor::open(&self.tools.vault, &cursor::list(resource.schema, account, asked), text)
    }
}

/// How many turns a request takes.
fn turns_of(body_bytes: usize) -> u32 {
    1 + u32::try_from(body_bytes.min(limits::UNIFY_BODY_BYTES_MAX) >> 20).unwrap_or_default()
}

/// DocuSign's API of one account, as one unified request asks it.
pub struct AccountApi<'a> {
    pub(super) tools: &'a Tools,
    pub(super) account: &'a AccountId,
    /// Parameters of the caller's for DocuSign itself: they go with every call that reads.
    remote_query: Vec<(String, String)>,
}

impl fmt::Debug for AccountApi<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountApi").field("account", &self.account).finish_non_exhaustive()
    }
}

impl AccountApi<'_> {
    /// What DocuSign tells at a path below the account.
    pub(super) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Answer, Error> {
        let mut call = Call::get(path);
        call.query = self.asked(query);
        self.call(&call).await
    }

    /// Sends JSON to a path below the account; what DocuSign refuses within an answer of status 200 is an error.
    pub(super) async fn send(
        &self,
        verb: Verb,
        path: &[&str],
        query: &[(&str, String)],
        json: &impl serde::Serialize,
    ) -> Result<Answer, Error> {
        let mut call = Call::sending(verb, path, json);
        call.query = query.to_vec();
        let answer = self.call(&call).await?;
        let refused = answer.refused_items();
        if refused.is_empty() { Ok(answer) } else { Err(Error::Items(refused)) }
    }

    async fn call(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let patience = Patience { within: limits::UNIFY_PATIENCE, dice: self.tools.dice.clone() };
        let call = call.clone().of(Purpose::Interactive);
        match self.tools.client.patiently(&patience, self.account, &call).await {
            // The configured user is no member of it, and nobody linked it.
            Err(rest::Error::Unauthorized(refused)) if refused.code == rest::NOT_GRANTED => {
                Err(Error::AccountUnknown)
            }
            answer => Ok(answer?),
        }
    }

    /// A file that DocuSign has at a path below the account, as it arrives. Its path must be made of words and ids.
    pub(super) async fn file(&self, path: &[&str], query: &[(&str, String)]) -> Result<Passed, Error> {
        self.pass(Verb::GET, path, &self.asked(query), Vec::new(), Body::Whole(Bytes::new())).await
    }

    /// Passes a body on to a path below the account, and its answer back, neither held in memory. What DocuSign refuses is
    /// an error. A call whose body is not whole is made once.
    pub(super) async fn pass(
        &self,
        verb: Verb,
        path: &[&str],
        query: &[(&str, String)],
        headers: Vec<(String, Bytes)>,
        body: Body,
    ) -> Result<Passed, Error> {
        let target = Target::below(self.account, path, query);
        let target = target.map_err(|astray| Error::File(Unforwarded::Astray(astray)))?;
        let call = Incoming { method: verb.to_string(), target, headers, body };
        match self.tools.forwarder.forward(call).await {
            Ok(passed) => Ok(passed.success(self.tools.clock.now()).await?),
            Err(why) => Err(unforwarded(why)),
        }
    }

    /// Our parameters with the caller's own, which stand in the place of ours of that name.
    pub(super) fn asked<'q>(&'q self, query: &[(&'q str, String)]) -> Vec<(&'q str, String)> {
        let kept =
            query.iter().filter(|(name, _)| self.remote_query.iter().all(|(theirs, _)| theirs != name));
        let theirs = self.remote_query.iter().map(|(name, value)| (name.as_str(), value.clone()));
        kept.cloned().chain(theirs).collect()
    }

    /// The rows of a list in a whole answer.
    pub(super) async fn whole(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        list: &str,
        id: &str,
    ) -> Result<Whole, Error> {
        let answer = self.get(path, query).await?;
        Ok(Whole { rows: rows_in(&answer, list, id)?, base: answer.base })
    }
}

/// Why a call was not passed on, as other calls tell it.
fn unforwarded(why: Unforwarded) -> Error {
    match why {
        Unforwarded::Unknown => Error::AccountUnknown,
        Unforwarded::Busy => Error::Busy,
        Unforwarded::Closed(error) => error.into(),
        Unforwarded::Throttled { until, .. } => {
            let code = rest::HELD_BACK.to_owned();
            rest::Error::Throttled { until, code, trace_token: None, raw: Raw::default() }.into()
        }
        why => Error::File(why),
    }
}

/// A list that DocuSign gives by `count` and `start_position` (rest.md §3, pagination A).
pub(super) struct Listing<'a> {
    pub(super) api: &'a AccountApi<'a>,
    /// Its path below the account.
    pub(super) path: &'a [&'a str],
    /// Its parameters, without those of the page.
    pub(super) query: Vec<(&'a str, String)>,
    /// The field of the answer in which the objects stand.
    pub(super) list: &'static str,
    /// The field of each object in which its id stands.
    pub(super) id: &'static str,
    /// How many objects DocuSign gives at most.
    pub(super) most: usize,
}

impl Listing<'_> {
    /// All its objects, each once. Pages overlap, so that what goes meanwhile hides nothing; one without an id is left
    /// out. No more than [`limits::UNIFY_ALL_MAX`], whatever DocuSign has.
    pub(super) async fn all(&self) -> Result<Whole, Error> {
        let (mut whole, mut seen) = (Whole { rows: Vec::new(), base: String::new() }, HashSet::new());
        loop {
            let known = whole.rows.len();
            let start = known.saturating_sub(limits::UNIFY_OVERLAP) as u64;
            let window = self.window(start, self.most).await?;
            let new = window.rows.into_iter();
            whole.rows.extend(new.filter(|row| !row.id.is_empty() && seen.insert(row.id.clone())));
            whole.base = window.base;
            if !window.more || whole.rows.len() == known || known >= limits::UNIFY_ALL_MAX {
                return Ok(whole);
            }
        }
    }
}

impl Rows for Listing<'_> {
    async fn window(&self, start: u64, count: usize) -> Result<Window, Error> {
        let mut query = self.query.clone();
        query.push(("start_position", start.to_string()));
        query.push(("count", count.to_string()));
        let answer = self.api.get(self.path, &query).await?;
        let (rows, told) = rows(&answer, self.list, self.id)?;
        let seen = start + rows.len() as u64;
        let more = told.next_uri.text().is_some() || told.total().is_some_and(|total| total > seen);
        Ok(Window { more: more && !rows.is_empty(), rows, base: answer.base })
    }

    fn most(&self) -> usize {
        self.most
    }
}

/// The objects in a list of an answer, with what it tells of its page. An empty list may be missing, or `{}`.
pub(super) fn rows(answer: &Answer, list: &str, id: &str) -> Result<(Vec<Row>, Told), Error> {
    let unreadable = |what: &str| rest::Error::Malformed(format!("the list {list} {what}"));
    let (objects, told) = told::page(&answer.body, list).map_err(unreadable)?;
    Ok((objects.into_iter().map(|json| Row { id: field(&json, id), json }).collect(), told))
}

/// The objects in a list of an answer.
pub(super) fn rows_in(answer: &Answer, list: &str, id: &str) -> Result<Vec<Row>, Error> {
    Ok(rows(answer, list, id)?.0)
}

/// The JSON object that an answer is.
pub(super) fn object(answer: &Answer) -> Result<Box<RawValue>, Error> {
    let unreadable = || crate::rest::Error::Malformed("it is not a JSON object".to_owned());
    let json: Box<RawValue> = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
    if json.get().starts_with('{') { Ok(json) } else { Err(unreadable().into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_take_turns_by_their_size_and_the_largest_leave_room_for_others() {
        assert_eq!([0, 1_000_000, 1 << 20, 5 << 20].map(turns_of), [1, 1, 2, 6]);
        let largest = turns_of(usize::MAX) as usize;
        assert!(
            largest * 2 < limits::UNIFY_REQUESTS_MAX && largest == 1 + (limits::UNIFY_BODY_BYTES_MAX >> 20)
        );
    }
}

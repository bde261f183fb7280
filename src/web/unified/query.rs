//! The parameters of a unified request: those that every method takes, and the method's own.

use crate::base::limits;
use crate::unify::{Act, Asked, Method, Resource};

use super::fields;
use crate::web::Problem;
use crate::web::problem::unified::Unified;

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Format {
    /// Objects in our words, DocuSign's own beside them.
    #[default]
    Unified,
    /// Objects in DocuSign's words alone.
    Raw,
    /// Objects in our words as rows of a table: no objects within them.
    Normalized,
    /// A whole list as lines, one object each, in our words.
    Stream,
}

/// The words of [`Format`].
pub(super) const FORMATS: [&str; 4] = ["unified", "raw", "normalized", "stream"];

/// Parameters of every method.
pub(super) const EVERYWHERE: &[(&str, &str)] = &[
    (
        "integrated_account_id",
        "The account: our id of it, or DocuSign's. May be left out by a token that is for one account alone",
    ),
    (
        "truto_response_format",
        "How objects are written: `unified` in our words; `raw` in DocuSign's alone; `normalized` as rows of a table, in \
         which an object within an object is columns of its own (`status_id`, `status_name`), a list stays a list, and \
         `remote_data` is left out; `stream`, of lists alone: the whole list as lines of JSON, one object each",
    ),
    ("truto_ignore_remote_data", "`true` leaves out `remote_data`"),
    (
        "truto_exclude_fields[]",
        "A field of the objects that is left out; several, or in one with commas between",
    ),
];
/// Parameters of every list.
pub(super) const OF_LISTS: &[(&str, &str)] = &[
    ("limit", "At most so many objects"),
    (
        "next_cursor",
        "Where to go on: the `next_cursor` or `prev_cursor` of another page; empty for the first",
    ),
    ("truto_key_by", "Makes `result` an object, by this field of its objects"),
    ("truto_ignore_limit", "`true` reads all pages into one answer"),
];
/// How parameters for DocuSign itself are written.
pub(super) const REMOTE: &str = "remote_query[…]";

/// What was asked for.
#[derive(Debug, Default)]
pub(super) struct Query {
    account: Option<String>,
    limit: Option<usize>,
    pub(super) asked: Asked,
    pub(super) cursor: String,
    pub(super) format: Format,
    pub(super) key_by: Option<String>,
    pub(super) exclude: Vec<String>,
    pub(super) with_remote: bool,
    pub(super) all: bool,
}

impl Query {
    /// Reads a query string; what the method does not take is a problem that names what it does.
    pub(super) fn read(text: &str, method: &'static Method) -> Result<Self, Problem> {
        let mut query = Self { with_remote: true, ..Self::default() };
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let (name, value) = (name.into_owned(), value.into_owned());
            let many = name == "truto_exclude_fields[]" || name == "truto_exclude_fields";
            if !many && seen.contains(&name) {
                return Err(bad(&name, "is given twice"));
            }
            query.take(&name, value, method)?;
            seen.push(name);
        }
        let streams = query.format == Format::Stream;
        query.asked.limit =
            query.limit.unwrap_or(if streams { limits::UNIFY_STREAM_PAGE } else { limits::UNIFY_PAGE });
        if streams && query.key_by.is_some() {
            return Err(bad("truto_key_by", "cannot be with the format stream, whose lines have no keys"));
        }
        let required = method.parameters.iter().filter(|parameter| parameter.required);
        let missing: Vec<_> = required
            .filter(|parameter| query.asked.text(parameter.name).is_none())
            .map(|parameter| parameter.name.to_owned())
            .collect();
        if missing.is_empty() {
            Ok(query)
        } else {
            Err(Unified::Missing { parameters: missing, fields: Vec::new() }.into())
        }
    }

    fn take(&mut self, name: &str, value: String, method: &'static Method) -> Result<(), Problem> {
        if let Some(own) = method.parameters.iter().find(|own| own.name == name) {
            // Empty is absent, as forms and SDKs send it.
            if !value.trim().is_empty() {
                self.asked.filters.push((own.name, value.trim().to_owned()));
            }
            return Ok(());
        }
        if let Some(remote) = name.strip_prefix("remote_query[").and_then(|rest| rest.strip_suffix(']')) {
            self.asked.remote_query.push((remote.to_owned(), value));
            return Ok(());
        }
        let list = matches!(method.act, Act::List(_));
        match name {
            "integrated_account_id" => self.account = Some(value),
            "truto_response_format" => {
                self.format = match value.as_str() {
                    "" | "unified" => Format::Unified,
                    "raw" => Format::Raw,
                    "normalized" => Format::Normalized,
                    "stream" if list => Format::Stream,
                    "stream" => return Err(bad(name, "can be stream for lists alone")),
                    _ => return Err(bad(name, "must be unified, raw, normalized or stream")),
                }
            }
            "truto_ignore_remote_data" => self.with_remote = !flag(name, &value)?,
            "truto_exclude_fields" | "truto_exclude_fields[]" => {
                let fields = value.split(',').map(str::trim).filter(|field| !field.is_empty());
                self.exclude.extend(fields.map(str::to_owned));
            }
            "limit" if list => self.limit = limit(&value)?,
            "next_cursor" | "prev_cursor" if list => self.cursor = value,
            "truto_key_by" if list => self.key_by = Some(value).filter(|field| !field.is_empty()),
            "truto_ignore_limit" if list => self.all = flag(name, &value)?,
            _ => return Err(unknown(name, method)),
        }
        Ok(())
    }

    /// Sees to it that the fields named are such of the resource, as far as the reference tells of them.
    pub(super) fn check_fields(&self, resource: &Resource) -> Result<(), Problem> {
        match fields::of(resource) {
            Some(valid) => self.named().try_for_each(|name| fields::check(name, valid)),
            None => Ok(()),
        }
    }

    /// The fields of objects that are named.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        self.exclude.iter().chain(&self.key_by).map(String::as_str)
    }

    /// The account that the caller names.
    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_deref().filter(|id| !id.is_empty())
    }
}

fn bad(name: &str, why: impl Into<String>) -> Problem {
    Unified::Parameter { name: name.to_owned(), why: why.into() }.into()
}

fn unknown(name: &str, method: &'static Method) -> Problem {
    let own = method.parameters.iter().map(|parameter| parameter.name);
    let lists = if matches!(method.act, Act::List(_)) { OF_LISTS } else { &[] };
    let shared = EVERYWHERE.iter().chain(lists).map(|(name, _)| *name);
    Unified::unknown("parameter", name, own.chain(shared).chain([REMOTE])).into()
}

fn limit(text: &str) -> Result<Option<usize>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let most = limits::UNIFY_PAGE_MAX;
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.map(Some).ok_or_else(|| bad("limit", format!("must be a number from 1 to {most}")))
}

fn flag(name: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "false" | "0" => Ok(false),
        "" | "true" | "1" => Ok(true),
        _ => Err(bad(name, "must be true or false")),
    }
}

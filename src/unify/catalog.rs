//! What the unified APIs offer: every resource, its methods, what each takes, and the calls of DocuSign's that it makes.

use futures_util::future::BoxFuture;

use super::unifier::AccountApi;
use super::{Asked, Error, Page, Place, Reply};
use crate::rest::Body;

/// A unified API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// Its word in paths.
    pub name: &'static str,
    /// What it is about, for people.
    pub about: &'static str,
    /// Its resources.
    pub resources: &'static [&'static Resource],
}

/// One kind of thing.
#[derive(Debug)]
pub struct Resource {
    /// Its word in paths.
    pub name: &'static str,
    /// The name of the schema of one of its objects in the reference.
    pub schema: &'static str,
    /// What can be done with it.
    pub methods: &'static [Method],
}

/// Something that can be done with a resource.
#[derive(Debug)]
pub struct Method {
    /// What it does.
    pub act: Act,
    /// One line, for people.
    pub about: &'static str,
    /// The calls of DocuSign's that it makes, as its documentation writes them, below the account.
    pub calls: &'static [&'static str],
    /// Parameters beside those that every method takes.
    pub parameters: &'static [Parameter],
    /// Its body.
    pub body: Takes,
}

/// What a method takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// JSON of the schema of this name in the reference.
    Json(&'static str),
    /// A file's bytes.
    File,
}

/// A query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, with brackets: `created_at[gt]`.
    pub name: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// Whether nothing can be done without it.
    pub required: bool,
}

/// A parameter that may be left out.
pub(super) const fn optional(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, required: false }
}

/// A parameter that must be given.
pub(super) const fn required(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, required: true }
}

type ToPage = for<'a> fn(&'a AccountApi<'a>, &'a Asked, Place) -> BoxFuture<'a, Result<Page, Error>>;
type ToReply =
    for<'a> fn(&'a AccountApi<'a>, &'a str, &'a Asked, Option<Body>) -> BoxFuture<'a, Result<Reply, Error>>;

/// What a method does, and the function that does it.
#[derive(Clone, Copy)]
pub enum Act {
    /// `GET /{resource}`.
    List(ToPage),
    /// `GET /{resource}/{id}`.
    Get(ToReply),
    /// `POST /{resource}`; the id is empty.
    Create(ToReply),
    /// `PATCH /{resource}/{id}`.
    Update(ToReply),
    /// `DELETE /{resource}/{id}`.
    Delete(ToReply),
    /// `POST /{resource}/{name}`; the id is empty: what it is about stands in the body.
    Custom(&'static str, ToReply),
}

impl Act {
    /// Its word in tables and in the reference.
    pub fn word(self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Get(_) => "get",
            Self::Create(_) => "create",
            Self::Update(_) => "update",
            Self::Delete(_) => "delete",
            Self::Custom(name, _) => name,
        }
    }

    /// The method of HTTP.
    pub fn http(self) -> &'static str {
        match self {
            Self::List(_) | Self::Get(_) => "GET",
            Self::Create(_) | Self::Custom(..) => "POST",
            Self::Update(_) => "PATCH",
            Self::Delete(_) => "DELETE",
        }
    }

    /// Whether it changes nothing.
    pub fn only_reads(self) -> bool {
        matches!(self, Self::List(_) | Self::Get(_) | Self::Custom("download", _))
    }

    /// Whether its path names one object.
    pub fn names_one(self) -> bool {
        matches!(self, Self::Get(_) | Self::Update(_) | Self::Delete(_))
    }
}

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Resource {}

impl Resource {
    /// The method of that word.
    pub fn method(&self, word: &str) -> Option<&'static Method>
    where
        Self: 'static,
    {
        self.methods.iter().find(|method| method.act.word() == word)
    }
}

impl Method {
    /// Its path, as references write it.
    pub fn path(&self, api: &Api, resource: &Resource) -> String {
        let end = match self.act {
            Act::List(_) | Act::Create(_) => String::new(),
            Act::Get(_) | Act::Update(_) | Act::Delete(_) => "/{id}".to_owned(),
            Act::Custom(name, _) => format!("/{name}"),
        };
        format!("/unified/{}/{}{end}", api.name, resource.name)
    }
}

/// The catalog as a table in Markdown: resource, method, and DocuSign's calls.
pub fn table() -> String {
    let mut lines = vec!["| | | | calls at DocuSign |".to_owned(), "|---|---|---|---|".to_owned()];
    for api in CATALOG {
        for resource in api.resources {
            for method in resource.methods {
                let calls: Vec<_> = method.calls.iter().map(|call| format!("`{call}`")).collect();
                let calls = if calls.is_empty() { "none".to_owned() } else { calls.join(", ") };
                let (http, path) = (method.act.http(), method.path(&api, resource));
                lines.push(format!("| `{}` | `{http} {path}` | {} | {calls} |", resource.name, method.about));
            }
        }
    }
    lines.join("\n")
}

/// All unified APIs.
pub const CATALOG: [Api; 2] = [
    Api {
        name: "e-signature",
        about: "Signing requests and all around them",
        resources: &[
            &super::collections::RESOURCE,
            &super::contacts::RESOURCE,
            &super::document_fields::RESOURCE,
            &super::documents::RESOURCE,
            &super::groups::RESOURCE,
            &super::signing_request_statuses::RESOURCE,
            &super::signing_requests::RESOURCE,
            &super::templates::RESOURCE,
            &super::users::RESOURCE,
        ],
    },
    Api {
        name: "user-directory",
        about: "The people of an account, and what it pays for them",
        resources: &[
            &super::directory::users::RESOURCE,
            &super::directory::roles::RESOURCE,
            &super::directory::licenses::RESOURCE,
            &super::directory::billing::RESOURCE,
            &super::directory::utilization::RESOURCE,
        ],
    },
];

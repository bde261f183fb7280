//! `users`: the people of an account.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::base::limits;
use crate::directory::{NewUser, Unfit, User, UserChange, map};
use crate::docusign::{self, is_id};
use crate::rest::{self, Verb};
use crate::unify::catalog::{Act, Method, Parameter, Resource, Takes, optional};
use crate::unify::unifier::{AccountApi, Listing, object};
use crate::unify::walk::{self, Place};
use crate::unify::{Asked, Error, Item, Page, Reply};

/// All about the resource.
pub(in crate::unify) const RESOURCE: Resource = Resource {
    name: "users",
    schema: "UnifiedDirectoryUser",
    methods: &[
        Method {
            act: Act::List(|api, asked, place| list(api, asked, place).boxed()),
            about: "Lists users, the deleted ones as well",
            calls: &["GET /users"],
            parameters: FILTERS,
            body: Takes::Nothing,
        },
        Method {
            act: Act::Get(|api, id, _, _| get(api, id).boxed()),
            about: "Gets a user",
            calls: &["GET /users/{id}"],
            parameters: &[],
            body: Takes::Nothing,
        },
        Method {
            act: Act::Create(|api, _, asked, _| create(api, asked).boxed()),
            about: "Makes a user, whom DocuSign invites by email",
            calls: &["POST /users"],
            parameters: &[],
            body: Takes::Json("UnifiedDirectoryUserCreate"),
        },
        Method {
            act: Act::Update(|api, id, asked, _| update(api, id, asked).boxed()),
            about: "Changes a user",
            calls: &["PUT /users/{id}"],
            parameters: &[],
            body: Takes::Json("UnifiedDirectoryUserUpdate"),
        },
        Method {
            act: Act::Delete(|api, id, _, _| delete(api, id).boxed()),
            about: "Closes a user, who stays in lists as a deleted one",
            calls: &["DELETE /users"],
            parameters: &[],
            body: Takes::Nothing,
        },
    ],
};

const FILTERS: &[Parameter] = &[
    optional("status", "Only those who are `active`, `inactive`, `invited` or `deleted`"),
    optional("emails[email]", "Only those with this email"),
    optional("first_name", "Only those with this first name; DocuSign looks for it in the whole name"),
    optional("last_name", "Only those with this last name; DocuSign looks for it in the whole name"),
    optional("group[id]", "Only those in this group"),
    optional("created_at[gt]", "Only those made after this time"),
    optional("created_at[lt]", "Only those made before this time"),
];

/// What DocuSign tells beside the least.
fn all() -> Vec<(&'static str, String)> {
    vec![("additional_info", "true".to_owned()), ("include_license", "true".to_owned())]
}

/// All users, for DocuSign to choose among.
pub(super) fn listing<'a>(api: &'a AccountApi<'a>, query: Vec<(&'a str, String)>) -> Listing<'a> {
    let query = all().into_iter().chain(query).collect();
    Listing { api, path: &["users"], query, list: "users", id: "userId", most: limits::DOCUSIGN_PAGE_MAX }
}

/// Which users a list wants.
#[derive(Default)]
struct Wanted<'a> {
    status: Option<&'a str>,
    email: Option<&'a str>,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl<'a> Wanted<'a> {
    fn read(asked: &'a Asked) -> Result<Self, Error> {
        Ok(Self {
            status: asked.text("status"),
            email: asked.text("emails[email]"),
            first_name: asked.text("first_name"),
            last_name: asked.text("last_name"),
            after: asked.time("created_at[gt]")?,
            before: asked.time("created_at[lt]")?,
        })
    }

    /// What DocuSign can choose by; what it gives is filtered again.
    fn query(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let mut query = Vec::new();
        if let Some(status) = self.status {
            let theirs = map::docusign_statuses(status).ok_or_else(|| Error::Parameter {
                name: "status".to_owned(),
                why: format!("must be one of {}", map::FILTERS.join(", ")),
            })?;
            query.push(("status", theirs));
        }
        query.extend(self.email.map(|email| ("email", email.to_owned())));
        // It takes one text: the longer one leaves fewer.
        let names = [self.first_name, self.last_name].into_iter().flatten();
        query
            .extend(names.max_by_key(|name| name.len()).map(|name| ("user_name_substring", name.to_owned())));
        Ok(query)
    }

    fn has(&self, user: &User) -> bool {
        let same = |wanted: Option<&str>, own: Option<&String>| {
            wanted.is_none_or(|text| own.is_some_and(|own| own.to_lowercase() == text.to_lowercase()))
        };
        let made = |wanted: Option<Timestamp>, fits: fn(Timestamp, Timestamp) -> bool| {
            wanted.is_none_or(|wanted| user.created_at.is_some_and(|own| fits(own, wanted)))
        };
        same(self.status, user.status.as_ref())
            && same(self.email, user.username.as_ref())
            && same(self.first_name, user.first_name.as_ref())
            && same(self.last_name, user.last_name.as_ref())
            && made(self.after, |own, wanted| own > wanted)
            && made(self.before, |own, wanted| own < wanted)
    }
}

async fn list(api: &AccountApi<'_>, asked: &Asked, place: Place) -> Result<Page, Error> {
    let wanted = Wanted::read(asked)?;
    let mut query = wanted.query()?;
    query.extend(asked.text("group[id]").map(|id| ("group_id", id.to_owned())));
    let rows = listing(api, query);
    walk::page(&rows, place, asked.limit, |row, _| unified(&row.json, |user| wanted.has(user))).await
}

async fn get(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    one(id)?;
    let answer = api.get(&["users", id], &all()).await?;
    unified(&object(&answer)?, |_| true).map(Reply::Item).ok_or(Error::Unknown("user"))
}

async fn create(api: &AccountApi<'_>, asked: &Asked) -> Result<Reply, Error> {
    let new = map::new_user(&asked.body::<NewUser>()?).map_err(unfit)?;
    let answer = api.send(Verb::POST, &["users"], &[], &json!({ "newUsers": [new] })).await?;
    let made: Option<Made> = serde_json::from_slice(&answer.body).ok();
    let made = made.and_then(|made| without_password(made.new_users.first()?));
    let item = made.and_then(|made| unified(&made, |_| true));
    let unreadable = || rest::Error::Malformed("it does not tell the user that was made".to_owned());
    Ok(Reply::Item(item.ok_or_else(unreadable)?))
}

async fn update(api: &AccountApi<'_>, id: &str, asked: &Asked) -> Result<Reply, Error> {
    one(id)?;
    let change = map::user_change(&asked.body::<UserChange>()?).map_err(unfit)?;
    let answer = api.send(Verb::PUT, &["users", id], &[], &change).await?;
    unified(&object(&answer)?, |_| true).map(Reply::Item).ok_or(Error::Unknown("user"))
}

async fn delete(api: &AccountApi<'_>, id: &str) -> Result<Reply, Error> {
    one(id)?;
    let body = json!({ "users": [{ "userId": id }] });
    api.send(Verb::DELETE, &["users"], &[], &body).await?;
    Ok(Reply::Deleted(id.to_owned()))
}

fn one(id: &str) -> Result<(), Error> {
    if is_id(id) { Ok(()) } else { Err(Error::Unknown("user")) }
}

fn unfit(unfit: Unfit) -> Error {
    match unfit {
        Unfit::Missing(fields) => {
            let fields = fields.into_iter().map(str::to_owned).collect();
            Error::Missing { parameters: Vec::new(), fields }
        }
        Unfit::Wrong(why) => Error::Body(why.to_owned()),
    }
}

fn unified(json: &RawValue, wanted: impl Fn(&User) -> bool) -> Option<Item> {
    let user = map::user(&serde_json::from_str::<docusign::users::User>(json.get()).ok()?);
    wanted(&user).then(|| Item::new(&user, Some(json)))
}

/// What `POST /users` answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    new_users: Vec<Box<RawValue>>,
}

/// A new user as it was told, but for the password that DocuSign may add: nobody asked for that, and it would lie about.
fn without_password(made: &RawValue) -> Option<Box<RawValue>> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(made.get()).ok()?;
    fields.remove("apiPassword");
    serde_json::value::to_raw_value(&fields).ok()
}

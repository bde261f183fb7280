//! `/unified/{api}/{resource}…`: the unified APIs over HTTP. What there is stands in [`CATALOG`]; this room reads
//! parameters, checks them against it, and writes answers in the format asked for.

mod fields;
mod form;
mod lines;
mod once;
mod query;
pub(super) mod reference;
mod show;

use actix_web::http::Method as Verb;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{self, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, Resource as Route};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::base::{AccountId, limits};
use crate::rest::Body;
use crate::unify::{self, Act, CATALOG, Method, Resource, Takes};

use super::caller::{Caller, Scope};
use super::problem::access::Access;
use super::problem::remote::Remote;
use super::problem::unified::Unified;
use super::{Api, Problem, proxy};
use lines::Lines;
use query::{Format, Query};

/// The paths, whatever they name.
pub(super) fn resource() -> Route {
    web::resource(["/unified/{api}/{resource}", "/unified/{api}/{resource}/{rest}"])
        .default_service(web::to(serve))
}

/// What a path and a method of HTTP mean.
struct Meant {
    resource: &'static Resource,
    method: &'static Method,
    /// The object that the path names; empty where it names none.
    id: String,
}

async fn serve(
    caller: Caller,
    request: HttpRequest,
    payload: Payload,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    let meant = meant(&request)?;
    caller.require(if meant.method.act.only_reads() { Scope::Read } else { Scope::Write })?;
    let mut query = Query::read(request.query_string(), meant.method)?;
    query.check_fields(meant.resource)?;
    let turn = api.unifier.turn(in_memory(&request, meant.method)).map_err(Unified::of)?;
    let account = account(&caller, &api, &query).await?;
    let file = body(&request, payload, meant.method, &mut query).await?;
    let keyed = once::key(&request, &meant, &caller, &account, (&query, &api))?;
    query.asked.idempotency_key = keyed.as_ref().map(once::name);
    let whose = account.clone();
    let answer = match meant.method.act {
        Act::List(_) if query.format == Format::Stream => {
            let Meant { resource, method, .. } = meant;
            let lines = Lines { api: api.clone(), caller, resource, method, account, query, _turn: turn };
            lines.answer(request.method() == Verb::HEAD).await
        }
        Act::List(_) => show::list(&api, meant.resource, meant.method, &account, &query).await,
        _ => {
            let own = api.clone();
            let work = async move {
                let _turn = turn;
                let reply = own.unifier.run(meant.method, &account, &meant.id, &query.asked, file).await;
                reply.map_err(Unified::of).and_then(|reply| show::reply(reply, &query))
            };
            match keyed {
                Some(keyed) => once::once(api.clone(), keyed, work).await,
                None => work.await,
            }
        }
    };
    let standing = api.client.standing(&whose).unwrap_or_default();
    show::with_rate(answer, standing, api.clock.now())
}

/// Bytes of the body that will be in memory; the most where it does not tell its length.
fn in_memory(request: &HttpRequest, method: &Method) -> usize {
    let told = request.headers().get(CONTENT_LENGTH).and_then(|told| told.to_str().ok()?.parse().ok());
    match method.body {
        Takes::Json(_) => told.unwrap_or(limits::UNIFY_BODY_BYTES_MAX),
        Takes::Nothing | Takes::File => 0,
    }
}

/// The account that is meant, if the caller may use it. A token for one account alone need not name it.
async fn account(caller: &Caller, api: &Api, query: &Query) -> Result<AccountId, Problem> {
    let named = match (query.account(), caller.accounts()) {
        (None, Some([own])) => return Ok(own.clone()),
        (named, _) => named.ok_or_else(|| Unified::Missing {
            parameters: vec!["integrated_account_id".to_owned()],
            fields: Vec::new(),
        })?,
    };
    let account = match api.unifier.account(named).await {
        // Who may use some is told alike of all others, whether or not there are such.
        Err(unify::Error::AccountUnknown) if caller.accounts().is_some() => {
            return Err(Access::Account.into());
        }
        account => account.map_err(Unified::of)?,
    };
    caller.require_account(&account)?;
    Ok(account)
}

/// What a request means; a problem that names what there is, where it means nothing.
fn meant(request: &HttpRequest) -> Result<Meant, Problem> {
    let word = |name: &str| request.match_info().get(name).unwrap_or_default();
    let api = CATALOG
        .iter()
        .find(|api| api.name == word("api"))
        .ok_or_else(|| Unified::unknown("API", word("api"), CATALOG.iter().map(|api| api.name)))?;
    let named = api.resources.iter().copied().find(|resource| resource.name == word("resource"));
    let resource = named.ok_or_else(|| {
        Unified::unknown("resource", word("resource"), api.resources.iter().map(|resource| resource.name))
    })?;
    let rest = word("rest");
    // HEAD asks for what GET answers, without its body.
    let verb = if request.method() == Verb::HEAD { "GET" } else { request.method().as_str() };
    let fits = |method: &&Method| match method.act {
        Act::Custom(name, _) => name == rest,
        act => act.names_one() != rest.is_empty(),
    };
    let here = || resource.methods.iter().filter(fits);
    let method = here().find(|method| method.act.http() == verb).ok_or_else(|| {
        let custom = resource.methods.iter().filter(|method| matches!(method.act, Act::Custom(..)));
        match verb {
            "POST" if !rest.is_empty() => {
                Unified::unknown("method", rest, custom.map(|method| method.act.word()))
            }
            _ => Unified::MethodUnknown {
                allowed: here().map(|method| method.act.http()).collect(),
                methods: resource.methods.iter().map(|method| method.act.word()).collect(),
            },
        }
    })?;
    let id = if method.act.names_one() { rest.to_owned() } else { String::new() };
    Ok(Meant { resource, method, id })
}

/// Reads the body: JSON into the query, a file as it arrives.
async fn body(
    request: &HttpRequest,
    mut payload: Payload,
    method: &Method,
    query: &mut Query,
) -> Result<Option<Body>, Problem> {
    let told = request.headers().get(CONTENT_TYPE).and_then(|told| told.to_str().ok());
    match method.body {
        Takes::Nothing => Ok(None),
        Takes::File => {
            query.asked.content_type = told.map(str::to_owned);
            Ok(Some(proxy::body(request, payload, CancellationToken::new()).await?))
        }
        Takes::Json(_) => {
            let kind = told.and_then(|told| told.split(';').next()).map(str::trim);
            if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
                return Err(Problem::BodyNotJson);
            }
            let mut whole = BytesMut::new();
            while let Some(piece) = payload.next().await {
                whole.extend_from_slice(&piece.map_err(|_| Remote::BodyBroken)?);
                if whole.len() > limits::UNIFY_BODY_BYTES_MAX {
                    return Err(Remote::BodyTooLarge.into());
                }
            }
            let json: Value =
                serde_json::from_slice(&whole).map_err(|why| Problem::BodyBad(why.to_string()))?;
            if !json.is_object() {
                return Err(Problem::BodyBad("it must be a JSON object".to_owned()));
            }
            query.asked.json = json;
            Ok(None)
        }
    }
}

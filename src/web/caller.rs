//! Who is asking, what they may do and of which accounts: a bearer token, or this machine itself where there is none.

mod alone;
mod list;
mod rate;
pub(super) mod text;

use std::sync::{Arc, PoisonError, RwLock};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::base::AccountId;
pub use crate::base::Scope;
use crate::store::ApiToken;

use super::problem::access::Access;
use super::{Api, Problem, api};
use alone::{Head, alone};
pub(super) use list::Tokens;
use list::{Known, List};

/// The configured token, as a digest: compared in constant time whatever the lengths.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token; none for an empty text, which would let everyone in.
    pub fn new(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret().trim();
        (!text.is_empty()).then(|| Self(text::digest(text)))
    }

    fn is(&self, text: &str) -> bool {
        self.is_same(&Self(text::digest(text)))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The token in force, which can be exchanged while requests are answered; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TokenInForce(Arc<RwLock<Option<Token>>>);

impl TokenInForce {
    /// This one; with none, and none stored, the API answers this machine only.
    pub fn new(text: Option<&SecretString>) -> Self {
        Self(Arc::new(RwLock::new(text.and_then(Token::new))))
    }

    /// Puts another one in force: requests that come from now on need it.
    pub fn exchange(&self, text: Option<&SecretString>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = text.and_then(Token::new);
    }

    fn get(&self) -> Option<Token> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// By what a caller was let in.
#[derive(Debug, Clone)]
enum Who {
    /// By being on this machine, where there is no token.
    Machine,
    /// By the configured token.
    Configured(Token),
    /// By a stored one.
    Stored(Arc<Known>),
}

/// A caller that was let in. Taking one as the first argument is what guards a path; asking it about scope and accounts
/// is for the path to do.
#[derive(Debug, Clone)]
pub struct Caller(Who);

impl Caller {
    /// One on this machine, for tests.
    #[cfg(test)]
    pub(super) fn machine() -> Self {
        Self(Who::Machine)
    }

    /// What this caller may do.
    pub fn scope(&self) -> Scope {
        match &self.0 {
            Who::Machine | Who::Configured(_) => Scope::Admin,
            Who::Stored(known) => known.token.scope,
        }
    }

    /// Whether this caller may do so much.
    ///
    /// # Errors
    /// 403 where it may not.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scope() >= scope { Ok(()) } else { Err(Access::Scope(scope).into()) }
    }

    /// The accounts that this caller may see and use, by DocuSign's ids; none where it may all.
    pub fn accounts(&self) -> Option<&[AccountId]> {
        let accounts = self.token().map(|token| token.accounts.as_slice());
        accounts.filter(|accounts| !accounts.is_empty())
    }

    /// The same, for a query of the store.
    pub fn among(&self) -> Option<Vec<AccountId>> {
        self.accounts().map(<[AccountId]>::to_vec)
    }

    /// Whether this caller may see and use an account.
    pub fn may_use(&self, account: &AccountId) -> bool {
        self.accounts().is_none_or(|accounts| accounts.contains(account))
    }

    /// Whether this caller may see and use an account.
    ///
    /// # Errors
    /// 403 where it may not, whether or not there is such an account.
    pub fn require_account(&self, account: &AccountId) -> Result<(), Problem> {
        if self.may_use(account) { Ok(()) } else { Err(Access::Account.into()) }
    }

    /// Whether this caller may see what is of all accounts together.
    ///
    /// # Errors
    /// 403 where it is for some.
    pub fn require_all(&self) -> Result<(), Problem> {
        if self.accounts().is_none() { Ok(()) } else { Err(Access::AllAccounts.into()) }
    }

    /// The account that is meant where naming none means all: the one named, or the only one of this caller's. None
    /// means all, and only of a caller who may.
    ///
    /// # Errors
    /// 403 for an account that it may not use, and where it may use several and names none.
    pub fn meant(&self, named: Option<AccountId>) -> Result<Option<AccountId>, Problem> {
        match (named, self.accounts()) {
            (Some(account), _) => self.require_account(&account).map(|()| Some(account)),
            (None, None) => Ok(None),
            (None, Some([only])) => Ok(Some(only.clone())),
            (None, Some(_)) => Err(Access::AccountUnnamed.into()),
        }
    }

    /// The stored token that is shown.
    pub(super) fn token(&self) -> Option<&ApiToken> {
        match &self.0 {
            Who::Stored(known) => Some(&known.token),
            Who::Machine | Who::Configured(_) => None,
        }
    }

    /// Whether this caller was let in for want of any token.
    pub(super) fn is_machine(&self) -> bool {
        matches!(self.0, Who::Machine)
    }

    /// Whether this caller would be let in now as it was: for answers that take long.
    pub(super) async fn is_still_let_in(&self, api: &Api) -> bool {
        let (now, configured) = (api.clock.now(), api.token.get());
        match &self.0 {
            Who::Configured(token) => configured.is_some_and(|now| now.is_same(token)),
            Who::Machine if configured.is_some() => false,
            Who::Machine => api.tokens.list(now).await.is_empty(),
            Who::Stored(known) => {
                let list = api.tokens.list(now).await;
                list.get(&known.token.id).is_some_and(|known| known.ended(now).is_none())
            }
        }
    }

    /// Lets a request in, or says why not.
    async fn admit(api: &Api, head: &Head<'_>) -> Result<Self, Problem> {
        let (told, configured, now) = (bearer(head.headers), api.token.get(), api.clock.now());
        match (told, configured) {
            (None, Some(_)) => Err(Access::Missing.into()),
            (Some(told), Some(token)) if token.is(told) => Ok(Self(Who::Configured(token))),
            // None of ours by its looks: the store need not be there to say so.
            (Some(told), Some(_)) if text::id_of(told).is_none() => Err(Access::Wrong.into()),
            (told, configured) => {
                let list = api.tokens.list(now).await;
                let caller = Self::by_list(&list, told, configured.is_some(), head, api)?;
                if let Who::Stored(known) = &caller.0 {
                    known.take(api.rate, now).map_err(Access::Rate)?;
                    if known.is_to_be_noted(now) {
                        api.tokens.note_use(known.token.id, now);
                    }
                }
                Ok(caller)
            }
        }
    }

    fn by_list(
        list: &List,
        told: Option<&str>,
        configured: bool,
        head: &Head<'_>,
        api: &Api,
    ) -> Result<Self, Access> {
        if !configured && list.is_empty() {
            return alone(head).map(|()| Self(Who::Machine));
        }
        let known = list.find(told.ok_or(Access::Missing)?, api.clock.now())?;
        Ok(Self(Who::Stored(known)))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let caller = Self::admit(api::of(&request)?, &Head::of(&request)).await?;
            if let Some(token) = caller.token() {
                tracing::Span::current().record("token", tracing::field::display(token.id));
            }
            Ok(caller)
        })
    }
}

/// Someone who may load the dashboard's page, which holds no data but must be able to ask for a token: everyone
/// where there is one, else this machine.
#[derive(Debug, Clone, Copy)]
pub struct Visitor;

impl FromRequest for Visitor {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let api = api::of(&request)?;
            if api.token.get().is_none() && api.tokens.list(api.clock.now()).await.is_empty() {
                alone(&Head::of(&request))?;
            }
            Ok(Self)
        })
    }
}

/// The token of `Authorization: Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::http::Version;
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::web::bench::Bench;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        map
    }

    async fn admitted(api: &Api, peer: &str, pairs: &[(&str, &str)]) -> Result<(), u16> {
        let head = Head { peer: peer.parse().ok(), version: Version::HTTP_11, headers: &headers(pairs) };
        Caller::admit(api, &head).await.map(drop).map_err(|p| p.status().as_u16())
    }

    const HERE: &str = "127.0.0.1:50000";

    #[actix_web::test]
    async fn with_a_token_only_that_token_lets_in_wherever_one_comes_from() {
        let bench = Bench::new();
        let api = bench.api_with(Some("s3cret"));
        let right = ("authorization", "Bearer s3cret");
        assert_eq!(admitted(&api, "203.0.113.9:1", &[right]).await, Ok(()));
        assert_eq!(
            admitted(&api, "203.0.113.9:1", &[right, ("x-forwarded-for", "198.51.100.1")]).await,
            Ok(())
        );
        assert_eq!(admitted(&api, HERE, &[("authorization", "bearer  s3cret ")]).await, Ok(()));
        for wrong in
            ["Bearer s3cre", "Bearer s3crets", "Bearer", "Bearer ", "Basic s3cret", "s3cret", "Bearer S3CRET"]
        {
            assert_eq!(admitted(&api, HERE, &[("authorization", wrong)]).await, Err(401), "{wrong}");
        }
        assert_eq!(admitted(&api, HERE, &[]).await, Err(401), "this machine needs it as well");
    }

    #[test]
    fn an_empty_token_is_no_token() {
        assert!(Token::new(&SecretString::from("")).is_none());
        assert!(Token::new(&SecretString::from(" \n")).is_none());
    }
}

//! OAuth: the JWT grant, the authorization code and its refresh, and who the user is.

use std::sync::Arc;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::errors::ApiError;
use super::gate::bearer;
use super::grants::{Asked, Terms, TokenKind};
use super::{Shared, jwt, later, lock};

/// Life of the access tokens of JWT grants, whatever else is set: an hour.
const JWT_LIFE: SignedDuration = SignedDuration::from_hours(1);
const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn error(error: &str, description: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": error, "error_description": description}))
}

/// `POST /oauth/token`.
pub(super) async fn token(request: HttpRequest, body: Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let given = |name: &str| {
        form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let now = shared.clock.now();
    match given("grant_type") {
        JWT_GRANT => jwt_grant(&shared, given("assertion")),
        "authorization_code" | "refresh_token" if !is_authentic(&shared, &request, given("client_id")) => {
            error("invalid_client", "The client could not be authenticated.")
        }
        "authorization_code" => {
            let code = lock(&shared.tokens).take(TokenKind::Code, given("code"), now, SignedDuration::ZERO);
            match code {
                Some(code) if is_as_asked(code.asked.as_ref(), &given) => pair(&shared, &code.terms),
                _ => error("invalid_grant", "expired_client_token"),
            }
        }
        "refresh_token" => {
            let overlap = shared.settings.refresh_overlap;
            let old = lock(&shared.tokens).take(TokenKind::Refresh, given("refresh_token"), now, overlap);
            old.map_or_else(
                || error("invalid_grant", "expired_client_token"),
                |old| pair(&shared, &old.terms),
            )
        }
        _ => error("unsupported_grant_type", "The grant_type is missing or not known."),
    }
}

/// Whether a token call tells of its code what was told when it was asked for: the address, where it tells one, and
/// what PKCE's challenge was made of.
fn is_as_asked<'a>(asked: Option<&Asked>, given: &impl Fn(&str) -> &'a str) -> bool {
    let Some(asked) = asked else { return false };
    let redirect = given("redirect_uri");
    let verified = asked.challenge.as_ref().is_none_or(|challenge| {
        *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(given("code_verifier").as_bytes()))
    });
    verified && (redirect.is_empty() || redirect == asked.redirect_uri)
}

fn jwt_grant(shared: &Shared, assertion: &str) -> HttpResponse {
    let key = shared.settings.public_key.as_ref();
    let claims = match jwt::read(assertion, key, shared.clock.now()) {
        Ok(claims) => claims,
        Err(description) => return error("invalid_grant", description),
    };
    let audience = shared.settings.audience.as_deref();
    if audience.is_some_and(|audience| audience != claims.aud) {
        return error("invalid_grant", "invalid_audience");
    }
    if !is_client(shared, &claims.iss) {
        return error("invalid_grant", "issuer_not_found");
    }
    let Some(user) = claims.sub.parse().ok().filter(|user| shared.knows_user(*user)) else {
        return error("invalid_grant", "user_not_found");
    };
    let impersonates = claims.scope.split_whitespace().any(|scope| scope == "impersonation");
    if !impersonates || !lock(&shared.controls).consents.has(user) {
        return HttpResponse::BadRequest().json(json!({"error": "consent_required"}));
    }
    let life = shared.settings.token_life.min(JWT_LIFE);
    let user = (!shared.settings.users.is_empty()).then_some(user);
    let terms = Arc::new(Terms { user, scope: claims.scope.clone(), since: shared.clock.now() });
    HttpResponse::Ok().json(json!({
        "access_token": shared.access_token(life, terms),
        "token_type": "Bearer",
        "expires_in": life.as_secs(),
        "scope": claims.scope,
    }))
}

/// A new access token and a new refresh token, which with the scope `extended` lives anew, and else as long as the
/// first one.
fn pair(shared: &Shared, terms: &Arc<Terms>) -> HttpResponse {
    let life = shared.settings.token_life;
    let refresh = shared.dice.uuid().simple().to_string();
    let extended = terms.scope.split_whitespace().any(|scope| scope == "extended");
    let since = if extended { shared.clock.now() } else { terms.since };
    let until = later(since, shared.settings.refresh_life);
    lock(&shared.tokens).keep(TokenKind::Refresh, refresh.clone(), Arc::clone(terms), until);
    HttpResponse::Ok().json(json!({
        "access_token": shared.access_token(life, Arc::clone(terms)),
        "token_type": "Bearer",
        "refresh_token": refresh,
        "expires_in": life.as_secs(),
    }))
}

/// Any integration where none is configured.
pub(super) fn is_client(shared: &Shared, id: &str) -> bool {
    shared.settings.client_id.as_deref().is_none_or(|known| known == id)
}

/// A confidential client names itself by Basic authentication; a public one by `client_id` alone.
fn is_authentic(shared: &Shared, request: &HttpRequest, client_id: &str) -> bool {
    let Some(secret) = &shared.settings.client_secret else {
        return client_id.is_empty() || is_client(shared, client_id);
    };
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let pair = header.and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok());
    let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
    pair.as_deref()
        .and_then(|pair| pair.split_once(':'))
        .is_some_and(|(id, given)| is_client(shared, id) && given == secret.expose_secret())
}

impl Shared {
    /// Where the accounts are: as set, or where the call came to.
    pub(super) fn base_uri(&self, request: &HttpRequest) -> String {
        self.settings.base_uri.clone().unwrap_or_else(|| {
            let connection = request.connection_info();
            format!("{}://{}", connection.scheme(), connection.host())
        })
    }
}

/// `GET /oauth/userinfo`.
pub(super) async fn userinfo(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let now = shared.clock.now();
    let token = bearer(request.headers());
    let terms = token.and_then(|token| lock(&shared.tokens).alive(TokenKind::Access, token, now));
    let Some(terms) = terms else { return ApiError::dead_token().answer() };
    let base_uri = shared.base_uri(&request);
    let users = shared.users();
    let user = match terms.user {
        Some(id) => users.iter().find(|user| user.person.user_id == id),
        None => users.first(),
    };
    let Some(user) = user else { return ApiError::no_token().answer() };
    let accounts = shared.settings.accounts.iter().filter(|account| user.accounts.contains(&account.id));
    let accounts = accounts.map(|account| {
        json!({
            "account_id": account.id,
            "is_default": account.id == user.default,
            "account_name": account.name,
            "base_uri": base_uri,
        })
    });
    let person = &user.person;
    let (given, family) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    HttpResponse::Ok().json(json!({
        "sub": person.user_id,
        "name": person.name,
        "given_name": given,
        "family_name": family,
        "created": "2015-08-13T22:03:03.45",
        "email": person.email,
        "accounts": accounts.collect::<Vec<_>>(),
    }))
}

//! OAuth: the JWT grant, the authorization code and its refresh, and who the user is.

use actix_web::http::header::{AUTHORIZATION, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;
use url::form_urlencoded;

use super::errors::ApiError;
use super::gate::bearer;
use super::world::TokenKind;
use super::{Shared, jwt, lock};

/// A refresh token's life; each refresh makes a new one.
const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// An authorization code's life.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// Life of the access tokens of JWT grants, whatever else is set: an hour.
const JWT_LIFE: SignedDuration = SignedDuration::from_hours(1);
const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn error(error: &str, description: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": error, "error_description": description}))
}

/// `GET /oauth/auth`: consents at once and sends the user back with a code.
pub(super) async fn authorize(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let Some(Ok(mut back)) = asked("redirect_uri").map(url::Url::parse) else {
        return error("invalid_request", "The redirect_uri is missing or is no URL.");
    };
    if !is_client(&shared, asked("client_id").unwrap_or_default()) {
        return error("invalid_client", "The client_id is not known.");
    }
    let code = shared.dice.uuid().simple().to_string();
    lock(&shared.tokens).keep(TokenKind::Code, code.clone(), shared.clock.now(), CODE_LIFE);
    back.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = asked("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    HttpResponse::Found().insert_header((LOCATION, back.as_str())).finish()
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
            let alive = lock(&shared.tokens).take(TokenKind::Code, given("code"), now);
            if alive { pair(&shared) } else { error("invalid_grant", "expired_client_token") }
        }
        "refresh_token" => {
            let alive = lock(&shared.tokens).take(TokenKind::Refresh, given("refresh_token"), now);
            if alive { pair(&shared) } else { error("invalid_grant", "expired_client_token") }
        }
        _ => error("unsupported_grant_type", "The grant_type is missing or not known."),
    }
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
    if claims.sub.parse::<uuid::Uuid>().is_err() {
        return error("invalid_grant", "user_not_found");
    }
    let impersonates = claims.scope.split_whitespace().any(|scope| scope == "impersonation");
    if !impersonates || !lock(&shared.controls).consented {
        return HttpResponse::BadRequest().json(json!({"error": "consent_required"}));
    }
    let life = shared.settings.token_life.min(JWT_LIFE);
    HttpResponse::Ok().json(json!({
        "access_token": shared.access_token(life),
        "token_type": "Bearer",
        "expires_in": life.as_secs(),
        "scope": claims.scope,
    }))
}

/// A new access token and a new refresh token.
fn pair(shared: &Shared) -> HttpResponse {
    let life = shared.settings.token_life;
    let refresh = shared.dice.uuid().simple().to_string();
    lock(&shared.tokens).keep(TokenKind::Refresh, refresh.clone(), shared.clock.now(), REFRESH_LIFE);
    HttpResponse::Ok().json(json!({
        "access_token": shared.access_token(life),
        "token_type": "Bearer",
        "refresh_token": refresh,
        "expires_in": life.as_secs(),
    }))
}

/// Any integration where none is configured.
fn is_client(shared: &Shared, id: &str) -> bool {
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

/// `GET /oauth/userinfo`.
pub(super) async fn userinfo(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let now = shared.clock.now();
    let token = bearer(request.headers());
    if !token.is_some_and(|token| lock(&shared.tokens).is_alive(TokenKind::Access, token, now)) {
        return ApiError::dead_token().answer();
    }
    let base_uri = shared.settings.base_uri.clone().unwrap_or_else(|| {
        let connection = request.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    });
    let accounts: Vec<_> = shared
        .settings
        .accounts
        .iter()
        .enumerate()
        .map(|(place, account)| {
            json!({
                "account_id": account.id,
                "is_default": place == 0,
                "account_name": account.name,
                "base_uri": base_uri,
            })
        })
        .collect();
    let Some(user) = shared.settings.accounts.first().map(|account| &account.sender) else {
        return ApiError::no_token().answer();
    };
    let (given, family) = user.name.split_once(' ').unwrap_or((&user.name, ""));
    HttpResponse::Ok().json(json!({
        "sub": user.user_id,
        "name": user.name,
        "given_name": given,
        "family_name": family,
        "created": "2015-08-13T22:03:03.45",
        "email": user.email,
        "accounts": accounts,
    }))
}

//! Linking an account in a browser: the page of a link, the way to DocuSign and back, the choice of an account.

mod pages;

use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, HeaderValue, LOCATION, SET_COOKIE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

use crate::base::{AccountState, limits};
use crate::link::{Arrival, Callback, Done, Error};

use super::Api;
use pages::Page;

/// The browser's secret, where we are reached over https: bound to this host, sent over https alone.
const SECURE_COOKIE: &str = "__Host-countersign-link";
/// The same over plain http, on one's own machine.
const PLAIN_COOKIE: &str = "countersign-link";
/// Characters of a secret of ours: 256 bits in base64url.
const SECRET_CHARS: usize = 43;

/// How we are reached by browsers.
struct Place {
    /// The path before our own ones, without a slash at its end.
    base: String,
    secure: bool,
    /// Where users log in.
    docusign: Url,
}

impl Place {
    fn of(api: &Api) -> Self {
        // Without a redirect URL there are no links, and nothing but an error is shown.
        let public = api.links.public().ok();
        let base = public.as_ref().map(|public| public.path().trim_end_matches('/').to_owned());
        let secure = public.is_some_and(|public| public.scheme() == "https");
        Self { base: base.unwrap_or_default(), secure, docusign: api.links.docusign().clone() }
    }

    fn cookie_name(&self) -> &'static str {
        if self.secure { SECURE_COOKIE } else { PLAIN_COOKIE }
    }

    /// The secret that the browser was given.
    fn browser(&self, request: &HttpRequest) -> Option<String> {
        let cookies = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, secret) = pairs.find(|(name, _)| *name == self.cookie_name())?;
        let ours = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (secret.len() == SECRET_CHARS && secret.bytes().all(ours)).then(|| secret.to_owned())
    }

    /// Lets the browser keep its secret; it comes back with links that lead here from DocuSign, and with no form of
    /// another site.
    fn keep(&self, answer: &mut HttpResponse, secret: &str) {
        let (name, age) = (self.cookie_name(), limits::AUTHORIZATION_LIFE.as_secs() * 4);
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!("{name}={secret}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(mut value) = HeaderValue::from_str(&cookie) {
            value.set_sensitive(true);
            answer.headers_mut().insert(SET_COOKIE, value);
        }
    }

    fn show(&self, page: Page) -> HttpResponse {
        page.answer(&self.base)
    }

    fn fail(&self, error: &Error) -> HttpResponse {
        if let Error::Store(_) | Error::Vault(_) | Error::Overtaken | Error::Docusign(_) = error {
            tracing::error!(%error, "an account could not be linked");
        } else if let Error::Back(returned) = error {
            tracing::info!(why = %returned.why, "a user came back without an account");
        }
        self.show(pages::problem(self, error))
    }

    /// The user's way on: to whoever made the link, or to our own last page.
    fn done(&self, done: &Done) -> HttpResponse {
        let account = &done.account;
        let status = if account.state == AccountState::Active { "connected" } else { account.state.word() };
        let mut more = vec![("integrated_account_id", account.id.as_str())];
        more.extend(account.reason.as_deref().map(|reason| ("reason", reason)));
        match done.redirect_to.as_deref().and_then(|to| pages::with_status(to, status, &more)) {
            Some(url) => see_other(url.as_str()),
            None => self.show(pages::done(done)),
        }
    }
}

fn see_other(address: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::SEE_OTHER).insert_header((LOCATION, address)).finish()
}

/// A field of a query or a form; none where it is absent or empty.
fn field(text: &[u8], name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(text);
    pairs.find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.into_owned())
}

/// Whether a form was sent by a page of another site, as far as the browser tells.
fn is_foreign(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"))
}

/// `GET /connect-account`: what will happen, and a button.
pub(super) async fn show(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let place = Place::of(&api);
    let Some(token) = field(request.query_string().as_bytes(), "link_token") else {
        return place.show(pages::incomplete());
    };
    match api.links.look(&token).await {
        Ok(invitation) => {
            let secret = place.browser(&request);
            let secret = secret.unwrap_or_else(|| api.links.secret().expose_secret().to_owned());
            let mut answer = place.show(pages::invitation(&place, &token, &invitation));
            place.keep(&mut answer, &secret);
            answer
        }
        Err(error) => place.fail(&error),
    }
}

/// `POST /connect-account`: the button; on to DocuSign.
pub(super) async fn begin(request: HttpRequest, body: Bytes, api: Data<Api>) -> HttpResponse {
    let place = Place::of(&api);
    let Some(token) = field(&body, "link_token") else { return place.show(pages::incomplete()) };
    // The page set a cookie, which a form of another site does not bring.
    let browser = place.browser(&request).filter(|_| !is_foreign(&request));
    let Some(browser) = browser else { return place.show(pages::no_cookie()) };
    match api.links.begin(&token, &browser).await {
        Ok(departure) => {
            let mut answer = see_other(departure.url.expose_secret());
            place.keep(&mut answer, &browser);
            answer
        }
        Err(error) => place.fail(&error),
    }
}

/// `GET /oauth/callback`: back from DocuSign.
pub(super) async fn callback(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let place = Place::of(&api);
    let query = request.query_string().as_bytes();
    let callback = Callback {
        state: field(query, "state").unwrap_or_default(),
        code: field(query, "code").map(SecretString::from),
        error: field(query, "error"),
    };
    let browser = place.browser(&request);
    // In a task of its own: a user who goes away drops this future, and what was begun must end.
    let task = {
        let (api, browser) = (api.clone(), browser.clone());
        async move { api.links.arrive(callback, browser.as_deref()).await }
    };
    match ended(tokio::spawn(task)).await {
        Ok(Arrival::Choose { ticket, choices, redirect_to }) => {
            let page = pages::chooser(&place.base, &ticket, &choices, redirect_to.as_deref());
            let mut answer = place.show(page);
            if let Some(browser) = browser {
                place.keep(&mut answer, &browser);
            }
            answer
        }
        Ok(Arrival::Done(done)) => place.done(&done),
        Err(error) => place.fail(&error),
    }
}

/// `POST /connect-account/choose`: one of several accounts.
pub(super) async fn choose(request: HttpRequest, body: Bytes, api: Data<Api>) -> HttpResponse {
    let place = Place::of(&api);
    let (Some(ticket), Some(account)) = (field(&body, "ticket"), field(&body, "account")) else {
        return place.show(pages::incomplete());
    };
    let browser = place.browser(&request).filter(|_| !is_foreign(&request));
    let task = {
        let api = api.clone();
        async move { api.links.choose(&ticket, &account, browser.as_deref()).await }
    };
    match ended(tokio::spawn(task)).await {
        Ok(done) => place.done(&done),
        Err(error) => place.fail(&error),
    }
}

async fn ended<T>(task: tokio::task::JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    let broken = |why| Error::Store(crate::store::Error::Unavailable(format!("linking broke off: {why}")));
    task.await.unwrap_or_else(|why| Err(broken(why)))
}

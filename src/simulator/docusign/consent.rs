//! `/oauth/auth`: where users log in and allow the integration what it asks for, or do not.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use jiff::SignedDuration;
use url::{Url, form_urlencoded};

use crate::base::Escaped;

use super::grants::{Asked, Terms, User};
use super::{Shared, later, lock};

/// An authorization code's life.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// What is asked for, as far as it can be answered at the address that it names.
struct Wanted {
    /// All that was asked, to be asked again by the form.
    all: Vec<(String, String)>,
    back: Url,
}

impl Wanted {
    fn read(shared: &Shared, all: Vec<(String, String)>) -> Result<Self, &'static str> {
        let asked = |name: &str| all.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let redirect = asked("redirect_uri").unwrap_or_default();
        let known = &shared.settings.redirect_uris;
        // Compared as text: to DocuSign a slash more is another address.
        let registered = known.is_empty() || known.iter().any(|known| known == redirect);
        let Some(back) = Url::parse(redirect).ok().filter(|_| registered) else {
            return Err("The redirect URI is not registered properly with DocuSign.");
        };
        if !super::oauth::is_client(shared, asked("client_id").unwrap_or_default()) {
            return Err("The client ID is not known.");
        }
        Ok(Self { all, back })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.all.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Sends the user back with these parameters, and the state that was told.
    fn answer(&self, told: &[(&str, &str)]) -> HttpResponse {
        let mut back = self.back.clone();
        back.query_pairs_mut().extend_pairs(told);
        if let Some(state) = self.get("state") {
            back.query_pairs_mut().append_pair("state", state);
        }
        HttpResponse::Found().insert_header((LOCATION, back.as_str())).finish()
    }

    /// What is wrong with it, where the integration is told.
    fn refusal(&self) -> Option<HttpResponse> {
        let no = |error, why| Some(self.answer(&[("error", error), ("error_description", why)]));
        if self.get("response_type") != Some("code") {
            return no("unsupported_response_type", "The response_type must be code.");
        }
        match (self.get("code_challenge"), self.get("code_challenge_method")) {
            (None, _) | (Some(_), Some("S256")) => None,
            _ => no("invalid_request", "The code_challenge_method must be S256."),
        }
    }

    /// Sends the user back with a code.
    fn allowed(&self, shared: &Shared, user: &User) -> HttpResponse {
        let now = shared.clock.now();
        lock(&shared.controls).consents.set(user.person.user_id, true);
        let code = shared.dice.uuid().simple().to_string();
        let scope = self.get("scope").unwrap_or_default().to_owned();
        // The one user of a stand-in that names none has every account.
        let user = (!shared.settings.users.is_empty()).then_some(user.person.user_id);
        let asked = Asked {
            redirect_uri: self.get("redirect_uri").unwrap_or_default().to_owned(),
            challenge: self.get("code_challenge").map(str::to_owned),
        };
        let terms = Arc::new(Terms { user, scope, since: now });
        lock(&shared.tokens).keep_code(code.clone(), terms, asked, later(now, CODE_LIFE));
        self.answer(&[("code", &code)])
    }
}

/// `GET /oauth/auth`: asks the user, or sends one who consented before back at once.
pub(super) async fn authorize(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let query = form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let wanted = match Wanted::read(&shared, query) {
        Ok(wanted) => wanted,
        Err(why) => return fault(why),
    };
    if let Some(refusal) = wanted.refusal() {
        return refusal;
    }
    let users = shared.users();
    let hint = wanted.get("login_hint");
    let hinted = users.iter().find(|user| hint == Some(user.person.email.as_str()));
    let user = hinted.or(users.first());
    let consented = user.filter(|user| lock(&shared.controls).consents.has(user.person.user_id));
    let logged_in = !shared.settings.asks_users && wanted.get("prompt") != Some("login");
    match (consented, wanted.get("prompt")) {
        (Some(user), _) if logged_in => wanted.allowed(&shared, user),
        (Some(_), Some("none")) => wanted.answer(&[("error", "login_required")]),
        (None, Some("none")) => wanted.answer(&[("error", "consent_required")]),
        _ => page(&wanted, &users, hinted),
    }
}

/// `POST /oauth/auth`: what the user chose.
pub(super) async fn decide(body: Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let told = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let (decision, email) = (told("decision"), told("user"));
    let own = |(key, _): &(String, String)| key != "decision" && key != "user";
    let wanted = match Wanted::read(&shared, form.into_iter().filter(own).collect()) {
        Ok(wanted) => wanted,
        Err(why) => return fault(why),
    };
    if let Some(refusal) = wanted.refusal() {
        return refusal;
    }
    let users = shared.users();
    let user = users.iter().find(|user| email.as_ref() == Some(&user.person.email));
    match (decision.as_deref(), user) {
        (Some("allow"), Some(user)) => wanted.allowed(&shared, user),
        (Some("deny"), _) => {
            let why = "The user did not consent to connecting the application.";
            wanted.answer(&[("error", "access_denied"), ("error_description", why)])
        }
        _ => fault("Choose a user, and allow or deny."),
    }
}

fn page(wanted: &Wanted, users: &[User], hinted: Option<&User>) -> HttpResponse {
    let mut form = String::new();
    for (name, value) in &wanted.all {
        form += &format!("<input type=hidden name=\"{}\" value=\"{}\">", Escaped(name), Escaped(value));
    }
    for (place, user) in users.iter().enumerate() {
        let email = &user.person.email;
        let chosen = hinted.map_or(place == 0, |hinted| hinted == user);
        form += &format!(
            "<p><label><input type=radio name=user value=\"{}\"{}> {} ({})</label></p>",
            Escaped(email),
            if chosen { " checked" } else { "" },
            Escaped(&user.person.name),
            Escaped(email),
        );
    }
    let scope = Escaped(wanted.get("scope").unwrap_or_default());
    document(
        StatusCode::OK,
        &format!(
            "<h1>Simulated DocuSign: log in</h1><p>An application asks for: {scope}</p>\
             <form method=post action=auth>{form}\
             <button id=allow name=decision value=allow>Allow access</button> \
             <button id=deny name=decision value=deny>Decline</button></form>"
        ),
    )
}

/// What a user sees where the integration cannot be told.
fn fault(why: &str) -> HttpResponse {
    document(StatusCode::BAD_REQUEST, &format!("<h1>An error has occurred.</h1><p>{}</p>", Escaped(why)))
}

/// A page for people.
pub(super) fn document(status: StatusCode, body: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\"><title>Simulated DocuSign</title>{body}"
    ))
}

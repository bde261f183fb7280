//! The pages that a user sees who links an account: plain HTML that needs no script, with everything from outside escaped.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::base::{AccountState, Escaped};
use crate::link::{Back, Choice, Done, Error, Invitation, Returned};
use crate::rest;

use super::Place;

/// What a page may load, and where its forms may lead: to us, and on to DocuSign, whose login may send users to one
/// https address after another. Browsers hold every step of that against `form-action`.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; form-action 'self' https:";

/// A page on its way out.
pub(super) struct Page {
    status: StatusCode,
    title: String,
    body: String,
    /// Plain http addresses to which its form may lead: a stand-in on this machine.
    plain: Vec<String>,
}

impl Page {
    fn new(status: StatusCode, title: &str) -> Self {
        Self { status, title: title.to_owned(), body: String::new(), plain: Vec::new() }
    }

    fn text(mut self, text: &str) -> Self {
        // Writing into a string cannot fail.
        let _ = writeln!(self.body, "<p>{}</p>", Escaped(text));
        self
    }

    /// Lets its form lead to an address, where that is a plain one.
    fn leading_to(mut self, address: Option<&str>) -> Self {
        let url = address.and_then(|address| Url::parse(address).ok());
        self.plain
            .extend(url.filter(|url| url.scheme() == "http").map(|url| url.origin().ascii_serialization()));
        self
    }

    /// The form that sends a user to DocuSign, and by way of it to where they go afterwards.
    fn button(mut self, place: &Place, redirect_to: Option<&str>, token: &str, label: &str) -> Self {
        let _ = writeln!(
            self.body,
            "<form method=\"post\" action=\"{}/connect-account\">\n\
             <input type=\"hidden\" name=\"link_token\" value=\"{}\">\n\
             <button type=\"submit\">{}</button>\n</form>",
            Escaped(&place.base),
            Escaped(token),
            Escaped(label),
        );
        self.leading_to(Some(place.docusign.as_str())).leading_to(redirect_to)
    }

    /// The whole document; `base` is the path under which we are reached, without a slash at its end.
    pub(super) fn answer(self, base: &str) -> HttpResponse {
        let (title, base) = (Escaped(&self.title), Escaped(base));
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · countersign</title>\n\
             <link rel=\"icon\" href=\"{base}/assets/icon.svg\" type=\"image/svg+xml\">\n\
             <link rel=\"stylesheet\" href=\"{base}/assets/style.css\">\n</head>\n\
             <body class=\"page\">\n<main class=\"card\">\n<h1>{title}</h1>\n{}</main>\n</body>\n</html>\n",
            self.body
        );
        let policy = self.plain.iter().fold(POLICY.to_owned(), |policy, origin| format!("{policy} {origin}"));
        HttpResponse::build(self.status)
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_SECURITY_POLICY, policy))
            .body(html)
    }
}

/// What will happen, and a button.
pub(super) fn invitation(place: &Place, token: &str, invitation: &Invitation) -> Page {
    let host = place.docusign.host_str().unwrap_or("DocuSign");
    let link = &invitation.link;
    let title = match invitation.again {
        Some(_) => "Connect your DocuSign account again",
        None => "Connect your DocuSign account",
    };
    let mut page = Page::new(StatusCode::OK, title);
    if let Some(again) = &invitation.again {
        let name = again.name.as_deref().or(again.account.as_ref().map(|account| account.as_str()));
        page = page.text(&format!("The account: {}.", name.unwrap_or("not known yet")));
    } else if let Some(account) = &link.account {
        page = page.text(&format!("It must be this account: {account}."));
    }
    page.text(&format!(
        "You go to DocuSign ({host}), log in there, and are asked whether you allow the application that gave you \
         this link to work with envelopes in your name. Then you come back here."
    ))
    .text("Your password stays with DocuSign. You can take this back at any time, in your DocuSign profile under \
           Connected Apps.")
    .text(&format!("The link is good once, until {}.", spoken(link.expires_at)))
    .button(place, link.redirect_to.as_deref(), token, "Continue to DocuSign")
}

/// `2026-11-23 10:00 UTC`.
fn spoken(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A user's accounts, one of which is to be chosen.
pub(super) fn chooser(
    base: &str,
    ticket: &SecretString,
    choices: &[Choice],
    redirect_to: Option<&str>,
) -> Page {
    let mut page = Page::new(StatusCode::OK, "Choose an account");
    let default = choices.iter().position(|choice| choice.is_default).unwrap_or(0);
    let _ = writeln!(
        page.body,
        "<form method=\"post\" action=\"{}/connect-account/choose\">\n\
         <input type=\"hidden\" name=\"ticket\" value=\"{}\">\n\
         <fieldset>\n<legend>Which of your accounts is to be connected?</legend>",
        Escaped(base),
        Escaped(ticket.expose_secret()),
    );
    for (place, choice) in choices.iter().enumerate() {
        let id = choice.account.as_str();
        let _ = writeln!(
            page.body,
            "<label class=\"choice\"><input type=\"radio\" name=\"account\" value=\"{}\"{} required> \
             <span>{}{}<br><small>{}</small></span></label>",
            Escaped(id),
            if place == default { " checked" } else { "" },
            Escaped(choice.name.as_deref().unwrap_or("An account without a name")),
            if choice.is_default { " (your default)" } else { "" },
            Escaped(id),
        );
    }
    page.body += "</fieldset>\n<button type=\"submit\">Connect this account</button>\n</form>\n";
    page.leading_to(redirect_to)
}

/// It is done.
pub(super) fn done(done: &Done) -> Page {
    let account = &done.account;
    let id = account.account.as_ref().map(|account| account.as_str()).unwrap_or_default();
    let name = account.name.as_deref().unwrap_or(id);
    match account.state {
        AccountState::Active => Page::new(StatusCode::OK, "Your account is connected")
            .text(&format!("{name} ({id}) is connected. You can close this page.")),
        _ => Page::new(StatusCode::UNPROCESSABLE_ENTITY, "Your account cannot be used yet")
            .text(&format!(
                "{name} ({id}) is connected, but DocuSign refuses calls with it: {}.",
                account.reason.as_deref().unwrap_or("it gave no reason")
            ))
            .text(
                "Ask an administrator of the account whether you may use its API, then ask for a new link.",
            ),
    }
}

/// The form is not what we gave out, or the browser keeps no cookies.
pub(super) fn no_cookie() -> Page {
    Page::new(StatusCode::FORBIDDEN, "Please begin again")
        .text("This browser did not show what it was given with the page before: cookies may be switched off, or the \
               form was sent by another site. Allow cookies for this site, and open your link again.")
}

/// Something is missing from the address or the form.
pub(super) fn incomplete() -> Page {
    Page::new(StatusCode::BAD_REQUEST, "The link is not whole")
        .text("The address that you opened lacks a part. Open the whole link, or ask for a new one.")
}

/// What went wrong, in words for whoever clicked.
pub(super) fn problem(place: &Place, error: &Error) -> Page {
    let ask = "Ask whoever gave you the link for a new one.";
    let page = |status, title| Page::new(status, title);
    match error {
        Error::LinkUnknown => page(StatusCode::NOT_FOUND, "This link is not known")
            .text("The address may be incomplete, or the link was made long ago.")
            .text(ask),
        Error::LinkUsed => {
            page(StatusCode::GONE, "This link was used already").text("Each link is good once.").text(ask)
        }
        Error::LinkExpired => page(StatusCode::GONE, "This link is no longer good").text(ask),
        Error::StateUnknown => page(StatusCode::BAD_REQUEST, "Please begin again").text(
            "This page was opened twice, too late, or not by way of DocuSign. Nothing was connected by it. Open your \
             link again.",
        ),
        Error::ForeignBrowser => page(StatusCode::FORBIDDEN, "This is another browser").text(
            "You began in another browser, or cookies are switched off. Nothing was connected. Open your link in the \
             browser in which you want to log in.",
        ),
        Error::AccountUnknown => {
            page(StatusCode::NOT_FOUND, "The account was removed").text("It cannot be connected again.").text(ask)
        }
        Error::Back(returned) => {
            let Returned { why, again, redirect_to } = &**returned;
            let again = again.expose_secret();
            let mut page = came_back(why).button(place, redirect_to.as_deref(), again, "Try again");
            if let Some(elsewhere) = redirect_to.as_deref().and_then(|to| with_status(to, "cancelled", &[])) {
                let _ = writeln!(
                    page.body,
                    "<p><a href=\"{}\">Go back without connecting</a></p>",
                    Escaped(elsewhere.as_str())
                );
            }
            page
        }
        Error::NotSetUp(_) => page(StatusCode::SERVICE_UNAVAILABLE, "Accounts cannot be connected here")
            .text("Tell whoever gave you the link."),
        Error::Unfit(_) | Error::Docusign(_) | Error::Overtaken | Error::Store(_) | Error::Vault(_) => {
            page(StatusCode::SERVICE_UNAVAILABLE, "It did not work")
                .text("Something is wrong here, and not with what you did. Open your link again in a few minutes.")
        }
    }
}

fn came_back(why: &Back) -> Page {
    let page = |status, title| Page::new(status, title);
    match why {
        Back::Denied => page(StatusCode::FORBIDDEN, "You did not allow it")
            .text("Nothing was connected. If you changed your mind, you can try again with the same link."),
        Back::Refused(code) => page(StatusCode::BAD_GATEWAY, "DocuSign did not ask you")
            .text(&format!("It says: {code}. Nothing was connected.")),
        Back::Docusign(rest::Error::Unauthorized(why)) => {
            page(StatusCode::BAD_GATEWAY, "DocuSign did not confirm it")
                .text(&format!("It says: {}. Nothing was connected.", why.code))
        }
        Back::Docusign(_) => page(StatusCode::BAD_GATEWAY, "DocuSign does not answer")
            .text("Nothing was connected. Try again in a few minutes."),
        Back::NoAccount => page(StatusCode::FORBIDDEN, "You have no account")
            .text("The DocuSign user that you logged in as is a member of no account. Log in as another one."),
        Back::NotTheirs(account) => page(StatusCode::FORBIDDEN, "This account is not yours").text(&format!(
            "This link is for the account {account}. The DocuSign user that you logged in as is no member of it. Log \
             in as another one."
        )),
        Back::Taken(account) => page(StatusCode::CONFLICT, "This account is connected already").text(&format!(
            "The account {account} is connected by somebody else's link. Choose another one, or tell whoever gave you \
             the link."
        )),
    }
}

/// An address with what came of it added to its query.
pub(super) fn with_status(address: &str, status: &str, more: &[(&str, &str)]) -> Option<Url> {
    let mut url = Url::parse(address).ok()?;
    url.query_pairs_mut().append_pair("status", status).extend_pairs(more);
    Some(url)
}

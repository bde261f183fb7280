//! DocuSign's settings: which of them belong together, and whether there is enough of them to fetch with.

use super::check::Checker;
use super::fault::Wrong;
use super::settings::DocusignSettings;
use super::values;
use super::written::Scope;

pub(super) fn settings(checker: &mut Checker<'_>, top: &Scope) -> DocusignSettings {
    let docusign = DocusignSettings {
        auth_url: checker.parsed(top, "docusign.auth_url", values::https_url).unwrap_or_default(),
        client_id: checker.text(top, "docusign.client_id"),
        client_secret: checker.secret(top, "docusign.client_secret", |_| Ok(())),
        redirect_url: checker.parsed(top, "docusign.redirect_url", values::https_url),
        user_id: checker.text(top, "docusign.user_id"),
        private_key: checker.secret(top, "docusign.private_key", values::pem_key),
        access_token: checker.secret(top, "docusign.access_token", values::token),
        base_uri: checker.parsed(top, "docusign.base_uri", values::https_url),
    };
    let given = |key: &str| top.entries.contains_key(key);
    let needs = [
        (
            "docusign.private_key",
            "docusign.client_id",
            "the JWT grant asks in the name of an integration key",
        ),
        ("docusign.private_key", "docusign.user_id", "the JWT grant asks on behalf of a user"),
        ("docusign.client_secret", "docusign.client_id", "a secret belongs to an integration key"),
    ];
    // Where accounts are linked, each one linked by our key names a user of its own.
    let excused = |missing: &str| missing == "docusign.user_id" && docusign.can_link();
    let lacking =
        |(key, missing, _): &&(&str, &str, &str)| given(key) && !given(missing) && !excused(missing);
    for (_, missing, why) in needs.iter().filter(lacking) {
        checker.fault(top, missing, Wrong::new(format!("it is missing: {why}"), "set it too"));
    }
    if given("docusign.access_token") && given("docusign.private_key") {
        let what = "the token is used as it is, and the private key not at all";
        let todo = "keep one of the two; DocuSign's tokens end after some hours";
        checker.warn(top, "docusign.access_token", Wrong::new(what, todo));
    }
    if docusign.redirect_url.as_ref().is_some_and(|url| !url.ends_with("/oauth/callback")) {
        let what = "users come back from DocuSign to /oauth/callback, and this address has another path";
        let todo =
            "end it with /oauth/callback, here and at DocuSign, or let your proxy lead from there to it";
        checker.warn(top, "docusign.redirect_url", Wrong::new(what, todo));
    }
    docusign
}

/// On where it can work, unless it was told.
pub(super) fn enrich(checker: &mut Checker<'_>, top: &Scope, docusign: &DocusignSettings) -> bool {
    let told = checker.parsed(top, "enrich", values::switch);
    let able = docusign.has_credentials() || docusign.can_link();
    if told == Some(true) && !able {
        let what = "there are no credentials to fetch with";
        let todo = "set docusign.client_id, docusign.user_id and docusign.private_key_file, or \
                    docusign.access_token, or docusign.redirect_url to have accounts linked";
        checker.fault(top, "enrich", Wrong::new(what, todo));
    }
    told.unwrap_or(able)
}

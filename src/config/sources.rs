//! Sources of deliveries: the one called `default`, and every `[[source]]`.

use secrecy::{ExposeSecret, SecretString};

use crate::base::{SourceName, limits};

use super::check::{Checker, same};
use super::fault::Wrong;
use super::settings::SourceSettings;
use super::values;
use super::written::Scope;

/// All sources: `default` first, whose keys stand at the top level and whose other settings may stand in a
/// `[[source]]` of that name.
pub(super) fn settings(checker: &mut Checker<'_>, top: &Scope, scopes: &[Scope]) -> Vec<SourceSettings> {
    let mut sources = vec![SourceSettings {
        name: SourceName::default(),
        hmac_keys: keys(checker, top),
        accounts: Vec::new(),
        timezone: None,
        basic_auth: None,
    }];
    let mut default_told = false;
    for scope in scopes {
        let Some(source) = one(checker, scope) else { continue };
        if source.name == SourceName::default() && !default_told {
            default_told = true;
            merge_default(checker, scope, &mut sources, source);
        } else if sources.iter().any(|other| other.name == source.name) {
            let what = format!("there is another source `{}`", source.name);
            checker.fault(scope, "name", Wrong::new(what, "give each source a name of its own"));
        } else {
            sources.push(source);
        }
    }
    if let Some(scope) = scopes.last().filter(|_| sources.len() > limits::SOURCES_MAX) {
        let what = format!("there are {} sources; {} is the most", sources.len(), limits::SOURCES_MAX);
        let todo = "let several accounts share a source: one source serves any number of them";
        checker.fault(scope, "name", Wrong::new(what, todo));
    }
    warn_of_closed_doors(checker, top, scopes, &sources);
    sources
}

fn merge_default(
    checker: &mut Checker<'_>,
    scope: &Scope,
    sources: &mut [SourceSettings],
    told: SourceSettings,
) {
    let Some(default) = sources.first_mut() else { return };
    if !default.hmac_keys.is_empty() && scope.entries.contains_key("hmac_keys") {
        let what = "the source `default` has keys here and in the top-level `hmac_keys`";
        checker.fault(scope, "hmac_keys", Wrong::new(what, "keep one of the two"));
        return;
    }
    let top_level = std::mem::take(&mut default.hmac_keys);
    *default = told;
    if default.hmac_keys.is_empty() {
        default.hmac_keys = top_level;
    }
}

fn one(checker: &mut Checker<'_>, scope: &Scope) -> Option<SourceSettings> {
    let hmac_keys = keys(checker, scope);
    let accounts = checker.items(scope, "accounts");
    if accounts.as_ref().is_some_and(Vec::is_empty) {
        let todo = "name at least one account, or leave the list out to let all in";
        checker.fault(scope, "accounts", Wrong::new("an empty list would let no account in", todo));
    }
    let accounts = checker.each(scope, "accounts", accounts, values::account);
    let timezone = checker.parsed(scope, "timezone", values::time_zone);
    let basic_auth = checker.secret(scope, "basic_auth", values::basic_auth);
    if !scope.entries.contains_key("name") {
        let todo = "add name = \"…\": deliveries then arrive at /connect/NAME";
        checker.fault(scope, "name", Wrong::new("the source has no name", todo));
    }
    let name = checker.parsed(scope, "name", values::source_name)?;
    Some(SourceSettings { name, hmac_keys, accounts, timezone, basic_auth })
}

/// Keys are taken as they are: white space at an end belongs to the key, and is most often a mistake.
fn keys(checker: &mut Checker<'_>, scope: &Scope) -> Vec<SecretString> {
    let mut keys: Vec<SecretString> = Vec::new();
    for text in checker.items(scope, "hmac_keys").unwrap_or_default() {
        if text.trim() != text {
            let what = "a key begins or ends in white space, which counts as part of it";
            checker.warn(scope, "hmac_keys", Wrong::new(what, "leave no space around commas"));
        }
        let key = SecretString::from(text);
        if keys.iter().any(|other| same(other, &key)) {
            let what = "a key stands there twice";
            checker.warn(scope, "hmac_keys", Wrong::new(what, "the second one is not needed"));
        } else {
            keys.push(key);
        }
    }
    if keys.iter().any(|key| key.expose_secret().trim().is_empty()) {
        let todo = "give the keys that DocuSign shows under Connect Keys";
        checker.fault(scope, "hmac_keys", Wrong::new("a key consists of white space alone", todo));
    }
    if keys.len() > limits::SIGNATURES_MAX {
        let what =
            format!("there are {} keys; DocuSign signs with {} at most", keys.len(), limits::SIGNATURES_MAX);
        checker.fault(
            scope,
            "hmac_keys",
            Wrong::new(what, "leave out the keys that are not active any more"),
        );
    }
    keys
}

fn warn_of_closed_doors(
    checker: &mut Checker<'_>,
    top: &Scope,
    scopes: &[Scope],
    sources: &[SourceSettings],
) {
    if sources.iter().all(|source| source.hmac_keys.is_empty()) {
        let what = "no source has a key, so every delivery is refused";
        let todo = "set the keys that DocuSign shows under Connect Keys";
        checker.warn(top, "hmac_keys", Wrong::new(what, todo));
        return;
    }
    for source in sources.iter().skip(1).filter(|source| source.hmac_keys.is_empty()) {
        let scope = scopes.iter().find(|scope| {
            scope.entries.get("name").is_some_and(
                |w| matches!(&w.value, super::written::Value::Text(name) if name == source.name.as_str()),
            )
        });
        let what = format!("the source `{}` has no key, so each of its deliveries is refused", source.name);
        let todo = "set hmac_keys or hmac_keys_file in its table";
        checker.warn(scope.unwrap_or(top), "hmac_keys", Wrong::new(what, todo));
    }
}

//! From settings as written to settings as checked, with every fault and every weakness on the way.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::fault::{Fault, Wrong};
use super::settings::{CloudEvents, LogFormat, Settings, StoreSetting};
use super::written::{ReadFile, Scope, Value, Written};
use super::{docusign, queues, sources, values};

/// Takes values out of scopes, reads the files that hold secrets, and collects what is wrong.
pub(super) struct Checker<'a> {
    pub cwd: &'a Path,
    pub read: ReadFile<'a>,
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

impl Checker<'_> {
    pub(super) fn fault(&mut self, scope: &Scope, key: &str, wrong: Wrong) {
        let fault = located(scope, key, wrong);
        self.faults.push(fault);
    }

    pub(super) fn warn(&mut self, scope: &Scope, key: &str, wrong: Wrong) {
        let warning = located(scope, key, wrong);
        self.warnings.push(warning);
    }

    /// The value's text; empty is a fault.
    fn raw(&mut self, scope: &Scope, key: &'static str) -> Option<String> {
        let text = match &scope.entries.get(key)?.value {
            Value::Text(text) => text.clone(),
            Value::List(items) => items.join(","),
            Value::File(path) => self.file(scope, key, path)?,
        };
        if text.is_empty() {
            self.fault(scope, key, Wrong::new("it is empty", "give a value, or leave it out"));
            return None;
        }
        Some(text)
    }

    /// A file's text without the line end that editors and `echo` leave behind.
    fn file(&mut self, scope: &Scope, key: &'static str, path: &Path) -> Option<String> {
        match (self.read)(&self.cwd.join(path)) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Some(text.strip_suffix('\r').unwrap_or(text).to_owned())
            }
            Err(why) => {
                let what = format!("the file `{}` cannot be read: {why}", path.display());
                self.fault(scope, key, Wrong::new(what, "name a file that is there and may be read"));
                None
            }
        }
    }

    /// A value by its parser.
    pub(super) fn parsed<T>(
        &mut self,
        scope: &Scope,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let text = self.raw(scope, key)?;
        parse(&text).map_err(|wrong| self.fault(scope, key, wrong)).ok()
    }

    pub(super) fn text(&mut self, scope: &Scope, key: &'static str) -> Option<String> {
        self.raw(scope, key)
    }

    pub(super) fn secret(
        &mut self,
        scope: &Scope,
        key: &'static str,
        check: impl FnOnce(&str) -> Result<(), Wrong>,
    ) -> Option<SecretString> {
        self.parsed(scope, key, |text| check(text).map(|()| SecretString::from(text)))
    }

    /// A list's items as written: separated by commas or line ends, except in an array. Empty items fall out.
    pub(super) fn items(&mut self, scope: &Scope, key: &'static str) -> Option<Vec<String>> {
        if let Some(Written { value: Value::List(items), .. }) = scope.entries.get(key) {
            return Some(items.iter().filter(|item| !item.is_empty()).cloned().collect());
        }
        let text = self.raw(scope, key)?;
        Some(split(&text).map(str::to_owned).collect())
    }

    /// Items, trimmed and parsed one by one.
    pub(super) fn each<T>(
        &mut self,
        scope: &Scope,
        key: &'static str,
        items: Option<Vec<String>>,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let mut out = Vec::new();
        for item in items.unwrap_or_default() {
            match parse(item.trim()) {
                Ok(value) => out.push(value),
                Err(wrong) => self.fault(scope, key, wrong),
            }
        }
        out
    }
}

/// A list in one text: its items stand between commas or line ends.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let items = text.split([',', '\n']).map(|item| item.strip_suffix('\r').unwrap_or(item));
    items.filter(|item| !item.is_empty())
}

/// Connect keys as `hmac_keys` and its file have them: between commas or line ends, otherwise verbatim.
pub fn key_list(text: &str) -> Vec<SecretString> {
    split(text).map(SecretString::from).collect()
}

fn located(scope: &Scope, key: &str, Wrong { what, todo }: Wrong) -> Fault {
    // A key that nobody wrote is blamed on its table: `[[source]]` has a line even where `name` has none.
    let origin = scope.entries.get(key).map_or(&scope.origin, |written| &written.origin).clone();
    scope.fault(key, origin, what, todo)
}

/// Checks everything. Meaningful only where `checker` has collected no fault.
pub(super) fn settings(
    checker: &mut Checker<'_>,
    top: &Scope,
    source_scopes: &[Scope],
    queue_scopes: &[Scope],
) -> Settings {
    let listen = checker.parsed(top, "listen", values::listen).unwrap_or_default();
    let data_dir = PathBuf::from(checker.text(top, "data_dir").unwrap_or_default());
    let store = checker.parsed(top, "store", values::store);
    let store = store.unwrap_or_else(|| StoreSetting::Sqlite(data_dir.join("countersign.db")));
    let broker = broker(checker, top);
    let api_token = api_token(checker, top, &listen);
    let docusign = docusign::settings(checker, top);
    let words = [("binary", CloudEvents::Binary), ("structured", CloudEvents::Structured)];
    let cloud_events = checker.parsed(top, "cloud_events", |text| values::choice(text, &words));
    let words = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    let log_format = checker.parsed(top, "log.format", |text| values::choice(text, &words));
    let days = checker.parsed(top, "dedup_retention_days", |text| values::number(text, 1..=3_650));
    if days.is_some_and(|days| days < RETRY_DAYS) {
        let what =
            format!("DocuSign repeats a delivery for up to {RETRY_DAYS} days, longer than it is remembered");
        let todo = "a late repeat is stored as a new delivery; set more days";
        checker.warn(top, "dedup_retention_days", Wrong::new(what, todo));
    }
    let audit_days = checker.parsed(top, "audit_retention_days", |text| values::number(text, 1..=36_500));
    if let (Some(days), Some(audit_days)) = (days, audit_days)
        && audit_days < days
    {
        let what = "evidence would be forgotten before the deliveries that it is about";
        let todo = format!("set at least the {days} days of dedup_retention_days");
        checker.fault(top, "audit_retention_days", Wrong::new(what, todo));
    }
    Settings {
        listen,
        data_dir,
        store,
        broker,
        broker_management: checker.secret(top, "broker_management", values::management_url),
        sources: sources::settings(checker, top, source_scopes),
        queues: queues::settings(checker, queue_scopes),
        api_token,
        api_rate: checker
            .parsed(top, "api_rate", |text| values::number(text, 0..=1_000_000))
            .unwrap_or_default(),
        vault_key: checker.secret(top, "vault_key", |_| Ok(())),
        vault_key_previous: checker.secret(top, "vault_key_previous", |_| Ok(())),
        audit_key: checker.secret(top, "audit_key", values::ed25519_key),
        enrich: docusign::enrich(checker, top, &docusign),
        enrich_interval_minutes: checker
            .parsed(top, "enrich_interval_minutes", |text| values::number(text, 0..=1_440))
            .unwrap_or_default(),
        docusign,
        reconcile_every: checker.parsed(top, "reconcile_every", values::every).flatten(),
        public_url: checker.parsed(top, "public_url", values::https_url),
        cloud_events: cloud_events.unwrap_or_default(),
        audit_stream: checker.parsed(top, "audit_stream", values::switch).unwrap_or(true),
        delivery_bytes_max: checker
            .parsed(top, "delivery_bytes_max", |text| values::bytes(text, DELIVERY_BYTES))
            .unwrap_or_default(),
        dedup_retention_days: days.unwrap_or_default(),
        audit_retention_days: audit_days.unwrap_or_default(),
        threads: checker.parsed(top, "threads", |text| values::number(text, 1..=256)),
        log_format: log_format.unwrap_or_default(),
        log_level: checker.parsed(top, "log.level", values::log_level).unwrap_or_default(),
    }
}

/// DocuSign's longest retry; source: its Connect documentation (see the retention's own reason in the limits).
const RETRY_DAYS: u32 = 15;
/// From a body that any message without documents fits in, to what a machine can spool.
const DELIVERY_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=1024 * 1024 * 1024;

/// The configured token; a warning where without one nobody may get in.
fn api_token(checker: &mut Checker<'_>, top: &Scope, listen: &str) -> Option<SecretString> {
    let api_token = checker.secret(top, "api_token", values::token);
    if api_token.is_none() && !values::is_loopback(listen) {
        let what = "no token is set: unless one was made, the HTTP API answers callers on this machine only";
        let todo =
            "set a token, or make one with `countersign token create`, to reach the API from elsewhere";
        checker.warn(top, "api_token", Wrong::new(what, todo));
    }
    api_token
}

fn broker(checker: &mut Checker<'_>, top: &Scope) -> Vec<SecretString> {
    let items = checker.items(top, "broker");
    if items.as_ref().is_some_and(|items| items.iter().all(|item| item.trim() == "none")) {
        return Vec::new();
    }
    checker.each(top, "broker", items, |url| values::broker_url(url).map(SecretString::from))
}

/// True where two secrets are the same.
pub(super) fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

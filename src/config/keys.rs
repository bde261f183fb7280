//! Every key by name: what may stand in the file, in the environment and after `--set`.

use crate::base::nearest::nearest;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Switch,
    /// Several texts: an array in the file, separated by commas elsewhere.
    List,
}

/// A key and its nature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// With dots between levels.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Never shown; can also be read from a file, by `<key>_file` and `…_FILE`.
    pub secret: bool,
}

const fn text(name: &'static str) -> Key {
    Key { name, kind: Kind::Text, secret: false }
}

const fn number(name: &'static str) -> Key {
    Key { name, kind: Kind::Number, secret: false }
}

const fn switch(name: &'static str) -> Key {
    Key { name, kind: Kind::Switch, secret: false }
}

const fn list(name: &'static str) -> Key {
    Key { name, kind: Kind::List, secret: false }
}

const fn secret(name: &'static str) -> Key {
    Key { name, kind: Kind::Text, secret: true }
}

const fn secrets(name: &'static str) -> Key {
    Key { name, kind: Kind::List, secret: true }
}

/// Keys of the file's top level and its sections; each has a variable.
pub(super) const TOP: &[Key] = &[
    text("listen"),
    text("data_dir"),
    secret("store"),
    secrets("broker"),
    secret("broker_management"),
    secrets("hmac_keys"),
    secret("api_token"),
    number("api_rate"),
    secret("vault_key"),
    secret("vault_key_previous"),
    secret("audit_key"),
    text("docusign.auth_url"),
    text("docusign.client_id"),
    secret("docusign.client_secret"),
    text("docusign.redirect_url"),
    text("docusign.user_id"),
    secret("docusign.private_key"),
    secret("docusign.access_token"),
    text("docusign.base_uri"),
    switch("enrich"),
    text("reconcile_every"),
    text("public_url"),
    number("enrich_interval_minutes"),
    text("cloud_events"),
    switch("audit_stream"),
    number("delivery_bytes_max"),
    number("dedup_retention_days"),
    number("audit_retention_days"),
    number("threads"),
    text("log.format"),
    text("log.level"),
];

/// Keys of `[[source]]`.
pub(super) const SOURCE: &[Key] =
    &[text("name"), secrets("hmac_keys"), list("accounts"), text("timezone"), secret("basic_auth")];

/// Keys of `[[queue]]`.
pub(super) const QUEUE: &[Key] = &[
    text("name"),
    list("bind"),
    text("type"),
    text("dead_letter_exchange"),
    text("dead_letter_routing_key"),
    text("dead_letter_strategy"),
    number("delivery_limit"),
    switch("single_active_consumer"),
    number("max_length"),
];

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "COUNTERSIGN_";
/// The variable that names the settings file.
pub(super) const CONFIG_VARIABLE: &str = "COUNTERSIGN_CONFIG";

/// The variable of a top-level key: `docusign.client_id` → `COUNTERSIGN_DOCUSIGN__CLIENT_ID`.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('.', "__").to_ascii_uppercase())
}

/// A key of `keys` by the name written, and whether it was written as `<key>_file`.
pub(super) fn find(keys: &'static [Key], written: &str) -> Option<(&'static Key, bool)> {
    let named = |name: &str| keys.iter().find(|key| key.name == name);
    named(written).map(|key| (key, false)).or_else(|| {
        let key = named(written.strip_suffix("_file")?)?;
        key.secret.then_some((key, true))
    })
}

/// Every name under which the keys can be written.
fn names(keys: &'static [Key]) -> impl Iterator<Item = String> {
    keys.iter().flat_map(|key| {
        let file = key.secret.then(|| format!("{}_file", key.name));
        std::iter::once(key.name.to_owned()).chain(file)
    })
}

/// What to do about an unknown key: the nearest known one, or where they are all listed.
pub(super) fn hint(keys: &'static [Key], also: &[&str], written: &str) -> String {
    let known = names(keys).chain(also.iter().map(|name| (*name).to_owned()));
    hint_among(known, written, "`countersign config reference` lists every key")
}

/// The same for an unknown variable.
pub(super) fn variable_hint(written: &str) -> String {
    for (table, list) in [("SOURCE", "source"), ("QUEUE", "queue")] {
        if written.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with(table)) {
            return format!("[[{list}]] can be set in the settings file only");
        }
    }
    let known = names(TOP).map(|name| variable(&name)).chain(std::iter::once(CONFIG_VARIABLE.to_owned()));
    hint_among(known, written, "unset it; `countersign config reference` lists every variable")
}

fn hint_among(known: impl Iterator<Item = String>, written: &str, otherwise: &str) -> String {
    // The prefix that all variables share says nothing about how like two of them are.
    let own = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let known: Vec<_> = known.map(|name| (own(&name), name)).collect();
    let near = nearest(&own(written), known.iter().map(|(own, _)| own.as_str()));
    let named = near.and_then(|near| known.iter().find(|(own, _)| own == near));
    named.map_or_else(|| otherwise.to_owned(), |(_, name)| format!("did you mean `{name}`?"))
}

/// True for variables that Kubernetes and Docker links set by themselves for a service called `countersign…`:
/// they are no settings of ours, however much they look like it.
pub(super) fn is_service_link(variable: &str, value: &str) -> bool {
    let Some(rest) = variable.strip_prefix(PREFIX) else { return false };
    let words: Vec<&str> = rest.split('_').collect();
    let number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let protocol = |word: &str| matches!(word, "TCP" | "UDP" | "SCTP");
    match words.as_slice() {
        [.., "SERVICE", "HOST"] => true,
        [.., "PORT"] if value.contains("://") => true,
        [.., "PORT", port, tcp] if number(port) && protocol(tcp) => true,
        [.., "PORT", port, tcp, "PROTO" | "PORT" | "ADDR"] if number(port) && protocol(tcp) => true,
        words => words.windows(2).any(|pair| pair == ["SERVICE", "PORT"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_the_key_in_capitals_with_two_underscores_between_levels() {
        assert_eq!(variable("listen"), "COUNTERSIGN_LISTEN");
        assert_eq!(variable("docusign.client_id"), "COUNTERSIGN_DOCUSIGN__CLIENT_ID");
    }

    #[test]
    fn no_two_keys_share_a_name_or_a_variable() {
        for keys in [TOP, SOURCE, QUEUE] {
            let mut all: Vec<String> = names(keys).map(|name| variable(&name)).collect();
            let before = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), before);
        }
    }

    #[test]
    fn only_secrets_have_a_file_form() {
        assert!(find(TOP, "api_token_file").is_some_and(|(key, file)| key.name == "api_token" && file));
        assert!(find(TOP, "listen_file").is_none());
        assert!(find(TOP, "docusign.private_key_file").is_some_and(|(_, file)| file));
    }

    #[test]
    fn a_misspelt_name_gets_its_nearest_and_nonsense_gets_the_list() {
        assert_eq!(hint(TOP, &[], "docusing.client_id"), "did you mean `docusign.client_id`?");
        assert_eq!(hint(TOP, &["source"], "sources"), "did you mean `source`?");
        assert!(hint(TOP, &[], "quux").contains("config reference"));
        assert_eq!(
            variable_hint("COUNTERSIGN_DOCUSIGN_CLIENT_ID"),
            "did you mean `COUNTERSIGN_DOCUSIGN__CLIENT_ID`?"
        );
        assert!(variable_hint("COUNTERSIGN_SOURCE__0__NAME").contains("file only"));
    }

    #[test]
    fn variables_that_kubernetes_sets_for_a_service_of_our_name_are_left_alone() {
        for name in [
            "COUNTERSIGN_SERVICE_HOST",
            "COUNTERSIGN_SERVICE_PORT",
            "COUNTERSIGN_SERVICE_PORT_HTTP",
            "COUNTERSIGN_PORT",
            "COUNTERSIGN_PORT_8080_TCP",
            "COUNTERSIGN_PORT_8080_TCP_ADDR",
            "COUNTERSIGN_RELAY_SERVICE_HOST",
            "COUNTERSIGN_RELAY_PORT_8080_TCP_PROTO",
        ] {
            assert!(is_service_link(name, "tcp://10.0.0.1:8080"), "{name}");
        }
        for name in ["COUNTERSIGN_LISTN", "COUNTERSIGN_PORT_HTTP", "COUNTERSIGN_HOST", "SERVICE_HOST"] {
            assert!(!is_service_link(name, "tcp://10.0.0.1:8080"), "{name}");
        }
        assert!(!is_service_link("COUNTERSIGN_PORT", "8080"), "somebody meant `listen`");
        assert!(
            !names(TOP).any(|name| is_service_link(&variable(&name), "")),
            "a key of ours would be ignored"
        );
    }
}

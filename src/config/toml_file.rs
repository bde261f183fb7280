//! The settings file: TOML, walked over the table of keys, with the line of every value.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::fault::{Fault, Origin};
use super::interpolate::interpolate;
use super::keys::{self, Key, Kind};
use super::written::{Environment, Layers, Scope, Value, Written};

/// Reads `text` over what `layers` holds. `path` names it in messages; without one it is our own default file.
pub(super) fn read_into(layers: &mut Layers, text: &str, path: Option<&Path>, env: &Environment) {
    let file = File { text, path, env };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let origin = file.origin(error.span().map_or(0, |span| span.start));
        layers.readable = false;
        layers.faults.push(Fault {
            key: "config".into(),
            variable: None,
            origin,
            // The message alone: with its excerpt it could show a secret.
            what: format!("the file is no TOML: {}", error.message()),
            todo: "mend this line; texts stand in quotes".into(),
        });
    }
    if errors.is_empty() {
        file.top(layers, document.get_ref(), "");
    }
}

struct File<'a> {
    text: &'a str,
    path: Option<&'a Path>,
    env: &'a Environment,
}

impl File<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let Some(path) = self.path else { return Origin::Default };
        let before = self.text.as_bytes().iter().take(offset);
        Origin::File(path.to_owned(), 1 + before.filter(|byte| **byte == b'\n').count())
    }

    /// The top level and its sections; `section` is empty or ends in a dot.
    fn top(&self, layers: &mut Layers, table: &DeTable<'_>, section: &str) {
        for (name, value) in table {
            let full = format!("{section}{}", name.get_ref());
            let origin = self.origin(name.span().start);
            match (full.as_str(), value.get_ref()) {
                ("source" | "queue", DeValue::Array(items)) => {
                    self.list_of_tables(layers, &full, items, origin)
                }
                ("source" | "queue", DeValue::Table(_)) => {
                    let what = "one table stands where a list of tables belongs".into();
                    let todo = format!("write [[{full}]] with two brackets");
                    layers.faults.push(layers.top.fault(&full, origin, what, todo));
                }
                (_, DeValue::Table(inner)) if !inner.is_empty() => {
                    self.top(layers, inner, &format!("{full}."));
                }
                _ => {
                    let mut faults = Vec::new();
                    self.entry(&mut layers.top, keys::TOP, &full, value, origin, &mut faults);
                    layers.faults.append(&mut faults);
                }
            }
        }
    }

    fn list_of_tables(&self, layers: &mut Layers, list: &str, items: &DeArray<'_>, origin: Origin) {
        let (keys, mut faults) = (if list == "source" { keys::SOURCE } else { keys::QUEUE }, Vec::new());
        let mut scopes = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let at = self.origin(item.span().start);
            let mut scope =
                Scope { prefix: format!("{list}[{}].", n + 1), origin: at, entries: Default::default() };
            let DeValue::Table(table) = item.get_ref() else {
                let what = "a value stands where a table belongs".into();
                faults.push(layers.top.fault(list, origin.clone(), what, format!("write [[{list}]]")));
                continue;
            };
            for (name, value) in table {
                let origin = self.origin(name.span().start);
                self.entry(&mut scope, keys, name.get_ref(), value, origin, &mut faults);
            }
            scopes.push(scope);
        }
        layers.faults.append(&mut faults);
        *(if list == "source" { &mut layers.sources } else { &mut layers.queues }) = scopes;
    }

    fn entry(
        &self,
        scope: &mut Scope,
        keys: &'static [Key],
        name: &str,
        value: &Spanned<DeValue<'_>>,
        origin: Origin,
        faults: &mut Vec<Fault>,
    ) {
        let Some((key, by_file)) = keys::find(keys, name) else {
            let also: &[&str] = if scope.prefix.is_empty() { &["source", "queue"] } else { &[] };
            let key = format!("{}{name}", scope.prefix);
            let (what, todo) = ("no such key is known".into(), keys::hint(keys, also, name));
            faults.push(Fault { key, variable: None, origin, what, todo });
            return;
        };
        match self.value(value.get_ref(), key, by_file) {
            Ok(value) => faults.extend(scope.insert(key, Written { value, origin })),
            Err((what, todo)) => faults.push(scope.fault(name, origin, what, todo)),
        }
    }

    fn value(&self, value: &DeValue<'_>, key: &Key, by_file: bool) -> Result<Value, (String, String)> {
        let kind = if by_file { Kind::Text } else { key.kind };
        match (kind, value) {
            (_, DeValue::String(text)) => {
                let text = interpolate(text, self.env)?;
                Ok(if by_file { Value::File(text.into()) } else { Value::Text(text) })
            }
            (Kind::Number, DeValue::Integer(number)) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                // What i64 cannot hold is out of every key's range too, and is told as that.
                Ok(Value::Text(number.map_or_else(|_| "too large".to_owned(), |n| n.to_string())))
            }
            (Kind::Switch, DeValue::Boolean(on)) => Ok(Value::Text(on.to_string())),
            (Kind::List, DeValue::Array(items)) => self.list(items),
            (kind, other) => {
                let wanted = match kind {
                    Kind::Text => "a text in quotes",
                    Kind::Number => "a whole number",
                    Kind::Switch => "true or false",
                    Kind::List => "a list of texts, [\"…\", \"…\"]",
                };
                Err((format!("it is of the TOML type {}", other.type_str()), format!("write {wanted}")))
            }
        }
    }

    fn list(&self, items: &DeArray<'_>) -> Result<Value, (String, String)> {
        let items = items.iter().map(|item| match item.get_ref() {
            DeValue::String(text) => interpolate(text, self.env),
            other => {
                let what = format!("an item is of the TOML type {}", other.type_str());
                Err((what, "write every item as a text in quotes".into()))
            }
        });
        Ok(Value::List(items.collect::<Result<_, _>>()?))
    }
}

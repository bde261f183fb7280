//! Compares a plan with what the broker's management API tells: every argument and every binding, by reading alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::show::{bare, values, word};
use super::{Drift, Part, Step};

/// Something that the management API can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// `/api/exchanges/{vhost}/{name}`.
    Exchange(String),
    /// `/api/queues/{vhost}/{name}`.
    Queue(String),
    /// `/api/queues/{vhost}/{name}/bindings`.
    Bindings(String),
}

/// What was told; a thing that is not in it is not there.
#[derive(Debug, Clone, Default)]
pub struct Seen(BTreeMap<Thing, Value>);

impl Seen {
    /// Everything to ask for, to compare these parts with.
    pub fn wanted(parts: &[Part]) -> Vec<Thing> {
        let things = parts.iter().flat_map(|part| &part.steps).flat_map(|step| match step {
            Step::Exchange { name, .. } => vec![Thing::Exchange((*name).to_owned())],
            Step::ExchangeExists { name } => vec![Thing::Exchange(name.clone())],
            Step::QueueExists { name } => vec![Thing::Queue(name.clone())],
            Step::Queue { name, .. } => vec![Thing::Queue(name.clone()), Thing::Bindings(name.clone())],
            Step::Bind { .. } => Vec::new(),
        });
        things.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes down what was told of a thing.
    pub fn note(&mut self, thing: Thing, told: Value) {
        self.0.insert(thing, told);
    }

    /// How all this differs from the parts, and what there is beyond them.
    pub fn compare(&self, parts: &[Part]) -> Vec<Drift> {
        parts.iter().flat_map(|part| self.compare_part(part)).collect()
    }

    fn compare_part(&self, part: &Part) -> Vec<Drift> {
        let mut drifts = Vec::new();
        for step in &part.steps {
            let Some(told) = self.told(step) else {
                drifts.push(part.missing(step));
                continue;
            };
            match step {
                Step::Exchange { kind, arguments, .. } => {
                    let wanted = [("type", Value::from(word(kind))), ("internal", Value::Bool(false))];
                    drifts.extend(
                        differences(told, &wanted, &values(arguments)).map(|why| part.differs(step, &why)),
                    );
                }
                Step::Queue { name, arguments } => {
                    let mut arguments = values(arguments);
                    // A queue made without this argument has a type all the same.
                    let kind = arguments.remove("x-queue-type").unwrap_or_default();
                    let wanted = [("type", kind), ("exclusive", Value::Bool(false))];
                    drifts.extend(differences(told, &wanted, &arguments).map(|why| part.differs(step, &why)));
                    drifts.extend(policy(told).map(|policy| {
                        let what = format!("the policy `{policy}` applies to queue {name}");
                        part.more(what, "see in RabbitMQ that it lets the queue drop nothing")
                    }));
                    drifts.extend(self.more_bindings(part, name));
                }
                Step::Bind { queue, exchange, pattern } => {
                    // Without its queue it is the queue that is missing.
                    let bound = self.bindings(queue).any(|pair| pair == (*exchange, pattern));
                    let there = self.0.contains_key(&Thing::Queue(queue.clone()));
                    drifts.extend((there && !bound).then(|| part.unbound(queue, exchange, pattern)));
                }
                Step::ExchangeExists { .. } | Step::QueueExists { .. } => {}
            }
        }
        drifts
    }

    /// What was told of a step's thing; a binding is none by itself.
    fn told(&self, step: &Step) -> Option<&Value> {
        match step {
            Step::Exchange { name, .. } => self.0.get(&Thing::Exchange((*name).to_owned())),
            Step::ExchangeExists { name } => self.0.get(&Thing::Exchange(name.clone())),
            Step::Queue { name, .. } | Step::QueueExists { name } => self.0.get(&Thing::Queue(name.clone())),
            Step::Bind { .. } => Some(&Value::Null),
        }
    }

    /// A queue's bindings: exchange and pattern. The default exchange's own, which every queue has, is left out.
    fn bindings(&self, queue: &str) -> impl Iterator<Item = (&str, &str)> {
        let told = self.0.get(&Thing::Bindings(queue.to_owned())).and_then(Value::as_array);
        let pairs = told
            .into_iter()
            .flatten()
            .filter_map(|binding| Some((binding["source"].as_str()?, binding["routing_key"].as_str()?)));
        pairs.filter(|(exchange, _)| !exchange.is_empty())
    }

    fn more_bindings(&self, part: &Part, queue: &str) -> Vec<Drift> {
        let asked = |pair: &(&str, &str)| {
            part.steps.iter().any(|step| {
                matches!(step, Step::Bind { queue: bound, exchange, pattern }
                    if bound == queue && (*exchange, pattern.as_str()) == *pair)
            })
        };
        let more = self.bindings(queue).filter(|pair| !asked(pair));
        more.map(|(exchange, pattern)| {
            let what = format!(
                "queue {queue} is also bound to {exchange} by `{pattern}`, which no setting asks for"
            );
            part.more(what, "where nobody wants it any more, unbind it in RabbitMQ")
        })
        .collect()
    }
}

/// The policy that applies to a queue.
fn policy(told: &Value) -> Option<&str> {
    told["policy"].as_str().filter(|name| !name.is_empty())
}

/// All that is otherwise with a thing, in one sentence.
fn differences(told: &Value, wanted: &[(&str, Value)], arguments: &Map<String, Value>) -> Option<String> {
    let durable = [("durable", Value::Bool(true)), ("auto_delete", Value::Bool(false))];
    let properties = durable.iter().chain(wanted).map(|(key, want)| (*key, Some(want), told.get(*key)));
    let none = Map::new();
    let has = told["arguments"].as_object().unwrap_or(&none);
    let keys: BTreeSet<&String> =
        arguments.keys().chain(has.keys()).filter(|key| *key != "x-queue-type").collect();
    let arguments = keys.into_iter().map(|key| (key.as_str(), arguments.get(key), has.get(key)));
    let show = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), bare);
    let all: Vec<String> = properties
        .chain(arguments)
        .filter(|(_, want, is)| want != is)
        .map(|(key, want, is)| format!("{key} is {} instead of {}", show(is), show(want)))
        .collect();
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::broker::topology::{Kind, plan};
    use crate::broker::{DeadLetterStrategy, Queue, Settings};

    fn parts() -> Vec<Part> {
        let queue = Queue {
            name: "billing".to_owned(),
            bind: vec!["signing_request.#".to_owned(), "enriched.#".to_owned()],
            dead_letter_exchange: Some(String::new()),
            dead_letter_routing_key: Some("billing.dead".to_owned()),
            dead_letter_strategy: Some(DeadLetterStrategy::AtLeastOnce),
            max_length: Some(10),
            ..Queue::default()
        };
        plan(&Settings { queues: vec![queue], ..Settings::default() })
    }

    /// A broker where all is as the plan has it, as RabbitMQ 3.10 tells it.
    fn as_wanted() -> Seen {
        let exchange = |kind: &str, arguments: Value| json!({"type": kind, "durable": true, "auto_delete": false, "internal": false, "arguments": arguments});
        let queue = |arguments: Value| {
            json!({"type": "quorum", "durable": true, "auto_delete": false, "exclusive": false,
                   "policy": "", "arguments": arguments})
        };
        let mut seen = Seen::default();
        let arguments = json!({"alternate-exchange": "countersign.unrouted"});
        seen.note(Thing::Exchange("countersign".into()), exchange("topic", arguments));
        seen.note(Thing::Exchange("countersign.unrouted".into()), exchange("fanout", json!({})));
        seen.note(Thing::Queue("countersign.unrouted".into()), queue(json!({"x-queue-type": "quorum"})));
        let unrouted = json!([{"source": "", "routing_key": "countersign.unrouted"},
                              {"source": "countersign.unrouted", "routing_key": ""}]);
        seen.note(Thing::Bindings("countersign.unrouted".into()), unrouted);
        let arguments = json!({"x-queue-type": "quorum", "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "billing.dead", "x-dead-letter-strategy": "at-least-once",
            "x-max-length": 10, "x-overflow": "reject-publish"});
        seen.note(Thing::Queue("billing".into()), queue(arguments));
        let bindings = json!([{"source": "", "routing_key": "billing"},
                              {"source": "countersign", "routing_key": "signing_request.#"},
                              {"source": "countersign", "routing_key": "enriched.#"}]);
        seen.note(Thing::Bindings("billing".into()), bindings);
        seen.note(Thing::Queue("billing.dead".into()), queue(json!({})));
        seen
    }

    /// What is found once `change` has been made to one thing.
    fn found(thing: Thing, change: impl FnOnce(&mut Value)) -> Vec<(Kind, String)> {
        let mut seen = as_wanted();
        change(seen.0.get_mut(&thing).unwrap());
        seen.compare(&parts()).into_iter().map(|drift| (drift.kind, drift.what)).collect()
    }

    fn billing() -> Thing {
        Thing::Queue("billing".into())
    }

    #[test]
    fn a_broker_that_is_as_wanted_shows_nothing() {
        assert_eq!(as_wanted().compare(&parts()), []);
        let asked: BTreeSet<Thing> = Seen::wanted(&parts()).into_iter().collect();
        assert!(
            as_wanted().0.keys().all(|thing| asked.contains(thing)),
            "only what is asked for can be told"
        );
        let all = Seen::default().compare(&parts());
        assert!(all.iter().all(|drift| drift.kind == Kind::Missing), "{all:?}");
        assert_eq!(all.len(), 5, "{all:?}");
    }

    #[test]
    fn every_argument_that_is_otherwise_is_named_with_both_values() {
        let found = found(billing(), |told| {
            told["type"] = json!("classic");
            told["arguments"]["x-max-length"] = json!(99);
            told["arguments"]["x-single-active-consumer"] = json!(true);
            told["arguments"].as_object_mut().unwrap().remove("x-dead-letter-strategy");
        });
        let [(Kind::Differs, what)] = found.as_slice() else { panic!("{found:?}") };
        for words in [
            "type is classic instead of quorum",
            "x-max-length is 99 instead of 10",
            "x-single-active-consumer is true instead of not set",
            "x-dead-letter-strategy is not set instead of at-least-once",
        ] {
            assert!(what.contains(words), "{words}: {what}");
        }
        assert!(!what.contains("x-overflow"), "what is as wanted is not told: {what}");
    }

    #[test]
    fn a_missing_binding_is_a_fault_and_one_more_is_only_told() {
        let found = found(Thing::Bindings("billing".into()), |told| {
            told[1]["routing_key"] = json!("participant.#");
        });
        let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [Kind::More, Kind::Unbound], "{found:?}");
        assert!(
            found[0].1.contains("`participant.#`") && found[1].1.contains("`signing_request.#`"),
            "{found:?}"
        );
        assert!(!Kind::More.is_fault() && Kind::Unbound.is_fault());
    }

    #[test]
    fn a_policy_and_another_alternate_are_told() {
        let policy = found(billing(), |told| told["policy"] = json!("short"));
        assert!(matches!(policy.as_slice(), [(Kind::More, what)] if what.contains("`short`")), "{policy:?}");
        let exchange = found(Thing::Exchange("countersign".into()), |told| told["arguments"] = json!({}));
        assert!(
            matches!(exchange.as_slice(), [(Kind::Differs, what)] if what.contains("alternate-exchange is not set")),
            "{exchange:?}"
        );
    }
}

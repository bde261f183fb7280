//! Subscribers' queues: every `[[queue]]`, checked against what RabbitMQ's queue types can do.

use super::check::Checker;
use super::fault::Wrong;
use super::settings::{DeadLetterStrategy, QueueKind, QueueSettings};
use super::values;
use super::written::{Scope, Value, Written};

/// Names that the product declares itself (see the contract's topology).
const RESERVED: [&str; 2] = ["countersign.audit", "countersign.unrouted"];

pub(super) fn settings(checker: &mut Checker<'_>, scopes: &[Scope]) -> Vec<QueueSettings> {
    let mut queues: Vec<QueueSettings> = Vec::new();
    let targets: Vec<&str> = scopes.iter().filter_map(dead_letter_queue).collect();
    for scope in scopes {
        let Some(queue) = one(checker, scope, &targets) else { continue };
        if queues.iter().any(|other| other.name == queue.name) {
            let what = format!("there is another queue `{}`", queue.name);
            checker.fault(scope, "name", Wrong::new(what, "put all patterns into the `bind` of one table"));
        } else {
            queues.push(queue);
        }
    }
    queues
}

fn text_of<'a>(scope: &'a Scope, key: &str) -> Option<&'a str> {
    match scope.entries.get(key) {
        Some(Written { value: Value::Text(text), .. }) => Some(text),
        _ => None,
    }
}

/// The queue that this one's dead letters go to by name, which is by the default exchange.
fn dead_letter_queue(scope: &Scope) -> Option<&str> {
    text_of(scope, "dead_letter_exchange").filter(|exchange| exchange.is_empty())?;
    text_of(scope, "dead_letter_routing_key")
}

/// `targets` are the queues that get dead letters of others.
fn one(checker: &mut Checker<'_>, scope: &Scope, targets: &[&str]) -> Option<QueueSettings> {
    let name = checker.parsed(scope, "name", queue_name);
    if !scope.entries.contains_key("name") {
        checker.fault(scope, "name", Wrong::new("the queue has no name", "add name = \"…\""));
    }
    let bind = checker.items(scope, "bind");
    let fed = name.as_deref().is_some_and(|name| targets.contains(&name));
    if !fed && bind.as_ref().map_or(!scope.entries.contains_key("bind"), Vec::is_empty) {
        let todo = "add bind = [\"signing_request.#\"], or the patterns that its subscriber wants";
        checker.fault(scope, "bind", Wrong::new("the queue is bound to nothing and would stay empty", todo));
    }
    let words =
        [("quorum", QueueKind::Quorum), ("classic", QueueKind::Classic), ("stream", QueueKind::Stream)];
    let both = [DeadLetterStrategy::AtLeastOnce, DeadLetterStrategy::AtMostOnce].map(|it| (it.word(), it));
    let strategy = checker.parsed(scope, "dead_letter_strategy", |text| values::choice(text, &both));
    let mut queue = QueueSettings {
        name: name.unwrap_or_default(),
        bind: checker.each(scope, "bind", bind, values::pattern),
        kind: checker.parsed(scope, "type", |text| values::choice(text, &words)).unwrap_or_default(),
        dead_letter_exchange: dead_letter_exchange(checker, scope),
        dead_letter_routing_key: checker.parsed(scope, "dead_letter_routing_key", short_name),
        dead_letter_strategy: strategy,
        delivery_limit: checker.parsed(scope, "delivery_limit", |text| values::number(text, 1..=1_000_000)),
        single_active_consumer: checker
            .parsed(scope, "single_active_consumer", values::switch)
            .unwrap_or_default(),
        max_length: checker.parsed(scope, "max_length", |text| values::number(text, 1..=u64::from(u32::MAX))),
    };
    check_kind(checker, scope, &queue);
    check_dead_letters(checker, scope, &queue);
    if queue.dead_letter_exchange.is_some() {
        // The surer one where it can be had: a dead letter is a change that somebody still has to look at.
        let surest = match queue.kind {
            QueueKind::Quorum => DeadLetterStrategy::AtLeastOnce,
            QueueKind::Classic | QueueKind::Stream => DeadLetterStrategy::AtMostOnce,
        };
        queue.dead_letter_strategy.get_or_insert(surest);
    }
    (!queue.name.is_empty()).then_some(queue)
}

/// Unlike all other texts it may be empty: that is the default exchange's name.
fn dead_letter_exchange(checker: &mut Checker<'_>, scope: &Scope) -> Option<String> {
    match text_of(scope, "dead_letter_exchange") {
        Some("") => Some(String::new()),
        _ => checker.parsed(scope, "dead_letter_exchange", short_name),
    }
}

/// What a type cannot do is a fault here: RabbitMQ would refuse the declaration, or take it and not do it.
fn check_kind(checker: &mut Checker<'_>, scope: &Scope, queue: &QueueSettings) {
    let kind = queue.kind;
    let mut refuse = |key: &'static str, given: bool, todo: &str| {
        if given {
            let what = format!("queues of the type {} cannot do this", kind.word());
            checker.fault(scope, key, Wrong::new(what, todo));
        }
    };
    let quorum = "leave it out, or take type = \"quorum\"";
    if kind != QueueKind::Quorum {
        refuse("delivery_limit", queue.delivery_limit.is_some(), quorum);
        let sure = queue.dead_letter_strategy == Some(DeadLetterStrategy::AtLeastOnce);
        refuse("dead_letter_strategy", sure, "write \"at-most-once\", or take type = \"quorum\"");
    }
    if kind == QueueKind::Stream {
        refuse("dead_letter_exchange", queue.dead_letter_exchange.is_some(), quorum);
        refuse("dead_letter_routing_key", queue.dead_letter_routing_key.is_some(), quorum);
        refuse("single_active_consumer", queue.single_active_consumer, quorum);
        refuse(
            "max_length",
            queue.max_length.is_some(),
            "leave it out: streams are bounded in bytes by a policy",
        );
    }
}

/// What RabbitMQ would take and then do nothing with, or lose dead letters by.
fn check_dead_letters(checker: &mut Checker<'_>, scope: &Scope, queue: &QueueSettings) {
    if queue.kind == QueueKind::Stream {
        return;
    }
    let target = queue.dead_letter_routing_key.as_deref();
    match queue.dead_letter_exchange.as_deref() {
        None => {
            let add = "add dead_letter_exchange";
            if target.is_some() {
                let what = "a routing key for dead letters without an exchange does nothing";
                checker.fault(scope, "dead_letter_routing_key", Wrong::new(what, add));
            }
            if queue.dead_letter_strategy.is_some() {
                let what = "a strategy for dead letters that go nowhere does nothing";
                checker.fault(scope, "dead_letter_strategy", Wrong::new(what, add));
            }
        }
        Some("") if target.is_none() => {
            let what = "the default exchange knows queues by name, and no queue is named like a message's routing key";
            let todo = "add dead_letter_routing_key with the name of the queue that gets the dead letters";
            checker.fault(scope, "dead_letter_exchange", Wrong::new(what, todo));
        }
        Some("") if target == Some(queue.name.as_str()) => {
            let what = "dead letters would come back to the queue that they leave";
            let todo = "name another queue, such as one with the same name and .dead";
            checker.fault(scope, "dead_letter_routing_key", Wrong::new(what, todo));
        }
        Some(_) => {}
    }
}

fn queue_name(text: &str) -> Result<String, Wrong> {
    if RESERVED.contains(&text) || text.starts_with("amq.") {
        let todo = "choose another name: countersign's own queues and amq.* are taken";
        return Err(Wrong::new(format!("the name `{text}` is reserved"), todo));
    }
    short_name(text)
}

fn short_name(text: &str) -> Result<String, Wrong> {
    if text.len() <= 255 && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("RabbitMQ takes no such name", "write at most 255 bytes without control characters"))
}

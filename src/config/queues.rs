//! Subscribers' queues: every `[[queue]]`, checked against what RabbitMQ's queue types can do.

use super::check::Checker;
use super::fault::Wrong;
use super::settings::{QueueKind, QueueSettings};
use super::values;
use super::written::Scope;

/// Names that the product declares itself (see the contract's topology).
const RESERVED: [&str; 2] = ["countersign.audit", "countersign.unrouted"];

pub(super) fn settings(checker: &mut Checker<'_>, scopes: &[Scope]) -> Vec<QueueSettings> {
    let mut queues: Vec<QueueSettings> = Vec::new();
    for scope in scopes {
        let Some(queue) = one(checker, scope) else { continue };
        if queues.iter().any(|other| other.name == queue.name) {
            let what = format!("there is another queue `{}`", queue.name);
            checker.fault(scope, "name", Wrong::new(what, "put all patterns into the `bind` of one table"));
        } else {
            queues.push(queue);
        }
    }
    queues
}

fn one(checker: &mut Checker<'_>, scope: &Scope) -> Option<QueueSettings> {
    let name = checker.parsed(scope, "name", queue_name);
    if !scope.entries.contains_key("name") {
        checker.fault(scope, "name", Wrong::new("the queue has no name", "add name = \"…\""));
    }
    let bind = checker.items(scope, "bind");
    if bind.as_ref().map_or(!scope.entries.contains_key("bind"), Vec::is_empty) {
        let todo = "add bind = [\"signing_request.#\"], or the patterns that its subscriber wants";
        checker.fault(scope, "bind", Wrong::new("the queue is bound to nothing and would stay empty", todo));
    }
    let words =
        [("quorum", QueueKind::Quorum), ("classic", QueueKind::Classic), ("stream", QueueKind::Stream)];
    let queue = QueueSettings {
        name: name.unwrap_or_default(),
        bind: checker.each(scope, "bind", bind, values::pattern),
        kind: checker.parsed(scope, "type", |text| values::choice(text, &words)).unwrap_or_default(),
        dead_letter_exchange: dead_letter_exchange(checker, scope),
        dead_letter_routing_key: checker.parsed(scope, "dead_letter_routing_key", short_name),
        delivery_limit: checker.parsed(scope, "delivery_limit", |text| values::number(text, 1..=1_000_000)),
        single_active_consumer: checker
            .parsed(scope, "single_active_consumer", values::switch)
            .unwrap_or_default(),
        max_length: checker.parsed(scope, "max_length", |text| values::number(text, 1..=u64::from(u32::MAX))),
    };
    check_kind(checker, scope, &queue);
    (!queue.name.is_empty()).then_some(queue)
}

/// Unlike all other texts it may be empty: that is the default exchange's name.
fn dead_letter_exchange(checker: &mut Checker<'_>, scope: &Scope) -> Option<String> {
    use super::written::{Value, Written};
    match scope.entries.get("dead_letter_exchange") {
        Some(Written { value: Value::Text(text), .. }) if text.is_empty() => Some(String::new()),
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
    } else if queue.dead_letter_routing_key.is_some() && queue.dead_letter_exchange.is_none() {
        let what = "a routing key for dead letters without an exchange does nothing";
        checker.fault(scope, "dead_letter_routing_key", Wrong::new(what, "add dead_letter_exchange"));
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

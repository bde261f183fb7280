//! A plan as people and as machines read it.

use std::fmt;

use lapin::ExchangeKind;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value, json};

use super::{Part, Step};

impl fmt::Display for Part {
    /// One line per step, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match step {
                Step::Exchange { name, kind, arguments } => {
                    write!(f, "exchange {name} (durable {}){}", word(kind), shown(arguments))?;
                }
                Step::Queue { name, arguments } => write!(f, "queue {name} (durable){}", shown(arguments))?,
                Step::Bind { queue, exchange, pattern } => {
                    write!(f, "bind {queue} to {exchange} by `{pattern}`")?
                }
                Step::ExchangeExists { name } => {
                    write!(f, "exchange {name} must exist: dead letters go there")?
                }
                Step::QueueExists { name } => write!(f, "queue {name} must exist: dead letters go there")?,
            }
        }
        Ok(())
    }
}

impl Part {
    /// What it consists of, one object for each step.
    pub fn json(&self) -> Value {
        let step = |step: &Step| match step {
            Step::Exchange { name, kind, arguments } => json!({
                "declare": "exchange", "name": name, "type": word(kind), "durable": true,
                "arguments": values(arguments),
            }),
            Step::Queue { name, arguments } => json!({
                "declare": "queue", "name": name, "durable": true, "arguments": values(arguments),
            }),
            Step::Bind { queue, exchange, pattern } => {
                json!({"bind": queue, "exchange": exchange, "routing_key": pattern})
            }
            Step::ExchangeExists { name } => json!({"needs": "exchange", "name": name}),
            Step::QueueExists { name } => json!({"needs": "queue", "name": name}),
        };
        json!({"part": self.name, "steps": self.steps.iter().map(step).collect::<Vec<_>>()})
    }
}

pub(super) fn word(kind: &ExchangeKind) -> &str {
    if *kind == ExchangeKind::Fanout { "fanout" } else { "topic" }
}

/// Arguments as JSON has them, which is how the management API tells them too.
pub(super) fn values(arguments: &FieldTable) -> Map<String, Value> {
    let value = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => json!(text.to_string()),
        AMQPValue::LongLongInt(number) => json!(number),
        AMQPValue::Boolean(flag) => json!(flag),
        // Nothing of ours is of another type.
        other => json!(format!("{other:?}")),
    };
    arguments.inner().iter().map(|(key, argument)| (key.to_string(), value(argument))).collect()
}

fn shown(arguments: &FieldTable) -> String {
    values(arguments).iter().map(|(key, value)| format!(" {key}={}", bare(value))).collect()
}

/// A value without the quotes of a text; an empty text keeps them, so that it can be seen.
pub(super) fn bare(value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), str::to_owned)
}

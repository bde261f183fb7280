//! Bodies as clients write them: objects whose scalars may be strings, numbers or booleans.

use serde_json::Value;

use super::errors::ApiError;

/// A body that must be an object.
pub(super) fn object(body: &[u8]) -> Result<Value, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(ApiError::invalid_body)?;
    if value.is_object() { Ok(value) } else { Err(ApiError::invalid_body("It must be an object.")) }
}

/// A scalar as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A scalar of an object, as text.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    scalar(value.get(name)?)
}

/// The same, where it is not empty.
pub(super) fn filled(value: &Value, name: &str) -> Option<String> {
    text(value, name).filter(|text| !text.trim().is_empty())
}

/// A whole number of an object.
pub(super) fn number<T: std::str::FromStr>(value: &Value, name: &str) -> Option<T> {
    text(value, name)?.trim().parse().ok()
}

/// A list inside of objects; empty where it is not there.
pub(super) fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    let list = path.iter().try_fold(value, |value, name| value.get(name));
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

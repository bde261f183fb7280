//! Items that DocuSign refused inside an answer of status 200: calls about many things at once answer so (rest.md §2).

use serde_json::Value;

use super::answer::word;
use super::{Answer, Raw, Refused};
use crate::base::limits;
use crate::docusign::ErrorDetails;

/// One item of an answer that was refused, while others may have been taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedItem {
    /// Where it stands in the answer, as a JSON pointer (RFC 6901): `/recipientUpdateResults/0`.
    pub place: String,
    /// Why.
    pub refused: Refused,
}

impl Answer {
    /// The items that were refused, in the order of the answer; none where it cannot be read as JSON. Each carries the
    /// answer's trace token.
    pub fn refused_items(&self) -> Vec<RefusedItem> {
        let mut found = Vec::new();
        if let Ok(value) = serde_json::from_slice(&self.body) {
            gather(&value, &mut String::new(), self.trace_token.as_deref(), &mut found);
        }
        found
    }
}

fn gather(value: &Value, place: &mut String, trace_token: Option<&str>, found: &mut Vec<RefusedItem>) {
    let mut below = |name: &str, value: &Value, found: &mut Vec<RefusedItem>| {
        let length = place.len();
        place.push('/');
        place.push_str(&name.replace('~', "~0").replace('/', "~1"));
        gather(value, place, trace_token, found);
        place.truncate(length);
    };
    match value {
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                below(&number.to_string(), item, found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(name, _)| *name != "errorDetails") {
                below(name, field, found);
            }
            let refused = fields.get("errorDetails").and_then(|details| refused(details, trace_token));
            if let Some(refused) = refused.filter(|_| found.len() < limits::REST_ITEMS_MAX) {
                found.push(RefusedItem { place: place.clone(), refused });
            }
        }
        _ => {}
    }
}

/// What details tell; nothing where they tell that all is well.
fn refused(details: &Value, trace_token: Option<&str>) -> Option<Refused> {
    let details = serde_json::from_value::<ErrorDetails>(details.clone()).ok()?;
    let code = details.error_code.text().filter(|code| !code.eq_ignore_ascii_case("SUCCESS"))?;
    let (code_max, message_max) = limits::REST_WORDS_MAX;
    Some(Refused {
        status: Some(200),
        code: word(code, code_max),
        message: word(details.message.text().unwrap_or_default(), message_max),
        trace_token: trace_token.map(str::to_owned),
        raw: Raw::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::RateLimit;

    fn items(body: &str) -> Vec<(String, String)> {
        let answer = Answer {
            body: body.to_owned().into(),
            base: String::new(),
            rate: RateLimit::default(),
            trace_token: Some("t-1".to_owned()),
        };
        let items = answer.refused_items();
        assert!(items.iter().all(|item| item.refused.trace_token.as_deref() == Some("t-1")));
        items.into_iter().map(|item| (item.place, item.refused.code)).collect()
    }

    #[test]
    fn each_refused_item_is_told_with_its_place_and_its_code() {
        let body = r#"{"recipientUpdateResults":[
            {"recipientId":"1","errorDetails":{"errorCode":"SUCCESS","message":""}},
            {"recipientId":"2","errorDetails":{"errorCode":"INVALID_RECIPIENT_ID","message":"no"}},
            {"recipientId":"3"},
            {"recipientId":"4","errorDetails":{}},
            {"recipientId":"5","errorDetails":null}],
            "tabs":{"text/Tabs":[{"tabId":"x","errorDetails":{"errorCode":"INVALID_TABID"}}]},
            "errorDetails":{"errorCode":"PARTIAL"}}"#;
        let want = [
            ("/recipientUpdateResults/1", "INVALID_RECIPIENT_ID"),
            ("/tabs/text~1Tabs/0", "INVALID_TABID"),
            ("", "PARTIAL"),
        ];
        assert_eq!(items(body), want.map(|(place, code)| (place.to_owned(), code.to_owned())));
    }

    #[test]
    fn an_answer_without_any_or_that_is_no_json_has_none() {
        for body in ["", "%PDF-", "[]", "{\"envelopeId\":\"x\"}", "{\"errorDetails\":\"text\"}"] {
            assert!(items(body).is_empty(), "{body}");
        }
    }

    #[test]
    fn no_more_are_told_than_the_bound() {
        let one = r#"{"errorDetails":{"errorCode":"X"}}"#;
        let many = format!("[{}]", vec![one; limits::REST_ITEMS_MAX + 5].join(","));
        assert_eq!(items(&many).len(), limits::REST_ITEMS_MAX);
    }
}

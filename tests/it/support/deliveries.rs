//! Deliveries as DocuSign would send them: bodies in its formats, signed, posted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::http;

/// The account of all deliveries made here.
pub(crate) const ACCOUNT: &str = "8b411bfe-54f5-4f0e-b1d6-1d1f4c0c5a11";

/// `base64(HMAC-SHA256(utf8(key), body))`, as DocuSign documents it; on its own feet, so that it can disagree with
/// the program.
pub(crate) fn signature(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A JSON SIM message about an envelope.
pub(crate) fn sim(event: &str, envelope: &str, generated: &str) -> Vec<u8> {
    json!({
        "event": event, "apiVersion": "v2.1",
        "uri": format!("/restapi/v2.1/accounts/{ACCOUNT}/envelopes/{envelope}"),
        "retryCount": 0, "configurationId": 10_363_315, "generatedDateTime": generated,
        "data": { "accountId": ACCOUNT, "userId": "5f2c1c8e-7a61-4c0e-9f0e-0d7f3f0f1a22", "envelopeId": envelope },
    })
    .to_string()
    .into_bytes()
}

/// POSTs a body with headers: status and JSON (null where the answer is none).
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Value) {
    try_post(url, headers, body).await.expect("an answer")
}

/// The same; none where the connection cannot be made or breaks.
pub(crate) async fn try_post(url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Option<(u16, Value)> {
    let mut request = http().post(url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.unwrap_or(Value::Null)))
}

/// POSTs a JSON body signed with `key`.
pub(crate) async fn deliver(url: &str, key: &str, body: Vec<u8>) -> (u16, Value) {
    let signature = signature(key, &body);
    post(url, &[("content-type", "application/json"), ("x-docusign-signature-1", &signature)], body).await
}

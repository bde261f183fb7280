//! The stand-in's REST: shapes, paging, documents, changes, limits and faults.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use countersign::base::Dice;
use countersign::docusign::Envelope as Read;
use countersign::simulator::docusign::{Fault, FaultKind, Limits, Settings};
use countersign::simulator::life::{Envelope, Kind, Life, Setting, Step};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::lives::{setting, steps};
use super::oauth::StandIn;

pub(crate) async fn json(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// A stand-in that knows the envelope of a life as it ended.
pub(crate) fn with(kind: Kind) -> (StandIn, Arc<Envelope>) {
    let stand_in = StandIn::start(Settings::default());
    let step = steps(kind, 1).pop().unwrap();
    stand_in.docusign.apply(&step);
    let envelope = Arc::clone(step.subject.envelope().unwrap());
    (stand_in, envelope)
}

pub(crate) fn change(
    stand_in: &StandIn,
    method: reqwest::Method,
    path: &str,
    body: &Value,
) -> reqwest::RequestBuilder {
    let request = stand_in.http.request(method, stand_in.rest(path)).json(body);
    request.bearer_auth(stand_in.docusign.issue_token().expose_secret())
}

#[tokio::test]
async fn an_envelope_comes_with_the_sections_asked_for_and_no_other() {
    let (stand_in, envelope) = with(Kind::Voided);
    let path = format!("/envelopes/{}", envelope.id);
    let (status, bare) = json(stand_in.get(&path)).await;
    assert_eq!(status, 200);
    for section in ["recipients", "envelopeDocuments", "customFields", "folders"] {
        assert!(bare.get(section).is_none(), "{section}");
    }
    assert_eq!(bare["status"], "voided");
    assert_eq!(bare["voidedReason"].as_str(), envelope.voided_reason.as_deref());
    let created = bare["createdDateTime"].as_str().unwrap();
    assert!(created.ends_with("0000Z") && created.split('.').nth(1).unwrap().len() == 8, "{created}");
    let query = "?include=recipients,documents,custom_fields,tabs,folders";
    let (_, full) = json(stand_in.get(&format!("{path}{query}"))).await;
    assert_eq!(full["folders"][0]["type"], "sentitems");
    let signer = &full["recipients"]["signers"][0];
    assert_eq!(signer["tabs"]["signHereTabs"][0]["recipientId"], signer["recipientId"]);
    let documents = full["envelopeDocuments"].as_array().unwrap();
    let certificate = documents.last().unwrap();
    assert_eq!(
        (certificate["documentId"].as_str(), certificate["order"].as_str()),
        (Some("certificate"), Some("999"))
    );
    // What the product makes of DocuSign's JSON.
    let read: Read = serde_json::from_value(full).unwrap();
    assert_eq!(read.status.0.as_deref(), Some("voided"));
}

#[tokio::test]
async fn a_recipient_without_tabs_has_an_empty_object() {
    let (stand_in, envelope) = with(Kind::CarbonCopies);
    let path = format!("/envelopes/{}/recipients", envelope.id);
    let (_, told) = json(stand_in.get(&format!("{path}?include_tabs=true"))).await;
    assert_eq!(told["carbonCopies"][0]["tabs"], json!({}));
    assert!(told["signers"][0]["tabs"]["dateSignedTabs"][0]["value"].is_string());
    let (_, bare) = json(stand_in.get(&path)).await;
    assert!(bare["signers"][0].get("tabs").is_none());
    assert_eq!(bare["recipientCount"], envelope.recipients.len().to_string());
}

#[tokio::test]
async fn a_list_is_filtered_ordered_and_paged_to_its_end() {
    let stand_in = StandIn::start(Settings::default());
    let mut ids = Vec::new();
    for seed in 0..25 {
        let kind = if seed % 5 == 0 { Kind::Declined } else { Kind::Sequential };
        let start = setting().start + SignedDuration::from_hours(24 * seed);
        let life = Life::new(kind, &Setting { start, ..setting() }, Dice::seeded(seed as u64));
        let step: Step = life.last().unwrap();
        stand_in.docusign.apply(&step);
        ids.push((kind, step.subject.envelope().unwrap().id.to_string()));
    }
    let mut next = "/envelopes?from_date=2026-01-01T00:00:00Z&count=10&order_by=created&order=asc".to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    while !next.is_empty() {
        let (status, page) = json(stand_in.get(&next)).await;
        assert_eq!((status, page["totalSetSize"].as_str()), (200, Some("25")));
        let rows = page["envelopes"].as_array().unwrap();
        assert_eq!(page["resultSetSize"], rows.len().to_string());
        seen.extend(rows.iter().map(|row| row["envelopeId"].as_str().unwrap().to_owned()));
        let link = page["nextUri"].as_str().unwrap();
        // The link leaves out what all of REST begins with.
        let prefix = format!("/accounts/{}", setting().account.id);
        assert!(link.is_empty() || link.starts_with(&prefix), "{link}");
        next = link.strip_prefix(&prefix).unwrap_or_default().to_owned();
        pages += 1;
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, ids.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());

    let (_, declined) =
        json(stand_in.get("/envelopes?from_date=2026-01-01T00:00:00Z&status=declined,voided")).await;
    assert_eq!(declined["totalSetSize"], "5");
    let path = format!("/envelopes?envelope_ids={},{}", ids[3].1, ids[4].1);
    assert_eq!(json(stand_in.get(&path)).await.1["totalSetSize"], "2");
    let (_, since) =
        json(stand_in.get("/envelopes?from_date=2026-05-20T08:00:00Z&from_to_status=created")).await;
    assert_eq!(since["totalSetSize"], "6");
}

#[tokio::test]
async fn a_list_without_a_beginning_is_refused_as_docusign_does() {
    let stand_in = StandIn::start(Settings::default());
    for path in ["/envelopes", "/envelopes?from_date=yesterday", "/envelopes?from_date=2026-01-01&count=1001"]
    {
        let (status, told) = json(stand_in.get(path)).await;
        assert_eq!((status, told["errorCode"].as_str()), (400, Some("INVALID_REQUEST_PARAMETER")), "{path}");
    }
}

#[tokio::test]
async fn the_status_of_a_set_takes_one_call() {
    let (stand_in, envelope) = with(Kind::Declined);
    let body = json!({"envelopeIds": [envelope.id, uuid::Uuid::nil()]});
    let path = "/envelopes/status?envelope_ids=request_body";
    let (status, told) = json(change(&stand_in, reqwest::Method::PUT, path, &body)).await;
    assert_eq!((status, told["resultSetSize"].as_str()), (200, Some("1")));
    assert_eq!(told["envelopes"][0]["status"], "declined");
    assert_eq!(stand_in.docusign.calls("PUT /envelopes/status"), 1);
}

#[tokio::test]
async fn what_is_not_there_is_told_in_docusigns_words() {
    let (stand_in, envelope) = with(Kind::Sequential);
    let nothing = uuid::Uuid::nil();
    for (path, status, code) in [
        (format!("/envelopes/{nothing}"), 404, "ENVELOPE_DOES_NOT_EXIST"),
        ("/envelopes/no-guid".to_owned(), 404, "ENVELOPE_DOES_NOT_EXIST"),
        (format!("/envelopes/{}/documents/99", envelope.id), 404, "DOCUMENT_DOES_NOT_EXIST"),
    ] {
        let (got, told) = json(stand_in.get(&path)).await;
        assert_eq!((got, told["errorCode"].as_str()), (status, Some(code)), "{path}");
    }
    let token = stand_in.docusign.issue_token();
    let url = stand_in.url(&format!("/restapi/v2.1/accounts/{nothing}/envelopes/{}", envelope.id));
    let (status, told) = json(stand_in.http.get(url).bearer_auth(token.expose_secret())).await;
    assert_eq!(
        (status, told["errorCode"].as_str()),
        (400, Some("USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT"))
    );
    // By its number the account is known too.
    let number = setting().account.number;
    let url = stand_in.url(&format!("/restapi/v2.1/accounts/{number}/envelopes/{}", envelope.id));
    assert_eq!(json(stand_in.http.get(url).bearer_auth(token.expose_secret())).await.0, 200);
}

/// The text of a PDF by `pdftotext`; none where that is not installed.
fn text_of(pdf: &[u8]) -> Option<String> {
    let mut reader = Command::new("pdftotext")
        .args(["-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    reader.stdin.take().unwrap().write_all(pdf).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn documents_are_downloaded_one_by_one_together_and_in_an_archive() {
    let (stand_in, envelope) = with(Kind::Sequential);
    for id in ["1", "combined", "certificate"] {
        let answer =
            stand_in.get(&format!("/envelopes/{}/documents/{id}", envelope.id)).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/pdf");
        let disposition = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.starts_with("file; filename=\""), "{disposition}");
        assert!(disposition.ends_with(&format!("documentid=\"{id}\"")), "{disposition}");
        let bytes = answer.bytes().await.unwrap();
        assert!(bytes.starts_with(b"%PDF-1.4\n") && bytes.ends_with(b"%%EOF\n"));
        // Where no reader is installed, the writer's own tests check the structure.
        if let Some(text) = text_of(&bytes) {
            assert!(text.contains(&envelope.id.to_string()), "{text}");
        }
    }
    let answer = stand_in.get(&format!("/envelopes/{}/documents/archive", envelope.id)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/zip");
    let archive = answer.bytes().await.unwrap();
    let names = envelope.documents.iter().map(|document| document.name.as_str()).chain(["Summary.pdf"]);
    for name in names {
        let found = archive.windows(name.len()).filter(|window| *window == name.as_bytes()).count();
        assert!(found >= 2, "{name} in its own header and in the directory");
    }
}

fn definition(status: &str) -> Value {
    json!({
        "emailSubject": "Please sign & return",
        "status": status,
        "transactionId": "t-1",
        "documents": [{"documentId": "7", "name": "Ünïcode.pdf", "documentBase64": "eA=="}],
        "recipients": {
            "signers": [{"recipientId": 1, "name": "A", "email": "a@example.com", "routingOrder": "1"}],
            "carbonCopies": [{"recipientId": "2", "name": "B", "email": "b@example.com", "routingOrder": 2}],
        },
        "customFields": {"textCustomFields": [{"name": "crm", "value": "9"}]},
    })
}

#[tokio::test]
async fn an_envelope_is_created_once_for_each_transaction_sent_and_voided() {
    let stand_in = StandIn::start(Settings::default());
    let post = || change(&stand_in, reqwest::Method::POST, "/envelopes", &definition("created"));
    let (status, made) = json(post()).await;
    assert_eq!((status, made["status"].as_str()), (201, Some("created")));
    assert_eq!(json(post()).await.1["envelopeId"], made["envelopeId"]);

    let path = made["uri"].as_str().unwrap().to_owned();
    let put = |body: Value| change(&stand_in, reqwest::Method::PUT, &path, &body);
    let void = || put(json!({"status": "voided", "voidedReason": "wrong"}));
    let (status, told) = json(void()).await;
    assert_eq!((status, told["errorCode"].as_str()), (400, Some("ENVELOPE_CANNOT_VOID_INVALID_STATE")));
    assert_eq!(json(put(json!({"status": "sent"}))).await.0, 200);
    let (_, sent) = json(stand_in.get(&format!("{path}?include=recipients,custom_fields,documents"))).await;
    assert_eq!(
        (sent["status"].as_str(), sent["emailSubject"].as_str()),
        (Some("sent"), Some("Please sign & return"))
    );
    assert_eq!(sent["recipients"]["signers"][0]["status"], "sent");
    assert_eq!(sent["recipients"]["carbonCopies"][0]["status"], "created");
    assert_eq!(sent["envelopeDocuments"][0]["documentId"], "7");
    assert_eq!(sent["customFields"]["textCustomFields"][0]["value"], "9");
    let answer = stand_in.get(&format!("{path}/documents/7")).send().await.unwrap();
    let disposition = answer.headers()["content-disposition"].to_str().unwrap();
    assert!(disposition.contains("filename*=UTF-8''%C3%9Cn%C3%AFcode.pdf"), "{disposition}");

    assert_eq!(json(put(json!({"status": "voided"}))).await.0, 400, "a reason is required");
    assert_eq!(json(void()).await.0, 200);
    let (_, voided) = json(stand_in.get(&path)).await;
    assert_eq!((voided["status"].as_str(), voided["voidedReason"].as_str()), (Some("voided"), Some("wrong")));
    let (status, purged) = json(put(json!({"purgeState": "documents_queued"}))).await;
    assert_eq!((status, purged["purgeState"].as_str()), (200, Some("documents_queued")));
    let (_, trail) = json(stand_in.get(&format!("{path}/audit_events"))).await;
    assert!(trail["auditEvents"].as_array().unwrap().len() >= 5);
}

#[tokio::test]
async fn an_envelope_that_cannot_be_is_not_created() {
    let stand_in = StandIn::start(Settings::default());
    let post = |body: Value| json(change(&stand_in, reqwest::Method::POST, "/envelopes", &body));
    let (status, told) = post(json!({"status": "sent", "emailSubject": "x"})).await;
    assert_eq!((status, told["errorCode"].as_str()), (400, Some("ENVELOPE_IS_INCOMPLETE")));
    let (status, _) = post(json!([])).await;
    assert_eq!(status, 400);
    let mut twice = definition("sent");
    twice["recipients"]["signers"][0]["recipientId"] = json!("2");
    assert_eq!(post(twice).await.1["errorCode"], "INVALID_RECIPIENT_ID");
    let (_, list) = json(stand_in.get("/envelopes?from_date=2026-01-01T00:00:00Z")).await;
    assert_eq!(list["totalSetSize"], "0");
}

#[tokio::test]
async fn limits_are_told_on_every_answer_and_enforced_by_the_clock() {
    let limits = Limits { hourly: 4, burst: 3, answered_400: false };
    let stand_in = StandIn::start(Settings { limits, ..Settings::default() });
    let ask = async || {
        let answer = stand_in.get("/envelopes?from_date=2026-01-01T00:00:00Z").send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let (left, burst) = (header("X-RateLimit-Remaining"), header("X-BurstLimit-Remaining"));
        let (reset, trace) = (header("X-RateLimit-Reset"), header("X-DocuSign-TraceToken"));
        assert_eq!(
            (header("X-RateLimit-Limit"), header("X-BurstLimit-Limit")),
            ("4".to_owned(), "3".to_owned())
        );
        assert_eq!((reset.parse::<i64>().unwrap() % 3_600, trace.len()), (0, 36));
        let status = answer.status().as_u16();
        let told: Value = answer.json().await.unwrap();
        (status, left, burst, told["errorCode"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(ask().await, (200, "3".to_owned(), "2".to_owned(), String::new()));
    ask().await;
    ask().await;
    let exceeded = ask().await;
    assert_eq!((exceeded.0, exceeded.3.as_str()), (429, "BURST_APIINVOCATION_LIMIT_EXCEEDED"));
    stand_in.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(ask().await.0, 200);
    stand_in.docusign.set_limits(Limits { answered_400: true, ..limits });
    let exceeded = ask().await;
    assert_eq!((exceeded.0, exceeded.3.as_str()), (400, "HOURLY_APIINVOCATION_LIMIT_EXCEEDED"));
    stand_in.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(ask().await.0, 200);
}

#[tokio::test]
async fn faults_come_on_demand_and_go_again() {
    let (stand_in, envelope) = with(Kind::Sequential);
    let path = format!("/envelopes/{}", envelope.id);
    let ask = || stand_in.get(&path).send();
    let status = |status, retry_after| FaultKind::Status { status, retry_after };
    stand_in.docusign.add_fault(Fault::next(1, status(503, Some(7))));
    let answer = ask().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    for (fault, wanted) in
        [(FaultKind::Throttle, 429), (FaultKind::ThrottleBurst, 429), (FaultKind::Unauthorized, 401)]
    {
        stand_in.docusign.add_fault(Fault::next(1, fault));
        assert_eq!(ask().await.unwrap().status(), wanted);
    }
    stand_in.docusign.add_fault(Fault::next(1, FaultKind::Truncate));
    let cut = ask().await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(cut.bytes().await.is_err(), "the body ends too early");
    stand_in.docusign.add_fault(Fault::next(1, FaultKind::Reset));
    assert!(ask().await.is_err(), "no answer at all");
    let began = std::time::Instant::now();
    stand_in.docusign.add_fault(Fault::next(1, FaultKind::Slow { ms: 60 }));
    assert_eq!(ask().await.unwrap().status(), 200);
    assert!(began.elapsed().as_millis() >= 60);
    assert_eq!(ask().await.unwrap().status(), 200);
    assert_eq!(stand_in.docusign.calls("GET /envelopes/{envelope}"), 8);
}

#[tokio::test]
async fn faults_are_set_over_http_too_and_never_hit_the_simulators_own_calls() {
    let (stand_in, envelope) = with(Kind::Sequential);
    let faults = || stand_in.url("/simulator/faults");
    let fault = json!({"kind": "status", "status": 500, "call": "/documents"});
    let answer = stand_in.http.post(faults()).json(&fault).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let get = |path: &str| stand_in.get(&format!("/envelopes/{}{path}", envelope.id)).send();
    assert_eq!(get("/documents").await.unwrap().status(), 500);
    assert_eq!(get("").await.unwrap().status(), 200);
    let listed: Value = stand_in.http.get(faults()).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed[0]["kind"], "status");
    assert_eq!(stand_in.http.delete(faults()).send().await.unwrap().status(), 204);
    assert_eq!(get("/documents").await.unwrap().status(), 200);
    let wrong = stand_in.http.post(faults()).json(&json!({"kind": "magic"})).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    let calls: Value =
        stand_in.http.get(stand_in.url("/simulator/calls")).send().await.unwrap().json().await.unwrap();
    assert_eq!(calls["GET /envelopes/{envelope}/documents"], 2);
}

#[tokio::test]
async fn a_call_without_a_token_or_to_nowhere_gets_an_error_in_docusigns_shape() {
    let (stand_in, _) = with(Kind::Sequential);
    let (status, told) = json(stand_in.http.get(stand_in.rest("/envelopes"))).await;
    assert_eq!((status, told["errorCode"].as_str()), (401, Some("USER_AUTHENTICATION_FAILED")));
    let (status, told) = json(stand_in.get("/nowhere")).await;
    assert_eq!(status, 404);
    assert!(told["message"].is_string());
}

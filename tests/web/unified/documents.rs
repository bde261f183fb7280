//! `documents`.

use std::future::poll_fn;
use std::pin::pin;

use actix_web::body::MessageBody as _;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::super::support::{ACCOUNT, Answer, HERE};
use super::super::upstream::{Does, Upstream, writes};
use super::world::{World, over};

fn of(id: &str) -> String {
    format!("e-signature/documents?signing_request[id]={id}")
}

async fn download(world: &World, id: &str, of: &str) -> Answer {
    let body = json!({"id": id, "signing_request": {"id": of}});
    world.ask(Method::POST, "e-signature/documents/download", Some(body)).await
}

fn download_of(id: &str) -> TestRequest {
    TestRequest::post()
        .uri(&format!("/unified/e-signature/documents/download?integrated_account_id={ACCOUNT}"))
        .set_json(json!({"id": id, "signing_request": {"id": "a-1"}}))
}

#[actix_web::test]
async fn documents_of_a_signing_request_are_listed_with_who_sent_them() {
    let world = World::new();
    let id = world.sent().await;
    let all = world.json(&of(&id.to_uppercase())).await;
    let names: Vec<&Value> = all["result"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["Lease 14.pdf", "House rules.pdf", "Summary"]);
    let (first, last) = (&all["result"][0], &all["result"][2]);
    assert_eq!(
        (&first["id"], &first["scope"], &last["scope"]),
        (&json!("1"), &json!("content"), &json!("summary"))
    );
    assert_eq!(first["signing_request"]["id"], id.as_str());
    let sender = &world.docusign.accounts()[0].sender;
    assert_eq!(first["created_by"]["id"], sender.user_id.to_string());
    assert_eq!(first["created_by"]["emails"][0]["email"], sender.email);
    let url = first["urls"][0]["url"].as_str().unwrap();
    assert!(
        url.ends_with(&format!("/restapi/v2.1/accounts/{}/envelopes/{id}/documents/1", world.account)),
        "{url}"
    );
    assert_eq!(first["remote_data"]["documentId"], "1");
    world.check("UnifiedDocument", first.clone()).await;
    assert_eq!(world.walk(&of(&id), 1, "id").await, ["1", "2", "certificate"]);
}

#[actix_web::test]
async fn documents_are_listed_of_a_signing_request_that_is_named_and_there() {
    let world = World::new();
    let answer = world.get("e-signature/documents").await;
    let missing = &answer.json()["truto_error_insight"]["missing_required_query_parameters"]["value"];
    assert_eq!((answer.status, missing), (400, &json!(["signing_request[id]"])));
    let none = world.get(&of("00000000-0000-4000-8000-000000000000")).await;
    assert_eq!(
        (none.status, &none.json()["raw_response"]["errorCode"]),
        (404, &json!("ENVELOPE_DOES_NOT_EXIST"))
    );
    let answer = world.get(&of("..%2Fusers")).await;
    assert_eq!((answer.status, answer.message().as_str()), (404, "there is no signing request of this id"));
}

#[actix_web::test]
async fn files_come_as_docusign_sends_them() {
    let world = World::new();
    let id = world.sent().await;
    for (document, kind, start) in [
        ("1", "application/pdf", &b"%PDF"[..]),
        ("combined", "application/pdf", b"%PDF"),
        ("certificate", "application/pdf", b"%PDF"),
        ("archive", "application/zip", b"PK"),
    ] {
        let answer = download(&world, document, &id).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{document}");
        assert!(answer.bytes.starts_with(start), "{document}");
        let told = answer.header("content-disposition").unwrap();
        assert!(told.ends_with(&format!("; documentid=\"{document}\"")), "{told}");
        let own = world.bench.get(&world.at_docusign(&format!("/envelopes/{id}/documents/{document}"))).await;
        assert_eq!(
            (&own.bytes, own.header("content-disposition")),
            (&answer.bytes, Some(told)),
            "{document}"
        );
    }
    assert!(download(&world, "1", &id).await.header("ratelimit-remaining").is_some());
}

#[actix_web::test]
async fn what_docusign_refuses_is_an_error_and_no_file() {
    let world = World::new();
    let id = world.sent().await;
    for (document, of, status, code) in [
        ("9", id.as_str(), 404, "DOCUMENT_DOES_NOT_EXIST"),
        ("1", "00000000-0000-4000-8000-000000000000", 404, "ENVELOPE_DOES_NOT_EXIST"),
    ] {
        let answer = download(&world, document, of).await;
        let problem = answer.json();
        assert_eq!((answer.status, answer.header("content-disposition")), (status, None));
        assert_eq!(problem["truto_is_remote_error"], true);
        assert_eq!(problem["raw_response"]["errorCode"], code);
    }
    for (body, part) in [
        (json!({}), "id, signing_request.id"),
        (json!({"id": "1", "signing_request": {}}), "signing_request.id"),
        (json!({"id": "1", "signing_request": {"id": id}, "name": "x"}), "unknown field `name`"),
        (json!({"id": 1, "signing_request": {"id": id}}), "expected a string"),
    ] {
        let answer = world.ask(Method::POST, "e-signature/documents/download", Some(body.clone())).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().contains(part), "{body}: {}", answer.message());
    }
    assert_eq!(download(&world, "../../users", &id).await.status, 404);
    assert_eq!(download(&world, "1", "../users").await.status, 404);
}

#[actix_web::test]
async fn a_file_goes_on_as_it_arrives_and_one_that_ends_early_is_not_taken_for_whole() {
    let begun = "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: 10\r\n\r\nhalf";
    let upstream = Upstream::start(move |_| Does::Stalls(begun.as_bytes().to_vec())).await;
    let faces = over(&upstream.url);
    let answer = faces.open(HERE, download_of("combined")).await;
    assert_eq!(answer.headers().get("content-type").unwrap(), "application/pdf");
    let mut body = Box::pin(answer.into_body());
    let piece = poll_fn(|cx| body.as_mut().poll_next(cx)).await.unwrap().ok().unwrap();
    assert_eq!(&piece[..], b"half", "while the rest has not come");
    drop(body);
    upstream.left(1).await;
    let upstream = Upstream::start(move |_| writes(begun)).await;
    let faces = over(&upstream.url);
    let answer = faces.open(HERE, download_of("combined")).await;
    let body = pin!(answer.into_body());
    assert!(actix_web::body::to_bytes(body.get_mut()).await.is_err());
}

#[actix_web::test]
async fn a_docusign_that_sends_no_file_is_told_as_what_it_is() {
    for (head, body, status, raw) in [
        ("503 Service Unavailable", "<html>", 502, json!("<html>")),
        (
            "401 Unauthorized",
            r#"{"errorCode":"USER_LACKS_PERMISSIONS"}"#,
            403,
            json!({"errorCode": "USER_LACKS_PERMISSIONS"}),
        ),
        ("302 Found\r\nLocation: https://other.example/", "", 502, json!("")),
        (
            "429 Too Many Requests",
            r#"{"errorCode":"BURST_APIINVOCATION_LIMIT_EXCEEDED"}"#,
            429,
            json!({"errorCode": "BURST_APIINVOCATION_LIMIT_EXCEEDED"}),
        ),
    ] {
        let upstream = Upstream::start(move |_| {
            writes(&format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
        })
        .await;
        let faces = over(&upstream.url);
        let answer = faces.ask(download_of("combined")).await;
        let problem = answer.json();
        assert_eq!((answer.status, &problem["raw_response"]), (status, &raw), "{head}");
        assert_eq!(problem["truto_is_remote_error"], true, "{head}");
        if status == 429 {
            assert!(answer.header("retry-after").is_some());
            let held = faces.ask(download_of("combined")).await;
            assert_eq!((held.status, upstream.asked().len()), (429, 1), "DocuSign was not asked again");
            assert!(held.header("retry-after").is_some());
        }
    }
    let faces = over("http://127.0.0.1:9");
    assert_eq!(faces.ask(download_of("combined")).await.status, 502);
}

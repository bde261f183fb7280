//! Writes of `documents`: put into drafts, and taken out of them.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::super::support::Answer;
use super::making::{lease, made, with};
use super::world::World;

const PATH: &str = "e-signature/documents";

async fn draft(world: &World) -> String {
    let draft = made(world, with(lease(), json!({"status": "created"}))).await;
    draft["id"].as_str().unwrap().to_owned()
}

async fn put(world: &World, query: &str, kind: &str, bytes: Vec<u8>) -> Answer {
    let uri = format!("/unified/{PATH}?integrated_account_id={}&{query}", world.account);
    let length = bytes.len().to_string();
    let request = TestRequest::post().uri(&uri).insert_header(("content-type", kind));
    world.bench.ask(request.insert_header(("content-length", length)).set_payload(bytes)).await
}

async fn names(world: &World, id: &str) -> Vec<Value> {
    let told = world.json(&format!("{PATH}?signing_request[id]={id}")).await;
    told["result"].as_array().unwrap().iter().map(|one| json!([one["id"], one["name"]])).collect()
}

#[actix_web::test]
async fn a_document_is_put_into_a_draft_and_comes_back_as_it_went_in() {
    let world = World::new();
    let id = draft(&world).await;
    // More than is held in memory to be sent once more.
    let mut bytes = b"%PDF-1.4\n".to_vec();
    bytes.resize(400_000, b'%');
    let query = format!("signing_request[id]={id}&name=House%20%22rules%22%20%C3%BC.pdf&id=2");
    let answer = put(&world, &query, "application/pdf", bytes.clone()).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    let one = answer.json();
    assert_eq!((&one["id"], &one["name"]), (&json!("2"), &json!("House \"rules\" ü.pdf")));
    assert_eq!((&one["signing_request"]["id"], &one["scope"]), (&json!(id), &json!("content")));
    let read = json!({"id": "2", "signing_request": {"id": id}});
    let answer = world.ask(Method::POST, &format!("{PATH}/download"), Some(read)).await;
    assert_eq!((answer.status, answer.bytes.len()), (200, bytes.len()));
    assert!(answer.bytes == bytes);
    // Without an id it takes the first place.
    let answer =
        put(&world, &format!("signing_request[id]={id}&name=New.pdf"), "application/pdf", b"%PDF-".to_vec())
            .await;
    assert_eq!(answer.json()["id"], "1");
    let want =
        [json!(["1", "New.pdf"]), json!(["2", "House \"rules\" ü.pdf"]), json!(["certificate", "Summary"])];
    assert_eq!(names(&world, &id).await, want);
    let answer = world.ask(Method::DELETE, &format!("{PATH}/1?signing_request[id]={id}"), None).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"id": "1"})));
    assert_eq!(names(&world, &id).await, want[1..]);
}

#[actix_web::test]
async fn a_document_that_cannot_be_put_there_or_is_not_there_is_refused() {
    let world = World::new();
    let id = draft(&world).await;
    let of = format!("signing_request[id]={id}");
    for (query, kind, bytes, part) in [
        (format!("{of}&name=Lease"), "application/pdf", "x", "extension"),
        (format!("{of}&name=a.pdf&id=0"), "application/pdf", "x", "`id` must be"),
        (format!("{of}&name=a.pdf&id=a"), "application/pdf", "x", "`id` must be"),
        (format!("{of}&name=a.pdf"), "application/pdf", "", "bytes"),
        (format!("{of}&name=a.pdf"), "multipart/form-data; boundary=x", "x", "form"),
        (of.clone(), "application/pdf", "x", "name"),
        ("name=a.pdf".to_owned(), "application/pdf", "x", "signing_request[id]"),
    ] {
        let answer = put(&world, &query, kind, bytes.into()).await;
        assert!(answer.status == 400 && answer.message().contains(part), "{query}: {}", answer.message());
    }
    let sent = made(&world, lease()).await["id"].as_str().unwrap().to_owned();
    let answer =
        put(&world, &format!("signing_request[id]={sent}&name=a.pdf"), "application/pdf", b"%PDF-".to_vec())
            .await;
    assert_eq!(
        (answer.status, &answer.json()["raw_response"]["errorCode"]),
        (400, &json!("ENVELOPE_INVALID_STATUS"))
    );
    let none = "00000000-0000-0000-0000-000000000000";
    let answer =
        put(&world, &format!("signing_request[id]={none}&name=a.pdf"), "application/pdf", b"%PDF-".to_vec())
            .await;
    assert_eq!(answer.status, 404);
    for (id, of) in [("9", id.as_str()), ("1", none), ("no%20id", &id)] {
        let answer = world.ask(Method::DELETE, &format!("{PATH}/{id}?signing_request[id]={of}"), None).await;
        assert_eq!(answer.status, 404, "{id} {of}: {}", answer.message());
    }
    assert_eq!(world.ask(Method::DELETE, &format!("{PATH}/1"), None).await.status, 400);
}

#[actix_web::test]
async fn a_field_is_made_for_a_participant_and_taken_away() {
    let world = World::new();
    let id = draft(&world).await;
    let fields = "e-signature/document_fields";
    let place = json!({"id": 1, "page_number": "1", "position": {"x": "72", "y": 540}});
    let told = json!({
        "signing_request": {"id": id}, "participant": {"id": 1}, "document": place, "type": "text", "label": "Rent",
        "value": 1200, "is_required": true, "is_read_only": false, "remote_data": {"tooltip": "By the month"},
    });
    let answer = world.ask(Method::POST, fields, Some(told.clone())).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    let one = answer.json();
    assert_eq!((&one["type"], &one["label"]), (&json!("text"), &json!("Rent")));
    assert_eq!((&one["is_required"], &one["is_read_only"]), (&json!(true), &json!(false)));
    assert_eq!(one["document"], json!({"id": "1", "page_number": "1", "position": {"x": "72", "y": "540"}}));
    assert_eq!((&one["participant"]["id"], &one["signing_request"]["id"]), (&json!("1"), &json!(id)));
    assert_eq!(one["remote_data"]["tooltip"], "By the month");
    // The same by the parameter, at a text instead of a place.
    let sign = json!({
        "participant": {"id": "1"}, "document": {"id": "1"}, "type": "signature",
        "remote_data": {"anchorString": "Signed:"},
    });
    let answer = world.ask(Method::POST, &format!("{fields}?signing_request[id]={id}"), Some(sign)).await;
    assert_eq!((answer.status, &answer.json()["type"]), (200, &json!("signature")));
    let all = world.json(&format!("{fields}?signing_request[id]={id}")).await;
    assert_eq!((&all["result_count"], &all["result"][1]["id"]), (&json!(2), &one["id"]));
    let path = format!("{fields}/{}?signing_request[id]={id}", one["id"].as_str().unwrap());
    let answer = world.ask(Method::DELETE, &format!("{path}&document[id]=2"), None).await;
    assert_eq!(answer.status, 404, "it stands in another document");
    let answer = world.ask(Method::DELETE, &path, None).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"id": one["id"]})));
    assert_eq!(world.ask(Method::DELETE, &path, None).await.status, 404);
    assert_eq!(world.json(&format!("{fields}?signing_request[id]={id}")).await["result_count"], 1);
}

#[actix_web::test]
async fn a_field_that_cannot_be_is_refused_by_us_or_by_docusign() {
    let world = World::new();
    let id = draft(&world).await;
    let fields = "e-signature/document_fields";
    let place = json!({"id": 1, "position": {"x": 72, "y": 540}});
    let told =
        json!({"signing_request": {"id": id}, "participant": {"id": 1}, "document": place, "type": "text"});
    let answer = world.ask(Method::POST, fields, Some(json!({}))).await;
    let missing = &answer.json()["truto_error_insight"]["missing_required_body_fields"]["value"];
    let want =
        json!(["signing_request.id", "participant.id", "type", "document.position.x", "document.position.y"]);
    assert_eq!((answer.status, missing), (400, &want));
    for (change, status, part) in [
        (json!({"type": "signatur"}), 400, "`type` has no `signatur`, perhaps `signature`"),
        (
            json!({"document": {"page_number": 0, "position": {"x": 1, "y": 1}}}),
            400,
            "`document.page_number`",
        ),
        (json!({"document": {"position": {"x": -1, "y": 1}}}), 400, "`document.position.x`"),
        (json!({"labl": "x"}), 400, "unknown field"),
        (json!({"participant": {"id": 9}}), 400, "INVALID_RECIPIENT_ID"),
        (json!({"document": {"id": 9, "position": {"x": 1, "y": 1}}}), 422, "TAB_REFERS_TO_MISSING_DOCUMENT"),
        (
            json!({"signing_request": {"id": "00000000-0000-0000-0000-000000000000"}}),
            404,
            "ENVELOPE_DOES_NOT_EXIST",
        ),
    ] {
        let answer = world.ask(Method::POST, fields, Some(with(told.clone(), change))).await;
        let all = answer.json().to_string();
        assert!(answer.status == status && all.contains(part), "{part}: {} {all}", answer.status);
    }
}

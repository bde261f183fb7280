//! `document_fields`.

use serde_json::{Value, json};

use super::world::World;

fn of(id: &str, more: &str) -> String {
    format!("e-signature/document_fields?signing_request[id]={id}{more}")
}

/// Label, type, document and participant of each, sorted.
fn told(list: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |one: &Value| {
        let (document, participant) = (text(&one["document"]["id"]), text(&one["participant"]["id"]));
        format!("{} {} {document} {participant}", text(&one["label"]), text(&one["type"]))
    };
    let mut all: Vec<_> = list["result"].as_array().unwrap().iter().map(line).collect();
    all.sort();
    all
}

#[actix_web::test]
async fn fields_of_all_participants_are_listed_without_what_was_entered() {
    let world = World::new();
    let id = world.sent().await;
    let all = world.json(&of(&id.to_uppercase(), "&truto_ignore_remote_data=true")).await;
    let want = [
        "Date signing_date 1 1",
        "Initials initials 2 2",
        "Pets radioGroup 1 1",
        "Postcode zip 2 1",
        "Rent text 1 1",
        "Sign later signature 2 1",
        "Sign signature 1 1",
    ];
    assert_eq!(told(&all), want);
    let find =
        |label: &str| all["result"].as_array().unwrap().iter().find(|one| one["label"] == label).unwrap();
    let rent = find("Rent");
    assert_eq!(rent["document"], json!({"id": "1", "page_number": "1", "position": {"x": "72", "y": "540"}}));
    assert_eq!((&rent["is_required"], &rent["is_read_only"]), (&json!(true), &json!(false)));
    assert_eq!(rent["signing_request"]["id"], id.as_str());
    for field in [rent, find("Pets")] {
        world.check("UnifiedDocumentField", field.clone()).await;
    }
    assert_eq!(find("Sign later")["is_required"], false, "optional");
    assert_eq!((&find("Pets")["id"], &find("Pets")["document"]["page_number"]), (&json!(null), &json!("2")));
    assert!(!all.to_string().contains("entered"));
    let with = world.json(&of(&id, "&participant[id]=2")).await;
    assert_eq!(with["result"][0]["remote_data"]["tabLabel"], "Initials");
    assert_eq!(world.docusign.all_calls().len(), 2, "one call beside the one that sent it");
}

#[actix_web::test]
async fn fields_are_found_by_document_and_participant_and_read_by_pages() {
    let world = World::new();
    let id = world.sent().await;
    let second = world.json(&of(&id, "&document[id]=2")).await;
    assert_eq!(told(&second), ["Initials initials 2 2", "Postcode zip 2 1", "Sign later signature 2 1"]);
    let both = world.json(&of(&id, "&document[id]=2&participant[id]=1")).await;
    assert_eq!(told(&both), ["Postcode zip 2 1", "Sign later signature 2 1"]);
    assert_eq!(world.json(&of(&id, "&participant[id]=3")).await["result"], json!([]));
    let mut labels = world.walk(&of(&id, ""), 2, "label").await;
    labels.sort();
    assert_eq!(labels, ["Date", "Initials", "Pets", "Postcode", "Rent", "Sign", "Sign later"]);
}

#[actix_web::test]
async fn fields_are_listed_of_a_signing_request_that_is_named_and_there() {
    let world = World::new();
    let answer = world.get("e-signature/document_fields?document[id]=1").await;
    let missing = &answer.json()["truto_error_insight"]["missing_required_query_parameters"]["value"];
    assert_eq!((answer.status, missing), (400, &json!(["signing_request[id]"])));
    let none = world.get(&of("00000000-0000-4000-8000-000000000000", "")).await;
    assert_eq!(
        (none.status, &none.json()["raw_response"]["errorCode"]),
        (404, &json!("ENVELOPE_DOES_NOT_EXIST"))
    );
}

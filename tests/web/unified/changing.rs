//! `signing_requests` changed, voided, sent, thrown away, downloaded, signed inside the caller's site, and rid of
//! participants.

use actix_web::http::Method;
use countersign::simulator::life::Act;
use serde_json::{Value, json};

use super::super::support::Answer;
use super::making::{ann, lease, made, with};
use super::signing_requests::Shelf;
use super::world::World;

const PATH: &str = "e-signature/signing_requests";
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

fn id(one: &Value) -> String {
    one["id"].as_str().unwrap().to_owned()
}

async fn change(world: &World, id: &str, body: Value) -> Answer {
    world.ask(Method::PATCH, &format!("{PATH}/{id}"), Some(body)).await
}

async fn act(world: &World, name: &str, body: Value) -> Answer {
    world.ask(Method::POST, &format!("{PATH}/{name}"), Some(body)).await
}

/// What DocuSign refused it for.
fn code(answer: &Answer) -> Value {
    let problem = answer.json();
    assert_eq!(problem["truto_is_remote_error"], true, "{problem}");
    match &problem["raw_response"] {
        Value::Array(items) => items[0]["errorDetails"]["errorCode"].clone(),
        one => one["errorCode"].clone(),
    }
}

#[actix_web::test]
async fn a_draft_is_renamed_and_sent_and_then_voided_for_a_reason() {
    let world = World::new();
    let draft = id(&made(&world, with(lease(), json!({"status": "created"}))).await);
    let one = change(&world, &draft, json!({"name": "Lease 15", "description": ""})).await.json();
    assert_eq!(
        (&one["name"], &one["description"], &one["status"]["id"]),
        (&json!("Lease 15"), &json!(null), &json!("created"))
    );
    let one = change(&world, &draft, json!({"status": {"id": "sent"}})).await.json();
    assert_eq!(one["status"], json!({"id": "sent", "name": "Sent"}));
    let one = change(&world, &draft, json!({"cancellation_reason": "Wrong flat"})).await.json();
    assert_eq!((&one["status"]["id"], &one["cancellation_reason"]), (&json!("voided"), &json!("Wrong flat")));
    let other = id(&made(&world, lease()).await);
    let one =
        change(&world, &other, json!({"remote_data": {"status": "voided", "voidedReason": "Own words"}}))
            .await;
    assert_eq!(one.json()["cancellation_reason"], "Own words");
}

#[actix_web::test]
async fn changes_that_cannot_be_are_refused_by_us_or_by_docusign() {
    let world = World::new();
    let shelf = Shelf::of(&world);
    let sent = shelf.put(shelf.after(shelf.draft("Lease", 0), &[Act::Send]));
    for (body, part) in [
        (json!({}), "changes nothing"),
        (json!({"status": "completed"}), "valid are sent, voided"),
        (json!({"status": "sent", "cancellation_reason": "x"}), "must be `voided`"),
        (json!({"name": " "}), "`name` must not be empty"),
        (json!({"participants": []}), "unknown field"),
    ] {
        let answer = change(&world, &sent, body).await;
        assert!(answer.status == 400 && answer.message().contains(part), "{}", answer.message());
    }
    let answer = change(&world, &sent, json!({"status": "voided"})).await;
    let missing = &answer.json()["truto_error_insight"]["missing_required_body_fields"]["value"];
    assert_eq!((answer.status, missing), (400, &json!(["cancellation_reason"])));
    assert_eq!(world.docusign.calls("PUT /envelopes/{envelope}"), 0);
    let done = [Act::Send, Act::Open(0), Act::Sign(0)];
    let completed = shelf.put(shelf.after(shelf.draft("Lease", 10), &done));
    let answer = change(&world, &completed, json!({"cancellation_reason": "Too late"})).await;
    assert_eq!((answer.status, code(&answer)), (400, json!("ENVELOPE_CANNOT_VOID_INVALID_STATE")));
    let answer = change(&world, &sent, json!({"status": "sent"})).await;
    assert_eq!((answer.status, code(&answer)), (400, json!("ENVELOPE_INVALID_STATUS")));
    assert_eq!(change(&world, NOBODY, json!({"status": "sent"})).await.status, 404);
    assert_eq!(change(&world, "no%20id", json!({"status": "sent"})).await.status, 404);
}

#[actix_web::test]
async fn what_is_thrown_away_lies_in_the_bin() {
    let world = World::new();
    let one = id(&made(&world, lease()).await);
    let answer = world.ask(Method::DELETE, &format!("{PATH}/{one}"), None).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "id": one })));
    let told = world.json(&format!("{PATH}/{one}")).await;
    assert_eq!(
        (&told["status"]["id"], &told["collections"][0]["name"]),
        (&json!("deleted"), &json!("Deleted Items"))
    );
    for none in [NOBODY, "no%20id"] {
        let answer = world.ask(Method::DELETE, &format!("{PATH}/{none}"), None).await;
        assert_eq!(answer.status, 404, "{none}: {}", answer.message());
    }
}

#[actix_web::test]
async fn its_documents_come_in_one_file_and_its_certificate_alone() {
    let world = World::new();
    let one = id(&made(&world, lease()).await);
    for (what, kind, start) in [
        (json!({}), "application/pdf", "%PDF"),
        (json!({"what": "certificate"}), "application/pdf", "%PDF"),
        (json!({"what": "archive"}), "application/zip", "PK"),
    ] {
        let answer = act(&world, "download", with(json!({ "id": one }), what)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
        assert!(answer.bytes.starts_with(start.as_bytes()));
    }
    let answer = act(&world, "download", json!({"id": one, "what": "combine"})).await;
    assert!(answer.status == 400 && answer.message().contains("perhaps `combined`"), "{}", answer.message());
    assert_eq!(act(&world, "download", json!({})).await.status, 400);
    assert_eq!(act(&world, "download", json!({ "id": NOBODY })).await.status, 404);
}

/// How often its trail says that somebody was written to.
async fn invitations(world: &World, id: &str) -> usize {
    let trail = world.bench.get(&world.at_docusign(&format!("/envelopes/{id}/audit_events"))).await.json();
    let events = trail["auditEvents"].as_array().unwrap().iter();
    events.filter(|event| event["eventFields"][4]["value"] == "Sent Invitations").count()
}

#[actix_web::test]
async fn it_is_sent_once_more_to_whose_turn_it_is() {
    let world = World::new();
    let one = id(&made(&world, lease()).await);
    let before = (world.json(&format!("{PATH}/{one}")).await, invitations(&world, &one).await);
    let answer = act(&world, "resend", json!({ "id": one })).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"result": {"id": one}})));
    assert_eq!(invitations(&world, &one).await, 2 * before.1);
    assert_eq!(world.json(&format!("{PATH}/{one}")).await["status"], before.0["status"]);
    change(&world, &one, json!({"cancellation_reason": "Wrong flat"})).await;
    let answer = act(&world, "resend", json!({ "id": one })).await;
    assert_eq!((answer.status, code(&answer)), (400, json!("EDIT_LOCK_INVALID_STATE_FOR_LOCK")));
    assert_eq!(act(&world, "resend", json!({ "id": NOBODY })).await.status, 404);
}

#[actix_web::test]
async fn a_participant_signs_inside_the_callers_site_at_an_address_of_ones_own() {
    let world = World::new();
    let embedded = with(ann(), json!({"client_user_id": "u-7"}));
    let outside = json!({"name": "Bo", "emails": [{"email": "bo@example.com"}]});
    let one = made(&world, with(lease(), json!({"participants": [embedded, outside]}))).await;
    let body =
        json!({"id": one["id"], "participant": {"id": 1}, "return_url": "https://app.example.com/signed"});
    let answer = act(&world, "get_embed_url", body.clone()).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    let told = &answer.json()["result"];
    assert_eq!((&told["id"], &told["urls"][0]["type"]), (&one["id"], &json!("public_view")));
    assert!(told["urls"][0]["url"].as_str().unwrap().contains("/Signing/"));
    let answer = act(&world, "get_embed_url", with(body.clone(), json!({"participant": {"id": "2"}}))).await;
    assert!(answer.status == 400 && answer.message().contains("no `client_user_id`"), "{}", answer.message());
    // DocuSign knows nobody of that id of the caller's.
    let other = with(body.clone(), json!({"remote_data": {"clientUserId": "u-8"}}));
    let answer = act(&world, "get_embed_url", other).await;
    assert_eq!((answer.status, code(&answer)), (400, json!("UNKNOWN_ENVELOPE_RECIPIENT")));
    let answer = act(&world, "get_embed_url", with(body.clone(), json!({"participant": {"id": "9"}}))).await;
    assert!(
        answer.status == 400 && answer.message().contains("`participant.id` has no `9`: valid are 1, 2"),
        "{}",
        answer.message()
    );
    let draft = made(
        &world,
        with(
            lease(),
            json!({"status": "created", "participants": [with(ann(), json!({"client_user_id": 1}))]}),
        ),
    )
    .await;
    let answer = act(&world, "get_embed_url", with(body.clone(), json!({"id": draft["id"]}))).await;
    assert_eq!((answer.status, code(&answer)), (400, json!("ENVELOPE_INVALID_STATUS")));
    let answer = act(&world, "get_embed_url", with(body.clone(), json!({"return_url": "signed"}))).await;
    assert!(answer.status == 400 && answer.message().contains("`return_url` must be an address"));
    let answer = act(&world, "get_embed_url", json!({"participant": {}})).await;
    let missing = &answer.json()["truto_error_insight"]["missing_required_body_fields"]["value"];
    assert_eq!((answer.status, missing), (400, &json!(["id", "participant.id", "return_url"])));
    assert_eq!(act(&world, "get_embed_url", with(body, json!({ "id": NOBODY }))).await.status, 404);
}

#[actix_web::test]
async fn participants_are_taken_out_unless_they_have_done_their_part() {
    let world = World::new();
    let bo = json!({"type": "carbon_copy", "name": "Bo", "emails": [{"email": "bo@example.com"}], "routing_order": 2});
    let cy = json!({"name": "Cy", "emails": [{"email": "cy@example.com"}], "routing_order": 3});
    let one = made(&world, with(lease(), json!({"participants": [ann(), bo, cy]}))).await;
    let remove =
        |ids: Value| act(&world, "remove_participants", json!({"id": one["id"], "participants": ids}));
    let answer = remove(json!([{"id": 2}, {"id": "9"}])).await;
    assert!(
        answer.status == 400 && answer.message().contains("`participants[1].id` has no `9`"),
        "{}",
        answer.message()
    );
    let answer = remove(json!([{"id": 2}])).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    let names = |one: &Value| -> Vec<Value> {
        one["participants"].as_array().unwrap().iter().map(|who| who["name"].clone()).collect()
    };
    assert_eq!(names(&answer.json()["result"]), ["Ann Lee", "Cy"]);
    assert_eq!(names(&world.json(&format!("{PATH}/{}", id(&one))).await), ["Ann Lee", "Cy"]);
    // The last one must stay, as DocuSign tells of that one alone.
    let answer = remove(json!([{"id": 1}, {"id": 3}])).await;
    assert_eq!((answer.status, code(&answer)), (422, json!("RECIPIENT_UPDATE_FAILED")));
    assert_eq!(names(&world.json(&format!("{PATH}/{}", id(&one))).await), ["Cy"]);
    for (body, want) in
        [(json!([]), json!(["participants[0].id"])), (json!([{"id": 3}, {}]), json!(["participants[1].id"]))]
    {
        let answer = remove(body).await;
        let missing = &answer.json()["truto_error_insight"]["missing_required_body_fields"]["value"];
        assert_eq!((answer.status, missing), (400, &want));
    }
    let answer = act(&world, "remove_participants", json!({"id": NOBODY, "participants": [{"id": 1}]})).await;
    assert_eq!(answer.status, 404);
}

//! `signing_requests` made: from documents and from templates, drafts and sent, with fields filled in, and what is wrong
//! with what was told.

use actix_web::http::Method;
use countersign::simulator::docusign::{Fault, FaultKind};
use serde_json::{Map, Value, json};

use super::super::support::Answer;
use super::world::World;

const PATH: &str = "e-signature/signing_requests";
/// A PDF of nothing, in base64.
const PDF: &str = "JVBERi0xLjQKJSVFT0YK";

pub(crate) async fn make(world: &World, body: Value) -> Answer {
    world.ask(Method::POST, PATH, Some(body)).await
}

/// What was made of it.
pub(crate) async fn made(world: &World, body: Value) -> Value {
    let answer = make(world, body).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    answer.json()
}

pub(crate) fn ann() -> Value {
    json!({"name": "Ann Lee", "emails": [{"email": "ann@example.com"}]})
}

/// A signing request of one document and one who signs it.
pub(crate) fn lease() -> Value {
    json!({
        "name": "Lease 14", "description": "Please sign", "status": "sent", "participants": [ann()],
        "documents": [{"name": "Lease.pdf", "content": PDF}],
    })
}

/// One thing with another's fields in the place of its own.
pub(crate) fn with(mut one: Value, other: Value) -> Value {
    for (name, value) in other.as_object().unwrap() {
        one[name] = value.clone();
    }
    one
}

async fn template(world: &World, name: &str) -> String {
    let found = world.json(&format!("e-signature/templates?name={name}")).await;
    found["result"][0]["id"].as_str().unwrap().to_owned()
}

/// What stands in the fields of one signing request, by their labels.
async fn entered(world: &World, id: &Value) -> Map<String, Value> {
    let path = world.at_docusign(&format!("/envelopes/{}/form_data", id.as_str().unwrap()));
    let data = world.bench.get(&path).await.json();
    let fields = data["formData"].as_array().unwrap().iter();
    fields.map(|field| (field["name"].as_str().unwrap().to_owned(), field["value"].clone())).collect()
}

#[actix_web::test]
async fn one_is_made_of_documents_and_people_in_their_order() {
    let world = World::new();
    let bo = json!({
        "id": "7", "name": "Bo", "emails": [{"email": "bo@example.com"}], "routing_order": 2, "client_user_id": 99,
    });
    let host = json!({"name": "Hana", "emails": [{"email": "hana@example.com"}]});
    let cy = json!({"type": "in_person_signer", "name": "Cy", "host": host, "routing_order": 3});
    let group = world.bench.get(&world.at_docusign("/signing_groups")).await.json()["groups"][0].clone();
    let some = json!({"type": "carbon_copy", "group": {"id": group["signingGroupId"]}, "routing_order": 4});
    let sign = json!({
        "type": "signature", "label": "Sign", "participant": {"id": "7"}, "is_required": false,
        "document": {"id": 2, "page_number": 1, "position": {"x": 72, "y": "540"}},
    });
    let one = made(
        &world,
        with(lease(), json!({
            "participants": [ann(), bo, cy, some], "document_fields": [sign],
            "documents": [{"name": "Lease.pdf", "content": PDF}, {"id": 2, "name": "House rules.docx", "content": "UEsDBA=="}],
            "expires_at": "2026-12-03T09:00:00Z", "reminders": {"first_after_days": 2, "then_every_days": 3},
            "custom_fields": [{"name": "record", "value": 7}],
            "remote_data": {"customFields": {"listCustomFields": []}, "allowMarkup": "true"},
        })),
    )
    .await;
    assert_eq!((&one["name"], &one["description"]), (&json!("Lease 14"), &json!("Please sign")));
    assert_eq!(one["status"]["id"], "sent");
    let told: Vec<_> = one["participants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|who| {
            (
                who["id"].clone(),
                who["type"].clone(),
                who["routing_order"].clone(),
                who["status"]["id"].clone(),
            )
        })
        .collect();
    let want = [
        (json!("1"), json!("signer"), json!(1), json!("sent")),
        (json!("7"), json!("signer"), json!(2), json!("created")),
        (json!("2"), json!("in_person_signer"), json!(3), json!("created")),
        (json!("3"), json!("carbon_copy"), json!(4), json!("created")),
    ];
    assert_eq!(told, want);
    assert_eq!(one["participants"][2]["host"]["name"], "Hana");
    assert_eq!(one["groups"][0]["id"], group["signingGroupId"]);
    assert_eq!(one["documents"][1]["name"], "House rules.docx");
    let field = &one["document_fields"][0];
    assert_eq!((&field["label"], &field["is_required"]), (&json!("Sign"), &json!(false)));
    assert_eq!(
        field["document"],
        json!({"id": "2", "page_number": "1", "position": {"x": "72", "y": "540"}})
    );
    let custom = &one["custom_fields"][0];
    assert_eq!((&custom["name"], &custom["value"]), (&json!("record"), &json!("7")));
    // Ten days are left, all but an hour: they are counted whole.
    assert_eq!(one["expires_at"], "2026-12-03T10:00:00Z");
    let id = one["id"].as_str().unwrap();
    let told = world.bench.get(&world.at_docusign(&format!("/envelopes/{id}/notification"))).await.json();
    assert_eq!(
        told["reminders"],
        json!({"reminderEnabled": "true", "reminderDelay": "2", "reminderFrequency": "3"})
    );
    assert_eq!(world.json(&format!("{PATH}/{id}")).await, one);
}

#[actix_web::test]
async fn one_is_a_draft_unless_it_is_sent() {
    let world = World::new();
    let one = made(&world, json!({"name": "Lease", "description": "Later"})).await;
    assert_eq!(one["status"]["id"], "created");
    let answer = make(&world, json!({"name": "Lease", "description": "Now", "status": {"id": "sent"}})).await;
    assert_eq!(
        (answer.status, answer.json()["raw_response"]["errorCode"].clone()),
        (400, json!("ENVELOPE_IS_INCOMPLETE"))
    );
    // DocuSign's own words take the place of ours.
    let own = with(lease(), json!({"remote_data": {"emailSubject": "Other", "status": "created"}}));
    let one = made(&world, own).await;
    assert_eq!((&one["name"], &one["status"]["id"]), (&json!("Other"), &json!("created")));
}

#[actix_web::test]
async fn a_template_is_filled_in_by_labels_for_its_roles() {
    let world = World::new();
    let id = template(&world, "Lease").await;
    let tenant = with(ann(), json!({"role": "tenant"}));
    let landlord = json!({"role": "Landlord", "name": "Bo", "emails": [{"email": "bo@example.com"}]});
    let archive = json!({"role": "Archive", "name": "Cy", "emails": [{"email": "cy@example.com"}]});
    let fields = json!([
        {"label": "rent", "value": 1200}, {"label": "Address", "value": "14 High Street", "participant": {"role": "Tenant"}},
        {"label": "Term", "value": "Two years"}, {"label": "Pets", "value": true}, {"label": "Heating", "value": "Wood"},
    ]);
    let told = json!({
        "name": "Lease 14", "description": "Please sign", "status": "sent", "template": {"id": id},
        "participants": [tenant, landlord, archive], "document_fields": fields,
    });
    let want =
        json!({"Rent": "1200", "Address": "14 High Street", "Term": "24", "Pets": "X", "Heating": "wood"});
    let one = made(&world, told.clone()).await;
    // The same beside a document and somebody of its own: put together with the template.
    let more = json!({"name": "Dee", "emails": [{"email": "dee@example.com"}], "routing_order": 4});
    let both = json!({
        "documents": [{"name": "House rules.pdf", "content": PDF}], "custom_fields": [{"name": "record", "value": "r-7"}],
        "participants": [told["participants"][0], told["participants"][1], more],
    });
    let two = made(&world, with(told, both)).await;
    for one in [&one, &two] {
        let entered = entered(&world, &one["id"]).await;
        for (label, value) in want.as_object().unwrap() {
            assert_eq!(entered.get(label), Some(value), "{label}");
        }
    }
    let roles = |one: &Value| -> Vec<Value> {
        one["participants"].as_array().unwrap().iter().map(|who| who["role"].clone()).collect()
    };
    assert_eq!(roles(&one), ["Tenant", "Landlord", "Archive"]);
    assert_eq!(one["participants"][2]["type"], "carbon_copy");
    assert_eq!(two["participants"].as_array().map(Vec::len), Some(3));
    let names: Vec<_> = two["documents"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert!(names.contains(&json!("Lease.pdf")) && names.contains(&json!("House rules.pdf")), "{names:?}");
    assert_eq!(two["custom_fields"][0]["value"], "r-7");
}

#[actix_web::test]
async fn what_a_template_does_not_have_is_told_before_anything_is_made() {
    let world = World::new();
    let id = template(&world, "Lease").await;
    let tenant = with(ann(), json!({"role": "Tenant"}));
    let told = json!({
        "name": "Lease", "description": "x", "template": {"id": id}, "participants": [tenant],
    });
    for (change, path, part) in [
        (
            json!({"document_fields": [{"label": "Rennt", "value": 1}]}),
            "document_fields[0].label",
            "perhaps `Rent`",
        ),
        (
            json!({"document_fields": [{"label": "x", "value": 1}]}),
            "document_fields[0].label",
            "valid are Address, Company, Heating",
        ),
        (
            json!({"document_fields": [{"label": "Sign Here", "value": 1}]}),
            "document_fields[0].label",
            "filled in",
        ),
        (
            json!({"document_fields": [{"label": "Pets", "value": "two"}]}),
            "document_fields[0].value",
            "true or false",
        ),
        (
            json!({"document_fields": [{"label": "Heating", "value": "woood"}]}),
            "document_fields[0].value",
            "perhaps `wood`",
        ),
        (
            json!({"document_fields": [{"label": "Term", "value": "36"}]}),
            "document_fields[0].value",
            "valid are 12, 24",
        ),
        (
            json!({"document_fields": [{"label": "Rent", "value": 1, "participant": {"id": "9"}}]}),
            "document_fields[0].participant.id",
            "valid are 1",
        ),
        (
            json!({"participants": [with(ann(), json!({"role": "Tennant"}))]}),
            "participants[0].role",
            "perhaps `Tenant`",
        ),
        (json!({"participants": [tenant, tenant]}), "participants[1].role", "another"),
        (
            json!({"participants": [with(tenant.clone(), json!({"type": "carbon_copy"}))]}),
            "participants[0].type",
            "must be `signer`",
        ),
        (
            json!({"participants": [with(ann(), json!({"role": "Landlord"}))], "document_fields": [{"label": "Rent", "value": 1}]}),
            "document_fields[0].label",
            "belongs to the role `Tenant`, which no participant takes",
        ),
        (json!({"template": {"id": "a/b"}}), "template.id", "no template"),
        (json!({"template": {"id": "00000000-0000-0000-0000-000000000000"}}), "template.id", "no template"),
    ] {
        let answer = make(&world, with(told.clone(), change)).await;
        let message = answer.message();
        assert_eq!(answer.status, 400, "{message}");
        assert!(message.contains(path) && message.contains(part), "{message}");
    }
    assert_eq!(world.docusign.calls("POST /envelopes"), 0);
}

/// Makes a signing request of each change, and holds what is told of it against a path and a part of the words.
async fn refused(table: &[(Value, &str, &str)]) {
    let world = World::new();
    for (change, path, part) in table {
        let answer = make(&world, with(lease(), change.clone())).await;
        let message = answer.message();
        assert_eq!(answer.status, 400, "{path}: {message}");
        assert!(message.contains(path) && message.contains(part), "{path}: {message}");
    }
    assert!(world.docusign.all_calls().is_empty());
}

#[actix_web::test]
async fn every_fault_of_who_takes_part_is_named_by_its_path() {
    refused(&[
        (json!({"participants": [{"nam": "x"}]}), "participants[0].nam", "unknown field"),
        (json!({"participants": {}}), "participants", "expected a sequence"),
        (
            json!({"participants": [with(ann(), json!({"routing_order": 0}))]}),
            "participants[0].routing_order",
            "from 1",
        ),
        (
            json!({"participants": [with(ann(), json!({"routing_order": -2}))]}),
            "participants[0].routing_order",
            "from 1",
        ),
        (
            json!({"participants": [with(ann(), json!({"routing_order": "first"}))]}),
            "participants[0].routing_order",
            "invalid type",
        ),
        (
            json!({"participants": [with(ann(), json!({"type": "singer"}))]}),
            "participants[0].type",
            "perhaps `signer`",
        ),
        (
            json!({"participants": [with(ann(), json!({"emails": [{"email": "ann"}]}))]}),
            "participants[0].emails[0].email",
            "address",
        ),
        (json!({"participants": [with(ann(), json!({"id": "a b"}))]}), "participants[0].id", "number"),
        (
            json!({"participants": [with(ann(), json!({"id": 1})), with(ann(), json!({"id": "1"}))]}),
            "participants[1].id",
            "another",
        ),
        (
            json!({"participants": [with(ann(), json!({"host": ann()}))]}),
            "participants[0].host",
            "in_person_signer",
        ),
        (
            json!({"participants": [with(ann(), json!({"group": {"id": 1}}))]}),
            "participants[0].group",
            "leave out",
        ),
        (
            json!({"participants": [with(ann(), json!({"role": "Tenant"}))]}),
            "participants[0].role",
            "no template",
        ),
    ])
    .await;
}

#[actix_web::test]
async fn every_other_fault_of_a_body_is_named_by_its_path() {
    refused(&[
        (json!({"status": "sendt"}), "status", "perhaps `sent`"),
        (json!({"status": "voided"}), "status", "valid are created, sent"),
        (json!({"nme": "x"}), "nme", "unknown field"),
        (json!({"documents": [{"name": "Lease", "content": PDF}]}), "documents[0].name", "extension"),
        (json!({"documents": [{"name": "a.pdf", "content": "%%%"}]}), "documents[0].content", "base64"),
        (json!({"documents": [{"id": 0, "name": "a.pdf", "content": PDF}]}), "documents[0].id", "from 1"),
        (json!({"expires_at": "2026-11-23T09:00:00Z"}), "expires_at", "to come"),
        (json!({"expires_at": "soon"}), "expires_at", ""),
        (json!({"reminders": {"first_after_days": 0}}), "reminders.first_after_days", "from 1"),
        (json!({"document_fields": [{"label": "Rent", "value": 1}]}), "document_fields[0].label", "`type`"),
        (
            json!({"document_fields": [{"type": "signatur", "document": {"position": {"x": 1, "y": 1}}}]}),
            "document_fields[0].type",
            "perhaps `signature`",
        ),
        (
            json!({"document_fields": [{"type": "text", "document": {"id": 4, "page_number": 0, "position": {"x": 1, "y": "low"}}}]}),
            "document_fields[0].document.id",
            "`document_fields[0].document.position.y` must be a whole number",
        ),
    ])
    .await;
}

#[actix_web::test]
async fn all_that_is_missing_is_named_at_once() {
    let world = World::new();
    let answer = make(
        &world,
        json!({"participants": [{}, {"type": "in_person_signer", "name": "x"}], "documents": [{}]}),
    )
    .await;
    let missing = &answer.json()["truto_error_insight"]["missing_required_body_fields"]["value"];
    let want = json!([
        "name",
        "description",
        "participants[0].name",
        "participants[0].emails[0].email",
        "participants[1].host",
        "documents[0].name",
        "documents[0].content",
    ]);
    assert_eq!((answer.status, missing), (400, &want));
    assert!(world.docusign.all_calls().is_empty());
}

#[actix_web::test]
async fn one_is_made_once_though_docusigns_answer_was_lost() {
    let world = World::new();
    assert!(world.docusign.add_fault(Fault::next(1, FaultKind::Truncate).of("POST /envelopes")));
    let one = made(&world, lease()).await;
    assert_eq!(world.docusign.calls("POST /envelopes"), 2);
    assert_eq!(world.walk(PATH, 10, "id").await, [one["id"].as_str().unwrap()]);
    // What was done is told, though it cannot be read again.
    let closed = FaultKind::Status { status: 403, retry_after: None };
    assert!(world.docusign.add_fault(Fault::next(1, closed).of("GET /envelopes/{envelope}")));
    let known = made(&world, lease()).await;
    assert_eq!((&known["status"]["id"], &known["is_partial_response"]), (&json!("sent"), &json!(true)));
    assert_eq!(world.json(&format!("{PATH}/{}", known["id"].as_str().unwrap())).await["name"], "Lease 14");
}

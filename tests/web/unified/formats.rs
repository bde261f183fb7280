//! Objects as they are asked for: rows of a table, fields left out, by a key, all in one.

use serde_json::{Value, json};

use super::super::support::ACCOUNT;
use super::super::upstream::{Upstream, writes};
use super::world::{World, over};

/// Templates of this many names, as one answer.
fn listed(count: usize) -> String {
    let one = |number| json!({"templateId": format!("t-{number}"), "name": format!("N{}", number % 2), "shared": "false"});
    let body = json!({
        "envelopeTemplates": (0..count).map(one).collect::<Vec<_>>(), "totalSetSize": count.to_string(),
    });
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{body}")
}

#[actix_web::test]
async fn normalized_objects_have_no_object_within_them_and_no_remote_data() {
    let world = World::new();
    let all = world.json("e-signature/templates?truto_response_format=normalized").await;
    let rows = all["result"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let row = row.as_object().unwrap();
        assert!(row.values().all(|value| !value.is_object()), "{row:?}");
        assert!(row.contains_key("id") && !row.contains_key("remote_data"), "{row:?}");
    }
    let id = rows[0]["id"].as_str().unwrap();
    let one = world.json(&format!("e-signature/templates/{id}?truto_response_format=normalized")).await;
    assert_eq!(one["id"], id);
    assert!(one.get("remote_data").is_none());
    let less = "truto_response_format=normalized&truto_exclude_fields=name";
    let less = world.json(&format!("e-signature/templates?{less}")).await;
    assert!(less["result"][0].get("name").is_none() && less["result"][0].get("id").is_some());
}

#[actix_web::test]
async fn fields_that_there_are_not_are_told_with_those_that_there_are() {
    let world = World::new();
    for query in ["truto_key_by=ids", "truto_exclude_fields[]=nmae", "truto_exclude_fields=name,nmae,id"] {
        let answer = world.get(&format!("e-signature/templates?{query}")).await;
        let problem = answer.json();
        assert_eq!(answer.status, 400, "{query}: {problem}");
        for field in ["id", "name", "description", "created_at", "updated_at", "remote_data"] {
            assert!(problem["details"].as_array().unwrap().contains(&json!(field)), "{query}: {problem}");
        }
    }
    let answer = world.get("e-signature/templates?truto_key_by=nmae").await;
    assert!(answer.message().contains("perhaps name"), "{}", answer.message());
}

#[actix_web::test]
async fn what_is_excluded_is_excluded_in_every_way_of_saying_it() {
    let world = World::new();
    let want = world.json("e-signature/templates?truto_exclude_fields=name,remote_data").await;
    for query in [
        "truto_exclude_fields[]=name&truto_exclude_fields[]=remote_data",
        "truto_exclude_fields%5B%5D=remote_data&truto_exclude_fields[]=name",
        "truto_exclude_fields=%20name%20,,remote_data,",
        "truto_exclude_fields[]=name&truto_ignore_remote_data=true",
    ] {
        assert_eq!(world.json(&format!("e-signature/templates?{query}")).await, want, "{query}");
    }
    let keyed = world.json("e-signature/templates?truto_key_by=id&truto_exclude_fields=id").await;
    let keyed = keyed["result"].as_object().unwrap().clone();
    assert!(!keyed.is_empty() && keyed.values().all(|object| object.get("id").is_none()));
}

#[actix_web::test]
async fn of_objects_with_one_key_the_last_is_the_one_and_without_a_key_there_is_none() {
    let upstream = Upstream::start(|_| writes(&listed(5))).await;
    let bench = over(&upstream.url);
    let path = format!("/unified/e-signature/templates?integrated_account_id={ACCOUNT}");
    let keyed = bench.get(&format!("{path}&truto_key_by=name")).await.json();
    let ids = |name: &str| keyed["result"][name]["id"].clone();
    assert_eq!((ids("N0"), ids("N1"), &keyed["result_count"]), (json!("t-4"), json!("t-3"), &json!(5)));
    let raw = bench.get(&format!("{path}&truto_key_by=id&truto_response_format=raw")).await.json();
    assert_eq!(raw["result"]["t-2"], json!({"templateId": "t-2", "name": "N0", "shared": "false"}));
    // A field that DocuSign told of none of them.
    let none = bench.get(&format!("{path}&truto_key_by=created_at")).await.json();
    assert_eq!(none["result"], json!({}));
    let bad = bench.get(&format!("{path}&truto_key_by=remote_data")).await;
    assert_eq!(bad.status, 400, "{}", bad.message());
}

#[actix_web::test]
async fn all_pages_are_one_answer_where_no_limit_is_wanted() {
    let world = World::new();
    let all = world.json("e-signature/signing_request_statuses?truto_ignore_limit=true&limit=2").await;
    let whole = world.json("e-signature/signing_request_statuses?limit=100").await;
    assert_eq!((&all["result"], &all["next_cursor"]), (&whole["result"], &Value::Null));
    let page = world.json("e-signature/signing_request_statuses?truto_ignore_limit=false&limit=2").await;
    assert_eq!(page["result_count"], 2);
    let bad = world.get("e-signature/signing_request_statuses?truto_ignore_limit=maybe").await;
    assert_eq!(bad.status, 400);
}

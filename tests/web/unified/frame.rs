//! What all resources share: parameters, formats, cursors, errors.

use actix_web::http::Method;
use countersign::unify::{CATALOG, Takes};
use serde_json::json;

use super::world::World;

#[actix_web::test]
async fn what_there_is_not_is_told_with_what_there_is() {
    let world = World::new();
    for (path, status, part) in [
        ("e-sign/templates", 404, "e-signature"),
        ("e-signature/template", 404, "perhaps templates"),
        ("e-signature/templates?limit=0", 400, "from 1 to 1000"),
        ("e-signature/templates?limt=5", 400, "perhaps limit"),
        ("e-signature/templates?next_cursor=abc", 400, "cursor"),
        ("e-signature/templates?truto_response_format=xml", 400, "truto_response_format"),
        ("e-signature/templates?updated_at[gt]=soon", 400, "updated_at[gt]"),
        ("e-signature/templates/not%20an%20id", 404, "template"),
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.message());
        assert!(answer.message().contains(part), "{path}: {}", answer.message());
    }
    let answer = world.ask(Method::DELETE, "e-signature/templates/1", None).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
    let answer = world.bench.get("/unified/e-signature/templates").await;
    let insight = &answer.json()["truto_error_insight"];
    assert_eq!(insight["missing_required_query_parameters"]["value"], json!(["integrated_account_id"]));
    let answer = world.bench.get("/unified/e-signature/templates?integrated_account_id=nobody").await;
    assert_eq!(answer.status, 404, "{}", answer.message());
}

#[actix_web::test]
async fn answers_are_written_as_asked_for() {
    let world = World::new();
    let all = world.json("e-signature/templates").await;
    let first = &all["result"][0];
    assert_eq!(first["name"], first["remote_data"]["name"]);
    assert!(all["next_cursor"].is_null() && all["prev_cursor"].is_null());
    let raw = world.json("e-signature/templates?truto_response_format=raw").await;
    assert_eq!(raw["result"][0], first["remote_data"]);
    let fields = "truto_exclude_fields[]=name&truto_exclude_fields=description,remote_data";
    let less = world.json(&format!("e-signature/templates?{fields}")).await;
    let less = less["result"][0].as_object().unwrap();
    assert_eq!(less.keys().collect::<Vec<_>>(), ["created_at", "id", "updated_at"]);
    let plain = world.json("e-signature/templates?truto_ignore_remote_data=true").await;
    assert!(plain["result"][0].get("remote_data").is_none());
    let keyed = world.json("e-signature/templates?truto_key_by=id").await;
    assert_eq!(keyed["result"][first["id"].as_str().unwrap()], *first);
    assert_eq!(keyed["result_count"], all["result_count"]);
    let found = world.json("e-signature/templates?remote_query[search_text]=lease").await;
    assert_eq!((&found["result"][0]["name"], &found["result_count"]), (&json!("Lease"), &json!(1)));
}

#[actix_web::test]
async fn answers_tell_how_many_calls_are_left() {
    let world = World::new();
    let answer = world.get("e-signature/templates").await;
    for name in ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"] {
        assert!(answer.header(name).is_some_and(|value| value.parse::<u64>().is_ok()), "{name}");
    }
}

#[actix_web::test]
async fn a_cursor_of_another_list_or_with_other_filters_is_refused() {
    let world = World::new();
    let page = world.json("e-signature/signing_request_statuses?limit=3").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let answer = world.get(&format!("e-signature/templates?next_cursor={cursor}")).await;
    assert_eq!(answer.status, 400);
    let next =
        world.json(&format!("e-signature/signing_request_statuses?limit=3&next_cursor={cursor}")).await;
    let back = next["prev_cursor"].as_str().unwrap();
    let first = world.json(&format!("e-signature/signing_request_statuses?limit=3&next_cursor={back}")).await;
    assert_eq!(first["result"], page["result"]);
}

#[actix_web::test]
async fn statuses_are_those_that_lists_can_be_filtered_by() {
    let world = World::new();
    let mut words = world.walk("e-signature/signing_request_statuses", 3, "id").await;
    words.sort();
    let want = ["completed", "correct", "created", "declined", "delivered", "sent", "signed", "voided"];
    assert_eq!(words, want);
    assert!(world.docusign.all_calls().is_empty(), "no call is made for it");
}

#[actix_web::test]
async fn every_object_of_a_list_is_as_the_reference_says() {
    let world = World::new();
    for api in CATALOG {
        for resource in api.resources {
            let Some(list) = resource.method("list") else { continue };
            if list.parameters.iter().any(|parameter| parameter.required) {
                continue; // Its own tests check it.
            }
            let page = world.json(&format!("{}/{}?limit=3", api.name, resource.name)).await;
            for object in page["result"].as_array().unwrap() {
                world.check(resource.schema, object.clone()).await;
            }
        }
    }
}

#[actix_web::test]
async fn every_schema_that_the_catalog_names_is_in_the_reference() {
    let openapi = World::new().bench.get("/openapi.json").await.json();
    for resource in CATALOG.iter().flat_map(|api| api.resources) {
        let bodies = resource.methods.iter().filter_map(|method| match method.body {
            Takes::Json(name) => Some(name),
            Takes::Nothing | Takes::File => None,
        });
        for name in bodies.chain([resource.schema]) {
            assert!(openapi["components"]["schemas"].get(name).is_some(), "{name} of {}", resource.name);
        }
    }
}

#[test]
fn the_catalog_names_each_thing_once_and_by_its_own_word() {
    for api in CATALOG {
        for resource in api.resources {
            let mut words: Vec<_> = resource.methods.iter().map(|method| method.act.word()).collect();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), resource.methods.len(), "{}", resource.name);
            for method in resource.methods {
                assert!(!method.about.ends_with('.') && method.about.len() > 8);
                let reads = method.act.http() == "GET" || method.act.word() == "download";
                assert_eq!(method.act.only_reads(), reads, "{} {}", resource.name, method.act.word());
                assert!(method.act.http() != "GET" || method.body == Takes::Nothing);
            }
        }
    }
}

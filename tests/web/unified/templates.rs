//! `templates`.

use serde_json::json;

use super::world::World;

#[actix_web::test]
async fn templates_are_listed_and_got_one_by_one() {
    let world = World::new();
    let all = world.json("e-signature/templates?name=lease").await;
    let listed = &all["result"][0];
    assert_eq!(listed["name"], "Lease");
    let id = listed["id"].as_str().unwrap();
    let got = world.json(&format!("e-signature/templates/{id}")).await;
    assert_eq!((&got["id"], &got["name"]), (&json!(id), &json!("Lease")));
    world.check("UnifiedTemplate", got.clone()).await;
    assert!(got["created_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    let none = world.get("e-signature/templates/00000000-0000-0000-0000-000000000000").await;
    let problem = none.json();
    assert_eq!((none.status, &problem["truto_is_remote_error"]), (404, &json!(true)));
    assert_eq!(problem["raw_response"]["errorCode"], "TEMPLATE_ID_INVALID");
}

//! `templates`.

use countersign::simulator::estate::Growth;
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

#[actix_web::test]
async fn templates_are_found_by_name_folder_and_time() {
    let world = World::new();
    let (name, description, folder) = world.look(|estate| {
        let one = &estate.templates[0];
        (one.name.clone(), one.description.clone(), one.folder)
    });
    let all = world.walk("e-signature/templates", 1_000, "id").await.len();
    // DocuSign looks into descriptions as well; those here have no word of their names.
    let word = description.split(' ').next_back().unwrap().trim_end_matches('.');
    assert!(!name.to_lowercase().contains(&word.to_lowercase()), "{name}: {word}");
    let found = world.json(&format!("e-signature/templates?name={word}")).await;
    for one in found["result"].as_array().unwrap() {
        assert!(one["name"].as_str().unwrap().to_lowercase().contains(&word.to_lowercase()), "{one}");
    }
    assert!(found["result_count"].as_u64() < world.json(&format!("e-signature/templates?remote_query[search_text]={word}")).await["result_count"].as_u64());
    let within = world.json(&format!("e-signature/templates?collection[id]={folder}")).await;
    assert_eq!(within["result_count"], all);
    let elsewhere =
        world.json("e-signature/templates?collection[id]=00000000-0000-4000-8000-000000000000").await;
    assert_eq!(elsewhere["result_count"], 0);
    assert_eq!(world.json("e-signature/templates?updated_at[gt]=2099-01-01").await["result_count"], 0);
    assert_eq!(world.json("e-signature/templates?updated_at[lt]=2099-01-01").await["result_count"], all);
}

#[actix_web::test]
async fn each_template_comes_once_whatever_comes_meanwhile() {
    let world = World::new();
    world.grow(Growth { templates: 60, ..Growth::default() });
    world.walk_against("e-signature/templates", 9, "id", Growth { templates: 3, ..Growth::default() }).await;
}

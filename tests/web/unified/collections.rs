//! `collections`.

use countersign::simulator::estate::Growth;
use serde_json::{Value, json};

use super::world::World;

fn names(list: &Value) -> Vec<&str> {
    list["result"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn folders_are_listed_with_those_inside_of_them_and_got_one_by_one() {
    let world = World::new();
    let all = world.json("e-signature/collections").await;
    let want = [
        "Drafts",
        "Inbox",
        "Deleted Items",
        "Sent Items",
        "Contracts",
        "Housing",
        "2nd floor",
        "Suppliers & freight",
        "Personnel",
        "Templates",
    ];
    assert_eq!(names(&all), want);
    let (outer, inner) = (&all["result"][4], &all["result"][5]);
    assert_eq!((&outer["parent"], &outer["type"]), (&json!(null), &json!("normal")));
    assert_eq!(inner["parent"], json!({"id": outer["id"], "type": "folder"}));
    let id = inner["id"].as_str().unwrap();
    let url = inner["urls"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with("http") && url.ends_with(&format!("/accounts/{}/folders/{id}", world.account)),
        "{url}"
    );
    for listed in all["result"].as_array().unwrap() {
        let got = world.json(&format!("e-signature/collections/{}", listed["id"].as_str().unwrap())).await;
        assert_eq!(got, *listed);
        world.check("UnifiedCollection", got).await;
    }
    assert_eq!(world.docusign.calls("GET /folders"), 1);
}

#[actix_web::test]
async fn folders_are_found_by_name_type_and_the_folder_around() {
    let world = World::new();
    let contracts = world.json("e-signature/collections?name=CONTRACTS").await;
    assert_eq!(names(&contracts), ["Contracts"]);
    let id = contracts["result"][0]["id"].as_str().unwrap();
    let inside = world.json(&format!("e-signature/collections?parent[id]={id}")).await;
    assert_eq!(names(&inside), ["Housing", "Suppliers & freight"]);
    assert_eq!(names(&world.json("e-signature/collections?type=Inbox").await), ["Inbox"]);
    assert_eq!(names(&world.json("e-signature/collections?type=normal&name=floor").await), ["2nd floor"]);
    let none = world.json("e-signature/collections?type=normal&name=inbox").await;
    assert_eq!((&none["result_count"], &none["next_cursor"]), (&json!(0), &json!(null)));
    for (id, status) in [("00000000-0000-4000-8000-000000000000", 404), ("a%20b", 404)] {
        assert_eq!(world.get(&format!("e-signature/collections/{id}")).await.status, status, "{id}");
    }
}

#[actix_web::test]
async fn more_folders_than_docusign_tells_at_once_are_all_there_whatever_comes_meanwhile() {
    let world = World::new();
    world.grow(Growth { folders: 230, ..Growth::default() });
    assert_eq!(world.walk("e-signature/collections", 1_000, "id").await.len(), 240);
    world.walk_against("e-signature/collections", 60, "id", Growth { folders: 4, ..Growth::default() }).await;
}

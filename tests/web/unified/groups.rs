//! `groups`, and `users`, who are their members.

use countersign::simulator::estate::Growth;
use serde_json::{Value, json};

use super::world::World;

fn each(list: &Value, field: &str) -> Vec<String> {
    let text = |one: &Value| one[field].as_str().unwrap().to_owned();
    list["result"].as_array().unwrap().iter().map(text).collect()
}

fn members(id: &str, kind: &str) -> String {
    format!("e-signature/users?group[id]={id}&group[type]={kind}")
}

#[actix_web::test]
async fn groups_of_both_sorts_are_listed_with_their_times() {
    let world = World::new();
    let all = world.json("e-signature/groups").await;
    let signing = ["Board", "Warehouse keys", "Nobody yet"];
    let of_users = ["Everyone", "Administrators", "Sales", "People & Culture"];
    assert_eq!(each(&all, "name"), [&signing[..], &of_users[..]].concat());
    let (first, last) = (&all["result"][0], &all["result"][6]);
    assert_eq!((&first["id"], &first["type"]), (&json!("30501"), &json!("signing_group")));
    assert_eq!((&last["id"], &last["type"]), (&json!("10412004"), &json!("user_group")));
    let founded = world.look(|estate| estate.signing_groups[0].created_at);
    assert_eq!(first["created_at"], json!(founded));
    let modified = world.look(|estate| estate.groups[3].modified_at);
    assert_eq!((&last["created_at"], &last["updated_at"]), (&json!(null), &json!(modified)));
    assert_eq!(last["remote_data"]["groupType"], "customGroup");
    for group in [first, last] {
        world.check("UnifiedGroup", group.clone()).await;
    }
    assert_eq!(each(&world.json("e-signature/groups?type=signing_group").await, "name"), signing);
    assert_eq!(each(&world.json("e-signature/groups?type=user_group").await, "name"), of_users);
    assert_eq!(world.docusign.calls("GET /signing_groups"), 2, "who asks for the others asks once");
    assert_eq!(each(&world.json("e-signature/groups?name=E%20k").await, "name"), ["Warehouse keys"]);
    assert_eq!(each(&world.json("e-signature/groups?name=sales").await, "name"), ["Sales"]);
    let answer = world.get("e-signature/groups?type=team").await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (400, "`type` must be user_group or signing_group")
    );
}

#[actix_web::test]
async fn each_group_of_either_sort_comes_once_whatever_comes_meanwhile() {
    let world = World::new();
    world.grow(Growth { groups: 110, signing_groups: 20, ..Growth::default() });
    let by = Growth { groups: 2, signing_groups: 1, ..Growth::default() };
    for (path, limit) in [
        ("e-signature/groups", 9),
        ("e-signature/groups?type=user_group", 9),
        ("e-signature/groups?type=signing_group", 5),
    ] {
        world.walk_against(path, limit, "id", by).await;
    }
    // Back from the end to the beginning, over the border between the sorts.
    let all = world.walk("e-signature/groups", 1_000, "id").await;
    let (mut pages, mut path) = (Vec::new(), "e-signature/groups?limit=50".to_owned());
    while let Some(next) = world.json(&path).await["next_cursor"].as_str() {
        path = format!("e-signature/groups?limit=50&next_cursor={next}");
    }
    loop {
        let page = world.json(&path).await;
        pages.push(each(&page, "id"));
        let Some(back) = page["prev_cursor"].as_str() else { break };
        path = format!("e-signature/groups?limit=50&next_cursor={back}");
    }
    pages.reverse();
    assert_eq!(pages.concat(), all);
}

#[actix_web::test]
async fn members_of_a_group_of_users_are_listed_with_where_they_stand() {
    let world = World::new();
    let everyone = world.json(&members("10412001", "user_group")).await;
    let want: Vec<(String, String)> = world.look(|estate| {
        let users = estate.users_of(10_412_001);
        users.map(|user| (user.person.user_id.to_string(), user.person.email.clone())).collect()
    });
    assert_eq!(each(&everyone, "id"), want.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    let first = &everyone["result"][0];
    assert_eq!(first["emails"], json!([{"email": want[0].1, "is_primary": true}]));
    let (given, family) = first["name"].as_str().unwrap().rsplit_once(' ').unwrap();
    assert_eq!((&first["first_name"], &first["last_name"]), (&json!(given), &json!(family)));
    let mut stands = each(&everyone, "status");
    stands.sort();
    stands.dedup();
    assert_eq!(stands, ["active", "inactive", "invited"]);
    assert!(
        everyone["result"]
            .as_array()
            .unwrap()
            .iter()
            .all(|user| user["remote_data"]["userType"] == "companyuser")
    );
    world.check("UnifiedUser", first.clone()).await;
    let sales = world.json(&members("10412003", "user_group")).await;
    assert!(sales["result"].as_array().unwrap().len() < want.len());
}

#[actix_web::test]
async fn members_of_a_signing_group_are_known_by_their_addresses() {
    let world = World::new();
    let board = world.json(&members("30501", "signing_group")).await;
    let want: Vec<Value> = world.look(|estate| {
        let people = estate.signing_groups[0].people.iter();
        people.map(|person| json!([person.email, person.name, null])).collect()
    });
    world.check("UnifiedUser", board["result"][0].clone()).await;
    let told: Vec<Value> = board["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| json!([user["id"], user["name"], user["status"]]))
        .collect();
    assert_eq!((told.len(), told), (3, want));
    assert_eq!(
        world.json(&members("30503", "signing_group")).await["result"],
        json!([]),
        "told as an object"
    );
    assert_eq!(world.walk(&members("30501", "signing_group"), 2, "id").await.len(), 3);
}

#[actix_web::test]
async fn members_are_listed_of_a_group_that_is_named_and_there() {
    let world = World::new();
    let answer = world.get("e-signature/users?group[id]=1").await;
    let missing = &answer.json()["truto_error_insight"]["missing_required_query_parameters"]["value"];
    assert_eq!((answer.status, missing), (400, &json!(["group[type]"])));
    for (path, status, part) in [
        (members("1", "team"), 400, "user_group or signing_group"),
        (members("1", "user_group"), 404, "INVALID_GROUP_ID"),
        (members("1", "signing_group"), 404, "INVALID_SIGNING_GROUP_ID"),
        (members("..%2Fx", "user_group"), 404, "group"),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.message().contains(part), "{path}: {}", answer.message());
    }
}

#[actix_web::test]
async fn each_member_comes_once_whatever_comes_meanwhile() {
    let world = World::new();
    world.grow(Growth { users: 130, ..Growth::default() });
    let by = Growth { users: 5, ..Growth::default() };
    world.walk_against(&members("10412001", "user_group"), 20, "id", by).await;
}

//! The user directory: users, roles, licenses, billing and utilization.

use std::collections::BTreeSet;

use actix_web::http::Method;
use countersign::simulator::docusign::{Fault, FaultKind, Settings, User};
use countersign::simulator::estate::{Growth, Member, MemberStatus};
use countersign::simulator::life::Person;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

fn texts(objects: &Value, field: &str) -> Vec<String> {
    let objects = objects["result"].as_array().unwrap().iter();
    objects.map(|object| object[field].as_str().unwrap_or("null").to_owned()).collect()
}

fn id(world: &World) -> Uuid {
    world.account.parse().unwrap()
}

fn user_with(world: &World, status: MemberStatus) -> String {
    let look = |users: &[Member]| {
        users.iter().find(|user| user.status == status).unwrap().person.user_id.to_string()
    };
    world.docusign.look(id(world), |estate| look(&estate.users)).unwrap()
}

#[actix_web::test]
async fn users_are_told_in_our_words_beside_docusigns() {
    let world = World::new();
    let all = world.json("user-directory/users").await;
    let statuses: BTreeSet<_> = texts(&all, "status").into_iter().collect();
    assert_eq!(statuses, ["active", "deleted", "inactive", "invited"].map(str::to_owned).into());
    let owner = &all["result"][0];
    let told = &owner["remote_data"];
    assert_eq!(owner["id"], told["userId"]);
    assert_eq!(owner["emails"], json!([{"email": told["email"], "is_primary": true}]));
    assert_eq!(owner["roles"][0]["name"], "DocuSign Administrator");
    let groups = owner["groups"].as_array().unwrap();
    assert!(groups.iter().any(|group| group["name"] == "Administrators"), "{groups:?}");
    assert_eq!(owner["licenses"], json!([{"id": "sender", "name": "sender"}]));
    assert!(owner["last_login_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    let invited = world.json("user-directory/users?status=invited").await;
    for user in invited["result"].as_array().unwrap() {
        assert!(user["remote_data"]["lastLogin"].as_str().unwrap().starts_with("0001-01-01"));
        assert!(user["last_login_at"].is_null());
    }
    let got = world.json(&format!("user-directory/users/{}", owner["id"].as_str().unwrap())).await;
    assert_eq!(got, *owner, "one by one as in the list");
    for user in all["result"].as_array().unwrap() {
        world.check("UnifiedDirectoryUser", user.clone()).await;
    }
}

#[actix_web::test]
async fn users_are_filtered_by_what_is_asked_for_and_the_rest_is_refused() {
    let world = World::new();
    let all = world.json("user-directory/users").await;
    for status in ["active", "inactive", "invited", "deleted"] {
        let some = world.json(&format!("user-directory/users?status={status}")).await;
        let want = texts(&all, "status").iter().filter(|own| *own == status).count();
        assert_eq!(texts(&some, "status"), vec![status; want]);
    }
    let user = &all["result"][3];
    let text = |field: &str| user[field].as_str().unwrap().to_owned();
    let email = text("username").to_uppercase();
    let (first, last) = (text("first_name"), text("last_name"));
    for query in [
        format!("emails[email]={email}"),
        format!("first_name={first}&last_name={}", last.to_lowercase()),
        format!("last_name={last}&status={}&emails[email]={email}", text("status")),
    ] {
        let found = world.json(&format!("user-directory/users?{query}")).await;
        assert!(texts(&found, "id").contains(&text("id")), "{query}");
        for field in ["username", "first_name", "last_name"] {
            let asked = query.to_lowercase();
            let same = |own: &String| own.eq_ignore_ascii_case(&text(field));
            let narrowed = asked.contains(if field == "username" { "emails" } else { field });
            assert!(!narrowed || texts(&found, field).iter().all(same), "{query}");
        }
    }
    // A part of a name is what DocuSign looks for, and not what was asked for.
    let part = world.json(&format!("user-directory/users?last_name={}", &last[..last.len() - 1])).await;
    assert!(!texts(&part, "id").contains(&text("id")));
    let made = text("created_at");
    let after = world.walk(&format!("user-directory/users?created_at[gt]={made}"), 2, "id").await;
    let before = world.walk(&format!("user-directory/users?created_at[lt]={made}"), 2, "id").await;
    assert_eq!(after.len() + before.len() + 1, texts(&all, "id").len());
    assert!(!after.is_empty() && !before.is_empty());
    let sales = world.json("user-directory/users?group[id]=10412003").await;
    for user in sales["result"].as_array().unwrap() {
        assert!(user["groups"].as_array().unwrap().iter().any(|group| group["id"] == "10412003"));
    }
    assert!(!texts(&sales, "id").is_empty());
    for (query, part) in [
        ("status=Active", "active, inactive, invited, deleted"),
        ("created_at[gt]=yesterday", "created_at[gt]"),
        ("sort_by=name", "sort_by"),
    ] {
        let answer = world.get(&format!("user-directory/users?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.message().contains(part), "{query}: {}", answer.message());
    }
}

#[actix_web::test]
async fn each_user_is_told_once_though_others_come_while_pages_are_read() {
    let world = World::new();
    let grow = |users: u16, first: bool| {
        assert!(world.docusign.grow(id(&world), Growth { users, first, ..Growth::default() }));
    };
    grow(240, false);
    let old = world.walk("user-directory/users", 1_000, "id").await;
    assert!(old.len() > 240, "one page of ours is several of DocuSign's");
    for limit in [7, 100, 130] {
        let old = world.walk("user-directory/users", 1_000, "id").await;
        let (mut told, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = world.json(&format!("user-directory/users?limit={limit}&next_cursor={cursor}")).await;
            told.extend(texts(&page, "id"));
            pages += 1;
            let Some(next) = page["next_cursor"].as_str() else { break };
            next.clone_into(&mut cursor);
            grow(3, pages % 2 == 1);
        }
        let kept: Vec<_> = told.iter().filter(|id| old.contains(*id)).cloned().collect();
        assert_eq!(kept, old, "by pages of {limit}");
        let once: BTreeSet<_> = told.iter().collect();
        assert_eq!(once.len(), told.len(), "nobody twice, by pages of {limit}");
    }
    let closed = world.walk("user-directory/users?status=deleted", 50, "status").await;
    assert_eq!(closed, ["deleted"]);
}

#[actix_web::test]
async fn a_user_is_made_changed_closed_and_opened_again() {
    let world = World::new();
    let (role, group) = world
        .docusign
        .look(id(&world), |estate| (estate.profiles[2].id.to_string(), estate.groups[2].id.to_string()))
        .unwrap();
    let new = json!({
        "first_name": "Wanda", "last_name": "Wells", "title": "Clerk", "emails": [{"email": "wanda@example.com"}],
        "roles": [{"id": role}], "groups": [{"id": group}], "remote_data": {"company": "Wells"},
    });
    let made = world.ask(Method::POST, "user-directory/users", Some(new)).await;
    let user = made.json();
    assert_eq!(
        (made.status, &user["name"], &user["status"]),
        (200, &json!("Wanda Wells"), &json!("invited"))
    );
    assert_eq!((&user["roles"][0]["id"], &user["groups"]), (&json!(role), &Value::Null));
    assert_eq!(user["remote_data"]["userId"], user["id"]);
    world.check("UnifiedDirectoryUser", user.clone()).await;
    assert!(user["remote_data"].get("apiPassword").is_none(), "a password is not passed on");
    let path = format!("user-directory/users/{}", user["id"].as_str().unwrap());
    let got = world.json(&path).await;
    assert_eq!((&got["title"], &got["first_name"]), (&json!("Clerk"), &json!("Wanda")));
    assert!(got["groups"].as_array().unwrap().iter().any(|own| own["id"] == json!(group)));

    let change = json!({"last_name": "Stone", "emails": [{"email": "w.stone@example.com"}]});
    let changed = world.ask(Method::PATCH, &path, Some(change)).await;
    assert_eq!((changed.status, &changed.json()["last_name"]), (200, &json!("Stone")));
    let got = world.json(&path).await;
    assert_eq!((&got["username"], &got["title"]), (&json!("w.stone@example.com"), &json!("Clerk")));
    assert!(
        got["groups"].as_array().unwrap().iter().any(|own| own["id"] == json!(group)),
        "what was not told stays"
    );

    let gone = world.ask(Method::DELETE, &path, None).await;
    assert_eq!((gone.status, gone.json()), (200, json!({"id": user["id"]})));
    assert_eq!(world.json(&path).await["status"], "deleted");
    let opened = world.ask(Method::PATCH, &path, Some(json!({"status": "active"}))).await;
    assert_eq!((opened.status, &opened.json()["status"]), (200, &json!("active")));
}

#[actix_web::test]
async fn what_docusign_refuses_of_a_user_is_told_in_the_one_shape() {
    let world = World::new();
    let active = user_with(&world, MemberStatus::Active);
    let there = world.json(&format!("user-directory/users/{active}")).await;
    let one = |name: &str, email: &str| json!({"name": name, "emails": [{"email": email}]});
    let again = one(there["name"].as_str().unwrap(), there["username"].as_str().unwrap());
    let no_role = json!({"roles": [{"id": "1"}]});
    let nobody = format!("user-directory/users/{NOBODY}");
    let somebody = format!("user-directory/users/{active}");
    let users = "user-directory/users";
    for (method, path, body, status, code) in [
        (Method::POST, users, Some(again), 409, "USER_ALREADY_EXISTS_IN_ACCOUNT"),
        (Method::POST, users, Some(one("Wanda", "nowhere")), 422, "INVALID_EMAIL_ADDRESS"),
        (Method::PATCH, &somebody, Some(no_role), 400, "INVALID_PERMISSION_PROFILE"),
        (Method::GET, &nobody, None, 404, "INVALID_USERID"),
        (Method::PATCH, &nobody, Some(json!({"name": "Wanda"})), 404, "INVALID_USERID"),
        (Method::DELETE, &nobody, None, 404, "INVALID_USERID"),
    ] {
        let answer = world.ask(method.clone(), path, body).await;
        let problem = answer.json();
        assert_eq!(answer.status, status, "{method} {path}: {problem}");
        assert_eq!(
            (&problem["statusCode"], &problem["truto_is_remote_error"]),
            (&json!(status), &json!(true))
        );
        let told = problem["truto_error_insight"]["remote_error"]["value"].to_string();
        assert!(told.contains(code) && problem["raw_response"].to_string().contains(code), "{problem}");
    }
    let after = world.json(users).await;
    assert!(!texts(&after, "name").contains(&"Wanda".to_owned()), "nothing was made");
}

#[actix_web::test]
async fn what_cannot_be_asked_of_users_is_refused_before_docusign_is_asked() {
    let world = World::new();
    let active = user_with(&world, MemberStatus::Active);
    let somebody = format!("user-directory/users/{active}");
    let two = json!({"name": "W", "emails": [{"email": "a@example.com"}, {"email": "b@example.com"}]});
    for (method, path, body, status, part) in [
        (Method::POST, "user-directory/users", json!({}), 400, "name, emails"),
        (Method::POST, "user-directory/users", json!({"nam": "W"}), 400, "`nam`"),
        (Method::POST, "user-directory/users", two, 400, "one email"),
        (Method::PATCH, &somebody, json!({}), 400, "nothing is to be changed"),
        (Method::PATCH, &somebody, json!({"status": "deleted"}), 400, "`active`"),
        (Method::PATCH, &somebody, json!({"name": 5}), 400, "string"),
        (Method::PATCH, "user-directory/users/not%20an%20id", json!({"name": "W"}), 404, "user"),
        (Method::DELETE, "user-directory/users/not%20an%20id", json!({}), 404, "user"),
        (Method::PUT, &somebody, json!({"name": "W"}), 405, "create"),
        (Method::DELETE, "user-directory/roles/1", json!({}), 405, "get"),
    ] {
        let answer = world.ask(method.clone(), path, Some(body)).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.message());
        assert!(answer.message().contains(part), "{method} {path}: {}", answer.message());
    }
    let missing = world.ask(Method::POST, "user-directory/users", Some(json!({}))).await.json();
    let insight = &missing["truto_error_insight"]["missing_required_body_fields"]["value"];
    assert_eq!(*insight, json!(["name", "emails"]));
    assert!(world.docusign.all_calls().keys().all(|call| !call.contains("users")), "no call was made for it");
}

#[actix_web::test]
async fn roles_are_listed_and_got_one_by_one() {
    let world = World::new();
    let all = world.json("user-directory/roles").await;
    let names = ["DocuSign Administrator", "DocuSign Sender", "DocuSign Viewer"];
    assert_eq!(texts(&all, "name"), names);
    assert_eq!(world.walk("user-directory/roles", 2, "id").await, texts(&all, "id"));
    let first = &all["result"][0];
    assert_eq!(first["id"], first["remote_data"]["permissionProfileId"]);
    assert!(first["updated_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    let got = world.json(&format!("user-directory/roles/{}", first["id"].as_str().unwrap())).await;
    assert_eq!(got, *first);
    world.check("UnifiedRole", got).await;
    let answer = world.get("user-directory/roles/1").await;
    assert_eq!((answer.status, answer.message().contains("role")), (404, true));
}

#[actix_web::test]
async fn the_plan_is_the_license_that_users_have() {
    let world = World::new();
    let active = world.json("user-directory/users?status=active").await["result_count"].clone();
    let answer = world.get("user-directory/licenses").await;
    let text = String::from_utf8_lossy(&answer.bytes);
    assert!(text.contains("\"unit_amount\":456.0000,"), "in the digits told: {text}");
    let all = answer.json();
    let license = &all["result"][0];
    assert_eq!((&all["result_count"], &license["name"]), (&json!(1), &json!("Business Pro")));
    assert_eq!((&license["available_quantity"], &license["assigned_quantity"]), (&json!(25), &active));
    assert_eq!((&license["is_paid"], &license["currency"]), (&json!(true), &json!("USD")));
    assert_eq!((&license["status"], &license["products"][0]["name"]), (&json!("active"), &json!("Sending")));
    assert_eq!(license["id"], license["remote_data"]["account"]["currentPlanId"]);
    assert_eq!(license["remote_data"]["billing_plan"]["billingPlan"]["perSeatPrice"], "456.0000");
    world.check("UnifiedLicense", license.clone()).await;
}

#[actix_web::test]
async fn invoices_are_listed_with_money_as_it_was_told() {
    let world = World::new();
    let all = world.json("user-directory/billing").await;
    assert_eq!(all["result_count"], 12, "of the last 365 days");
    for (number, bill) in all["result"].as_array().unwrap().iter().enumerate() {
        assert_eq!((&bill["total_amount"], &bill["tax_amount"]), (&json!("498.1800"), &json!("42.1800")));
        assert_eq!((&bill["billing_frequency"], &bill["currency"]), (&json!("yearly"), &json!("USD")));
        assert_eq!((&bill["description"], &bill["id"]), (&json!("seats"), &bill["remote_data"]["invoiceId"]));
        world.check("UnifiedBilling", bill.clone()).await;
        // The newest is due in the period under way.
        assert_eq!(
            (bill["start_date"].is_string(), bill["end_date"].is_string()),
            (number == 0, number == 0)
        );
    }
    assert_eq!(world.walk("user-directory/billing", 5, "id").await, texts(&all, "id"));
    let asked = "remote_query[from_date]=2026-06-01T00:00:00Z&remote_query[to_date]=2026-07-30T00:00:00Z";
    let some = world.json(&format!("user-directory/billing?{asked}")).await;
    assert!(matches!(some["result_count"].as_u64(), Some(1 | 2)), "{}", some["result_count"]);
}

#[actix_web::test]
async fn reports_are_of_the_types_that_docusign_can_answer() {
    let world = World::new();
    let report = async |kind: &str| {
        let all = world.json(&format!("user-directory/utilization?type={kind}")).await;
        assert_eq!((&all["result_count"], &all["next_cursor"]), (&json!(1), &Value::Null));
        let report = all["result"][0].clone();
        assert_eq!(report["metadata"]["type"], kind);
        world.check("UnifiedUtilization", report.clone()).await;
        let columns = report["columns"].as_array().unwrap().len();
        assert!(
            report["rows"].as_array().unwrap().iter().all(|row| row.as_array().unwrap().len() == columns)
        );
        report
    };
    let actions = report("actions").await;
    let seats = actions["rows"].as_array().unwrap().iter().find(|row| row[0] == "seats").unwrap();
    assert_eq!((&seats[2], &seats[6]), (&json!(25), &json!("456.0000")));
    assert!(actions["remote_data"]["billing_charges"]["billingChargeItems"].is_array());
    let licenses = report("licenses").await;
    assert_eq!((&licenses["rows"][0][1], &licenses["rows"][0][2]), (&json!(25), &seats[4]));
    let packages = report("packages").await;
    assert_eq!(packages["rows"][0][3], "unlimited");
    assert_eq!(packages["rows"][0][1], packages["metadata"]["start_date"]);

    assert!(world.docusign.grow(id(&world), Growth { users: 230, ..Growth::default() }));
    let logins = report("user_activity").await;
    let ids: Vec<_> = logins["rows"].as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(ids, world.walk("user-directory/users", 100, "id").await);
    let invited = |row: &&Value| row[3] == "invited";
    let mut invited = logins["rows"].as_array().unwrap().iter().filter(invited).peekable();
    assert!(invited.peek().is_some() && invited.all(|row| row[4].is_null()));

    let missing = world.get("user-directory/utilization").await;
    let insight = &missing.json()["truto_error_insight"]["missing_required_query_parameters"]["value"];
    assert_eq!((missing.status, insight), (400, &json!(["type"])));
    let unknown = world.get("user-directory/utilization?type=shared-storage").await;
    assert_eq!(unknown.status, 400);
    let valid = "actions, licenses, packages, user_activity";
    assert!(unknown.message().contains(valid), "{}", unknown.message());
}

#[actix_web::test]
async fn whoever_is_no_administrator_is_told_so_and_sees_the_rest() {
    let account = Settings::default().accounts[0].id;
    let person =
        Person { user_id: Uuid::from_u128(7), name: "Carl Clerk".into(), email: "carl@example.com".into() };
    let clerk = User { person, accounts: vec![account], default: account };
    let mut world = World::with(|traits| traits.users = vec![clerk.clone()]);
    let lowest =
        world.docusign.look(account, |estate| estate.profiles.last().unwrap().id.to_string()).unwrap();
    let path = format!("user-directory/users/{}", clerk.person.user_id);
    let lowered = world.ask(Method::PATCH, &path, Some(json!({"roles": [{"id": lowest}]}))).await;
    assert_eq!((lowered.status, &lowered.json()["roles"][0]["name"]), (200, &json!("DocuSign Viewer")));
    world.act_as(clerk.person.user_id);
    let new = json!({"name": "Wanda", "emails": [{"email": "wanda@example.com"}]});
    for (method, path, body) in [
        (Method::GET, "user-directory/billing", None),
        (Method::GET, "user-directory/utilization?type=actions", None),
        (Method::POST, "user-directory/users", Some(new)),
    ] {
        let answer = world.ask(method, path, body).await;
        let problem = answer.json();
        assert_eq!((answer.status, &problem["truto_is_remote_error"]), (403, &json!(true)), "{path}");
        assert_eq!(problem["raw_response"]["errorCode"], "USER_LACKS_PERMISSIONS", "{path}");
        let insight = &problem["truto_error_insight"]["forbidden_error"]["description"];
        assert!(insight.as_str().is_some_and(|text| text.contains("administrator")), "{problem}");
    }
    let license = world.json("user-directory/licenses").await["result"][0].clone();
    assert_eq!((&license["name"], &license["unit_amount"]), (&json!("Business Pro"), &Value::Null));
    assert!(license["is_paid"].is_null() && license["remote_data"]["billing_plan"].is_null());
    for path in ["users", "roles", "utilization?type=licenses", "utilization?type=packages"] {
        world.json(&format!("user-directory/{path}")).await;
    }
}

#[actix_web::test]
async fn a_part_that_docusign_cannot_answer_is_not_taken_for_one_that_it_will_not() {
    let world = World::new();
    let refusal = FaultKind::Status { status: 400, retry_after: None };
    assert!(world.docusign.add_fault(Fault::always(refusal).of("/billing_plan")));
    for path in ["licenses", "billing"] {
        let answer = world.get(&format!("user-directory/{path}")).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.message());
        assert_eq!(answer.json()["truto_is_remote_error"], true);
    }
}

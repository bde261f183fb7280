//! What an account has beside envelopes, told over REST with DocuSign's traits: folders, contacts, groups, users,
//! permission profiles, and what is paid for.

use std::collections::BTreeSet;

use countersign::simulator::docusign::{Settings, User};
use countersign::simulator::estate::Growth;
use countersign::simulator::life::{Kind, Person};
use reqwest::Method;
use serde_json::{Value, json};

use super::lives::setting;
use super::oauth::StandIn;
use super::rest::{change, json, with};

/// The rows of all pages of a list, by following its links; how many pages there were.
async fn walked(stand_in: &StandIn, path: &str, name: &str) -> (Vec<Value>, usize) {
    let prefix = format!("/accounts/{}", setting().account.id);
    let (mut next, mut rows, mut pages) = (Some(path.to_owned()), Vec::new(), 0);
    while let Some(path) = next {
        let (status, page) = json(stand_in.get(&path)).await;
        assert_eq!(status, 200, "{path}: {page}");
        let own = page[name].as_array().unwrap();
        assert_eq!(page["resultSetSize"], own.len().to_string());
        rows.extend(own.iter().cloned());
        pages += 1;
        // Here the last page has no link, and links leave out what all of REST begins with.
        next = page.get("nextUri").map(|link| {
            link.as_str().unwrap().strip_prefix(&prefix).expect("a link of the account").to_owned()
        });
        assert_eq!(page.get("previousUri").is_some(), pages > 1);
    }
    (rows, pages)
}

fn texts(rows: &[Value], key: &str) -> Vec<String> {
    rows.iter().map(|row| row[key].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn users_of_every_status_are_listed_page_by_page_with_capitals_and_true_in_words() {
    let stand_in = StandIn::start(Settings::default());
    assert!(stand_in.docusign.grow(setting().account.id, Growth { users: 240, ..Growth::default() }));
    let (users, pages) = walked(&stand_in, "/users?count=100", "users").await;
    assert_eq!(pages, 3);
    let ids: BTreeSet<_> = texts(&users, "userId").into_iter().collect();
    assert_eq!(ids.len(), users.len(), "nobody twice");
    let statuses: BTreeSet<_> = texts(&users, "userStatus").into_iter().collect();
    let all = ["ActivationRequired", "ActivationSent", "Active", "Closed", "Disabled"];
    assert_eq!(statuses, all.map(str::to_owned).into());
    assert_eq!((users[0]["isAdmin"].as_str(), users[1]["isAdmin"].as_str()), (Some("True"), Some("False")));
    assert!(users[0].get("lastLogin").is_none() && users[0].get("licenseType").is_none());

    let (some, _) = walked(&stand_in, "/users?status=Closed,Disabled&additional_info=true", "users").await;
    assert!(some.len() >= 2 && some.iter().all(|user| user["groupList"].is_array()));
    let (new, _) =
        walked(&stand_in, "/users?status=activationsent&additional_info=true&include_license=true", "users")
            .await;
    assert_eq!(new[0]["lastLogin"], "0001-01-01T08:00:00.0000000Z", "the null date");
    assert_eq!(new[0]["licenseStatus"], "inactive");
    let email = users[3]["email"].as_str().unwrap();
    let (found, _) = walked(&stand_in, &format!("/users?email={email}"), "users").await;
    assert!(found.iter().any(|user| user["userId"] == users[3]["userId"]));
    for count in ["0", "101", "x"] {
        let (status, told) = json(stand_in.get(&format!("/users?count={count}"))).await;
        assert_eq!((status, told["errorCode"].as_str()), (400, Some("INVALID_REQUEST_PARAMETER")), "{count}");
    }
}

#[tokio::test]
async fn a_user_is_made_once_changed_and_closed_and_stays_in_the_list() {
    let stand_in = StandIn::start(Settings::default());
    let new = json!({"newUsers": [
        {"userName": "Wanda Wells", "email": "wanda@example.com", "jobTitle": "Clerk"}, {"userName": "Nobody"},
    ]});
    let (status, made) = json(change(&stand_in, Method::POST, "/users", &new)).await;
    assert_eq!(status, 201);
    let made = &made["newUsers"];
    assert_eq!(made[0]["userStatus"], "ActivationSent");
    assert_eq!(made[1]["errorDetails"]["errorCode"], "INVALID_REQUEST_PARAMETER");
    let (status, again) = json(change(&stand_in, Method::POST, "/users", &new)).await;
    let code = again["newUsers"][0]["errorDetails"]["errorCode"].as_str();
    assert_eq!((status, code), (201, Some("USER_ALREADY_EXISTS_IN_ACCOUNT")));

    let path = format!("/users/{}", made[0]["userId"].as_str().unwrap());
    let body = json!({"lastName": "Wright", "permissionProfileId": 21_845_103, "groupList": [{"groupId": "10412003"}]});
    let (status, changed) = json(change(&stand_in, Method::PUT, &path, &body)).await;
    assert_eq!((status, changed["userName"].as_str()), (200, Some("Wanda Wright")));
    let (_, user) = json(stand_in.get(&path)).await;
    assert_eq!(user["permissionProfileName"], "DocuSign Viewer");
    assert_eq!(texts(user["groupList"].as_array().unwrap(), "groupName"), ["Everyone", "Sales"]);
    let (_, wrong) = json(change(&stand_in, Method::PUT, &path, &json!({"permissionProfileId": "1"}))).await;
    assert_eq!(wrong["errorCode"], "INVALID_PERMISSION_PROFILE");

    let both = json!({"users": [{"userId": made[0]["userId"]}, {"userId": uuid::Uuid::nil()}]});
    let (status, closed) = json(change(&stand_in, Method::DELETE, "/users", &both)).await;
    assert_eq!((status, closed["users"][0]["userStatus"].as_str()), (200, Some("closed")));
    assert_eq!(closed["users"][1]["errorDetails"]["errorCode"], "INVALID_USERID");
    let (listed, _) = walked(&stand_in, "/users?status=Closed", "users").await;
    assert!(texts(&listed, "userId").contains(&made[0]["userId"].as_str().unwrap().to_owned()));
    let (status, told) = json(stand_in.get("/users/x")).await;
    assert_eq!((status, told["errorCode"].as_str()), (400, Some("INVALID_USERID")));
}

#[tokio::test]
async fn groups_have_numbers_and_write_their_users_in_small_letters() {
    let stand_in = StandIn::start(Settings::default());
    let (groups, pages) = walked(&stand_in, "/groups?count=3", "groups").await;
    assert_eq!((groups.len(), pages), (4, 2));
    assert!(texts(&groups, "groupId").iter().all(|id| id.parse::<u64>().is_ok()));
    assert_eq!(groups[0]["isManagedByScim"], false);
    let path = format!("/groups/{}/users", groups[2]["groupId"].as_str().unwrap());
    let (users, _) = walked(&stand_in, &format!("{path}?count=1"), "users").await;
    assert_eq!(groups[2]["usersCount"], users.len().to_string());
    assert_eq!(
        (users[0]["userStatus"].as_str(), users[0]["userType"].as_str()),
        (Some("active"), Some("companyuser"))
    );
    let (status, told) = json(stand_in.get("/groups/1/users")).await;
    assert_eq!((status, told["errorCode"].as_str()), (400, Some("INVALID_GROUP_ID")));
}

#[tokio::test]
async fn signing_groups_come_all_at_once_and_an_empty_list_is_an_object() {
    let stand_in = StandIn::start(Settings::default());
    let growth = Growth { signing_groups: 150, first: true, ..Growth::default() };
    assert!(stand_in.docusign.grow(setting().account.id, growth));
    let (_, told) = json(stand_in.get("/signing_groups?include_users=true")).await;
    let groups = told["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 153);
    let nobody = groups.iter().find(|group| group["groupName"] == "Nobody yet").unwrap();
    assert!(nobody.get("users").is_none());
    let path = format!("/signing_groups/{}/users", nobody["signingGroupId"].as_str().unwrap());
    assert_eq!(json(stand_in.get(&path)).await.1, json!({}));
    let (_, bare) = json(stand_in.get("/signing_groups")).await;
    assert!(bare["groups"][0].get("users").is_none() && bare["groups"][0]["created"].is_string());
}

#[tokio::test]
async fn contacts_are_listed_and_found_one_by_one() {
    let stand_in = StandIn::start(Settings::default());
    let (contacts, pages) = walked(&stand_in, "/contacts?count=3", "contacts").await;
    assert_eq!((contacts.len(), pages), (7, 3));
    assert_eq!(contacts[0]["isOwner"], true, "a true boolean");
    let path = format!("/contacts/{}", contacts[4]["contactId"].as_str().unwrap());
    let (_, one) = json(stand_in.get(&path)).await;
    assert_eq!((one["contacts"].as_array().unwrap().len(), &one["contacts"][0]), (1, &contacts[4]));
    assert_eq!(json(stand_in.get("/contacts?cloud_provider=rooms")).await.1["totalSetSize"], "0");
    assert_eq!(json(stand_in.get("/contacts/none")).await.0, 400);
}

#[tokio::test]
async fn folders_lie_in_one_another_and_have_pages_of_those_outside() {
    let (stand_in, envelope) = with(Kind::Sequential);
    let growth = Growth { folders: 30, ..Growth::default() };
    assert!(stand_in.docusign.grow(setting().account.id, growth));
    let (folders, pages) =
        walked(&stand_in, "/folders?include=envelope_folders,template_folders", "folders").await;
    assert_eq!((folders.len(), pages), (4 + 3 + 30, 2));
    assert_eq!(texts(&folders[..4], "type"), ["draft", "inbox", "recyclebin", "sentitems"]);
    let contracts = folders.iter().find(|folder| folder["name"] == "Contracts").unwrap();
    let inner = &contracts["folders"][0]["folders"][0];
    assert_eq!(
        (contracts["hasSubFolders"].as_str(), inner["name"].as_str()),
        (Some("true"), Some("2nd floor"))
    );
    assert_eq!(inner["parentFolderId"], contracts["folders"][0]["folderId"]);
    assert!(texts(&folders, "name").contains(&"Templates".to_owned()));
    let (bare, _) = walked(&stand_in, "/folders?count=100", "folders").await;
    assert!(!texts(&bare, "name").contains(&"Templates".to_owned()), "those of envelopes alone");
    let (_, sent) = json(stand_in.get("/folders/sentitems?include_items=true")).await;
    let item = &sent["folders"][0]["folderItems"][0];
    assert_eq!(
        (item["envelopeId"].as_str(), sent["folders"][0]["itemCount"].as_str()),
        (Some(&*envelope.id.to_string()), Some("1"))
    );
}

#[tokio::test]
async fn an_envelope_is_moved_to_a_folder_and_from_there_to_the_bin_which_deletes_it() {
    let (stand_in, envelope) = with(Kind::Sequential);
    let (folders, _) = walked(&stand_in, "/folders", "folders").await;
    let contracts = folders.iter().find(|folder| folder["name"] == "Contracts").unwrap()["folderId"]
        .as_str()
        .unwrap()
        .to_owned();
    let put = |to: &str, body: Value| json(change(&stand_in, Method::PUT, &format!("/folders/{to}"), &body));
    let (status, moved) =
        put(&contracts, json!({"envelopeIds": [envelope.id, "x"], "fromFolderId": "sentitems"})).await;
    assert_eq!((status, moved["folders"][0]["itemCount"].as_str()), (200, Some("1")));
    assert_eq!(moved["envelopes"][1]["errorDetails"]["errorCode"], "ENVELOPE_DOES_NOT_EXIST");
    let path = format!("/envelopes/{}", envelope.id);
    let (_, told) = json(stand_in.get(&format!("{path}?include=folders"))).await;
    assert_eq!(told["folders"][0]["folderId"], contracts);
    let list = |folder: &str| format!("/envelopes?from_date=2026-01-01T00:00:00Z&folder_ids={folder}");
    assert_eq!(json(stand_in.get(&list(&contracts))).await.1["totalSetSize"], "1");
    assert_eq!(json(stand_in.get(&list("sentitems"))).await.1["totalSetSize"], "0");

    let (_, gone) =
        put("recyclebin", json!({"envelopeIds": [envelope.id], "fromFolderId": "sentitems"})).await;
    assert_eq!(gone["envelopes"][0]["errorDetails"]["errorCode"], "ENVELOPE_NOT_IN_FOLDER");
    let (_, gone) = put("recyclebin", json!({"envelopeIds": [envelope.id], "fromFolderId": contracts})).await;
    assert_eq!(gone["envelopes"][0]["status"], "deleted");
    let (_, told) = json(stand_in.get(&format!("{path}?include=folders"))).await;
    assert_eq!(
        (told["status"].as_str(), told["folders"][0]["type"].as_str()),
        (Some("deleted"), Some("recyclebin"))
    );
    let (status, wrong) = put("nowhere", json!({"envelopeIds": [envelope.id]})).await;
    assert_eq!(
        (status, wrong["folders"][0]["errorDetails"]["errorCode"].as_str()),
        (200, Some("INVALID_FOLDER_ID"))
    );
}

#[tokio::test]
async fn profiles_have_numbers_and_count_their_users_where_asked() {
    let stand_in = StandIn::start(Settings::default());
    let (_, told) = json(stand_in.get("/permission_profiles?include=user_count")).await;
    let profiles = told["permissionProfiles"].as_array().unwrap();
    let counts: u64 =
        profiles.iter().map(|one| one["userCount"].as_str().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!((profiles.len(), counts), (3, 9), "all but the closed one");
    let path = format!("/permission_profiles/{}", profiles[1]["permissionProfileId"].as_str().unwrap());
    let (_, one) = json(stand_in.get(&path)).await;
    assert_eq!(one["permissionProfileName"], "DocuSign Sender");
    assert!(one.get("userCount").is_none());
    let (status, none) = json(stand_in.get("/permission_profiles/1")).await;
    assert_eq!((status, none["errorCode"].as_str()), (400, Some("INVALID_PERMISSION_PROFILE")));
}

#[tokio::test]
async fn what_is_paid_for_is_told_to_administrators_alone() {
    let accounts = vec![setting().account.id];
    let user = |name: &str| {
        let user_id = uuid::Uuid::from_u128(name.len() as u128);
        let person = Person { user_id, name: name.to_owned(), email: format!("{}@example.com", name.len()) };
        User { person, accounts: accounts.clone(), default: accounts[0] }
    };
    let (clerk, chief) = (user("Clerk"), user("Chief X"));
    let stand_in =
        StandIn::start(Settings { users: vec![clerk.clone(), chief.clone()], ..Settings::default() });
    let path = format!("/users/{}", clerk.person.user_id);
    let demoted =
        json(change(&stand_in, Method::PUT, &path, &json!({"permissionProfileName": "DocuSign Sender"})))
            .await;
    assert_eq!(demoted.0, 200);
    let (clerk, chief) = (stand_in.token_of(&clerk).await, stand_in.token_of(&chief).await);
    let get = |path: &str, token: &str| json(stand_in.http.get(stand_in.rest(path)).bearer_auth(token));
    for path in ["/billing_plan", "/billing_charges", "/billing_invoices"] {
        let (status, told) = get(path, &clerk).await;
        assert_eq!((status, told["errorCode"].as_str()), (401, Some("USER_LACKS_PERMISSIONS")), "{path}");
        assert_eq!(get(path, &chief).await.0, 200, "{path}");
    }
    assert_eq!(get("", &clerk).await.0, 200, "the account is told to everybody");
    let post =
        stand_in.http.post(stand_in.rest("/users")).bearer_auth(&clerk).json(&json!({"newUsers": [{}]}));
    assert_eq!(json(post).await.1["errorCode"], "USER_LACKS_PERMISSIONS");
}

#[tokio::test]
async fn the_plan_its_seats_and_its_invoices_agree() {
    let stand_in = StandIn::start(Settings::default());
    let (_, account) = json(stand_in.get("")).await;
    let (_, plan) = json(stand_in.get("/billing_plan")).await;
    assert_eq!(account["currentPlanId"], plan["billingPlan"]["planId"]);
    assert_eq!(
        (account["billingPeriodEnvelopesAllowed"].as_str(), plan["billingPlan"]["perSeatPrice"].as_str()),
        (Some("unlimited"), Some("456.0000"))
    );
    let (_, charges) = json(stand_in.get("/billing_charges?include_charges=seats")).await;
    let seats = &charges["billingChargeItems"];
    assert_eq!((seats.as_array().unwrap().len(), &seats[0]["usedQuantity"]), (1, &account["seatsInUse"]));
    let (_, year) = json(stand_in.get("/billing_invoices")).await;
    let year = texts(year["billingInvoices"].as_array().unwrap(), "invoiceId");
    assert_eq!(year.len(), 12, "the last 365 days, a period is 30");
    let (_, some) =
        json(stand_in.get("/billing_invoices?from_date=2026-06-01T00:00:00Z&to_date=2026-07-30T00:00:00Z"))
            .await;
    let some = texts(some["billingInvoices"].as_array().unwrap(), "invoiceId");
    assert!(!some.is_empty() && some.len() <= 2 && some.iter().all(|id| year.contains(id)), "{some:?}");
}

#[tokio::test]
async fn the_same_account_has_the_same_things_wherever_it_is_opened() {
    let told = async |stand_in: &StandIn| {
        let mut told = Vec::new();
        for path in ["/users", "/groups", "/contacts", "/folders", "/templates", "/signing_groups", ""] {
            told.push(json(stand_in.get(path)).await.1);
        }
        told
    };
    let (one, other) = (StandIn::start(Settings::default()), StandIn::start(Settings::default()));
    assert_eq!(told(&one).await, told(&other).await);
}

#[tokio::test]
async fn an_account_grows_over_http_while_its_lists_are_read_and_within_bounds() {
    let stand_in = StandIn::start(Settings::default());
    let (_, first) = json(stand_in.get("/users?count=5")).await;
    let grow = |body: Value| stand_in.http.post(stand_in.url("/simulator/growth")).json(&body).send();
    let account = setting().account.id;
    let answer = grow(json!({"account": account, "users": 2, "first": true})).await.unwrap();
    assert_eq!(answer.status(), 204);
    let (_, second) = json(stand_in.get("/users?count=5&start_position=5")).await;
    assert_eq!(second["users"][0], first["users"][3], "positions moved by two");
    let (status, told) = json(
        stand_in
            .http
            .post(stand_in.url("/simulator/growth"))
            .json(&json!({"account": account, "users": 60_000})),
    )
    .await;
    assert_eq!((status, told["errorCode"].as_str()), (400, Some("INVALID_REQUEST_PARAMETER")));
}

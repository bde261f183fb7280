//! `contacts`.

use countersign::simulator::estate::Growth;
use serde_json::{Value, json};

use super::world::World;

#[actix_web::test]
async fn contacts_are_listed_and_got_one_by_one() {
    let world = World::new();
    let all = world.json("e-signature/contacts").await;
    let want: Vec<Value> = world.look(|estate| {
        let phone = |(number, kind): &(String, &str)| json!({"number": number, "type": kind});
        let told = estate.contacts.iter().map(|contact| {
            let (first, last) = contact.person.name.rsplit_once(' ').unwrap();
            let account = if contact.organization.is_empty() {
                json!(null)
            } else {
                json!({"name": contact.organization})
            };
            json!({
                "id": contact.id, "first_name": first, "last_name": last, "name": contact.person.name,
                "account": account, "email_addresses": [{"email": contact.person.email}],
                "phone_numbers": contact.phones.iter().map(phone).collect::<Vec<_>>(),
            })
        });
        told.collect()
    });
    let plain = world.json("e-signature/contacts?truto_ignore_remote_data=true").await;
    assert_eq!(plain["result"], json!(want));
    for listed in all["result"].as_array().unwrap() {
        assert_eq!(listed["remote_data"]["contactId"], listed["id"]);
        let got = world.json(&format!("e-signature/contacts/{}", listed["id"].as_str().unwrap())).await;
        assert_eq!(got, *listed);
        world.check("UnifiedContact", got).await;
    }
    let elsewhere = world.json("e-signature/contacts?remote_query[cloud_provider]=rooms").await;
    assert_eq!(elsewhere["result"], json!([]));
}

#[actix_web::test]
async fn a_contact_that_there_is_not_is_told_as_such() {
    let world = World::new();
    let none = world.get("e-signature/contacts/00000000-0000-4000-8000-000000000000").await;
    assert_eq!((none.status, &none.json()["raw_response"]["errorCode"]), (404, &json!("CONTACT_NOT_FOUND")));
    assert_eq!(world.get("e-signature/contacts/..%2Fusers").await.status, 404);
}

#[actix_web::test]
async fn each_contact_comes_once_whatever_comes_meanwhile() {
    let world = World::new();
    world.grow(Growth { contacts: 130, ..Growth::default() });
    world.walk_against("e-signature/contacts", 20, "id", Growth { contacts: 6, ..Growth::default() }).await;
}

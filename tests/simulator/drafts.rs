//! Envelopes made over REST: from documents, from templates filled in by label, and composed.

use countersign::simulator::docusign::Settings;
use countersign::simulator::estate::Growth;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::lives::setting;
use super::oauth::StandIn;
use super::rest::{change, json};

pub(crate) async fn call(stand_in: &StandIn, method: Method, path: &str, body: Value) -> (u16, Value) {
    json(change(stand_in, method, path, &body)).await
}

pub(crate) async fn post(stand_in: &StandIn, body: Value) -> (u16, Value) {
    call(stand_in, Method::POST, "/envelopes", body).await
}

/// The path of an envelope that could be made.
pub(crate) async fn made(stand_in: &StandIn, body: Value) -> String {
    let (status, told) = post(stand_in, body).await;
    assert_eq!(status, 201, "{told}");
    told["uri"].as_str().unwrap().to_owned()
}

pub(crate) async fn get(stand_in: &StandIn, path: &str) -> Value {
    let (status, told) = json(stand_in.get(path)).await;
    assert_eq!(status, 200, "{path}: {told}");
    told
}

pub(crate) fn code(told: &Value) -> &str {
    told["errorCode"].as_str().unwrap_or_default()
}

async fn lease(stand_in: &StandIn) -> String {
    let found = get(stand_in, "/templates?search_text=flat").await;
    assert_eq!(found["totalSetSize"], "1", "by its description");
    found["envelopeTemplates"][0]["templateId"].as_str().unwrap().to_owned()
}

fn labelled<'a>(tabs: &'a Value, list: &str, name: &str, label: &str) -> &'a Value {
    tabs[list].as_array().unwrap().iter().find(|tab| tab[name] == label).expect("a tab of this label")
}

#[tokio::test]
async fn a_templates_tabs_are_filled_in_by_label_and_labels_it_does_not_have_are_passed_over() {
    let stand_in = StandIn::start(Settings::default());
    let id = lease(&stand_in).await;
    let path = made(&stand_in, json!({
        "templateId": id, "status": "sent",
        "templateRoles": [
            {"roleName": "tenant", "name": "T One", "email": "t@example.com", "tabs": {
                "textTabs": [{"tabLabel": "Rent", "value": "900"}, {"tabLabel": "No such label", "value": "x"}],
                "listTabs": [{"tabLabel": "Term", "value": "24"}],
                "checkboxTabs": [{"tabLabel": "Pets", "selected": true}],
                "radioGroupTabs": [{"groupName": "Heating", "radios": [{"value": "wood", "selected": "true"}]}],
                "fullNameTabs": [{"tabLabel": "Name", "value": "Somebody else"}],
            }},
            {"roleName": "Landlord", "name": "L Two", "email": "l@example.com"},
        ],
    })).await;
    let tabs = get(&stand_in, &format!("{path}/recipients/1/tabs")).await;
    assert_eq!(labelled(&tabs, "textTabs", "tabLabel", "Rent")["value"], "900");
    assert_eq!(labelled(&tabs, "textTabs", "tabLabel", "Address")["value"], "");
    assert_eq!(tabs["textTabs"].as_array().unwrap().len(), 2, "none was added");
    let term = labelled(&tabs, "listTabs", "tabLabel", "Term");
    assert_eq!(
        (term["value"].as_str(), term["listItems"][1]["selected"].as_str()),
        (Some("24"), Some("true"))
    );
    assert_eq!(term["listItems"][0]["selected"], "false");
    assert_eq!(labelled(&tabs, "checkboxTabs", "tabLabel", "Pets")["selected"], "true");
    let heating = labelled(&tabs, "radioGroupTabs", "groupName", "Heating");
    assert_eq!((heating["radios"][1]["selected"].as_str(), heating.get("tabId")), (Some("true"), None));
    assert_eq!(labelled(&tabs, "fullNameTabs", "tabLabel", "Name")["value"], "T One", "DocuSign writes it");

    let told = get(&stand_in, &format!("{path}?include=recipients,documents")).await;
    assert_eq!(
        (told["emailSubject"].as_str(), told["status"].as_str()),
        (Some("Lease to sign"), Some("sent"))
    );
    let signers = &told["recipients"]["signers"];
    assert_eq!(
        (signers[0]["status"].as_str(), signers[1]["status"].as_str()),
        (Some("sent"), Some("created"))
    );
    assert!(
        told["recipients"]["carbonCopies"].as_array().unwrap().is_empty(),
        "nobody was told for that role"
    );
    assert_eq!(told["envelopeDocuments"][0]["name"], "Lease.pdf");
    let data = get(&stand_in, &format!("{path}/form_data")).await;
    let told =
        |name: &str| labelled(&data["recipientFormData"][0], "formData", "name", name)["value"].clone();
    assert_eq!((told("Rent"), told("Pets"), told("Heating")), (json!("900"), json!("X"), json!("wood")));
    assert!(
        data["recipientFormData"][0]["SentTime"].is_string()
            && data["recipientFormData"][0]["SignedTime"] == ""
    );
    let again = get(&stand_in, &format!("/templates/{id}/recipients/1/tabs")).await;
    assert_eq!(labelled(&again, "textTabs", "tabLabel", "Rent")["value"], "", "the template stays as it is");
}

#[tokio::test]
async fn templates_are_listed_in_order_page_by_page_and_tell_what_they_hold() {
    let stand_in = StandIn::start(Settings::default());
    let growth = Growth { templates: 5, ..Growth::default() };
    assert!(stand_in.docusign.grow(setting().account.id, growth));
    let first = get(&stand_in, "/templates?count=4&order_by=name").await;
    let last = get(&stand_in, "/templates?count=4&order_by=name&start_position=4").await;
    assert_eq!((first["totalSetSize"].as_str(), last["nextUri"].as_str()), (Some("7"), Some("")));
    let rows = [&first, &last].map(|page| page["envelopeTemplates"].as_array().unwrap().clone()).concat();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    assert!(names.is_sorted() && names.len() == 7, "{names:?}");
    assert!(rows[0].get("recipients").is_none() && rows[0].get("lastUsed").is_none());
    let id = lease(&stand_in).await;
    let bare = get(&stand_in, &format!("/templates/{id}?include=documents")).await;
    assert!(bare["documents"].is_array() && bare.get("recipients").is_none());
    let whole = get(&stand_in, &format!("/templates/{id}")).await;
    assert_eq!(whole["recipients"]["signers"][1]["roleName"], "Landlord");
    assert!(whole["recipients"]["signers"][0]["tabs"]["signHereTabs"].is_array());
    let folder = whole["folderId"].as_str().unwrap();
    let inside = get(&stand_in, &format!("/templates?folder_ids={folder}&search_text=offer")).await;
    assert_eq!(inside["envelopeTemplates"][0]["folderName"], "Templates");
    let tabs = get(&stand_in, &format!("/templates/{id}/documents/1/tabs")).await;
    assert_eq!(tabs["signHereTabs"].as_array().unwrap().len(), 2, "of both roles");
    let (status, none) = json(stand_in.get("/templates/none")).await;
    assert_eq!((status, code(&none)), (400, "TEMPLATE_ID_INVALID"));
}

#[tokio::test]
async fn composite_templates_bring_server_and_inline_ones_together() {
    let stand_in = StandIn::start(Settings::default());
    let id = lease(&stand_in).await;
    let path = made(&stand_in, json!({
        "status": "created", "emailSubject": "Both",
        "compositeTemplates": [
            {
                "serverTemplates": [{"sequence": "1", "templateId": id}],
                "inlineTemplates": [{"sequence": "2", "recipients": {
                    "signers": [
                        {"recipientId": "1", "roleName": "Tenant", "name": "T", "email": "t@example.com",
                         "tabs": {"textTabs": [{"tabLabel": "Rent", "value": "1"}]}},
                    ],
                    "carbonCopies": [{"recipientId": "9", "name": "C", "email": "c@example.com"}],
                }, "customFields": {"textCustomFields": [{"name": "crm", "value": "7"}]}}],
            },
            {"document": {"documentId": "2", "name": "own.pdf"}, "inlineTemplates": [{"sequence": 1, "recipients": {
                "signers": [{"recipientId": "5", "name": "S", "email": "s@example.com", "tabs": {
                    "signHereTabs": [{"documentId": 2, "pageNumber": 1, "xPosition": 10, "yPosition": "20"}],
                }}],
            }}]},
        ],
    })).await;
    let told = get(&stand_in, &format!("{path}?include=recipients,documents,tabs,custom_fields")).await;
    let names: Vec<_> =
        told["envelopeDocuments"].as_array().unwrap().iter().map(|d| d["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Lease.pdf", "own.pdf", "Summary"]);
    let signers = told["recipients"]["signers"].as_array().unwrap();
    assert_eq!(labelled(&signers[0]["tabs"], "textTabs", "tabLabel", "Rent")["value"], "1");
    let own = &signers[1]["tabs"]["signHereTabs"][0];
    assert_eq!((own["documentId"].as_str(), own["xPosition"].as_str()), (Some("2"), Some("10")));
    assert_eq!(told["recipients"]["carbonCopies"][0]["recipientId"], "9");
    assert_eq!(told["customFields"]["textCustomFields"][0]["value"], "7");
}

#[tokio::test]
async fn recipients_of_all_kinds_have_their_turns_and_waiting_ones_hold_up_the_rest() {
    let stand_in = StandIn::start(Settings::default());
    let path = made(&stand_in, json!({
        "status": "sent", "emailSubject": "Turns", "documents": [{"name": "a.pdf"}],
        "recipients": {
            "carbonCopies": [{"name": "C", "email": "c@example.com"}],
            "certifiedDeliveries": [{"name": "D", "email": "d@example.com", "routingOrder": "2"}],
            "inPersonSigners": [{"hostName": "H", "hostEmail": "h@example.com", "signerName": "P", "routingOrder": "3"}],
            "signers": [{"signingGroupId": "30501", "routingOrder": "3"}],
        },
        "notification": {
            "expirations": {"expireEnabled": "true", "expireAfter": "30", "expireWarn": "3"},
            "reminders": {"reminderEnabled": "true", "reminderDelay": "2", "reminderFrequency": "5"},
        },
        "customFields": {"listCustomFields": [{"name": "kind", "value": "b", "listItems": ["a", "b"]}]},
        "eventNotification": {"url": "https://host.example/hook"},
    })).await;
    let told = get(&stand_in, &format!("{path}?include=recipients,custom_fields")).await;
    let lists = &told["recipients"];
    let status = |list: &str| lists[list][0]["status"].as_str().unwrap().to_owned();
    assert_eq!(
        (status("carbonCopies"), status("certifiedDeliveries"), status("signers")),
        ("completed".into(), "sent".into(), "created".into())
    );
    assert_eq!(
        (lists["currentRoutingOrder"].as_str(), lists["recipientCount"].as_str()),
        (Some("2"), Some("4"))
    );
    let person = &lists["inPersonSigners"][0];
    assert_eq!(
        (person["hostName"].as_str(), person["signerName"].as_str(), person.get("name")),
        (Some("H"), Some("P"), None)
    );
    assert_eq!(lists["signers"][0]["signingGroupName"], "Board");
    assert_eq!(told["customFields"]["listCustomFields"][0]["listItems"], json!(["a", "b"]));
    let created: jiff::Timestamp = told["createdDateTime"].as_str().unwrap().parse().unwrap();
    let expires: jiff::Timestamp = told["expireDateTime"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires.duration_since(created), SignedDuration::from_hours(30 * 24));
    let notification = get(&stand_in, &format!("{path}/notification")).await;
    assert_eq!(notification["reminders"]["reminderFrequency"], "5");
    assert_eq!(notification["expirations"]["expireWarn"], "3");
    for (recipient, wanted) in [
        (json!({"signingGroupId": "1"}), "INVALID_SIGNING_GROUP_ID"),
        (json!({"name": "x", "email": "nobody"}), "INVALID_EMAIL_ADDRESS_FOR_RECIPIENT"),
        (
            json!({"name": "x", "email": "x@example.com", "tabs": {"textTabs": [{"documentId": "8"}]}}),
            "TAB_REFERS_TO_MISSING_DOCUMENT",
        ),
    ] {
        let (status, told) = post(&stand_in, json!({"recipients": {"signers": [recipient]}})).await;
        assert_eq!((status, code(&told)), (400, wanted));
    }
}

#[tokio::test]
async fn a_transaction_is_known_for_a_week_and_found_by_its_id() {
    let stand_in = StandIn::start(Settings::default());
    let body = || json!({"transactionId": "t 1", "emailSubject": "Once"});
    let path = made(&stand_in, body()).await;
    assert_eq!(made(&stand_in, body()).await, path);
    let found = get(&stand_in, "/envelopes?transaction_ids=t%201,t2").await;
    assert_eq!(
        (found["totalSetSize"].as_str(), found["envelopes"][0]["envelopeUri"].as_str()),
        (Some("1"), Some(&*path))
    );
    assert_eq!(found["envelopeTransactionStatuses"][0]["transactionId"], "t 1");
    stand_in.clock.advance(SignedDuration::from_hours(7 * 24));
    assert_ne!(made(&stand_in, body()).await, path, "forgotten after seven days");
}

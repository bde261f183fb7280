//! Envelopes changed over REST: their recipients, tabs and documents, each with its own error; what is refused; and
//! signing at a page.

use countersign::base::Dice;
use countersign::simulator::docusign::Settings;
use countersign::simulator::life::{Envelope, Kind};
use jiff::SignedDuration;
use reqwest::Method;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::drafts::{call, code, get, made, post};
use super::lives::setting;
use super::oauth::StandIn;
use super::rest::{change, json, with};

fn signer(id: &str, order: &str, client: Option<&str>) -> Value {
    json!({"recipientId": id, "name": format!("S {id}"), "email": format!("s{id}@example.com"), "routingOrder": order, "clientUserId": client})
}

fn two(status: &str) -> Value {
    json!({
        "status": status, "emailSubject": "Two", "documents": [{"documentId": "1", "name": "a.pdf"}],
        "recipients": {"signers": [signer("1", "1", Some("c1")), signer("2", "2", None)]},
    })
}

#[tokio::test]
async fn recipients_are_added_changed_and_removed_each_with_its_own_error() {
    let stand_in = StandIn::start(Settings::default());
    let path = made(&stand_in, two("sent")).await;
    let path = format!("{path}/recipients");
    let (status, added) =
        call(&stand_in, Method::POST, &path, json!({"signers": [signer("3", "1", None)]})).await;
    assert_eq!(
        (status, added["signers"][2]["status"].as_str()),
        (201, Some("sent")),
        "it is this one's turn"
    );
    let (status, twice) =
        call(&stand_in, Method::POST, &path, json!({"signers": [signer("3", "1", None)]})).await;
    assert_eq!((status, code(&twice)), (400, "INVALID_RECIPIENT_ID"));
    let (_, put) = call(
        &stand_in,
        Method::PUT,
        &path,
        json!({"signers": [
            {"recipientId": "2", "email": "other@example.com"}, {"recipientId": "1", "email": "none"},
        ]}),
    )
    .await;
    let results = put["recipientUpdateResults"].as_array().unwrap();
    assert_eq!(results[0]["errorDetails"]["errorCode"], "SUCCESS", "told of what went well too");
    assert_eq!(results[1]["errorDetails"]["errorCode"], "INVALID_EMAIL_ADDRESS_FOR_RECIPIENT");
    let (status, gone) = call(
        &stand_in,
        Method::DELETE,
        &path,
        json!({"signers": [{"recipientId": "1"}, {"recipientId": "8"}]}),
    )
    .await;
    assert_eq!((status, gone["signers"][0].get("errorDetails")), (200, None));
    assert_eq!(gone["signers"][1]["errorDetails"]["errorCode"], "INVALID_RECIPIENT_ID");
    assert_eq!(json(change(&stand_in, Method::DELETE, &format!("{path}/3"), &json!({}))).await.0, 200);
    let left = get(&stand_in, &path).await;
    assert_eq!(
        (left["recipientCount"].as_str(), left["signers"][0]["email"].as_str()),
        (Some("1"), Some("other@example.com"))
    );
    assert_eq!(left["signers"][0]["status"], "sent", "nobody is before this one any more");
    let (_, last) = call(&stand_in, Method::DELETE, &path, json!({"signers": [{"recipientId": "2"}]})).await;
    assert_eq!(last["signers"][0]["errorDetails"]["errorCode"], "RECIPIENT_UPDATE_FAILED");
    let (done, envelope) = with(Kind::Sequential);
    let path = format!("/envelopes/{}/recipients", envelope.id);
    let (status, told) = call(&done, Method::PUT, &path, json!({"signers": []})).await;
    assert_eq!((status, code(&told)), (400, "ENVELOPE_INVALID_STATUS"));
}

#[tokio::test]
async fn tabs_are_added_changed_and_removed_each_with_its_own_error() {
    let stand_in = StandIn::start(Settings::default());
    let path = made(&stand_in, two("created")).await;
    let of_one = format!("{path}/recipients/1/tabs");
    assert_eq!(get(&stand_in, &of_one).await, json!({}), "no tabs, no lists");
    let (status, added) = call(&stand_in, Method::POST, &of_one, json!({
        "signHereTabs": [{"documentId": 1, "pageNumber": 1, "xPosition": 100, "yPosition": 200, "optional": false}],
        "textTabs": [{"tabLabel": "Rent", "documentId": "1", "locked": true}, {"documentId": "9"}],
    })).await;
    assert_eq!(status, 201);
    let sign = &added["signHereTabs"][0];
    assert_eq!(
        (sign["recipientId"].as_str(), sign["xPosition"].as_str(), sign["optional"].as_str()),
        (Some("1"), Some("100"), Some("false"))
    );
    assert_eq!(added["textTabs"][1]["errorDetails"]["errorCode"], "TAB_REFERS_TO_MISSING_DOCUMENT");
    let id = added["textTabs"][0]["tabId"].clone();
    let (_, put) = call(
        &stand_in,
        Method::PUT,
        &of_one,
        json!({"textTabs": [{"tabId": id, "value": "5"}, {"tabId": "x"}]}),
    )
    .await;
    assert_eq!(
        (put["textTabs"][0]["value"].as_str(), put["textTabs"][0]["locked"].as_str()),
        (Some("5"), Some("true"))
    );
    assert_eq!(put["textTabs"][1]["errorDetails"]["errorCode"], "INVALID_TABID");
    let of_document = get(&stand_in, &format!("{path}/documents/1/tabs")).await;
    assert_eq!(of_document["textTabs"].as_array().unwrap().len(), 1);
    assert_eq!(get(&stand_in, &format!("{path}/documents/1/tabs?page_numbers=2")).await, json!({}));
    let (status, _) = call(&stand_in, Method::DELETE, &of_one, json!({"textTabs": [{"tabId": id}]})).await;
    assert_eq!((status, get(&stand_in, &of_one).await.get("textTabs")), (200, None));
    let (status, none) = json(stand_in.get(&format!("{path}/recipients/7/tabs"))).await;
    assert_eq!((status, code(&none)), (400, "INVALID_RECIPIENT_ID"));
}

#[tokio::test]
async fn a_drafts_documents_are_put_downloaded_as_they_were_and_taken_out() {
    let stand_in = StandIn::start(Settings::default());
    let path = made(&stand_in, json!({"emailSubject": "Papers"})).await;
    let bytes = b"%PDF-1.4 \x00\xff bytes".to_vec();
    let put = |id: &str, name: &'static str| {
        let request = stand_in.http.put(stand_in.rest(&format!("{path}/documents/{id}"))).body(bytes.clone());
        let request = request.bearer_auth(stand_in.docusign.issue_token().expose_secret());
        json(request.header(CONTENT_TYPE, "application/pdf").header(CONTENT_DISPOSITION, name))
    };
    let (status, told) = put("4", "file; filename=\"n_.pdf\"; filename*=UTF-8''n%C3%BC.pdf").await;
    assert_eq!(
        (status, told["documentId"].as_str(), told["name"].as_str()),
        (200, Some("4"), Some("nü.pdf"))
    );
    assert_eq!(put("5", "file; documentid=5").await.0, 400, "a name is required");
    let answer = stand_in.get(&format!("{path}/documents/4")).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), bytes);
    let all = json!({"documents": [{"documentId": "4"}, {"documentId": "8"}]});
    let (_, gone) = call(&stand_in, Method::DELETE, &format!("{path}/documents"), all.clone()).await;
    assert_eq!(gone["envelopeDocuments"][1]["errorDetails"]["errorCode"], "DOCUMENT_DOES_NOT_EXIST");
    let left = get(&stand_in, &format!("{path}/documents")).await;
    assert_eq!(left["envelopeDocuments"].as_array().unwrap().len(), 1, "the certificate");
    let sent = made(&stand_in, two("sent")).await;
    let (status, told) = call(&stand_in, Method::DELETE, &format!("{sent}/documents"), all).await;
    assert_eq!((status, code(&told)), (400, "ENVELOPE_INVALID_STATUS"));
}

#[tokio::test]
async fn a_view_is_given_to_whose_turn_it_is_under_exactly_their_name_and_signs_once() {
    let stand_in = StandIn::start(Settings::default());
    let path = made(&stand_in, two("sent")).await;
    let view = async |change: Value| {
        let mut body = json!({"returnUrl": "https://host.example/back?x=1", "authenticationMethod": "none", "userName": "S 1", "email": "S1@example.com", "clientUserId": "c1"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        call(&stand_in, Method::POST, &format!("{path}/views/recipient"), body).await
    };
    for (change, wanted) in [
        (json!({"returnUrl": null}), "INVALID_REQUEST_PARAMETER"),
        (json!({"authenticationMethod": ""}), "INVALID_REQUEST_PARAMETER"),
        (json!({"userName": "s 1"}), "UNKNOWN_ENVELOPE_RECIPIENT"),
        (json!({"clientUserId": "c2"}), "UNKNOWN_ENVELOPE_RECIPIENT"),
        (
            json!({"userName": "S 2", "email": "s2@example.com", "clientUserId": null}),
            "RECIPIENT_NOT_IN_SEQUENCE",
        ),
    ] {
        let (status, told) = view(change.clone()).await;
        assert_eq!((status, code(&told)), (400, wanted), "{change}");
    }
    let (status, told) = view(json!({"recipientId": "1", "userName": null, "email": null})).await;
    assert_eq!(status, 201, "{told}");
    let url = told["url"].as_str().unwrap();
    assert_eq!(stand_in.http.get(url).send().await.unwrap().status(), 200);
    let again = stand_in.http.get(url).send().await.unwrap();
    assert_eq!(again.headers()[LOCATION], "https://host.example/back?x=1&event=ttl_expired");
    let signed = stand_in.http.post(url).form(&[("event", "signing_complete")]).send().await.unwrap();
    assert_eq!(signed.headers()[LOCATION], "https://host.example/back?x=1&event=signing_complete");
    let told = get(&stand_in, &format!("{path}/recipients")).await;
    assert_eq!(
        (told["signers"][0]["status"].as_str(), told["signers"][1]["status"].as_str()),
        (Some("completed"), Some("sent"))
    );
    let late = view(json!({})).await.1["url"].as_str().unwrap().to_owned();
    stand_in.clock.advance(SignedDuration::from_mins(6));
    let late = stand_in.http.get(late).send().await.unwrap();
    assert!(late.headers()[LOCATION].to_str().unwrap().ends_with("event=ttl_expired"));
    let draft = made(&stand_in, two("created")).await;
    let body = json!({"returnUrl": "https://host.example/"});
    let (status, told) = call(&stand_in, Method::POST, &format!("{draft}/views/sender"), body.clone()).await;
    assert!(status == 201 && told["url"].is_string(), "{told}");
    let (_, told) = call(&stand_in, Method::POST, &format!("{path}/views/sender"), body).await;
    assert_eq!(code(&told), "ENVELOPE_INVALID_STATUS");
}

#[tokio::test]
async fn what_cannot_be_changed_any_more_is_refused_in_docusigns_words() {
    let (stand_in, envelope) = with(Kind::Sequential);
    let path = format!("/envelopes/{}", envelope.id);
    for (query, body, wanted) in [
        ("", json!({"status": "voided", "voidedReason": "late"}), "ENVELOPE_CANNOT_VOID_INVALID_STATE"),
        ("", json!({"status": "sent"}), "ENVELOPE_INVALID_STATUS"),
        ("", json!({"emailSubject": "New"}), "ENVELOPE_INVALID_STATUS"),
        ("?resend_envelope=true", json!({}), "EDIT_LOCK_INVALID_STATE_FOR_LOCK"),
    ] {
        let (status, told) = call(&stand_in, Method::PUT, &format!("{path}{query}"), body).await;
        assert_eq!((status, code(&told)), (400, wanted));
    }
    let draft = made(&stand_in, two("created")).await;
    let (status, _) =
        call(&stand_in, Method::PUT, &draft, json!({"emailSubject": "New", "emailBlurb": "Words"})).await;
    let told = get(&stand_in, &draft).await;
    assert_eq!(
        (status, told["emailSubject"].as_str(), told["emailBlurb"].as_str()),
        (200, Some("New"), Some("Words"))
    );
    let (_, told) = post(&stand_in, json!({"status": "sent", "documents": [{"name": "a"}], "recipients": {"signers": [signer("1", "1", None)]}})).await;
    assert_eq!(code(&told), "ENVELOPE_IS_INCOMPLETE", "a subject is required");
}

#[tokio::test]
async fn lists_are_searched_by_people_and_lie_in_the_folders_of_docusign() {
    let stand_in = StandIn::start(Settings::default());
    let mut draft =
        Envelope::draft(setting().account, "Draft".to_owned(), stand_in.clock_now(), &Dice::seeded(1));
    draft.blurb = "x".to_owned();
    stand_in.docusign.put(draft);
    let sent = made(&stand_in, two("sent")).await;
    let list = |query: &str| {
        let path = format!("/envelopes?from_date=2026-01-01T00:00:00Z&{query}");
        let stand_in = &stand_in;
        async move { get(stand_in, &path).await }
    };
    for (query, wanted) in [
        ("folder_ids=drafts", "1"),
        ("folder_ids=out_for_signature", "1"),
        ("folder_ids=completed", "0"),
        ("folder_ids=drafts,sentitems", "2"),
        ("search_text=s2%40example", "1"),
        ("status=created,completed", "1"),
        ("status=any", "2"),
        ("status=timedout", "0"),
    ] {
        assert_eq!(list(query).await["totalSetSize"], wanted, "{query}");
    }
    let found = list("search_text=two&include=recipients").await;
    assert_eq!(found["envelopes"][0]["envelopeUri"].as_str(), Some(&*sent));
    assert_eq!(found["envelopes"][0]["recipients"]["recipientCount"], "2");
}

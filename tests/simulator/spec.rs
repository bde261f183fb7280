//! Every key of every answer held against DocuSign's own description and the models of its SDKs.

use std::path::PathBuf;

use countersign::simulator::docusign::Settings;
use countersign::simulator::life::Kind;
use serde_json::{Value, json};

use super::lives::setting;
use super::oauth::StandIn;
use super::rest::{change, json, with};

/// These stand in recorded answers or in the tree of messages, and in neither description.
const RECORDED: &[&str] = &["envelope.envelopeLocation", "userInfo.ipAddress"];

struct Descriptions {
    api: Value,
    sdk: Value,
}

impl Descriptions {
    /// None where the tree stands alone, without DocuSign's files beside it.
    fn read() -> Option<Self> {
        let spec = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/spec");
        let api = std::fs::read(spec.join("esignature.rest.swagger-v2.1.json")).ok()?;
        let sdk = std::fs::read(spec.join("sdk-py-6.1.0-models.json")).unwrap();
        Some(Self { api: serde_json::from_slice(&api).unwrap(), sdk: serde_json::from_slice(&sdk).unwrap() })
    }

    /// The definition of what stands under a key; an empty name where it has none of its own, none where the key is
    /// not known.
    fn of(&self, definition: &str, key: &str) -> Option<String> {
        let property = self.api["definitions"][definition]["properties"].get(key);
        if let Some(property) = property {
            let reference = property.get("$ref").or_else(|| property.get("items")?.get("$ref"));
            let name = reference.and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
            return Some(name.unwrap_or_default().to_owned());
        }
        let model = definition.replace('_', "");
        let model = format!("{}{}", model[..1].to_uppercase(), &model[1..]);
        let kind = self.sdk[&model].get(key)?.as_str()?;
        let inner = kind.trim_start_matches("list[").trim_end_matches(']');
        let known = self.sdk.get(inner).is_some();
        Some(if known { format!("{}{}", inner[..1].to_lowercase(), &inner[1..]) } else { String::new() })
    }

    /// Keys that neither knows.
    fn unknown(&self, told: &Value, definition: &str) -> Vec<String> {
        let mut unknown = Vec::new();
        self.walk(told, definition, &mut unknown);
        unknown.retain(|key| !RECORDED.contains(&key.as_str()));
        unknown
    }

    fn walk(&self, value: &Value, definition: &str, unknown: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, definition, unknown)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    match self.of(definition, key) {
                        None => unknown.push(format!("{definition}.{key}")),
                        Some(inner) if inner.is_empty() => {}
                        Some(inner) => self.walk(value, &inner, unknown),
                    }
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn every_key_of_what_is_told_of_an_envelope_stands_in_docusigns_description() {
    let Some(descriptions) = Descriptions::read() else { return };
    let (stand_in, envelope) = with(Kind::CarbonCopies);
    let query = "include=recipients,documents,custom_fields,tabs,folders";
    let path = format!("/envelopes/{}", envelope.id);
    for (path, definition) in [
        (format!("{path}?{query}"), "envelope"),
        (format!("/envelopes?from_date=2026-01-01T00:00:00Z&{query}"), "envelopesInformation"),
        ("/envelopes?transaction_ids=none".to_owned(), "envelopesInformation"),
        (format!("{path}/recipients?include_tabs=true"), "recipients"),
        (format!("{path}/recipients/1/tabs"), "tabs"),
        (format!("{path}/documents"), "envelopeDocumentsResult"),
        (format!("{path}/documents/1/tabs"), "tabs"),
        (format!("{path}/form_data"), "envelopeFormData"),
        (format!("{path}/audit_events"), "envelopeAuditEventResponse"),
    ] {
        let (status, told) = json(stand_in.get(&path)).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(descriptions.unknown(&told, definition), Vec::<String>::new(), "{path}");
    }
}

#[tokio::test]
async fn every_key_of_what_is_told_of_an_account_stands_in_docusigns_description() {
    let Some(descriptions) = Descriptions::read() else { return };
    let (stand_in, _) = with(Kind::Sequential);
    let account = setting().account;
    let (template, owner, contact) = stand_in
        .docusign
        .look(account.id, |estate| {
            (estate.templates[0].draft.id, estate.users[0].person.user_id, estate.contacts[0].id)
        })
        .unwrap();
    for (path, definition) in [
        ("".to_owned(), "accountInformation"),
        ("?include_account_settings=true".to_owned(), "accountInformation"),
        ("/billing_plan".to_owned(), "accountBillingPlanResponse"),
        ("/billing_charges".to_owned(), "billingChargeResponse"),
        ("/billing_invoices".to_owned(), "billingInvoicesResponse"),
        ("/contacts?count=2&start_position=1".to_owned(), "contactGetResponse"),
        (format!("/contacts/{contact}"), "contactGetResponse"),
        (
            "/folders?include=envelope_folders,template_folders&include_items=true".to_owned(),
            "foldersResponse",
        ),
        ("/folders/sentitems?include_items=true".to_owned(), "folderItemsResponse"),
        ("/groups?count=2&start_position=1".to_owned(), "groupInformation"),
        ("/groups/10412001/users".to_owned(), "usersResponse"),
        ("/permission_profiles?include=user_count".to_owned(), "permissionProfileInformation"),
        ("/permission_profiles/21845102".to_owned(), "permissionProfile"),
        ("/signing_groups?include_users=true".to_owned(), "signingGroupInformation"),
        ("/signing_groups/30501/users".to_owned(), "signingGroupUsers"),
        ("/templates?include=recipients".to_owned(), "envelopeTemplateResults"),
        (
            format!("/templates/{template}?include=documents,recipients,tabs,custom_fields"),
            "envelopeTemplate",
        ),
        (format!("/templates/{template}/recipients?include_tabs=true"), "recipients"),
        (format!("/templates/{template}/recipients/1/tabs"), "tabs"),
        (format!("/templates/{template}/documents/1/tabs"), "tabs"),
        (format!("/templates/{template}/documents"), "templateDocumentsResult"),
        ("/users?additional_info=true&include_license=true".to_owned(), "userInformationList"),
        (format!("/users/{owner}"), "userInformation"),
    ] {
        let (status, told) = json(stand_in.get(&path)).await;
        assert_eq!(status, 200, "{path}: {told}");
        assert_eq!(descriptions.unknown(&told, definition), Vec::<String>::new(), "{path}");
    }
}

#[tokio::test]
async fn every_key_of_what_changes_answer_stands_in_docusigns_description() {
    use reqwest::Method as M;
    let Some(descriptions) = Descriptions::read() else { return };
    let stand_in = StandIn::start(Settings::default());
    let all_kinds = json!({
        "status": "sent", "emailSubject": "All kinds",
        "documents": [{"documentId": "1", "name": "a.pdf"}],
        "recipients": {
            "signers": [{"name": "A", "email": "a@example.com", "tabs": {"signHereTabs": [{"xPosition": 3}]}}],
            "agents": [{"name": "B", "email": "b@example.com"}], "editors": [{"name": "C", "email": "c@example.com"}],
            "intermediaries": [{"name": "D", "email": "d@example.com"}],
            "carbonCopies": [{"name": "E", "email": "e@example.com", "routingOrder": 2}],
            "certifiedDeliveries": [{"name": "F", "email": "f@example.com"}],
            "inPersonSigners": [{"hostName": "G", "hostEmail": "g@example.com", "signerName": "H"}],
            "seals": [{}], "witnesses": [{"name": "I", "email": "i@example.com"}],
            "notaries": [{"name": "J", "email": "j@example.com"}],
        },
        "customFields": {"listCustomFields": [{"name": "kind", "value": "x", "listItems": ["x", "y"]}]},
    });
    let (_, made) = json(change(&stand_in, M::POST, "/envelopes", &all_kinds)).await;
    let path = made["uri"].as_str().unwrap();
    assert_eq!(descriptions.unknown(&made, "envelopeSummary"), Vec::<String>::new());
    let (_, told) = json(stand_in.get(&format!("{path}?include=recipients,tabs,custom_fields"))).await;
    assert_eq!(descriptions.unknown(&told, "envelope"), Vec::<String>::new());
    let user = json!({"newUsers": [{"userName": "New One", "email": "new@example.com"}, {"userName": "x"}]});
    let nobody = json!({"users": [{"userId": "x"}]});
    let signer = json!({"signers": [{"recipientId": "1", "name": "A B"}, {"recipientId": "77"}]});
    let text = json!({"textTabs": [{"tabLabel": "t", "documentId": "1"}, {"documentId": "9"}]});
    let all = json!({"envelopeIds": [path.rsplit('/').next().unwrap(), "x"]});
    for (method, path, body, definition) in [
        (M::POST, "/users".to_owned(), &user, "newUsersSummary"),
        (M::PUT, "/users".to_owned(), &nobody, "userInformationList"),
        (M::DELETE, "/users".to_owned(), &nobody, "usersResponse"),
        (M::POST, format!("{path}/recipients/1/tabs"), &text, "tabs"),
        (M::PUT, format!("{path}/recipients/1/tabs"), &text, "tabs"),
        (M::PUT, format!("{path}/recipients"), &signer, "recipientsUpdateSummary"),
        (M::DELETE, format!("{path}/recipients"), &signer, "recipients"),
        (M::PUT, "/folders/recyclebin".to_owned(), &all, "foldersResponse"),
    ] {
        let (status, told) = json(change(&stand_in, method, &path, body)).await;
        assert!(status < 300, "{path}: {told}");
        assert_eq!(descriptions.unknown(&told, definition), Vec::<String>::new(), "{path}: {told}");
    }
}

//! Reports over counts as DocuSign was seen to write them.

use serde_json::{Value, json};

use super::*;

fn account() -> Account {
    let told = json!({
        "planName": "Business Pro", "currencyCode": "USD", "seatsAllowed": "25", "seatsInUse": "6",
        "billingPeriodStartDate": "2026-11-20T00:00:00.0000000Z", "billingPeriodEndDate": "2026-12-20T00:00:00.0000000Z",
        "billingPeriodEnvelopesAllowed": "unlimited", "billingPeriodEnvelopesSent": "31",
    });
    serde_json::from_value(told).unwrap()
}

fn written(report: &Utilization) -> Value {
    let written = serde_json::to_value(report).unwrap();
    let columns = written["columns"].as_array().unwrap().len();
    for row in written["rows"].as_array().unwrap() {
        assert_eq!(row.as_array().unwrap().len(), columns, "a value for each column");
    }
    written
}

#[test]
fn reports_count_in_numbers_and_tell_what_is_no_number_in_docusigns_words() {
    let charges = json!([
        {"chargeName": "envelopes", "chargeUnitOfMeasure": "envelope", "allowedQuantity": "unlimited",
            "includedQuantity": "100", "usedQuantity": 131, "incrementalQuantity": "31", "unitPrice": "0.5000"},
        {"chargeName": "seats", "allowedQuantity": ""},
    ]);
    let charges: Vec<Charge> = serde_json::from_value(charges).unwrap();
    let report = written(&actions(&account(), &charges));
    let want = json!([
        ["envelopes", "envelope", "unlimited", 100, 131, 31, "0.5000"],
        ["seats", null, null, null, null, null, null],
    ]);
    assert_eq!(report["rows"], want);
    let metadata = json!({
        "type": "actions", "plan": "Business Pro", "currency": "USD", "start_date": "2026-11-20T00:00:00Z",
        "end_date": "2026-12-20T00:00:00Z",
    });
    assert_eq!(report["metadata"], metadata);
    assert_eq!(written(&licenses(&account()))["rows"], json!([["Business Pro", 25, 6]]));
    let period = ["2026-11-20T00:00:00Z", "2026-12-20T00:00:00Z"];
    let want = json!([["Business Pro", period[0], period[1], "unlimited", 31]]);
    assert_eq!(written(&packages(&account()))["rows"], want);
}

#[test]
fn users_who_never_logged_in_have_no_time_in_the_report() {
    let told = json!([
        {"userId": "u-1", "userName": "Ada Quill", "email": "ada@example.com", "userStatus": "active",
            "lastLogin": "2026-06-24T12:15:30.1530000Z"},
        {"userId": "u-2", "userStatus": "ActivationSent", "lastLogin": "0001-01-01T08:00:00.0000000Z"},
    ]);
    let told: Vec<users::User> = serde_json::from_value(told).unwrap();
    let want = json!([
        ["u-1", "Ada Quill", "ada@example.com", "active", "2026-06-24T12:15:30.153Z"],
        ["u-2", null, null, "invited", null],
    ]);
    assert_eq!(written(&user_activity(&account(), &told))["rows"], want);
    let none: Account = serde_json::from_value(json!({})).unwrap();
    assert_eq!(written(&licenses(&none))["rows"], json!([[null, null, null]]));
}

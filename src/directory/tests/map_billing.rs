//! Plans and invoices as DocuSign was seen to write them.

use serde_json::{Value, json};

use super::*;

fn account(told: Value) -> Account {
    serde_json::from_value(told).unwrap()
}

fn plan(told: Value) -> Plan {
    serde_json::from_value(told).unwrap()
}

fn invoice(told: Value) -> Invoice {
    serde_json::from_value(told).unwrap()
}

#[test]
fn a_license_is_the_plan_with_its_price_in_the_digits_told() {
    let account = account(json!({
        "currentPlanId": "7ab97bcd", "planName": "Business Pro", "seatsAllowed": "25", "seatsInUse": 6,
        "currencyCode": "USD", "suspensionStatus": "",
    }));
    let paid = plan(json!({
        "perSeatPrice": "456.0000",
        "planFeatureSets": [{"featureSetId": "f0c1", "name": "Sending", "isEnabled": "True"},
            {"featureSetId": "f0c2", "name": "Bulk", "isEnabled": "false"}, {"name": "New"}],
    }));
    let told = license(&account, Some(&paid));
    let written = serde_json::to_string(&told).unwrap();
    assert!(written.contains("\"unit_amount\":456.0000,\"is_paid\":true"), "{written}");
    let products = json!([
        {"id": "f0c1", "name": "Sending", "status": "active"}, {"id": "f0c2", "name": "Bulk", "status": "inactive"},
        {"id": null, "name": "New", "status": null},
    ]);
    assert_eq!(serde_json::to_value(&told.products).unwrap(), products);
    let want = json!({
        "id": "7ab97bcd", "name": "Business Pro", "available_quantity": 25, "assigned_quantity": 6,
        "unit_amount": null, "is_paid": null, "currency": "USD", "status": "active", "products": [],
    });
    assert_eq!(serde_json::to_value(license(&account, None)).unwrap(), want);
    let free = plan(json!({"perSeatPrice": "0.0000", "planFeatureSets": {}}));
    assert_eq!(license(&account, Some(&free)).is_paid, Some(false));
}

#[test]
fn a_license_is_inactive_while_its_account_is_suspended() {
    for (told, want) in [
        (json!(""), "active"),
        (json!(null), "active"),
        (json!("false"), "active"),
        (json!("None"), "active"),
        (json!("suspended"), "inactive"),
        (json!(true), "inactive"),
    ] {
        let license = license(&account(json!({"suspensionStatus": told, "seatsAllowed": "unlimited"})), None);
        assert_eq!((license.status, license.available_quantity), (want, None), "{told}");
    }
}

#[test]
fn an_invoice_keeps_its_amounts_as_told_and_adds_taxes_by_their_digits() {
    let told = invoice(json!({
        "invoiceId": "i-1", "invoiceNumber": "000100012", "amount": "1,498.1800", "dueDate": "2026-11-20T00:00:00.0000000Z",
        "invoiceItems": [{"chargeName": "seats", "taxAmount": "42.1800"},
            {"chargeName": "id_check", "taxAmount": "0.1"}],
    }));
    let account = account(json!({
        "billingPeriodStartDate": "2026-11-20T00:00:00.0000000Z", "billingPeriodEndDate": "2026-12-20T00:00:00.0000000Z",
    }));
    let paid = plan(json!({"paymentCycle": "annually", "currencyCode": "USD"}));
    let want = json!({
        "id": "i-1", "description": "seats, id_check", "billing_frequency": "yearly", "currency": "USD",
        "total_amount": "1,498.1800", "tax_amount": "42.2800", "start_date": "2026-11-20T00:00:00Z",
        "end_date": "2026-12-20T00:00:00Z",
    });
    assert_eq!(serde_json::to_value(billing(&told, &paid, &account)).unwrap(), want);
}

#[test]
fn what_is_not_known_of_an_invoice_is_null() {
    let account = account(json!({
        "billingPeriodStartDate": "2026-11-20T00:00:00Z", "billingPeriodEndDate": "2026-12-20T00:00:00Z",
    }));
    for (due, under_way) in [
        ("2026-11-19T23:59:59Z", false),
        ("2026-12-19T23:59:59Z", true),
        ("2026-12-20T00:00:00Z", false),
        ("0001-01-01T08:00:00.0000000Z", false),
        ("11/20/2026 12:00:00 am", false),
    ] {
        let items = json!([{"taxAmount": "1.00"}, {"taxAmount": "$2"}]);
        let told = invoice(json!({"amount": 7, "dueDate": due, "invoiceItems": items}));
        let told = billing(&told, &plan(json!({"paymentCycle": "Quarterly"})), &account);
        assert_eq!((told.start_date.is_some(), told.end_date.is_some()), (under_way, under_way), "{due}");
        assert_eq!((told.tax_amount, told.total_amount.as_deref()), (None, Some("7")));
        assert_eq!(told.billing_frequency.as_deref(), Some("Quarterly"));
    }
    let told = billing(&invoice(json!({"invoiceItems": {}})), &Plan::default(), &Account::default());
    assert_eq!((told.tax_amount, told.description, told.start_date), (None, None, None));
}

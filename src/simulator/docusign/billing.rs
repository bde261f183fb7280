//! The account itself, its plan, what it is charged for and its invoices: for its administrators alone.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::simulator::estate::{Estate, MemberStatus};
use crate::simulator::shape::seven_digits;

use super::envelopes::{account, date};
use super::errors::{Answer, ApiError};
use super::page::{Query, given, says};
use super::{Shared, lock};

const PLAN_ID: &str = "7ab97bcd-5c1e-4b8b-9d1c-02f2a0c9a3f1";
const PLAN: &str = "Business Pro";
const SEATS: usize = 25;
const SEAT_PRICE: &str = "456.0000";
/// Days of a billing period.
const PERIOD_DAYS: i64 = 30;
/// Invoices that are kept, one a period.
const INVOICES_KEPT: usize = 24;

fn days(from: Timestamp, days: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(from)
}

/// How the account stands at a moment.
struct Standing {
    founded: Timestamp,
    now: Timestamp,
    /// Periods that are over.
    periods: i64,
    /// When the period under way began.
    began: Timestamp,
    /// Envelopes sent in it.
    sent: usize,
    seats_in_use: usize,
}

impl Standing {
    fn of(shared: &Shared, named: &str) -> Result<(Uuid, String, Self), ApiError> {
        let id = account(shared, named)?;
        let now = shared.clock.now();
        let world = lock(&shared.world);
        let estate: &Estate = world.estate(id).ok_or_else(ApiError::no_such_account)?;
        let name = world.account(id).map(|account| account.name.clone()).unwrap_or_default();
        let old = now.duration_since(estate.founded).as_hours() / 24;
        let periods = old.div_euclid(PERIOD_DAYS);
        let began = days(estate.founded, periods * PERIOD_DAYS);
        let sent = world.envelopes(id).filter(|e| e.initial_sent_at.is_some_and(|at| at >= began)).count();
        let seats_in_use = estate.users.iter().filter(|user| user.status == MemberStatus::Active).count();
        Ok((id, name, Self { founded: estate.founded, now, periods, began, sent, seats_in_use }))
    }

    fn ends(&self) -> Timestamp {
        days(self.began, PERIOD_DAYS)
    }
}

/// `GET …/accounts/{account}`: what every user sees.
pub(super) async fn get(
    path: web::Path<String>,
    query: web::Query<Query>,
    shared: web::Data<Shared>,
) -> Answer {
    let (id, name, standing) = Standing::of(&shared, &path)?;
    let left = standing.ends().duration_since(standing.now).as_hours() / 24;
    let mut account = json!({
        "accountIdGuid": id, "accountName": name, "createdDate": seven_digits(standing.founded),
        "currentPlanId": PLAN_ID, "planName": PLAN, "planClassification": "business",
        "planStartDate": seven_digits(standing.founded), "planEndDate": seven_digits(days(standing.founded, 3_650)),
        "seatsAllowed": SEATS.to_string(), "seatsInUse": standing.seats_in_use.to_string(),
        "billingPeriodStartDate": seven_digits(standing.began), "billingPeriodEndDate": seven_digits(standing.ends()),
        "billingPeriodDaysRemaining": left.to_string(), "billingPeriodEnvelopesAllowed": "unlimited",
        "billingPeriodEnvelopesSent": standing.sent.to_string(), "envelopeUnitPrice": "0.0000",
        "envelopeSendingBlocked": "false", "currencyCode": "USD", "suspensionStatus": "", "suspensionDate": "",
        "canUpgrade": "true", "isDowngrade": "false", "paymentMethod": "credit_card", "billingProfile": "external",
        "connectPermission": "admin", "status21CFRPart11": "disabled", "distributorCode": "SIMULATED",
        "docuSignLandingUrl": "", "forgottenPasswordQuestionsCount": "1", "allowTransactionRooms": "false",
        "externalAccountId": "", "recipientDomains": [],
    });
    if says(&query, "include_account_settings") {
        account["accountSettings"] = json!({"allowBulkSend": "true", "allowInPerson": "true"});
    }
    Ok(HttpResponse::Ok().json(account))
}

/// `GET …/billing_plan`.
pub(super) async fn plan(
    path: web::Path<String>,
    query: web::Query<Query>,
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Answer {
    shared.only_administrators(&request, &path)?;
    let (_, name, standing) = Standing::of(&shared, &path)?;
    let feature = |id: &str, name: &str| {
        json!({
            "featureSetId": id, "name": name, "isActive": "true", "isEnabled": "true", "is21CFRPart11": "false",
            "envelopeFee": "0.0000", "fixedFee": "0.0000", "seatFee": "0.0000", "currencyFeatureSetPrices": [],
        })
    };
    let owner =
        shared.with_estate(&path, |_, estate| estate.users.first().map(|user| user.person.clone()))?;
    let owner_mail = owner.map(|owner| owner.email).unwrap_or_default();
    let mut told = json!({
        "billingPlan": {
            "planId": PLAN_ID, "planName": PLAN, "planClassification": "business", "paymentCycle": "Annually",
            "paymentMethod": "CreditCard", "perSeatPrice": SEAT_PRICE, "otherDiscountPercent": "0.00",
            "supportIncidentFee": "0.0000", "supportPlanFee": "0.0000", "includedSeats": SEATS.to_string(),
            "incrementalSeats": "0", "enableSupport": "true", "currencyCode": "USD", "renewalStatus": "auto",
            "renewalDate": seven_digits(standing.ends()), "canCancelRenewal": "false", "canUpgrade": "true",
            "planStartDate": seven_digits(standing.founded), "subscriptionStartDate": seven_digits(standing.founded),
            "planFeatureSets": [feature("f0c1", "Sending"), feature("f0c2", "Signing groups")],
            "seatDiscounts": [{"beginSeatCount": "10", "endSeatCount": "50", "discountPercent": "0.0500"}],
            "addOns": [], "isDowngrade": "false", "notificationType": "email", "productId": "SIM-1",
        },
        "paymentMethod": "CreditCard", "billingAddressIsCreditCardAddress": "false", "taxExemptId": "",
        "billingAddress": {
            "firstName": "", "lastName": name, "address1": "1 Quay Street", "address2": "", "city": "Springfield",
            "state": "OR", "postalCode": "97475", "country": "US", "phone": "", "fax": "", "email": owner_mail,
        },
    });
    if query.get("include_successor_plans").is_none_or(|word| word != "false") {
        told["successorPlans"] = json!([{
            "planId": "1f0e8a52-77c9-4e53-8f0a-6a3c5b0d9e11", "planName": "Enterprise Pro", "paymentCycle": "Annually",
            "perSeatPrice": "720.0000", "includedSeats": "0", "enableSupport": "true",
            "planClassification": "enterprise",
        }]);
    }
    Ok(HttpResponse::Ok().json(told))
}

/// `GET …/billing_charges`.
pub(super) async fn charges(
    path: web::Path<String>,
    query: web::Query<Query>,
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Answer {
    shared.only_administrators(&request, &path)?;
    let (_, _, standing) = Standing::of(&shared, &path)?;
    let charge = |name: &str, unit: &str, allowed: &str, included: usize, used: usize, price: &str| {
        json!({
            "chargeName": name, "chargeType": if unit == "seat" { "fixed" } else { "per_use" },
            "chargeUnitOfMeasure": unit, "allowedQuantity": allowed, "includedQuantity": included.to_string(),
            "usedQuantity": used.to_string(), "incrementalQuantity": used.saturating_sub(included).to_string(),
            "unitPrice": price, "blocked": "false", "discounts": [], "lastEffectiveDate": "",
            "firstEffectiveDate": seven_digits(standing.began),
            "prices": [{"beginQuantity": "0", "endQuantity": "999999", "unitPrice": price}],
        })
    };
    let seats = charge("seats", "seat", &SEATS.to_string(), SEATS, standing.seats_in_use, SEAT_PRICE);
    let envelopes = charge("envelopes", "envelope", "unlimited", 100, standing.sent, "0.0000");
    let messages = charge("sms_authentications", "usage", "0", 0, 0, "0.5000");
    let wanted = given(&query, "include_charges");
    let all = [seats, envelopes, messages].into_iter().filter(|charge| {
        wanted.is_none_or(|list| list.split(',').any(|own| charge["chargeName"] == own.trim()))
    });
    Ok(HttpResponse::Ok().json(json!({"billingChargeItems": all.collect::<Vec<_>>()})))
}

fn invoice(account: Uuid, number: i64, due: Timestamp) -> Value {
    let id = Uuid::from_u128(account.as_u128() ^ ((0x1_0000 + number.unsigned_abs()) as u128) << 64);
    json!({
        "invoiceId": id, "invoiceNumber": format!("{:09}", 100_000 + number), "amount": "498.1800",
        "taxableAmount": "456.0000", "nonTaxableAmount": "0.0000", "balance": "0.0000", "pdfAvailable": "true",
        "dueDate": seven_digits(due), "invoiceUri": format!("/billing_invoices/{id}"),
        "invoiceItems": [{
            "invoiceItemId": Uuid::from_u128(id.as_u128() ^ 1), "chargeName": "seats", "quantity": "1",
            "unitPrice": SEAT_PRICE, "chargeAmount": SEAT_PRICE, "taxAmount": "42.1800", "taxExemptAmount": "0.0000",
        }],
    })
}

/// `GET …/billing_invoices`: newest first, of the last 365 days where nobody says.
pub(super) async fn invoices(
    path: web::Path<String>,
    query: web::Query<Query>,
    request: HttpRequest,
    shared: web::Data<Shared>,
) -> Answer {
    shared.only_administrators(&request, &path)?;
    let (account, _, standing) = Standing::of(&shared, &path)?;
    let asked = |name: &str| given(&query, name).map(|text| date(name, text)).transpose();
    let from = asked("from_date")?.unwrap_or(days(standing.now, -365));
    let to = asked("to_date")?.unwrap_or(standing.now);
    let due = |number: i64| days(standing.founded, number * PERIOD_DAYS);
    let kept = (0..=standing.periods).rev().take(INVOICES_KEPT).map(|number| (number, due(number)));
    let all = kept.filter(|(_, due)| *due >= from && *due <= to);
    let all: Vec<Value> = all.map(|(number, due)| invoice(account, number, due)).collect();
    Ok(HttpResponse::Ok().json(json!({"billingInvoices": all, "nextUri": "", "previousUri": ""})))
}
